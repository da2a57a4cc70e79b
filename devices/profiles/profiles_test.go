package profiles

import (
	"strings"
	"testing"
	"testing/fstest"

	"modellregion/devices"
)

func TestShipped(t *testing.T) {
	shipped, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"virtual-traffic", "virtual-grid", "virtual-transformer", "virtual-road", "virtual-air"} {
		if _, ok := shipped[id]; !ok {
			t.Errorf("profile %s is missing", id)
		}
	}
}

func TestLoadNamesTheFaultAndKeepsTheRest(t *testing.T) {
	const good = "id: good\nname: Good\ndomain: traffic\ninterval: 1m\ncodec:\n  kind: layout\n  source: 'ports: {1: {fields: [{at: 0, type: u8, quantity: vehicle_count}]}}'\n"
	edit := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"no YAML", "id: [", "profile bad.yaml:"},
		{"unknown key", good + "colour: red\n", "colour"},
		{"other id", good, `id is "good"`},
		{"no name", edit("name: Good\n", ""), "name must be given"},
		{"domain", edit("traffic", "water"), `domain is "water"`},
		{"interval", edit("interval: 1m\n", ""), "interval is 0s"},
		{"version", good + "lorawan: {version: 1.1}\n", `lorawan.version is "1.1", want one of 1.0.0, 1.0.1`},
		{"no version", good + "lorawan: {version: ''}\n", `lorawan.version is ""`},
		{"class", good + "lorawan: {class: B}\n", `lorawan.class is "B", want A`},
		{"key of lorawan", good + "lorawan: {klass: A}\n", "klass"},
		{"codec", edit("vehicle_count", "cars"), `quantity "cars" is unknown`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(fstest.MapFS{
				"good.yaml": {Data: []byte(good)},
				"bad.yaml":  {Data: []byte(c.text)},
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
			if p, ok := got["good"]; !ok || p.LoRaWAN != (devices.LoRaWAN{Version: "1.0.3", Class: "A"}) {
				t.Errorf("the good profile is %+v", p)
			}
		})
	}
}

func TestLoRaWAN(t *testing.T) {
	const text = "id: x\nname: X\ndomain: traffic\ninterval: 1m\ncodec:\n  kind: layout\n  source: 'ports: {1: {fields: [{at: 0, type: u8, quantity: vehicle_count}]}}'\n"
	for add, want := range map[string]devices.LoRaWAN{
		"":                              {Version: "1.0.3", Class: "A"},
		"lorawan: {class: C}\n":         {Version: "1.0.3", Class: "C"},
		"lorawan: {version: 1.1.0}\n":   {Version: "1.1.0", Class: "A"},
		"lorawan: {version: '1.0.0'}\n": {Version: "1.0.0", Class: "A"},
	} {
		got, err := Load(fstest.MapFS{"x.yaml": {Data: []byte(text + add)}})
		if err != nil || got["x"].LoRaWAN != want {
			t.Errorf("%q is %+v (%v), want %+v", add, got["x"].LoRaWAN, err, want)
		}
	}
}
