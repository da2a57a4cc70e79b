package simulate

import (
	"math"
	"time"
)

// world is what all sensors share. Its methods are functions of the time
// alone.
type world struct {
	seed noise
	zone *time.Location // of the people who drive and cook
}

// weather is the weather in one city.
type weather struct {
	temperature float64 // °C
	humidity    float64 // %
	pressure    float64 // hPa, at the place
	rain        float64 // mm/h, of water, also when it falls as snow
	cloud       float64 // share of the sky
	wind        float64 // m/s
	direction   float64 // degrees, where the wind comes from
}

// hours is the time in hours, for noise.
func hours(t time.Time) float64 { return float64(t.UnixMilli()) / 3_600_000 }

// hourOfDay is the local time of day in hours, 0 to 24.
func (w *world) hourOfDay(t time.Time) float64 {
	local := t.In(w.zone)
	return float64(local.Hour()) + float64(local.Minute())/60 + float64(local.Second())/3600
}

// season is -1 in the third week of January and 1 in that of July.
func season(t time.Time) float64 {
	return -math.Cos(2 * math.Pi * (float64(t.YearDay()) - 20) / 365.25)
}

func (w *world) weather(c *city, t time.Time) weather {
	region := w.seed.with(uint64(forWeather))
	local := region
	for i := range len(c.id) {
		local = local.with(uint64(c.id[i]))
	}
	h, year := hours(t), season(t)
	cloud := clamp(0.5+0.6*local.with(1).smooth(h/14)+0.2*local.with(2).smooth(h/3), 0, 1)
	rain := max(0, cloud-0.85) / 0.15 * (1 + local.with(3).smooth(h/0.7)) * 1.5
	daily := math.Cos(2*math.Pi*(w.hourOfDay(t)-15)/24) * (3.8 + 1.8*year) * (1 - 0.6*cloud)
	mean := 10.3 + 8.7*year + 6.5*region.with(4).smooth(h/60) - 0.006*(c.altitude-100)
	temperature := mean + daily - 0.8*cloud*year + 0.4*local.with(5).smooth(h)
	moist := 74 - 2.2*daily - 4*year + 12*region.with(6).smooth(h/30)
	if rain > 0 {
		moist += 14
	}
	wind := (3.2 - 0.8*year) * (1 + 0.9*region.with(7).smooth(h/11)) * (1 + 0.3*local.with(8).smooth(h/0.4))
	direction := 235 + 110*region.with(9).smooth(h/20) + 20*local.with(10).smooth(h/0.8)
	return weather{
		temperature: temperature,
		humidity:    clamp(moist, 25, 100),
		pressure:    (1014 + 18*region.with(11).smooth(h/70)) * math.Exp(-c.altitude/8430),
		rain:        rain,
		cloud:       cloud,
		wind:        max(0, wind),
		direction:   math.Mod(direction+360, 360),
	}
}

// sun is how strongly the sun shines on the ground under a clear sky, 0 to 1.
// The model region lies around 51.4° north, 7.3° east.
func sun(t time.Time) float64 {
	t = t.UTC()
	declination := 23.44 * math.Pi / 180 * math.Sin(2*math.Pi*(float64(t.YearDay())-81)/365.25)
	hour := float64(t.Hour()) + float64(t.Minute())/60 + 7.3/15
	const latitude = 51.4 * math.Pi / 180
	angle := (hour - 12) * math.Pi / 12
	return max(0, math.Sin(latitude)*math.Sin(declination)+math.Cos(latitude)*math.Cos(declination)*math.Cos(angle))
}

// sampleAir is what an air and weather station reports.
func (w *world) sampleAir(s *sensor, t time.Time) []float64 {
	sky, cars, h := w.weather(s.city, t), w.demand(t), hours(t)
	chance := s.chance.with(uint64(forValues))
	jitter := func(i uint64) float64 { return chance.with(i).with(uint64(t.UnixMilli())).bell() }
	busy := chance.with(20).between(0.5, 1.5) // of the street it stands at
	heating := clamp((12-sky.temperature)/20, 0, 1)
	fresh := 1 / (1 + 0.18*sky.wind + 0.3*sky.rain) // dilution and washout
	dust := (14 + 16*cars*busy + 18*heating + 6*chance.with(21).smooth(h/5)) * fresh
	fine := (7 + 5*cars*busy + 15*heating + 3*chance.with(22).smooth(h/5)) * fresh
	pm10 := max(1, dust+0.6*jitter(1))
	no2 := max(2, (12+44*cars*busy+10*heating)*fresh+1.2*jitter(2))
	noiseLevel := 43 + 24*math.Sqrt(clamp(cars*busy, 0, 1.5)) + 2*math.Sqrt(sky.rain) + 0.4*sky.wind + 1.2*jitter(3)
	return []float64{
		sky.temperature + 0.1*jitter(4),
		clamp(sky.humidity+0.5*jitter(5), 20, 100),
		sky.pressure + 0.1*jitter(6),
		pm10,
		clamp(fine+0.4*jitter(7), 0.5, pm10),
		no2,
		noiseLevel,
		max(0, sky.wind*(1+0.15*jitter(8))),
		math.Mod(sky.direction+8*jitter(9)+360, 360),
		sky.rain * kinds[air].interval.Hours(),
	}
}
