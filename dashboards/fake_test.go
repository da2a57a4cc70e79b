package dashboards

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fake is as much of Grafana's HTTP API as is used here, with the answers that
// the documents of Grafana 9.4 to 12 and a Grafana 9.4 itself give. That of
// alerting is in grafana_fake_test.go.
type fake struct {
	*httptest.Server
	client       *http.Client     // of its own: closing one test server ends connections of the default client
	influx       *httptest.Server // stands for the database
	influxSecret string           // the password or token that it accepts
	token, login string           // what Grafana accepts: a token, "user:password"
	editor       bool             // the token's role is Editor, not Admin
	pagedHistory bool             // as since 11.6
	normalise    func(doc map[string]any)

	mu         sync.Mutex
	fail       func(method, path string) int // status to answer instead; 0 goes on
	writes     []string
	folders    []map[string]any
	rights     map[string][]map[string]any // of folders
	teams      []map[string]any
	sources    []map[string]any
	dashboards []*fakeBoard
	alerting   fakeAlerting
	accounts   []map[string]any
}

type fakeBoard struct {
	id          int
	folder      string // uid; empty is General
	provisioned bool
	versions    []fakeVersion
}

type fakeVersion struct {
	doc         map[string]any
	message, by string
}

func (b *fakeBoard) doc() map[string]any { return b.versions[len(b.versions)-1].doc }

func (b *fakeBoard) shown() map[string]any {
	doc := maps.Clone(b.doc())
	doc["id"], doc["version"] = b.id, len(b.versions)
	return doc
}

func newFake(t *testing.T) *fake {
	f := &fake{
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		token:  "glsa_right", login: "admin:pass:word", influxSecret: "reader-secret",
		rights: map[string][]map[string]any{}, alerting: newFakeAlerting(),
	}
	f.influx = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.Header.Get("Authorization") != "Token "+f.influxSecret && (user != "reader" || password != f.influxSecret):
			answerJSON(w, 401, map[string]any{"error": "authorization failed"})
		case !slices.Contains([]string{"raw", "raw/autogen", "open"}, r.FormValue("db")):
			answerJSON(w, 200, map[string]any{"results": []any{map[string]any{"error": "database not found: " + r.FormValue("db")}}})
		default:
			answerJSON(w, 200, map[string]any{"results": []any{map[string]any{"statement_id": 0}}})
		}
	}))
	mux := http.NewServeMux()
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /api/folders/{uid}":                      f.getFolder,
		"GET /api/folders":                            func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, f.folders) },
		"POST /api/folders":                           f.postFolder,
		"PUT /api/folders/{uid}":                      f.putFolder,
		"DELETE /api/folders/{uid}":                   f.deleteFolder,
		"GET /api/folders/{uid}/permissions":          f.getRights,
		"POST /api/folders/{uid}/permissions":         f.postRights,
		"GET /api/teams/search":                       f.searchTeams,
		"POST /api/teams":                             f.postTeam,
		"GET /api/datasources/name/{key}":             f.getSource,
		"GET /api/datasources/uid/{key}":              f.getSource,
		"POST /api/datasources":                       f.postSource,
		"PUT /api/datasources/{id}":                   f.putSource,
		"DELETE /api/datasources/uid/{key}":           f.deleteSource,
		"GET /api/datasources/proxy/{id}/query":       f.proxy,
		"GET /api/datasources/proxy/uid/{key}/query":  f.proxy,
		"GET /api/dashboards/uid/{uid}":               f.getDashboard,
		"DELETE /api/dashboards/uid/{uid}":            f.deleteDashboard,
		"GET /api/dashboards/uid/{uid}/versions":      f.getVersions,
		"GET /api/dashboards/uid/{uid}/versions/{nr}": f.getVersion,
		"POST /api/dashboards/db":                     f.postDashboard,
		"GET /api/search":                             f.search,
		"GET /api/serviceaccounts/search":             f.searchAccounts,
		"POST /api/serviceaccounts":                   f.postAccount,
		"POST /api/serviceaccounts/{id}/tokens":       f.postToken,
	} {
		mux.HandleFunc(pattern, handler)
	}
	f.alerting.mount(mux)
	f.Server = httptest.NewServer(http.StripPrefix("/sub", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, mux) })))
	t.Cleanup(f.influx.Close)
	t.Cleanup(f.Close)
	return f
}

// serve lets in whom it should and notes what is written.
func (f *fake) serve(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	f.mu.Lock()
	defer f.mu.Unlock()
	user, password, _ := r.BasicAuth()
	if r.Header.Get("Authorization") != "Bearer "+f.token && user+":"+password != f.login {
		say(w, 401, "Invalid API key")
		return
	}
	if f.editor && !strings.HasPrefix(r.URL.Path, "/api/folders") && !strings.HasPrefix(r.URL.Path, "/api/dashboards") {
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
}

// config is what applies two small dashboards; with boards nil it is all.
func (f *fake) config() Config {
	return Config{URL: f.URL + "/sub/", Token: f.token, Version: "1.2.3", boards: rendered.two, InfluxDB: InfluxDB{
		URL: f.influx.URL, Username: "reader", Password: f.influxSecret,
	}}
}

// rendered are dashboards that were rendered once, for many tests.
var rendered = &renderedOnce{}

type renderedOnce struct{ byOptions sync.Map }

func (r *renderedOnce) two(o Options) ([]Dashboard, error) {
	if known, ok := r.byOptions.Load(o); ok {
		return known.([]Dashboard), nil
	}
	all, err := All(o)
	two := slices.DeleteFunc(all, func(d Dashboard) bool { return d.UID != uidTraffic && d.UID != uidEnvironment })
	for i := range two {
		two[i].JSON = small(two[i].JSON)
	}
	r.byOptions.Store(o, two)
	return two, err
}

// small is a dashboard with its first panels alone.
func small(raw []byte) []byte {
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		panic(err)
	}
	doc["panels"] = members(doc["panels"])[:4]
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return raw
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

// with returns the place of the first that has the value, or -1.
func with(all []map[string]any, key string, value any) int {
	return slices.IndexFunc(all, func(m map[string]any) bool { return fmt.Sprint(m[key]) == fmt.Sprint(value) })
}

func (f *fake) getFolder(w http.ResponseWriter, r *http.Request) {
	i := with(f.folders, "uid", r.PathValue("uid"))
	if i < 0 {
		say(w, 404, "folder not found")
		return
	}
	answerJSON(w, 200, f.folders[i])
}

func (f *fake) postFolder(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	switch {
	case with(f.folders, "uid", v["uid"]) >= 0:
		say(w, 412, "The folder has been changed by someone else")
		return
	case with(f.folders, "title", v["title"]) >= 0:
		say(w, 409, "a folder with the same name already exists")
		return
	case len(fmt.Sprint(v["uid"])) > 40:
		say(w, 400, "uid too long, max 40 characters")
		return
	}
	uid := fmt.Sprint(v["uid"])
	folder := map[string]any{"id": len(f.folders) + 1, "uid": uid, "title": v["title"], "version": 1}
	f.folders = append(f.folders, folder)
	f.rights[uid] = []map[string]any{
		{"role": "Viewer", "permission": 1, "permissionName": "View"}, {"role": "Editor", "permission": 2, "permissionName": "Edit"},
		{"userId": 7, "userLogin": "sa-modellregion", "permission": 4, "permissionName": "Admin"}, // who created it
	}
	answerJSON(w, 200, folder)
}

func (f *fake) putFolder(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	i := with(f.folders, "uid", r.PathValue("uid"))
	switch {
	case i < 0:
		say(w, 404, "folder not found")
	case v["overwrite"] != true && fmt.Sprint(v["version"]) != fmt.Sprint(f.folders[i]["version"]):
		answerJSON(w, 412, map[string]any{"message": "The folder has been changed by someone else", "status": "version-mismatch"})
	default:
		f.folders[i]["title"] = v["title"]
		f.folders[i]["version"] = f.folders[i]["version"].(int) + 1
		answerJSON(w, 200, f.folders[i])
	}
}

func (f *fake) deleteFolder(w http.ResponseWriter, r *http.Request) {
	i := with(f.folders, "uid", r.PathValue("uid"))
	if i < 0 {
		say(w, 404, "folder not found")
		return
	}
	if with(f.alerting.rules, "folderUID", r.PathValue("uid")) >= 0 {
		say(w, 400, "folder cannot be deleted: folder is not empty")
		return
	}
	f.dashboards = slices.DeleteFunc(f.dashboards, func(b *fakeBoard) bool { return b.folder == r.PathValue("uid") })
	f.folders = slices.Delete(f.folders, i, i+1)
	answerJSON(w, 200, map[string]any{"message": "Folder deleted", "id": i})
}

func (f *fake) getRights(w http.ResponseWriter, r *http.Request) {
	if with(f.folders, "uid", r.PathValue("uid")) < 0 {
		say(w, 404, "folder not found")
		return
	}
	answerJSON(w, 200, f.rights[r.PathValue("uid")])
}

func (f *fake) postRights(w http.ResponseWriter, r *http.Request) {
	var items []map[string]any
	for _, item := range members(read(w, r)["items"]) {
		m := item.(map[string]any)
		if id, ok := m["teamId"]; ok && with(f.teams, "id", id) < 0 {
			say(w, 400, "team not found")
			return
		}
		items = append(items, m)
	}
	f.rights[r.PathValue("uid")] = items
	answerJSON(w, 200, map[string]any{"message": "Folder permissions updated"})
}

func (f *fake) searchTeams(w http.ResponseWriter, r *http.Request) {
	found := []map[string]any{}
	for _, t := range f.teams {
		name := r.FormValue("name")
		if strings.Contains(strings.ToLower(fmt.Sprint(t["name"])), strings.ToLower(r.FormValue("query"))) && (name == "" || t["name"] == name) {
			found = append(found, t)
		}
	}
	answerJSON(w, 200, map[string]any{"totalCount": len(found), "teams": found, "page": 1, "perPage": 1000})
}

func (f *fake) postTeam(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	if with(f.teams, "name", v["name"]) >= 0 {
		say(w, 409, "Team name taken")
		return
	}
	f.teams = append(f.teams, map[string]any{"id": len(f.teams) + 11, "name": v["name"]})
	answerJSON(w, 200, map[string]any{"message": "Team created", "teamId": len(f.teams) + 10})
}

func (f *fake) source(r *http.Request) int {
	if id := r.PathValue("id"); id != "" {
		return with(f.sources, "id", id)
	}
	if strings.Contains(r.URL.Path, "/name/") {
		return with(f.sources, "name", r.PathValue("key"))
	}
	return with(f.sources, "uid", r.PathValue("key"))
}

func (f *fake) getSource(w http.ResponseWriter, r *http.Request) {
	i := f.source(r)
	if i < 0 {
		say(w, 404, "Data source not found")
		return
	}
	shown := maps.Clone(f.sources[i])
	delete(shown, "secureJsonData")
	delete(shown, "password")
	answerJSON(w, 200, shown)
}

func (f *fake) postSource(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	if with(f.sources, "name", v["name"]) >= 0 {
		say(w, 409, "data source with the same name already exists")
		return
	}
	v["id"] = len(f.sources) + 1
	f.sources = append(f.sources, v)
	answerJSON(w, 200, map[string]any{"id": v["id"], "message": "Datasource added", "name": v["name"]})
}

func (f *fake) putSource(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	i := f.source(r)
	switch {
	case i < 0:
		say(w, 404, "Data source not found")
	case f.sources[i]["readOnly"] == true:
		say(w, 403, "Cannot update read-only data source")
	default:
		v["id"] = f.sources[i]["id"]
		f.sources[i] = v
		answerJSON(w, 200, map[string]any{"id": v["id"], "message": "Datasource updated", "name": v["name"]})
	}
}

func (f *fake) deleteSource(w http.ResponseWriter, r *http.Request) {
	i := f.source(r)
	if i < 0 {
		say(w, 404, "Data source not found")
		return
	}
	f.sources = slices.Delete(f.sources, i, i+1)
	say(w, 200, "Data source deleted")
}

// proxy asks the database as the data source says.
func (f *fake) proxy(w http.ResponseWriter, r *http.Request) {
	i := f.source(r)
	if i < 0 || strings.Contains(r.PathValue("key"), "-") { // Grafana 9.4 has no way to such a uid
		say(w, 404, "Unable to find datasource")
		return
	}
	s := f.sources[i]
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, fmt.Sprint(s["url"], "/query?", r.URL.RawQuery), nil)
	if err != nil {
		say(w, 400, err.Error())
		return
	}
	secret, _ := s["secureJsonData"].(map[string]any)
	visible, _ := s["jsonData"].(map[string]any)
	if header, ok := visible["httpHeaderName1"].(string); ok {
		req.Header.Set(header, fmt.Sprint(secret["httpHeaderValue1"]))
	} else {
		req.SetBasicAuth(fmt.Sprint(s["user"]), fmt.Sprint(secret["password"]))
	}
	resp, err := f.client.Do(req)
	if err != nil {
		say(w, 502, "bad gateway")
		return
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	var answer any
	_ = json.NewDecoder(resp.Body).Decode(&answer) // what is none is passed on as null
	answerJSON(w, resp.StatusCode, answer)
}

func (f *fake) searchAccounts(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, 200, map[string]any{"totalCount": len(f.accounts), "serviceAccounts": f.accounts})
}

func (f *fake) postAccount(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	v["id"] = len(f.accounts) + 1
	f.accounts = append(f.accounts, v)
	answerJSON(w, 201, v)
}

func (f *fake) postToken(w http.ResponseWriter, r *http.Request) {
	if with(f.accounts, "id", r.PathValue("id")) < 0 {
		say(w, 404, "service account not found")
		return
	}
	answerJSON(w, 200, map[string]any{"id": 1, "name": read(w, r)["name"], "key": f.token})
}
