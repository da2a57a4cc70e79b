package lorawan

import (
	"fmt"
	"testing"

	"github.com/brocaar/lorawan/band"
)

func TestADR(t *testing.T) {
	for _, k := range []kind{
		{"1.0.0", false, band.EU868, false}, {"1.0.2", false, band.EU868, true}, {"1.0.3", false, band.US915, false},
		{"1.0.4", true, band.EU868, false}, {"1.1.0", false, band.EU868, false}, {"1.1.0", false, band.US915, true},
	} {
		t.Run(k.String(), func(t *testing.T) {
			fastest, least := 5, 7
			if k.region == band.US915 {
				fastest, least = 3, 10
			}
			a := newAir(t, k, Config{StatusEvery: -1})
			if !k.abp {
				a.join()
			}
			// A device beside the gateway.
			a.snr = [2]float64{-10, 25}
			for range 12 {
				a.up(2, []byte{1}, false)
			}
			if a.dev.DR() != fastest || a.dev.TXPower() < least-3 || a.dev.NbTrans() != 1 {
				t.Errorf("strong signal: DR %d, power %d, %d transmissions; want DR %d, power about %d", a.dev.DR(), a.dev.TXPower(), a.dev.NbTrans(), fastest, least)
			}
			// Something is built between them: more power, but never by less
			// than twenty samples; the data rate is the device's to lower.
			before := a.dev.TXPower()
			a.snr = [2]float64{-10, -2}
			for range 19 {
				a.up(2, []byte{1}, false)
			}
			if a.dev.TXPower() != before {
				t.Errorf("power index from %d to %d after 19 samples", before, a.dev.TXPower())
			}
			for range 25 {
				a.up(2, []byte{1}, false)
			}
			if a.dev.TXPower() >= before || a.dev.DR() != fastest {
				t.Errorf("weak signal: DR %d, power %d, before %d", a.dev.DR(), a.dev.TXPower(), before)
			}
		})
	}
}

func TestTransmissions(t *testing.T) {
	for _, c := range []struct {
		every uint32 // of so many frames one arrives... in tenths
		now   uint8
		want  uint8
	}{{10, 1, 1}, {10, 3, 2}, {107, 2, 2}, {12, 1, 2}, {12, 2, 3}, {12, 3, 3}, {20, 1, 3}} {
		t.Run(fmt.Sprint(c.every, c.now), func(t *testing.T) {
			h := &history{}
			for i := range uint32(30) {
				fCnt := i * c.every / 10
				if c.every > 100 { // one frame in fifteen is missed
					fCnt = i + i/14
				}
				h.add(sample{fCnt: fCnt})
			}
			if got := h.transmissions(c.now); got != c.want {
				t.Errorf("%d transmissions, want %d", got, c.want)
			}
		})
	}
}

// A device that refuses power or data rate is not asked for it again.
func TestRefusedLink(t *testing.T) {
	a := settled(t, classA)
	s := a.net.devices[a.list[0].DevEUI].state.Active
	d := a.net.devices[a.list[0].DevEUI]
	for _, c := range []struct {
		bits            byte
		dr, power       uint8
		maxDR, maxPower uint8
		refused         bool
	}{
		{0b101, 5, 2, 4, 7, false}, {0b011, 4, 6, 4, 5, false}, {0b110, 4, 3, 4, 5, true}, {0b101, 0, 3, 4, 5, true},
	} {
		s.Asked, s.AskedLink, s.Refused = askLinkADR, Link{DR: c.dr, TXPower: c.power, NbTrans: 1}, 0
		before := s.Link
		a.net.linkAnswered(d, s, c.bits)
		if s.MaxDR != c.maxDR || s.MaxTXPower != c.maxPower || (s.Refused&askLinkADR != 0) != c.refused || s.Link != before || s.Asked != 0 {
			t.Errorf("%03b: at most DR %d and power %d, refused %v, link %+v", c.bits, s.MaxDR, s.MaxTXPower, s.Refused, s.Link)
		}
	}
}

// More power is asked for only when twenty frames in a row were sent with the
// same and none was heard well.
func TestMorePower(t *testing.T) {
	n := newNetwork(t)
	for _, c := range []struct {
		name    string
		samples int
		power   func(i int) uint8
		snr     float64
		want    uint8
	}{
		{"twenty weak ones", 20, func(int) uint8 { return 5 }, -10, 1},
		{"nineteen", 19, func(int) uint8 { return 5 }, -10, 5},
		{"one of them with less power", 20, func(i int) uint8 { return 5 + uint8(i/19) }, -10, 5},
		{"strong enough", 20, func(int) uint8 { return 5 }, 3, 5},
	} {
		h := &history{}
		for i := range c.samples {
			h.add(sample{uint32(i), c.snr, c.power(i)})
		}
		got := h.adapt(n, &Session{Link: Link{DR: 5, TXPower: 5, NbTrans: 1}, MaxDR: 5, MaxTXPower: 7})
		if got.TXPower != c.want || got.DR != 5 {
			t.Errorf("%s: %+v, want power %d", c.name, got, c.want)
		}
	}
}
