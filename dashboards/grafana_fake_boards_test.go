package dashboards

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (f *fake) find(uid string) *fakeBoard {
	for _, d := range f.dashboards {
		if d.doc()["uid"] == uid {
			return d
		}
	}
	return nil
}

// edit changes a dashboard as somebody in Grafana's pages does.
func (f *fake) edit(uid string, change func(doc map[string]any)) {
	b := f.find(uid)
	raw, err := json.Marshal(b.doc())
	if err != nil {
		panic(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		panic(err)
	}
	change(doc)
	b.versions = append(b.versions, fakeVersion{doc: doc, by: "erika"})
}

func (f *fake) getDashboard(w http.ResponseWriter, r *http.Request) {
	d := f.find(r.PathValue("uid"))
	if d == nil {
		say(w, 404, "Dashboard not found")
		return
	}
	answerJSON(w, 200, map[string]any{"dashboard": d.shown(), "meta": map[string]any{
		"version": len(d.versions), "folderUid": d.folder, "provisioned": d.provisioned,
	}})
}

func (f *fake) deleteDashboard(w http.ResponseWriter, r *http.Request) {
	d := f.find(r.PathValue("uid"))
	switch {
	case d == nil:
		say(w, 404, "Dashboard not found")
	case d.provisioned:
		say(w, 400, "provisioned dashboard cannot be deleted")
	default:
		f.dashboards = slices.DeleteFunc(f.dashboards, func(b *fakeBoard) bool { return b == d })
		say(w, 200, "Dashboard deleted")
	}
}

func (f *fake) getVersions(w http.ResponseWriter, r *http.Request) {
	d := f.find(r.PathValue("uid"))
	if d == nil {
		say(w, 404, "Dashboard not found")
		return
	}
	all := []map[string]any{}
	for i, v := range d.versions {
		all = append(all, map[string]any{
			"version": i + 1, "message": v.message, "createdBy": v.by, "created": time.Date(2026, 11, 23, 10, i, 0, 0, time.UTC),
		})
	}
	slices.Reverse(all)
	if f.pagedHistory {
		answerJSON(w, 200, map[string]any{"continueToken": "", "versions": all})
		return
	}
	answerJSON(w, 200, all)
}

func (f *fake) getVersion(w http.ResponseWriter, r *http.Request) {
	d := f.find(r.PathValue("uid"))
	n, _ := strconv.Atoi(r.PathValue("nr"))
	if d == nil || n < 1 || n > len(d.versions) {
		say(w, 404, "Dashboard version not found")
		return
	}
	answerJSON(w, 200, map[string]any{"version": n, "data": d.versions[n-1].doc})
}

// postDashboard answers as Grafana does: of a dashboard that is there the
// version has to be named, and a title is there once in a folder.
func (f *fake) postDashboard(w http.ResponseWriter, r *http.Request) {
	var v struct {
		Dashboard map[string]any `json:"dashboard"`
		FolderUID string         `json:"folderUid"`
		Message   string         `json:"message"`
		Overwrite bool           `json:"overwrite"`
	}
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		say(w, 400, "bad request data")
		return
	}
	uid, _ := v.Dashboard["uid"].(string)
	title, _ := v.Dashboard["title"].(string)
	d := f.find(uid)
	if status, message, reason := f.refuse(d, uid, title, v.FolderUID, v.Dashboard["version"], v.Overwrite); status != 0 {
		answerJSON(w, status, map[string]any{"message": message, "status": reason})
		return
	}
	if d == nil {
		d = &fakeBoard{id: len(f.dashboards) + 1}
		f.dashboards = append(f.dashboards, d)
	}
	if f.normalise != nil {
		f.normalise(v.Dashboard)
	}
	delete(v.Dashboard, "id")
	d.folder = v.FolderUID
	d.versions = append(d.versions, fakeVersion{v.Dashboard, v.Message, "sa-modellregion"})
	answerJSON(w, 200, map[string]any{"id": d.id, "uid": uid, "version": len(d.versions), "status": "success"})
}

func (f *fake) refuse(d *fakeBoard, uid, title, folder string, version any, overwrite bool) (status int, message, reason string) {
	switch {
	case title == "":
		return 400, "Dashboard title cannot be empty", ""
	case len(uid) > 40:
		return 400, "uid too long, max 40 characters", ""
	case folder != "" && with(f.folders, "uid", folder) < 0:
		return 404, "folder not found", ""
	case d != nil && d.provisioned:
		return 400, "Cannot save provisioned dashboard", ""
	case d != nil && !overwrite && fmt.Sprint(version) != strconv.Itoa(len(d.versions)):
		return 412, "The dashboard has been changed by someone else", "version-mismatch"
	}
	for _, other := range f.dashboards {
		if other != d && other.folder == folder && other.doc()["title"] == title && !overwrite {
			return 412, "A dashboard with the same name in the folder already exists", "name-exists"
		}
	}
	return 0, "", ""
}

func (f *fake) search(w http.ResponseWriter, r *http.Request) {
	found := []map[string]any{}
	for _, d := range f.dashboards {
		title, _ := d.doc()["title"].(string)
		tags := members(d.doc()["tags"])
		i := with(f.folders, "uid", d.folder)
		fits := strings.Contains(strings.ToLower(title), strings.ToLower(r.FormValue("query")))
		for _, wanted := range r.Form["tag"] {
			fits = fits && slices.Contains(tags, any(wanted))
		}
		if id := r.FormValue("folderIds"); id != "" {
			fits = fits && i >= 0 && fmt.Sprint(f.folders[i]["id"]) == id
		}
		if fits {
			found = append(found, map[string]any{"uid": d.doc()["uid"], "title": title, "tags": tags, "type": "dash-db", "folderUid": d.folder})
		}
	}
	answerJSON(w, 200, found)
}
