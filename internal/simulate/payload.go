package simulate

import (
	"math"
	"time"

	"modellregion/uplink"
)

// A sensor's payload is a row of whole numbers on a port of its own. The
// tables below are the documentation of the formats; the profiles in
// devices/profiles describe them once more for the platform.
type format struct {
	port   uint8
	little bool // least significant byte first
	fields []field
}

// field is one number: value = raw / divide.
type field struct {
	quantity, channel string
	bytes             int
	signed            bool
	divide            float64
}

// gridFormat is that of a meter with three phases.
var gridFormat = format{port: 3, fields: []field{
	{"voltage", "l1", 2, false, 10}, {"voltage", "l2", 2, false, 10}, {"voltage", "l3", 2, false, 10},
	{"current", "l1", 2, false, 10}, {"current", "l2", 2, false, 10}, {"current", "l3", 2, false, 10},
	{"power_active", "l1", 3, true, 1}, {"power_active", "l2", 3, true, 1}, {"power_active", "l3", 3, true, 1},
	{"frequency", "", 2, false, 1000},
	{"energy_import", "", 4, false, 1}, {"energy_export", "", 4, false, 1},
}}

var formats = [...]format{
	traffic: {port: 2, fields: []field{
		{"vehicle_count", "lane1", 2, false, 1}, {"vehicle_count_truck", "lane1", 1, false, 1},
		{"speed_mean", "lane1", 1, false, 2}, {"occupancy", "lane1", 1, false, 200},
		{"vehicle_count", "lane2", 2, false, 1}, {"vehicle_count_truck", "lane2", 1, false, 1},
		{"speed_mean", "lane2", 1, false, 2}, {"occupancy", "lane2", 1, false, 200},
		{"battery_voltage", "", 2, false, 1000},
	}},
	grid: gridFormat, home: gridFormat,
	transformer: {port: 4, fields: []field{
		{"voltage", "l1", 2, false, 10}, {"voltage", "l2", 2, false, 10}, {"voltage", "l3", 2, false, 10},
		{"load", "", 2, false, 10}, {"power_apparent", "", 3, false, 1},
	}},
	road: {port: 5, fields: []field{
		{"surface_temperature", "", 2, true, 10}, {"freezing_temperature", "", 2, true, 10},
		{"surface_state", "", 1, false, 1}, {"water_film", "", 2, false, 1},
		{"ice_fraction", "", 1, false, 100}, {"friction", "", 1, false, 100},
		{"battery_voltage", "", 2, false, 1000},
	}},
	air: {port: 6, little: true, fields: []field{
		{"air_temperature", "", 2, true, 10}, {"relative_humidity", "", 1, false, 2},
		{"air_pressure", "", 2, false, 10}, {"pm10", "", 2, false, 10}, {"pm2_5", "", 2, false, 10},
		{"no2", "", 2, false, 10}, {"noise_laeq", "", 1, false, 2}, {"wind_speed", "", 2, false, 10},
		{"wind_direction", "", 2, false, 1}, {"precipitation", "", 2, false, 100},
	}},
}

// encode writes one value per field, rounded to what the field can hold.
func (f *format) encode(values []float64) []byte {
	var out []byte
	for i, x := range f.fields {
		bits := 8 * x.bytes
		lo, hi := 0.0, float64(uint64(1)<<bits-1)
		if x.signed {
			lo, hi = -float64(uint64(1)<<(bits-1)), float64(uint64(1)<<(bits-1)-1)
		}
		raw := uint64(int64(clamp(math.Round(values[i]*x.divide), lo, hi)))
		for b := range x.bytes {
			shift := 8 * (x.bytes - 1 - b)
			if f.little {
				shift = 8 * b
			}
			out = append(out, byte(raw>>shift))
		}
	}
	return out
}

// readings is what a payload says, for the ledger. The payload must be one
// that encode wrote.
func (f *format) readings(payload []byte) []uplink.Reading {
	out := make([]uplink.Reading, 0, len(f.fields))
	for _, x := range f.fields {
		var raw uint64
		for b := range x.bytes {
			shift := 8 * (x.bytes - 1 - b)
			if f.little {
				shift = 8 * b
			}
			raw |= uint64(payload[b]) << shift
		}
		payload = payload[x.bytes:]
		if x.signed { // extend the sign
			unused := 64 - 8*x.bytes
			raw = uint64(int64(raw<<unused) >> unused)
		}
		out = append(out, uplink.Reading{Quantity: x.quantity, Channel: x.channel, Value: float64(int64(raw)) / x.divide})
	}
	return out
}

// size is the length of the format's payload in bytes.
func (f *format) size() int {
	n := 0
	for _, x := range f.fields {
		n += x.bytes
	}
	return n
}

// sample returns the payload of the sensor's nth uplink at t. start is the
// time of its first uplink.
func (w *world) sample(s *sensor, n uint32, t, start time.Time) []byte {
	var values []float64
	switch s.kind {
	case traffic:
		values = w.sampleTraffic(s, t)
	case grid, home:
		values = w.sampleGrid(s, n, t, start)
	case transformer:
		values = w.sampleTransformer(s, t)
	case road:
		values = w.sampleRoad(s, t)
	default:
		values = w.sampleAir(s, t)
	}
	return formats[s.kind].encode(values)
}
