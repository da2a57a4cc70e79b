package dashboards

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		if err := Export(dir, ExportOptions{ProvisioningDir: "/srv/grafana"}); err != nil {
			t.Fatal(err)
		}
	}
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
	want := []string{"provisioning/dashboards/modellregion.yaml", "provisioning/dashboards/other.yaml", "provisioning/datasources/modellregion.yaml"}
	for _, d := range all(t) {
		name := "provisioning/dashboards/modellregion/" + d.UID + ".json"
		want = append(want, name)
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, d.JSON) {
			t.Errorf("%s is not the dashboard (%v)", name, err)
		}
	}
	slices.Sort(want)
	slices.Sort(files)
	if !slices.Equal(files, want) {
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
	if len(sources.Datasources) != 1 {
		t.Fatalf("data sources %+v", sources)
	}
	s := sources.Datasources[0]
	if sources.APIVersion != 1 || s.UID != DataSourceUID || s.Name != DataSourceName || s.Database != "raw" ||
		s.URL != "$__env{MODELLREGION_INFLUX_URL}" || s.JSONData["dbName"] != "raw" ||
		s.SecureJSONData["password"] != "$__env{MODELLREGION_INFLUX_PASSWORD}" {
		t.Errorf("data source %+v", s)
	}
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			FolderUID          string            `yaml:"folderUid"`
			AllowUIUpdates     bool              `yaml:"allowUiUpdates"`
			Seconds            int               `yaml:"updateIntervalSeconds"`
			Options            map[string]string `yaml:"options"`
		}
	}
	decode(t, filepath.Join(dir, "provisioning/dashboards/modellregion.yaml"), &providers)
	if len(providers.Providers) != 1 || providers.Providers[0].FolderUID != FolderUID ||
		providers.Providers[0].Options["path"] != "/srv/grafana/dashboards/modellregion" {
		t.Errorf("providers %+v", providers)
	}
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

func TestExportErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Export(file, ExportOptions{}); err == nil {
		t.Error("exporting into a file gave no error")
	}
}
