package dashboards

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/grafana-tools/sdk"
)

// Delete removes what Apply makes, whatever of it is there, and tells report of
// each; with dry it only tells. Teams stay, because somebody is in them, and
// folders that hold something of others. What comes from a file of Grafana's
// provisioning stays too.
func Delete(ctx context.Context, c Config, dry bool, report func(Step)) error {
	c.ContactPoints, c.Teams = nil, nil
	g, err := connect(c)
	if err != nil {
		return err
	}
	defer g.close()
	r := newRun(g, c, dry, report)
	for _, part := range []func(context.Context) error{
		r.deleteAlerting, r.deleteDashboards, r.deleteFolders, r.deleteDataSources,
	} {
		if err := part(ctx); err != nil {
			return errors.Join(append(r.failed, err)...)
		}
	}
	return errors.Join(r.failed...)
}

// removing plans to remove something that may be gone already.
func removing(do func(context.Context) error) (change, error) {
	return change{action: Remove, do: func(ctx context.Context) (string, error) {
		err := do(ctx)
		if answered(err, http.StatusNotFound) {
			err = nil
		}
		return "", err
	}}, nil
}

func (r *run) deleteAlerting(ctx context.Context) error {
	rules, err := r.alertRules(ctx)
	if err != nil {
		return fmt.Errorf("look for alert rules: %w", err)
	}
	for _, have := range rules {
		if !isOurRule(have) {
			continue
		}
		err := r.step(ctx, "alert rule "+have.Title, func(context.Context) (change, error) {
			if have.Provenance == fromFile {
				return change{action: Keep, note: "it comes from a file"}, nil
			}
			return removing(func(ctx context.Context) error {
				return r.writeAlerting(ctx, http.MethodDelete, rulesPath+"/"+have.UID, have.Provenance, nil)
			})
		})
		if err != nil {
			return err
		}
	}
	if err := r.step(ctx, "notification policy of alarms", r.planRoute); err != nil { // without contact points it has none
		return err
	}
	ways, err := r.receivers(ctx)
	if err != nil {
		return fmt.Errorf("look for contact points: %w", err)
	}
	for _, way := range ways {
		if !isOurReceiver(way) {
			continue
		}
		if err := r.step(ctx, fmt.Sprintf("contact point %s (%s)", way.Name, way.Type), func(context.Context) (change, error) { return r.planUnwanted(way) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) deleteDashboards(ctx context.Context) error {
	found, err := r.tagged(ctx)
	if err != nil {
		return fmt.Errorf("look for dashboards: %w", err)
	}
	for _, f := range found {
		if !isOurs(f.UID, f.Tags) {
			continue
		}
		err := r.step(ctx, named(f.Title, f.UID), func(ctx context.Context) (change, error) {
			have, err := r.dashboard(ctx, f.UID)
			if err != nil {
				return change{}, err
			}
			if have.provisioned {
				return change{action: Keep, note: "it comes from a file"}, nil
			}
			return removing(func(ctx context.Context) error {
				_, err := r.DeleteDashboardByUID(ctx, f.UID)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteFolders removes our folders, those of municipalities that are not in
// the configuration any more too, unless they hold something of others, which
// Grafana would remove with them.
func (r *run) deleteFolders(ctx context.Context) error {
	all, err := r.GetAllFolders(ctx, sdk.Limit(1000))
	if err != nil {
		return fmt.Errorf("look for folders: %w", err)
	}
	for _, f := range all {
		if f.UID != FolderUID && !strings.HasPrefix(f.UID, FolderUID+"-") {
			continue
		}
		if err := r.step(ctx, "folder "+f.Title, func(ctx context.Context) (change, error) { return r.planFolderless(ctx, f) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) planFolderless(ctx context.Context, f sdk.Folder) (change, error) {
	var inside []sdk.FoundBoard
	err := r.call(ctx, http.MethodGet, "api/search", url.Values{"type": {"dash-db"}, "folderIds": {fmt.Sprint(f.ID)}, "folderUIDs": {f.UID}, "limit": {"5000"}}, nil, &inside)
	if err != nil {
		return change{}, err
	}
	for _, d := range inside {
		if isOurs(d.UID, d.Tags) && r.dry {
			continue
		}
		if _, err := r.dashboard(ctx, d.UID); !answered(err, http.StatusNotFound) { // the search of Grafana 12 lags behind
			return change{action: Keep, note: fmt.Sprintf("it holds a dashboard %q (%s)", d.Title, d.UID)}, nil
		}
	}
	rules, err := r.alertRules(ctx)
	if err != nil {
		return change{}, err
	}
	for _, rule := range rules {
		if rule.FolderUID == f.UID && (!isOurRule(rule) || !r.dry) {
			return change{action: Keep, note: fmt.Sprintf("it holds an alert rule %q", rule.Title)}, nil
		}
	}
	return removing(func(ctx context.Context) error {
		_, err := r.DeleteFolderByUID(ctx, f.UID)
		return err
	})
}

func (r *run) deleteDataSources(ctx context.Context) error {
	for _, s := range r.cfg.InfluxDB.sources() {
		if err := r.step(ctx, "data source "+s.name, func(ctx context.Context) (change, error) { return r.planSourceless(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) planSourceless(ctx context.Context, s source) (change, error) {
	path := "api/datasources/uid/" + s.uid
	var have sdk.Datasource
	err := r.call(ctx, http.MethodGet, path, nil, nil, &have)
	switch {
	case answered(err, http.StatusNotFound):
		return change{action: Keep, note: "there is none of ours"}, nil
	case err != nil:
		return change{}, err
	case have.ReadOnly != nil && *have.ReadOnly:
		return change{action: Keep, note: "it comes from a file"}, nil
	}
	return removing(func(ctx context.Context) error { return r.call(ctx, http.MethodDelete, path, nil, nil, nil) })
}
