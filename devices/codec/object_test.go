package codec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func TestObjectMap(t *testing.T) {
	lanes := []devices.Mapping{{Path: "lanes[*].count", Quantity: "vehicle_count", Channel: "lane{1}"}, {Path: "temp", Quantity: "air_temperature", Unit: "degF"}}
	depths := []devices.Mapping{
		{Path: "temperature_*", Quantity: "subsurface_temperature", Channel: "depth{1}"},
		{Path: "temperature_1", Quantity: "surface_temperature"},
		{Path: "accelerometer_6.z", Quantity: "vibration_rms", Channel: "z"},
	}
	const (
		ttn        = `{"temperature_1": 21.5, "temperature_2": 12, "accelerometer_6": {"x": 0.5, "z": 1}, "gps_1": {"latitude": 51.5}, "temperature_300": 1, "_1": 2, "x_": 3, "temperature": 4}`
		chirpstack = `{"temperatureSensor": {"1": 21.5, "2": 12, "x": 4}, "accelerometer": {"6": {"x": 0.5, "z": 1}}, "barometer": 5}`
	)
	soil := map[string]float64{"surface_temperature": 21.5, "subsurface_temperature depth1": 21.5, "subsurface_temperature depth2": 12, "vibration_rms z": 9.80665}
	for _, c := range []struct {
		name, kind string
		mappings   []devices.Mapping
		object     string
		want       map[string]float64
		warnings   string
	}{
		{"map", "javascript", lanes, `{"lanes": [{"count": 3}, {"count": 4}], "temp": "70.7", "voltage": 230}`, map[string]float64{"vehicle_count lane1": 3, "vehicle_count lane2": 4, "air_temperature": 21.5}, ""},
		{"list", "javascript", []devices.Mapping{{Path: "[0].n", Quantity: "vehicle_count"}}, `[{"n": 3}]`, map[string]float64{"vehicle_count": 3}, ""},
		{"names", "javascript", nil, `{"voltage": 230, "temp": 4, "surface_state": "wet"}`, map[string]float64{"voltage": 230, "surface_state": 3}, ""},
		{"names, layout", "layout", nil, `{"voltage": 230, "load": "n/a"}`, map[string]float64{"voltage": 230}, `load: "n/a" is no number and not among the values of load`},
		{"normalized", "layout", nil, `{"air": {"temperature": 21.5, "relativeHumidity": 40}, "battery": 3.6}`, map[string]float64{"air_temperature": 21.5, "relative_humidity": 40, "battery_voltage": 3.6}, ""},
		{"normalized and mapped", "javascript", lanes, `{"air": {"temperature": 21.5, "relativeHumidity": 40}, "temp": 32}`, map[string]float64{"air_temperature": 0, "relative_humidity": 40}, ""},
		{"nothing of use", "javascript", lanes, `{"hello": "world"}`, map[string]float64{}, ""},
		{"Cayenne LPP of The Things Stack", "cayenne-lpp", depths, ttn, soil, ""},
		{"Cayenne LPP of ChirpStack", "cayenne-lpp", depths, chirpstack, soil, ""},
		{"Cayenne LPP, default", "cayenne-lpp", nil, `{"temperature_1": 21.5, "energy_2": 1.5, "voltage_3": null, "power_4": {}}`, map[string]float64{"air_temperature 1": 21.5, "energy_import 2": 1500}, "power_4 is an object or a list, no value for power_active"},
		{"Cayenne LPP, default of ChirpStack", "cayenne-lpp", nil, `{"barometer": {"7": 1013}, "humiditySensor": {"1": 40}, "digitalInput": {"2": 1}}`, map[string]float64{"air_pressure 7": 1013, "relative_humidity 1": 40}, ""},
		{"Cayenne LPP that is something else", "cayenne-lpp", nil, `{"air": {"temperature": 21.5}, "voltage": 230}`, map[string]float64{"air_temperature": 21.5, "voltage": 230}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := CompileObject(devices.Codec{Kind: c.kind, Source: "not looked at", Map: c.mappings})
			if err != nil {
				t.Fatal(err)
			}
			out := Output{Readings: make([]devices.Reading, 3), Warnings: []string{"old"}, Silent: true}
			if err := m.Apply([]byte(c.object), &out); err != nil {
				t.Fatal(err)
			}
			sound(t, &out, nil)
			if diff := cmp.Diff(c.want, values(out.Readings)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(out.Warnings, "\n"); got != c.warnings || out.Silent {
				t.Errorf("silent %v, warnings %q, want %q", out.Silent, got, c.warnings)
			}
		})
	}
}

func TestObjectMapErrors(t *testing.T) {
	wrong := []devices.Mapping{{Path: "a[", Quantity: "voltage"}}
	for _, c := range []struct {
		codec devices.Codec
		want  string
	}{
		{devices.Codec{Kind: "wasm"}, `codec kind "wasm" is unknown, want layout, javascript, cayenne-lpp`},
		{devices.Codec{Kind: "layout", Map: wrong}, "a codec of kind layout has no map"},
		{devices.Codec{Kind: "javascript", Map: wrong}, "javascript: mapping 1 (a[)"},
		{devices.Codec{Kind: "cayenne-lpp", Map: wrong}, "cayenne-lpp: mapping 1 (a[)"},
	} {
		if m, err := CompileObject(c.codec); err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	m, err := CompileObject(devices.Codec{Kind: "layout"})
	if err != nil {
		t.Fatal(err)
	}
	for object, want := range map[string]string{
		"":                   "object: unexpected end of JSON input",
		`{"voltage": nan}`:   "object: invalid character",
		`{"voltage": 1e999}`: "object: json: cannot unmarshal number 1e999",
		"null":               "object is a single value in JSON, want an object or a list",
		`"voltage"`:          "object is a single value in JSON, want an object or a list",
	} {
		out := Output{Readings: make([]devices.Reading, 3)}
		if err := m.Apply([]byte(object), &out); err == nil || !strings.Contains(err.Error(), want) || len(out.Readings) > 0 {
			t.Errorf("%s: error %v and %d readings, want %s", object, err, len(out.Readings), want)
		}
	}
}

func FuzzObjectMap(f *testing.F) {
	f.Add(uint8(0), `{"voltage": 230, "air": {"temperature": 21.5}, "soil": {"depth": 5, "moisture": 3}}`)
	f.Add(uint8(1), `{"lanes": [{"count": 3}, {}, 4], "air": []}`)
	f.Add(uint8(2), `{"temperature_3": 21.5, "temperatureSensor": {"4": "22"}, "accelerometer_1": {"x": 1}, "temperature_-1": 2}`)
	f.Fuzz(func(t *testing.T, kind uint8, object string) {
		c := devices.Codec{Kind: Kinds()[int(kind)%len(Kinds())]}
		if c.Kind == "javascript" {
			c.Map = []devices.Mapping{{Path: "lanes[*].count", Quantity: "vehicle_count", Channel: "lane{1}"}}
		}
		m, err := CompileObject(c)
		if err != nil {
			t.Fatal(err)
		}
		var out Output
		sound(t, &out, m.Apply([]byte(object), &out))
	})
}

func BenchmarkObjectMap(b *testing.B) {
	m, err := CompileObject(devices.Codec{Kind: "javascript", Map: []devices.Mapping{{Path: "temperature", Quantity: "air_temperature"}, {Path: "humidity", Quantity: "relative_humidity"}}})
	if err != nil {
		b.Fatal(err)
	}
	object := []byte(`{"temperature":21.5,"humidity":43,"battery":98,"status":"ok"}`)
	var out Output
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Apply(object, &out); err != nil || len(out.Readings) != 2 {
			b.Fatal(err, out)
		}
	}
}
