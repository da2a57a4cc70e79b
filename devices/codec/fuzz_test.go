package codec

import (
	"encoding/json"
	"strings"
	"testing"

	"modellregion/devices"
)

// sound checks what every Decoder promises.
func sound(t *testing.T, out *Output, err error) {
	t.Helper()
	if err != nil && len(out.Readings) > 0 {
		t.Errorf("error %v and %d readings", err, len(out.Readings))
	}
	seen := map[string]bool{}
	for _, r := range out.Readings {
		name := series(r.Quantity, r.Channel)
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if !finite(r.Value) {
			t.Errorf("%s is %v", name, r.Value)
		}
		if err := checkChannel(r.Channel); err != nil {
			t.Error(err)
		}
	}
}

func FuzzLayout(f *testing.F) {
	f.Add(everyType, uint8(1), []byte("\xff\xf7\x08\xfd\xfe\x0c\xff\xff\xfe\x00\x00\x01\x02\x42\x48\x00\x00\x63"))
	f.Add(forms, uint8(85), unhex(f, "0175640367d70004686405ff0102030700"+"06aa020304"))
	f.Add(forms, uint8(10), unhex(f, "0a05000200"))
	f.Add(forms, uint8(12), unhex(f, "021234000900d700320e10"))
	f.Add("ports: {any: {fields: [{at: 0, type: bcd32, none: [0xffffffff], quantity: voltage, repeat: {times: 2, every: 1, channel: 'l{n}'}}]}}", uint8(0), []byte{0x12, 0x34, 0x56, 0x78, 0x9a})
	f.Add("ports: {1: {fields: [{at: 0, type: u16, bits: [4, 7], signed: true, values: {-1: dry, 3: none}, quantity: surface_state}]}}", uint8(1), []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, source string, port uint8, payload []byte) {
		d, err := Compile(devices.Codec{Kind: "layout", Source: source})
		if (d == nil) == (err == nil) {
			t.Fatalf("decoder %v and error %v", d, err)
		}
		if err != nil {
			return
		}
		var out Output
		sound(t, &out, d.Decode(&Input{Port: port, Payload: payload}, &out))
	})
}

func FuzzCayenneLPP(f *testing.F) {
	f.Add("temperature_*", "air_temperature", "c{1}", unhex(f, "03670110056700ff"))
	f.Add("gps_1.altitude", "water_level", "", unhex(f, "018806765ff2960a0003e8"))
	f.Add("digital_in_4", "parking_occupied", "x", unhex(f, "0400010371000000000064"))
	f.Add("", "", "", unhex(f, "0167010a02686403732764"))
	f.Fuzz(func(t *testing.T, path, quantity, channel string, payload []byte) {
		c := devices.Codec{Kind: "cayenne-lpp"}
		if path != "" {
			c.Map = []devices.Mapping{{Path: path, Quantity: quantity, Channel: channel}}
		}
		d, err := Compile(c)
		if (d == nil) == (err == nil) {
			t.Fatalf("decoder %v and error %v", d, err)
		}
		if err != nil {
			return
		}
		in := &Input{Payload: payload}
		var out Output
		err = d.Decode(in, &out)
		sound(t, &out, err)
		explained, explainErr := Explain(d, in)
		if (err == nil) != (explainErr == nil) || len(explained.Readings) != len(out.Readings) {
			t.Errorf("%d readings (%v), explained %d (%v)", len(out.Readings), err, len(explained.Readings), explainErr)
		}
		if _, err := json.Marshal(explained.Fields); err != nil {
			t.Error(err)
		}
	})
}

func FuzzMapping(f *testing.F) {
	f.Add("temperature", "voltage", "", "", "x", `{"temperature": 21.5}`)
	f.Add("lanes[*].count", "vehicle_count", "lane{1}", "", "", `{"lanes": [{"count": 3}, {}, {"count": "4"}]}`)
	f.Add(`*["a.b"]`, "surface_state", "{1}", "", "nass", `{"x y": {"a.b": "nass"}, "z": {"a.b": true}}`)
	f.Add("[0].t", "air_temperature", "", "degF", "", `[{"t": "1e3"}, [[[]]], null]`)
	f.Add("air.temperature", "dew_point", "", "K", "", `{"air": {"temperature": 5}, "soil": {"depth": 3, "moisture": 4}, "battery": -1}`)
	f.Fuzz(func(t *testing.T, path, quantity, channel, unit, word, data string) {
		mapping := devices.Mapping{Path: path, Quantity: quantity, Channel: channel, Unit: unit}
		if word != "" {
			mapping.Values = map[string]string{word: "1"}
		}
		m, err := compileOutputMap([]devices.Mapping{mapping})
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error says nothing")
			}
			m, _ = compileOutputMap(nil)
		}
		var v any
		if json.Unmarshal([]byte(data), &v) != nil {
			return
		}
		var out, explained Output
		m.apply(v, v, &out, func(string) {})
		sound(t, &out, nil)
		m.explain(v, v, &explained)
		sound(t, &explained, nil)
		if len(explained.Readings) != len(out.Readings) {
			t.Errorf("%d readings, explained %d", len(out.Readings), len(explained.Readings))
		}
		if _, err := json.Marshal(explained.Fields); err != nil {
			t.Error(err)
		}
	})
}
