package load

import (
	"encoding/binary"
	"math"
	"time"

	"modellregion/uplink"
)

// plan says which device sends what: everything that follows from a Config
// without the clock. Edge i serves the devices i, i+edges, i+2·edges …, which
// send in turn, so that the sequence number says which uplink of which device
// it is.
type plan struct {
	seed    uint64
	edges   int
	devices int
}

// newPlan returns the plan of a Config that has its defaults. The formats have
// devices of their own, for a device belongs to one edge or source.
func newPlan(cfg *Config) plan {
	p := plan{seed: cfg.Seed, edges: len(cfg.Names), devices: cfg.Devices}
	if cfg.Format == ChirpStack {
		p.seed = mix(^p.seed)
	}
	return p
}

// mix is the finaliser of SplitMix64: every bit of x changes half the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// chance returns a number that the seed, the use and the rest fix.
func (p *plan) chance(use, x uint64) uint64 { return mix(mix(mix(p.seed)^use) ^ x) }

// What chance is used for; each use has numbers of its own.
const (
	forEUI uint64 = iota + 1
	forKeys
	forPlace
	forShift
	forRadio
	forServer
	forValues // and one more for each quantity
)

// unit turns a chance into a number in [0, 1).
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// served returns how many devices an edge serves.
func (p *plan) served(edge int) int { return (p.devices - edge + p.edges - 1) / p.edges }

// of returns the device that sends the uplink with that sequence number, and
// the number of the uplink among the device's own, from 0.
func (p *plan) of(edge int, seq uint64) (device int, n uint64) {
	k := uint64(p.served(edge))
	return edge + p.edges*int((seq-1)%k), (seq - 1) / k
}

// seq is the inverse of of.
func (p *plan) seq(device int, n uint64) (edge int, seq uint64) {
	edge = device % p.edges
	return edge, n*uint64(p.served(edge)) + uint64(device/p.edges) + 1
}

// share returns how many of so many uplinks in total are an edge's, when the
// devices send in turn.
func (p *plan) share(edge int, total uint64) uint64 {
	all := uint64(p.devices)
	share := total / all * uint64(p.served(edge))
	if rest := int(total % all); rest > edge {
		share += uint64((rest - edge + p.edges - 1) / p.edges)
	}
	return share
}

// eui of a device: locally administered, so that it is nobody's.
func (p *plan) eui(device int) uplink.EUI {
	e := p.prefix()
	binary.BigEndian.PutUint32(e[4:], uint32(device))
	return e
}

// gateway is the EUI of the gateway that an edge hears its devices by.
func (p *plan) gateway(edge int) uplink.EUI {
	e := p.prefix()
	binary.BigEndian.PutUint32(e[4:], 0xff00_0000|uint32(edge)) // above all devices
	return e
}

func (p *plan) prefix() (e uplink.EUI) {
	binary.BigEndian.PutUint32(e[:], uint32(p.chance(forEUI, 0)))
	e[0] = 0x02
	return e
}

// quantity is what a device measures: a wave around a level of the device's
// own, in steps of the whole numbers that its payload holds.
type quantity struct {
	name      string
	divide    float64 // value = whole number / divide
	low, high float64 // of the level
	amplitude float64
	period    time.Duration
}

// quantities are in the order of the payload, two bytes each. The steepest of
// them changes by 0.09 a minute, and by a step or two more where its numbers
// are rounded.
var quantities = [...]quantity{
	{"air_temperature", 100, -5, 25, 8, 24 * time.Hour},
	{"relative_humidity", 100, 45, 75, 20, 24 * time.Hour},
	{"air_pressure", 10, 980, 1020, 6, 5 * 24 * time.Hour},
	{"pm2_5", 10, 10, 30, 8, 12 * time.Hour},
}

// sample is the whole numbers of a device's uplink.
type sample [len(quantities)]int

// sample returns what the device's uplink number n, at that time in Unix
// milliseconds, says. From one uplink to the next every number changes, for
// even ones follow odd ones, and by as little as the wave allows.
func (p *plan) sample(device int, n uint64, at int64) (s sample) {
	parity := float64(n & 1)
	for i := range quantities {
		q := &quantities[i]
		c := p.chance(forValues+uint64(i), uint64(device))
		period := q.period.Milliseconds()
		phase := float64((at%period+period)%period)/float64(period) + unit(mix(c))
		x := (q.low + (q.high-q.low)*unit(c) + q.amplitude*math.Sin(2*math.Pi*phase)) * q.divide
		s[i] = int(2*math.Round((x-parity)/2) + parity)
	}
	return s
}

// value is what the payload says of quantity i.
func (s *sample) value(i int) float64 { return float64(s[i]) / quantities[i].divide }

// payload appends the sample as the profile load describes it.
func (s *sample) payload(dst []byte) []byte {
	for _, v := range s {
		dst = binary.BigEndian.AppendUint16(dst, uint16(v))
	}
	return dst
}

// readings appends the sample as readings.
func (s *sample) readings(dst []uplink.Reading) []uplink.Reading {
	for i := range s {
		dst = append(dst, uplink.Reading{Quantity: quantities[i].name, Value: s.value(i)})
	}
	return dst
}
