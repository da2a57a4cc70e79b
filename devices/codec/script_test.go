package codec

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func compileJS(t testing.TB, source string, mappings ...devices.Mapping) Decoder {
	t.Helper()
	d, err := Compile(devices.Codec{Kind: "javascript", Source: source, Map: mappings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestScript(t *testing.T) {
	const normalized = `
		function decodeUplink(input) { return {data: {t: (input.bytes[0] << 8 | input.bytes[1]) / 10, battery: 97}, warnings: ["old firmware"]}; }
		function normalizeUplink(input) { return {data: {air: {temperature: input.data.t}}}; }`
	for _, c := range []struct {
		name, source string
		mappings     []devices.Mapping
		want         map[string]float64
		warnings     string
	}{
		{"mapped", `function decodeUplink(input) { return {data: {lanes: [{n: input.bytes[0]}, {n: input.bytes[1]}], port: input.fPort}}; }`,
			[]devices.Mapping{{Path: "lanes[*].n", Quantity: "vehicle_count", Channel: "lane{1}"}, {Path: "port", Quantity: "load"}}, map[string]float64{"vehicle_count lane1": 0, "vehicle_count lane2": 215, "load": 7}, ""},
		{"normalized", normalized, nil, map[string]float64{"air_temperature": 21.5}, "old firmware"},
		{"normalized and mapped", normalized, []devices.Mapping{{Path: "battery", Quantity: "battery_level"}}, map[string]float64{"battery_level": 97, "air_temperature": 21.5}, "old firmware"},
		{"names", `function decodeUplink() { return {data: {voltage: "230.1", load: NaN, current: undefined}}; }`, nil, map[string]float64{"voltage": 230.1}, "load: NaN is no finite number for load"},
		{"time and variables", `function decodeUplink(input) { return {data: {load: input.recvTime.getUTCFullYear(), voltage: Number(input.variables.u)}}; }`, nil, map[string]float64{"load": 2026, "voltage": 230}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := compileJS(t, c.source, c.mappings...)
			in := &Input{Port: 7, Payload: []byte{0, 215}, Time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Variables: map[string]string{"u": "230"}}
			var out Output
			if err := d.Decode(in, &out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, values(out.Readings)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(out.Warnings, "\n"); got != c.warnings {
				t.Errorf("warnings %q, want %q", got, c.warnings)
			}
			if d.Fast() {
				t.Error("a script is fast")
			}
		})
	}
}

func TestScriptExplains(t *testing.T) {
	d := compileJS(t, `function decodeUplink(input) { return {data: {t: 21.5, h: [1, 0/0]}}; }`, devices.Mapping{Path: "t", Quantity: "air_temperature"})
	out, err := Explain(d, &Input{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"t": 21.5, "h": []any{1., "NaN"}}
	if diff := cmp.Diff(want, out.Fields); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(out.Warnings, "\n"); got != "h[0] is mapped to no quantity\nh[1] is mapped to no quantity" {
		t.Errorf("warnings %q", got)
	}
}

func TestScriptErrors(t *testing.T) {
	for source, want := range map[string]string{
		"function decodeUplink( {": "javascript: ",
		"let x = 1":                "javascript: ",
	} {
		if _, err := Compile(devices.Codec{Kind: "javascript", Source: source}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", source, err)
		}
	}
	d := compileJS(t, `function decodeUplink(input) { if (input.bytes.length) return {data: {voltage: 1}}; return {errors: ["no bytes"]}; }`)
	out := Output{}
	if err := d.Decode(&Input{Port: 1, Payload: []byte{1}}, &out); err != nil || len(out.Readings) != 1 {
		t.Errorf("%v (%v)", out.Readings, err)
	}
	if err := d.Decode(&Input{Port: 1}, &out); err == nil || !strings.Contains(err.Error(), "no bytes") || len(out.Readings) > 0 {
		t.Errorf("error %v and readings %v", err, out.Readings)
	}
	m := []devices.Mapping{{Path: "a[", Quantity: "voltage"}}
	if _, err := Compile(devices.Codec{Kind: "javascript", Source: "function decodeUplink() {}", Map: m}); err == nil || !strings.Contains(err.Error(), "javascript: mapping 1 (a[)") {
		t.Errorf("map: error %v", err)
	}
}

func BenchmarkScript(b *testing.B) {
	benchmark(b, compileJS(b, `function decodeUplink(i) { var b = i.bytes; return {data: {air_temperature: (b[0] << 8 | b[1]) / 10, relative_humidity: b[2] / 2, voltage: 230, current: 1, load: 5, pm10: 6, no2: 7, o3: 8}}; }`), 1, 8, "00d764")
}
