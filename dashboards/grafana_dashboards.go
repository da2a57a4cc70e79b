package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/grafana-tools/sdk"
)

// held is a dashboard as Grafana has it.
type held struct {
	raw         json.RawMessage
	tags        []string
	id, version int
	folderUID   string
	provisioned bool // it comes from a file and cannot be written
}

// dashboard returns what Grafana has under a uid. The SDK's call knows neither
// the folder's uid nor whether it is provisioned.
func (g grafana) dashboard(ctx context.Context, uid string) (held, error) {
	var answer struct {
		Dashboard json.RawMessage
		Meta      struct {
			FolderUID   string
			Version     int
			Provisioned bool
		}
	}
	if err := g.call(ctx, http.MethodGet, "api/dashboards/uid/"+uid, nil, nil, &answer); err != nil {
		return held{}, err
	}
	var about struct {
		ID   int
		Tags []string
	}
	if err := json.Unmarshal(answer.Dashboard, &about); err != nil {
		return held{}, fmt.Errorf("read what Grafana has: %w", err)
	}
	return held{
		raw: answer.Dashboard, tags: about.Tags, id: about.ID, version: answer.Meta.Version,
		folderUID: answer.Meta.FolderUID, provisioned: answer.Meta.Provisioned,
	}, nil
}

// save writes a dashboard in place of the version that have is, the zero value
// for none. When it was changed since, Grafana refuses with 412; so it does
// when the folder holds another one of the title. Overwriting, which the SDK's
// call does, would replace both.
func (g grafana) save(ctx context.Context, d Dashboard, folderUID, message string, have held) (version int, err error) {
	var doc map[string]any
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		return 0, fmt.Errorf("read the dashboard: %w", err)
	}
	doc["id"], doc["version"] = nil, have.version
	if have.id != 0 {
		doc["id"] = have.id
	}
	var answer struct{ Version int }
	err = g.call(ctx, http.MethodPost, "api/dashboards/db", nil, map[string]any{
		"dashboard": doc, "folderUid": folderUID, "message": message, "overwrite": false,
	}, &answer)
	return answer.Version, err
}

// saved is an entry of a dashboard's history.
type saved struct {
	Version   int
	Created   time.Time
	CreatedBy string
	Message   string
}

// history returns the newest versions of a dashboard, the newest first.
func (g grafana) history(ctx context.Context, uid string) ([]saved, error) {
	const enough = 20 // what Grafana keeps unless it was told otherwise
	var answer json.RawMessage
	if err := g.call(ctx, http.MethodGet, "api/dashboards/uid/"+uid+"/versions", url.Values{"limit": {strconv.Itoa(enough)}}, nil, &answer); err != nil {
		return nil, fmt.Errorf("read its history: %w", err)
	}
	var list []saved
	if err := json.Unmarshal(answer, &list); err != nil { // since 11.6 it is in an object
		var paged struct{ Versions []saved }
		if err := json.Unmarshal(answer, &paged); err != nil {
			return nil, fmt.Errorf("read its history: %w", err)
		}
		list = paged.Versions
	}
	slices.SortFunc(list, func(a, b saved) int { return b.Version - a.Version })
	return list, nil
}

// savedJSON returns a dashboard as it was in a version.
func (g grafana) savedJSON(ctx context.Context, uid string, version int) ([]byte, error) {
	var answer struct{ Data json.RawMessage }
	err := g.call(ctx, http.MethodGet, fmt.Sprintf("api/dashboards/uid/%s/versions/%d", uid, version), nil, nil, &answer)
	if err != nil {
		return nil, fmt.Errorf("read version %d: %w", version, err)
	}
	return answer.Data, nil
}

// tagged lists the dashboards that have our tag.
func (g grafana) tagged(ctx context.Context) ([]sdk.FoundBoard, error) {
	return g.Search(ctx, sdk.SearchType(sdk.SearchTypeDashboard), sdk.SearchTag(tag), sdk.SearchLimit(5000))
}
