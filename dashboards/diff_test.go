package dashboards

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func diff(t *testing.T, c Config) ([]Step, error) {
	t.Helper()
	var steps []Step
	err := Diff(t.Context(), c, func(s Step) { steps = append(steps, s) })
	return steps, err
}

// Diff tells what Apply does, in the same words, and does nothing.
func TestDiffIsWhatApplyDoes(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.full()
	told, err := diff(t, c)
	if err != nil || len(f.writes) > 0 {
		t.Fatalf("%v, writes %q", err, f.writes)
	}
	did := mustApply(t, c)
	if len(told) != len(did) {
		t.Fatalf("diff told of %d things, apply of %d", len(told), len(did))
	}
	for i := range told {
		if told[i].What != did[i].What || told[i].Action != did[i].Action {
			t.Errorf("diff told %s, apply did %s", told[i], did[i])
		}
	}
	told, err = diff(t, c)
	if all := changed(told); err != nil || len(all) > 0 {
		t.Errorf("afterwards: %q, %v", all, err)
	}
}

func TestDiffTellsWhatWasDoneByHand(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.config()
	mustApply(t, c)
	f.edit("modellregion-umwelt", func(doc map[string]any) {
		doc["description"] = "meins"
		p := members(doc["panels"])[1].(map[string]any)
		p["title"] = "Luft & Lärm"
	})
	f.alerting.rules[0]["for"] = "1h"
	f.writes = nil
	c.PublicURL = "https://daten.example.org/" // what the code would change beside
	steps, err := diff(t, c)
	if err != nil || len(f.writes) > 0 {
		t.Fatalf("%v, writes %q", err, f.writes)
	}
	find := func(what string) Step {
		i := slices.IndexFunc(steps, func(s Step) bool { return strings.HasPrefix(s.What, what) })
		if i < 0 {
			t.Fatalf("nothing is told of %s", what)
		}
		return steps[i]
	}
	s := find("dashboard Umwelt")
	hand, changes := strings.Join(s.ByHand, "\n"), strings.Join(s.Changes, "\n")
	if !strings.Contains(hand, "version 2 by erika at 2026-11-23 10:01 UTC") || !strings.Contains(hand, `description: `) ||
		!strings.Contains(hand, `→ "Luft & Lärm"`) || strings.Contains(hand, "daten.example.org") {
		t.Errorf("by hand:\n%s", hand)
	}
	if !strings.Contains(changes, `description: "meins" → `) || !strings.Contains(changes, "links[1]: (nothing)") {
		t.Errorf("would change:\n%s", changes)
	}
	if s := find("dashboard Verkehr"); len(s.ByHand) > 0 || s.Action != Update {
		t.Errorf("%s, by hand %q", s, s.ByHand)
	}
	if s := find("alert rule Stau"); fmt.Sprint(s.Changes) != `[for: "1h" → "10m"]` {
		t.Errorf("%s: %q", s, s.Changes)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for i := range 50 {
		many[fmt.Sprintf("k%02d", i)] = i
	}
	tests := []struct {
		name, from, to string
		want           []string
	}{
		{"nothing", `{"a":[1,{"b":null}]}`, `{"a":[1,{"b":null}]}`, nil},
		{"value", `{"a":1}`, `{"a":"1"}`, []string{`a: 1 → "1"`}},
		{"type", `{"a":[1]}`, `{"a":{"b":1}}`, []string{`a: [1] → {"b":1}`}},
		{"key", `{"a":1}`, `{"b":null}`, []string{`a: 1 → (nothing)`, `b: (nothing) → null`}},
		{"list", `[1,2]`, `[1,3,4]`, []string{`[1]: 2 → 3`, `[2]: (nothing) → 4`}},
		{"by id", `[{"id":1,"x":1},{"id":2}]`, `[{"id":2},{"id":1,"x":2},{"id":3}]`, []string{`[1].x: 1 → 2`, `[3]: (nothing) → {"id":3}`}},
		{"by title", `{"panels":[{"id":1,"title":"A","x":1}]}`, `{"panels":[{"id":1,"title":"A","x":2}]}`, []string{`panels[A].x: 1 → 2`}},
		{"order alone", `{"l":[{"name":"a"},{"name":"b"}]}`, `{"l":[{"name":"b"},{"name":"a"}]}`, []string{`l: (order) → (another order)`}},
		{"ids twice", `[{"id":1},{"id":1}]`, `[{"id":1}]`, []string{`[1]: {"id":1} → (nothing)`}},
		{"html", `"a<b"`, `"` + strings.Repeat("ä", 120) + `"`, []string{`.: "a<b" → "` + strings.Repeat("ä", 99) + `…`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var from, to any
			if err := json.Unmarshal([]byte(test.from), &from); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(test.to), &to); err != nil {
				t.Fatal(err)
			}
			if got := differences(from, to); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got := differences(many, map[string]any{}); len(got) != maxDifferences+1 || got[maxDifferences] != "and 10 more" {
		t.Errorf("of many: %q", got[len(got)-1])
	}
}

// What differs is told, and only that; of whatever documents.
func FuzzDifferences(f *testing.F) {
	f.Add([]byte(`{"panels":[{"id":1,"title":"a"}],"tags":["x"]}`), []byte(`{"panels":[{"id":1,"title":"b"},{"id":2}],"tags":[]}`))
	f.Add([]byte(`-0`), []byte(`0`))
	f.Add([]byte(`[{"name":null}]`), []byte(`[{"name":{}},[]]`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, errX := decoded(a)
		y, errY := decoded(b)
		if errX != nil || errY != nil {
			return
		}
		if got := differences(x, x); len(got) > 0 {
			t.Errorf("of itself: %q", got)
		}
		if got := differences(x, y); (len(got) == 0) != reflect.DeepEqual(x, y) {
			t.Errorf("%s and %s differ in %q", a, b, got)
		}
		_ = differences(wanted(x, y), y)
	})
}
