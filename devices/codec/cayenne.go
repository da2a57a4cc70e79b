package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
)

// lppType is a type of Cayenne LPP: an IPSO object less 3200. Its fields are
// named like those of The Things Stack: "temperature_3", "gps_1.latitude".
type lppType struct {
	id     uint8
	name   string
	size   int  // bytes of a part
	signed bool // two's complement
	divide float64
	unit   string // UCUM, of the value; "" when it may be anything
	parts  []string
}

// lppTypes are the types of Cayenne LPP 1 and those that the library
// ElectronicCats/CayenneLPP added. Numbers are big endian.
var lppTypes = []lppType{
	{0, "digital_in", 1, false, 1, "", nil},
	{1, "digital_out", 1, false, 1, "", nil},
	{2, "analog_in", 2, true, 100, "", nil},
	{3, "analog_out", 2, true, 100, "", nil},
	{100, "generic_sensor", 4, false, 1, "", nil},
	{101, "luminosity", 2, false, 1, "lx", nil},
	{102, "presence", 1, false, 1, "", nil},
	{103, "temperature", 2, true, 10, "Cel", nil},
	{104, "relative_humidity", 1, false, 2, "%", nil},
	{113, "accelerometer", 2, true, 1000, "[g]", []string{"x", "y", "z"}},
	{115, "barometric_pressure", 2, false, 10, "hPa", nil},
	{116, "voltage", 2, false, 100, "V", nil},
	{117, "current", 2, false, 1000, "A", nil},
	{118, "frequency", 4, false, 1, "Hz", nil},
	{120, "percentage", 1, false, 1, "%", nil},
	{121, "altitude", 2, true, 1, "m", nil},
	{125, "concentration", 2, false, 1, "[ppm]", nil},
	{128, "power", 2, false, 1, "W", nil},
	{130, "distance", 4, false, 1000, "m", nil},
	{131, "energy", 4, false, 1000, "kW.h", nil},
	{132, "direction", 2, false, 1, "deg", nil},
	{133, "unixtime", 4, false, 1, "", nil},
	{134, "gyrometer", 2, true, 100, "", []string{"x", "y", "z"}}, // °/s
	{135, "colour", 1, false, 1, "", []string{"r", "g", "b"}},
	{136, "gps", 3, true, 10000, "", []string{"latitude", "longitude", "altitude"}}, // °; the altitude is in 0.01 m
	{142, "switch", 1, false, 1, "", nil},
}

// lppDefault is the map of a codec that has none: what can be nothing else.
// The channel is always the one of Cayenne LPP, also when there is but one, so
// that it does not depend on what else a payload holds.
var lppDefault = []devices.Mapping{
	{Path: "temperature_*", Quantity: "air_temperature", Channel: "{1}"},
	{Path: "relative_humidity_*", Quantity: "relative_humidity", Channel: "{1}"},
	{Path: "barometric_pressure_*", Quantity: "air_pressure", Channel: "{1}"},
	{Path: "luminosity_*", Quantity: "illuminance", Channel: "{1}"},
	{Path: "voltage_*", Quantity: "voltage", Channel: "{1}"},
	{Path: "current_*", Quantity: "current", Channel: "{1}"},
	{Path: "frequency_*", Quantity: "frequency", Channel: "{1}"},
	{Path: "power_*", Quantity: "power_active", Channel: "{1}"},
	{Path: "energy_*", Quantity: "energy_import", Channel: "{1}"},
}

// lppByID has 1 + index in lppTypes of every type; 0 is none.
var lppByID = func() (out [256]uint8) {
	for i := range lppTypes {
		out[lppTypes[i].id] = uint8(i + 1)
	}
	return out
}()

// numbers has the decimal digits of every channel.
var numbers = func() (out [256]string) {
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}()

// cayenne is the Decoder of kind "cayenne-lpp".
type cayenne struct{ targets [][]lppTarget } // by index of lppTypes

type lppTarget struct {
	place    string // the path of the mapping
	channel  int    // of Cayenne LPP; -1 takes any
	part     int
	channels *[256]string // of the readings, by channel of Cayenne LPP; nil when the channel is fixed
	mapping
}

func (t *lppTarget) takes(channel uint8, part int) bool {
	return part == t.part && (t.channel < 0 || t.channel == int(channel))
}

// channelFor is the channel of the readings from a channel of Cayenne LPP.
func (t *lppTarget) channelFor(channel uint8) string {
	if t.channels != nil {
		return t.channels[channel]
	}
	return t.mapping.channel
}

// compileCayenne compiles a map, or the default one. A mapping without unit
// takes the number in that of its type: an energy in kWh.
func compileCayenne(src []devices.Mapping) (Decoder, error) {
	if len(src) == 0 {
		src = lppDefault
	}
	src = slices.Clone(src)
	for i := range src {
		if n, _, _, err := parseLPPPath(src[i].Path); err == nil && src[i].Unit == "" {
			src[i].Unit = unitFor(&lppTypes[n], src[i].Quantity)
		}
	}
	c := &cayenne{targets: make([][]lppTarget, len(lppTypes))}
	err := compileMap(src, func(text string, m mapping) (int, error) {
		n, channel, part, err := parseLPPPath(text)
		if err != nil {
			return 0, err
		}
		t := lppTarget{place: text, channel: channel, part: part, mapping: m}
		stars := 0
		if channel < 0 {
			stars = 1
		}
		if channel < 0 && strings.Contains(m.channel, star(1)) {
			t.channels = &numbers
			if m.channel != star(1) {
				t.channels = new([256]string)
				for i := range t.channels {
					t.channels[i] = strings.ReplaceAll(m.channel, star(1), numbers[i])
				}
			}
		}
		c.targets[n] = append(c.targets[n], t)
		return stars, nil
	})
	if err != nil {
		return nil, fmt.Errorf("cayenne-lpp: %w", err)
	}
	return c, nil
}

// unitFor is the unit of a type for a quantity that has one.
func unitFor(t *lppType, quantity string) string {
	if q, ok := devices.Lookup(quantity); ok && q.Kind == devices.Category {
		return ""
	}
	return t.unit
}

// parseLPPPath reads "temperature_3", "temperature_*" or "gps_1.altitude". A
// channel of -1 is any.
func parseLPPPath(s string) (n, channel, part int, err error) {
	name, axis, hasAxis := strings.Cut(s, ".")
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		return 0, 0, 0, fmt.Errorf(`path %.100q, want type and channel like temperature_3 or temperature_*`, s)
	}
	n = slices.IndexFunc(lppTypes, func(t lppType) bool { return t.name == name[:i] })
	if n < 0 {
		var names []string
		for _, t := range lppTypes {
			names = append(names, t.name)
		}
		return 0, 0, 0, fmt.Errorf("path %.100q: type %.64q is unknown, want one of %s", s, name[:i], strings.Join(names, ", "))
	}
	channel = -1
	if digits := name[i+1:]; digits != "*" {
		if channel = slices.Index(numbers[:], digits); channel < 0 {
			return 0, 0, 0, fmt.Errorf("path %.100q: channel %.64q, want 0 to 255 or *", s, digits)
		}
	}
	if part = slices.Index(lppTypes[n].parts, axis); part < 0 && len(lppTypes[n].parts) > 0 {
		return 0, 0, 0, fmt.Errorf("path %.100q: want one of its parts, like %s.%s", s, name, lppTypes[n].parts[0])
	} else if part < 0 && hasAxis {
		return 0, 0, 0, fmt.Errorf("path %.100q: %s has no parts", s, lppTypes[n].name)
	}
	return n, channel, max(part, 0), nil
}

// Decode implements Decoder. It takes any port.
func (c *cayenne) Decode(in *Input, out *Output) error {
	out.reset()
	return out.cut(scanLPP(in.Payload, func(n int, channel uint8, value []byte) {
		c.take(n, channel, value, out)
	}))
}

func (c *cayenne) take(n int, channel uint8, value []byte, out *Output) {
	for i := range c.targets[n] {
		t := &c.targets[n][i]
		if !t.takes(channel, t.part) {
			continue
		}
		t.takeNumber(t.place, t.channelFor(channel), lppTypes[n].number(value, t.part), out)
	}
}

// scanLPP calls each with the index of the type, the channel and the value of
// every datum. It ends at one that is unknown or cut off: where the next one
// begins cannot be known.
func scanLPP(payload []byte, each func(n int, channel uint8, value []byte)) error {
	if len(payload) == 0 {
		return fmt.Errorf("payload is empty")
	}
	for at := 0; at < len(payload); {
		if at+2 > len(payload) {
			return fmt.Errorf("the datum at byte %d is cut off", at)
		}
		n := int(lppByID[payload[at+1]]) - 1
		if n < 0 {
			return fmt.Errorf("type %d at byte %d is unknown to Cayenne LPP, what follows cannot be read", payload[at+1], at+1)
		}
		t := &lppTypes[n]
		end := at + 2 + t.size*max(1, len(t.parts))
		if end > len(payload) {
			return fmt.Errorf("the %s at byte %d is cut off", t.name, at)
		}
		each(n, payload[at], payload[at+2:end])
		at = end
	}
	return nil
}

// number returns a part of a value.
func (t *lppType) number(value []byte, part int) float64 {
	var u uint32
	for _, b := range value[part*t.size : (part+1)*t.size] {
		u = u<<8 | uint32(b)
	}
	divide := t.divide
	if t.name == "gps" && part == 2 {
		divide = 100
	}
	if t.signed {
		shift := 32 - 8*t.size
		return float64(int32(u<<shift)>>shift) / divide
	}
	return float64(u) / divide
}

func (c *cayenne) explain(in *Input, out *Output) error {
	fields := map[string]any{}
	var unmapped []string
	err := scanLPP(in.Payload, func(n int, channel uint8, value []byte) {
		t := &lppTypes[n]
		name := t.name + "_" + numbers[channel]
		parts := map[string]any{}
		for part := range max(1, len(t.parts)) {
			place, v := name, t.number(value, part)
			if len(t.parts) > 0 {
				place += "." + t.parts[part]
				parts[t.parts[part]] = v
				fields[name] = parts
			} else {
				fields[name] = v
			}
			if !slices.ContainsFunc(c.targets[n], func(t lppTarget) bool { return t.takes(channel, part) }) {
				unmapped = append(unmapped, place)
			}
		}
		c.take(n, channel, value, out)
	})
	out.Fields = fields
	for _, place := range unmapped {
		out.warn(notMapped, place)
	}
	return out.cut(err)
}

// notMapped is the warning of Explain for a field.
const notMapped = "%s is mapped to no quantity"

// Fast implements Decoder.
func (*cayenne) Fast() bool { return true }

// Close implements Decoder.
func (*cayenne) Close() {}
