package files

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// fake is a database and a directory in one.
type fake struct {
	rows     []devices.Aggregate
	stations []devices.Station
	err      error
	asked    []devices.Span
}

func (f *fake) Windows(_ context.Context, _ string, w time.Duration, span devices.Span, _ string, _ ...*devices.Quantity) ([]devices.Aggregate, error) {
	f.asked = append(f.asked, span)
	var out []devices.Aggregate
	for _, r := range f.rows {
		if span.Contains(r.Start) && r.Window == w {
			out = append(out, r)
		}
	}
	return out, f.err
}
func (f *fake) Stations() []devices.Station                      { return f.stations }
func (f *fake) Interval(string, *devices.Quantity) time.Duration { return time.Minute }
func (f *fake) Fact(string, string) (float64, bool)              { return 0, false }

func quantity(t testing.TB, name string) *devices.Quantity {
	q, ok := devices.Lookup(name)
	if !ok {
		t.Fatal("no quantity", name)
	}
	return q
}

const quarter = 15 * time.Minute

// t0 is on a day that is over wherever the test runs, and in the past of the
// clock of testing/synctest, which begins with the year 2000.
var (
	t0   = time.Date(1999, 11, 23, 10, 0, 0, 0, time.UTC)
	day0 = opendata.DayOf(t0)
)

// allKinds is a dataset that no region has: one quantity of each kind.
func allKinds() opendata.Dataset {
	return opendata.Dataset{ID: "alles", Windows: []opendata.Window{opendata.Quarter, opendata.Hour}, Licence: opendata.DataLicenceZero(),
		Title: opendata.Text{De: "Alles", En: "Everything"}, Description: opendata.Text{De: "Von allem etwas", En: "Some of everything"},
		Quantities: []string{"vehicle_count", "speed_mean", "energy_import", "surface_state"}, Percentiles: []int{15, 85},
		Domain: uplink.Traffic, Publisher: "Stadt"}
}

func newFake(t testing.TB) *fake {
	row := func(station, name, channel string, start time.Time, a devices.Aggregate) devices.Aggregate {
		a.Station, a.Quantity, a.Channel, a.Start, a.Window = station, quantity(t, name), channel, start, quarter
		return a
	}
	f := &fake{
		stations: []devices.Station{
			{ID: "pb-1", Name: `=HYPERLINK("x"), "Bahnhof"; 1`, Municipality: "paderborn", District: "Schloß Neuhaus", Road: "-B 64", Domain: uplink.Traffic,
				Place: devices.Place{Lat: 51.7132, Lon: -8.75}, Segment: devices.Segment{{Lat: 51.7, Lon: -8.7}, {Lat: 51.8, Lon: -8.8}}},
			{ID: "pb-2", Name: "Straße\nMitte", Municipality: "@soest", Domain: uplink.Traffic, Place: devices.Place{Lat: 51.5, Lon: 8}},
		},
		rows: []devices.Aggregate{
			row("pb-2", "surface_state", "", t0, devices.Aggregate{Count: 3, Mode: 6, Coverage: 1, Shares: []float64{0, 0.25, 0, 0, 0, 0, 0.75, 0}}),
			row("pb-2", "energy_import", "", t0, devices.Aggregate{Count: 3, Sum: 3.5, Coverage: 0.2}),
			row("pb-1", "vehicle_count", "lane2", t0.Add(quarter), devices.Aggregate{Count: 15, Sum: 99, Coverage: 1}),
			row("pb-1", "vehicle_count", "lane1", t0, devices.Aggregate{Count: 15, Sum: 0, Coverage: 1}),
			row("pb-1", "speed_mean", "-1", t0, devices.Aggregate{Count: 7, Mean: -47.1, Min: -50, Max: 3e6, Coverage: 7.0 / 15, Percentiles: []devices.Percentile{{P: 15, Value: -49.5}, {P: 85, Value: 12.25}}}),
			row("pb-1", "speed_mean", "-1", t0.Add(quarter), devices.Aggregate{Suppressed: true}),
			row("secret", "speed_mean", "", t0, devices.Aggregate{Count: 7, Mean: 666}),
			row("pb-1", "occupancy", "", t0, devices.Aggregate{Count: 7, Mean: 0.666}),
		},
	}
	hour := f.rows[3]
	hour.Window, hour.Sum = time.Hour, 1234
	f.rows = append(f.rows, hour)
	return f
}

func openIn(t testing.TB, dir string, f *fake, datasets ...opendata.Dataset) *Files {
	t.Helper()
	if len(datasets) == 0 {
		datasets = []opendata.Dataset{allKinds()}
	}
	latest := opendata.NewLatest()
	latest.Put("alles", f.rows[:len(f.rows)-1], t0)
	files, err := Open(Config{Dir: dir, Datasets: datasets, Reader: f, Directory: f, Latest: latest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() }) // a second Close of a test's own is no matter
	return files
}

func open(t testing.TB, f *fake, datasets ...opendata.Dataset) (*Files, string) {
	t.Helper()
	dir := t.TempDir()
	return openIn(t, dir, f, datasets...), filepath.Join(dir, "data")
}

func publish(t testing.TB, f *Files, days ...opendata.Day) {
	t.Helper()
	if len(days) == 0 {
		days = []opendata.Day{day0}
	}
	for i := range f.cfg.Datasets {
		if err := f.Publish(context.Background(), &f.cfg.Datasets[i], days); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// entryOf returns what the index of the month says of a day of dataset alles.
func entryOf(t testing.TB, f *Files, window string, day opendata.Day) *entry {
	t.Helper()
	m, err := f.readMonth("alles", monthOf(day))
	if err != nil {
		t.Fatal(err)
	}
	e := m.find(window, day.String())
	if e == nil {
		t.Fatalf("the index of %s has no %s of %s", m.Month, window, day)
	}
	return e
}
