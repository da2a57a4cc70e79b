package devices

import (
	"fmt"
	"strings"
)

// unit is a measure: value in the dimension's base unit = raw·num/den + offset.
// Numerator and denominator are whole so that conversions are exact.
type unit struct {
	code      string // UCUM
	dimension string
	num, den  float64
	offset    float64
	also      string // other spellings, separated by spaces
}

// units lists what sensors give their numbers in, by dimension and beginning
// with its base unit. A mixing ratio is of dimension one like a share.
var units = []unit{
	{"Cel", "temperature", 1, 1, 0, "°C degC"},
	{"K", "temperature", 1, 1, -273.15, ""},
	{"[degF]", "temperature", 5, 9, -160. / 9, "degF °F"},
	{"V", "voltage", 1, 1, 0, ""},
	{"mV", "voltage", 1, 1e3, 0, ""},
	{"kV", "voltage", 1e3, 1, 0, ""},
	{"A", "current", 1, 1, 0, ""},
	{"mA", "current", 1, 1e3, 0, ""},
	{"kA", "current", 1e3, 1, 0, ""},
	{"W", "active power", 1, 1, 0, ""},
	{"mW", "active power", 1, 1e3, 0, ""},
	{"kW", "active power", 1e3, 1, 0, ""},
	{"MW", "active power", 1e6, 1, 0, ""},
	{"var", "reactive power", 1, 1, 0, "VAr VAR"},
	{"kvar", "reactive power", 1e3, 1, 0, "kVAr kVAR"},
	{"V.A", "apparent power", 1, 1, 0, "VA"},
	{"kV.A", "apparent power", 1e3, 1, 0, "kVA"},
	{"MV.A", "apparent power", 1e6, 1, 0, "MVA"},
	{"W.h", "energy", 1, 1, 0, "Wh"},
	{"kW.h", "energy", 1e3, 1, 0, "kWh"},
	{"MW.h", "energy", 1e6, 1, 0, "MWh"},
	{"J", "energy", 1, 3600, 0, "W.s Ws"},
	{"kJ", "energy", 1e3, 3600, 0, ""},
	{"MJ", "energy", 1e6, 3600, 0, ""},
	{"GJ", "energy", 1e9, 3600, 0, ""},
	{"var.h", "reactive energy", 1, 1, 0, "varh VArh"},
	{"kvar.h", "reactive energy", 1e3, 1, 0, "kvarh kVArh"},
	{"Hz", "frequency", 1, 1, 0, ""},
	{"mHz", "frequency", 1, 1e3, 0, ""},
	{"hPa", "pressure", 1, 1, 0, "mbar"},
	{"Pa", "pressure", 1, 100, 0, ""},
	{"kPa", "pressure", 10, 1, 0, ""},
	{"bar", "pressure", 1e3, 1, 0, ""},
	{"m/s", "speed", 1, 1, 0, "m.s-1"},
	{"km/h", "speed", 5, 18, 0, "km.h-1 kmh kph"},
	{"[mi_i]/h", "speed", 44704, 1e5, 0, "mph"},
	{"[kn_i]", "speed", 1852, 3600, 0, "kn"},
	{"m", "length", 1, 1, 0, ""},
	{"cm", "length", 1, 1e2, 0, ""},
	{"mm", "length", 1, 1e3, 0, "L/m2 l/m2 l/m²"},
	{"um", "length", 1, 1e6, 0, "µm μm"},
	{"1", "ratio", 1, 1, 0, ""},
	{"%", "ratio", 1, 1e2, 0, ""},
	{"[ppm]", "ratio", 1, 1e6, 0, "ppm"},
	{"[ppb]", "ratio", 1, 1e9, 0, "ppb"},
	{"s", "time", 1, 1, 0, ""},
	{"ms", "time", 1, 1e3, 0, ""},
	{"min", "time", 60, 1, 0, ""},
	{"h", "time", 3600, 1, 0, ""},
	{"ug/m3", "concentration", 1, 1, 0, "µg/m³ μg/m³ µg/m3 ug/m³"},
	{"mg/m3", "concentration", 1e3, 1, 0, "mg/m³"},
	{"lx", "illuminance", 1, 1, 0, "lux"},
	{"klx", "illuminance", 1e3, 1, 0, ""},
	{"W/m2", "irradiance", 1, 1, 0, "W/m²"},
	{"m3", "volume", 1, 1, 0, "m³"},
	{"L", "volume", 1, 1e3, 0, "l dm3"},
	{"deg", "angle", 1, 1, 0, "°"},
	{"rad", "angle", 57.29577951308232, 1, 0, ""},
	{"m/s2", "acceleration", 1, 1, 0, "m/s²"},
	{"[g]", "acceleration", 980665, 1e5, 0, "g"},
	{"m/km", "roughness", 1, 1, 0, "mm/m"},
	{"dB", "level", 1, 1, 0, "dB(A) dBA"},
	{"{#}", "number", 1, 1, 0, "#"},
}

// molarMasses in g/mol turn a mixing ratio of a gas into a concentration, at
// 293 K and 101.3 kPa as Directive 2008/50/EC annex VI C wants it.
var molarMasses = map[string]float64{"no2": 46.006, "no": 30.006, "o3": 47.998, "so2": 64.066, "co": 28.010, "nh3": 17.031}

// molarVolume of a gas at 293 K and 101.3 kPa, in L/mol: R·T/p.
const molarVolume = 8.314462618 * 293 / 101.3

// Convert returns how a number in that unit becomes one of the quantity:
// value = raw·scale + offset. It takes UCUM codes and usual spellings ("kWh",
// "°C"); an empty unit is the quantity's own. A gas may also come as a mixing
// ratio in ppm or ppb.
func Convert(code string, q *Quantity) (scale, offset float64, err error) {
	if code == "" || code == q.Unit {
		return 1, 0, nil
	}
	to, ok := findUnit(q.Unit)
	if !ok { // a category
		return 0, 0, fmt.Errorf("unit %q: %s has none", code, q.Name)
	}
	from, ok := findUnit(code)
	mass := molarMasses[q.Name]
	switch {
	case !ok:
		return 0, 0, fmt.Errorf("unit %q is unknown, want one like %s", code, strings.Join(unitsOf(to.dimension), ", "))
	case from.dimension == "ratio" && mass > 0:
		// 1 ppb = M/Vm µg/m³; from.den of a ppb is 1e9.
		return mass / molarVolume * 1e9 * from.num / from.den * to.den / to.num, 0, nil
	case from.dimension != to.dimension:
		return 0, 0, fmt.Errorf("unit %s cannot become %s, the unit of %s: one is of %s, the other of %s", code, q.Unit, q.Name, from.dimension, to.dimension)
	}
	return from.num * to.den / (from.den * to.num), (from.offset - to.offset) * to.den / to.num, nil
}

func findUnit(code string) (*unit, bool) {
	for i := range units {
		if units[i].code == code {
			return &units[i], true
		}
		for also := range strings.FieldsSeq(units[i].also) {
			if also == code {
				return &units[i], true
			}
		}
	}
	return nil, false
}

func unitsOf(dimension string) []string {
	var out []string
	for _, u := range units {
		if u.dimension == dimension {
			out = append(out, u.code)
		}
	}
	return out
}
