package opendata

import (
	"math"
	"slices"
	"time"

	"modellregion/devices"
)

// A window is made of the readings in it, and of a meter and a category also
// of the last reading before it, when that is not older than the reach of the
// window. What it says does not depend on the order in which readings arrived:
// sums are exact before they are rounded, equal times are ordered by value.

// reach is how long a reading speaks for the time after it: the state of a
// category holds for that long, and the difference of a meter to a reading
// that was earlier before the window is not taken.
func (w Window) reach() time.Duration { return max(time.Hour, time.Duration(w)) }

// reaches reports whether windows of the kind look at readings before them.
func reaches(k devices.Kind) bool { return k == devices.Meter || k == devices.Category }

// slot is one window in time; milliseconds since 1970.
type slot struct {
	begin, end int64
	reach      int64
}

func slotOf(w Window, start time.Time) slot {
	return slot{start.UnixMilli(), w.End(start).UnixMilli(), w.reach().Milliseconds()}
}

func (s slot) start() time.Time { return time.UnixMilli(s.begin).UTC() }

// length is the real one: 23 to 25 hours of a day.
func (s slot) length() time.Duration { return time.Duration(s.end-s.begin) * time.Millisecond }

// accumulator collects what the readings of a slot say of one quantity, of one
// channel or of all that belong to a site.
type accumulator struct {
	count     int
	sum       exactSum
	low, high float64
	sample    sample  // when there are percentiles to tell
	held      []int64 // milliseconds by code of a category
}

func (a *accumulator) reset() {
	a.count, a.sum.parts, a.low, a.high = 0, a.sum.parts[:0], 0, 0
	a.sample.reset()
	clear(a.held)
}

func (a *accumulator) gauge(v float64, sampled bool) {
	if a.count == 0 {
		a.low, a.high = v, v
	}
	a.count++
	a.low, a.high = min(a.low, v), max(a.high, v)
	a.sum.add(v)
	if sampled {
		a.sample.add(v)
	}
}

// levels takes what a gauge or a count reported in a slot, but not NaN, which
// stands for nothing, and what is not possible for the quantity.
func (a *accumulator) levels(q *devices.Quantity, values []float64, sampled bool) {
	for _, v := range values {
		switch {
		case !q.Valid(v):
		case q.Kind == devices.Gauge:
			a.gauge(v, sampled)
		default:
			a.count++
			a.sum.add(v)
		}
	}
}

// column is what a series says of a quantity: its valid readings by time, then
// value. Devices, whose numbers mean nothing, must not decide their order.
type column struct {
	times   []int64
	values  []float64
	devices []uint16
}

// fill takes the valid readings of the quantity. Its memory is used again.
func (c *column) fill(s *devices.Series, q *devices.Quantity, values []float64) {
	c.times, c.values, c.devices = c.times[:0], c.values[:0], c.devices[:0]
	for i, v := range values {
		if !q.Valid(v) {
			continue
		}
		device := uint16(0)
		if s.Devices != nil {
			device = s.Devices[i]
		}
		// What has the same time is put in order.
		at := len(c.times)
		for at > 0 && c.times[at-1] == s.Times[i] && c.values[at-1] > v {
			at--
		}
		c.times = slices.Insert(c.times, at, s.Times[i])
		c.values = slices.Insert(c.values, at, v)
		c.devices = slices.Insert(c.devices, at, device)
	}
}

// states takes for how long a category had each code in the slot. Of two
// readings at one time the higher code holds.
func (a *accumulator) states(q *devices.Quantity, c *column, s slot) {
	lo, _ := slices.BinarySearch(c.times, s.begin)
	hi, _ := slices.BinarySearch(c.times, s.end)
	if lo == hi {
		return
	}
	a.count += hi - lo
	if a.held == nil {
		a.held = make([]int64, len(q.Categories))
	}
	for i := max(lo-1, 0); i < hi; i++ {
		from, until := max(c.times[i], s.begin), min(c.times[i]+s.reach, s.end)
		if i+1 < len(c.times) {
			until = min(until, c.times[i+1])
		}
		if until > from {
			a.held[int(c.values[i])] += until - from
		}
	}
}

// differences takes what a meter has counted in the slot: the difference of
// each reading to the one before it of the same device. One that is negative or
// more than the quantity can change in the time is that of a meter which was
// reset or swapped, and counts nothing.
func (a *accumulator) differences(q *devices.Quantity, c *column, s slot) {
	lo, _ := slices.BinarySearch(c.times, s.begin)
	hi, _ := slices.BinarySearch(c.times, s.end)
	a.count += hi - lo
	for i := lo; i < hi; i++ {
		before := i - 1
		for before >= 0 && c.devices[before] != c.devices[i] && c.times[before] >= s.begin-s.reach {
			before--
		}
		if before < 0 || c.times[before] < s.begin-s.reach {
			continue
		}
		difference := c.values[i] - c.values[before]
		minutes := float64(c.times[i]-c.times[before]) / 60_000
		if difference > 0 && (q.MaxPerMinute == 0 || difference <= q.MaxPerMinute*minutes) {
			a.sum.add(difference)
		}
	}
}

// row returns what was collected, without coverage. Numbers that the kind of
// the quantity has not are zero.
func (a *accumulator) row(q *devices.Quantity, percentiles []int) devices.Aggregate {
	r := devices.Aggregate{Quantity: q, Count: a.count}
	switch q.Kind {
	case devices.Gauge:
		r.Min, r.Max = a.low, a.high
		// Rounding must not carry the mean beyond what was measured.
		r.Mean = max(a.low, min(a.high, decimal(a.sum.value()/float64(a.count))))
		r.Percentiles = a.sample.percentiles(percentiles)
	case devices.Count, devices.Meter:
		r.Sum = decimal(a.sum.value())
	case devices.Category:
		r.Mode, r.Shares = a.shares()
	}
	return r
}

// decimal returns v with 12 significant digits. What is measured in tenths has
// nothing after them; binary fractions would print 230.39999999999998 for the mean
// of such values.
func decimal(v float64) float64 {
	const digits = 12
	if size := math.Abs(v); size < 1e-10 || size >= 1e12 {
		return v // 0, or nothing that anybody measures
	}
	scale := math.Pow10(digits - 1 - int(math.Floor(math.Log10(math.Abs(v)))))
	return math.Round(v*scale) / scale
}

// shares returns the code that took most of the time, of two that took the
// same the higher, and the share of the time that each took.
func (a *accumulator) shares() (mode float64, shares []float64) {
	total, most := int64(0), int64(0)
	for code, held := range a.held {
		total += held
		if held > 0 && held >= most {
			mode, most = float64(code), held
		}
	}
	shares = make([]float64, len(a.held))
	for code, held := range a.held {
		shares[code] = float64(held) / float64(max(total, 1))
	}
	return mode, shares
}

// expected is the number of readings that a channel owes in a length of time,
// or 0 when nobody knows.
func expected(length, interval time.Duration) float64 {
	if interval <= 0 {
		return 0
	}
	return max(1, float64(length)/float64(interval))
}

// coverage is received ÷ expected readings of the whole window, so that a
// window that is still running shows by it that it is preliminary. It is 0
// when nobody knows what to expect.
func coverage(count int, expected float64) float64 {
	if expected <= 0 {
		return 0
	}
	return math.Min(1, float64(count)/expected)
}
