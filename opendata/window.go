package opendata

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
)

// Window is a length of time over which readings are aggregated. Windows follow
// each other without gaps: those below a day are whole multiples of their
// length since the Unix epoch, in UTC; days and weeks begin at midnight in
// Germany, weeks on Mondays, so that a day has 23, 24 or 25 hours.
type Window time.Duration

// The windows that there are.
const (
	Minute     = Window(time.Minute)
	TenMinutes = Window(10 * time.Minute) // of EN 50160
	Quarter    = Window(15 * time.Minute)
	Hour       = Window(time.Hour)
	Day24      = Window(24 * time.Hour)     // a day: see Day
	Week       = Window(7 * 24 * time.Hour) // of EN 50160
)

var windowNames = map[Window]string{Minute: "1m", TenMinutes: "10m", Quarter: "15m", Hour: "1h", Day24: "1d", Week: "1w"}

// String returns the window as in configuration, storage and file names: "15m".
func (w Window) String() string {
	if name, ok := windowNames[w]; ok {
		return name
	}
	return time.Duration(w).String()
}

// UnmarshalText reads what String writes.
func (w *Window) UnmarshalText(text []byte) error {
	for window, name := range windowNames {
		if name == string(text) {
			*w = window
			return nil
		}
	}
	return fmt.Errorf("window %.32q: want 1m, 10m, 15m, 1h, 1d or 1w", text)
}

// Begin returns when the window began that t lies in, in UTC.
func (w Window) Begin(t time.Time) time.Time {
	switch w {
	case Day24:
		return DayOf(t).Span().Start
	case Week:
		d := DayOf(t)
		monday := (int(t.In(Berlin()).Weekday()) + 6) % 7 // days since
		return Day{d.Year, d.Month, d.Day - monday}.Span().Start
	default:
		return t.UTC().Truncate(time.Duration(w))
	}
}

// End returns when the window ends that begins at begin: when the next begins.
func (w Window) End(begin time.Time) time.Time {
	switch w {
	case Day24:
		return DayOf(begin).Span().End
	case Week:
		d := DayOf(begin)
		return Day{d.Year, d.Month, d.Day + 7}.Span().Start
	default:
		return begin.Add(time.Duration(w))
	}
}

// Span returns the window that t lies in.
func (w Window) Span(t time.Time) devices.Span {
	begin := w.Begin(t)
	return devices.Span{Start: begin, End: w.End(begin)}
}

// Grouping says what a row of a dataset is about.
type Grouping string

// The groupings. Those above a station put all its channels together.
const (
	ByStation      Grouping = "station"
	ByRoad         Grouping = "road"         // devices with the same road
	ByDistrict     Grouping = "district"     // of a municipality
	ByMunicipality Grouping = "municipality" // of the region
)

func groupings() []Grouping { return []Grouping{ByStation, ByRoad, ByDistrict, ByMunicipality} }

// Site is what the rows of a dataset are about: a station, or the road or area
// by which it is grouped. Its ID stands in Aggregate.Station.
type Site struct {
	ID           string
	Name         string
	Municipality string
	Place        devices.Place   // of a road or area the middle of its stations
	Line         devices.Segment // of a road; may be empty
	Stations     []string        // ids, ordered
}

// Sites returns the sites of a dataset, ordered by id.
func (d *Dataset) Sites(dir Directory) []Site {
	byID := map[string]*Site{}
	for _, s := range dir.Stations() {
		if !s.Measures(d.Domain) {
			continue
		}
		site := Site{ID: s.ID, Name: s.Name, Municipality: s.Municipality, Line: s.Segment}
		switch d.Grouping {
		case ByRoad:
			site.ID, site.Name = s.Road, s.Road
		case ByDistrict:
			site.ID, site.Name, site.Line = s.District, s.District, nil
			if s.District != "" {
				site.ID = s.Municipality + "/" + s.District
			}
		case ByMunicipality:
			site.ID, site.Name, site.Line = s.Municipality, s.Municipality, nil
		}
		if site.ID == "" {
			continue
		}
		known := byID[site.ID]
		if known == nil {
			known = &site
			byID[site.ID] = known
		}
		// The mean of what is there so far and one more.
		n := float64(len(known.Stations))
		known.Place.Lat = (known.Place.Lat*n + s.Place.Lat) / (n + 1)
		known.Place.Lon = (known.Place.Lon*n + s.Place.Lon) / (n + 1)
		known.Stations = append(known.Stations, s.ID)
	}
	sites := make([]Site, 0, len(byID))
	for _, s := range byID {
		slices.Sort(s.Stations)
		sites = append(sites, *s)
	}
	slices.SortFunc(sites, func(a, b Site) int { return strings.Compare(a.ID, b.ID) })
	return sites
}
