package simulate

import (
	"math"
	"time"
)

// The codes of the quantity surface_state.
const (
	stateDry       = 1
	stateMoist     = 2
	stateWet       = 3
	stateSlush     = 4
	stateSnow      = 5
	stateIce       = 6
	stateHoarfrost = 7
)

// film is how much water lies on a road, µm: what fell in the last eight
// hours and neither ran off nor dried.
func (w *world) film(c *city, t time.Time) float64 {
	const step = 15 * time.Minute
	water := 0.0
	for at := t.Truncate(step).Add(-8 * time.Hour); !at.After(t); at = at.Add(step) {
		sky := w.weather(c, at)
		drying := 0.45 + 0.03*clamp(sky.temperature, 0, 25) + 0.03*sky.wind // per hour
		if sky.temperature < 1 {
			drying = 0.12
		}
		water = water*math.Exp(-drying*step.Hours()) + 1000*sky.rain*step.Hours()*0.35
	}
	return min(water, 3_000)
}

// sampleRoad is what a sensor in the road reports: surface and freezing
// temperature, state, water film, ice, friction and its battery.
func (w *world) sampleRoad(s *sensor, t time.Time) []float64 {
	chance, h := s.chance.with(uint64(forValues)), hours(t)
	sky, before := w.weather(s.city, t), w.weather(s.city, t.Add(-2*time.Hour))
	clear := 1 - sky.cloud
	night := clear
	if sun(t) > 0.05 {
		night = 0
	}
	surface := 0.4*sky.temperature + 0.6*before.temperature + 17*sun(t)*(0.2+0.8*clear) - 2.8*night +
		chance.with(1).between(-0.8, 0.8) // shade, bridges
	film := w.film(s.city, t) * chance.with(2).between(0.7, 1.2)

	salt := 0.0 // K by which it lowers the freezing point; spread where it may freeze
	if before.temperature < 2 && film > 20 {
		salt = 2.5 * (1 + chance.with(3).smooth(h/9))
	}
	freezing := -0.1 - salt
	frost := clamp((freezing-surface)/2.5, 0, 1) // share of the water that is frozen
	state, ice, friction := surfaceState(film, frost, surface, sky)
	return []float64{
		clamp(surface, -45, 80), freezing, float64(state), math.Round(film * (1 - ice)),
		ice, clamp(friction+0.02*chance.with(uint64(t.UnixMilli())).bell(), 0.05, 1),
		battery(chance, h, w.hourOfDay(t)),
	}
}

// surfaceState judges a road as the sensors in the field do. The film is the
// water, frozen or not, in µm.
func surfaceState(film, frost, surface float64, sky weather) (state int, ice, friction float64) {
	switch {
	case film < 10 && surface < -1 && sky.humidity > 90 && surface < sky.temperature-1:
		return stateHoarfrost, 0.3, 0.4
	case film < 10:
		return stateDry, 0, 0.82
	case frost > 0 && sky.rain > 0 && sky.temperature < 0.5:
		return stateSnow, clamp(0.5+frost/2, 0, 1), 0.28
	case frost > 0.6:
		return stateIce, frost, 0.15
	case frost > 0:
		return stateSlush, frost, 0.35
	case film < 70:
		return stateMoist, 0, 0.72
	default:
		return stateWet, 0, clamp(0.62-film/20_000, 0.3, 0.62)
	}
}
