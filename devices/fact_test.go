package devices

import (
	"math"
	"os"
	"strings"
	"testing"
)

func TestFacts(t *testing.T) {
	for name, cases := range map[string]map[string]float64{
		"free_speed":          {"50": 50, "1": 1, "300": 300, "0": -1, "300.1": -1, "-50": -1, "NaN": -1, "": -1, "50 km/h": -1, "50,5": -1, "1e400": -1},
		"congested_occupancy": {"0.3": 0.3, "1": 1, "0": -1, "30": -1, "30%": -1, "Inf": -1},
		"rated_power":         {"630000": 630_000, "6.3e5": 630_000, "630": -1, "2500": -1, "1e10": -1}, // kVA is the usual mistake
	} {
		i := 0
		for i < len(facts) && facts[i].Name != name {
			i++
		}
		if i == len(facts) {
			t.Errorf("%s is missing", name)
			continue
		}
		for text, want := range cases {
			v, err := facts[i].Parse(text)
			switch {
			case want < 0 && (err == nil || !strings.Contains(err.Error(), name+":") || !strings.Contains(err.Error(), facts[i].Unit)):
				t.Errorf("%s %q is %v, error %v", name, text, v, err)
			case want >= 0 && (err != nil || v != want):
				t.Errorf("%s %q is %v (%v), want %v", name, text, v, err, want)
			}
		}
	}
}

// The handbook names every fact with its unit and bounds, in both languages.
func TestFactsAreDocumented(t *testing.T) {
	for path, in := range map[string]func(*Fact) string{
		"../docs/handbook/add-a-sensor.md":       func(f *Fact) string { return f.En },
		"../docs/handbuch/sensor-hinzufuegen.md": func(f *Fact) string { return f.De },
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Facts() {
			line := "| `" + f.Name + "` | `" + f.Unit + "` | " + plain(f.Min) + "–" + plain(f.Max) + " | " + in(&f) + " |"
			if !strings.Contains(string(data), line) {
				t.Errorf("%s lacks the line\n%s", path, line)
			}
		}
	}
}

func FuzzFact(f *testing.F) {
	for _, text := range []string{"50", "0.3", "630000", "1e3", "0x1p4", "NaN", "-Inf", "1_0", "", "٣"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, fact := range Facts() {
			v, err := fact.Parse(text)
			if err == nil && (math.IsNaN(v) || v < fact.Min || v > fact.Max) || err != nil && v != 0 {
				t.Errorf("%s %q is %v, %v", fact.Name, text, v, err)
			}
		}
	})
}
