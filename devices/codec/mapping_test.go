package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/internal/strictyaml"
)

// mapData maps what a script would return, with the map in YAML and the data
// in JSON.
func mapData(t testing.TB, mappings, data, norm string) Output {
	t.Helper()
	m := compileYAML(t, mappings)
	var out Output
	m.explain(fromJSON(t, data), fromJSON(t, norm), &out)
	var again Output
	m.apply(fromJSON(t, data), fromJSON(t, norm), &again, func(string) {})
	if diff := cmp.Diff(values(out.Readings), values(again.Readings)); diff != "" {
		t.Errorf("explained, the readings are others: %s", diff)
	}
	return out
}

func compileYAML(t testing.TB, mappings string) *outputMap {
	t.Helper()
	var c devices.Codec
	if err := strictyaml.Decode([]byte("map: ["+mappings+"]"), &c); err != nil {
		t.Fatal(err)
	}
	m, err := compileOutputMap(c.Map)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fromJSON(t testing.TB, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMapping(t *testing.T) {
	for _, c := range []struct {
		name, mappings, data string
		want                 map[string]float64
		warnings             string
	}{
		{"number", "{path: t, quantity: air_temperature}", `{"t": 21.5}`, map[string]float64{"air_temperature": 21.5}, ""},
		{"text that is a number", "{path: t, quantity: air_temperature}", `{"t": " 21.50 "}`, map[string]float64{"air_temperature": 21.5}, ""},
		{"decimal comma", "{path: t, quantity: air_temperature}", `{"t": "21,5"}`, map[string]float64{}, `t: "21,5" is no number and not among the values of air_temperature`},
		{"hexadecimal", "{path: t, quantity: air_temperature}", `{"t": "0x1p4"}`, map[string]float64{}, `t: "0x1p4" is no number and not among the values of air_temperature`},
		{"infinite text", "{path: t, quantity: air_temperature}", `{"t": "Infinity"}`, map[string]float64{}, `t: "Infinity" is no number and not among the values of air_temperature`},
		{"empty text", "{path: t, quantity: air_temperature}", `{"t": ""}`, map[string]float64{}, ""},
		{"true and false", "{path: a, quantity: parking_occupied}, {path: b, quantity: load}", `{"a": true, "b": false}`, map[string]float64{"parking_occupied": 1, "load": 0}, ""},
		{"null", "{path: t, quantity: air_temperature}", `{"t": null}`, map[string]float64{}, ""},
		{"missing", "{path: a.b.c, quantity: air_temperature}, {path: 'l[3]', quantity: load}, {path: 'x[0]', quantity: voltage}", `{"a": {"b": 1}, "l": [1], "x": {"0": 1}}`, map[string]float64{}, "a.b is mapped to no quantity\nl[0] is mapped to no quantity\nx.0 is mapped to no quantity"},
		{"object", "{path: t, quantity: air_temperature}", `{"t": {"v": 1}}`, map[string]float64{}, "t is an object or a list, no value for air_temperature\nt.v is mapped to no quantity"},
		{"nested", "{path: data.l1.voltage, quantity: voltage, channel: l1}, {path: 'lines[1].count', quantity: vehicle_count}, {path: '[\"a.b\"]', quantity: load}",
			`{"data": {"l1": {"voltage": 230}}, "lines": [{"count": 1}, {"count": 2}], "a.b": 50}`, map[string]float64{"voltage l1": 230, "vehicle_count": 2, "load": 50}, "lines[0].count is mapped to no quantity"},
		{"list at the top", "{path: '[0].t', quantity: air_temperature}", `[{"t": 1}]`, map[string]float64{"air_temperature": 1}, ""},
		{"star of a list", "{path: 'lanes[*].count', quantity: vehicle_count, channel: 'lane{1}'}", `{"lanes": [{"count": 3}, {}, {"count": 4}]}`, map[string]float64{"vehicle_count lane1": 3, "vehicle_count lane3": 4}, ""},
		{"star of keys", "{path: '*.u', quantity: voltage, channel: '{1}'}", `{"L1": {"u": 230}, "L 2": {"u": 231}, "x": 1}`, map[string]float64{"voltage l1": 230, "voltage l_2": 231}, "x is mapped to no quantity"},
		{"two stars", "{path: 'a[*].*', quantity: voltage, channel: '{2}-{1}'}", `{"a": [{"x": 1}, {"y": 2}]}`, map[string]float64{"voltage x-1": 1, "voltage y-2": 2}, ""},
		{"star without channel", "{path: 'a[*]', quantity: voltage}", `{"a": [1, 2]}`, map[string]float64{"voltage": 2}, "voltage comes more than once, the last is kept"},
		{"unit and scale", "{path: t, quantity: air_temperature, unit: °F}, {path: u, quantity: battery_voltage, unit: mV}, {path: v, quantity: wind_speed, scale: 0.1, unit: km/h}", `{"t": 70.7, "u": 3601, "v": "360"}`, map[string]float64{"air_temperature": 21.5, "battery_voltage": 3.601, "wind_speed": 10}, ""},
		{"category by its name", "{path: s, quantity: surface_state}", `{"s": "wet"}`, map[string]float64{"surface_state": 3}, ""},
		{"category by its code", "{path: s, quantity: surface_state}", `{"s": 3}`, map[string]float64{"surface_state": 3}, ""},
		{"category by values", "{path: s, quantity: surface_state, values: {nass: wet, 7: dry, true: ice}}", `{"s": "nass"}`, map[string]float64{"surface_state": 3}, ""},
		{"category by values, number", "{path: s, quantity: surface_state, values: {nass: wet, 7: dry, true: ice}}", `{"s": 7}`, map[string]float64{"surface_state": 1}, ""},
		{"category by values, number as text", "{path: s, quantity: surface_state, values: {7: dry}}", `{"s": "7.0"}`, map[string]float64{"surface_state": 1}, ""},
		{"category by values, hexadecimal", "{path: s, quantity: surface_state, values: {0x10: dry}}", `{"s": 16}`, map[string]float64{"surface_state": 1}, ""},
		{"category by values, true", "{path: s, quantity: surface_state, values: {true: ice}}", `{"s": true}`, map[string]float64{"surface_state": 6}, ""},
		{"category by values, own name", "{path: s, quantity: surface_state, values: {nass: wet}}", `{"s": "dry"}`, map[string]float64{"surface_state": 1}, ""},
		{"category, unknown", "{path: s, quantity: surface_state}", `{"s": "lava"}`, map[string]float64{}, `s: "lava" is no number and not among the values of surface_state`},
		{"category, unknown number", "{path: s, quantity: surface_state, values: {nass: wet}}", `{"s": 3}`, map[string]float64{}, "s: 3 is not among the values of surface_state"},
		{"word for a number", "{path: s, quantity: battery_level, values: {low: 10, OVL: none}}, {path: v, quantity: voltage, values: {OVL: none}}, {path: w, quantity: current, values: {OVL: none}}", `{"s": "low", "v": "OVL", "w": 5}`, map[string]float64{"battery_level": 10, "current": 5}, ""},
		{"out of range is passed on", "{path: t, quantity: air_temperature}", `{"t": 1000}`, map[string]float64{"air_temperature": 1000}, ""},
		{"overflow", "{path: t, quantity: air_temperature, scale: 100}", `{"t": 1e308}`, map[string]float64{}, "t: 1e+308 is no finite number for air_temperature"},
		{"without a map", "", `{"voltage": 230, "load": "7", "speed": 3, "surface_state": "dry"}`, map[string]float64{"voltage": 230, "load": 7, "surface_state": 1}, "speed is mapped to no quantity"},
		{"with a map, names are not taken", "{path: load, quantity: load}", `{"voltage": 230, "load": 7}`, map[string]float64{"load": 7}, "voltage is mapped to no quantity"},
		{"data normalized already", "", `{"air": {"temperature": 21.5, "relativeHumidity": 50, "pressure": 1013, "co2": 400, "lightIntensity": 5}, "wind": {"speed": 3, "direction": 90}, "battery": 3.6, "air_temperature": 9}`,
			map[string]float64{"air_temperature": 21.5, "relative_humidity": 50, "air_pressure": 1013, "co2": 400, "illuminance": 5, "wind_speed": 3, "wind_direction": 90, "battery_voltage": 3.6}, "air_temperature is mapped to no quantity"},
		{"battery alone may be anything", "", `{"battery": 98}`, map[string]float64{}, "battery is mapped to no quantity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := mapData(t, c.mappings, c.data, "")
			if diff := cmp.Diff(c.want, values(out.Readings)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(out.Warnings, "\n"); got != c.warnings {
				t.Errorf("warnings:\n%s\nwant:\n%s", got, c.warnings)
			}
		})
	}
}

func TestNormalized(t *testing.T) {
	for _, c := range []struct {
		name, mappings, data, norm string
		want                       map[string]float64
		warnings                   string
	}{
		{"one", "", `{"temp": 215}`, `{"time": "2026-01-01T00:00:00Z", "air": {"temperature": 21.5}, "soil": {"pH": 7}}`, map[string]float64{"air_temperature": 21.5}, "normalized.soil.pH is mapped to no quantity"},
		{"list", "", `{"temp": 215}`, `[{"air": {"temperature": 21.5}}, {"soil": {"depth": 10, "moisture": 30}}, {"soil": {"depth": 20.5, "moisture": 40}}]`,
			map[string]float64{"air_temperature": 21.5, "soil_moisture 10cm": 30, "soil_moisture 20_5cm": 40}, ""},
		{"names beside", "", `{"voltage": 230, "air_temperature": 4}`, `{"air": {"temperature": 21.5}}`, map[string]float64{"air_temperature": 21.5, "voltage": 230}, ""},
		{"an explicit map wins", "{path: temp, quantity: air_temperature, scale: 0.1}", `{"temp": 200, "other": 1}`, `{"air": {"temperature": 21.5, "relativeHumidity": 40}}`, map[string]float64{"air_temperature": 20, "relative_humidity": 40}, "other is mapped to no quantity"},
		{"no object", "", `{"voltage": 230}`, `"x"`, map[string]float64{"voltage": 230}, "normalized is mapped to no quantity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := mapData(t, c.mappings, c.data, c.norm)
			if diff := cmp.Diff(c.want, values(out.Readings)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(out.Warnings, "\n"); got != c.warnings {
				t.Errorf("warnings:\n%s\nwant:\n%s", got, c.warnings)
			}
		})
	}
}

func TestNotFiniteData(t *testing.T) {
	m := compileYAML(t, "{path: a, quantity: voltage}, {path: b, quantity: current}, {path: c, quantity: load, values: {NaN: none}}")
	var out Output
	m.explain(map[string]any{"a": math.NaN(), "b": math.Inf(-1), "c": math.NaN(), "d": 1}, nil, &out)
	want := "a: NaN is no finite number for voltage\nb: -Inf is no finite number for current\nd is mapped to no quantity"
	if got := strings.Join(out.Warnings, "\n"); got != want || len(out.Readings) > 0 {
		t.Errorf("%v and warnings:\n%s", out.Readings, got)
	}
	if data, err := json.Marshal(out.Fields); err != nil || string(data) != `{"a":"NaN","b":"-Inf","c":"NaN","d":1}` {
		t.Errorf("fields are %s (%v)", data, err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	var list, words []any
	for i := range 10_000 {
		list = append(list, float64(i))
		words = append(words, fmt.Sprint("word", i))
	}
	m := compileYAML(t, "{path: 'l[*]', quantity: voltage, channel: 'c{1}'}, {path: 'w[*]', quantity: current, channel: 'c{1}'}")
	var deep any = 1.
	for range 100_000 {
		deep = []any{deep}
	}
	var out Output
	m.explain(map[string]any{"l": list, "w": words, "deep": deep}, nil, &out)
	if len(out.Readings) != maxReadings || len(out.Warnings) != maxWarnings {
		t.Errorf("%d readings and %d warnings", len(out.Readings), len(out.Warnings))
	}
}

func TestMapErrorsNameTheFault(t *testing.T) {
	for _, c := range []struct{ name, mappings, want string }{
		{"quantity", "{path: a, quantity: voltage}, {path: b, quantity: air_temprature}", `mapping 2 (b): quantity "air_temprature" is unknown, did you mean air_temperature?`},
		{"unit", "{path: a, quantity: voltage, unit: furlong}", `mapping 1 (a): unit "furlong" is unknown, want one like V, mV, kV`},
		{"dimension", "{path: a, quantity: air_temperature, unit: mV}", "mapping 1 (a): unit mV cannot become Cel"},
		{"category's scale", "{path: a, quantity: surface_state, scale: 2}", "takes no scale"},
		{"category's unit", "{path: a, quantity: surface_state, unit: V}", "surface_state has none"},
		{"infinite", "{path: a, quantity: voltage, offset: .nan}", "finite"},
		{"values", "{path: a, quantity: surface_state, values: {x: lava}}", `values: key "x": "lava" is no state of surface_state`},
		{"values, number", "{path: a, quantity: voltage, values: {x: lava}}", `"lava" is no number, want one in V, or none`},
		{"twice", "{path: a, quantity: voltage}, {path: b, quantity: voltage}", "mapping 2 (b): voltage is what mapping 1 gives already, want another channel"},
		{"channel", "{path: a, quantity: voltage, channel: Phase 1}", `channel "Phase 1", want at most 32 of`},
		{"star of channel", "{path: 'a[*]', quantity: voltage, channel: 'l{2}'}", "want {1} for what the first * of the path matched; the path has 1"},
		{"two faults", "{path: 'a[', quantity: volt}", `did you mean voltage?`},
		{"two faults", "{path: 'a[', quantity: volt}", `no index in brackets`},
		{"no path", "{quantity: voltage}", "a name is missing"},
		{"dot at the end", "{path: a., quantity: voltage}", "a name is missing"},
		{"dot at the begin", "{path: .a, quantity: voltage}", "a name is missing"},
		{"star within", "{path: a*, quantity: voltage}", "a name is missing or holds"},
		{"no dot", "{path: 'a[0]b', quantity: voltage}", "a dot is missing"},
		{"negative", "{path: 'a[-1]', quantity: voltage}", "no index in brackets"},
		{"quote", "{path: '[\"a', quantity: voltage}", "a quote is not closed"},
		{"long", "{path: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a, quantity: voltage}", "more than 16 steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var codec devices.Codec
			if err := strictyaml.Decode([]byte("map: ["+c.mappings+"]"), &codec); err != nil {
				t.Fatal(err)
			}
			if _, err := compileOutputMap(codec.Map); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

// TestCodecTravels sees that what YAML says of a codec arrives at an edge.
func TestCodecTravels(t *testing.T) {
	const text = `
kind: cayenne-lpp
map:
  - {path: digital_in_1, quantity: parking_occupied, values: {1: occupied, 0: free}}
  - {path: "analog_in_*", quantity: battery_voltage, channel: "b{1}", unit: mV, scale: 2, offset: 1}
`
	var c, got devices.Codec
	if err := strictyaml.Decode([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
	d, err := Compile(got)
	if err != nil {
		t.Fatal(err)
	}
	readings, _, err := decode(t, d, 1, "010001"+"03020064")
	if diff := cmp.Diff(map[string]float64{"parking_occupied": 1, "battery_voltage b3": 0.003}, readings); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if data, err := json.Marshal(devices.Codec{Kind: "layout", Source: "x"}); err != nil || string(data) != `{"kind":"layout","source":"x"}` {
		t.Errorf("a layout travels as %s (%v)", data, err)
	}
}
