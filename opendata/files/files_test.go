package files

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

type fake struct {
	rows     []devices.Aggregate
	stations []devices.Station
	err      error
}

func (f *fake) Windows(_ context.Context, _ string, _ time.Duration, span devices.Span, _ string) ([]devices.Aggregate, error) {
	var out []devices.Aggregate
	for _, r := range f.rows {
		if span.Contains(r.Start) {
			out = append(out, r)
		}
	}
	return out, f.err
}
func (f *fake) Stations() []devices.Station                      { return f.stations }
func (f *fake) Interval(string, *devices.Quantity) time.Duration { return time.Minute }

func quantity(t testing.TB, name string) *devices.Quantity {
	q, ok := devices.Lookup(name)
	if !ok {
		t.Fatal("no quantity", name)
	}
	return q
}

var t0 = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// allKinds is a dataset that no region has: one quantity of each kind.
var allKinds = opendata.Dataset{ID: "alles", Windows: []opendata.Window{opendata.Quarter}, Licence: opendata.DataLicenceZero(),
	Title:      opendata.Text{De: "Alles", En: "Everything"},
	Quantities: []string{"vehicle_count", "speed_mean", "energy_import", "surface_state"}}

func newFake(t testing.TB) *fake {
	return &fake{
		stations: []devices.Station{
			{ID: "pb-1", Name: `=HYPERLINK("x"), "Bahnhof"`, Municipality: "paderborn", Domain: uplink.Traffic, Place: devices.Place{Lat: 51.7132, Lon: -8.75}},
			{ID: "pb-2", Name: "Straße\nMitte", Municipality: "@soest", Place: devices.Place{Lat: 51.5, Lon: 8}},
		},
		rows: []devices.Aggregate{
			{Station: "pb-2", Quantity: quantity(t, "surface_state"), Start: t0, Window: 15 * time.Minute, Count: 3, Mode: 6, Coverage: 1},
			{Station: "pb-2", Quantity: quantity(t, "energy_import"), Start: t0, Window: 15 * time.Minute, Count: 3, First: 5, Last: 8.5, Sum: 3.5, Coverage: 0.2},
			{Station: "pb-1", Quantity: quantity(t, "vehicle_count"), Channel: "lane2", Start: t0.Add(15 * time.Minute), Window: 15 * time.Minute, Count: 15, Sum: 99, Coverage: 1},
			{Station: "pb-1", Quantity: quantity(t, "vehicle_count"), Channel: "lane1", Start: t0, Window: 15 * time.Minute, Count: 15, Sum: 42, Mean: 2.8, Coverage: 1},
			{Station: "pb-1", Quantity: quantity(t, "speed_mean"), Channel: "-1", Start: t0, Window: 15 * time.Minute, Count: 7, Mean: -47.1, Min: -50, Max: 3e6, Coverage: 7.0 / 15},
			{Station: "secret", Quantity: quantity(t, "speed_mean"), Start: t0, Window: 15 * time.Minute, Count: 7, Mean: 666},
			{Station: "pb-1", Quantity: quantity(t, "occupancy"), Start: t0, Window: 15 * time.Minute, Count: 7, Mean: 0.666},
		},
	}
}

func open(t testing.TB, f *fake) (*Files, string) {
	t.Helper()
	dir := t.TempDir()
	latest := opendata.NewLatest()
	latest.Put("alles", f.rows, t0)
	files, err := Open(Config{Dir: dir, Datasets: []opendata.Dataset{allKinds}, Reader: f, Directory: f, Latest: latest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return files, filepath.Join(dir, "data")
}

func publish(t testing.TB, f *Files) {
	t.Helper()
	if err := f.Publish(context.Background(), &allKinds, []opendata.Day{opendata.DayOf(t0)}); err != nil {
		t.Fatal(err)
	}
}

// TestDayFile reads a file back and compares it, cell by cell, with what a
// person wrote down.
func TestDayFile(t *testing.T) {
	files, dir := open(t, newFake(t))
	publish(t, files)
	data, err := os.ReadFile(filepath.Join(dir, "alles", "2026-11-23.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "\r\n") {
		t.Error("lines do not end as RFC 4180 wants")
	}
	got, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	bahnhof := `'=HYPERLINK("x"), "Bahnhof"`
	want := [][]string{
		header,
		{"pb-1", bahnhof, "paderborn", "51.7132", "-8.75", "speed_mean", "'-1", "km/h", "2026-11-23T10:00:00Z", "900", "7", "-47.1", "-50", "3000000", "", "", strconv.FormatFloat(7.0/15, 'f', -1, 64)},
		{"pb-1", bahnhof, "paderborn", "51.7132", "-8.75", "vehicle_count", "lane1", "{#}", "2026-11-23T10:00:00Z", "900", "15", "", "", "", "42", "", "1"},
		{"pb-1", bahnhof, "paderborn", "51.7132", "-8.75", "vehicle_count", "lane2", "{#}", "2026-11-23T10:15:00Z", "900", "15", "", "", "", "99", "", "1"},
		{"pb-2", "Straße\nMitte", "'@soest", "51.5", "8", "energy_import", "", "W.h", "2026-11-23T10:00:00Z", "900", "3", "", "", "", "3.5", "", "0.2"},
		{"pb-2", "Straße\nMitte", "'@soest", "51.5", "8", "surface_state", "", "{category}", "2026-11-23T10:00:00Z", "900", "3", "", "", "", "", "ice", "1"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), data)
	}
	for i := range want {
		for j := range header {
			if got[i][j] != want[i][j] {
				t.Errorf("line %d, column %s: %q, want %q", i+1, header[j], got[i][j], want[i][j])
			}
		}
	}
}

func TestPublishAgain(t *testing.T) {
	fake := newFake(t)
	files, dir := open(t, fake)
	publish(t, files)
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	day := filepath.Join(dir, "alles", "2026-11-23.csv")
	if err := os.Chtimes(day, old, old); err != nil {
		t.Fatal(err)
	}
	modified := func() time.Time {
		info, err := os.Stat(day)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	publish(t, files)
	if !modified().Equal(old) {
		t.Error("a file with the same content was written again")
	}
	fake.rows[3].Sum = 43 // same length, so only the content tells
	publish(t, files)
	if modified().Equal(old) {
		t.Error("a file with another content was not written")
	}
	fake.stations = fake.stations[1:] // pb-1 is not public any more
	publish(t, files)
	if data, _ := os.ReadFile(day); strings.Contains(string(data), "pb-1") || !strings.Contains(string(data), "pb-2") {
		t.Errorf("the file still shows a station that was withdrawn:\n%s", data)
	}
	fake.err = errors.New("database is away")
	if err := files.Publish(t.Context(), &allKinds, []opendata.Day{opendata.DayOf(t0)}); !errors.Is(err, fake.err) {
		t.Errorf("error %v, want the reader's", err)
	}
}

// TestTornWrite leaves what a crash leaves: a temporary file cut short.
func TestTornWrite(t *testing.T) {
	files, dir := open(t, newFake(t))
	temp := filepath.Join(dir, "alles", ".2026-11-23.csv.tmp")
	if err := os.WriteFile(temp, []byte(strings.Repeat("x", 1<<16)), 0o644); err != nil {
		t.Fatal(err)
	}
	publish(t, files)
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "alles", "2026-11-23.csv")); strings.Contains(string(data), "xxx") {
		t.Error("the file holds the rest of the torn one")
	}
}

func TestIndex(t *testing.T) {
	files, dir := open(t, newFake(t))
	page, err := os.ReadFile(filepath.Join(dir, "alles", pageName))
	if err != nil || !strings.Contains(string(page), "Noch keine Dateien") {
		t.Errorf("an empty dataset does not explain itself (%v):\n%s", err, page)
	}
	publish(t, files)
	if err := files.Publish(t.Context(), &allKinds, []opendata.Day{{Year: 2026, Month: 11, Day: 22}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "alles", "notes.csv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	publish(t, files)
	data, err := os.ReadFile(filepath.Join(dir, indexName))
	if err != nil {
		t.Fatal(err)
	}
	var ix index
	if err := json.Unmarshal(data, &ix); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, file := range ix.Datasets[0].Files {
		paths = append(paths, file.Path)
		info, err := os.Stat(filepath.Join(dir, file.Path))
		if err != nil || info.Size() != file.Bytes {
			t.Errorf("index says %+v, file is %v (%v)", file, info, err)
		}
	}
	if got, want := strings.Join(paths, " "), "alles/latest.csv alles/2026-11-23.csv alles/2026-11-22.csv"; got != want {
		t.Errorf("index lists %s, want %s", got, want)
	}
	page, _ = os.ReadFile(filepath.Join(dir, "alles", pageName))
	if !strings.Contains(string(page), `<a href="2026-11-23.csv">`) || !strings.Contains(string(page), "dl-zero-de/2.0") {
		t.Errorf("the page lacks a file or the licence:\n%s", page)
	}
}

// A station that is public no more leaves every file, of every day, also over
// a restart.
func TestRetract(t *testing.T) {
	fake := newFake(t)
	earlier := fake.rows[3]
	earlier.Start = t0.AddDate(0, 0, -7)
	fake.rows = append(fake.rows, earlier)
	files, dir := open(t, fake)
	days := []opendata.Day{opendata.DayOf(t0), opendata.DayOf(earlier.Start)}
	if err := files.Publish(t.Context(), &allKinds, days); err != nil {
		t.Fatal(err)
	}
	naming := func(id string) (names []string) {
		all, err := filepath.Glob(filepath.Join(dir, "alles", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), id) {
				names = append(names, filepath.Base(name))
			}
		}
		return names
	}
	if got := naming("pb-1"); len(got) < 3 {
		t.Fatalf("pb-1 is named in %v, want two days and the latest values", got)
	}
	fake.stations = fake.stations[1:]
	again, err := Open(files.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }() // it wrote nothing that is not synced
	fake.err = errors.New("database away")
	if err := again.Retract(t.Context()); !errors.Is(err, fake.err) {
		t.Errorf("error %v, want that of the database", err)
	}
	fake.err = nil
	for range 2 {
		if err := again.Retract(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := naming("pb-1"); len(got) != 0 {
		t.Errorf("pb-1 is still named in %v", got)
	}
	if got := naming("pb-2"); len(got) < 2 {
		t.Errorf("pb-2 is left in %v only", got)
	}
}
