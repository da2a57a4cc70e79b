package simulate

import (
	"fmt"
	"time"

	"modellregion/devices"
)

// neighbourhoods are the groups of households of the region: two large enough
// for hours, one for days, one with a bakery that takes most of it, so that it
// is suppressed, and one too small to be named at all.
var neighbourhoods = []struct {
	city, group, name string
	households        int
	bakery            bool // the first is one
}{
	{"paderborn", "riemekeviertel", "Riemekeviertel", 30, false},
	{"wuppertal", "oelberg", "Ölberg", 14, false},
	{"soest", "altstadt-soest", "Altstadt", 7, false},
	{"gelsenkirchen", "buer", "Buer", 6, true},
	{"aachen", "pontviertel", "Pontviertel", 3, false},
}

// homes returns the meters of the neighbourhoods, as sensors from number first
// on of a fleet with these gateways. They are internal: only what groups of
// them consume may become public.
func homes(seed uint64, first int, gateways []*gateway) []*sensor {
	var out []*sensor
	cities, each := region(), perMast(first)
	for _, hood := range neighbourhoods {
		before := 0
		for c := range cities {
			if cities[c].id == hood.city {
				for nth := range hood.households {
					out = append(out, newHome(seed, first+len(out), &cities[c], gateways[before:], each, hood.group, hood.name, nth))
					out[len(out)-1].bakery = hood.bakery && nth == 0
				}
			}
			before += len(cities[c].masts) * each
		}
	}
	return out
}

func newHome(seed uint64, index int, c *city, gateways []*gateway, perMast int, group, name string, nth int) *sensor {
	s := &sensor{index: index, kind: home, city: c, chance: noise(seed).with(uint64(forDevice)).with(uint64(index))}
	d := s.describe(seed, nth)
	d.Name = fmt.Sprintf("Haushalt %s %d", name, nth+1)
	d.Visibility = devices.Internal
	d.Connection, d.Group = fmt.Sprintf("%s-%03d", group, nth+1), group
	s.device = d
	s.hear(gateways, perMast)
	s.sf = 7 + min(3, int(s.distance[0]/900))
	s.phase = time.Duration(s.chance.with(1).unit() * float64(time.Minute)).Truncate(time.Millisecond)
	s.node.personalise(d.Keys)
	return s
}
