package basicstation

import (
	"encoding/json"
	"slices"
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

// A gateway listens where the devices of the band are told to send: channels
// by hand, from RP002-1.0.3 §2.4 and §2.5, and none of radio.Band is missing.
func TestPlanChannels(t *testing.T) {
	tests := map[band.Name]struct {
		first, last uint32 // of eight, 200 kHz apart
		wide        channel
		dr          int // of the wide channel
		fsk         uint32
	}{
		band.EU868: {867_100_000, 868_500_000, channel{868_300_000, radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 250}}, 6, 868_800_000},
		band.US915: {903_900_000, 905_300_000, channel{904_600_000, radio.DataRate{SpreadingFactor: 8, BandwidthKHz: 500}}, 4, 0},
	}
	for name, tt := range tests {
		p, err := newPlan(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []uint32
		for f := tt.first; f <= tt.last; f += 200_000 {
			want = append(want, f)
		}
		if !slices.Equal(p.channels, want) || p.wide != tt.wide || p.fsk != tt.fsk {
			t.Errorf("%s: channels %d, %+v, FSK %d, want %d, %+v, FSK %d", name, p.channels, p.wide, p.fsk, want, tt.wide, tt.fsk)
		}
		if rate, err := p.dataRate(tt.dr); err != nil || rate != p.wide.rate {
			t.Errorf("%s: wide channel is %+v, want %+v (%v)", name, p.wide.rate, rate, err)
		}
		b, err := radio.Band(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range b.GetEnabledUplinkChannelIndices() {
			if c, err := b.GetUplinkChannel(i); err != nil || !slices.Contains(p.channels, c.Frequency) && c.Frequency != p.wide.freq {
				t.Errorf("%s: channel %d on %d Hz is not heard (%v)", name, i, c.Frequency, err)
			}
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
