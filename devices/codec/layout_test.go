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
		{name: "too short", port: 1, hex: "00", wantErr: "payload has 1 bytes on port 1, want 18"},
		{name: "not the exact length", port: 2, hex: "0000", wantErr: "payload has 2 bytes on port 2, want 1"},
		{name: "unknown port", port: 3, hex: "00", wantErr: "no port 3, only [1 2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			readings, err := d.Decode(nil, c.port, payload)
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

func TestLayoutErrorsNameTheFault(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"no YAML", "ports: [", "layout:"},
		{"no ports", "ports: {}", "no ports"},
		{"unknown key", "ports: {1: {fields: [{at: 0, typ: u8, quantity: voltage}]}}", "typ"},
		{"unknown type", "ports: {1: {fields: [{at: 0, type: u64, quantity: voltage}]}}", `port 1, field 1 (voltage): type "u64" is unknown`},
		{"unknown quantity", "ports: {1: {fields: [{at: 0, type: u8, quantity: volt}]}}", `quantity "volt" is unknown`},
		{"beyond the length", "ports: {1: {length: 2, fields: [{at: 1, type: u16, quantity: voltage}]}}", "ends at byte 3, beyond the length of 2"},
		{"bits of a signed type", "ports: {1: {fields: [{at: 0, type: i8, bits: [0, 1], quantity: voltage}]}}", "bits [0 1]"},
		{"bits outside", "ports: {1: {fields: [{at: 0, type: u8, bits: [0, 8], quantity: voltage}]}}", "bits [0 8]"},
		{"endian", "ports: {1: {fields: [{at: 0, type: u8, endian: middle, quantity: voltage}]}}", `endian "middle"`},
		{"two faults", "ports: {1: {fields: [{at: -1, type: u8, quantity: voltage}, {at: 0, type: x, quantity: voltage}]}}", "at -1"},
		{"no fields", "ports: {1: {length: 1}}", "port 1 has no fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(devices.Codec{Kind: "layout", Source: c.source})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	if _, err := Compile(devices.Codec{Kind: "lua"}); err == nil || !strings.Contains(err.Error(), `"lua"`) {
		t.Errorf("unknown kind: error %v", err)
	}
}

func FuzzLayoutDecode(f *testing.F) {
	d := compile(f, everyType)
	f.Add(uint8(1), []byte("\xff\xf7\x08\xfd\xfe\x0c\xff\xff\xfe\x00\x00\x01\x02\x42\x48\x00\x00\x63"))
	f.Add(uint8(2), []byte{1})
	f.Add(uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, port uint8, payload []byte) {
		readings, err := d.Decode(nil, port, payload)
		if err != nil && readings != nil {
			t.Errorf("error %v and %d readings", err, len(readings))
		}
		for _, r := range readings {
			if r.Value != r.Value {
				t.Errorf("%s is NaN", r.Quantity.Name)
			}
		}
	})
}

func FuzzLayoutSource(f *testing.F) {
	f.Add(everyType)
	f.Add("ports: {1: {fields: [{at: 0, type: u8, bits: [0, 8], quantity: voltage}]}}")
	f.Fuzz(func(t *testing.T, source string) {
		d, err := Compile(devices.Codec{Kind: "layout", Source: source})
		if (d == nil) == (err == nil) {
			t.Errorf("decoder %v and error %v", d, err)
		}
	})
}

func BenchmarkLayoutDecode(b *testing.B) {
	d := compile(b, everyType)
	payload, err := hex.DecodeString("fff708fdfe0cfffffe000001024248000063")
	if err != nil {
		b.Fatal(err)
	}
	var readings []devices.Reading
	for b.Loop() {
		if readings, err = d.Decode(readings[:0], 1, payload); err != nil {
			b.Fatal(err)
		}
	}
}
