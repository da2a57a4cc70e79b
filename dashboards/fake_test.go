package dashboards

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fake is as much of Grafana's HTTP API as Apply uses, with the answers that
// Grafana 9.4 gives.
type fake struct {
	*httptest.Server
	token, login string // what it accepts: a token, "user:password"
	editor       bool   // the token's role is Editor, not Admin
	influxLogin  string // "user:password" that the database behind it accepts

	mu         sync.Mutex
	fail       func(method, path string) int // status to answer instead; 0 goes on
	writes     []string
	folders    []map[string]any
	sources    []map[string]any
	dashboards []*stored
}

type stored struct {
	folder, version int
	doc             map[string]any
}

func newFake(t *testing.T) *fake {
	f := &fake{token: "glsa_right", login: "admin:pass:word", influxLogin: "reader:secret"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sub/api/folders/{uid}", f.getFolder)
	mux.HandleFunc("GET /sub/api/folders", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, f.folders) })
	mux.HandleFunc("POST /sub/api/folders", f.postFolder)
	mux.HandleFunc("GET /sub/api/datasources/name/{name}", f.getSource)
	mux.HandleFunc("POST /sub/api/datasources", f.postSource)
	mux.HandleFunc("PUT /sub/api/datasources/{id}", f.putSource)
	mux.HandleFunc("GET /sub/api/datasources/proxy/{id}/query", f.proxy)
	mux.HandleFunc("GET /sub/api/dashboards/uid/{uid}", f.getDashboard)
	mux.HandleFunc("POST /sub/api/dashboards/db", f.postDashboard)
	mux.HandleFunc("GET /sub/api/search", f.search)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		user, password, _ := r.BasicAuth()
		if r.Header.Get("Authorization") != "Bearer "+f.token && user+":"+password != f.login {
			say(w, 401, "Invalid API key")
			return
		}
		if f.editor && strings.Contains(r.URL.Path, "/datasources") {
			say(w, 403, "You'll need additional permissions to perform this action.")
			return
		}
		if f.fail != nil {
			if status := f.fail(r.Method, r.URL.Path); status != 0 {
				w.WriteHeader(status)
				fmt.Fprint(w, `{"unexpected":null}`) // without a message the SDK would crash
				return
			}
		}
		if r.Method != http.MethodGet {
			f.writes = append(f.writes, r.Method+" "+r.URL.Path)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) config() Config {
	return Config{URL: f.URL + "/sub/", Token: f.token, InfluxDB: InfluxDB{
		URL: "http://influxdb:8086", Username: "reader", Password: "secret",
	}}
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away is seen by the test
}

func say(w http.ResponseWriter, status int, message string) {
	answerJSON(w, status, map[string]any{"message": message})
}

func read(w http.ResponseWriter, r *http.Request) map[string]any {
	var v map[string]any
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		say(w, 400, "bad request data")
		return nil
	}
	return v
}

func (f *fake) getFolder(w http.ResponseWriter, r *http.Request) {
	for _, folder := range f.folders {
		if folder["uid"] == r.PathValue("uid") {
			answerJSON(w, 200, folder)
			return
		}
	}
	say(w, 404, "folder not found")
}

func (f *fake) postFolder(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	for _, folder := range f.folders {
		if folder["uid"] == v["uid"] {
			say(w, 412, "The folder has been changed by someone else")
			return
		}
		if folder["title"] == v["title"] {
			say(w, 409, "a folder with the same name already exists")
			return
		}
	}
	folder := map[string]any{"id": len(f.folders) + 1, "uid": v["uid"], "title": v["title"], "version": 1}
	f.folders = append(f.folders, folder)
	answerJSON(w, 200, folder)
}

func (f *fake) getSource(w http.ResponseWriter, r *http.Request) {
	for _, s := range f.sources {
		if s["name"] == r.PathValue("name") {
			shown := map[string]any{}
			for key, value := range s {
				if key != "secureJsonData" && key != "password" {
					shown[key] = value
				}
			}
			answerJSON(w, 200, shown)
			return
		}
	}
	say(w, 404, "Data source not found")
}

func (f *fake) postSource(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	for _, s := range f.sources {
		if s["name"] == v["name"] {
			say(w, 409, "data source with the same name already exists")
			return
		}
	}
	v["id"] = len(f.sources) + 1
	f.sources = append(f.sources, v)
	answerJSON(w, 200, map[string]any{"id": v["id"], "message": "Datasource added", "name": v["name"]})
}

func (f *fake) putSource(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	if id < 1 || id > len(f.sources) {
		say(w, 404, "Data source not found")
		return
	}
	v := read(w, r)
	v["id"] = id
	f.sources[id-1] = v
	answerJSON(w, 200, map[string]any{"id": id, "message": "Datasource updated", "name": v["name"]})
}

func (f *fake) proxy(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	if id < 1 || id > len(f.sources) {
		say(w, 404, "Unable to find datasource")
		return
	}
	s := f.sources[id-1]
	if db, _ := s["database"].(string); db != r.FormValue("db") {
		answerJSON(w, 500, map[string]any{"error": "database is required"})
		return
	}
	secret, _ := s["secureJsonData"].(map[string]any)
	if fmt.Sprintf("%v:%v", s["user"], secret["password"]) != f.influxLogin {
		answerJSON(w, 401, map[string]any{"error": "authorization failed"})
		return
	}
	answerJSON(w, 200, map[string]any{"results": []any{map[string]any{"statement_id": 0}}})
}

func (f *fake) find(uid string) *stored {
	for _, d := range f.dashboards {
		if d.doc["uid"] == uid {
			return d
		}
	}
	return nil
}

func (f *fake) getDashboard(w http.ResponseWriter, r *http.Request) {
	d := f.find(r.PathValue("uid"))
	if d == nil {
		say(w, 404, "Dashboard not found")
		return
	}
	answerJSON(w, 200, map[string]any{
		"dashboard": d.doc, "meta": map[string]any{"version": d.version, "folderId": d.folder},
	})
}

func (f *fake) postDashboard(w http.ResponseWriter, r *http.Request) {
	var v struct {
		Dashboard map[string]any `json:"dashboard"`
		FolderID  int            `json:"folderId"`
		Overwrite bool           `json:"overwrite"`
	}
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		say(w, 400, "bad request data")
		return
	}
	uid, _ := v.Dashboard["uid"].(string)
	title, _ := v.Dashboard["title"].(string)
	switch {
	case title == "":
		say(w, 400, "Dashboard title cannot be empty")
		return
	case len(uid) > 40:
		say(w, 400, "uid too long, max 40 characters")
		return
	case v.FolderID > len(f.folders):
		say(w, 404, "folder not found")
		return
	}
	d := f.find(uid)
	for _, other := range f.dashboards {
		if d == nil && other.folder == v.FolderID && other.doc["title"] == title {
			d = other // Grafana overwrites it under its old uid
			v.Dashboard["uid"] = other.doc["uid"]
		}
	}
	if d != nil && !v.Overwrite {
		say(w, 412, "The dashboard has been changed by someone else")
		return
	}
	if d == nil {
		d = &stored{}
		f.dashboards = append(f.dashboards, d)
	}
	d.folder, d.version, d.doc = v.FolderID, d.version+1, v.Dashboard
	d.doc["id"], d.doc["version"] = len(f.dashboards), d.version
	answerJSON(w, 200, map[string]any{"id": d.doc["id"], "uid": d.doc["uid"], "version": d.version, "status": "success"})
}

func (f *fake) search(w http.ResponseWriter, r *http.Request) {
	found := []map[string]any{}
	for _, d := range f.dashboards {
		title, _ := d.doc["title"].(string)
		if strings.Contains(strings.ToLower(title), strings.ToLower(r.FormValue("query"))) &&
			strconv.Itoa(d.folder) == r.FormValue("folderIds") {
			found = append(found, map[string]any{"uid": d.doc["uid"], "title": title})
		}
	}
	answerJSON(w, 200, found)
}
