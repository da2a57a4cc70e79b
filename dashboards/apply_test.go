package dashboards

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func apply(t *testing.T, c Config) ([]Step, error) {
	t.Helper()
	var steps []Step
	err := Apply(context.Background(), c, func(s Step) { steps = append(steps, s) })
	return steps, err
}

func mustApply(t *testing.T, c Config) []Step {
	t.Helper()
	steps, err := apply(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// changed are the steps that do something.
func changed(steps []Step) []string {
	var all []string
	for _, s := range steps {
		if s.Action != Keep {
			all = append(all, s.String())
		}
	}
	return all
}

// full is a configuration with everything in it.
func (f *fake) full() Config {
	c := f.config()
	c.Municipalities = []Municipality{{ID: "soest", Name: "Soest", Teams: []string{"Stadt Soest"}}, {ID: strings.Repeat("x", 60), Name: "Langenort"}}
	c.Teams = []string{"Leitstelle"}
	c.ContactPoints = []ContactPoint{
		{Name: "leitstelle", Mail: []string{"a@example.org", "b@example.org"}},
		{Name: "bauhof", Webhook: &Webhook{URL: "https://alarm.example.org/", Username: "u", Password: "webhook-secret"}, Municipalities: []string{"soest"}, Areas: []Area{AreaRoad}},
	}
	return c
}

// regionAlone is that without folders of municipalities.
func (f *fake) regionAlone() Config {
	c := f.full()
	c.Municipalities = nil
	return c
}

func TestApply(t *testing.T) {
	t.Parallel()
	for _, paged := range []bool{false, true} {
		f := newFake(t)
		f.pagedHistory = paged
		const n = 2
		first := mustApply(t, f.config())
		if len(f.dashboards) != n || len(f.alerting.rules) != len(alerts()) {
			t.Fatalf("first apply: %d dashboards, want %d; %d alert rules", len(f.dashboards), n, len(f.alerting.rules))
		}
		for _, s := range first {
			if s.Action != Create && !strings.Contains(s.What, "notification policy") {
				t.Errorf("first apply: %s", s)
			}
		}
		for _, d := range f.dashboards {
			if v := d.versions[0]; d.folder != FolderUID || len(d.versions) != 1 || !strings.HasSuffix(v.message, " 1.2.3") {
				t.Errorf("%v is in folder %q with %d versions, the first %q", d.doc()["title"], d.folder, len(d.versions), v.message)
			}
		}
		s := f.sources[0]
		if s["uid"] != DataSourceUID || s["access"] != "proxy" || s["database"] != "raw" || s["password"] != nil {
			t.Errorf("data source %v", s)
		}

		f.writes = nil
		byPassword := f.config()
		byPassword.Token, byPassword.User, byPassword.Password = "", "admin", "pass:word"
		for _, c := range []Config{f.config(), byPassword} {
			if did := changed(mustApply(t, c)); len(did) > 0 || len(f.writes) != 0 {
				t.Errorf("second apply: %q, writes %q", did, f.writes)
			}
		}
	}
}

// What Grafana changes of what it was given is no reason to write it again, and
// still nobody's change goes unnoticed.
func TestApplyToAServerThatNormalises(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.normalise = func(doc map[string]any) { doc["schemaVersion"], doc["preload"] = 42, false }
	mustApply(t, f.config())
	f.writes = nil
	newer := f.config()
	newer.Version = "2.0.0" // with the same dashboards
	if did := changed(mustApply(t, newer)); len(did) > 0 || len(f.writes) > 0 {
		t.Errorf("second apply: %q", did)
	}
	f.edit("modellregion-umwelt", func(doc map[string]any) { doc["description"] = "meins" })
	if did := changed(mustApply(t, newer)); len(did) != 1 || len(f.find("modellregion-umwelt").versions) != 3 {
		t.Errorf("after a change by hand: %q", did)
	}
}

func TestApplyWritesWhatDiffers(t *testing.T) {
	t.Parallel()
	const put, put2, post, rule = "PUT /api/datasources/1", "PUT /api/datasources/2", "POST /api/dashboards/db", "PUT /api/v1/provisioning/alert-rules/modellregion-alarm-stau"
	const policies = "PUT /api/v1/provisioning/policies"
	tests := map[string]struct {
		change func(f *fake, c *Config)
		writes []string
	}{
		"a panel changed by hand": {func(f *fake, _ *Config) {
			f.edit("modellregion-umwelt", func(doc map[string]any) { doc["description"] = "meins" })
		}, []string{post}},
		"a dashboard moved":   {func(f *fake, _ *Config) { f.find("modellregion-umwelt").folder = "" }, []string{post}},
		"a dashboard deleted": {func(f *fake, _ *Config) { f.dashboards = f.dashboards[1:] }, []string{post}},
		"another address of InfluxDB": {func(f *fake, c *Config) {
			c.InfluxDB.URL = strings.Replace(f.influx.URL, "127.0.0.1", "localhost", 1)
		}, []string{put, put2}},
		"another database": {func(_ *fake, c *Config) { c.InfluxDB.Database = "raw/autogen" }, []string{put}},
		"a rotated password": {func(f *fake, c *Config) {
			c.InfluxDB.Password, f.influxSecret = "new", "new"
		}, []string{put, put2}},
		"a token instead": {func(f *fake, c *Config) {
			c.InfluxDB = InfluxDB{URL: f.influx.URL, Token: f.influxSecret}
		}, []string{put, put2}},
		"jsonData changed by hand": {func(f *fake, _ *Config) {
			f.sources[0]["jsonData"] = map[string]any{"httpMode": "GET", "dbName": "raw"}
		}, []string{put}},
		"a setting that is not ours": {func(f *fake, _ *Config) { f.sources[0]["jsonData"].(map[string]any)["timeInterval"] = "10s" }, nil},
		"the folder's title":         {func(f *fake, _ *Config) { f.folders[0]["title"] = "Meiner" }, []string{"PUT /api/folders/modellregion"}},
		"an alert rule changed by hand": {func(f *fake, _ *Config) {
			f.alerting.rules[0]["for"] = "1h"
		}, []string{rule}},
		"a label added by hand": {func(f *fake, _ *Config) { f.alerting.rules[0]["labels"].(map[string]any)["team"] = "x" }, []string{rule}},
		"an alert rule paused":  {func(f *fake, _ *Config) { f.alerting.rules[0]["isPaused"] = true }, nil},
		"what Grafana adds":     {func(f *fake, _ *Config) { f.alerting.rules[0]["keep_firing_for"] = "0s" }, nil},
		"an alert rule too many": {func(f *fake, _ *Config) {
			f.alerting.rules[0]["uid"], f.alerting.rules[0]["title"] = "modellregion-alarm-alt", "Alt"
		}, []string{"POST /api/v1/provisioning/alert-rules", "DELETE /api/v1/provisioning/alert-rules/modellregion-alarm-alt"}},
		"a contact point":         {func(_ *fake, c *Config) { c.ContactPoints = []ContactPoint{{Name: "x", Mail: []string{"a@b.de"}}} }, []string{"POST /api/v1/provisioning/contact-points", policies}},
		"a dashboard of the past": {func(f *fake, _ *Config) { f.past("modellregion-alt") }, []string{"DELETE /api/dashboards/uid/modellregion-alt"}},
		"a copy somebody made": {func(f *fake, _ *Config) {
			f.past("abc123")
			f.past("modellregion-alt")
			f.edit("modellregion-alt", func(doc map[string]any) { doc["description"] = "meins" })
		}, nil},
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
	t.Run("the link to the public page", func(t *testing.T) {
		f := newFake(t)
		c := f.config()
		mustApply(t, c)
		f.writes, c.PublicURL = nil, "https://daten.example.org/"
		mustApply(t, c)
		if len(f.writes) != 2 {
			t.Errorf("writes %q, want every dashboard once", f.writes)
		}
	})
}

// past adds a dashboard that the program once wrote.
func (f *fake) past(uid string) {
	doc := map[string]any{"uid": uid, "title": "Alt " + uid, "tags": []any{tag}}
	f.dashboards = append(f.dashboards, &fakeBoard{id: 99, folder: FolderUID, versions: []fakeVersion{{doc, messagePrefix + "[00] 1.0", "sa"}}})
}

// Several municipalities have folders with dashboards that show their data
// alone, and are read by their team.
func TestApplyPerMunicipality(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.full()
	c.boards = nil
	mustApply(t, c)
	if len(f.folders) != 3 || len(f.teams) != 2 {
		t.Fatalf("folders %v, teams %v", f.folders, f.teams)
	}
	soest := f.find("modellregion-verkehr-soest")
	if soest == nil || soest.folder != "modellregion-soest" {
		t.Fatalf("there is no dashboard of Soest in its folder: %+v", soest)
	}
	for _, d := range f.dashboards {
		uid := fmt.Sprint(d.doc()["uid"])
		if len(uid) > maxUID || !isOurs(uid, []string{tag}) {
			t.Errorf("uid %s", uid)
		}
		text := shownAll(t, d.doc())
		for _, m := range linkTo.FindAllStringSubmatch(text, -1) {
			if to := f.find(m[1]); to == nil || to.folder != d.folder && !strings.HasPrefix(d.folder, FolderUID) {
				t.Errorf("%s leads to %s, which is not there or elsewhere", uid, m[1])
			}
		}
		if d.folder == "modellregion-soest" {
			v := members(d.doc()["templating"].(map[string]any)["list"])[0].(map[string]any)
			if v["type"] != "constant" || v["query"] != "soest" {
				t.Errorf("%s can show others: variable %v", uid, v)
			}
		}
	}
	wantRights := map[string]string{"modellregion": "[team Leitstelle]", "modellregion-soest": "[team Leitstelle team Stadt Soest]"}
	for folder, want := range wantRights {
		r := run{teams: map[string]uint{"Leitstelle": 11, "Stadt Soest": 12}}
		var have []permission
		for _, m := range f.rights[folder] {
			p := permission{Role: text(m["role"])}
			fmt.Sscan(fmt.Sprint(m["permission"]), &p.Permission)
			fmt.Sscan(fmt.Sprint(m["teamId"]), &p.TeamID)
			fmt.Sscan(fmt.Sprint(m["userId"]), &p.UserID)
			have = append(have, p)
		}
		if got := fmt.Sprint(r.readers(have)); got != want {
			t.Errorf("readers of %s are %s, want %s", folder, got, want)
		}
		if !slices.ContainsFunc(have, func(p permission) bool { return p.UserID == 7 && p.Permission == 4 }) {
			t.Errorf("rights of an administrator of %s are gone: %v", folder, have)
		}
	}
	f.writes = nil
	if did := changed(mustApply(t, c)); len(did) > 0 || len(f.writes) > 0 {
		t.Errorf("second apply: %q, %q", did, f.writes)
	}
	// One that is in the configuration no more loses its dashboards, and a team its view.
	c.Municipalities, c.Teams = c.Municipalities[:1], nil
	mustApply(t, c)
	if f.find("modellregion-verkehr-soest") == nil || len(f.dashboards) != 2*len(all(t))-1 {
		t.Errorf("%d dashboards are there, want those of the region and of Soest", len(f.dashboards))
	}
	if got := fmt.Sprint(f.rights["modellregion"]); strings.Contains(got, "teamId:11") {
		t.Errorf("the team still reads: %s", got)
	}
}

func text(v any) string { s, _ := v.(string); return s }

func shownAll(t *testing.T, v any) string {
	t.Helper()
	raw, err := yamlOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Whatever is there under our names and is not ours is used or left, never
// replaced, and does not keep the rest from being written.
func TestApplyBesideOthers(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.sources = []map[string]any{{"id": 1, "uid": "byhand_influx", "name": DataSourceName, "type": "influxdb", "isDefault": true, "url": "http://elsewhere"}}
	c := f.config()
	if _, err := apply(t, c); err == nil || !strings.Contains(err.Error(), "byhand_influx is not ours") || len(f.writes) > 1 {
		t.Errorf("another data source of the name: %v, writes %q", err, f.writes)
	}
	c.TakeOver = true
	mustApply(t, c)
	if len(f.sources) != 2 || f.sources[0]["uid"] != "byhand_influx" || f.sources[0]["isDefault"] != true || f.sources[0]["url"] != f.influx.URL {
		t.Errorf("data sources %v", f.sources)
	}
	if !strings.Contains(shownAll(t, f.find("modellregion-umwelt").doc()), "byhand_influx") {
		t.Error("panels do not use the data source that is there")
	}

	c.TakeOver = false
	f.edit("modellregion-umwelt", func(doc map[string]any) { doc["tags"] = []any{"meins"}; doc["description"] = "meins" })
	f.edit("modellregion-verkehr", func(doc map[string]any) { doc["description"] = "meins" })
	f.alerting.rules[0]["labels"] = map[string]any{"team": "x"}
	f.alerting.rules[0]["for"] = "1h"
	steps, err := apply(t, c)
	if err == nil || !strings.Contains(err.Error(), "dashboard Umwelt (modellregion-umwelt)") || !strings.Contains(err.Error(), "alert rule Stau") {
		t.Errorf("others' things of our uid: %v", err)
	}
	if did := changed(steps); len(did) != 1 || !strings.Contains(did[0], "Verkehr") {
		t.Errorf("the rest was not written: %q", did)
	}
	if d := f.find("modellregion-umwelt"); len(d.versions) != 2 {
		t.Error("somebody else's dashboard was touched")
	}
	c.TakeOver = true
	if did := changed(mustApply(t, c)); len(did) != 2 {
		t.Errorf("taking over did %q", did)
	}
}

// The tree of notification policies belongs to all: our branch is put in front,
// and nothing else changes.
func TestApplyPolicies(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	theirs := map[string]any{"receiver": "grafana-default-email", "object_matchers": []any{[]any{"team", "=", "it"}}, "mute_time_intervals": []any{"nachts"}}
	f.alerting.tree["routes"] = []any{theirs}
	c := f.regionAlone()
	mustApply(t, c)
	routes := members(f.alerting.tree["routes"])
	if len(routes) != 2 || !isOurRoute(routes[0]) || fmt.Sprint(routes[1]) != fmt.Sprint(theirs) || f.alerting.tree["receiver"] != "grafana-default-email" {
		t.Fatalf("the tree is %v", f.alerting.tree)
	}
	// An operator mutes our branch and moves it; both stay when it changes.
	ours := routes[0].(map[string]any)
	ours["mute_time_intervals"] = []any{"ferien"}
	f.alerting.tree["routes"] = []any{theirs, ours}
	c.ContactPoints = c.ContactPoints[:1]
	steps := mustApply(t, c)
	routes = members(f.alerting.tree["routes"])
	if len(routes) != 2 || fmt.Sprint(routes[1].(map[string]any)["mute_time_intervals"]) != "[ferien]" || len(members(routes[1].(map[string]any)["routes"])) != 1 {
		t.Errorf("the tree is %v", f.alerting.tree)
	}
	if got := fmt.Sprint(changed(steps)); !strings.Contains(got, "bauhof (webhook): removed") {
		t.Errorf("steps %s", got)
	}
	c.ContactPoints = nil
	mustApply(t, c)
	if routes = members(f.alerting.tree["routes"]); len(routes) != 1 || len(f.alerting.contacts) != 1 {
		t.Errorf("without contact points the tree is %v, contacts %v", f.alerting.tree, f.alerting.contacts)
	}
}

func TestApplyContactPoints(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.regionAlone()
	steps := mustApply(t, c)
	if got := fmt.Sprint(steps); strings.Contains(got, "webhook-secret") {
		t.Errorf("a secret is told: %s", got)
	}
	i := with(f.alerting.contacts, "uid", "modellregion-bauhof-webhook")
	if i < 0 || f.alerting.contacts[i]["settings"].(map[string]any)["password"] != "webhook-secret" {
		t.Fatalf("contacts %v", f.alerting.contacts)
	}
	c.ContactPoints[1].Webhook.Password = "rotated"
	if did := changed(mustApply(t, c)); len(did) > 0 {
		t.Errorf("without being asked to: %q", did)
	}
	c.Secrets = true
	mustApply(t, c)
	if f.alerting.contacts[i]["settings"].(map[string]any)["password"] != "rotated" {
		t.Error("the new secret was not written")
	}
	f.alerting.contacts[i]["settings"].(map[string]any)["url"] = "https://elsewhere.example.org/"
	c.Secrets = false
	if did := changed(mustApply(t, c)); len(did) != 1 || f.alerting.contacts[i]["settings"].(map[string]any)["url"] != "https://alarm.example.org/" {
		t.Errorf("a changed address: %q", did)
	}
	// A name that somebody else has would become theirs and ours.
	c.ContactPoints = append(c.ContactPoints, ContactPoint{Name: "andere", Mail: []string{"x@example.org"}})
	f.alerting.contacts = append(f.alerting.contacts, map[string]any{"uid": "abc", "name": "Modellregion andere", "type": "email", "settings": map[string]any{}})
	if _, err := apply(t, c); err == nil || !strings.Contains(err.Error(), "uid abc and is not ours") {
		t.Errorf("a name that is taken: %v", err)
	}
}

var numbered = regexp.MustCompile(`[0-9]+$|/(uid|alert-rules|contact-points|folders)/[^/]+`)

// A failure at any request is told, with what it was about, and applying
// again ends where an undisturbed one would have. Of requests of one kind the
// first and the last fail.
func TestApplyIsRepeatable(t *testing.T) {
	t.Parallel()
	var kinds []string
	count := newFake(t)
	count.fail = func(method, path string) int {
		kinds = append(kinds, numbered.ReplaceAllString(method+" "+path, ""))
		return 0
	}
	mustApply(t, count.regionAlone())
	tried := 0
	for failing, kind := range kinds {
		if slices.Contains(kinds[:failing], kind) && slices.Contains(kinds[failing+1:], kind) {
			continue
		}
		tried++
		f := newFake(t)
		n := 0
		f.fail = func(string, string) int {
			n++
			if n == failing+1 {
				return http.StatusBadGateway
			}
			return 0
		}
		c := f.regionAlone()
		if _, err := apply(t, c); err == nil || !strings.Contains(err.Error(), "502") {
			t.Fatalf("request %d (%s) fails: %v", failing+1, kind, err)
		}
		f.fail = nil
		mustApply(t, c)
		f.writes = nil
		if did := changed(mustApply(t, c)); len(did) > 0 || len(f.writes) > 0 {
			t.Errorf("after a failure of %s: %q, %q", kind, did, f.writes)
		}
		if len(f.dashboards) != len(count.dashboards) || len(f.folders) != 1 || len(f.sources) != 2 || len(f.alerting.rules) != len(alerts()) {
			t.Errorf("after a failure of %s: %d dashboards, %d folders, %d data sources, %d rules",
				kind, len(f.dashboards), len(f.folders), len(f.sources), len(f.alerting.rules))
		}
	}
	if tried < 25 {
		t.Errorf("%d kinds of failure were tried: %q", tried, kinds)
	}
}

func TestApplyEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Apply(ctx, f.config(), func(Step) {}); err == nil || len(f.writes) > 0 {
		t.Errorf("cancelled: %v, writes %q", err, f.writes)
	}
}
