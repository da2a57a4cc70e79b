package history_test

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/devices/registry"
	"modellregion/internal/simulate/history"
	"modellregion/opendata"
	"modellregion/opendata/derived"
	"modellregion/uplink"
)

func config(stations int, full bool) history.Config {
	return history.Config{
		Seed: 1, Stations: stations, Full: full, Datasets: opendata.Defaults(),
		Municipalities: []history.Municipality{
			{ID: "paderborn", Centre: devices.Place{Lat: 51.7189, Lon: 8.7575}},
			{ID: "soest", Centre: devices.Place{Lat: 51.5711, Lon: 8.1065}},
		},
	}
}

func generator(t testing.TB, c history.Config) *history.Generator {
	t.Helper()
	g, err := history.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func date(year int, month time.Month, day int) opendata.Day {
	return opendata.Day{Year: year, Month: month, Day: day}
}

// key is a dataset and a window length.
type key struct {
	dataset string
	window  opendata.Window
}

func make1(t testing.TB, m *history.Maker, day opendata.Day) map[key][]devices.Aggregate {
	t.Helper()
	out := map[key][]devices.Aggregate{}
	err := m.Day(day, func(d *opendata.Dataset, w opendata.Window, rows []devices.Aggregate) error {
		copied := slices.Clone(rows)
		for i := range copied {
			copied[i].Shares, copied[i].Percentiles = slices.Clone(rows[i].Shares), slices.Clone(rows[i].Percentiles)
		}
		out[key{d.ID, w}] = append(out[key{d.ID, w}], copied...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same compares; to print a difference takes long, to find none must not.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s: %s", what, cmp.Diff(want, got))
	}
}

// TestAnyPartIsTheSame makes a day after others, before others and by another
// generator.
func TestAnyPartIsTheSame(t *testing.T) {
	days := []opendata.Day{date(2026, 1, 1), date(2026, 1, 2), date(2026, 7, 8), date(2026, 10, 25)}
	g := generator(t, config(20, true))
	m := g.Maker()
	first := map[opendata.Day]map[key][]devices.Aggregate{}
	for _, d := range days {
		first[d] = make1(t, m, d)
	}
	slices.Reverse(days)
	other := generator(t, config(20, true))
	for _, d := range days {
		same(t, d.String()+" again", first[d], make1(t, m, d))
		same(t, d.String()+" of another generator", first[d], make1(t, other.Maker(), d))
	}
	c := config(20, true)
	c.Seed = 2
	if reflect.DeepEqual(first[days[0]], make1(t, generator(t, c).Maker(), days[0])) {
		t.Error("another seed gives the same")
	}
	// More stations change nothing of those that were there.
	more := make1(t, generator(t, config(40, true)).Maker(), days[0])
	for k, rows := range first[days[0]] {
		known := map[string]bool{}
		for i := range rows {
			known[rows[i].Station] = true
		}
		kept := slices.DeleteFunc(more[k], func(a devices.Aggregate) bool { return !known[a.Station] })
		same(t, k.dataset+" with more stations", rows, kept)
	}
}

func TestCounts(t *testing.T) {
	g := generator(t, config(300, false))
	series := 0
	for _, table := range g.Tables() {
		series += table.Series
	}
	if year := series * 35_040; year < 10_000_000 || year > 12_000_000 {
		t.Errorf("%d series have %d windows of 15 minutes in a year", series, year)
	}
	domains := map[uplink.Domain]int{}
	for _, s := range g.Stations() {
		domains[s.Domain]++
	}
	if diff := cmp.Diff(map[uplink.Domain]int{uplink.Traffic: 105, uplink.Environment: 75, uplink.Energy: 60, uplink.Road: 60}, domains); diff != "" {
		t.Error(diff)
	}
	// Days of 23, 24 and 25 hours, at the stations that report all the time.
	m := g.Maker()
	for day, want := range map[opendata.Day]int{date(2026, 3, 29): 92, date(2026, 3, 30): 96, date(2026, 10, 25): 100} {
		most, hours := map[string]int{}, map[string]int{}
		rows := make1(t, m, day)
		for _, a := range rows[key{"umwelt", opendata.Quarter}] {
			most[a.Station+a.Quantity.Name]++
		}
		for _, a := range rows[key{"umwelt", opendata.Hour}] {
			hours[a.Station+a.Quantity.Name]++
		}
		if got := slices.Max(slices.Collect(maps.Values(most))); got != want {
			t.Errorf("%s has %d windows of 15 minutes, want %d", day, got, want)
		}
		if got := slices.Max(slices.Collect(maps.Values(hours))); got != want/4 {
			t.Errorf("%s has %d windows of an hour, want %d", day, got, want/4)
		}
		n := 0
		for k, r := range rows {
			if k.dataset == "spannungsqualitaet" || k.dataset == "stromverbrauch" {
				t.Errorf("dataset %s has %d rows", k.dataset, len(r))
			}
			n += len(r)
		}
		if said := g.Windows(day); float64(n) < 0.96*float64(said) || float64(n) > 1.03*float64(said) {
			t.Errorf("%s: %d rows, and %d were announced", day, n, said)
		}
	}
}

// TestManyStations has the rows of a day in parts, none of which grows with the
// number of stations.
func TestManyStations(t *testing.T) {
	m := generator(t, config(2000, false)).Maker()
	parts, days := map[key]int{}, map[string]bool{}
	err := m.Day(date(2026, 3, 30), func(d *opendata.Dataset, w opendata.Window, rows []devices.Aggregate) error {
		parts[key{d.ID, w}]++
		if len(rows) > 52_000 {
			t.Errorf("%d rows of %s at once", len(rows), d.ID)
		}
		for i := range rows {
			if w == opendata.Day24 {
				days[d.ID+rows[i].Station] = true
			} else if !days[d.ID+rows[i].Station] {
				t.Fatalf("station %s has windows of %s before that of its day", rows[i].Station, w)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := parts[key{"verkehr", opendata.Quarter}]; n < 2 || parts[key{"energienetz", opendata.Quarter}] != 1 {
		t.Errorf("parts: %v", parts)
	}
}

// TestWindowsFit computes hours from quarters, and days, as an aggregator would.
func TestWindowsFit(t *testing.T) {
	c := config(20, true)
	for i := range c.Datasets {
		c.Datasets[i].Percentiles = []int{15, 85}
	}
	m := generator(t, c).Maker()
	for _, day := range []opendata.Day{date(2026, 3, 29), date(2026, 2, 10)} {
		rows := make1(t, m, day)
		for _, id := range []string{"verkehr", "energienetz", "strassenzustand", "umwelt"} {
			for _, w := range []opendata.Window{opendata.Hour, opendata.Day24} {
				fits(t, rows[key{id, opendata.Quarter}], rows[key{id, w}], w)
			}
		}
	}
}

func fits(t *testing.T, quarters, rows []devices.Aggregate, w opendata.Window) {
	t.Helper()
	type cell struct {
		station, quantity, channel string
		start                      int64
	}
	sums := map[cell]*devices.Aggregate{}
	at := func(a *devices.Aggregate) cell {
		return cell{a.Station, a.Quantity.Name, a.Channel, w.Begin(a.Start).Unix()}
	}
	for i := range quarters {
		a := &quarters[i]
		s := sums[at(a)]
		if s == nil {
			s = &devices.Aggregate{Min: math.Inf(1), Max: math.Inf(-1)}
			sums[at(a)] = s
		}
		s.Count += a.Count
		s.Sum += a.Sum
		s.Mean += a.Mean * float64(a.Count)
		s.Min, s.Max = min(s.Min, a.Min), max(s.Max, a.Max)
	}
	for i := range rows {
		a := &rows[i]
		s := sums[at(a)]
		if s == nil {
			t.Fatalf("%v has no quarters", a)
		}
		length := w.End(a.Start).Sub(a.Start)
		if a.Quantity.Derived {
			continue // TestTrafficState
		}
		if a.Count != s.Count || math.Abs(a.Sum-s.Sum) > 1e-6 || math.Abs(a.Coverage-float64(a.Count)*5/length.Minutes()) > 1e-9 {
			t.Fatalf("%s of %s: count %d, sum %g, coverage %g; its quarters have %d and %g", a.Quantity.Name, length, a.Count, a.Sum, a.Coverage, s.Count, s.Sum)
		}
		if a.Quantity.Kind == devices.Gauge && (math.Abs(a.Mean-s.Mean/float64(s.Count)) > 1e-6 || a.Min != s.Min || a.Max != s.Max ||
			len(a.Percentiles) != 2 || a.Percentiles[0].Value > a.Percentiles[1].Value || a.Percentiles[0].Value < a.Min || a.Percentiles[1].Value > a.Max) {
			t.Fatalf("%+v; its quarters have %+v", a, s)
		}
	}
	if len(rows) == 0 {
		t.Error("there are no rows")
	}
}

// TestTrafficState has the rules that the platform applies judge the rows.
func TestTrafficState(t *testing.T) {
	g := generator(t, config(60, true))
	directory := map[string]devices.Device{}
	for _, d := range g.Devices() {
		directory[d.Station] = d
	}
	seen := map[string]int{}
	m := g.Maker()
	for day := 2; day < 9; day++ {
		rows := make1(t, m, date(2026, 3, day))
		type slot struct {
			station string
			start   time.Time
		}
		inputs, states := map[slot][]devices.Aggregate{}, map[slot]devices.Aggregate{}
		for _, a := range rows[key{"verkehr", opendata.Quarter}] {
			if k := (slot{a.Station, a.Start}); a.Quantity.Derived {
				states[k] = a
				seen[a.Quantity.Text(a.Mode)]++
			} else {
				inputs[k] = append(inputs[k], a)
			}
		}
		for k, in := range inputs {
			fact := func(name string) (float64, bool) {
				var v float64
				n, err := fmt.Sscan(directory[k.station].Variables[name], &v)
				return v, n == 1 && err == nil
			}
			want := derived.Window(k.station, in, func(q string) bool { return q == "traffic_state" }, fact)
			if len(want) != 1 || !reflect.DeepEqual(want[0], states[k]) {
				t.Fatalf("%v: %v, want %v", k, states[k], want)
			}
		}
		for _, a := range rows[key{"verkehr", opendata.Day24}] {
			if a.Quantity.Derived {
				t.Fatal("a day has a traffic state")
			}
		}
	}
	for _, state := range []string{"free", "heavy", "slow", "congested"} {
		if seen[state] == 0 {
			t.Errorf("no traffic is %s: %v", state, seen)
		}
	}
	if seen["free"] < 10*seen["congested"] {
		t.Errorf("too much congestion: %v", seen)
	}
}

func TestHolidays(t *testing.T) {
	var got []string
	for d := date(2026, 1, 1); d.Year == 2026; d = opendata.DayOf(d.Span().End) {
		if name := history.Holiday(d); name != "" {
			got = append(got, d.String()+" "+name)
		}
	}
	want := `2026-01-01 Neujahr
2026-04-03 Karfreitag
2026-04-06 Ostermontag
2026-05-01 Tag der Arbeit
2026-05-14 Christi Himmelfahrt
2026-05-25 Pfingstmontag
2026-06-04 Fronleichnam
2026-10-03 Tag der Deutschen Einheit
2026-11-01 Allerheiligen
2026-12-25 1. Weihnachtstag
2026-12-26 2. Weihnachtstag`
	if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestDevices(t *testing.T) {
	known := map[string]devices.Profile{}
	for i, text := range history.Profiles() {
		p, err := profiles.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if p.ID != history.ProfileIDs()[i] {
			t.Errorf("profile %s, want %s", p.ID, history.ProfileIDs()[i])
		}
		known[p.ID] = p
	}
	g := generator(t, config(300, false))
	seen := map[string]bool{}
	for _, d := range g.Devices() {
		if err := registry.Check(d); err != nil {
			t.Fatalf("%s: %v", d.Station, err)
		}
		if p := known[d.Profile]; p.Domain != d.Domain || p.Interval < 10*365*24*time.Hour {
			t.Fatalf("%s has profile %+v", d.Station, p)
		}
		if !history.Ours(&d) || d.Visibility != devices.Public || d.Disabled || !strings.HasPrefix(d.EUI.String(), history.EUIs) || seen[d.EUI.String()] || seen[d.Station] {
			t.Fatalf("%+v", d)
		}
		if d.Place.Lat < 51.3 || d.Place.Lat > 52 || d.District == "" || !strings.Contains(d.District, "erfunden") {
			t.Fatalf("%+v", d)
		}
		seen[d.EUI.String()], seen[d.Station] = true, true
	}
	real := g.Devices()[0]
	real.Station = "paderborn-verkehr-001"
	if history.Ours(&real) {
		t.Error("a real station counts as invented")
	}
}

func TestNew(t *testing.T) {
	for want, change := range map[string]func(*history.Config){
		"0 stations":      func(c *history.Config) { c.Stations = 0 },
		"100001 stations": func(c *history.Config) { c.Stations = 100_001 },
		"no municipality": func(c *history.Config) { c.Municipalities = nil },
		"no dataset":      func(c *history.Config) { c.Datasets = c.Datasets[5:] },
	} {
		c := config(10, false)
		change(&c)
		if _, err := history.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// BenchmarkDay tells how many windows a core makes in a second.
func BenchmarkDay(b *testing.B) {
	for _, c := range []struct {
		name string
		full bool
	}{{"lean", false}, {"full", true}} {
		b.Run(c.name, func(b *testing.B) {
			m := generator(b, config(300, c.full)).Maker()
			b.ReportAllocs()
			windows := 0
			for i := range b.N {
				err := m.Day(date(2026, 1, 1+i%365), func(_ *opendata.Dataset, _ opendata.Window, rows []devices.Aggregate) error {
					windows += len(rows)
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(windows)/b.Elapsed().Seconds(), "windows/s")
		})
	}
}
