package basicstation

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
)

func TestRouterConfig(t *testing.T) {
	// Channels, offsets and numbers of data rates by hand, from RP002-1.0.3
	// §2.4 and the reference design of an eight-channel gateway.
	const want = `{"msgtype":"router_config","NetID":null,"JoinEui":null,"region":"EU863","hwspec":"sx1301/1",` +
		`"freq_range":[863000000,870000000],` +
		`"DRs":[[12,125,0],[11,125,0],[10,125,0],[9,125,0],[8,125,0],[7,125,0],[7,250,0],[0,0,0],` +
		`[-1,0,0],[-1,0,0],[-1,0,0],[-1,0,0],[-1,0,0],[-1,0,0],[-1,0,0],[-1,0,0]],` +
		`"sx1301_conf":[{` +
		`"chan_FSK":{"enable":true,"radio":1,"if":300000,"bandwidth":125000,"datarate":50000},` +
		`"chan_Lora_std":{"enable":true,"radio":1,"if":-200000,"bandwidth":250000,"spread_factor":7},` +
		`"chan_multiSF_0":{"enable":true,"radio":0,"if":-400000},` +
		`"chan_multiSF_1":{"enable":true,"radio":0,"if":-200000},` +
		`"chan_multiSF_2":{"enable":true,"radio":0,"if":0},` +
		`"chan_multiSF_3":{"enable":true,"radio":0,"if":200000},` +
		`"chan_multiSF_4":{"enable":true,"radio":0,"if":400000},` +
		`"chan_multiSF_5":{"enable":true,"radio":1,"if":-400000},` +
		`"chan_multiSF_6":{"enable":true,"radio":1,"if":-200000},` +
		`"chan_multiSF_7":{"enable":true,"radio":1,"if":0},` +
		`"radio_0":{"enable":true,"freq":867500000},` +
		`"radio_1":{"enable":true,"freq":868500000}}],` +
		`"MuxTime":1795428000.125}`
	p, err := newPlan("")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(p.routerConfig(time.Date(2026, 11, 23, 10, 0, 0, 125e6, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A gateway listens where the devices of the band are told to send.
func TestPlanChannels(t *testing.T) {
	tests := map[band.Name]struct {
		channels []int // of the band
		wide     int   // of the band, -1: none
		dr       int   // of the wide channel
	}{
		band.EU868: {[]int{0, 1, 2}, -1, 6},
		band.US915: {[]int{8, 9, 10, 11, 12, 13, 14, 15}, 65, 4},
	}
	for name, tt := range tests {
		p, err := newPlan(name)
		if err != nil {
			t.Fatal(err)
		}
		heard := map[uint32]bool{}
		for _, f := range p.channels {
			heard[f] = true
		}
		if len(heard) != 8 {
			t.Errorf("%s: %d channels, want 8", name, len(heard))
		}
		for _, i := range tt.channels {
			c, err := p.band.GetUplinkChannel(i)
			if err != nil || !heard[c.Frequency] {
				t.Errorf("%s: channel %d on %d Hz is not heard (%v)", name, i, c.Frequency, err)
			}
		}
		if tt.wide >= 0 {
			if c, err := p.band.GetUplinkChannel(tt.wide); err != nil || c.Frequency != p.wide.freq {
				t.Errorf("%s: wide channel on %d Hz, want %d (%v)", name, p.wide.freq, c.Frequency, err)
			}
		}
		if rate, err := p.dataRate(tt.dr); err != nil || rate != p.wide.rate {
			t.Errorf("%s: wide channel is %+v, want %+v (%v)", name, p.wide.rate, rate, err)
		}
		for key, v := range p.routerConfig(time.Now()).SX1301[0] {
			// A radio hears about 925 kHz around its centre.
			if c, ok := v.(ifChain); ok && (c.IF < -400_000 || c.IF > 400_000) {
				t.Errorf("%s: %s is %d Hz from its radio's centre", name, key, c.IF)
			}
		}
	}
	if _, err := newPlan(band.KR920); err == nil {
		t.Error("a band without a plan was accepted")
	}
}

// In US915 the same modulation has one number for uplinks and one for
// downlinks.
func TestPlanDirections(t *testing.T) {
	p, err := newPlan(band.US915)
	if err != nil {
		t.Fatal(err)
	}
	c := p.routerConfig(time.Now())
	if c.DRs[4] != [3]int{8, 500, 0} || c.DRs[12] != [3]int{8, 500, 1} || c.DRs[5] != [3]int{-1, 0, 0} || c.Region != "US902" {
		t.Errorf("got %+v of %s", c.DRs, c.Region)
	}
	for range 20 { // the band looks it up in a map
		if dr, err := p.downlinkDR(radio.DataRate{SpreadingFactor: 8, BandwidthKHz: 500}); err != nil || dr != 12 {
			t.Fatalf("SF8BW500 down is %d, %v, want 12", dr, err)
		}
	}
	if dr, err := p.downlinkDR(radio.DataRate{SpreadingFactor: 10, BandwidthKHz: 125}); err == nil {
		t.Errorf("SF10BW125 down is %d, want an error", dr)
	}
}
