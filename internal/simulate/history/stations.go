package history

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"modellregion/devices"
	"modellregion/opendata/derived"
	"modellregion/uplink"
)

const (
	// Prefix is what the ids of all invented stations and of their profiles
	// begin with, and of no others.
	Prefix = "historie-"

	// Edge is the name of the edge that serves the devices: none has it.
	Edge = "historie"

	// Owner is whose the devices are, for the operator.
	Owner = "modellregion simulate history"
)

// euis are the first bytes of all DevEUIs. RFC 7042 §2.2.3 has 256 for
// documentation, 00-00-5E-EF-10-00-00-00 and up; these have beside it the bit
// that says "locally administered" (IEEE 802c), which no maker's has.
var euis = [5]byte{0x02, 0x00, 0x5e, 0xef, 0x10}

// EUIs is the beginning of every DevEUI of an invented station, as digits.
const EUIs = "02005eef10"

// Ours reports whether a device is one of an invented station.
func Ours(d *devices.Device) bool {
	return [5]byte(d.EUI[:5]) == euis && d.Edge == Edge && strings.HasPrefix(d.Station, Prefix) && strings.HasPrefix(d.Profile, Prefix)
}

// allEvery is how many stations there are for one of each kind that measures
// everything.
const allEvery = 15 * len(mixed)

func (g *Generator) station(i int, k *kind, number int, full bool) station {
	id := fmt.Sprintf("%s%s-%03d", Prefix, k.word, number+1)
	own := g.seed.text(id)
	nature := own.with(forNature)
	s := station{kind: k, nature: nature, course: own.with(forCourse), gaps: own.with(forGaps), municipality: number % len(g.municipalities)}
	inKind := 0 // of the same kind in a round of allEvery
	for _, other := range mixed {
		if &g.kinds[other] == k {
			inKind++
		}
	}
	s.all = full || number%(inKind*allEvery/len(mixed)) == 0
	s.series = k.one[number%len(k.one)]
	if s.all {
		s.series = k.all
	}
	for j := range s.series {
		s.chance = append(s.chance, own.with(forReading).text(s.series[j].Name).text(s.series[j].channel))
	}
	at := &g.municipalities[s.municipality]
	place := own.with(forPlace)
	north, east := place.with(1).bell(), place.with(2).bell()
	s.Station = devices.Station{
		ID: id, Name: fmt.Sprintf("%s %d (erfunden)", k.de, number+1), Municipality: at.ID, Domain: k.domain,
		District: quarterOf(north, east), Place: moved(at.Centre, 1200*north, 1200*east),
	}
	if k.domain == uplink.Traffic || k.domain == uplink.Road {
		s.Road = fmt.Sprintf("Erfundene Straße %d", number%25+1)
	}
	s.invent()
	return s
}

// invent says what the surroundings of a station are like.
func (s *station) invent() {
	n := s.nature
	s.busy = n.with(20).between(0.5, 1.5)
	s.heavy = n.with(21).between(0.03, 0.08)
	switch s.kind.domain {
	case uplink.Traffic:
		s.size = n.with(22).between(450, 1_150)
		s.limit = [...]float64{30, 50, 50, 50, 70}[int(n.with(23).unit()*5)]
	case uplink.Energy:
		s.size = math.Round(n.with(22).between(140, 420))
		s.limit = 250
		if s.size > 220 {
			s.limit = 400
		}
		s.roofs = s.size * n.with(24).between(0, 1.1)
		for i := range s.phases {
			s.phases[i] = n.with(uint64(25+i)).between(0.85, 1.15)
		}
	}
}

// quarterOf names the district, which no real one may share: what is grouped
// by it would take both together.
func quarterOf(north, east float64) string {
	name := "Mitte"
	switch {
	case math.Hypot(north, east) < 0.7:
	case math.Abs(north) > math.Abs(east) && north > 0:
		name = "Nord"
	case math.Abs(north) > math.Abs(east):
		name = "Süd"
	case east > 0:
		name = "Ost"
	default:
		name = "West"
	}
	return name + " (erfunden)"
}

// moved returns p shifted by so many metres.
func moved(p devices.Place, north, east float64) devices.Place {
	const metresPerDegree = 111_195 // of latitude
	round := func(v float64) float64 { return math.Round(v*1e5) / 1e5 }
	return devices.Place{
		Lat: round(p.Lat + north/metresPerDegree),
		Lon: round(p.Lon + east/(metresPerDegree*math.Cos(p.Lat*math.Pi/180))),
	}
}

// Devices returns what makes a registry show the stations: public devices that
// are in use, of an edge that there is not, so that none is ever served. Their
// keys follow from the seed and open nothing.
func (g *Generator) Devices() []devices.Device {
	out := make([]devices.Device, len(g.stations))
	for i := range g.stations {
		s := &g.stations[i]
		d := devices.Device{
			EUI: uplink.EUI(append(euis[:], byte(i>>16), byte(i>>8), byte(i))), Name: s.Name, Station: s.ID, Municipality: s.Municipality,
			Domain: s.Domain, Profile: s.kind.profileID(), Edge: Edge, Place: s.Place, District: s.District, Road: s.Road,
			Visibility: devices.Public, Owner: Owner,
		}
		key := g.seed.with(forKeys).with(uint64(i))
		binary.BigEndian.PutUint64(d.Keys.AppKey[:8], uint64(key.with(1)))
		binary.BigEndian.PutUint64(d.Keys.AppKey[8:], uint64(key.with(2)))
		for _, fact := range []string{derived.FreeSpeed, derived.RatedPower} {
			if v, ok := s.facts(fact); ok {
				d.Variables = map[string]string{fact: strconv.FormatFloat(v, 'f', -1, 64)}
			}
		}
		out[i] = d
	}
	return out
}

func (k *kind) profileID() string { return Prefix + k.word }

// Profiles returns the profiles of the devices as YAML. Their interval is 20
// years: nobody waits for what such a device says, so that none is shown as
// silent.
func Profiles() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, fmt.Sprintf(`# Of stations that there are not: modellregion simulate history invents what they measured.
id: %s
name: %s (erfunden)
vendor: Modellregion
source: internal/simulate/history/series.go
domain: %s
interval: 175320h
codec: {kind: cayenne-lpp, map: [{path: temperature_1, quantity: device_temperature}]}
examples:
  - {name: "by hand: 27.2 °C", port: 1, hex: "01 67 0110", readings: [{quantity: device_temperature, value: 27.2}]}
`, k.profileID(), k.de, k.domain))
	}
	return out
}

// ProfileIDs returns the ids of Profiles.
func ProfileIDs() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.profileID())
	}
	return out
}
