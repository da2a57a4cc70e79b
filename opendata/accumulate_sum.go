package opendata

import (
	"math"
	"slices"

	"modellregion/devices"
)

// exactSum adds numbers without an error, so that their order does not matter,
// and rounds once at the end. After J. R. Shewchuk, "Adaptive Precision
// Floating-Point Arithmetic" (1997), §2.4, as math.fsum of Python does it.
type exactSum struct {
	parts []float64 // ascending in size, no two of which overlap; their sum is the sum
}

func (s *exactSum) add(x float64) {
	kept := 0
	for _, y := range s.parts {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		high := x + y
		if low := y - (high - x); low != 0 {
			s.parts[kept] = low
			kept++
		}
		x = high
	}
	s.parts = append(s.parts[:kept], x)
}

// value returns the number nearest to the sum.
func (s *exactSum) value() float64 {
	n := len(s.parts) - 1
	if n < 0 {
		return 0
	}
	high, low := s.parts[n], 0.0
	for n > 0 && low == 0 {
		n--
		x, y := high, s.parts[n]
		high = x + y
		low = y - (high - x)
	}
	// Half way between two numbers, what is below decides.
	if n > 0 && (low < 0 && s.parts[n-1] < 0 || low > 0 && s.parts[n-1] > 0) {
		twice := low * 2
		if up := high + twice; up-high == twice {
			high = up
		}
	}
	return high
}

// exactly is the number of readings up to which percentiles are exact. Those
// of an area's day can be a hundred million.
const exactly = 1 << 16

// sample knows the percentiles of readings: up to exactly of them as they are,
// more by the 1024 steps between each two powers of two, in each of which it
// knows their number and the highest. Either way it is the readings that
// decide, not their order.
type sample struct {
	values []float64
	steps  map[uint64]step
	count  int
}

type step struct {
	count int
	high  float64
}

func (s *sample) reset() { s.values, s.steps, s.count = s.values[:0], nil, 0 }

func (s *sample) add(v float64) {
	s.count++
	if s.steps == nil {
		s.values = append(s.values, v)
		if len(s.values) <= exactly {
			return
		}
		s.steps = map[uint64]step{}
		for _, v := range s.values {
			s.sort(v)
		}
		s.values = nil
		return
	}
	s.sort(v)
}

func (s *sample) sort(v float64) {
	// The bits of a float are in the order of the numbers once the sign is
	// turned; the upper 22 are sign, exponent and 10 of the mantissa.
	bits := math.Float64bits(v)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	old, ok := s.steps[bits>>42]
	if !ok || v > old.high {
		old.high = v
	}
	s.steps[bits>>42] = step{old.count + 1, old.high}
}

// percentiles returns, by the nearest rank, the least reading that at least p
// percent of the readings do not exceed.
func (s *sample) percentiles(wanted []int) []devices.Percentile {
	if len(wanted) == 0 || s.count == 0 {
		return nil
	}
	slices.Sort(s.values)
	keys := make([]uint64, 0, len(s.steps))
	for k := range s.steps {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]devices.Percentile, len(wanted))
	for i, p := range wanted {
		rank := (p*s.count + 99) / 100 // from 1
		out[i] = devices.Percentile{P: p, Value: s.at(rank, keys)}
	}
	return out
}

func (s *sample) at(rank int, keys []uint64) float64 {
	if s.steps == nil {
		return s.values[rank-1]
	}
	for _, k := range keys {
		if rank -= s.steps[k].count; rank <= 0 {
			return s.steps[k].high
		}
	}
	return math.NaN() // no rank is above the count
}
