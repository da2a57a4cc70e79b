package dashboards

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/uplink"
)

func ruleNamed(t *testing.T, name string) alertRule {
	t.Helper()
	for _, r := range (Config{URL: "https://grafana.example.org"}).alertRules(DataSourceUID) {
		if r.UID == alertUID+name {
			return r
		}
	}
	t.Fatalf("there is no alert rule %s", name)
	return alertRule{}
}

// Every rule says in German what it is and what to do, and refers to what there
// is.
func TestAlertRules(t *testing.T) {
	titles := map[string]bool{}
	for _, r := range (Config{URL: "https://grafana.example.org/"}).alertRules(DataSourceUID) {
		refs := map[string]bool{}
		for _, d := range r.Data {
			text, _ := d.Model["expression"].(string)
			for _, m := range reference.FindAllStringSubmatch(text, -1) {
				if !refs[m[1]] {
					t.Errorf("%s: %s refers to %s, which does not come before it", r.Title, text, m[1])
				}
			}
			refs[d.RefID] = true
			if d.DatasourceUID != exprSource && (d.RelativeTimeRange.From < 600 || !strings.Contains(d.Model["query"].(string), "$timeFilter")) {
				t.Errorf("%s: the query is for %+v: %s", r.Title, d.RelativeTimeRange, d.Model["query"])
			}
		}
		if !refs[r.Condition] || titles[r.Title] || len(r.UID) > maxUID || r.RuleGroup == "" || r.FolderUID != FolderUID {
			t.Errorf("rule %+v", r)
		}
		titles[r.Title] = true
		for name, text := range r.Annotations {
			if strings.Contains(text, "$") || len(text) < 20 {
				t.Errorf("%s: %s is %q", r.Title, name, text)
			}
		}
		if d := r.Annotations["description"]; len(d) < 100 || !strings.HasSuffix(d, ".") {
			t.Errorf("%s: what to do is %q", r.Title, d)
		}
		if !strings.HasPrefix(r.Annotations["leitstand"], "https://grafana.example.org/d/modellregion-") {
			t.Errorf("%s leads to %q", r.Title, r.Annotations["leitstand"])
		}
		if s := r.Labels[labelSevere]; s != severe && s != milder || r.Labels[labelMark] != markAlarm || r.Labels[labelArea] != r.RuleGroup {
			t.Errorf("%s: labels %v", r.Title, r.Labels)
		}
		if !slices.Contains([]string{stateOK, stateAlerting}, r.NoDataState) || !slices.Contains([]string{stateError, stateAlerting}, r.ExecErrState) {
			t.Errorf("%s: without data %s, with an error %s", r.Title, r.NoDataState, r.ExecErrState)
		}
	}
	if r := ruleNamed(t, "stau"); r.For != "10m" {
		t.Errorf("stau is pending for %s", r.For)
	}
}

// Alarms lead to dashboards that there are.
func TestAlertRulesLeadSomewhere(t *testing.T) {
	there := map[string]bool{}
	for _, d := range all(t) {
		there[d.UID] = true
	}
	for _, a := range alerts() {
		if !there[a.board] {
			t.Errorf("rule %s leads to %s, which is no dashboard", a.title, a.board)
		}
	}
	c := Config{URL: "https://g.example.org", Municipalities: []Municipality{{ID: "soest"}, {ID: "aachen"}}}
	for municipality, want := range map[string]string{
		"soest":  "https://g.example.org/d/modellregion-zaehlstelle-soest?var-station=s1",
		"aachen": "https://g.example.org/d/modellregion-zaehlstelle-aachen?var-station=s1",
		"herne":  "https://g.example.org/d/modellregion-zaehlstelle?var-station=s1",
	} {
		a := raised{labels: map[string]string{"municipality": municipality, "station": "s1"}}
		if got := expand(t, c.link(trafficAlerts()[0]), a); got != want {
			t.Errorf("in %s the link is %s", municipality, got)
		}
	}
}

// Every name in a query is one that is stored: InfluxDB would answer an unknown
// one with nothing, and the alarm would never come.
func TestAlertRulesNames(t *testing.T) {
	quoted := regexp.MustCompile(`"([^"]+)"`)
	from, as := regexp.MustCompile(`FROM "([^"]+)"`), regexp.MustCompile(`AS "([^"]+)"`)
	stored := map[string][]string{
		influx.MeasurementHealth:     {influx.TagSender, influx.TagID, influx.TagEdge, influx.TagDomain, influx.TagMunicipality, influx.FieldSilent},
		influx.MeasurementPlace:      {influx.TagDevice, influx.TagMunicipality, influx.TagDomain, influx.FieldLat},
		influx.MeasurementDeadLetter: {influx.TagEdge, influx.TagReason, influx.FieldMessage},
		influx.MeasurementPlatform: {influx.TagRole, influx.TagInstance, influx.TagEdge, influx.FieldReadings, influx.FieldLag, influx.FieldOutbox,
			influx.FieldBehind, influx.FieldDiskFree, influx.FieldDiskSize, influx.FieldDiskFullIn},
	}
	for _, domain := range uplink.Domains() {
		names := []string{influx.TagMunicipality, influx.TagStation, influx.TagChannel}
		for _, q := range devices.Quantities() {
			if q.Domain == domain {
				names = append(names, q.Name)
			}
		}
		stored[string(domain)] = names
	}
	for _, q := range AlertQueries() {
		m := from.FindStringSubmatch(q.InfluxQL)
		known := append([]string{m[1]}, stored[m[1]]...)
		for _, a := range as.FindAllStringSubmatch(q.InfluxQL, -1) {
			known = append(known, a[1])
		}
		for _, name := range quoted.FindAllStringSubmatch(q.InfluxQL, -1) {
			if !slices.Contains(known, name[1]) {
				t.Errorf("%s: no %q is stored: %s", q.Rule, name[1], q.InfluxQL)
			}
		}
	}
}

// The handbook has every alarm in both languages, with its time pending.
func TestAlertsInTheHandbook(t *testing.T) {
	for path, none := range map[string]string{"../docs/handbuch/leitstand.md": "keine", "../docs/handbook/control-room.md": "none"} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for line := range strings.Lines(string(page)) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			if len(cells) != 4 {
				continue
			}
			i := slices.IndexFunc(alerts(), func(a alert) bool {
				title, _, _ := strings.Cut(cells[0], "(")
				return strings.TrimSpace(title) == a.title
			})
			if i < 0 {
				continue
			}
			rows++
			want := none
			if p := alerts()[i].pending; p > 0 {
				want = fmt.Sprintf("%d min", p/minute)
			}
			if got := strings.TrimSpace(cells[3]); got != want {
				t.Errorf("%s: %s is pending for %s, want %s", path, cells[0], got, want)
			}
		}
		if rows != len(alerts()) {
			t.Errorf("%s has %d of %d alarms", path, rows, len(alerts()))
		}
	}
}

// A platform that writes is heard, and one that stopped is not.
func testStoppedPlatform(t *testing.T, db alertDB, now time.Time) {
	w := &written{now: now}
	figures("process", "readings=1", 2*time.Hour, time.Hour)(w, "host:9090")
	db.put(t, w.String())
	rule := ruleNamed(t, "schweigt")
	if got := evaluate(t, db, rule, now.Add(-time.Hour)); got.rows == 0 || len(got.alarms) > 0 {
		t.Errorf("while it writes: %+v", got)
	}
	if got := evaluate(t, db, rule, now); got.rows > 0 || rule.NoDataState != stateAlerting {
		t.Errorf("after it stopped: %+v, and without data it is %s", got, rule.NoDataState)
	}
}

// A value around a limit raises one alarm and not one after the other. By the
// limit alone it would.
func testFlapping(t *testing.T, db alertDB, now time.Time) {
	tests := []struct {
		rule   string
		domain uplink.Domain
		limit  float64 // what a rule without hysteresis would compare with
		field  string
		values [2]float64 // in turn, for 10 minutes each
		above  bool
	}{
		{"spannung", uplink.Energy, 253, "voltage=%v", [2]float64{252, 254}, true},
		{"trafo", uplink.Energy, 100, "load=%v", [2]float64{97, 103}, true},
		{"stau", uplink.Traffic, 15, "vehicle_count=3,speed_mean=%v", [2]float64{18, 12}, false},
	}
	const hours = 6
	w := &written{now: now}
	for _, test := range tests {
		for d := hours * time.Hour; d >= 0; d -= minute {
			v := test.values[int(d/(10*minute))%2]
			w.every(minute, d, d, station(test.domain, "s-"+test.rule), fmt.Sprintf(test.field, v))
		}
	}
	db.put(t, w.String())
	for _, test := range tests {
		rule := ruleNamed(t, test.rule)
		pending, err := time.ParseDuration(rule.For)
		if err != nil {
			t.Fatal(err)
		}
		began, naive, firing, crossed := 0, 0, false, false
		since := time.Time{}
		for at := now.Add(-(hours - 1) * time.Hour); !at.After(now); at = at.Add(5 * minute) {
			holds := len(evaluate(t, db, rule, at).alarms) > 0
			if !holds {
				firing, since = false, time.Time{}
			} else if since.IsZero() {
				since = at
			}
			if holds && !firing && at.Sub(since) >= pending {
				firing = true
				began++
			}
			beyond := test.values[int(now.Sub(at)/(10*minute))%2] > test.limit == test.above
			if beyond && !crossed {
				naive++
			}
			crossed = beyond
		}
		if began != 1 || !firing || naive < 10 {
			t.Errorf("%s began %d times and fires: %v; the limit was crossed %d times", rule.Title, began, firing, naive)
		}
	}
}

// received is a webhook of somebody.
type received struct {
	*httptest.Server
	bodies, logins []string
}

func newReceived(t *testing.T) *received {
	r := &received{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.bodies, r.logins = append(r.bodies, string(body)), append(r.logins, req.Header.Get("Authorization"))
	}))
	t.Cleanup(r.Close)
	return r
}

// Ice on a bridge of Soest goes the whole way: query, condition, text, policy,
// contact point, webhook; and reaches who wants it alone.
func testWayToWebhook(t *testing.T, db alertDB, now time.Time) {
	w := &written{now: now}
	w.every(5*minute, 30*minute, 0, "road,device=0,municipality=soest,station=br-1", "surface_state=6,surface_temperature=-1")
	db.put(t, w.String())

	bauhof, others := newReceived(t), newReceived(t)
	f := newFake(t)
	c := f.config()
	c.ContactPoints = []ContactPoint{
		{Name: "bauhof", Webhook: &Webhook{URL: bauhof.URL, Token: "t0k3n"}, Municipalities: []string{"soest", "unna"}, Areas: []Area{AreaRoad}},
		{Name: "verkehr", Webhook: &Webhook{URL: others.URL}, Areas: []Area{AreaTraffic, AreaPlatform}},
		{Name: "unna", Webhook: &Webhook{URL: others.URL}, Municipalities: []string{"unna"}},
		{Name: "leitstelle", Webhook: &Webhook{URL: bauhof.URL, Username: "u", Password: "p"}},
	}
	mustApply(t, c)

	var sent []string
	for _, raw := range f.alerting.rules {
		rule := clone[alertRule](t, raw)
		for _, a := range evaluate(t, db, rule, now).alarms {
			n := rule.notification(t, a)
			for _, name := range routed(f.alerting.tree, "", n.Labels) {
				i := with(f.alerting.contacts, "name", name)
				if err := sendWebhook(name, f.alerting.contacts[i]["settings"].(map[string]any), []notified{n}); err != nil {
					t.Fatal(err)
				}
				sent = append(sent, name)
			}
		}
	}
	if fmt.Sprint(sent) != "[Modellregion bauhof Modellregion leitstelle]" || len(others.bodies) > 0 || fmt.Sprint(bauhof.logins) != "[Bearer t0k3n Basic dTpw]" {
		t.Fatalf("sent to %q, logins %q, others got %q", sent, bauhof.logins, others.bodies)
	}
	var got struct {
		Receiver, Status string
		Alerts           []notified
	}
	if err := json.Unmarshal([]byte(bauhof.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	n := got.Alerts[0]
	if got.Receiver != "Modellregion bauhof" || n.Labels["alertname"] != "Glätte" || n.Labels["schwere"] != severe ||
		n.Annotations["summary"] != "Glätte an br-1 (soest): Schneematsch, Schnee, Eis oder Reif" ||
		n.Annotations["leitstand"] != f.URL+"/sub/d/modellregion-strassenzustand?var-station=br-1" {
		t.Errorf("the webhook got %s", bauhof.bodies[0])
	}
	// An alarm that no contact point wants goes where Grafana's own policy says.
	c.ContactPoints = c.ContactPoints[1:3]
	mustApply(t, c)
	if to := routed(f.alerting.tree, "", n.Labels); fmt.Sprint(to) != "[grafana-default-email]" {
		t.Errorf("nobody wants it, and it goes to %q", to)
	}
}

// A trial alarm reaches the webhook by Grafana, and what goes wrong is told.
func TestAlertTrial(t *testing.T) {
	good := newReceived(t)
	bad := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(bad.Close)
	f := newFake(t)
	c := f.config()
	if err := TryContactPoints(t.Context(), c, func(string) {}); err == nil || !strings.Contains(err.Error(), "no contact point") {
		t.Errorf("without one: %v", err)
	}
	c.ContactPoints = []ContactPoint{
		{Name: "kaputt", Webhook: &Webhook{URL: bad.URL}},
		{Name: "gut", Webhook: &Webhook{URL: good.URL, Username: "u", Password: "p"}, Mail: []string{"a@example.org"}},
	}
	var lines []string
	err := TryContactPoints(t.Context(), c, func(line string) { lines = append(lines, line) })
	if err == nil || !strings.Contains(err.Error(), "Modellregion kaputt (webhook): Grafana could not send it: webhook response status 404") || strings.Contains(err.Error(), "gut") {
		t.Errorf("error %v", err)
	}
	if len(lines) != 2 || len(good.bodies) != 1 || !strings.Contains(good.bodies[0], "Probealarm") || good.logins[0] != "Basic dTpw" {
		t.Errorf("lines %q, the webhook got %q", lines, good.bodies)
	}
	f.editor = true
	if err := TryContactPoints(t.Context(), c, func(string) {}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("as editor: %v", err)
	}
}

func TestAlertMail(t *testing.T) {
	p := ContactPoint{Name: "x", Mail: []string{"a@example.org", "b@example.org"}}
	s := p.receivers()[0].Settings
	if s["addresses"] != "a@example.org;b@example.org" || strings.Contains(fmt.Sprint(s), "$") {
		t.Errorf("settings %v", s)
	}
}
