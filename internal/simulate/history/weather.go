package history

import "math"

// sky is the weather over one municipality in a quarter of an hour.
type sky struct {
	temperature float64 // °C
	humidity    float64 // %
	pressure    float64 // hPa, at the place
	rain        float64 // mm/h, of water, also when it falls as snow
	cloud       float64 // share of the sky
	wind        float64 // m/s
	film        float64 // µm of water on a road, frozen or not
}

// weather computes the quarters of a day, and of the lead before it. What one
// municipality has of its own is little beside what comes over all of them.
func (m *Maker) weather(municipality int) []sky {
	region := m.g.seed.with(forWeather)
	local := region.text(m.g.municipalities[municipality].ID)
	altitude := local.with(20).between(60, 180)
	c := &m.calendar
	out := m.skies[municipality][:0]
	water := 0.0
	for i := range lead + c.quarters {
		h := c.hours(i - lead)
		s := sky{cloud: clamp(0.5+0.5*region.with(1).smooth(h/14)+0.15*local.with(1).smooth(h/9)+0.2*local.with(2).smooth(h/3), 0, 1)}
		s.rain = max(0, s.cloud-0.85) / 0.15 * (1 + local.with(3).smooth(h/0.7)) * 1.5
		daily := math.Cos(2*math.Pi*(c.hour[i]-15)/24) * (3.8 + 1.8*c.season) * (1 - 0.6*s.cloud)
		s.temperature = 10.3 + 8.7*c.season + 6.5*region.with(4).smooth(h/60) - 0.006*(altitude-100) + daily - 0.8*s.cloud*c.season + 0.4*local.with(5).smooth(h)
		moist := 74 - 2.2*daily - 4*c.season + 12*region.with(6).smooth(h/30)
		if s.rain > 0 {
			moist += 14
		}
		s.humidity = clamp(moist, 25, 100)
		s.pressure = (1014 + 18*region.with(11).smooth(h/70)) * math.Exp(-altitude/8430)
		s.wind = max(0, (3.2-0.8*c.season)*(1+0.9*region.with(7).smooth(h/11))*(1+0.3*local.with(8).smooth(h/0.4)))
		drying := 0.45 + 0.03*clamp(s.temperature, 0, 25) + 0.03*s.wind // share in an hour
		if s.temperature < 1 {
			drying = 0.12
		}
		water = min(3_000, water*math.Exp(-drying/4)+1000*s.rain/4*0.35)
		s.film = water
		out = append(out, s)
	}
	return out
}
