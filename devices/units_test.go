package devices

import (
	"math"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		unit, quantity string
		raw, want      float64
	}{
		{"", "voltage", 230, 230}, {"V", "voltage", 230, 230}, {"mV", "battery_voltage", 3600, 3.6}, {"kV", "voltage", 0.4, 400},
		{"K", "air_temperature", 273.15, 0}, {"degF", "air_temperature", 212, 100}, {"[degF]", "air_temperature", -40, -40}, {"°F", "dew_point", 32, 0}, {"°C", "air_temperature", 21.5, 21.5},
		{"mA", "current", 1500, 1.5}, {"kA", "current", 0.2, 200},
		{"kW", "power_active", 11, 11000}, {"MW", "power_active", 1, 1e6}, {"mW", "power_active", 1500, 1.5},
		{"kvar", "power_reactive", 2, 2000}, {"kVA", "power_apparent", 630, 630000}, {"kV.A", "power_apparent", 1, 1000},
		{"kWh", "energy_import", 12.5, 12500}, {"kW.h", "energy_import", 1, 1000}, {"Wh", "energy_import", 7, 7}, {"MWh", "energy_import", 1, 1e6},
		{"J", "energy_import", 3600, 1}, {"kJ", "energy_import", 3.6, 1}, {"MJ", "energy_export", 3.6, 1000}, {"kvarh", "energy_reactive_import", 1, 1000},
		{"mHz", "frequency", 50010, 50.01},
		{"Pa", "air_pressure", 101325, 1013.25}, {"kPa", "air_pressure", 101.3, 1013}, {"mbar", "air_pressure", 1013, 1013}, {"bar", "air_pressure", 1.013, 1013},
		{"km/h", "wind_speed", 36, 10}, {"m/s", "speed_mean", 10, 36}, {"mph", "speed_mean", 10, 16.09344}, {"kn", "wind_speed", 36, 18.52},
		{"mm", "water_film", 1.5, 1500}, {"cm", "water_level", 123, 1.23}, {"m", "water_film", 0.001, 1000}, {"um", "precipitation", 200, 0.2},
		{"%", "occupancy", 12.5, 0.125}, {"1", "relative_humidity", 0.5, 50}, {"%", "co2", 0.04, 400}, {"ppm", "co2", 400, 400}, {"ppb", "co2", 4e5, 400},
		{"min", "headway", 2, 120}, {"h", "headway", 1, 3600}, {"ms", "headway", 1500, 1.5},
		{"mg/m3", "pm10", 0.05, 50}, {"µg/m³", "pm10", 50, 50},
		{"ppb", "no2", 10, 19.13}, {"ppm", "co", 1, 1164.7}, // the usual factors at 20 °C
		{"klx", "illuminance", 2, 2000}, {"L", "volume", 1500, 1.5}, {"rad", "wind_direction", math.Pi, 180}, {"g", "vibration_rms", 1, 9.80665},
	} {
		q, ok := Lookup(c.quantity)
		if !ok {
			t.Errorf("%s is missing", c.quantity)
			continue
		}
		scale, offset, err := Convert(c.unit, q)
		if got := c.raw*scale + offset; err != nil || math.Abs(got-c.want) > 1e-4*math.Abs(c.want)+1e-9 {
			t.Errorf("%v %s is %v %s of %s (%v), want %v", c.raw, c.unit, got, q.Unit, q.Name, err, c.want)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct{ unit, quantity, want string }{
		{"mV", "air_temperature", "unit mV cannot become Cel, the unit of air_temperature: one is of voltage, the other of temperature"},
		{"furlong", "water_level", `unit "furlong" is unknown, want one like m, cm, mm, um`},
		{"mg", "vibration_rms", `unit "mg" is unknown, want one like m/s2, [g]`},
		{"V", "surface_state", `unit "V": surface_state has none`},
		{"ppb", "pm10", "unit ppb cannot become ug/m3"},
		{"kW", "energy_import", "unit kW cannot become W.h"},
		{"kW", "power_apparent", "unit kW cannot become V.A"},
	} {
		q, _ := Lookup(c.quantity)
		if _, _, err := Convert(c.unit, q); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s to %s: error %v, want %q", c.unit, c.quantity, err, c.want)
		}
	}
}

func TestEveryQuantityHasAKnownUnit(t *testing.T) {
	for _, q := range Quantities() {
		if _, ok := findUnit(q.Unit); !ok && q.Kind != Category {
			t.Errorf("%s has unit %q, which no other can be converted to", q.Name, q.Unit)
		}
	}
	seen := map[string]string{}
	for _, u := range units {
		for _, name := range append(strings.Fields(u.also), u.code) {
			if seen[name] != "" {
				t.Errorf("%q stands for %s and %s", name, seen[name], u.code)
			}
			seen[name] = u.code
		}
	}
}
