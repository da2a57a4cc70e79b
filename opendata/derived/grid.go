package derived

import (
	"math"

	"modellregion/devices"
)

// Voltages of a low-voltage grid between a phase and the neutral conductor.
const (
	nominal = 230.0 // V

	// interruption is the voltage below which there is no supply: 5 % of the
	// nominal one, EN 50160 "supply interruption".
	interruption = 0.05 * nominal
)

var phases = []string{"l1", "l2", "l3"}

// load derives the load of a transformer in percent: S/S_rated·100, with the
// apparent power as measured or S = √(P²+Q²) of the sums over the phases
// (IEEE 1459, vector apparent power). RatedPower is required.
//
// Of a channel without a name, which is the sum of the phases already, the
// apparent power has a minimum and maximum; those of three phases need not
// have been at the same time. From mean active and reactive power S is at most
// the mean of S: it is too low where both change within the window.
func load(w *window) []devices.Aggregate {
	rated, ok := w.known(RatedPower)
	if !ok {
		return nil
	}
	percent := func(s float64) float64 { return s / rated * 100 }
	if s, from, ok := total(w.of("power_apparent")); ok {
		return w.gauge("load", "", from, percent(s.low), percent(s.mean), percent(s.high))
	}
	p, fromP, okP := total(w.of("power_active"))
	q, fromQ, okQ := total(w.of("power_reactive"))
	if !okP || !okQ {
		return nil
	}
	s := percent(math.Hypot(p.mean, q.mean))
	from := evidence{min(fromP.count, fromQ.count), min(fromP.coverage, fromQ.coverage)}
	return w.gauge("load", "", from, s, s, s)
}

// sum is a gauge of all phases together.
type sum struct{ low, mean, high float64 }

// total returns the row of the channel without a name, or the sum of the three
// phases. A phase that is missing is no phase without load.
func total(rows []devices.Aggregate) (sum, evidence, bool) {
	if a, ok := on(rows, ""); ok {
		if extremes(&a) && a.Quantity.Valid(a.Min) && a.Quantity.Valid(a.Max) {
			return sum{a.Min, a.Mean, a.Max}, least(a), true
		}
		return sum{a.Mean, a.Mean, a.Mean}, least(a), true
	}
	three, ok := threePhases(rows)
	if !ok {
		return sum{}, evidence{}, false
	}
	s := three[0].Mean + three[1].Mean + three[2].Mean
	return sum{s, s, s}, least(three...), true
}

// threePhases returns the rows of l1, l2 and l3.
func threePhases(rows []devices.Aggregate) ([]devices.Aggregate, bool) {
	var out []devices.Aggregate
	for _, channel := range phases {
		a, ok := on(rows, channel)
		if !ok {
			return nil, false
		}
		out = append(out, a)
	}
	return out, true
}

// voltageUnbalance derives the ratio of negative to positive sequence voltage
// in percent, which EN 50160 limits and IEC 61000-4-30 §5.7 defines, from the
// magnitudes alone: as if the phases were exactly 120° apart.
//
//	u2 = √(½·((U1−U2)²+(U2−U3)²+(U3−U1)²)) ÷ (U1+U2+U3)
//
// It is the same as the formula of IEC 61000-4-30 with line voltages when
// those are computed with 120°. Magnitudes alone tell no more than the sum of
// the negative sequence u2 and the conjugate zero sequence u0*, and this is
// half of it: right where u0* = u2, as with one phase low and the angles kept;
// half of the true u2 where there is no zero sequence, as with unbalance from
// the medium voltage; too large where the zero sequence is greater, as behind
// a long cable with loads on one phase. It is an estimate, not a measurement.
//
// A phase without voltage is interrupted or not connected: then there is none.
func voltageUnbalance(w *window) []devices.Aggregate {
	three, ok := threePhases(w.of("voltage"))
	if !ok {
		return nil
	}
	for i := range three {
		if interrupted(&three[i]) {
			return nil
		}
	}
	u := 100 * unbalance(three[0].Mean, three[1].Mean, three[2].Mean)
	return w.gauge("voltage_unbalance", "", least(three...), u, u, u)
}

// unbalance returns u2 of three voltages that are not all 0, from 0 to 1.
func unbalance(a, b, c float64) float64 {
	return math.Sqrt(((a-b)*(a-b)+(b-c)*(b-c)+(c-a)*(c-a))/2) / (a + b + c)
}

// interrupted says whether the supply was off at some time of a window of
// voltages. EN 50160 judges normal operation, and IEC 61000-4-30 §4.7 flags
// such means, since they say nothing of the voltage before and after.
func interrupted(a *devices.Aggregate) bool {
	return a.Mean < interruption || extremes(a) && a.Min < interruption
}

// extremes says whether a row of a gauge has a minimum and a maximum.
func extremes(a *devices.Aggregate) bool { return a.Min <= a.Mean && a.Mean <= a.Max }
