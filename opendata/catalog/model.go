package catalog

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// model is all that the catalogue tells at one moment.
type model struct {
	cfg      *Config
	entries  []entry // by id
	issued   string  // day
	modified time.Time
	made     time.Time
}

// entry is a dataset with what is known of it beside its declaration.
type entry struct {
	d       *opendata.Dataset
	details Details
	files   []File // those that are told of
	first   opendata.Day
	issued  string // day
	changed time.Time
	ags     []string // of the municipalities that the data are from
	area    area     // of the stations; empty for households
}

// area is where the stations of a domain are, in degrees.
type area struct {
	stations                 int
	south, west, north, east float64
	municipalities           map[string]bool // ids
}

// look asks for files and stations, and fails when it cannot know.
func look(cfg *Config) (*model, error) {
	if len(cfg.Datasets) == 0 {
		return nil, fmt.Errorf("no dataset is declared, and an empty catalogue would make harvesters delete what they have")
	}
	m := &model{cfg: cfg, made: time.Now()}
	areas := areasOf(cfg.Directory.Stations())
	for i := range cfg.Datasets {
		d := &cfg.Datasets[i]
		published, err := cfg.Files.Published(d.ID)
		if err != nil {
			return nil, fmt.Errorf("ask for the files of dataset %s: %w", d.ID, err)
		}
		e := entry{d: d, details: cfg.Settings.Datasets[d.ID], first: published.First}
		e.take(published.Files)
		e.place(cfg, areas[d.Domain])
		if e.changed.After(m.modified) {
			m.modified = e.changed
		}
		if m.issued == "" || e.issued != "" && e.issued < m.issued {
			m.issued = e.issued
		}
		m.entries = append(m.entries, e)
	}
	if cfg.Settings.Issued != "" {
		m.issued = cfg.Settings.Issued
	}
	slices.SortFunc(m.entries, func(a, b entry) int { return strings.Compare(a.d.ID, b.d.ID) })
	return m, nil
}

// take keeps the files that are told of and what all of them say of the
// dataset. There is a file for each day and window, for ever, so that not all
// can be in a catalogue: it tells of the latest values and, for each window, of
// the newest month and, while there is none that is over, of the newest day.
// The page of the dataset has all.
func (e *entry) take(files []File) {
	newest := map[opendata.Window][2]string{} // months, days
	for _, f := range files {
		if f.Modified.After(e.changed) {
			e.changed = f.Modified
		}
		if !f.Issued.IsZero() {
			if day := opendata.DayOf(f.Issued).String(); e.issued == "" || day < e.issued {
				e.issued = day
			}
		}
		n := newest[f.Window]
		if isMonth(f.Period) {
			n[0] = max(n[0], f.Period)
		} else {
			n[1] = max(n[1], f.Period)
		}
		newest[f.Window] = n
	}
	if e.details.Issued != "" {
		e.issued = e.details.Issued
	}
	if e.first == (opendata.Day{}) {
		e.first = begin(files)
	}
	over := map[opendata.Window]string{} // newest month that is over
	for _, f := range files {
		if isMonth(f.Period) && f.Complete {
			over[f.Window] = max(over[f.Window], f.Period)
		}
	}
	for _, f := range files {
		n := newest[f.Window]
		told := f.Period == "" || f.Period == n[0] || f.Period == over[f.Window] || over[f.Window] == "" && f.Period == n[1]
		// A name that ends twice (.csv.gz, .excel-de.csv, .csv-metadata.json) is of
		// a variant of another file, or about it.
		if told && strings.Count(path.Base(f.Path), ".") == 1 {
			e.files = append(e.files, f)
		}
	}
	slices.SortFunc(e.files, func(a, b File) int {
		if (a.Period == "") != (b.Period == "") {
			return len(a.Period) - len(b.Period)
		}
		if a.Window != b.Window {
			return int(min(max(a.Window-b.Window, -1), 1))
		}
		if c := strings.Compare(b.Period, a.Period); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
}

// begin returns the first day that a file is of. Of a month without files of its
// days only the first of the month is known.
func begin(files []File) opendata.Day {
	var day, month string
	for _, f := range files {
		switch {
		case f.Period == "":
		case isMonth(f.Period):
			if month == "" || f.Period < month {
				month = f.Period
			}
		case day == "" || f.Period < day:
			day = f.Period
		}
	}
	if day == "" || month != "" && !strings.HasPrefix(day, month) && month < day {
		day = month
	}
	first, _ := firstDay(day)
	return first
}

// isMonth tells a month from a day and from the latest values.
func isMonth(period string) bool { return len(period) == len("2026-11") }

// firstDay returns the day on which a period begins.
func firstDay(period string) (opendata.Day, bool) {
	if isMonth(period) {
		period += "-01"
	}
	day, err := opendata.ParseDay(period)
	return day, err == nil
}

// areasOf returns where the stations of each domain are.
func areasOf(stations []devices.Station) map[uplink.Domain]*area {
	areas := map[uplink.Domain]*area{}
	for i := range stations {
		s := &stations[i]
		a := areas[s.Domain]
		if a == nil {
			a = &area{south: 90, west: 180, north: -90, east: -180, municipalities: map[string]bool{}}
			areas[s.Domain] = a
		}
		a.stations++
		a.south, a.north = min(a.south, s.Place.Lat), max(a.north, s.Place.Lat)
		a.west, a.east = min(a.west, s.Place.Lon), max(a.east, s.Place.Lon)
		a.municipalities[s.Municipality] = true
	}
	return areas
}

// place says where the data of the dataset are from. Households are in no
// directory, and where they are is nobody's business: of them it is the region.
// So it is of a dataset without stations.
func (e *entry) place(cfg *Config, a *area) {
	all := a == nil || e.d.Households != nil
	if !all {
		e.area = *a
	}
	for _, m := range cfg.Region.Municipalities {
		if isAGS(m.AGS) && (all || a.municipalities[m.ID]) {
			e.ags = append(e.ags, m.AGS)
		}
	}
	slices.Sort(e.ags)
	e.ags = slices.Compact(e.ags)
}

// box returns the area as WKT in WGS 84, longitude first (GeoSPARQL 1.0 §8.5,
// without a CRS): "" when it has no extent. It is rounded outwards to 0.001°,
// about 100 m.
func (a *area) box() string {
	if a.stations < 2 {
		return ""
	}
	const grid = 1000
	s, w := math.Floor(a.south*grid)/grid, math.Floor(a.west*grid)/grid
	n, e := math.Ceil(a.north*grid)/grid, math.Ceil(a.east*grid)/grid
	if !(s < n && w < e) {
		return ""
	}
	return fmt.Sprintf("POLYGON((%[2]g %[1]g,%[4]g %[1]g,%[4]g %[3]g,%[2]g %[3]g,%[2]g %[1]g))", s, w, n, e)
}

// centre returns the middle of the area as WKT, or "" without stations.
func (a *area) centre() string {
	if a.stations == 0 {
		return ""
	}
	return fmt.Sprintf("POINT(%.4f %.4f)", (a.west+a.east)/2, (a.south+a.north)/2)
}

// key is what a file is called among those of its dataset.
func (f *File) key() string {
	kind := strings.TrimPrefix(path.Ext(f.Path), ".")
	if f.Period == "" {
		return "latest-" + kind
	}
	return f.Window.String() + "-" + f.Period + "-" + kind
}

// highValueOf returns the categories of Regulation (EU) 2023/138 that name the
// dataset. Of its own accord the catalogue sees the one that speaks of what
// sensors measure: observations of weather stations, by station. Whether others
// apply only the region can tell.
func (c *Config) highValueOf(d *opendata.Dataset) []string {
	var categories []string
	for _, name := range c.Settings.Datasets[d.ID].HighValue {
		if iri := highValue[name]; iri != "" {
			categories = append(categories, iri)
		}
	}
	if len(c.Settings.Datasets[d.ID].HighValue) > 0 {
		return categories
	}
	byStation := d.Grouping == "" || d.Grouping == opendata.ByStation
	if d.Domain == uplink.Environment && byStation && slices.ContainsFunc(d.Quantities, func(q string) bool { return slices.Contains(weather, q) }) {
		return []string{highValue["meteorological"]}
	}
	return nil
}

// contributor returns the URI of who hands the data on to GovData, or "". What
// is in North Rhine-Westphalia goes by Open.NRW.
func (c *Config) contributor() string {
	id := c.Settings.Contributor
	switch {
	case isLink(id):
		return id
	case id != "":
		return contributors + id
	}
	for _, m := range c.Region.Municipalities {
		if !strings.HasPrefix(m.AGS, "05") {
			return ""
		}
	}
	if len(c.Region.Municipalities) == 0 {
		return ""
	}
	return contributors + "openNRW"
}

// publisherOf returns who answers for a dataset.
func (c *Config) publisherOf(d *opendata.Dataset) string {
	return cmp.Or(d.Publisher, c.Region.Publisher)
}
