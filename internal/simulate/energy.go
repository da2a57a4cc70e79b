package simulate

import (
	"math"
	"time"
)

// meter is a meter's stand after the uplinks before next: the sum of what the
// feeder's power would have moved in each reporting interval, from the start
// of the fleet on. It is a function of the sensor and the number of the
// uplink; the fields only spare the summing from the beginning.
type meter struct {
	next            uint32
	imported, given float64 // Wh
}

// household is what one household takes on average, kW.
func (w *world) household(t time.Time) float64 {
	hour, late := w.hourOfDay(t), 0.0
	if day := t.In(w.zone).Weekday(); day == time.Saturday || day == time.Sunday {
		late = 1.5
	}
	load := 0.20 + 0.24*hump(hour, 7.2+late, 1.3) + 0.18*hump(hour, 12.5+late/2, 1.6) + 0.5*hump(hour, 19.2, 2.1)
	return load * (1 - 0.18*season(t))
}

// feeder is the active power of the three phases, W, negative when the roofs
// give more than the rooms take.
func (w *world) feeder(s *sensor, t time.Time, homes, peak float64) (phases [3]float64) {
	chance, h := s.chance.with(uint64(forValues)), hours(t)
	light := sun(t) * (1 - 0.75*w.weather(s.city, t).cloud)
	for i := range phases {
		c := chance.with(uint64(i))
		load := homes * w.household(t) * (1 + 0.18*c.with(1).smooth(h*3) + 0.08*c.with(2).smooth(h*20))
		roofs := peak * light * c.with(3).between(0.8, 1.2)
		phases[i] = 1000 / 3.0 * (load*c.with(4).between(0.85, 1.15) - roofs)
	}
	return phases
}

// voltages of the three phases sag with the load and rise with what is fed
// in; full is the power of a phase, W, at which they sag by 7 V. Hardly ever a
// fault nearby pulls one below what EN 50160 allows (207 V).
func (w *world) voltages(s *sensor, t time.Time, power [3]float64, full float64) (out [3]float64) {
	chance, h := s.chance.with(uint64(forGrid)), hours(t)
	for i := range out {
		c := chance.with(uint64(i))
		v := 234.2 - 7*clamp(power[i]/full, -0.6, 1) + 1.2*c.with(1).smooth(h/3) + 0.3*c.with(2).smooth(h*30)
		out[i] = clamp(v, 225, 240)
		if c.with(3).with(uint64(math.Floor(h*4))).unit() < 0.0002 {
			out[i] -= 26
		}
	}
	return out
}

// frequency of the whole grid, Hz.
func (w *world) frequency(t time.Time) float64 {
	chance, h := w.seed.with(uint64(forGrid)), hours(t)
	return 50 + 0.02*chance.with(1).smooth(h*8) + 0.009*chance.with(2).smooth(h*90)
}

// substation has so many homes and a transformer of that rated power, VA.
func (s *sensor) substation() (homes, rating float64) {
	homes = math.Round(s.chance.with(uint64(forValues)).with(10).between(140, 420))
	if homes > 220 {
		return homes, 400e3
	}
	return homes, 250e3
}

// homes and peak of the roofs, kW, on one feeder. Of one household it is how
// much more or less than the mean it takes; it has no roof.
func (s *sensor) street() (homes, peak float64) {
	chance := s.chance.with(uint64(forValues))
	switch {
	case s.bakery:
		return 25, 0
	case s.kind == home:
		return chance.with(10).between(0.6, 1.7), 0
	}
	homes = math.Round(chance.with(10).between(18, 70))
	return homes, homes * chance.with(11).between(0, 1.6)
}

// sampleGrid is what the meter of a feeder reports with its nth uplink at t:
// voltages, currents, powers, frequency and the two stands. start is the time
// of its first uplink.
func (w *world) sampleGrid(s *sensor, n uint32, t, start time.Time) []float64 {
	homes, peak := s.street()
	w.advance(s, n, start)
	power := w.feeder(s, t, homes, peak)
	voltage := w.voltages(s, t, power, 1000*homes*0.9/3)
	out := append(make([]float64, 0, 12), voltage[:]...)
	for i := range power {
		out = append(out, math.Abs(power[i])/(voltage[i]*0.97)) // power factor
	}
	out = append(out, power[:]...)
	first := s.chance.with(uint64(forGrid))
	return append(out, w.frequency(t),
		math.Floor(first.with(10).between(1e6, 4e8)+s.meter.imported),
		math.Floor(first.with(11).between(0, 2e8)+s.meter.given))
}

// advance sums the meter up to the nth uplink, itself included.
func (w *world) advance(s *sensor, n uint32, start time.Time) {
	if s.meter.next > n+1 {
		s.meter = meter{}
	}
	homes, peak := s.street()
	interval := kinds[grid].interval
	for ; s.meter.next <= n; s.meter.next++ {
		power := w.feeder(s, start.Add(time.Duration(s.meter.next)*interval), homes, peak)
		moved := (power[0] + power[1] + power[2]) * interval.Hours()
		s.meter.imported += max(0, moved)
		s.meter.given += max(0, -moved)
	}
}

// sampleTransformer is what the monitor of a transformer reports: voltages,
// load and apparent power.
func (w *world) sampleTransformer(s *sensor, t time.Time) []float64 {
	chance := s.chance.with(uint64(forValues))
	homes, rating := s.substation()
	power := w.feeder(s, t, homes, homes*chance.with(11).between(0, 1.1))
	voltage := w.voltages(s, t, power, rating/3)
	apparent := (math.Abs(power[0]) + math.Abs(power[1]) + math.Abs(power[2])) / 0.96
	return append(voltage[:], apparent/rating*100, apparent)
}
