package history

import (
	"slices"
	"time"

	"modellregion/devices"
)

// tally collects the readings of a window, as the aggregator does.
type tally struct {
	n              int
	sum, low, high float64
	held           [8]int32  // reports with each code of a category
	values         []float64 // where there are percentiles to tell
}

func reset(tallies []tally) {
	for i := range tallies {
		tallies[i] = tally{values: tallies[i].values[:0]}
	}
}

func (t *tally) add(k devices.Kind, v float64, keep bool) {
	if k == devices.Category {
		t.held[int(v)]++
	}
	if t.n == 0 {
		t.low, t.high = v, v
	}
	t.n++
	t.sum, t.low, t.high = t.sum+v, min(t.low, v), max(t.high, v)
	if keep && k == devices.Gauge {
		t.values = append(t.values, v)
	}
}

func (t *tally) merge(o *tally) {
	if o.n == 0 {
		return
	}
	if t.n == 0 {
		t.low, t.high = o.low, o.high
	}
	t.n += o.n
	t.sum, t.low, t.high = t.sum+o.sum, min(t.low, o.low), max(t.high, o.high)
	for code, n := range o.held {
		t.held[code] += n
	}
	t.values = append(t.values, o.values...)
}

// fill writes what a window of a length says into its row.
func (m *Maker) fill(row *devices.Aggregate, t *tally, length time.Duration, percentiles []int) {
	row.Count = t.n
	row.Coverage = min(1, float64(t.n)*float64(interval)/float64(length))
	switch row.Quantity.Kind {
	case devices.Gauge:
		// Rounding must not carry the mean beyond what was measured.
		row.Mean, row.Min, row.Max = clamp(t.sum/float64(t.n), t.low, t.high), t.low, t.high
		row.Percentiles = m.told(t.values, percentiles)
	case devices.Category:
		row.Mode, row.Shares = m.share(t, len(row.Quantity.Categories))
	default:
		row.Sum = t.sum
	}
}

// told returns the percentiles by the nearest rank.
func (m *Maker) told(values []float64, wanted []int) []devices.Percentile {
	if len(wanted) == 0 || len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	first := len(m.percentiles)
	for _, p := range wanted {
		m.percentiles = append(m.percentiles, devices.Percentile{P: p, Value: values[(p*len(values)+99)/100-1]})
	}
	return m.percentiles[first:len(m.percentiles):len(m.percentiles)]
}

// share returns the code that most reports had, of two the higher, and the
// share of each.
func (m *Maker) share(t *tally, codes int) (mode float64, shares []float64) {
	first, best := len(m.shares), int32(0)
	for code, held := range t.held[:codes] {
		if held > 0 && held >= best {
			mode, best = float64(code), held
		}
		m.shares = append(m.shares, float64(held)/float64(t.n))
	}
	return mode, m.shares[first:len(m.shares):len(m.shares)]
}
