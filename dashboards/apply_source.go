package dashboards

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/grafana-tools/sdk"

	"modellregion/internal/influx"
)

// source is a data source that there is to be.
type source struct {
	uid, name string
	database  string // bucket
}

// sources are the data sources, one for each bucket.
func (db InfluxDB) sources() []source {
	return []source{
		{DataSourceUID, DataSourceName, cmp.Or(db.Database, influx.Raw)},
		{OpenDataSourceUID, OpenDataSourceName, cmp.Or(db.OpenDatabase, influx.Open)},
	}
}

// applyDataSources makes the data sources be as c says.
func (r *run) applyDataSources(ctx context.Context) error {
	for _, s := range r.cfg.InfluxDB.sources() {
		if err := r.must(ctx, "data source "+s.name, func(ctx context.Context) (change, error) { return r.dataSource(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}

// dataSource finds what is to be done about a data source. Grafana does not
// show the password it holds, so whether that still is the right one is asked
// of InfluxDB, through Grafana. One of our name under another uid is used when
// it serves, and left as it is.
func (r *run) dataSource(ctx context.Context, s source) (change, error) {
	want := s.settings(r.cfg.InfluxDB)
	have, err := r.findSource(ctx, s)
	if answered(err, http.StatusNotFound) {
		return change{action: Create, do: func(ctx context.Context) (string, error) {
			if _, err := r.CreateDatasource(ctx, want); err != nil {
				return "", err
			}
			return r.proven(ctx, s)
		}}, nil
	}
	if err != nil {
		return change{}, err
	}
	r.found[s.uid] = have.UID
	works := r.query(ctx, have, s.database)
	differ := differences(shownSettings(have), shownSettings(want))
	if works != nil && len(differ) == 0 {
		differ = []string{fmt.Sprintf("the secret in it: InfluxDB does not answer (%v)", works)}
	}
	switch {
	case len(differ) == 0:
		return change{action: Keep, note: s.otherUID(have)}, nil
	case have.ReadOnly != nil && *have.ReadOnly:
		return change{}, fmt.Errorf("it comes from a file of Grafana's provisioning, and is not as it should be, which the API cannot change: %v", differ)
	case have.UID != s.uid && !r.cfg.TakeOver:
		return change{}, &foreign{fmt.Sprintf("one of that name with uid %s is not ours and is not as it should be: rename or delete it, or let it be taken over (%v)", have.UID, differ)}
	}
	return change{action: Update, note: s.otherUID(have), changes: differ, do: func(ctx context.Context) (string, error) {
		want.ID, want.UID, want.IsDefault = have.ID, have.UID, have.IsDefault
		if _, err := r.UpdateDatasource(ctx, want); err != nil {
			return "", err
		}
		return r.proven(ctx, s)
	}}, nil
}

// findSource returns the data source, or else the one of its name.
func (r *run) findSource(ctx context.Context, s source) (sdk.Datasource, error) {
	var have sdk.Datasource
	err := r.call(ctx, http.MethodGet, "api/datasources/uid/"+s.uid, nil, nil, &have)
	if answered(err, http.StatusNotFound) {
		return r.GetDatasourceByName(ctx, s.name)
	}
	return have, err
}

// proven asks through a data source that was just written.
func (r *run) proven(ctx context.Context, s source) (string, error) {
	have, err := r.findSource(ctx, s)
	if err != nil {
		return "", err
	}
	r.found[s.uid] = have.UID
	if err := r.query(ctx, have, s.database); err != nil {
		return "", fmt.Errorf("written, but Grafana cannot query database %s of InfluxDB at %s with it: %w", s.database, r.cfg.InfluxDB.URL, err)
	}
	return s.otherUID(have), nil
}

func (s source) otherUID(have sdk.Datasource) string {
	if have.UID == s.uid {
		return ""
	}
	return "with uid " + have.UID
}

var plainUID = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// query asks InfluxDB something small through a data source, as Grafana's
// pages do.
func (g grafana) query(ctx context.Context, s sdk.Datasource, database string) error {
	path := fmt.Sprintf("api/datasources/proxy/%d/query", s.ID)
	if plainUID.MatchString(s.UID) { // Grafana 9 finds no other, and later ones drop the number
		path = "api/datasources/proxy/uid/" + s.UID + "/query"
	}
	var answer struct {
		Error   string
		Results []struct{ Error string }
	}
	if err := g.call(ctx, http.MethodGet, path, url.Values{"db": {database}, "q": {"SHOW MEASUREMENTS LIMIT 1"}}, nil, &answer); err != nil {
		return err
	}
	for _, r := range answer.Results {
		answer.Error = cmp.Or(answer.Error, r.Error)
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}

// settings are what the data source should be. Grafana before 10 needs the
// database at the top, later ones in jsonData; secrets are only taken from
// secureJsonData. InfluxDB 2 and 3 know tokens by a header that Grafana's
// InfluxQL has no field for.
func (s source) settings(db InfluxDB) sdk.Datasource {
	visible := map[string]any{
		"dbName":   s.database,
		"version":  "InfluxQL",
		"httpMode": http.MethodPost, // a choice of many stations outgrows a URL
	}
	secret := map[string]any{"password": db.Password}
	if db.Token != "" {
		visible["httpHeaderName1"] = "Authorization"
		secret = map[string]any{"httpHeaderValue1": "Token " + db.Token}
	}
	return sdk.Datasource{
		UID: s.uid, Name: s.name, Type: "influxdb", Access: "proxy", URL: db.URL,
		Database: &s.database, User: &db.Username, JSONData: visible, SecureJSONData: secret,
	}
}

// shownSettings are the settings that we care for, as far as Grafana shows
// them; what an operator has set beside them is theirs.
func shownSettings(s sdk.Datasource) map[string]any {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	shown := map[string]any{
		"name": s.Name, "type": s.Type, "access": s.Access, "url": s.URL, "database": text(s.Database), "user": text(s.User),
	}
	extra, _ := s.JSONData.(map[string]any)
	for _, key := range []string{"dbName", "httpMode", "httpHeaderName1"} {
		if value, ok := extra[key]; ok {
			shown["jsonData."+key] = value
		}
	}
	if version, _ := extra["version"].(string); version != "" && version != "InfluxQL" {
		shown["jsonData.version"] = version // none is InfluxQL as well
	}
	return shown
}
