package simulate

import (
	"reflect"
	"regexp"
	"slices"
	"testing"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/devices/profiles"
)

func TestBuild(t *testing.T) {
	station := regexp.MustCompile(`^(aachen|gelsenkirchen|paderborn|soest|wuppertal)-(verkehr|netz|trafo|strasse|umwelt)-\d{3}$`)
	for _, n := range []int{1, 2, 5, 20, 33, 200, 1000} {
		sensors, gateways := build(1, n)
		seen := map[any]bool{}
		once := func(what any) {
			if seen[what] {
				t.Errorf("%d sensors: %v twice", n, what)
			}
			seen[what] = true
		}
		cities, kinds := map[string]int{}, map[kind]int{}
		abp, confirmed := 0, 0
		for _, s := range sensors {
			d := s.device
			once(d.EUI)
			once(d.Station)
			once(d.Place)
			once(d.Municipality + d.Name)
			once(d.Keys)
			if !station.MatchString(d.Station) {
				t.Errorf("station %s", d.Station)
			}
			if away := metres(d.Place, s.city.places[0].Place); away > 9_000 {
				t.Errorf("%s is %.0f m from %s", d.Station, away, s.city.places[0].name)
			}
			if gateways[s.gateways[0]] == gateways[s.gateways[1]] || s.distance[0] > s.distance[1] {
				t.Errorf("%s is heard by %v at %v m", d.Station, s.gateways, s.distance)
			}
			if s.sf < 7 || s.sf > 10 || d.Visibility != devices.Public || d.Keys.OTAA() == d.Keys.ABP() {
				t.Errorf("%+v", d)
			}
			cities[d.Municipality]++
			kinds[s.kind]++
			if d.Keys.ABP() {
				abp++
			}
			if s.confirmed {
				confirmed++
			}
		}
		if n >= 5 && (len(cities) != 5 || len(kinds) != 5) {
			t.Errorf("%d sensors are in %v and measure %v", n, cities, kinds)
		}
		if n == 1000 {
			if !reflect.DeepEqual(kinds, map[kind]int{traffic: 400, grid: 200, transformer: 100, road: 150, air: 150}) {
				t.Errorf("mixture %v", kinds)
			}
			if abp != 30 || confirmed != 50 {
				t.Errorf("%d personalised and %d confirmed, want 30 and 50", abp, confirmed)
			}
		}
	}
	a, _ := build(1, 50)
	b, _ := build(1, 50)
	c, _ := build(2, 50)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed gave two fleets")
	}
	if a[7].device.EUI == c[7].device.EUI || a[7].device.Keys == c[7].device.Keys {
		t.Error("two seeds gave the same device")
	}
}

// What the platform's profiles make of a payload is what the ledger says.
func TestProfiles(t *testing.T) {
	shipped, err := profiles.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	sensors, _ := build(3, 20)
	w := testWorld(t)
	for _, s := range sensors {
		p, ok := shipped[s.device.Profile]
		if !ok {
			t.Fatalf("profile %s is missing", s.device.Profile)
		}
		if p.Domain != s.device.Domain || p.Interval != kinds[s.kind].interval {
			t.Errorf("profile %s is for %s every %s", p.ID, p.Domain, p.Interval)
		}
		decoder, err := codec.Compile(p.Codec)
		if err != nil {
			t.Fatal(err)
		}
		f := formats[s.kind]
		if f.size() > 51 {
			t.Errorf("%s: %d bytes do not fit SF10", p.ID, f.size())
		}
		for n := range uint32(200) {
			payload := w.sample(s, n, january.Add(kinds[s.kind].interval*91), january)
			if n > 100 { // and what no sensor would send
				for i := range payload {
					payload[i] = byte(s.chance.with(uint64(n)).with(uint64(i)))
				}
			}
			want := f.readings(payload)
			var out codec.Output
			if err := decoder.Decode(&codec.Input{Port: f.port, Payload: payload}, &out); err != nil {
				t.Fatal(err)
			}
			got := out.Readings
			if len(got) != len(want) {
				t.Fatalf("%s: %d readings, want %d", p.ID, len(got), len(want))
			}
			for i := range got {
				if got[i].Quantity.Name != want[i].Quantity || got[i].Channel != want[i].Channel || got[i].Value != want[i].Value {
					t.Errorf("%s: %x: %s %s is %v, the ledger says %+v", p.ID, payload, got[i].Quantity.Name, got[i].Channel, got[i].Value, want[i])
				}
			}
		}
	}
}

// No gateway has more devices than it may answer within an hour, in which all of
// them join: a large region would never begin otherwise.
func TestGatewaysGrow(t *testing.T) {
	for _, n := range []int{200, 2499, 2500, 20_000} {
		sensors, gateways := build(1, n)
		devices := make([]int, len(gateways))
		for _, s := range sensors {
			if !s.node.joined {
				devices[s.gateways[0]]++
			}
			if len(s.city.masts) > 1 && gateways[s.gateways[0]].place == gateways[s.gateways[1]].place {
				t.Errorf("%s is heard by two gateways of one mast", s.device.Station)
			}
		}
		if most := slices.Max(devices); most > 400 {
			t.Errorf("%d sensors: %d devices join at one gateway", n, most)
		}
	}
}
