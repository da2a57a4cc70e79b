package history

import (
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// interval is the time between two reports of every station.
const interval = 5 * time.Minute

// perQuarter is how many reports a quarter of an hour has.
const perQuarter = int(quarter / interval)

// MaxStations is how many stations a past can have at most.
const MaxStations = 100_000

// Config says what a past is of.
type Config struct {
	Seed           uint64
	Stations       int // 1 to MaxStations
	Full           bool
	Municipalities []Municipality // which the stations are spread over
	Datasets       []opendata.Dataset
}

// Municipality is where stations can be.
type Municipality struct {
	ID     string // as in Device.Municipality
	Centre devices.Place
}

// Generator knows the stations of a past and what they measure. It does not
// change and may be used by several goroutines.
//
// Of 20 stations 7 count traffic, 5 measure the air, 4 a transformer and 4 a
// road. With Config.Full each measures all that its kind can: 9, 9, 5 and 6
// series of a quantity on a channel. Otherwise only four in 300 do, and the
// others measure one quantity each: 300 stations then have 325 series, which
// are 11 million windows of 15 minutes in a year.
type Generator struct {
	seed           noise
	municipalities []Municipality
	kinds          []kind
	stations       []station
	plans          []plan
}

// station is a station that there is not.
type station struct {
	devices.Station
	kind         *kind
	series       []series
	all          bool
	municipality int // index

	chance []noise // of the readings, by series
	course noise
	gaps   noise
	nature noise

	size   float64    // vehicles/h and lane when everybody drives; homes behind a transformer
	limit  float64    // km/h of free traffic; kVA of a transformer
	heavy  float64    // share of trucks
	roofs  float64    // kW of sun
	phases [3]float64 // shares of the load
	busy   float64    // of the streets around
}

// plan is a dataset with what is generated for it.
type plan struct {
	*opendata.Dataset
	windows  []opendata.Window // those that are made, the longest first
	stations []planned
}

// planned is a station in a dataset.
type planned struct {
	*station
	public []bool // by series: the dataset has it
	derive bool   // the dataset has something that follows from them
}

// New invents the stations.
func New(c Config) (*Generator, error) {
	if c.Stations < 1 || c.Stations > MaxStations {
		return nil, fmt.Errorf("history: %d stations, want 1 to %d", c.Stations, MaxStations)
	}
	if len(c.Municipalities) == 0 {
		return nil, fmt.Errorf("history: no municipality to have stations in")
	}
	g := &Generator{seed: noise(mix(c.Seed)), municipalities: c.Municipalities, kinds: kinds()}
	numbers := make([]int, len(g.kinds))
	for i := range c.Stations {
		k := mixed[i%len(mixed)]
		g.stations = append(g.stations, g.station(i, &g.kinds[k], numbers[k], c.Full))
		numbers[k]++
	}
	for i := range c.Datasets {
		g.plan(&c.Datasets[i])
	}
	if len(g.plans) == 0 {
		return nil, fmt.Errorf("history: no dataset by station has what these stations measure in windows of 15m, 1h or 1d")
	}
	return g, nil
}

// plan adds a dataset, unless it is one that the past has nothing for: of
// households, who are nobody's to invent, of areas, where real stations are, and
// of other windows.
func (g *Generator) plan(d *opendata.Dataset) {
	p := plan{Dataset: d}
	for _, w := range []opendata.Window{opendata.Day24, opendata.Hour, opendata.Quarter} {
		if slices.Contains(d.Windows, w) {
			p.windows = append(p.windows, w)
		}
	}
	if d.Households != nil || d.Grouping != "" && d.Grouping != opendata.ByStation || len(p.windows) == 0 {
		return
	}
	for i := range g.stations {
		s := &g.stations[i]
		if s.kind.domain != d.Domain {
			continue
		}
		one := planned{station: s, public: make([]bool, len(s.series))}
		for j := range s.series {
			one.public[j] = d.Has(s.series[j].Quantity)
		}
		one.derive = s.all && slices.ContainsFunc(s.kind.derives, func(q string) bool { return slices.Contains(d.Quantities, q) })
		if one.derive || slices.Contains(one.public, true) {
			p.stations = append(p.stations, one)
		}
	}
	if len(p.stations) > 0 {
		g.plans = append(g.plans, p)
	}
}

// Table is what a past has of a dataset.
type Table struct {
	Dataset *opendata.Dataset
	Windows []opendata.Window // the longest first
	Series  int               // quantities on channels of stations, without those that are derived
}

// Tables returns the datasets that the past has something for.
func (g *Generator) Tables() []Table {
	var out []Table
	for i := range g.plans {
		t := Table{Dataset: g.plans[i].Dataset, Windows: g.plans[i].windows}
		for j := range g.plans[i].stations {
			for _, public := range g.plans[i].stations[j].public {
				if public {
					t.Series++
				}
			}
		}
		out = append(out, t)
	}
	return out
}

// Stations returns the stations, ordered as they were invented.
func (g *Generator) Stations() []devices.Station {
	out := make([]devices.Station, len(g.stations))
	for i := range g.stations {
		out[i] = g.stations[i].Station
	}
	return out
}

// Windows returns about how many windows of all lengths a day has: without
// derived ones, and gaps not taken away. It is for telling progress.
func (g *Generator) Windows(day opendata.Day) int {
	span, n := day.Span(), 0
	for _, t := range g.Tables() {
		for _, w := range t.Windows {
			slots := 1
			if w < opendata.Day24 {
				slots = int(span.End.Sub(span.Start) / time.Duration(w))
			}
			n += slots * t.Series
		}
	}
	return n
}
