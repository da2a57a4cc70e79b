package codec

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

// Payloads as makers send them: channel and type in front of every value
// (Milesight), a byte that says what follows, and flags with groups
// (Decentlab).
const forms = `
ports:
  85:
    tag: 2
    tags:
      "0175": {length: 1, fields: [{at: 0, type: u8, quantity: battery_level}]}
      "0367": {length: 2, fields: [{at: 0, type: i16, endian: little, scale: 0.1, quantity: air_temperature}]}
      "0468": {length: 1, fields: [{at: 0, type: u8, scale: 0.5, quantity: relative_humidity}]}
      "05ff": {length: 3}
      "06aa": {length: prefix, fields: [{at: 0, type: u8, quantity: vehicle_count, channel: in}, {at: 1, type: u8, quantity: vehicle_count, channel: out}]}
      "0700": {length: 0}
  86: {tag: 1, header: 2, tags: {"01": {length: 1, fields: [{at: 0, type: u8, quantity: voltage}]}}}
  10:
    kinds:
      "01": {length: 3, fields: [{at: 1, type: u16, scale: 0.1, quantity: voltage}]}
      "0a": {min_length: 2, fields: [{at: 1, type: u8, quantity: current}, {at: 2, type: u16, unit: kWh, quantity: energy_import}]}
      "ff": {}
  11: {kind: 2, kind_at: 1, kinds: {"0102": {fields: [{at: 0, type: u8, quantity: voltage}]}}}
  12:
    header: 5
    flags: {at: 3, type: u16}
    groups:
      - {bit: 0, length: 4, fields: [{at: 0, type: u16, scale: 0.1, quantity: air_temperature}, {at: 2, type: u16, quantity: relative_humidity}]}
      - {bit: 1, length: 2}
      - {bit: 3, length: 2, fields: [{at: 0, type: u16, unit: mV, quantity: battery_voltage}]}
`

func TestForms(t *testing.T) {
	d := compile(t, forms)
	for _, c := range []struct {
		name    string
		port    uint8
		hex     string
		want    map[string]float64
		warning string
		err     string
	}{
		{"tags", 85, "017564" + "0367d700" + "046864" + "05ff010203" + "0700" + "06aa020304", map[string]float64{"battery_level": 100, "air_temperature": 21.5, "relative_humidity": 50, "vehicle_count in": 3, "vehicle_count out": 4}, "", ""},
		{"tags in another order", 85, "05ff0102030367d7000175ff", map[string]float64{"battery_level": 255, "air_temperature": 21.5}, "", ""},
		{"tag twice", 85, "0367d7000367e700", map[string]float64{"air_temperature": 23.1}, "air_temperature comes more than once, the last is kept", ""},
		{"tag unknown after others", 85, "0367d7000999010175aa", map[string]float64{"air_temperature": 21.5}, "tag 0999 at byte 4 is unknown, what follows cannot be read", ""},
		{"tag unknown", 85, "09990101", nil, "", "port 85: tag 0999 at byte 0 is unknown"},
		{"tag cut off", 85, "0367d70001", map[string]float64{"air_temperature": 21.5}, "the tag at byte 4 is cut off", ""},
		{"value cut off", 85, "0367d7", nil, "", "the value of tag 0367 at byte 0 is cut off"},
		{"prefix cut off", 85, "06aa", nil, "", "the value of tag 06aa at byte 0 is cut off"},
		{"prefix too long", 85, "06aa0401", nil, "", "the value of tag 06aa at byte 0 is cut off"},
		{"value too short", 85, "06aa0103017564", map[string]float64{"battery_level": 100}, "the value of tag 06aa at byte 0 has 1 bytes, want 2", ""},
		{"value longer", 85, "06aa03030405", map[string]float64{"vehicle_count in": 3, "vehicle_count out": 4}, "", ""},
		{"no tag", 85, "", nil, "", "port 85: payload has 0 bytes, want at least 2"},
		{"header", 86, "aabb01e6", map[string]float64{"voltage": 230}, "", ""},
		{"kind", 10, "0108fd", map[string]float64{"voltage": 230.1}, "", ""},
		{"kind of other length", 10, "0108", nil, "", "port 10: kind 01: payload has 2 bytes, want 3"},
		{"kind, short", 10, "0a05", map[string]float64{"current": 5}, "", ""},
		{"kind, long", 10, "0a05000200", map[string]float64{"current": 5, "energy_import": 2000}, "", ""},
		{"kind without fields", 10, "ff01", map[string]float64{}, "", ""},
		{"kind unknown", 10, "02", nil, "", "port 10: kind 02 at byte 0 is unknown, only 01, 0a, ff"},
		{"no kind", 10, "", nil, "", "payload has 0 bytes, want at least 1"},
		{"wide kind", 11, "e60102", map[string]float64{"voltage": 230}, "", ""},
		{"flags", 12, "0212340009" + "00d70032" + "0e10", map[string]float64{"air_temperature": 21.5, "relative_humidity": 50, "battery_voltage": 3.6}, "", ""},
		{"flags, group skipped", 12, "021234000a" + "ffff" + "0e10", map[string]float64{"battery_voltage": 3.6}, "", ""},
		{"flags, no group", 12, "0212340000", map[string]float64{}, "", ""},
		{"flags, new group", 12, "0212340018" + "0e10" + "ffffff", map[string]float64{"battery_voltage": 3.6}, "3 bytes after the last group were not read", ""},
		{"flags, unknown group", 12, "021234000c" + "0e10" + "ffff", nil, "", "flags 0xc have a bit that stands for no group, only 0xb do"},
		{"flags, cut off", 12, "0212340009" + "00d70032" + "0e", map[string]float64{"air_temperature": 21.5, "relative_humidity": 50}, "the group of bit 3 at byte 9 is cut off", ""},
		{"flags, no payload", 12, "021234", nil, "", "payload has 3 bytes, want at least 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, warnings, err := decode(t, d, c.port, c.hex)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || len(got) > 0 {
					t.Errorf("%v and error %v, want %q", got, err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
			if strings.Join(warnings, "\n") != c.warning {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
}

func TestFormErrorsNameTheFault(t *testing.T) {
	const f = "fields: [{at: 0, type: u8, quantity: voltage}]"
	for _, c := range []struct{ name, port, want string }{
		{"two forms", "tag: 1, tags: {'01': {length: 1}}, " + f, "has 2 of fields, tags, kinds, flags with groups and skip"},
		{"key of another form", "header: 2, " + f, "header has no meaning here"},
		{"length of tags", "length: 2, tag: 1, tags: {'01': {length: 1}}", "length has no meaning here"},
		{"no size", "tags: {'01': {length: 1}}", "tag has 0 bytes, want 1 or 2"},
		{"too few digits", "tag: 2, tags: {125: {length: 1}}", `port 1, tag 125: tag "125", want 4 hexadecimal digits`},
		{"number with 0x", "tag: 2, tags: {0x0175: {length: 1}}", `tag "0x0175", want 4 hexadecimal digits`},
		{"once in quotes and once without", "tag: 2, tags: {0175: {length: 1}, '0175': {length: 2}}", "line 1: ports.1.tags.0175: is there twice"},
		{"no hex", "tag: 1, tags: {xy: {length: 1}}", `tag "xy", want 2 hexadecimal digits`},
		{"twice", "tag: 1, tags: {'0a': {length: 1}, '0A': {length: 1}}", "tag 0a: is there twice"},
		{"no length", "tag: 1, tags: {'01': {" + f + "}}", `tag 01: length "", want the number of bytes of the value, or prefix`},
		{"field outside", "tag: 1, tags: {'01': {length: 0, " + f + "}}", "a field ends at byte 1, beyond the length of 0"},
		{"field of a tag", "tag: 1, tags: {'01': {length: 1, fields: [{at: 0, type: u8, quantity: volt}]}}", "port 1, tag 01, field 1 (volt): quantity"},
		{"kind's size", "kind: 3, kinds: {'010203': {" + f + "}}", "kind has 3 bytes at 0"},
		{"kind's digits", "kinds: {1: {" + f + "}}", `kind 1: kind "1", want 2 hexadecimal digits`},
		{"kind's field", "kinds: {'01': {length: 1, fields: [{at: 1, type: u8, quantity: voltage}]}}", "port 1, kind 01: voltage ends at byte 2"},
		{"no groups", "flags: {at: 0, type: u8}", "want both"},
		{"no flags", "groups: [{bit: 0, length: 1, " + f + "}]", "want both"},
		{"flags' type", "flags: {at: 0, type: f32}, groups: [{bit: 0, length: 1, " + f + "}]", `port 1, flags: type "f32", want u8`},
		{"group's bit", "flags: {at: 0, type: u8}, groups: [{bit: 8, length: 1, " + f + "}]", "group 1 (bit 8): want a bit from 0 to 7"},
		{"group's length", "flags: {at: 0, type: u8}, groups: [{bit: 0, " + f + "}]", "length 0, want 1 to 255 bytes"},
		{"bit twice", "flags: {at: 0, type: u8}, groups: [{bit: 0, length: 1}, {bit: 0, length: 1}]", "group 2 (bit 0): is there twice"},
		{"quantity twice", "flags: {at: 0, type: u8}, groups: [{bit: 0, length: 1, " + f + "}, {bit: 1, length: 1, " + f + "}]", "group 2 (bit 1): voltage is there twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(devices.Codec{Kind: "layout", Source: "ports: {1: {" + c.port + "}}"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

// TestDocumentation compiles the example in the package's comment.
func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for line := range strings.Lines(string(doc)) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			source.WriteString(text)
		}
	}
	d := compile(t, source.String())
	got, _, err := decode(t, d, 1, "08fd"+"10"+"4400"+"00050006")
	want := map[string]float64{"voltage l1": 230.1, "surface_state": 3, "air_temperature": 20, "vehicle_count lane1": 5, "vehicle_count lane2": 6}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestAnyPort(t *testing.T) {
	d := compile(t, "ports: {2: {length: 1, fields: [{at: 0, type: u8, quantity: voltage}]}, any: {fields: [{at: 0, type: u8, quantity: current}]}}")
	for port, want := range map[uint8]string{2: "voltage", 1: "current", 255: "current"} {
		if got, _, err := decode(t, d, port, "01"); err != nil || got[want] != 1 {
			t.Errorf("port %d: %v (%v), want %s", port, got, err, want)
		}
	}
}

func BenchmarkTags(b *testing.B) {
	const source = `
ports:
  85:
    tag: 2
    tags:
      "0175": {length: 1, fields: [{at: 0, type: u8, quantity: battery_level}]}
      "0367": {length: 2, fields: [{at: 0, type: i16, endian: little, scale: 0.1, quantity: air_temperature}]}
      "0468": {length: 1, fields: [{at: 0, type: u8, scale: 0.5, quantity: relative_humidity}]}
      "0500": {length: 2, fields: [{at: 0, type: u16, endian: little, quantity: illuminance}]}
      "077d": {length: 2, fields: [{at: 0, type: u16, endian: little, quantity: co2}]}
      "0973": {length: 2, fields: [{at: 0, type: u16, endian: little, scale: 0.1, quantity: air_pressure}]}
      "0b7d": {length: 2, fields: [{at: 0, type: u16, endian: little, quantity: pm2_5}]}
      "0c7d": {length: 2, fields: [{at: 0, type: u16, endian: little, quantity: pm10}]}
`
	benchmark(b, compile(b, source), 85, 8, "017564"+"0367d700"+"046864"+"05006400"+"077d9001"+"09731527"+"0b7d0a00"+"0c7d1400")
}
