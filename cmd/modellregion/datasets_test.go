//go:build !ingestonly

package main

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"modellregion/opendata"
)

// The example shows the defaults, key by key.
func TestExampleDatasets(t *testing.T) {
	cfg, err := loadConfig(withDatasets(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := opendata.Defaults()
	for i := range want {
		want[i].Complete()
		want[i].Publisher, want[i].Contact = "Stadt Musterstadt", "opendata@musterstadt.example"
	}
	if diff := gocmp.Diff(want, cfg.datasets()); diff != "" {
		t.Errorf("the example is not what is without it: %s", diff)
	}
	if without, err := loadConfig(example); err != nil || !reflect.DeepEqual(without.datasets(), want) {
		t.Errorf("without the key: %v", err)
	}
	for line := range strings.Lines(mustRead(t, example)) {
		if strings.Contains(line, "\t") {
			t.Errorf("a tab in %q", line)
		}
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every mistake is told at once, with its line.
func TestDatasetMistakes(t *testing.T) {
	path := withDatasets(t, nil, []string{
		"speed_p85]", "speed_p85]\n    windows: [1h, 15m]", "    windows: [15m, 1h, 1d]\n    # What", "    # What",
		"domain: traffic", "domain: road",
		"k: 5", "k: 3",
		"id: umwelt", "id: verkehr",
	})
	lineOf := func(text string) string {
		n := 0
		for line := range strings.Lines(mustRead(t, path)) {
			if n++; strings.Contains(line, text) {
				return fmt.Sprintf("line %d: ", n)
			}
		}
		t.Fatalf("no %q", text)
		return ""
	}
	_, _, err := call(t, "check", path)
	if err == nil {
		t.Fatal("four mistakes are good")
	}
	for _, want := range []string{
		lineOf("[1h, 15m]") + "datasets[0].windows[1]: 15m after 1h",
		"datasets[0].quantities[0]: vehicle_count belongs to domain traffic, not to road",
		lineOf("k: 3") + "datasets[5].households.k: 3, want at least 5 (MsbG §52)",
		`datasets[3].id: "verkehr" is that of datasets[0] already`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
}

func TestCheckTellsDatasets(t *testing.T) {
	households := "\ndatasets:\n  - {id: a, domain: energy, title: {de: a, en: a}, quantities: [energy_import], households: {delay: 24h}}\n"
	for _, c := range []struct{ name, datasets, want string }{
		{"defaults", "", "=  dataset         verkehr, 15m 1h 1d by station, dl-zero-de/2.0: vehicle_count, speed_mean, traffic_state"},
		{"households", households, "=  dataset         a, 15m 1h 1d by group of at least 5 households, 24h0m0s later"},
		{"none", "\ndatasets: []\n", "=nothing is published"},
		{"no themes", households, "=datasets[0].themes: none; catalogues sort a by them"},
		{"no description", households, "=datasets[0].description: missing"},
		{"roads", "\ndatasets:\n  - {id: a, domain: traffic, title: {de: a, en: a}, quantities: [vehicle_count], windows: [1d], grouping: road}\n",
			"=a has rows of devices with a road alone (devices add --road)"},
		{"a day has no traffic state", "\ndatasets:\n  - {id: a, domain: traffic, title: {de: a, en: a}, quantities: [traffic_state], windows: [1d]}\n", "=traffic_state is of windows up to 1h"},
		{"percentiles of counts", "\ndatasets:\n  - {id: a, domain: traffic, title: {de: a, en: a}, quantities: [vehicle_count], windows: [1h], percentiles: [85]}\n", "=are of gauges"},
		{"little meaning", "\ndatasets:\n  - {id: a, domain: energy, title: {de: a, en: a}, quantities: [voltage_unbalance], windows: [1h], grouping: district}\n", "=says little by district"},
		{"a short memory", "\nraw_retention: 30h\n", "=1d of verkehr is hardly ever computed while raw_retention is 30h0m0s: want raw_retention at least 2d"},
		{"a shorter one", "\nraw_retention: 30h\n", "=datasets[5].households.delay: no day of stromverbrauch is decided while raw_retention is 30h0m0s: want raw_retention at least 3d"},
		{"the shortest", "\nraw_retention: 1d\n", "raw_retention: 1d, and stromverbrauch is published 24h0m0s after a day: want at least 3d"},
		{"a delay beyond it", "\nraw_retention: 2d" + strings.Replace(households, "24h", "48h", 1), "raw_retention: 2d, and a is published 48h0m0s after a day: want at least 4d"},
		{"twice the same households", households + strings.TrimPrefix(strings.Replace(households, "id: a", "id: b", 1), "\ndatasets:\n"),
			"datasets[1].quantities[0]: energy_import of households is in datasets[0] already"},
		{"a window in words", "\ndatasets:\n  - {id: a, windows: [soon]}\n", `window "soon": want 1m, 10m, 15m, 1h, 1d or 1w`},
		{"an unknown licence", "\ndatasets:\n  - {id: a, licence: mine}\n", `licence "mine": want one of dl-zero-de/2.0`},
		{"an unknown key", "\ndatasets:\n  - {id: a, window: [1h]}\n", "datasets[0].window: is unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			edit := []string{"\nraw_retention: 90d\n", "\nraw_retention: 90d\n" + c.datasets}
			if strings.Contains(c.datasets, "raw_retention") {
				edit[1] = c.datasets + "\n"
			}
			out, _, err := call(t, "check", region(t, edit...))
			if err != nil {
				out = err.Error()
			}
			want, good := strings.CutPrefix(c.want, "=")
			if good != (err == nil) || !strings.Contains(out, want) {
				t.Errorf("%s\nwant %q", out, want)
			}
		})
	}
	out, _, err := call(t, "check", example)
	_, advice, _ := strings.Cut(out, "Have a look at:\n")
	for line := range strings.Lines(advice) {
		if !strings.HasPrefix(line, "  portal.") { // what a publisher alone can say
			t.Errorf("the example is not good enough: %s", line)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// What is printed is what was read, whatever is in the texts.
func TestDatasetsRoundTrip(t *testing.T) {
	sets := opendata.Defaults()
	sets[0].Title = opendata.Text{De: "a: \"b\" # c\\ <d> & – ü\u2028\n", En: "{x}"}
	sets[0].Percentiles, sets[0].Grouping, sets[0].Publisher, sets[0].Contact, sets[0].Themes = []int{15, 85}, opendata.ByRoad, "Amt: 'x'", "a@b", nil
	sets[5].Households = &opendata.Households{K: 7, Delay: 30*time.Hour + 30*time.Minute, Total: true}
	sets[1].Quantities = sets[1].Quantities[:1]
	var b bytes.Buffer
	if err := writeDatasets(&b, sets); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(region(t, "\nraw_retention: 90d\n", "\nraw_retention: 90d\n"+b.String()))
	if err != nil {
		t.Fatal(err)
	}
	sets[0].Themes = []string{}
	if diff := gocmp.Diff(sets, cfg.Datasets); diff != "" {
		t.Error(diff)
	}
	first, _, err := call(t, "opendata", "datasets", "-c", region(t, "\nraw_retention: 90d\n", "\nraw_retention: 90d\n"+b.String()))
	if err != nil || first != b.String() {
		t.Errorf("%v: printed\n%s\nof\n%s", err, first, b.String())
	}
}
