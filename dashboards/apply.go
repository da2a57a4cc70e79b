package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/grafana-tools/sdk"

	"modellregion/internal/influx"
)

// Config says to which Grafana the dashboards go and where that finds its data.
type Config struct {
	URL            string // of Grafana: "https://grafana.example.org"
	Token          string // of a service account with the role Admin, which data sources need; or
	User, Password string // of an administrator
	PublicURL      string // see Options
	InfluxDB       InfluxDB
}

// InfluxDB is the database as Grafana reaches it.
type InfluxDB struct {
	URL                string // "http://influxdb:8086"
	Database           string // empty is bucket raw
	Username, Password string // of a user who may read
}

// Apply makes the folder, the data source and the dashboards in Grafana be as
// the code says, and tells report a line for each. It writes only what
// differs, so that applying again changes nothing, and after a failure it can
// be repeated. It never touches a dashboard with another uid. The error says
// which part failed and what Grafana answered.
func Apply(ctx context.Context, c Config, report func(line string)) error {
	g, err := connect(c)
	if err != nil {
		return err
	}
	folder, err := g.folder(ctx, report)
	if err != nil {
		return fmt.Errorf("apply folder %s: %w", FolderTitle, err)
	}
	source, err := g.dataSource(ctx, c.InfluxDB, report)
	if err != nil {
		return fmt.Errorf("apply data source %s: %w", DataSourceName, err)
	}
	all, err := All(Options{DataSourceUID: source, PublicURL: c.PublicURL})
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := g.dashboard(ctx, d, folder, report); err != nil {
			return fmt.Errorf("apply dashboard %s (%s): %w", d.Title, d.UID, err)
		}
	}
	return nil
}

// folder returns the number of the folder, creating it where it is missing. A
// folder of the title under another uid is used as it is: Grafana allows no
// second one.
func (g grafana) folder(ctx context.Context, report func(string)) (int, error) {
	f, err := g.GetFolderByUID(ctx, FolderUID)
	if err == nil {
		report("folder " + FolderTitle + ": unchanged")
		return f.ID, nil
	}
	if !answered(err, http.StatusNotFound) {
		return 0, err
	}
	all, err := g.GetAllFolders(ctx, sdk.Limit(1000))
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		if f.Title == FolderTitle {
			report("folder " + FolderTitle + ": unchanged, with uid " + f.UID)
			return f.ID, nil
		}
	}
	f, err = g.CreateFolder(ctx, sdk.Folder{UID: FolderUID, Title: FolderTitle})
	if err != nil {
		return 0, err
	}
	report("folder " + FolderTitle + ": created")
	return f.ID, nil
}

// dataSource returns the uid of the data source of our name. Grafana does not
// show the password it holds, so whether that still is the right one is asked
// of InfluxDB, through Grafana.
func (g grafana) dataSource(ctx context.Context, db InfluxDB, report func(string)) (string, error) {
	want := settings(db)
	have, err := g.GetDatasourceByName(ctx, DataSourceName)
	switch {
	case answered(err, http.StatusNotFound):
		if _, err := g.CreateDatasource(ctx, want); err != nil {
			return "", err
		}
		if have, err = g.GetDatasourceByName(ctx, DataSourceName); err != nil {
			return "", err
		}
		report("data source " + DataSourceName + ": created")
	case err != nil:
		return "", err
	case same(have, want) && g.query(ctx, have.ID, *want.Database) == nil:
		report("data source " + DataSourceName + ": unchanged")
		return have.UID, nil
	case have.ReadOnly != nil && *have.ReadOnly:
		return "", errors.New("it comes from a file of Grafana's provisioning, has other settings or does not work, and cannot be changed over the API")
	default:
		want.ID, want.UID, want.IsDefault = have.ID, have.UID, have.IsDefault
		if _, err := g.UpdateDatasource(ctx, want); err != nil {
			return "", err
		}
		report("data source " + DataSourceName + ": updated")
	}
	if err := g.query(ctx, have.ID, *want.Database); err != nil {
		return "", fmt.Errorf("written, but Grafana cannot query InfluxDB at %s with it: %w", db.URL, err)
	}
	return have.UID, nil
}

// settings are what the data source should be. Grafana before 10 needs the
// database at the top, later ones in jsonData; the password is only taken from
// secureJsonData.
func settings(db InfluxDB) sdk.Datasource {
	if db.Database == "" {
		db.Database = influx.Raw
	}
	return sdk.Datasource{
		UID:      DataSourceUID,
		Name:     DataSourceName,
		Type:     "influxdb",
		Access:   "proxy",
		URL:      db.URL,
		Database: &db.Database,
		User:     &db.Username,
		JSONData: map[string]any{
			"dbName":   db.Database,
			"httpMode": http.MethodPost, // a choice of many stations outgrows a URL
		},
		SecureJSONData: map[string]any{"password": db.Password},
	}
}

// same reports whether a data source has the settings wanted, apart from the
// password and from settings that we leave to Grafana.
func same(have, want sdk.Datasource) bool {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	if have.Type != want.Type || have.Access != want.Access || have.URL != want.URL ||
		text(have.Database) != text(want.Database) || text(have.User) != text(want.User) {
		return false
	}
	extra, _ := have.JSONData.(map[string]any)
	for key, value := range want.JSONData.(map[string]any) {
		if extra[key] != value {
			return false
		}
	}
	return true
}

// dashboard writes d unless Grafana has it already, in the folder.
func (g grafana) dashboard(ctx context.Context, d Dashboard, folder int, report func(string)) error {
	have, about, err := g.GetRawDashboardByUID(ctx, d.UID)
	missing := answered(err, http.StatusNotFound)
	if err != nil && !missing {
		return err
	}
	if !missing && about.FolderID == folder {
		if equal, err := equalDashboards(have, d.JSON); err != nil {
			return err
		} else if equal {
			report(fmt.Sprintf("dashboard %s: unchanged, version %d", d.Title, about.Version))
			return nil
		}
	}
	if err := g.titleFree(ctx, d, folder); err != nil {
		return err
	}
	answer, err := g.SetRawDashboardWithParam(ctx, sdk.RawBoardRequest{
		Dashboard:  d.JSON,
		Parameters: sdk.SetDashboardParams{FolderID: folder, Overwrite: true},
	})
	if err != nil {
		return err
	}
	version := 0
	if answer.Version != nil {
		version = *answer.Version
	}
	if missing {
		report(fmt.Sprintf("dashboard %s: created, version %d", d.Title, version))
	} else {
		report(fmt.Sprintf("dashboard %s: updated, version %d", d.Title, version))
	}
	return nil
}

// titleFree refuses to go on when the folder holds another dashboard of that
// title: overwriting would replace that one, under its own uid.
func (g grafana) titleFree(ctx context.Context, d Dashboard, folder int) error {
	found, err := g.Search(ctx, sdk.SearchType(sdk.SearchTypeDashboard), sdk.SearchFolderID(folder), sdk.SearchQuery(d.Title))
	if err != nil {
		return fmt.Errorf("look for dashboards of that title: %w", err)
	}
	for _, other := range found {
		if other.Title == d.Title && other.UID != d.UID {
			return fmt.Errorf("the folder holds another dashboard of that title, with uid %s: rename, move or delete it", other.UID)
		}
	}
	return nil
}

// equalDashboards compares what is written with what is to be, without the
// number and version that Grafana gives.
func equalDashboards(have, want []byte) (bool, error) {
	var h, w map[string]any
	if err := json.Unmarshal(have, &h); err != nil {
		return false, fmt.Errorf("read what Grafana has: %w", err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		return false, err
	}
	for _, m := range []map[string]any{h, w} {
		delete(m, "id")
		delete(m, "version")
	}
	return reflect.DeepEqual(h, w), nil
}
