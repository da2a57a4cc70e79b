package codec

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func compile(t testing.TB, source string) Decoder {
	t.Helper()
	d, err := Compile(devices.Codec{Kind: "layout", Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const everyType = `
ports:
  1:
    fields:
      - {at: 0, type: u8, quantity: vehicle_count, channel: lane1}
      - {at: 1, type: i8, scale: 0.5, quantity: air_temperature}
      - {at: 2, type: u16, scale: 0.1, none: 0xffff, quantity: voltage, channel: l1}
      - {at: 2, type: u16, endian: little, quantity: voltage, channel: l2}
      - {at: 4, type: i16, scale: 0.01, quantity: surface_temperature}
      - {at: 6, type: u24, quantity: energy_import}
      - {at: 6, type: i24, quantity: power_active}
      - {at: 9, type: u32, scale: 10, quantity: energy_export}
      - {at: 9, type: i32, endian: little, quantity: power_reactive}
      - {at: 13, type: f32, quantity: frequency}
      - {at: 17, type: u8, bits: [4, 6], quantity: surface_state}
      - {at: 17, type: u8, bits: [0, 3], scale: 5, offset: -20, quantity: freezing_temperature}
  2: {length: 1, fields: [{at: 0, type: u8, quantity: vehicle_count}]}
`

func TestLayoutDecode(t *testing.T) {
	d := compile(t, everyType)
	payload := "ff" + "f7" + "08fd" + "fe0c" + "fffffe" + "00000102" + "42480000" + "63"
	for _, c := range []struct {
		name    string
		port    uint8
		hex     string
		want    map[string]float64
		wantErr string
	}{
		{name: "every type", port: 1, hex: payload, want: map[string]float64{
			"vehicle_count lane1": 255, "air_temperature ": -4.5, "voltage l1": 230.1, "voltage l2": 64776,
			"surface_temperature ": -5, "energy_import ": 16777214, "power_active ": -2, "energy_export ": 2580,
			"power_reactive ": 33619968, "frequency ": 50, "surface_state ": 6, "freezing_temperature ": -5,
		}},
		{name: "longer than needed", port: 1, hex: payload + "0000", want: map[string]float64{
			"vehicle_count lane1": 255, "air_temperature ": -4.5, "voltage l1": 230.1, "voltage l2": 64776,
			"surface_temperature ": -5, "energy_import ": 16777214, "power_active ": -2, "energy_export ": 2580,
			"power_reactive ": 33619968, "frequency ": 50, "surface_state ": 6, "freezing_temperature ": -5,
		}},
		{name: "no reading and not a number", port: 1, hex: "00" + "00" + "ffff" + "0000" + "000000" + "00000000" + "7fc00000" + "00", want: map[string]float64{
			"vehicle_count lane1": 0, "air_temperature ": 0, "voltage l2": 65535,
			"surface_temperature ": 0, "energy_import ": 0, "power_active ": 0, "energy_export ": 0,
			"power_reactive ": 0, "surface_state ": 0, "freezing_temperature ": -20,
		}},
		{name: "too short", port: 1, hex: "00", wantErr: "port 1: payload has 1 bytes, want at least 18"},
		{name: "not the exact length", port: 2, hex: "0000", wantErr: "port 2: payload has 2 bytes, want 1"},
		{name: "unknown port", port: 3, hex: "00", wantErr: "no port 3, only [1 2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			var out Output
			err = d.Decode(&Input{Port: c.port, Payload: payload}, &out)
			readings := out.Readings
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, r := range readings {
				got[r.Quantity.Name+" "+r.Channel] = r.Value
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// decode returns what a payload gives, by quantity and channel, and the
// warnings.
func decode(t testing.TB, d Decoder, port uint8, digits string) (map[string]float64, []string, error) {
	t.Helper()
	var out Output
	err := d.Decode(&Input{Port: port, Payload: unhex(t, digits)}, &out)
	return values(out.Readings), out.Warnings, err
}

// unhex takes spaces between the digits.
func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	out, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func values(readings []devices.Reading) map[string]float64 {
	out := map[string]float64{}
	for _, r := range readings {
		out[strings.TrimSpace(r.Quantity.Name+" "+r.Channel)] = r.Value
	}
	return out
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		name, fields, hex string
		want              map[string]float64
		warning           string
	}{
		{name: "wide", fields: "{at: 0, type: u40, quantity: energy_import}, {at: 0, type: u48, endian: little, quantity: energy_export}, {at: 0, type: i40, quantity: power_active}",
			hex: "ff0000000102", want: map[string]float64{"energy_import": 0xff00000001, "energy_export": 0x0201000000ff, "power_active": -0xffffffff}},
		{name: "widest", fields: "{at: 0, type: u64, quantity: energy_import}, {at: 0, type: i64, quantity: power_active}",
			hex: "fffffffffffffffe", want: map[string]float64{"energy_import": 18446744073709551614, "power_active": -2}},
		{name: "f64", fields: "{at: 0, type: f64, quantity: voltage}", hex: "406cc00000000000", want: map[string]float64{"voltage": 230}},
		{name: "not finite", fields: "{at: 0, type: f64, quantity: voltage}", hex: "7ff0000000000000", want: map[string]float64{}},
		{name: "overflow", fields: "{at: 0, type: f64, scale: 10, quantity: voltage}", hex: "7fefffffffffffff", want: map[string]float64{}},
		{name: "none of a float", fields: "{at: 0, type: f32, none: -999.9, quantity: voltage}", hex: "c479f99a", want: map[string]float64{}},
		{name: "none, several", fields: "{at: 0, type: u16, none: [0xfffe, 0xffff], quantity: voltage}", hex: "fffe", want: map[string]float64{}},
		{name: "none, negative", fields: "{at: 0, type: i16, none: -32768, quantity: current}", hex: "8000", want: map[string]float64{}},
		{name: "none of a signed type as bits", fields: "{at: 0, type: i16, none: 0xffff, quantity: current}", hex: "ffff", want: map[string]float64{}},
		{name: "none of the widest", fields: "{at: 0, type: u64, none: 0xffffffffffffffff, quantity: energy_import}", hex: "ffffffffffffffff", want: map[string]float64{}},
		{name: "bcd", fields: "{at: 0, type: bcd32, endian: little, unit: kWh, scale: 0.01, quantity: energy_import}", hex: "78563412", want: map[string]float64{"energy_import": 123456780}},
		{name: "bcd none", fields: "{at: 0, type: bcd16, none: 0xffff, quantity: energy_import}", hex: "ffff", want: map[string]float64{}},
		{name: "no bcd", fields: "{at: 0, type: bcd16, quantity: energy_import}", hex: "12a4", want: map[string]float64{}, warning: "energy_import: 12a4 is no BCD"},
		{name: "signed bits", fields: "{at: 0, type: u16, bits: [4, 7], signed: true, quantity: current}, {at: 0, type: u16, bits: [0, 3], quantity: voltage}, {at: 0, type: u16, bits: [15], quantity: frequency}",
			hex: "80e3", want: map[string]float64{"current": -2, "voltage": 3, "frequency": 1}},
		{name: "offset without a trace", fields: "{at: 0, type: u16, scale: 0.1, offset: -40, quantity: air_temperature}", hex: "0265", want: map[string]float64{"air_temperature": 21.3}},
		{name: "kelvin", fields: "{at: 0, type: u16, scale: 0.01, unit: K, quantity: air_temperature}", hex: "7319", want: map[string]float64{"air_temperature": 21.5}},
		{name: "fahrenheit", fields: "{at: 0, type: u16, scale: 0.1, unit: degF, quantity: air_temperature}", hex: "02c3", want: map[string]float64{"air_temperature": 21.5}},
		{name: "percent of a share", fields: "{at: 0, type: u8, unit: '%', quantity: occupancy}", hex: "07", want: map[string]float64{"occupancy": 0.07}},
		{name: "mV", fields: "{at: 0, type: u16, unit: mV, quantity: battery_voltage}", hex: "0e11", want: map[string]float64{"battery_voltage": 3.601}},
		{name: "odd scale", fields: "{at: 0, type: u8, scale: 0.3, quantity: voltage}, {at: 0, type: u8, scale: 0.0625, quantity: current}", hex: "07", want: map[string]float64{"voltage": 2.1, "current": 0.4375}},
		{name: "category", fields: "{at: 0, type: u8, values: {0: dry, 0x10: wet, 255: none}, quantity: surface_state}", hex: "10", want: map[string]float64{"surface_state": 3}},
		{name: "category, none", fields: "{at: 0, type: u8, values: {0: dry, 255: none}, quantity: surface_state}", hex: "ff", want: map[string]float64{}},
		{name: "category, unknown", fields: "{at: 0, type: u8, values: {0: dry}, quantity: surface_state}", hex: "07", want: map[string]float64{}, warning: "surface_state: 7 is none of its values"},
		{name: "number of a code", fields: "{at: 0, type: i8, values: {-1: 12.5, 1: 80}, quantity: battery_level}", hex: "ff", want: map[string]float64{"battery_level": 12.5}},
		{name: "repeat", fields: "{at: 0, type: u8, quantity: vehicle_count, repeat: {times: 3, every: 2, channel: 'lane{n}'}}, {at: 1, type: u8, quantity: speed_mean, repeat: {times: 2, every: 2, channel: 'lane{n}'}}",
			hex: "0a320b330c", want: map[string]float64{"vehicle_count lane1": 10, "vehicle_count lane2": 11, "vehicle_count lane3": 12, "speed_mean lane1": 50, "speed_mean lane2": 51}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := compile(t, "ports: {any: {fields: ["+c.fields+"]}}")
			got, warnings, err := decode(t, d, 99, c.hex)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Join(warnings, "\n") != c.warning {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
}

func TestLayoutErrorsNameTheFault(t *testing.T) {
	field := func(f string) string { return "ports: {1: {fields: [{at: 0, " + f + "}]}}" }
	for _, c := range []struct{ name, source, want string }{
		{"no YAML", "ports: [", "layout:"},
		{"no ports", "ports: {}", "no ports"},
		{"port", "ports: {x: {fields: [{at: 0, type: u8, quantity: voltage}]}}", "layout: port x: want a number from 1 to 223, or any"},
		{"port twice", "ports: {1: {fields: [{at: 0, type: u8, quantity: voltage}]}, '01': {fields: [{at: 0, type: u8, quantity: voltage}]}}", "is there twice"},
		{"unknown key", "ports: {1: {fields: [{at: 0, typ: u8, quantity: voltage}]}}", "typ"},
		{"unknown type", field("type: u12, quantity: voltage"), `port 1, field 1 (voltage): type "u12" is unknown`},
		{"unknown type of bytes", field("type: u72, quantity: voltage"), `type "u72" is unknown`},
		{"unknown quantity", field("type: u8, quantity: volt"), `quantity "volt" is unknown`},
		{"derived quantity", field("type: u8, quantity: traffic_state"), `quantity "traffic_state" is computed by the platform`},
		{"nearest quantity", field("type: u8, quantity: air_temprature"), `did you mean air_temperature?`},
		{"no quantity", field("type: u8"), `quantity is missing`},
		{"channel", field("type: u8, quantity: voltage, channel: Phase 1"), `channel "Phase 1", want at most 32 of a-z, 0-9, _ and -`},
		{"beyond the length", "ports: {1: {length: 2, fields: [{at: 1, type: u16, quantity: voltage}]}}", "voltage ends at byte 3, beyond the length of 2"},
		{"both lengths", "ports: {1: {length: 2, min_length: 1, fields: [{at: 1, type: u8, quantity: voltage}]}}", "length and min_length"},
		{"long", "ports: {1: {length: 300, fields: [{at: 1, type: u8, quantity: voltage}]}}", "length 300"},
		{"bits of a signed type", field("type: i8, bits: [0, 1], quantity: voltage"), "bits [0 1]"},
		{"bits outside", field("type: u8, bits: [0, 8], quantity: voltage"), "bits [0 8]"},
		{"signed", field("type: u8, signed: true, quantity: voltage"), "want a type like i16"},
		{"endian", field("type: u8, endian: middle, quantity: voltage"), `endian "middle"`},
		{"unit", field("type: u8, unit: mV, quantity: air_temperature"), `unit mV cannot become Cel`},
		{"none", field("type: u8, none: 256, quantity: voltage"), `none 256: does not fit 8 bits`},
		{"none, negative", field("type: u8, none: -1, quantity: voltage"), `none -1: does not fit 8 bits`},
		{"none, text", field("type: u8, none: x, quantity: voltage"), `none x: want a whole number`},
		{"values", field("type: u8, values: {0: lava}, quantity: surface_state"), `values: key "0": "lava" is no state of surface_state, want unknown, dry,`},
		{"values of a number", field("type: u8, values: {0: x}, quantity: voltage"), `"x" is no number, want one in V, or none`},
		{"values, key", field("type: u8, values: {x: dry}, quantity: surface_state"), `values: key "x": want a whole number`},
		{"values and scale", field("type: u8, scale: 2, values: {0: 1}, quantity: voltage"), `values are for whole numbers without scale`},
		{"scale of a category", field("type: u8, scale: 2, quantity: surface_state"), "category and takes no scale"},
		{"infinite", field("type: u8, scale: .inf, quantity: voltage"), "finite"},
		{"repeat", field("type: u8, quantity: voltage, repeat: {times: 3, every: 1, channel: l}"), `repeat.channel "l"`},
		{"repeat, far", field("type: u8, quantity: voltage, repeat: {times: 60, every: 10, channel: 'l{n}'}"), `the last repetition is at 590`},
		{"repeat, often", field("type: u8, quantity: voltage, repeat: {times: 600, every: 1, channel: 'l{n}'}"), `repeat 600 times`},
		{"two faults", "ports: {1: {fields: [{at: -1, type: u8, quantity: voltage}, {at: 0, type: x, quantity: voltage}]}}", "at -1"},
		{"two faults", "ports: {1: {fields: [{at: -1, type: u8, quantity: voltage}, {at: 0, type: x, quantity: voltage}]}}", `type "x"`},
		{"twice", "ports: {1: {fields: [{at: 1, type: u8, quantity: voltage}, {at: 0, type: u8, quantity: voltage}]}}", "voltage is there twice"},
		{"no fields", "ports: {1: {length: 1}}", "port 1: has 0 of fields, tags, kinds, flags with groups and skip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(devices.Codec{Kind: "layout", Source: c.source})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	m := []devices.Mapping{{Path: "x", Quantity: "voltage"}}
	for _, c := range []struct {
		codec devices.Codec
		want  string
	}{
		{devices.Codec{Kind: "lua"}, `codec kind "lua" is unknown, want layout, javascript, cayenne-lpp`},
		{devices.Codec{Kind: "layout", Source: everyType, Map: m}, "has no map"},
		{devices.Codec{Kind: "cayenne-lpp", Source: "x"}, "has no source"},
		{devices.Codec{Kind: "cayenne-lpp", Map: m}, "cayenne-lpp: mapping 1 (x): path"},
	} {
		if _, err := Compile(c.codec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.codec, err, c.want)
		}
	}
}

// eight is a typical layout.
const eight = `
ports:
  6:
    length: 18
    fields:
      - {at: 0, type: i16, endian: little, scale: 0.1, quantity: air_temperature}
      - {at: 2, type: u8, scale: 0.5, quantity: relative_humidity}
      - {at: 3, type: u16, endian: little, scale: 0.1, quantity: air_pressure}
      - {at: 5, type: u16, endian: little, scale: 0.1, none: 0xffff, quantity: pm10}
      - {at: 7, type: u16, endian: little, scale: 0.1, none: 0xffff, quantity: pm2_5}
      - {at: 9, type: u16, endian: little, scale: 0.1, quantity: no2}
      - {at: 11, type: u8, scale: 0.5, quantity: noise_laeq}
      - {at: 16, type: u16, endian: little, unit: mV, quantity: battery_voltage}
`

func BenchmarkLayout(b *testing.B) {
	benchmark(b, compile(b, eight), 6, 8, "d700641527ff00f1002c015000000000110e")
}

func benchmark(b *testing.B, d Decoder, port uint8, readings int, digits string) {
	b.Helper()
	in, out := &Input{Port: port, Payload: unhex(b, digits)}, &Output{}
	if err := d.Decode(in, out); err != nil || len(out.Readings) != readings || len(out.Warnings) > 0 {
		b.Fatalf("%d readings, warnings %q, error %v", len(out.Readings), out.Warnings, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(in, out); err != nil {
			b.Fatal(err)
		}
	}
}
