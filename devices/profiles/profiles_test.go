package profiles

import (
	"strings"
	"testing"
	"testing/fstest"
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
			if _, ok := got["good"]; !ok {
				t.Error("the good profile is missing")
			}
		})
	}
}
