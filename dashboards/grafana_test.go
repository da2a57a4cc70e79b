package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/internal/influx"
)

// What the client takes for granted of Grafana holds for the fake and, where
// GRAFANA_URL and GRAFANA_TOKEN name one on this machine, for a real Grafana
// (9.4 to 12). Everything of the region's in it is removed.
func TestGrafana(t *testing.T) {
	t.Run("fake", func(t *testing.T) { conforms(t, newFake(t).config()) })
	t.Run("real", func(t *testing.T) {
		address, token := os.Getenv("GRAFANA_URL"), os.Getenv("GRAFANA_TOKEN")
		if address == "" || token == "" {
			t.Skip("GRAFANA_URL and GRAFANA_TOKEN do not name a Grafana")
		}
		db := openAlertDB(t)
		conforms(t, Config{URL: address, Token: token, Version: "test", PublicURL: "https://daten.example.org/", InfluxDB: InfluxDB{
			URL: db.url, Username: db.read.Username, Password: db.read.Password,
		}})
	})
}

func conforms(t *testing.T, c Config) {
	remove := func() {
		if err := Delete(t.Context(), c, false, func(Step) {}); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	remove()
	t.Cleanup(func() {
		g, err := connect(c)
		if err != nil {
			t.Fatal(err)
		}
		defer g.close()
		if _, err := g.GetFolderByUID(t.Context(), FolderUID); err == nil {
			t.Error("the folder is left")
		}
	})
	hook := newReceived(t)
	c.Municipalities = []Municipality{{ID: "soest", Name: "Soest", Teams: []string{"Modellregion Test Soest"}}}
	c.Teams = []string{"Modellregion Test"}
	c.ContactPoints = []ContactPoint{{Name: "test", Webhook: &Webhook{URL: hook.URL, Token: "t0k3n"}, Mail: []string{"nobody@example.org"}}}
	mustApply(t, c)
	if did := changed(mustApply(t, c)); len(did) > 0 {
		t.Errorf("second apply: %q", did)
	}
	g, err := connect(c)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	const uid = "modellregion-umwelt"
	have, err := g.dashboard(t.Context(), uid)
	if err != nil || have.version != 1 || have.folderUID != FolderUID || !slices.Contains(have.tags, tag) {
		t.Fatalf("after two applies: version %d in folder %s with tags %q, %v", have.version, have.folderUID, have.tags, err)
	}
	t.Run("refusals", func(t *testing.T) { refusals(t, g, have) })
	t.Run("by hand", func(t *testing.T) { byHand(t, c, g) })
	t.Run("of others", func(t *testing.T) { ofOthers(t, c, g) })
	t.Run("webhook", func(t *testing.T) {
		var lines []string
		err := TryContactPoints(t.Context(), c, func(line string) { lines = append(lines, line) })
		if err != nil && !strings.Contains(err.Error(), "(email)") { // a Grafana in a test has no mail server
			t.Error(err)
		}
		if len(hook.bodies) != 1 || !strings.Contains(hook.bodies[0], "Probealarm") || hook.logins[0] != "Bearer t0k3n" {
			t.Errorf("%q; the webhook got %q with login %q", lines, hook.bodies, hook.logins)
		}
	})
	remove()
	if _, err := g.dashboard(t.Context(), uid); !answered(err, http.StatusNotFound) {
		t.Errorf("after delete: %v", err)
	}
}

// remade is a dashboard as Grafana has it, changed.
func remade(t *testing.T, have held, change func(doc map[string]any)) Dashboard {
	t.Helper()
	doc := clone[map[string]any](t, have.raw)
	change(doc)
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return Dashboard{JSON: raw}
}

func refusals(t *testing.T, g grafana, have held) {
	status := func(err error) (int, string) {
		var no *refusal
		if !errors.As(err, &no) {
			t.Errorf("no refusal but %v", err)
			return 0, ""
		}
		return no.status, no.reason
	}
	same := remade(t, have, func(map[string]any) {})
	old := have
	old.version = 999
	_, err := g.save(t.Context(), same, FolderUID, "", old)
	if n, why := status(err); n != 412 || why != "version-mismatch" {
		t.Errorf("another version: %v (%s)", err, why)
	}
	_, err = g.save(t.Context(), remade(t, have, func(doc map[string]any) { doc["title"] = "" }), FolderUID, "", have)
	if n, _ := status(err); n != 400 {
		t.Errorf("no title: %v", err)
	}
	_, err = g.save(t.Context(), same, "modellregion-nirgends", "", have)
	if n, _ := status(err); n != 400 && n != 404 {
		t.Errorf("no folder: %v", err)
	}
	twin := remade(t, have, func(doc map[string]any) { doc["uid"] = "modellregion-zwilling" })
	if _, err := g.save(t.Context(), twin, FolderUID, "", held{}); err == nil {
		_, err = g.DeleteDashboardByUID(t.Context(), "modellregion-zwilling") // newer ones allow it
		if err != nil {
			t.Error(err)
		}
	} else if n, why := status(err); n != 412 || why != "name-exists" {
		t.Errorf("the same title: %v (%s)", err, why)
	}
	now, err := g.dashboard(t.Context(), "modellregion-umwelt")
	if err != nil || now.version != have.version {
		t.Errorf("after refusals version %d, %v", now.version, err)
	}
	if _, err := g.dashboard(t.Context(), "modellregion-nirgends"); !answered(err, http.StatusNotFound) {
		t.Errorf("a dashboard that there is not: %v", err)
	}
	if _, err := g.alertRule(t.Context(), alertUID+"nirgends"); !answered(err, http.StatusNotFound) {
		t.Errorf("a rule that there is not: %v", err)
	}
	rule := ruleNamed(t, "stau")
	rule.UID = alertUID + "zwilling"
	if err := g.writeAlerting(t.Context(), http.MethodPost, rulesPath, "", rule); err == nil || !ofOneThing(err) {
		t.Errorf("two rules of one title: %v", err)
	}
	tree, err := g.policies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tree["routes"] = append(members(tree["routes"]), map[string]any{"receiver": "Modellregion nirgends"})
	if err := g.writeAlerting(t.Context(), http.MethodPut, policiesPath, "", tree); !answered(err, http.StatusBadRequest) {
		t.Errorf("a policy to nobody: %v", err)
	}
}

// byHand changes something as an operator, sees it told and written again.
func byHand(t *testing.T, c Config, g grafana) {
	const uid = "modellregion-umwelt"
	have, err := g.dashboard(t.Context(), uid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.save(t.Context(), remade(t, have, func(doc map[string]any) { doc["description"] = "meins" }), FolderUID, "von Hand", have); err != nil {
		t.Fatal(err)
	}
	rule, err := g.alertRule(t.Context(), alertUID+"stau")
	if err != nil {
		t.Fatal(err)
	}
	rule.For = "1h"
	if err := g.writeAlerting(t.Context(), http.MethodPut, rulesPath+"/"+rule.UID, rule.Provenance, rule.alertRule); err != nil {
		t.Fatal(err)
	}
	steps, err := diff(t, c)
	if err != nil {
		t.Fatal(err)
	}
	var hand, changes string
	for _, s := range steps {
		hand += strings.Join(s.ByHand, "\n")
		changes += strings.Join(s.Changes, "\n")
	}
	if !strings.Contains(hand, `("von Hand")`) || !strings.Contains(hand, `→ "meins"`) || !strings.Contains(changes, `for: "1h" → "10m"`) {
		t.Errorf("told was by hand %q, to change %q", hand, changes)
	}
	if did := changed(mustApply(t, c)); len(did) != 2 {
		t.Errorf("apply did %q", did)
	}
	if did := changed(mustApply(t, c)); len(did) != 0 {
		t.Errorf("once more: %q", did)
	}
}

// ofOthers makes a dashboard somebody else's.
func ofOthers(t *testing.T, c Config, g grafana) {
	const uid = "modellregion-umwelt"
	have, err := g.dashboard(t.Context(), uid)
	if err != nil {
		t.Fatal(err)
	}
	theirs := remade(t, have, func(doc map[string]any) { doc["tags"], doc["description"] = []any{"meins"}, "meins" })
	if _, err := g.save(t.Context(), theirs, FolderUID, "", have); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, c); err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("apply: %v", err)
	}
	c.TakeOver = true
	if did := changed(mustApply(t, c)); len(did) != 1 {
		t.Errorf("taking over did %q", did)
	}
}

func TestGrafanaToken(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Token, c.User, c.Password = "", "admin", "pass:word"
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for range 2 {
		token, err := Token(t.Context(), c, "modellregion", now)
		if err != nil || token != f.token {
			t.Fatalf("token %q, %v", token, err)
		}
	}
	if len(f.accounts) != 1 || f.accounts[0]["role"] != "Admin" {
		t.Errorf("service accounts %v", f.accounts)
	}
	f.accounts[0]["role"] = "Viewer"
	if _, err := Token(t.Context(), c, "modellregion", now); err == nil || !strings.Contains(err.Error(), "role Viewer, want Admin") {
		t.Errorf("another role: %v", err)
	}
	f.accounts[0]["role"], f.accounts[0]["isDisabled"] = "Admin", true
	if _, err := Token(t.Context(), c, "modellregion", now); err == nil || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("disabled: %v", err)
	}
}

// The data source of the three versions of InfluxDB.
func TestGrafanaDataSource(t *testing.T) {
	raw := InfluxDB{}.sources()[0]
	user := raw.settings(InfluxDB{URL: "http://influxdb:8086", Username: "reader", Password: "s3cret"})
	token := raw.settings(InfluxDB{URL: "http://influxdb:8086", Token: "s3cret"})
	for name, test := range map[string]struct {
		got  any
		want string
	}{
		"database at the top, for Grafana 9":    {*user.Database, influx.Raw},
		"database in jsonData, for Grafana 10":  {user.JSONData.(map[string]any)["dbName"], influx.Raw},
		"password":                              {user.SecureJSONData.(map[string]any)["password"], "s3cret"},
		"header's name for InfluxDB 2 and 3":    {token.JSONData.(map[string]any)["httpHeaderName1"], "Authorization"},
		"header's content for InfluxDB 2 and 3": {token.SecureJSONData.(map[string]any)["httpHeaderValue1"], "Token s3cret"},
		"no header with user and password":      {fmt.Sprint(user.JSONData.(map[string]any)["httpHeaderName1"]), "<nil>"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %v, want %s", name, test.got, test.want)
		}
	}
	if text := fmt.Sprint(shownSettings(user), shownSettings(token)); strings.Contains(text, "s3cret") {
		t.Errorf("a secret is shown: %s", text)
	}
}
