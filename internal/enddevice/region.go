package enddevice

import (
	"fmt"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
)

// region is the radio plan of a region as a device has it.
type region struct {
	plan         band.Band
	version      string // of the protocol, which the tables depend on
	fixed        bool   // channels can be switched on and off, not defined
	maxChannels  int
	defaultCount int    // the first channels, which cannot be redefined
	minHz, maxHz uint32 // of all channels, up and down
	maxPower     int    // index of the lowest power
}

// params is what the network may set of a device's radio.
type params struct {
	channels    []channel
	lastChannel int // of the last uplink; the next is on one after it
	dr          int
	power       int // index
	nbTrans     int

	rx1Delay  time.Duration
	rx1Offset int
	rx2Hz     uint32
	rx2DR     int

	dutyCycle          uint8
	ackLimit, ackDelay int
}

// channel is an uplink channel. It is undefined when upHz is 0.
type channel struct {
	upHz, downHz uint32 // downHz: of RX1 in plans where channels can be defined
	minDR, maxDR int
	enabled      bool
}

func newRegion(cfg Config, v version) (region, error) {
	name := cfg.Band
	if name == "" {
		name = band.EU868
	}
	plan, err := band.GetConfig(name, false, lorawan.DwellTimeNoLimit)
	if err != nil {
		return region{}, fmt.Errorf("radio plan %s: %w", name, err)
	}
	r := region{plan: plan, version: cfg.Version}
	switch name {
	case band.EU868:
		r.maxChannels, r.defaultCount = 16, 3
		r.minHz, r.maxHz = 863_000_000, 870_000_000
		r.maxPower = 7
		if v < v102 {
			r.maxPower = 5 // six steps from 20 to 2 dBm, LoRaWAN 1.0.1 §7.1.3
		}
	case band.US915:
		r.fixed, r.maxChannels, r.defaultCount = true, 72, 72
		r.minHz, r.maxHz = 902_000_000, 928_000_000
		r.maxPower = 10
	default:
		return region{}, fmt.Errorf("radio plan %s: want %s or %s", name, band.EU868, band.US915)
	}
	return r, nil
}

// defaults returns the parameters that a device starts and joins with.
func (r region) defaults() params {
	def := r.plan.GetDefaults()
	p := params{
		channels:    make([]channel, r.maxChannels),
		lastChannel: -1,
		nbTrans:     1,
		rx1Delay:    def.ReceiveDelay1,
		rx2Hz:       def.RX2Frequency,
		rx2DR:       def.RX2DataRate,
		ackLimit:    64, // ADR_ACK_LIMIT and ADR_ACK_DELAY are the same in all regions
		ackDelay:    32,
	}
	for i := range r.defaultCount {
		c, err := r.plan.GetUplinkChannel(i)
		if err != nil {
			break // the plan has fewer
		}
		p.channels[i] = channel{upHz: c.Frequency, downHz: c.Frequency, minDR: c.MinDR, maxDR: c.MaxDR, enabled: true}
	}
	return p
}

// rate returns what a data rate means. It is false for one that the region
// does not have and for LR-FHSS, which this device's radio cannot.
func (r region) rate(dr int) (radio.DataRate, bool) {
	b, err := r.plan.GetDataRate(dr)
	if err != nil || b.Modulation == band.LRFHSSModulation {
		return radio.DataRate{}, false
	}
	return radio.DataRate{SpreadingFactor: b.SpreadFactor, BandwidthKHz: b.Bandwidth, BitRate: b.BitRate}, true
}

// index returns the data rate's index, which for the same modulation may be
// another for uplinks than for downlinks.
func (r region) index(uplink bool, rate radio.DataRate) (int, bool) {
	b := band.DataRate{Modulation: band.LoRaModulation, SpreadFactor: rate.SpreadingFactor, Bandwidth: rate.BandwidthKHz}
	if rate.BitRate != 0 {
		b = band.DataRate{Modulation: band.FSKModulation, BitRate: rate.BitRate}
	}
	dr, err := r.plan.GetDataRateIndex(uplink, b)
	return dr, err == nil
}

// has tells whether the region has that data rate in that direction.
func (r region) has(uplink bool, dr int) bool {
	rate, ok := r.rate(dr)
	if !ok {
		return false
	}
	got, ok := r.index(uplink, rate)
	return ok && got == dr
}

// allows tells whether an enabled channel allows the data rate.
func (r region) allows(channels []channel, dr int) bool {
	if !r.has(true, dr) {
		return false
	}
	for _, c := range channels {
		if c.enabled && c.minDR <= dr && dr <= c.maxDR {
			return true
		}
	}
	return false
}

// fit returns dr, or the nearest below that an enabled channel allows, or the
// nearest above; false when there is none.
func (r region) fit(channels []channel, dr int) (int, bool) {
	for i := dr; i >= 0; i-- {
		if r.allows(channels, i) {
			return i, true
		}
	}
	for i := dr + 1; i <= 15; i++ {
		if r.allows(channels, i) {
			return i, true
		}
	}
	return 0, false
}

// inBand tells whether a device may tune to the frequency.
func (r region) inBand(hz uint32) bool { return r.minHz <= hz && hz <= r.maxHz }

// next returns the enabled channel after last that allows the data rate, so
// that uplinks go over all of them in turn.
func (r region) next(channels []channel, last, dr int) (int, bool) {
	if !r.allows(channels, dr) {
		return 0, false
	}
	for n := 1; n <= len(channels); n++ {
		i := (last + n + len(channels)) % len(channels)
		if c := channels[i]; c.enabled && c.minDR <= dr && dr <= c.maxDR {
			return i, true
		}
	}
	return 0, false
}

// rx1 returns frequency and data rate of the first window after an uplink.
func (r region) rx1(channels []channel, i, dr, offset int) (radio.Window, error) {
	w := radio.Window{FreqHz: channels[i].downHz}
	if r.fixed {
		down, err := r.plan.GetRX1ChannelIndexForUplinkChannelIndex(i)
		if err != nil {
			return w, fmt.Errorf("RX1 of channel %d: %w", i, err)
		}
		c, err := r.plan.GetDownlinkChannel(down)
		if err != nil {
			return w, fmt.Errorf("RX1 of channel %d: %w", i, err)
		}
		w.FreqHz = c.Frequency
	}
	down, err := r.plan.GetRX1DataRateIndex(dr, offset)
	if err != nil {
		return w, fmt.Errorf("RX1 of DR%d with offset %d: %w", dr, offset, err)
	}
	var ok bool
	if w.DataRate, ok = r.rate(down); !ok {
		return w, fmt.Errorf("RX1 of DR%d with offset %d: DR%d is unknown", dr, offset, down)
	}
	return w, nil
}

// hasOffset tells whether RX1DROffset is one that the region's table has.
func (r region) hasOffset(offset int) bool {
	_, err := r.plan.GetRX1DataRateIndex(0, offset)
	return err == nil
}

// maxMACPayload returns the longest MACPayload at a data rate in bytes (M in
// the regional parameters): all between the first byte of a frame and its MIC.
func (r region) maxMACPayload(dr int) (int, error) {
	size, err := r.plan.GetMaxPayloadSizeForDataRateIndex(r.version, "", dr)
	if err != nil {
		return 0, fmt.Errorf("longest payload of DR%d: %w", dr, err)
	}
	return size.M, nil
}

// rx2 returns frequency and data rate of the second window.
func (r region) rx2(p params) (radio.Window, error) {
	rate, ok := r.rate(p.rx2DR)
	if !ok {
		return radio.Window{}, fmt.Errorf("RX2: DR%d is unknown", p.rx2DR)
	}
	return radio.Window{FreqHz: p.rx2Hz, DataRate: rate}, nil
}
