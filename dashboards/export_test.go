package dashboards

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"modellregion/internal/strictyaml"
)

func TestExport(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "provisioning", "dashboards", "other.yaml")
	if err := os.MkdirAll(filepath.Dir(foreign), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second replaces the files of the first
		if err := Export(dir, Config{}, ExportOptions{ProvisioningDir: "/srv/grafana"}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"provisioning/alerting/modellregion-rules.yaml", "provisioning/dashboards/modellregion.yaml",
		"provisioning/dashboards/other.yaml", "provisioning/datasources/modellregion.yaml",
	}
	for _, d := range all(t) {
		name := "provisioning/dashboards/modellregion/" + d.UID + ".json"
		want = append(want, name)
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, d.JSON) {
			t.Errorf("%s is not the dashboard (%v)", name, err)
		}
	}
	slices.Sort(want)
	if files := filesBelow(t, dir, foreign); !slices.Equal(files, want) {
		t.Errorf("files %q, want %q", files, want)
	}

	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL, User, Database string
			Editable                                     bool
			JSONData                                     map[string]string `yaml:"jsonData"`
			SecureJSONData                               map[string]string `yaml:"secureJsonData"`
		}
	}
	decode(t, filepath.Join(dir, "provisioning/datasources/modellregion.yaml"), &sources)
	if len(sources.Datasources) != 2 || sources.Datasources[1].UID != OpenDataSourceUID || sources.Datasources[1].Database != "open" {
		t.Fatalf("data sources %+v", sources)
	}
	s := sources.Datasources[0]
	if sources.APIVersion != 1 || s.UID != DataSourceUID || s.Name != DataSourceName || s.Database != "raw" ||
		s.URL != "$__env{MODELLREGION_INFLUX_URL}" || s.JSONData["dbName"] != "raw" ||
		s.SecureJSONData["password"] != "$__env{MODELLREGION_INFLUX_PASSWORD}" {
		t.Errorf("data source %+v", s)
	}
	providers := exportedProviders(t, dir)
	if len(providers) != 1 || providers[0].FolderUID != FolderUID || providers[0].Options["path"] != "/srv/grafana/dashboards/modellregion" {
		t.Errorf("providers %+v", providers)
	}
}

func filesBelow(t *testing.T, dir, foreign string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			files = append(files, rel)
			if info, err := e.Info(); name != foreign && (err != nil || info.Mode().Perm() != 0o644) {
				t.Errorf("%s: %v, %v", rel, info.Mode(), err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

type exportedProvider struct {
	Name, Folder, Type string
	FolderUID          string            `yaml:"folderUid"`
	AllowUIUpdates     bool              `yaml:"allowUiUpdates"`
	Seconds            int               `yaml:"updateIntervalSeconds"`
	Options            map[string]string `yaml:"options"`
}

func exportedProviders(t *testing.T, dir string) []exportedProvider {
	t.Helper()
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []exportedProvider
	}
	decode(t, filepath.Join(dir, "provisioning/dashboards/modellregion.yaml"), &file)
	return file.Providers
}

// The files of alerting say what the API is told, with no secret in them.
func TestExportAlerting(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t)
	c := f.full()
	c.InfluxDB = InfluxDB{Token: "influx-secret"}
	c.ContactPoints[1].Webhook.URL = "https://alarm.example.org/?key=$x"
	if err := Export(dir, c, ExportOptions{Policies: true}); err != nil {
		t.Fatal(err)
	}
	for _, name := range filesBelow(t, dir, "") {
		if content, err := os.ReadFile(filepath.Join(dir, name)); err != nil || bytes.Contains(content, []byte("-secret")) {
			t.Errorf("%s has a secret in it (%v)", name, err)
		}
	}
	if p := exportedProviders(t, dir); len(p) != 3 || p[1].Folder != "Modellregion Soest" || p[1].Options["path"] != "/etc/grafana/provisioning/dashboards/modellregion-soest" {
		t.Errorf("providers %+v", p)
	}
	if _, err := os.Stat(filepath.Join(dir, "provisioning/dashboards/modellregion-soest/modellregion-verkehr-soest.json")); err != nil {
		t.Error(err)
	}
	alerting := filepath.Join(dir, "provisioning", "alerting")
	var rules struct {
		APIVersion int `yaml:"apiVersion"`
		Groups     []map[string]any
	}
	decode(t, filepath.Join(alerting, "modellregion-rules.yaml"), &rules)
	var exported []any
	for _, g := range rules.Groups {
		if g["interval"] != "1m" || g["folder"] != FolderTitle {
			t.Errorf("group %v", g)
		}
		exported = append(exported, members(g["rules"])...)
	}
	for i, want := range c.alertRules(DataSourceUID) {
		want.FolderUID, want.RuleGroup = "", ""
		if w, g := throughJSON(t, want), throughJSON(t, exported[i]); !reflect.DeepEqual(w, g) {
			t.Errorf("rule %s in the file differs: %q", want.Title, differences(g, w))
		}
		for _, text := range want.Labels {
			if strings.Contains(text, "$") {
				t.Errorf("label %q of %s would be replaced", text, want.Title)
			}
		}
	}
	var contacts struct {
		APIVersion int              `yaml:"apiVersion"`
		Points     []map[string]any `yaml:"contactPoints"`
	}
	decode(t, filepath.Join(alerting, "modellregion-contacts.yaml"), &contacts)
	way := members(contacts.Points[1]["receivers"])[0].(map[string]any)["settings"].(map[string]any)
	if way["password"] != "$__env{MODELLREGION_CONTACT_BAUHOF_SECRET}" || way["url"] != "https://alarm.example.org/?key=$$x" {
		t.Errorf("webhook %v", way)
	}
	var policies struct {
		APIVersion int `yaml:"apiVersion"`
		Policies   []map[string]any
	}
	decode(t, filepath.Join(alerting, "modellregion-policies.yaml"), &policies)
	if len(policies.Policies) != 1 || !isOurRoute(members(policies.Policies[0]["routes"])[0]) {
		t.Errorf("policies %v", policies)
	}
}

// throughJSON is what a value is after JSON, with numbers as YAML has them.
func throughJSON(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := strictyaml.Decode(content, into); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestExportYAML(t *testing.T) {
	got, err := yamlOf(map[string]any{
		"a": []any{}, "b": map[string]any{}, "c": []any{[]any{"x", "=", "<y>: #"}, map[string]any{"k": 1.5, "l": nil}}, "d": "zwei\nZeilen \"ä\"", "e": true,
	})
	want := `a: []
b: {}
c:
  - - "x"
    - "="
    - "<y>: #"
  - k: 1.5
    l: null
d: "zwei\nZeilen \"ä\""
e: true
`
	if err != nil || string(got) != want {
		t.Errorf("got (%v)\n%s\nwant\n%s", err, got, want)
	}
}

func TestExportErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Export(file, Config{}, ExportOptions{}); err == nil {
		t.Error("exporting into a file gave no error")
	}
}
