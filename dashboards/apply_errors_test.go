package dashboards

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestApplyErrors(t *testing.T) {
	t.Parallel()
	moved := httptest.NewServer(http.RedirectHandler("https://grafana.example.org/", http.StatusMovedPermanently))
	t.Cleanup(moved.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html><title>Anmeldung der Stadt</title></html>"))
	}))
	t.Cleanup(page.Close)
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>\n<head><title>502 Bad Gateway</title></head>"))
	}))
	t.Cleanup(gone.Close)
	tests := map[string]struct {
		change func(f *fake, c *Config)
		want   string
	}{
		"no address":              {func(_ *fake, c *Config) { c.URL = "" }, "https://grafana.example.org"},
		"address with login":      {func(_ *fake, c *Config) { c.URL = "http://a:b@localhost/" }, "https://grafana.example.org"},
		"no access":               {func(_ *fake, c *Config) { c.Token = "" }, "either a token or a user"},
		"two accesses":            {func(_ *fake, c *Config) { c.User = "admin" }, "either a token or a user"},
		"wrong token":             {func(_ *fake, c *Config) { c.Token = "glsa_wrong" }, "401 Unauthorized: Invalid API key"},
		"editor":                  {func(f *fake, _ *Config) { f.editor = true }, "role Admin"},
		"wrong InfluxDB password": {func(_ *fake, c *Config) { c.InfluxDB.Password = "wrong" }, "Grafana cannot query database raw of InfluxDB at http://127.0.0.1"},
		"wrong database":          {func(_ *fake, c *Config) { c.InfluxDB.Database = "rwa" }, "database not found: rwa"},
		"provisioned data source": {func(f *fake, _ *Config) {
			f.sources = []map[string]any{{"id": 1, "uid": "x", "name": DataSourceName, "readOnly": true}}
		}, "file of Grafana's provisioning"},
		"title of the folder taken": {func(f *fake, _ *Config) {
			f.folders = []map[string]any{{"id": 1, "uid": "byhand", "title": FolderTitle}}
		}, "another folder has that title"},
		"redirect":   {func(_ *fake, c *Config) { c.URL = moved.URL }, "redirects to https://grafana.example.org/"},
		"login page": {func(_ *fake, c *Config) { c.URL = page.URL }, `a page "Anmeldung der Stadt", and not Grafana's API`},
		"error page": {func(_ *fake, c *Config) { c.URL = gone.URL }, `502 Bad Gateway: a page "502 Bad Gateway"`},
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
			if err != nil && (strings.Contains(err.Error(), "secret") && !strings.Contains(err.Error(), "the secret in it") || strings.Contains(err.Error(), "glsa_")) {
				t.Errorf("the error shows a secret: %v", err)
			}
			if len(f.dashboards) > 0 {
				t.Error("dashboards were written")
			}
		})
	}
}

// What is wrong with one thing says which and why, and the rest is written.
func TestApplyErrorsOfOneThing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(f *fake)
		want   []string
	}{
		"title taken in the folder": {func(f *fake) {
			f.past("anders")
			f.edit("anders", func(doc map[string]any) { doc["title"] = "Umwelt" })
			f.dashboards = slices.DeleteFunc(f.dashboards, func(b *fakeBoard) bool { return b.doc()["uid"] == "modellregion-umwelt" })
		}, []string{"dashboard Umwelt (modellregion-umwelt)", "with uid anders", "412"}},
		"provisioned": {func(f *fake) {
			f.edit("modellregion-umwelt", func(doc map[string]any) { doc["description"] = "meins" })
			f.find("modellregion-umwelt").provisioned = true
		}, []string{"dashboard Umwelt", "file of Grafana's provisioning"}},
		"saved this moment": {func(f *fake) {
			f.edit("modellregion-umwelt", func(doc map[string]any) { doc["description"] = "meins" })
			posts := 0
			f.fail = func(method, _ string) int {
				if method == http.MethodPost {
					posts++
				}
				if posts == 2 { // the first is of Verkehr
					f.fail = nil
					f.edit("modellregion-umwelt", func(doc map[string]any) { doc["description"] = "noch mehr" })
				}
				return 0
			}
		}, []string{"dashboard Umwelt", "somebody has saved it this moment", "412"}},
		"a rule from a file": {func(f *fake) {
			f.alerting.rules[0]["provenance"], f.alerting.rules[0]["for"] = "file", "1h"
		}, []string{"alert rule Stau", "file of Grafana's provisioning"}},
		"title of a rule taken": {func(f *fake) {
			f.alerting.rules[0]["uid"] = "xyz"
		}, []string{"alert rule Stau", "should be unique"}},
		"policies from a file": {func(f *fake) {
			f.alerting.tree["provenance"] = "file"
			f.alerting.tree["routes"] = nil
		}, []string{"notification policy", "tree of policies comes from a file"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c := f.regionAlone()
			mustApply(t, c)
			f.edit("modellregion-verkehr", func(doc map[string]any) { doc["description"] = "meins" })
			test.change(f)
			steps, err := apply(t, c)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
			if got := fmt.Sprint(changed(steps)); !strings.Contains(got, "dashboard Verkehr Leitstand (modellregion-verkehr): updated") {
				t.Errorf("the rest was not written: %s", got)
			}
		})
	}
}

func TestApplyWithoutAlerting(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.fail = func(_, path string) int {
		if strings.HasPrefix(path, "/api/v1/provisioning") {
			return http.StatusNotFound
		}
		return 0
	}
	if _, err := apply(t, f.config()); err == nil || !strings.Contains(err.Error(), "is alerting switched on") {
		t.Errorf("got %v", err)
	}
	if len(f.dashboards) != 2 {
		t.Error("the dashboards were not written")
	}
}
