package household

import (
	"math"
	"time"

	"modellregion/devices"
)

const (
	quarter = 15 * time.Minute

	// maxGap is the longest time between two readings of a meter that is
	// bridged by a straight line.
	maxGap = 2 * time.Hour

	// maxPower is more than a house connection of low voltage can carry, W
	// (250 A at 3×230 V is 173 kW). Above it a meter was exchanged or set.
	maxPower = 250e3
)

// fetched is the time whose readings say what was consumed in a day: as far
// beyond it as a gap may be.
func fetched(day devices.Span) devices.Span {
	return devices.Span{Start: day.Start.Add(-maxGap), End: day.End.Add(maxGap)}
}

// register is what one register of a meter says of a day.
type register struct {
	amounts []float64 // Wh by quarter hour of the day; nil when it reported nothing in it
	broken  bool      // it reported, and not enough to know the whole day
}

// consume returns what a register counted in each quarter hour of a day, on
// straight lines between its readings: Unix ms and Wh, NaN where a report has
// none. It is broken when the readings do not reach from midnight to midnight
// with gaps of at most maxGap, run backwards, or faster than maxPower.
func consume(times []int64, values []float64, day devices.Span) register {
	start, end := day.Start.UnixMilli(), day.End.UnixMilli()
	out := register{amounts: make([]float64, (end-start)/quarter.Milliseconds())}
	covered, last := start, -1 // up to when amounts are known; the reading before
	reported := false
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		reported = reported || times[i] >= start && times[i] < end
		if last >= 0 && times[i] > start && times[last] < end {
			if times[last] > covered || !out.add(times[last], times[i], v-values[last], start, end) {
				out.broken = true
			}
			covered = times[i]
		}
		last = i
	}
	if !reported {
		return register{}
	}
	out.broken = out.broken || covered < end
	return out
}

// add spreads what was counted between two readings over the quarter hours of
// the day, and reports whether that is possible. Times are Unix ms.
func (r *register) add(from, to int64, wh float64, start, end int64) bool {
	const hour = float64(time.Hour / time.Millisecond)
	length := to - from
	if length < 0 || length > maxGap.Milliseconds() || wh < 0 || wh*hour > maxPower*float64(length) {
		return false
	}
	if length == 0 { // said twice
		return true
	}
	step := quarter.Milliseconds()
	first := max(0, (from-start)/step)
	for i := first; i < int64(len(r.amounts)) && start+i*step < to; i++ {
		overlap := min(to, start+(i+1)*step) - max(from, start+i*step)
		r.amounts[i] += wh * float64(overlap) / float64(length)
	}
	return true
}

// plus adds another register that counts beside this one.
func (r register) plus(other register) register {
	switch {
	case other.amounts == nil:
		return r
	case r.amounts == nil:
		return other
	}
	sum := register{amounts: make([]float64, len(r.amounts)), broken: r.broken || other.broken}
	for i := range sum.amounts {
		sum.amounts[i] = r.amounts[i] + other.amounts[i]
	}
	return sum
}
