package history

import (
	"math"

	"modellregion/devices"
	"modellregion/opendata/derived"
	"modellregion/uplink"
)

// series is a quantity on a channel of a station.
type series struct {
	*devices.Quantity
	channel string
	step    float64 // the least difference that its sensor tells, in Unit
	jitter  float64 // standard deviation of a reading around the level, in Unit
	// level is what is there in a quarter of an hour; of a count, in an hour.
	level func(*moment) float64

	// A series before this one, counted back, that is a count: there is no
	// reading where nothing was counted, or none above it. 0: not so.
	needs, within int
}

// kind is what the stations of a domain measure.
type kind struct {
	domain   uplink.Domain
	word, de string // in ids and in names
	prepare  func(*moment)
	all      []series   // of stations that measure everything
	one      [][]series // what the others measure, in turn
	derives  []string   // quantities that follow from all
}

// most is the greatest number of series of a station.
const most = 16

func of(name, channel string, step, jitter float64, level func(*moment) float64) series {
	q, ok := devices.Lookup(name)
	if !ok {
		panic("history: quantity " + name + " is missing in package devices")
	}
	return series{Quantity: q, channel: channel, step: step, jitter: jitter, level: level}
}

// kinds returns the kinds; each has their share of mixed.
func kinds() []kind { return []kind{counters(), transformers(), roads(), airs()} }

// mixed is the order of the kinds: of 20 stations 7 count traffic.
var mixed = [20]int{0, 3, 1, 0, 2, 3, 0, 1, 0, 3, 2, 0, 1, 3, 0, 2, 0, 3, 1, 2}

func counters() kind {
	k := kind{domain: uplink.Traffic, word: "verkehr", de: "Zählstelle", prepare: traffic, derives: []string{"traffic_state"}}
	for i, channel := range []string{"lane1", "lane2"} {
		speed := of("speed_mean", channel, 0.1, 1.5, func(m *moment) float64 { return m.flow[i].speed })
		trucks := of("vehicle_count_truck", channel, 1, 0, func(m *moment) float64 { return m.flow[i].vehicles * m.heavy })
		occupancy := of("occupancy", channel, 0.001, 0.004, func(m *moment) float64 { return m.flow[i].occupancy })
		speed.needs, trucks.within = 1, 2
		k.all = append(k.all, of("vehicle_count", channel, 1, 0, func(m *moment) float64 { return m.flow[i].vehicles }), speed, trucks, occupancy)
	}
	vehicles := of("vehicle_count", "", 1, 0, func(m *moment) float64 { return m.flow[0].vehicles + m.flow[1].vehicles })
	k.one = [][]series{{vehicles}, {vehicles}, {of("vehicle_count_bicycle", "", 1, 0, bicycles)}}
	return k
}

func transformers() kind {
	k := kind{domain: uplink.Energy, word: "netz", de: "Ortsnetzstation", prepare: grid}
	for i, channel := range []string{"l1", "l2", "l3"} {
		k.all = append(k.all, of("voltage", channel, 0.1, 0.3, func(m *moment) float64 { return voltage(m, i) }))
	}
	k.all = append(k.all,
		of("load", "", 0.1, 0.5, load),
		of("frequency", "", 0.001, 0.003, func(m *moment) float64 { return m.frequency[m.q] }))
	k.one = [][]series{{k.all[3]}, {of("voltage", "", 0.1, 0.3, func(m *moment) float64 { return voltage(m, 0) })}}
	return k
}

func roads() kind {
	k := kind{domain: uplink.Road, word: "strasse", de: "Glättemelder", prepare: road}
	k.all = []series{
		of("surface_temperature", "", 0.1, 0.1, func(m *moment) float64 { return m.surface }),
		of("surface_state", "", 1, 0, func(m *moment) float64 { return m.state }),
		of("water_film", "", 1, 2, func(m *moment) float64 { return water(m) * (1 - m.ice) }),
		of("ice_fraction", "", 0.01, 0, func(m *moment) float64 { return m.ice }),
		of("friction", "", 0.01, 0.01, func(m *moment) float64 { return m.friction }),
		of("freezing_temperature", "", 0.1, 0, func(m *moment) float64 { return m.freezing }),
	}
	k.one = [][]series{{k.all[0]}, {k.all[1]}}
	return k
}

func airs() kind {
	k := kind{domain: uplink.Environment, word: "umwelt", de: "Messstelle", prepare: air}
	k.all = []series{
		of("air_temperature", "", 0.1, 0.1, func(m *moment) float64 { return m.sky.temperature + m.nature.with(7).between(-0.5, 0.5) }),
		of("relative_humidity", "", 0.1, 0.5, func(m *moment) float64 { return m.sky.humidity }),
		of("air_pressure", "", 0.1, 0.1, func(m *moment) float64 { return m.sky.pressure }),
		of("precipitation", "", 0.01, 0, func(m *moment) float64 { return m.sky.rain * m.nature.with(8).between(0.85, 1.15) }),
		of("wind_speed", "", 0.1, 0.4, func(m *moment) float64 { return m.sky.wind * m.nature.with(9).between(0.6, 1.2) }),
		of("pm10", "", 0.1, 0.6, pm10),
		of("pm2_5", "", 0.1, 0.4, func(m *moment) float64 { return pm10(m) * (0.5 + 0.15*heating(m)) }),
		of("no2", "", 0.1, 1.2, no2),
		of("o3", "", 0.1, 1.5, ozone),
	}
	k.one = [][]series{{k.all[0]}, {k.all[5]}, {k.all[3]}, {k.all[7]}, {k.all[8]}}
	return k
}

// reading is what the nth report of the region's time says of a series whose
// level is given. What is counted comes by chance, except for rain.
func (s *series) reading(level float64, chance noise, n int64) float64 {
	luck := chance.with(uint64(n)).bell()
	v := level + s.jitter*luck
	if s.Kind == devices.Count {
		v = level * interval.Hours()
		if s.step == 1 {
			v += math.Sqrt(v) * luck
		}
	}
	v = math.Round(v/s.step) * s.step
	if s.step < 1 {
		v = math.Round(v*1000) / 1000 // 0.1 is no number of a computer
	}
	return clamp(v, s.Min, s.Max)
}

// facts is what is known of a station beside what it measures.
func (s *station) facts(name string) (float64, bool) {
	switch {
	case name == derived.FreeSpeed && s.kind.domain == uplink.Traffic:
		return s.limit, true
	case name == derived.RatedPower && s.kind.domain == uplink.Energy:
		return s.limit * 1000, true
	}
	return 0, false
}
