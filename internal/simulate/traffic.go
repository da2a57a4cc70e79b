package simulate

import (
	"math"
	"time"
)

// demand is how much of the peak's traffic wants to drive, 0 to 1: two peaks
// on working days, a long afternoon on others.
func (w *world) demand(t time.Time) float64 {
	morning, evening, day := w.rhythm(t)
	return 0.03 + morning + evening + day
}

// rhythm splits the demand into the way to work, the way home and the rest.
func (w *world) rhythm(t time.Time) (morning, evening, day float64) {
	hour := w.hourOfDay(t)
	switch t.In(w.zone).Weekday() {
	case time.Saturday:
		return 0, 0.10 * hump(hour, 22.5, 1.5), 0.55 * hump(hour, 13.5, 3.2)
	case time.Sunday:
		return 0, 0, 0.42 * hump(hour, 15.5, 3.4)
	case time.Friday:
		return 0.62 * hump(hour, 7.7, 1.0), 0.55 * hump(hour, 15.4, 1.7), 0.36 * hump(hour, 12, 3.6)
	default:
		return 0.66 * hump(hour, 7.7, 1.0), 0.62 * hump(hour, 16.8, 1.5), 0.36 * hump(hour, 12.3, 3.8)
	}
}

// capacity is what one lane of a city street carries at most, vehicles/h.
const capacity = 1_000

// sampleTraffic is what a counter over two lanes reports: count, trucks, mean
// speed and occupancy of each, and its battery. A lane always counts at least
// one vehicle, so that there is a speed to report.
func (w *world) sampleTraffic(s *sensor, t time.Time) []float64 {
	chance := s.chance.with(uint64(forValues))
	moment := chance.with(uint64(t.UnixMilli()))
	h, hour, sky := hours(t), w.hourOfDay(t), w.weather(s.city, t)
	morning, evening, day := w.rhythm(t)
	tide := 1.25
	if !inbound(s.chance.with(2).with(3)) {
		tide = 0.75
	}
	wish := 0.03 + morning*tide + evening*(2-tide) + day
	size := chance.with(1).between(450, 1_250) // vehicles/h and lane when everybody drives
	flow := size * wish * (1 + 0.12*chance.with(2).smooth(h*2.5))

	limit := s.limit()
	if sky.temperature < 0 && sky.rain > 0 {
		limit *= 0.8
	}
	heavy := chance.with(4).between(0.04, 0.11) * (0.35 + 0.65*clamp(day*3, 0, 1))
	var out []float64
	for lane, share := range [...]float64{1.1, 0.9} { // right, left
		mean := flow * share / 60
		luck := moment.with(uint64(lane))
		vehicles := max(1, math.Round(mean+math.Sqrt(mean)*luck.with(1).bell()))
		trucks := math.Floor(vehicles*heavy*(1.7-0.7*float64(lane)) + luck.with(2).unit())
		used := flow * share / capacity
		speed := limit * (1.02 + 0.06*float64(lane)) / (1 + math.Pow(used/1.05, 6))
		speed = clamp(speed*(1+0.05*luck.with(3).bell()/math.Sqrt(vehicles))*(1-0.05*clamp(sky.rain, 0, 1)), 4, 120)
		length := 6.5 + 8*trucks/vehicles // m, of a vehicle and the detector
		occupancy := clamp(vehicles*length/(speed/3.6)/60, 0, 1)
		out = append(out, vehicles, min(trucks, vehicles), speed, occupancy)
	}
	return append(out, battery(chance, h, hour))
}

// limit is how fast one may drive at a counter, km/h.
func (s *sensor) limit() float64 {
	return [...]float64{30, 50, 50, 50, 70}[int(s.chance.with(uint64(forValues)).with(3).unit()*5)]
}

// battery is the voltage of a lithium cell that a small panel charges.
func battery(chance noise, h, hour float64) float64 {
	return 3.58 + 0.04*chance.with(30).smooth(h/200) + 0.012*hump(hour, 13, 3)
}
