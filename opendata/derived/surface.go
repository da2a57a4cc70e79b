package derived

import (
	"math"
	"slices"

	"modellregion/devices"
)

// Limits of the state of a road surface.
const (
	// DATEX II v3 (EN 16157), WeatherRelatedRoadConditionTypeEnum: "moist" from
	// 0.01 mm and "wet" from 0.2 mm of water film over the sensor.
	moistFrom = 10.0  // µm
	wetFrom   = 200.0 // µm

	// iceFrom is the share of ice from which on there is some. DATEX II has
	// "slippery" from any on; our choice leaves out the noise of sensors.
	iceFrom = 0.1

	waterFreezes = 0.0 // °C
)

// surfaceState derives surface_state for each channel with a water film or a
// share of ice. The first that holds is taken, and in doubt the more dangerous:
//
//  1. unknown with less than Enough of the window;
//  2. ice: ice fraction from 0.1 on;
//  3. ice: water film from 10 µm on, at or below its measured freezing
//     temperature (TLS code 64, "gefroren");
//  4. ice: the same at or below 0 °C, where neither freezing temperature nor
//     ice fraction is measured;
//  5. hoarfrost: water film below 10 µm, surface below 0 °C and colder than
//     the dew point (TLS code 67, "Reifglätte");
//  6. dry: water film below 10 µm (TLS code 0);
//  7. unknown: no water film measured, or nothing that tells ice from water;
//  8. wet: water film from 200 µm on (TLS code 32);
//  9. moist: from 10 µm on (TLS code 1).
//
// Snow and slush cannot be told from these quantities and are never derived.
func surfaceState(w *window) []devices.Aggregate {
	if w.length > longestState {
		return nil
	}
	films, ices := w.of("water_film"), w.of("ice_fraction")
	var channels []string
	for _, a := range slices.Concat(films, ices) {
		if !slices.Contains(channels, a.Channel) {
			channels = append(channels, a.Channel)
		}
	}
	slices.Sort(channels)
	var out []devices.Aggregate
	for _, channel := range channels {
		s, from := w.surface(channel)
		state := "unknown"
		if from.coverage >= Enough {
			state = s.state()
		}
		out = append(out, w.category("surface_state", channel, from, state))
	}
	return out
}

// surface is what is known of a place on the road; NaN where something is not.
type surface struct {
	temperature, freezing, dewPoint float64 // °C
	film                            float64 // µm
	ice                             float64 // of 1
}

// surface collects what is known on a channel. The weather is the same for all
// and says nothing of how well the road is watched.
func (w *window) surface(channel string) (surface, evidence) {
	var used []devices.Aggregate
	value := func(find func([]devices.Aggregate, string) (devices.Aggregate, bool), quantity string) float64 {
		a, ok := find(w.of(quantity), channel)
		if !ok {
			return math.NaN()
		}
		used = append(used, a)
		return a.Mean
	}
	s := surface{
		ice: value(on, "ice_fraction"), film: value(on, "water_film"),
		temperature: value(near, "surface_temperature"), freezing: value(near, "freezing_temperature"), dewPoint: w.dewPoint(channel),
	}
	return s, least(used...)
}

// state applies the rules. A comparison with NaN is false.
func (s surface) state() string {
	freezing := min(s.freezing, waterFreezes) // water with anything in it freezes below 0 °C
	switch {
	case s.ice >= iceFrom:
		return "ice"
	case s.film >= moistFrom && s.temperature <= freezing:
		return "ice"
	case s.film >= moistFrom && s.temperature <= waterFreezes && math.IsNaN(s.freezing) && math.IsNaN(s.ice):
		return "ice"
	case s.film < moistFrom && s.temperature < waterFreezes && s.temperature < s.dewPoint:
		return "hoarfrost"
	case s.film < moistFrom:
		return "dry"
	case math.IsNaN(s.film) || math.IsNaN(s.temperature) && math.IsNaN(s.ice):
		return "unknown"
	case s.film >= wetFrom:
		return "wet"
	default:
		return "moist"
	}
}

// dewPoint returns the dew point in °C as measured, or from air temperature and
// relative humidity by the Magnus formula over water (WMO-No. 8, annex 4.B), or
// NaN.
func (w *window) dewPoint(channel string) float64 {
	if a, ok := near(w.of("dew_point"), channel); ok {
		return a.Mean
	}
	air, ok1 := near(w.of("air_temperature"), channel)
	humidity, ok2 := near(w.of("relative_humidity"), channel)
	if !ok1 || !ok2 || humidity.Mean <= 0 {
		return math.NaN()
	}
	return magnus(air.Mean, humidity.Mean)
}

// magnus returns the dew point of air of a temperature in °C and a relative
// humidity above 0 in percent.
func magnus(air, humidity float64) float64 {
	const a, b = 17.62, 243.12 // 1, °C
	g := math.Log(humidity/100) + a*air/(b+air)
	return b * g / (a - g)
}

// near returns the row of a channel, or else the only one, or that without a
// name: a station has one thermometer for all lanes.
func near(rows []devices.Aggregate, channel string) (devices.Aggregate, bool) {
	if a, ok := on(rows, channel); ok {
		return a, true
	}
	if len(rows) == 1 {
		return rows[0], true
	}
	return on(rows, "")
}
