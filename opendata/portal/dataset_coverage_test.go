package portal

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// dailyRows has a row for each day of a span, of a number of stations.
type dailyRows struct {
	rows  []devices.Aggregate
	asked []string // stations
	err   error
}

func (r *dailyRows) Windows(_ context.Context, _ string, w time.Duration, span devices.Span, station string, _ ...*devices.Quantity) ([]devices.Aggregate, error) {
	r.asked = append(r.asked, station)
	var out []devices.Aggregate
	for _, a := range r.rows {
		if span.Contains(a.Start) && a.Window == w && (station == "" || station == a.Station) {
			out = append(out, a)
		}
	}
	return out, r.err
}

// TestCoverage: the share of a day is of all series that had begun, a station
// that was taken away counts until its last day, and of nothing known nothing is
// told.
func TestCoverage(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	q, _ := devices.Lookup("vehicle_count")
	r := &dailyRows{}
	add := func(station, day string, coverage float64) {
		d, err := opendata.ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		r.rows = append(r.rows, devices.Aggregate{Station: station, Quantity: q, Start: d.Span().Start, Window: 24 * time.Hour, Count: 1, Coverage: coverage})
	}
	here := f.places[0].ID
	add(here, "2026-10-25", 1) // of 25 hours
	add(here, "2026-11-02", .5)
	add("gone", "2026-11-02", 1)
	add(here, "2026-11-03", 1)
	add(here, "2026-11-04", 0) // nobody knows what to expect
	p := &portal{Config: Config{Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: r, Log: slog.New(slog.DiscardHandler)}, queries: make(chan struct{}, 1), now: newOverview(f.latest)}
	if err := p.prepareDatasets(); err != nil {
		t.Fatal(err)
	}
	read := func() map[string]dayCoverage {
		days, _ := p.coverageDays(t.Context(), &p.Datasets[0], now)
		byDay := map[string]dayCoverage{}
		for _, d := range days {
			byDay[d.Day.String()] = d
		}
		if len(byDay) != len(days) || days[len(days)-1].Day != opendata.DayOf(now) {
			t.Fatalf("%d days to %s", len(days), days[len(days)-1].Day)
		}
		return byDay
	}
	got := read()
	if first := calendarMonths(now)[0]; first.String() != "2025-12-01" || got["2025-12-01"] != (dayCoverage{Day: first, Known: true}) {
		t.Errorf("the calendar begins with %s, %+v", first, got["2025-12-01"])
	}
	for day, want := range map[string]struct {
		begun bool
		share float64
	}{
		"2026-10-24": {false, 0}, "2026-10-25": {true, 1}, "2026-11-01": {true, 0}, "2026-11-02": {true, .75}, "2026-11-03": {true, 1}, "2026-11-04": {true, 0},
	} {
		if d := got[day]; !d.Known || d.Begun != want.begun || d.Share != want.share {
			t.Errorf("%s: %+v, want %+v", day, d, want)
		}
	}
	// What is new is read again after a while, and what is over daily.
	asked := len(r.asked)
	read()
	if len(r.asked) != asked {
		t.Errorf("the same is read again after no time: %d queries", len(r.asked)-asked)
	}
	now = now.Add(2 * time.Hour)
	add(here, "2026-11-28", 1)
	if got := read()["2026-11-28"]; got.Share != 1 || len(r.asked) != asked+1 {
		t.Errorf("after two hours: %+v and %d queries, want 1 and 1", got, len(r.asked)-asked)
	}
	now, r.err = now.Add(48*time.Hour), errAway
	if got := read()["2026-11-28"]; got.Share != 1 {
		t.Errorf("without the database what was known is lost: %+v", got)
	}
}

// TestCoverageOfHouseholds: what counts is what may be told.
func TestCoverageOfHouseholds(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	q, _ := devices.Lookup("energy_import")
	day, _ := opendata.ParseDay("2026-11-20")
	r := &dailyRows{}
	for i, group := range []string{"a", "b", "c", "d"} {
		r.rows = append(r.rows, devices.Aggregate{Station: group, Quantity: q, Start: day.Span().Start, Window: 24 * time.Hour, Suppressed: i == 0})
	}
	p := &portal{Config: Config{Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: r, Log: slog.New(slog.DiscardHandler)}, queries: make(chan struct{}, 1), now: newOverview(f.latest)}
	if err := p.prepareDatasets(); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Datasets, func(d opendata.Dataset) bool { return d.Households != nil })
	days, _ := p.coverageDays(t.Context(), &p.Datasets[i], now)
	for _, d := range days {
		if d.Day == day && d.Share != .75 {
			t.Errorf("three of four groups: %+v", d)
		}
	}
	v := p.calendar(t.Context(), &p.Datasets[i], &german)
	if v.Share != german.Dataset.CoverageTold {
		t.Errorf("the calendar of households tells %q", v.Share)
	}
}

// TestCoverageSample: of very many series some stations speak for all, spread
// over the list.
func TestCoverageSample(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	q, _ := devices.Lookup("voltage")
	var rows []devices.Aggregate
	now := time.Now().UTC().Truncate(15 * time.Minute)
	for i := range 1000 {
		id := fmt.Sprintf("s%03d", i)
		f.places = append(f.places, devices.Station{ID: id, Domain: "energy"})
		rows = append(rows, devices.Aggregate{Station: id, Quantity: q, Start: now, Window: 15 * time.Minute, Coverage: 1})
	}
	f.latest.Put("energienetz", rows[:100], now)
	p := &portal{Config: Config{Datasets: f.datasets, Directory: f, Latest: f.latest}}
	if sample := p.coverageSample(&p.Datasets[1]); sample != nil {
		t.Errorf("of 100 series of a row a day %d stations speak for all", len(sample))
	}
	f.latest.Put("energienetz", rows, now) // 31,000 rows a month
	sample := p.coverageSample(&p.Datasets[1])
	if len(sample) != 645 || sample[0] != "s000" || sample[1] != "s001" || sample[644] != "s998" {
		t.Errorf("%d stations from %.3q, want 645 of 1000 spread over the list", len(sample), sample)
	}
}

// TestCalendarDrawing: the figure has the same days as the table behind it.
func TestCalendarDrawing(t *testing.T) {
	var days []dayCoverage
	first := opendata.Day{Year: 2026, Month: 2, Day: 1} // a Sunday
	for day := first; day.Month == 2; day = opendata.DayOf(day.Span().End) {
		days = append(days, dayCoverage{Day: day, Known: true, Begun: day.Day > 2, Share: map[int]float64{3: 0, 4: .5, 5: .994, 6: 1}[day.Day]})
	}
	m, sum, known := german.calendarMonth(days, opendata.Day{Year: 2026, Month: 2, Day: 28})
	var states []string
	for _, d := range m.Days[:6] {
		states = append(states, d.State+" "+d.Text)
	}
	want := []string{"before vor Beginn der Messung", "before vor Beginn der Messung", "none keine Werte", "gaps 50" + thin + "%", "full 99" + thin + "%", "full 100" + thin + "%"}
	if !slices.Equal(states, want) || m.Days[27].State != "running" {
		t.Errorf("days %q … %s, want %q … running", states, m.Days[27].State, want)
	}
	if d := m.Days[0]; d.X != 72 || d.Y != 0 || m.Days[1].X != 0 || m.Days[1].Y != 12 {
		t.Errorf("a Sunday is at %d, %d and the Monday after it at %d, %d", d.X, d.Y, m.Days[1].X, m.Days[1].Y)
	}
	if d := m.Days[3]; d.Fill != "5.0" || d.Top != "17.0" || known != 25 || math.Abs(sum-2.494) > 1e-9 || m.Short != "Feb. 2026" || m.Missing != "23" {
		t.Errorf("half a day is %s high at %s; %d days known, %v in all, %q, %s late", d.Fill, d.Top, known, sum, m.Short, m.Missing)
	}
}

// TestFromBegin: a calendar begins with the month in which measuring did.
func TestFromBegin(t *testing.T) {
	var days []dayCoverage
	for day := (opendata.Day{Year: 2026, Month: 1, Day: 1}); day.Month < 4; day = opendata.DayOf(day.Span().End) {
		days = append(days, dayCoverage{Day: day, Known: true, Begun: day.Month == 3 || day.Month == 2 && day.Day > 20})
	}
	if got := fromBegin(days); got[0].Day.String() != "2026-02-01" || len(got) != 28+31 {
		t.Errorf("it begins with %s and has %d days", got[0].Day, len(got))
	}
	days[3].Known = false
	if got := fromBegin(days); len(got) != len(days) {
		t.Errorf("with a day that nobody has read it has %d of %d days", len(got), len(days))
	}
}

// TestCalendarOnThePage: without any data it says so, and a day has its number
// in the table.
func TestCalendarOnThePage(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	if text := body(t, get(f.handler(t, BaseMap{}), "GET", "/dataset/umwelt")); !strings.Contains(text, german.Dataset.CoverageEmpty) {
		t.Error("the page of a dataset without data does not say that no day is complete")
	}
}
