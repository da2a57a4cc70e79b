package opendata

import (
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata/derived"
	"modellregion/uplink"
)

// Text is a text for people in the two languages of the public side.
type Text struct {
	De string `yaml:"de"`
	En string `yaml:"en"`
}

// In returns the text in a language, "en" or else German.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.En
	}
	return t.De
}

// Dataset declares one published table: quantities of one domain, aggregated
// over windows.
type Dataset struct {
	ID          string        `yaml:"id"` // part of URLs, file names and storage: a-z, 0-9 and inner hyphens
	Domain      uplink.Domain `yaml:"domain"`
	Title       Text          `yaml:"title"`
	Description Text          `yaml:"description"`
	Quantities  []string      `yaml:"quantities"`  // names as in package devices, the most telling first
	Windows     []Window      `yaml:"windows"`     // the shortest first
	Grouping    Grouping      `yaml:"grouping"`    // empty: by station
	Percentiles []int         `yaml:"percentiles"` // of gauges, 1 to 99, ascending
	Licence     Licence       `yaml:"licence"`
	Publisher   string        `yaml:"publisher"`  // who answers for the data: "Stadt Paderborn"; empty: that of the region
	Contact     string        `yaml:"contact"`    // empty: that of the region
	Themes      []string      `yaml:"themes"`     // EU data themes: TRAN, ENER, ENVI …
	Households  *Households   `yaml:"households"` // makes it one of the consumption of household meters; nil: none of them is in it
}

// Households is the privacy rule of a dataset of household meters. What it
// leaves out is set by Dataset.Complete: K 5, Delay 24 h.
type Households struct {
	K     int           `yaml:"k"`     // least number of connection users in a published cell; at least 5 (MsbG §52)
	Delay time.Duration `yaml:"delay"` // after the end of a day until it is published; at least 24 h
	Total bool          `yaml:"total"` // also publish the day's sum of each municipality
}

// Base returns the shortest window, which charts and the latest values show.
func (d *Dataset) Base() Window { return d.Windows[0] }

// Has reports whether the dataset publishes the quantity.
func (d *Dataset) Has(q *devices.Quantity) bool { return slices.Contains(d.Quantities, q.Name) }

// Complete sets what a declaration may leave out: the licence and, of a
// dataset of households, the windows and the least that its rule may be.
func (d *Dataset) Complete() {
	if d.Licence == (Licence{}) {
		d.Licence = DataLicenceZero()
	}
	if d.Households == nil {
		return
	}
	h := *d.Households
	if h.K == 0 {
		h.K = LeastHouseholds
	}
	if h.Delay == 0 {
		h.Delay = LeastDelay
	}
	d.Households = &h
	if len(d.Windows) == 0 {
		d.Windows = householdWindows()
	}
}

// The least that a rule of Households may say. MsbG §52(3) has five connection
// users as what anonymises; the day of delay is ours, so that nobody is
// watched.
const (
	LeastHouseholds = 5
	LeastDelay      = 24 * time.Hour
)

// householdWindows are those of every dataset of households: which of them a
// group is published in depends on how many it has.
func householdWindows() []Window { return []Window{Quarter, Hour, Day24} }

// grouped reports whether a row is about more than a station.
func (d *Dataset) grouped() bool { return d.Grouping != "" && d.Grouping != ByStation }

// reads returns what has to be read of devices: the quantities that are
// published as they are reported, and those from which others are derived.
func (d *Dataset) reads() (public, inputs []*devices.Quantity) {
	for _, name := range d.Quantities {
		if q, ok := devices.Lookup(name); ok && !q.Derived {
			public = append(public, q)
		}
		for _, input := range derived.Inputs(name) {
			if q, ok := devices.Lookup(input); ok && !q.Derived && !slices.Contains(inputs, q) {
				inputs = append(inputs, q)
			}
		}
	}
	return public, inputs
}

// looksBack reports whether its windows depend on readings before them.
func (d *Dataset) looksBack() bool {
	public, inputs := d.reads()
	return slices.ContainsFunc(slices.Concat(public, inputs), func(q *devices.Quantity) bool { return reaches(q.Kind) })
}

// ofWeek reports whether a quantity is one of EN 50160, which only a week of
// 10-minute windows tells.
func ofWeek(q *devices.Quantity) bool {
	return q.Derived && q.Domain == uplink.Energy && (strings.HasSuffix(q.Name, "_within") || strings.HasSuffix(q.Name, "_quality"))
}
