package dashboards

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func apply(t *testing.T, c Config) ([]string, error) {
	t.Helper()
	var lines []string
	err := Apply(context.Background(), c, func(line string) { lines = append(lines, line) })
	return lines, err
}

func mustApply(t *testing.T, c Config) []string {
	t.Helper()
	lines, err := apply(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestApply(t *testing.T) {
	f := newFake(t)
	first := mustApply(t, f.config())
	if len(first) != 6 || len(f.writes) != 6 || len(f.dashboards) != 4 {
		t.Fatalf("first apply: %q, writes %q", first, f.writes)
	}
	for _, line := range first {
		if !strings.Contains(line, "created") {
			t.Errorf("first apply: %s", line)
		}
	}
	for _, d := range f.dashboards {
		if d.folder != 1 || d.version != 1 {
			t.Errorf("%v is in folder %d with version %d", d.doc["title"], d.folder, d.version)
		}
	}
	s := f.sources[0]
	if s["uid"] != DataSourceUID || s["access"] != "proxy" || s["database"] != "raw" || s["password"] != nil {
		t.Errorf("data source %v", s)
	}

	f.writes = nil
	for _, line := range mustApply(t, f.config()) {
		if !strings.Contains(line, "unchanged") {
			t.Errorf("second apply: %s", line)
		}
	}
	if len(f.writes) != 0 {
		t.Errorf("second apply writes %q", f.writes)
	}

	byPassword := f.config()
	byPassword.Token, byPassword.User, byPassword.Password = "", "admin", "pass:word"
	mustApply(t, byPassword)
	if len(f.writes) != 0 {
		t.Errorf("apply with user and password writes %q", f.writes)
	}
}

func TestApplyWritesWhatDiffers(t *testing.T) {
	const put, post = "PUT /sub/api/datasources/1", "POST /sub/api/dashboards/db"
	tests := map[string]struct {
		change func(f *fake, c *Config)
		writes []string
	}{
		"a panel changed by hand": {func(f *fake, _ *Config) {
			f.find("modellregion-umwelt").doc["description"] = "meins"
		}, []string{post}},
		"a dashboard moved": {func(f *fake, _ *Config) {
			f.find("modellregion-umwelt").folder = 0
		}, []string{post}},
		"a dashboard deleted": {func(f *fake, _ *Config) {
			f.dashboards = f.dashboards[1:]
		}, []string{post}},
		"another address of InfluxDB": {func(_ *fake, c *Config) {
			c.InfluxDB.URL = "http://other:8086"
		}, []string{put}},
		"another database": {func(_ *fake, c *Config) {
			c.InfluxDB.Database = "raw/autogen"
		}, []string{put}},
		"a rotated password": {func(f *fake, c *Config) {
			c.InfluxDB.Password, f.influxLogin = "new", "reader:new"
		}, []string{put}},
		"jsonData changed by hand": {func(f *fake, _ *Config) {
			f.sources[0]["jsonData"] = map[string]any{"httpMode": "GET", "dbName": "raw"}
		}, []string{put}},
		"a setting that is not ours": {func(f *fake, _ *Config) {
			f.sources[0]["jsonData"].(map[string]any)["timeInterval"] = "10s"
		}, nil},
		"the link to the public page": {func(_ *fake, c *Config) {
			c.PublicURL = "https://daten.example.org/"
		}, []string{post, post, post, post}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c := f.config()
			mustApply(t, c)
			test.change(f, &c)
			f.writes = nil
			mustApply(t, c)
			if !slices.Equal(f.writes, test.writes) {
				t.Errorf("writes %q, want %q", f.writes, test.writes)
			}
			f.writes = nil
			mustApply(t, c)
			if len(f.writes) != 0 {
				t.Errorf("applying again writes %q", f.writes)
			}
		})
	}
}

// Whatever is there under our titles but other uids is used or left, never replaced.
func TestApplyBesideOthers(t *testing.T) {
	f := newFake(t)
	f.folders = []map[string]any{{"id": 1, "uid": "byhand", "title": FolderTitle}}
	f.sources = []map[string]any{{"id": 1, "uid": "byhand_influx", "name": DataSourceName, "type": "influxdb", "isDefault": true}}
	mustApply(t, f.config())
	if len(f.folders) != 1 || len(f.sources) != 1 || f.sources[0]["uid"] != "byhand_influx" || f.sources[0]["isDefault"] != true {
		t.Errorf("folders %v, data sources %v", f.folders, f.sources)
	}
	qs := f.find("modellregion-umwelt").doc["panels"].([]any)[1].(map[string]any)["datasource"].(map[string]any)
	if qs["uid"] != "byhand_influx" {
		t.Errorf("panels use the data source %v", qs)
	}

	f.find("modellregion-umwelt").doc["uid"] = "foreign"
	_, err := apply(t, f.config())
	if err == nil || !strings.Contains(err.Error(), "Umwelt") || !strings.Contains(err.Error(), "foreign") {
		t.Errorf("another dashboard of the title: %v", err)
	}
	if d := f.find("foreign"); d == nil || d.version != 1 {
		t.Error("the other dashboard was touched")
	}
}

// A failure at any request is told, with what it was about, and applying
// again ends where an undisturbed one would have.
func TestApplyIsRepeatable(t *testing.T) {
	requests := 0
	count := newFake(t)
	count.fail = func(string, string) int { requests++; return 0 }
	mustApply(t, count.config())
	for failing := range requests {
		f := newFake(t)
		n := 0
		f.fail = func(string, string) int {
			n++
			if n == failing+1 {
				return http.StatusBadGateway
			}
			return 0
		}
		if _, err := apply(t, f.config()); err == nil || !strings.Contains(err.Error(), "502") || !strings.Contains(err.Error(), "apply ") {
			t.Fatalf("request %d fails: %v", failing+1, err)
		}
		f.fail = nil
		mustApply(t, f.config())
		f.writes = nil
		mustApply(t, f.config())
		if len(f.dashboards) != 4 || len(f.folders) != 1 || len(f.sources) != 1 || len(f.writes) != 0 {
			t.Errorf("after a failure of request %d: %d dashboards, %d folders, %d data sources, writes %q",
				failing+1, len(f.dashboards), len(f.folders), len(f.sources), f.writes)
		}
	}
}

func TestApplyErrors(t *testing.T) {
	moved := httptest.NewServer(http.RedirectHandler("https://grafana.example.org/", http.StatusMovedPermanently))
	t.Cleanup(moved.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>Anmeldung</html>"))
	}))
	t.Cleanup(page.Close)
	tests := map[string]struct {
		change func(f *fake, c *Config)
		want   string
	}{
		"no address":         {func(_ *fake, c *Config) { c.URL = "" }, "https://grafana.example.org"},
		"address with login": {func(_ *fake, c *Config) { c.URL = "http://a:b@localhost/" }, "https://grafana.example.org"},
		"no access":          {func(_ *fake, c *Config) { c.Token = "" }, "either a token or a user"},
		"two accesses":       {func(_ *fake, c *Config) { c.User = "admin" }, "either a token or a user"},
		"wrong token":        {func(_ *fake, c *Config) { c.Token = "glsa_wrong" }, "401 Unauthorized: Invalid API key"},
		"editor":             {func(f *fake, _ *Config) { f.editor = true }, "role Admin"},
		"wrong InfluxDB password": {func(_ *fake, c *Config) { c.InfluxDB.Password = "wrong" },
			"cannot query InfluxDB at http://influxdb:8086"},
		"provisioned data source": {func(f *fake, _ *Config) {
			f.sources = []map[string]any{{"id": 1, "uid": "x", "name": DataSourceName, "readOnly": true}}
		}, "file of Grafana's provisioning"},
		"redirect":   {func(_ *fake, c *Config) { c.URL = moved.URL }, "redirects to https://grafana.example.org/"},
		"login page": {func(_ *fake, c *Config) { c.URL = page.URL }, "apply folder"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c := f.config()
			test.change(f, &c)
			_, err := apply(t, c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "glsa_")) {
				t.Errorf("the error shows a secret: %v", err)
			}
			if len(f.dashboards) > 0 {
				t.Error("dashboards were written")
			}
		})
	}
}

func TestApplyEnds(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Apply(ctx, f.config(), func(string) {}); err == nil || len(f.writes) > 0 {
		t.Errorf("cancelled: %v, writes %q", err, f.writes)
	}
}
