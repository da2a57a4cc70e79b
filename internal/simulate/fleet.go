package simulate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/uplink"
)

// kind is what a sensor measures.
type kind uint8

const (
	traffic kind = iota
	grid
	transformer
	road
	air
	home // the meter of a household, see homes
)

// kinds is what the kinds differ in.
var kinds = [...]struct {
	profile  string
	domain   uplink.Domain
	word     string // in the station's identifier
	interval time.Duration
}{
	traffic:     {"virtual-traffic", uplink.Traffic, "verkehr", time.Minute},
	grid:        {"virtual-grid", uplink.Energy, "netz", 5 * time.Minute},
	transformer: {"virtual-transformer", uplink.Energy, "trafo", 5 * time.Minute},
	road:        {"virtual-road", uplink.Road, "strasse", 5 * time.Minute},
	air:         {"virtual-air", uplink.Environment, "umwelt", 10 * time.Minute},
	home:        {"virtual-grid", uplink.Energy, "haushalt", 5 * time.Minute},
}

// mixture is what of every twenty sensors measures what: 40 % traffic, 20 %
// grid, 10 % transformers, 15 % road, 15 % air. The first five are of every
// kind.
var mixture = [20]kind{
	traffic, grid, road, air, transformer,
	traffic, grid, traffic, road, traffic,
	grid, traffic, air, transformer, traffic,
	traffic, road, grid, traffic, air,
}

// sensor is one virtual device: what it is and where, and its radio.
type sensor struct {
	index     int
	kind      kind
	device    devices.Device
	city      *city
	chance    noise         // all chance of this sensor is below it
	gateways  [2]int        // that hear it, the nearest first
	distance  [2]float64    // to them, m
	sf        int           // spreading factor, 7 to 10
	confirmed bool          // sends confirmed uplinks
	bakery    bool          // of a home: it takes as much as many
	phase     time.Duration // of its first uplink after the start
	batched   bool          // a frame of it is in a batch
	meter     meter
	node      node
}

// build returns the fleet of a seed. It is the same every time.
func build(seed uint64, n int) ([]*sensor, []*gateway) {
	cities := region()
	var gateways []*gateway
	first := make([]int, len(cities)) // index of each city's first gateway
	for c := range cities {
		first[c] = len(gateways)
		for m, mast := range cities[c].masts {
			for one := range perMast(n) {
				gateways = append(gateways, &gateway{
					index:  len(gateways),
					eui:    lorawan.EUI64{0x02, 'M', 'R', 0xff, 0xfe, byte(one), byte(c + 1), byte(m + 1)},
					place:  mast.Place,
					uptime: time.Duration(noise(seed).with(uint64(forRadio)).with(uint64(len(gateways))).unit() * float64(2*time.Hour)),
				})
			}
		}
	}
	sensors := make([]*sensor, n)
	count := map[[2]int]int{} // of city and kind
	for i := range sensors {
		c := (i + i/len(cities)) % len(cities)
		s := &sensor{
			index:  i,
			kind:   mixture[i%len(mixture)],
			city:   &cities[c],
			chance: noise(seed).with(uint64(forDevice)).with(uint64(i)),
		}
		nth := [2]int{c, int(s.kind)}
		s.device = s.describe(seed, count[nth])
		count[nth]++
		s.hear(gateways[first[c]:], perMast(n))
		s.sf = 7 + min(3, int(s.distance[0]/900))
		s.confirmed = i%20 == 7
		spread := min(kinds[s.kind].interval, time.Minute)
		s.phase = time.Duration(s.chance.with(1).unit() * float64(spread)).Truncate(time.Millisecond)
		s.node.personalise(s.device.Keys)
		sensors[i] = s
	}
	return sensors, gateways
}

// perMast is how many gateways stand on a mast, for a region of so many sensors.
// The law allows a gateway 1 % of an hour on the air at most frequencies, which
// is the answer to a few hundred joins, and all devices join at once.
func perMast(sensors int) int { return 1 + sensors/2500 }

// hear finds the two masts of the sensor's city that are nearest, and on each of
// them one of the gateways; those given begin with that city's.
func (s *sensor) hear(gateways []*gateway, perMast int) {
	var own []*gateway
	for m := range s.city.masts {
		own = append(own, gateways[m*perMast+s.index%perMast])
	}
	away := func(g *gateway) float64 { return metres(s.device.Place, g.place) }
	slices.SortStableFunc(own, func(a, b *gateway) int { return int(math.Round(away(a) - away(b))) })
	for i := range s.gateways {
		s.gateways[i], s.distance[i] = own[i].index, away(own[i])
	}
}

// describe returns what a registry is told of the sensor, the nth of its kind
// in its city. Its kind and its chance are known.
func (s *sensor) describe(seed uint64, nth int) devices.Device {
	chance := s.chance.with(2)
	places := s.city.places
	street := places[(nth+3*int(s.kind))%len(places)]
	round := nth / len(places) // how often the streets have been used up
	name := street.name
	if round > 0 {
		name = fmt.Sprintf("%s %d", street.name, 4+11*round)
	}
	angle := chance.with(1).between(0, 2*math.Pi)
	away := chance.with(2).between(10, 40+90*min(float64(round), 6))
	eui := uplink.EUI{0x02, 'M', 'R'} // locally administered
	binary.BigEndian.PutUint16(eui[3:], uint16(mix(seed)))
	eui[5], eui[6], eui[7] = byte(s.index>>16), byte(s.index>>8), byte(s.index)
	d := devices.Device{
		EUI:          eui,
		JoinEUI:      uplink.EUI{0x02, 'M', 'R', 0xff, 0xff, 0, 0, 1},
		Name:         s.kind.title(name, chance.with(3)),
		Station:      fmt.Sprintf("%s-%s-%03d", s.city.id, kinds[s.kind].word, nth+1),
		Municipality: s.city.id,
		Domain:       kinds[s.kind].domain,
		Profile:      kinds[s.kind].profile,
		Place:        moved(street.Place, away*math.Cos(angle), away*math.Sin(angle)),
		Visibility:   devices.Public,
		Keys:         keys(s.chance.with(uint64(forKeys)), s.index),
	}
	d.District = s.city.district(d.Place)
	switch s.kind {
	case traffic:
		// A road has the name of its town: every town has a Bahnhofstraße.
		d.Road, d.Variables = street.name+", "+s.city.name, map[string]string{"free_speed": fmt.Sprint(s.limit())}
	case road:
		d.Road = street.name + ", " + s.city.name
	case transformer:
		_, rating := s.substation()
		d.Variables = map[string]string{"rated_power": fmt.Sprint(rating)}
	}
	return d
}

// district returns the part of the town whose middle is nearest.
func (c *city) district(p devices.Place) string {
	return slices.MinFunc(c.districts, func(a, b place) int { return cmp.Compare(metres(a.Place, p), metres(b.Place, p)) }).name
}

// title names a station for people.
func (k kind) title(street string, chance noise) string {
	switch k {
	case traffic:
		if inbound(chance) {
			return street + ", Richtung Innenstadt"
		}
		return street + ", stadtauswärts"
	case grid:
		return fmt.Sprintf("Ortsnetzstation %s, Abgang %d", street, 1+int(chance.unit()*6))
	case transformer:
		return "Transformator " + street
	case road:
		return "Fahrbahn " + street
	case home:
		return "Haushalt " + street
	default:
		return "Messstation " + street
	}
}

// inbound says which way the traffic flows; chance is that of the name.
func inbound(chance noise) bool { return chance.unit() < 0.5 }

// keys returns what the device proves itself with: 3 % are personalised, the
// others join over the air.
func keys(chance noise, index int) devices.Keys {
	if index%33 != 16 {
		return devices.Keys{AppKey: key(chance.with(1))}
	}
	k := devices.Keys{NwkSKey: key(chance.with(2)), AppSKey: key(chance.with(3))}
	binary.BigEndian.PutUint32(k.DevAddr[:], uint32(chance.with(4))&0x01ff_ffff) // NetID 0: experimental
	return k
}

func key(chance noise) (k devices.Key) {
	binary.BigEndian.PutUint64(k[:8], uint64(chance.with(1)))
	binary.BigEndian.PutUint64(k[8:], uint64(chance.with(2)))
	return k
}
