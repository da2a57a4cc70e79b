//go:build !ingestonly

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modellregion/dashboards"
	"modellregion/opendata"
)

// withGrafana is region with the key grafana as the example shows it, changed.
func withGrafana(t *testing.T, edit ...string) string {
	t.Helper()
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	head, block, found := strings.Cut(string(data), "\n# grafana:\n")
	shown, rest, ends := strings.Cut(block, "\n\n")
	if !found || !ends {
		t.Fatal("the example has no block grafana")
	}
	shown = strings.ReplaceAll("\n"+shown, "\n# ", "\n")
	text := head + "\ngrafana:" + strings.NewReplacer(edit...).Replace(shown) + "\n\n" + rest
	path := filepath.Join(t.TempDir(), "region.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGrafanaConfiguration(t *testing.T) {
	if fmt.Sprint(alarmAreas()) != fmt.Sprint(dashboards.Areas()) {
		t.Errorf("the configuration knows the areas %q, the dashboards %q", alarmAreas(), dashboards.Areas())
	}
	if out, _, err := call(t, "check", withGrafana(t)); err != nil {
		t.Fatalf("the example: %v\n%s", err, out)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "  token_file:", "  tokenfile:", "tokenfile"},
		{"address", "https://grafana.musterstadt.example", "grafana.musterstadt.example", `grafana.url: "grafana.musterstadt.example", want http://`},
		{"password in the address", "https://grafana.musterstadt.example", "https://a:geheim@grafana.example", "https://a:xxxxx@grafana.example"},
		{"two logins", "  # influx_username: reader", "  influx_username: reader", "grafana: want either influx_token_file"},
		{"half a login", "  # influx_username: reader", "  influx_username: reader", "grafana.influx_password_file: must be given with influx_username"},
		{"name", "name: bauhof", "name: Der Bauhof", `grafana.contact_points[1].name: "Der Bauhof", want up to 20`},
		{"long name", "name: bauhof", "name: " + strings.Repeat("b", 21), "contact_points[1].name"},
		{"name twice", "name: bauhof", "name: leitstelle", `contact_points[1].name: "leitstelle" is there twice`},
		{"no way", "      mail: [leitstelle@musterstadt.example]", "", "grafana.contact_points[0]: want mail, like [bauhof@"},
		{"mail", "leitstelle@musterstadt.example", "leitstelle", `grafana.contact_points[0].mail[0]: "leitstelle", want an address like`},
		{"two mails in one", "[leitstelle@musterstadt.example]", "['a@b.example;c@d.example']", "contact_points[0].mail[0]"},
		{"webhook", "webhook: https:", "webhook: ftp:", "contact_points[1].webhook: "},
		{"login of no webhook", "      webhook: https://alarm.musterstadt.example/modellregion", "", "contact_points[1].webhook: must be given"},
		{"town", "municipalities: [soest]", "municipalities: [bielefeld]", `contact_points[1].municipalities[0]: "bielefeld" is not in`},
		{"area", "areas: [road]", "areas: [roads]", `contact_points[1].areas[0]: "roads", want one of traffic, energy, road, radio, platform`},
		{"team", "{name: Leitstelle}", "{municipality: soest}", `grafana.teams[0].name: "", want the name of a team`},
		{"town of a team", "municipality: soest}", "municipality: hamm}", `grafana.teams[1].municipality: "hamm"`},
		{"team twice", "{name: Leitstelle}", "{name: Stadt Soest, municipality: soest}", `grafana.teams[1]: "Stadt Soest" is there twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := call(t, "check", withGrafana(t, c.old, c.new))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	path := withGrafana(t, "  influx_token_file:", "  # influx_token_file:")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(data), "  listen: 127.0.0.1:8086", "  url: http://influxdb:8086", 1)
	if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, "check", path); err == nil || !strings.Contains(err.Error(), "grafana.influx_token_file: must be given") {
		t.Errorf("no login at an InfluxDB elsewhere: %v", err)
	}
}

// What the configuration says becomes what is done.
func TestGrafanaConfigurationIsUsed(t *testing.T) {
	dir := t.TempDir()
	secret := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := withGrafana(t,
		"/etc/modellregion/grafana-token", secret("g", "glsa_x"),
		"/etc/modellregion/influx-reader-token", secret("i", "influx-t"),
		"/etc/modellregion/bauhof-token", secret("b", "hook-t"))
	got, err := grafanaFlags{Config: path}.config(influxFlags{})
	if err != nil {
		t.Fatal(err)
	}
	want := dashboards.Config{
		URL: "https://grafana.musterstadt.example", Token: "glsa_x", Version: version, PublicURL: "https://daten.musterstadt.example",
		InfluxDB:       dashboards.InfluxDB{URL: "http://influxdb:8086", Token: "influx-t"},
		Municipalities: []dashboards.Municipality{{ID: "soest", Name: "Soest", Teams: []string{"Stadt Soest"}}},
		Teams:          []string{"Leitstelle"},
		ContactPoints: []dashboards.ContactPoint{
			{Name: "leitstelle", Mail: []string{"leitstelle@musterstadt.example"}},
			{Name: "bauhof", Webhook: &dashboards.Webhook{URL: "https://alarm.musterstadt.example/modellregion", Token: "hook-t"}, Municipalities: []string{"soest"}, Areas: []dashboards.Area{dashboards.AreaRoad}},
		},
	}
	if got.Datasets == nil || len(*got.Datasets) != len(opendata.Defaults()) {
		t.Errorf("datasets %v, want those of the region", got.Datasets)
	}
	got.Datasets = nil
	if a, b := asJSON(t, got), asJSON(t, want); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
	got, err = grafanaFlags{Config: path, Grafana: "http://other", User: "admin", PasswordFile: secret("p", "pw")}.config(influxFlags{InfluxUser: "r", InfluxPassword: secret("ip", "rp"), Influx: "http://elsewhere"})
	if err != nil || got.URL != "http://other" || got.Token != "" || got.User != "admin" || got.Password != "pw" ||
		got.InfluxDB != (dashboards.InfluxDB{URL: "http://elsewhere", Username: "r", Password: "rp"}) {
		t.Errorf("with flags: %s, %v", asJSON(t, got), err)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The embedded database has a reader, whose login it writes down.
func TestGrafanaReadsTheEmbeddedDatabase(t *testing.T) {
	dir := t.TempDir()
	path := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir)
	flags := grafanaFlags{Config: path, Grafana: "http://g", User: "admin"}
	if _, err := flags.config(influxFlags{}); err == nil || !strings.Contains(err.Error(), "modellregion serve and demo write") {
		t.Errorf("before the platform has run: %v", err)
	}
	login := filepath.Join(dir, "influx.json")
	if err := os.WriteFile(login, []byte(`{"url":"http://127.0.0.1:8086","username":"reader","password":"s","raw":"raw","open":"open"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := dashboards.InfluxDB{URL: "http://127.0.0.1:8086", Username: "reader", Password: "s", Database: "raw", OpenDatabase: "open"}
	for name, config := range map[string]func() (dashboards.Config, error){
		"by the configuration": func() (dashboards.Config, error) { return flags.config(influxFlags{}) },
		"by the file, as beside the demo": func() (dashboards.Config, error) {
			return grafanaFlags{Grafana: "http://g", User: "admin"}.config(influxFlags{InfluxLogin: login})
		},
	} {
		if got, err := config(); err != nil || got.InfluxDB != want {
			t.Errorf("%s: %+v, %v", name, got.InfluxDB, err)
		}
	}
	got, err := flags.config(influxFlags{Influx: "http://platform:8086"}) // as a Grafana in a container reaches it
	if want.URL = "http://platform:8086"; err != nil || got.InfluxDB != want {
		t.Errorf("with another address: %+v, %v", got.InfluxDB, err)
	}
}

func TestDashboardsCommandsSayWhatTheyWant(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("glsa_x"), 0o600); err != nil {
		t.Fatal(err)
	}
	const g = " --grafana http://127.0.0.1:1"
	for args, want := range map[string]string{
		"apply":                     "want --grafana, like https://grafana.example.org, or -c region.yaml",
		"apply" + g:                 "want --token-file or the key grafana.token_file",
		"diff" + g + " --user a":    "want --influx, the URL",
		"apply -c " + region(t):     "grafana.url",
		"apply --influx-login none": "want --grafana",
		"delete" + g:                "want --token-file",
		"try-alarms" + g + " --token-file " + secret:                                            "no contact point in the configuration",
		"token" + g + " --token-file x out":                                                     "want --token-file or",
		"apply" + g + " --token-file " + secret + " --influx http://i":                          "want --influx-user and --influx-password",
		"apply" + g + " --token-file " + secret + " --influx-login /does/not/exist":             "there is no /does/not/exist yet",
		"apply" + g + " --token-file " + secret + " --influx http://i --influx-token " + secret: "connection refused",
		"diff" + g + " --token-file none --influx http://i --influx-user x":                     "none: no such file",
	} {
		_, _, err := call(t, append([]string{"dashboards"}, strings.Fields(args)...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", args, err, want)
		}
	}
	for args, want := range map[string]string{"--help": "influx.json", "apply --help": "--take-over", "diff --help": "--exit-code", "export --help": "--policies"} {
		if out, _, err := call(t, append([]string{"dashboards"}, strings.Fields(args)...)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}

func TestDashboardsToken(t *testing.T) {
	grafana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user != "admin" || password != "pw":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"Invalid username or password"}`)
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `{"serviceAccounts":[]}`)
		case strings.HasSuffix(r.URL.Path, "/tokens"):
			fmt.Fprint(w, `{"key":"glsa_new"}`)
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":4}`)
		}
	}))
	t.Cleanup(grafana.Close)
	dir := t.TempDir()
	password, out := filepath.Join(dir, "pw"), filepath.Join(dir, "token")
	for text, want := range map[string]string{"wrong": "401", "pw": ""} {
		if err := os.WriteFile(password, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := call(t, "dashboards", "token", "--grafana", grafana.URL, "--user", "admin", "--password-file", password, out)
		if want != "" {
			if _, missing := os.Stat(out); err == nil || !strings.Contains(err.Error(), want) || missing == nil && text == "wrong" && os.Remove(out) != nil {
				t.Errorf("password %s: %v", text, err)
			}
			continue
		}
		data, readErr := os.ReadFile(out)
		info, statErr := os.Stat(out)
		if err != nil || readErr != nil || statErr != nil || string(data) != "glsa_new\n" || info.Mode().Perm() != 0o600 {
			t.Errorf("token %q (%v, %v, %v)", data, err, readErr, statErr)
		}
	}
}

func TestDashboardsExportOfARegion(t *testing.T) {
	dir := t.TempDir()
	out, _, err := call(t, "dashboards", "export", "-c", withGrafana(t), "--policies", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MODELLREGION_INFLUX_TOKEN", "contact point bauhof takes its secret from MODELLREGION_CONTACT_BAUHOF_SECRET"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	for name, want := range map[string]string{
		"alerting/modellregion-rules.yaml":    "https://grafana.musterstadt.example/d/modellregion-",
		"alerting/modellregion-contacts.yaml": "$__env{MODELLREGION_CONTACT_BAUHOF_SECRET}",
		"alerting/modellregion-policies.yaml": "Modellregion bauhof",
		"datasources/modellregion.yaml":       "Token $__env{MODELLREGION_INFLUX_TOKEN}",
		"dashboards/modellregion.yaml":        "Modellregion Soest",
	} {
		if content, err := os.ReadFile(filepath.Join(dir, "provisioning", name)); err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s does not say %q (%v)", name, want, err)
		}
	}
}

func TestStepTeller(t *testing.T) {
	steps := []dashboards.Step{
		{What: "folder F", Action: dashboards.Keep},
		{What: "dashboard D", Action: dashboards.Update, Note: "version 3", ByHand: []string{"version 2 by erika", `title: "a" → "b"`}, Changes: []string{`title: "b" → "a"`}},
		{What: "alert rule A", Action: dashboards.Create},
	}
	var applied, told strings.Builder
	a, d := stepTeller{out: &applied}, stepTeller{out: &told}
	for _, s := range steps {
		a.apply(s)
		d.diff(s)
	}
	a.sum(nil)
	d.sum(nil)
	const sum = "1 unchanged, 1 created, 1 updated, 0 removed\n"
	if want := "dashboard D: updated, version 3\n  in place of version 2 by erika\nalert rule A: created\n" + sum; applied.String() != want {
		t.Errorf("apply tells\n%s", applied.String())
	}
	want := `dashboard D: would be updated, version 3
  by hand, version 2 by erika
    title: "a" → "b"
  apply would change
    title: "b" → "a"
alert rule A: would be created
` + sum
	if told.String() != want {
		t.Errorf("diff tells\n%s\nwant\n%s", told.String(), want)
	}
}
