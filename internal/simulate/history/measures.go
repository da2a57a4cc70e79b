package history

import "math"

// moment is what a station's levels follow from in a quarter of an hour.
type moment struct {
	*calendar
	*station
	sky, before *sky // now and two hours ago
	q           int
	h           float64 // hours since 1970

	flow     [2]lane    // of a counter
	power    [3]float64 // kW of the phases of a transformer; less than 0 when roofs feed in
	surface  float64    // °C, of a road
	freezing float64    // °C, of the water on it
	frost    float64    // share of the water that is frozen
	state    float64    // code of surface_state
	ice      float64
	friction float64
	dilution float64 // of what is blown away and washed out of the air
	streets  float64 // traffic around an air station, 0 to 1.5
}

// lane is the traffic of a lane.
type lane struct{ vehicles, speed, occupancy float64 } // in an hour; km/h; 1

// capacity is what one lane of a city street carries at most, vehicles/h.
const capacity = 1_000

// traffic has a jam where more want to drive than can: on large roads in the
// rush hour, and anywhere for an hour or two of one day in thirty.
func traffic(m *moment) {
	tide := 0.75 + 0.5*m.nature.with(1).unit()
	wish := 0.03 + m.morning[m.q]*tide + m.evening[m.q]*(2-tide) + m.noon[m.q]
	wish *= (1 - 0.08*max(0, m.season)) * (1 + 0.12*m.course.with(1).smooth(m.h*2.5))
	room := capacity * 1.0
	today := m.course.with(2).with(uint64(m.first))
	if today.unit() < 1.0/30 {
		begin := today.with(1).between(7, 17)
		if hour := m.hour[lead+m.q]; hour >= begin && hour < begin+today.with(2).between(1, 2) {
			room *= 0.35
		}
	}
	limit := m.limit
	if m.sky.temperature < 0 && m.sky.rain > 0 {
		limit *= 0.8
	}
	for i, share := range [...]float64{1.1, 0.9} {
		demand := m.size * wish * share
		used := demand / room
		vehicles := min(demand, room*(1-0.3*clamp(used-1, 0, 1)))
		speed := limit * (1.02 + 0.06*float64(i)) / (1 + math.Pow(used/1.05, 6)) * (1 - 0.05*clamp(m.sky.rain, 0, 1))
		speed = clamp(speed, 5, 120)
		const length = 7.2 // m, of a vehicle and the detector
		m.flow[i] = lane{vehicles, speed, clamp(vehicles*length/(speed*1000), 0, 1)}
	}
}

// bicycles is how many ride in an hour: fewer in the cold and in the rain.
func bicycles(m *moment) float64 {
	ride := 0.02 + 0.8*m.morning[m.q] + m.evening[m.q] + 0.9*m.noon[m.q]
	return m.size / 5 * ride * clamp((m.sky.temperature+4)/20, 0.12, 1.3) * (1 - 0.6*clamp(m.sky.rain, 0, 1))
}

// grid is a transformer with the homes and roofs behind it.
func grid(m *moment) {
	light := m.sun[lead+m.q] * (1 - 0.75*m.sky.cloud)
	for i := range m.power {
		c := m.course.with(uint64(10 + i))
		load := m.size * m.household[m.q] * (1 + 0.18*c.smooth(m.h*3))
		m.power[i] = (load*m.phases[i] - m.roofs*light) / 3
	}
}

// load is S of the phases over the rated power, %, with a power factor of 0.96.
func load(m *moment) float64 {
	s := (math.Abs(m.power[0]) + math.Abs(m.power[1]) + math.Abs(m.power[2])) / 0.96
	return s / m.limit * 100
}

// voltage sags by 7 V with the full load and rises with what is fed in. Hardly
// ever a fault nearby pulls it below what EN 50160 allows (207 V).
func voltage(m *moment, phase int) float64 {
	c := m.course.with(uint64(20 + phase))
	v := clamp(234.2-7*clamp(m.power[phase]*3/m.limit, -0.6, 1)+1.2*c.smooth(m.h/3)+0.3*c.smooth(m.h*30), 225, 241)
	if c.with(uint64(m.first)+uint64(m.q)).unit() < 0.0002 {
		v -= 26
	}
	return v
}

// The codes of the quantity surface_state.
const (
	dry       = 1
	moist     = 2
	wet       = 3
	slush     = 4
	snow      = 5
	ice       = 6
	hoarfrost = 7
)

// road follows the air, late, and the sun; water on it is what fell, and salt
// is spread where it may freeze.
func road(m *moment) {
	clear, light := 1-m.sky.cloud, m.sun[lead+m.q]
	night := clear
	if light > 0.05 {
		night = 0
	}
	m.surface = 0.4*m.sky.temperature + 0.6*m.before.temperature + 17*light*(0.2+0.8*clear) - 2.8*night + m.nature.with(5).between(-0.8, 0.8)
	salt := 0.0
	film := water(m)
	if m.before.temperature < 2 && film > 20 {
		salt = 2.5 * (1 + m.course.with(3).smooth(m.h/9))
	}
	m.freezing = -0.1 - salt
	m.frost = clamp((m.freezing-m.surface)/2.5, 0, 1)
	m.judge(film)
}

// water is the film on the road, µm, also of what is frozen.
func water(m *moment) float64 { return m.sky.film * m.nature.with(6).between(0.7, 1.2) }

// judge says what a road is like, as the sensors in the field do.
func (m *moment) judge(film float64) {
	switch {
	case film < 10 && m.surface < -1 && m.sky.humidity > 90 && m.surface < m.sky.temperature-1:
		m.state, m.ice, m.friction = hoarfrost, 0.3, 0.4
	case film < 10:
		m.state, m.ice, m.friction = dry, 0, 0.82
	case m.frost > 0 && m.sky.rain > 0 && m.sky.temperature < 0.5:
		m.state, m.ice, m.friction = snow, clamp(0.5+m.frost/2, 0, 1), 0.28
	case m.frost > 0.6:
		m.state, m.ice, m.friction = ice, m.frost, 0.15
	case m.frost > 0:
		m.state, m.ice, m.friction = slush, m.frost, 0.35
	case film < 200:
		m.state, m.ice, m.friction = moist, 0, 0.72
	default:
		m.state, m.ice, m.friction = wet, 0, clamp(0.62-film/20_000, 0.3, 0.62)
	}
}

// air is diluted by wind and washed by rain.
func air(m *moment) {
	m.dilution = 1 / (1 + 0.18*m.sky.wind + 0.3*m.sky.rain)
	m.streets = m.busy * (0.03 + m.morning[m.q] + m.evening[m.q] + m.noon[m.q])
}

func heating(m *moment) float64 { return clamp((12-m.sky.temperature)/20, 0, 1) }

// pm10 in µg/m³; on New Year's night there are fireworks.
func pm10(m *moment) float64 {
	dust := 14 + 16*m.streets + 18*heating(m) + 6*m.course.with(4).smooth(m.h/5)
	if m.day.Month == 1 && m.day.Day == 1 && m.hour[lead+m.q] < 5 {
		dust += 300 * math.Exp(-m.hour[lead+m.q])
	}
	return max(1, dust*m.dilution)
}

func no2(m *moment) float64 { return max(2, (12+44*m.streets+10*heating(m))*m.dilution) }

// ozone, µg/m³, comes with the sun and goes with exhaust.
func ozone(m *moment) float64 {
	return clamp(42+14*m.season+75*m.sun[lead+m.q]*(1-0.7*m.sky.cloud)*(0.7+0.3*m.season)-0.5*no2(m)+8*m.course.with(5).smooth(m.h/8), 1, 240)
}
