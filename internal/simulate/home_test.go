package simulate

import (
	"testing"

	"modellregion/devices"
)

// Households are known to nobody but the operator, in groups of which one is
// too small.
func TestHomes(t *testing.T) {
	sensors, gateways := build(1, 20)
	stations, users, groups := map[string]bool{}, map[string]bool{}, map[string]int{}
	w := testWorld(t)
	for i, s := range homes(1, len(sensors), gateways) {
		d := s.device
		if s.index != len(sensors)+i || d.Visibility != devices.Internal || d.District == "" || gateways[s.gateways[0]] == gateways[s.gateways[1]] {
			t.Errorf("%+v", d)
		}
		stations[d.Station], users[d.Connection] = true, true
		groups[d.Group]++
		stand := func(n uint32) float64 {
			return formats[home].readings(w.sample(s, n, january.Add(kinds[home].interval*91), january))[10].Value
		}
		if day := stand(288) - stand(0); day < 2_000 || day > 40_000 && !s.bakery || day < 100_000 && s.bakery {
			t.Errorf("%s takes %v Wh a day", d.Station, day)
		}
	}
	if len(stations) != 60 || len(users) != 60 || len(groups) != 5 || groups["pontviertel"] != 3 {
		t.Errorf("%d stations of %d users in %v", len(stations), len(users), groups)
	}
	for _, s := range sensors {
		d := s.device
		if d.Connection != "" || d.District == "" || (d.Road != "") != (s.kind == traffic || s.kind == road) ||
			(d.Variables["free_speed"] != "") != (s.kind == traffic) || (d.Variables["rated_power"] != "") != (s.kind == transformer) {
			t.Errorf("%+v", d)
		}
		for _, f := range devices.Facts() {
			if text := d.Variables[f.Name]; text != "" {
				if _, err := f.Parse(text); err != nil {
					t.Errorf("%s: %v", d.Station, err)
				}
			}
		}
	}
}
