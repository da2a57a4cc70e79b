package dashboards

import (
	"fmt"
	"strings"
	"testing"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	theirs := map[string]any{"receiver": "grafana-default-email", "object_matchers": []any{[]any{"team", "=", "it"}}}
	f.alerting.tree["routes"] = []any{theirs}
	c := f.full()
	mustApply(t, c)
	mine := &fakeBoard{id: 77, folder: "modellregion-soest", versions: []fakeVersion{{map[string]any{"uid": "meins", "title": "Meins", "tags": []any{tag}}, "", "erika"}}}
	f.dashboards = append(f.dashboards, mine)
	c = f.config() // it finds everything without the configuration
	f.writes = nil

	for _, dry := range []bool{true, false} {
		var steps []Step
		if err := Delete(t.Context(), c, dry, func(s Step) { steps = append(steps, s) }); err != nil {
			t.Fatal(err)
		}
		removed := 0
		for _, s := range steps {
			if s.Action == Remove {
				removed++
			}
			if s.Action != Remove && s.What != "folder Modellregion Soest" {
				t.Errorf("dry %v: %s", dry, s)
			}
		}
		// Per folder: dashboards; rules, policy, two contact points, two data sources and two of three folders.
		if want := 3*2 + len(alerts()) + 1 + 2 + 2 + 2; removed != want {
			t.Errorf("dry %v: %d things removed, want %d", dry, removed, want)
		}
		if dry && len(f.writes) > 0 {
			t.Errorf("dry, and writes %q", f.writes)
		}
	}
	if len(f.dashboards) != 1 || len(f.folders) != 1 || len(f.sources) != 0 || len(f.alerting.rules) != 0 || len(f.alerting.contacts) != 1 || len(f.teams) != 2 {
		t.Errorf("left are %d dashboards, folders %v, data sources %v, rules %v, contacts %v, teams %v",
			len(f.dashboards), f.folders, f.sources, f.alerting.rules, f.alerting.contacts, f.teams)
	}
	if got := fmt.Sprint(f.alerting.tree["routes"]); got != fmt.Sprint([]any{theirs}) {
		t.Errorf("policies %s", got)
	}
	var steps []Step
	if err := Delete(t.Context(), c, false, func(s Step) { steps = append(steps, s) }); err != nil || len(changed(steps)) > 0 {
		t.Errorf("deleting again: %q, %v", changed(steps), err)
	}
}

// What is in a file comes back by itself, so it stays.
func TestDeleteLeavesFiles(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.config()
	mustApply(t, c)
	f.find("modellregion-umwelt").provisioned = true
	f.alerting.rules[0]["provenance"] = "file"
	f.sources[0]["readOnly"] = true
	var kept []string
	if err := Delete(t.Context(), c, false, func(s Step) {
		if s.Action == Keep {
			kept = append(kept, s.String())
		}
	}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(kept, "\n")
	for _, want := range []string{"dashboard Umwelt", "alert rule Stau", "data source", "folder Modellregion: unchanged, it holds"} {
		if !strings.Contains(got, want) {
			t.Errorf("kept is\n%s\nwant %s too", got, want)
		}
	}
	if f.find("modellregion-umwelt") == nil || len(f.sources) != 1 || len(f.folders) != 1 {
		t.Error("something from a file was removed")
	}
}
