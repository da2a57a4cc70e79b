package opendata

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

func TestDefaultsAreValid(t *testing.T) {
	if err := CheckAll(Defaults()); err != nil {
		t.Fatal(err)
	}
	for _, d := range Defaults() {
		for _, text := range []Text{d.Title, d.Description} {
			if text.In("de") == "" || text.In("en") == "" {
				t.Errorf("dataset %s lacks a text: %+v", d.ID, text)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	traffic, energy, quality, households := Defaults()[0], Defaults()[1], Defaults()[4], Defaults()[5]
	for name, c := range map[string]struct {
		from  Dataset
		spoil func(*Dataset)
		want  []string // "path: part of the text"
	}{
		"nothing":             {traffic, func(*Dataset) {}, nil},
		"nothing of a week":   {quality, func(*Dataset) {}, nil},
		"nothing, households": {households, func(*Dataset) {}, nil},
		"id":                  {traffic, func(d *Dataset) { d.ID = "../verkehr" }, []string{"id: "}},
		"domain":              {traffic, func(d *Dataset) { d.Domain, d.Quantities = "health", []string{"battery_level"} }, []string{"domain: unknown"}},
		"no title":            {traffic, func(d *Dataset) { d.Title.En = "" }, []string{"title: "}},
		"no quantities":       {traffic, func(d *Dataset) { d.Quantities = nil }, []string{"quantities: no"}},
		"quantities": {traffic, func(d *Dataset) { d.Quantities = []string{"speed_mean", "luck", "voltage", "speed_mean"} },
			[]string{"quantities[1]: unknown", "quantities[2]: voltage belongs", "quantities[3]: speed_mean is there twice"}},
		"no windows":    {traffic, func(d *Dataset) { d.Windows = nil }, []string{"windows: no"}},
		"windows":       {traffic, func(d *Dataset) { d.Windows = []Window{Hour, Quarter, Quarter, Window(7)} }, []string{"windows[1]: 15m after 1h", "windows[2]: 15m after 15m", "windows[3]: 7ns, want"}},
		"a week":        {traffic, func(d *Dataset) { d.Windows = []Window{TenMinutes, Hour, Week} }, []string{"windows[0]: 10m is there for", "windows[2]: 1w is there for"}},
		"half a week":   {quality, func(d *Dataset) { d.Windows = []Window{Quarter, Week} }, []string{"windows[1]: a week is judged"}},
		"no week":       {energy, func(d *Dataset) { d.Quantities = []string{"voltage", "voltage_quality"} }, []string{"quantities[1]: voltage_quality is told by a week"}},
		"grouping":      {traffic, func(d *Dataset) { d.Grouping = "street" }, []string{"grouping: \"street\""}},
		"road of grids": {energy, func(d *Dataset) { d.Grouping = ByRoad }, []string{"grouping: by road only"}},
		"area of weeks": {quality, func(d *Dataset) { d.Grouping = ByDistrict }, []string{"grouping: EN 50160"}},
		"percentiles":   {traffic, func(d *Dataset) { d.Percentiles = []int{0, 85, 50, 100} }, []string{"percentiles[0]: 0", "percentiles[2]: 50 after 85", "percentiles[3]: 100"}},
		"licence":       {traffic, func(d *Dataset) { d.Licence = Licence{ID: "mine"} }, []string{"licence: \"mine\""}},
		"no licence":    {traffic, func(d *Dataset) { d.Licence = Licence{} }, []string{"licence: \"\""}},
		"themes":        {traffic, func(d *Dataset) { d.Themes = []string{"TRAN", "CARS", "TRAN"} }, []string{"themes[1]: \"CARS\"", "themes[2]: TRAN is there twice"}},
		"households": {households, func(d *Dataset) {
			d.Households = &Households{K: 4, Delay: time.Hour}
			d.Quantities, d.Windows, d.Grouping, d.Percentiles = []string{"energy_export", "voltage"}, []Window{Quarter}, ByDistrict, []int{50}
		}, []string{"quantities[1]: voltage: of households", "windows: those of households", "grouping: households", "percentiles: of households", "households.k: 4", "households.delay: 1h0m0s"}},
		"households of roads":          {traffic, func(d *Dataset) { d.Households = &Households{}; d.Quantities = nil }, []string{"households: household meters", "quantities: no"}},
		"households with what is left": {households, func(d *Dataset) { d.Households, d.Windows = &Households{}, nil }, nil},
	} {
		c.spoil(&c.from)
		var got []string
		if err := c.from.Check(); err != nil {
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				m, ok := errors.AsType[*Mistake](e)
				if !ok {
					t.Fatalf("%s: %v is no Mistake", name, e)
				}
				got = append(got, m.Path+": "+m.Text)
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if len(got) != len(c.want) {
			t.Errorf("%s: mistakes %q, want %q", name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: mistake %q, want %q", name, got[i], c.want[i])
			}
		}
	}
}

func TestCheckAll(t *testing.T) {
	datasets := append(Defaults(), Defaults()[0])
	datasets[2].Percentiles = []int{0}
	err := CheckAll(datasets)
	for _, want := range []string{"datasets[2].percentiles[0]: ", `datasets[6].id: "verkehr" is that of datasets[0]`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestComplete(t *testing.T) {
	d := Dataset{Households: &Households{Total: true}}
	d.Complete()
	want := Dataset{Licence: DataLicenceZero(), Windows: []Window{Quarter, Hour, Day24}, Households: &Households{K: 5, Delay: 24 * time.Hour, Total: true}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("completed to %+v", d)
	}
	other := Dataset{}
	if other.Complete(); other.Windows != nil || other.Households != nil {
		t.Errorf("completed to %+v", other)
	}
}

func TestLicences(t *testing.T) {
	for _, l := range Licences() {
		var got Licence
		if err := got.UnmarshalText([]byte(l.ID)); err != nil || got != l {
			t.Errorf("%s reads as %+v (%v)", l.ID, got, err)
		}
		if l.ID == "" || l.Name == "" || !strings.HasPrefix(l.URL, "https://") {
			t.Errorf("licence %+v lacks something", l)
		}
	}
	var l Licence
	if err := l.UnmarshalText([]byte("all rights reserved")); err == nil || !strings.Contains(err.Error(), "cc-by/4.0") {
		t.Errorf("an unknown licence gives %v", err)
	}
}

func TestWindows(t *testing.T) {
	for text, want := range map[string][2]string{ // that 23:30 of 25 October lies in, when summer time ends
		"1m": {"2026-10-25T22:30:00Z", "2026-10-25T22:31:00Z"}, "10m": {"2026-10-25T22:30:00Z", "2026-10-25T22:40:00Z"},
		"15m": {"2026-10-25T22:30:00Z", "2026-10-25T22:45:00Z"}, "1h": {"2026-10-25T22:00:00Z", "2026-10-25T23:00:00Z"},
		"1d": {"2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, "1w": {"2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"},
	} {
		var w Window
		if err := w.UnmarshalText([]byte(text)); err != nil || w.String() != text {
			t.Errorf("%s reads as %s (%v)", text, w, err)
		}
		span := w.Span(time.Date(2026, 10, 25, 23, 30, 0, 0, Berlin()))
		if got := [2]string{span.Start.Format(time.RFC3339), span.End.Format(time.RFC3339)}; got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
		if next := w.Begin(span.End); !next.Equal(span.End) {
			t.Errorf("%s: the next begins at %s, not where it ends", text, next)
		}
	}
	var w Window
	if err := w.UnmarshalText([]byte("2h")); err == nil {
		t.Error("2h passes as a window")
	}
}

func TestDays(t *testing.T) {
	for day, hours := range map[string]int{"2026-03-29": 23, "2026-10-25": 25, "2026-11-23": 24} {
		d, err := ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		span := d.Span()
		if got := span.End.Sub(span.Start); got != time.Duration(hours)*time.Hour {
			t.Errorf("%s has %s, want %d h", day, got, hours)
		}
		if DayOf(span.Start) != d || DayOf(span.End.Add(-time.Nanosecond)) != d || DayOf(span.End) == d {
			t.Errorf("%s: DayOf disagrees with Span %v", day, span)
		}
		if d.String() != day {
			t.Errorf("%s prints as %s", day, d)
		}
	}
	if _, err := ParseDay("23.11.2026"); err == nil {
		t.Error("a German date passes as a day")
	}
}

// What stands at a mast for another domain than most of it is published too.
func TestSitesOfAStationOfTwoDomains(t *testing.T) {
	mast := devices.Station{ID: "mast", Domain: uplink.Traffic, Also: []uplink.Domain{uplink.Environment}}
	dir := stationList{mast, {ID: "counter", Domain: uplink.Traffic}}
	for domain, want := range map[uplink.Domain][]string{uplink.Traffic: {"counter", "mast"}, uplink.Environment: {"mast"}, uplink.Energy: nil} {
		d := Dataset{Domain: domain}
		var got []string
		for _, s := range d.Sites(dir) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", domain, got, want)
		}
	}
}

// stationList is a Directory that knows stations and nothing else.
type stationList []devices.Station

func (l stationList) Stations() []devices.Station                      { return l }
func (l stationList) Interval(string, *devices.Quantity) time.Duration { return 0 }
func (l stationList) Fact(string, string) (float64, bool)              { return 0, false }
