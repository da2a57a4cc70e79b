// Package derived computes what no device reports from what devices report:
// the traffic state of a road, the load of a transformer, the unbalance of
// three voltages, the state of a road surface, and whether a week of voltages
// kept the limits of EN 50160.
//
// It knows the rules, their limits and their sources, and takes and returns
// rows of numbers. It leaves reading, storing and publishing to package
// opendata, and what is known of a station beside its measurements to the
// caller. The rules are explained for those who must trust them in
// docs/handbook/derived.md.
package derived

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
)

// What may be known of a station beside what it measures.
const (
	FreeSpeed          = "free_speed"          // km/h, at which the road is driven when it is empty
	CongestedOccupancy = "congested_occupancy" // of 1, from which on the traffic stands at this detector
	RatedPower         = "rated_power"         // V.A, of the transformer
)

// Enough is the least coverage with which a window or, of a week, an interval
// of ten minutes counts as measured. Our choice: with less, the greater part
// of it is not known.
const Enough = 0.5

// rules are the quantities that one window tells.
var rules = []struct {
	quantity string
	inputs   []string
	apply    func(*window) []devices.Aggregate
}{
	{"traffic_state", []string{"speed_mean", "vehicle_count", "occupancy"}, trafficState},
	{"load", []string{"power_apparent", "power_active", "power_reactive"}, load},
	{"voltage_unbalance", []string{"voltage"}, voltageUnbalance},
	{"surface_state", []string{"surface_temperature", "water_film", "freezing_temperature", "ice_fraction", "dew_point", "air_temperature", "relative_humidity"}, surfaceState},
}

// Inputs returns the names of the quantities from which a quantity is
// computed, or nil when it is not derived. Some of them may be missing; a
// derived one among them stands with its own inputs. Some of them may belong
// to another domain than the quantity: road stations report air temperatures.
func Inputs(quantity string) []string {
	for _, r := range rules {
		if r.quantity == quantity {
			return slices.Clone(r.inputs)
		}
	}
	for _, r := range weekly {
		if r.within == quantity || r.quality == quantity {
			return slices.Clone(r.inputs)
		}
	}
	return nil
}

// Window returns the rows of derived quantities that want wants, of one window
// of a station whose rows are given in any order. A quantity that a device
// reports itself is not derived. What is known of the station beside, as
// FreeSpeed, is told by fact. Rows with impossible or suppressed values are
// taken as not there.
//
// A derived gauge has one value in a window: its minimum and maximum are its
// mean where those of the inputs need not have been at the same time.
func Window(station string, rows []devices.Aggregate, want func(quantity string) bool, fact func(name string) (float64, bool)) []devices.Aggregate {
	if len(rows) == 0 {
		return nil
	}
	w := &window{station: station, start: rows[0].Start, length: rows[0].Window, rows: rows, fact: fact}
	var out []devices.Aggregate
	for _, r := range rules {
		if want(r.quantity) && !w.reported(r.quantity) {
			out = append(out, r.apply(w)...)
		}
	}
	return out
}

// window is what one station reported in one window.
type window struct {
	station string
	start   time.Time
	length  time.Duration
	rows    []devices.Aggregate
	fact    func(string) (float64, bool)
}

// reported says whether a device reports the quantity, with whatever value: a
// second row of its name would replace the first.
func (w *window) reported(quantity string) bool {
	return slices.ContainsFunc(w.rows, func(a devices.Aggregate) bool { return a.Quantity != nil && a.Quantity.Name == quantity })
}

// of returns the usable rows of a quantity, ordered by channel, one for each.
func (w *window) of(quantity string) []devices.Aggregate {
	var out []devices.Aggregate
	for i := range w.rows {
		if a := &w.rows[i]; a.Quantity != nil && a.Quantity.Name == quantity && usable(a) {
			out = append(out, *a)
		}
	}
	// Of two rows of one channel, which there should not be, the order of
	// arrival must not choose.
	slices.SortFunc(out, func(a, b devices.Aggregate) int {
		return cmp.Or(strings.Compare(a.Channel, b.Channel), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value(), b.Value()),
			cmp.Compare(a.Coverage, b.Coverage), cmp.Compare(a.Min, b.Min), cmp.Compare(a.Max, b.Max))
	})
	return slices.CompactFunc(out, func(a, b devices.Aggregate) bool { return a.Channel == b.Channel })
}

// usable says whether a row has a value that is possible. The sum of a window
// may be as much as each of its reports may hold.
func usable(a *devices.Aggregate) bool {
	if a.Suppressed || !(a.Coverage >= 0) {
		return false
	}
	if a.Quantity.Kind == devices.Count {
		return a.Sum >= 0 && a.Sum <= a.Quantity.Max*float64(a.Count)
	}
	return a.Quantity.Valid(a.Value())
}

// known returns a fact of the station that is a positive number.
func (w *window) known(name string) (float64, bool) {
	v, ok := w.fact(name)
	return v, ok && v > 0 && !math.IsInf(v, 1)
}

// row returns a derived row without a value.
func (w *window) row(quantity, channel string, from evidence) devices.Aggregate {
	q, ok := devices.Lookup(quantity)
	if !ok {
		panic("derived quantity " + quantity + " is missing in package devices")
	}
	return devices.Aggregate{
		Station: w.station, Quantity: q, Channel: channel, Start: w.start, Window: w.length,
		Count: from.count, Coverage: from.coverage,
	}
}

// gauge returns the row of a gauge, or none for a value that the quantity does
// not have: something it is computed from is wrong then.
func (w *window) gauge(quantity, channel string, from evidence, low, mean, high float64) []devices.Aggregate {
	a := w.row(quantity, channel, from)
	if !a.Quantity.Valid(low) || !a.Quantity.Valid(mean) || !a.Quantity.Valid(high) {
		return nil
	}
	a.Min, a.Mean, a.Max = low, mean, high
	return []devices.Aggregate{a}
}

// category returns the row of a category.
func (w *window) category(quantity, channel string, from evidence, state string) devices.Aggregate {
	a := w.row(quantity, channel, from)
	code, ok := a.Quantity.Code(state)
	if !ok {
		panic(quantity + " has no state " + state)
	}
	a.Mode = code
	return a
}

// evidence is how much a derived value rests on.
type evidence struct {
	count    int     // readings
	coverage float64 // 0 to 1
}

// least returns the evidence of the weakest of the rows.
func least(rows ...devices.Aggregate) evidence {
	if len(rows) == 0 {
		return evidence{}
	}
	e := evidence{rows[0].Count, min(rows[0].Coverage, 1)}
	for _, a := range rows[1:] {
		e.count, e.coverage = min(e.count, a.Count), min(e.coverage, a.Coverage)
	}
	return e
}

// on returns the row of a channel, and false when there is none.
func on(rows []devices.Aggregate, channel string) (devices.Aggregate, bool) {
	i := slices.IndexFunc(rows, func(a devices.Aggregate) bool { return a.Channel == channel })
	if i < 0 {
		return devices.Aggregate{}, false
	}
	return rows[i], true
}
