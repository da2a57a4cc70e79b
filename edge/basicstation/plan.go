package basicstation

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
)

// plan is what a gateway is told to listen on and how data rates are numbered
// in its messages.
type plan struct {
	band     band.Band
	region   string    // as stations know it; they send nothing for one they do not know
	limits   [2]uint32 // Hz, of downlinks
	radios   [2]uint32 // Hz, centres of the two radios
	channels []uint32  // Hz, eight of 125 kHz, all spreading factors
	wide     channel   // the one of 250 or 500 kHz
	fsk      uint32    // Hz; 0: none
}

type channel struct {
	freq uint32 // Hz
	rate radio.DataRate
}

// newPlan returns the plan of a region with the uplink channels of radio.Band,
// so that gateways listen where devices are told to send. What it adds in EU868
// is where devices send if they were set up to: no network tells them.
func newPlan(name band.Name) (*plan, error) {
	b, err := radio.Band(name)
	if err != nil {
		return nil, err
	}
	p := &plan{band: b}
	switch name {
	case band.EU868, "":
		p.region, p.limits, p.radios = "EU863", [2]uint32{863_000_000, 870_000_000}, [2]uint32{867_500_000, 868_500_000}
		p.wide = channel{868_300_000, radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 250}}
		p.fsk = 868_800_000
	case band.US915:
		p.region, p.limits, p.radios = "US902", [2]uint32{902_000_000, 928_000_000}, [2]uint32{904_300_000, 905_000_000}
	default:
		return nil, fmt.Errorf("no radio plan for band %q, want %s or %s", name, band.EU868, band.US915)
	}
	for _, i := range b.GetEnabledUplinkChannelIndices() {
		c, err := b.GetUplinkChannel(i)
		if err != nil {
			return nil, fmt.Errorf("radio plan %s: channel %d: %w", p.region, i, err)
		}
		rate, err := p.dataRate(c.MinDR)
		if err != nil {
			return nil, fmt.Errorf("radio plan %s: channel on %d Hz: %w", p.region, c.Frequency, err)
		}
		if rate.BandwidthKHz == 125 {
			p.channels = append(p.channels, c.Frequency)
		} else {
			p.wide = channel{c.Frequency, rate}
		}
	}
	slices.Sort(p.channels)
	if len(p.channels) != 8 || p.wide.freq == 0 {
		return nil, fmt.Errorf("radio plan %s: %d channels of 125 kHz and a wide one on %d Hz, want 8 and one", p.region, len(p.channels), p.wide.freq)
	}
	return p, nil
}

// dataRate returns the modulation with the number dr.
func (p *plan) dataRate(dr int) (radio.DataRate, error) {
	d, err := p.band.GetDataRate(dr)
	if err != nil || d.Modulation != band.LoRaModulation && d.Modulation != band.FSKModulation {
		return radio.DataRate{}, dropf(DropModulation, "DR is %d, which is neither LoRa nor FSK in %s", dr, p.region)
	}
	return radio.DataRate{SpreadingFactor: d.SpreadFactor, BandwidthKHz: d.Bandwidth, BitRate: d.BitRate}, nil
}

// downlinkDR returns the number of a downlink's modulation.
func (p *plan) downlinkDR(d radio.DataRate) (int, error) {
	dr, err := p.band.GetDataRateIndex(false, bandRate(d))
	if err != nil {
		return 0, fmt.Errorf("%+v is no data rate for downlinks in %s", d, p.region)
	}
	return dr, nil
}

func bandRate(d radio.DataRate) band.DataRate {
	if d.BitRate > 0 {
		return band.DataRate{Modulation: band.FSKModulation, BitRate: d.BitRate}
	}
	return band.DataRate{Modulation: band.LoRaModulation, SpreadFactor: d.SpreadingFactor, Bandwidth: d.BandwidthKHz}
}

// routerConfig answers a gateway's version. It says nothing about hardware:
// calibration and power tables are in the gateway's own station.conf.
type routerConfig struct {
	MsgType string `json:"msgtype"`
	// Filters of the gateway; null passes everything. An empty NetID list
	// would pass nothing, and an address printed on an ABP device belongs to
	// no network.
	NetID   *[]uint32    `json:"NetID"`
	JoinEui *[][2]uint64 `json:"JoinEui"`
	Region  string       `json:"region"`
	HWSpec  string       `json:"hwspec"`
	Range   [2]uint32    `json:"freq_range"`
	// Spreading factor (0 FSK, -1 not used), kHz, 1 for downlinks only.
	DRs     [16][3]int       `json:"DRs"`
	SX1301  []map[string]any `json:"sx1301_conf"` // one for each chip
	MuxTime float64          `json:"MuxTime"`     // s since 1970, UTC
}

// rfChain is one of the two radios.
type rfChain struct {
	Enable bool   `json:"enable"`
	Freq   uint32 `json:"freq"`
}

// ifChain is one demodulator.
type ifChain struct {
	Enable          bool `json:"enable"`
	Radio           int  `json:"radio"`
	IF              int  `json:"if"`                      // Hz from the radio's centre
	Bandwidth       int  `json:"bandwidth,omitempty"`     // Hz
	SpreadingFactor int  `json:"spread_factor,omitempty"` // of the wide LoRa channel
	BitRate         int  `json:"datarate,omitempty"`      // bit/s, of FSK
}

// routerConfig returns the configuration for a gateway with one concentrator
// chip.
func (p *plan) routerConfig(now time.Time) routerConfig {
	chip := map[string]any{
		"radio_0":       rfChain{true, p.radios[0]},
		"radio_1":       rfChain{true, p.radios[1]},
		"chan_Lora_std": p.chain(p.wide.freq, p.wide.rate),
		"chan_FSK":      ifChain{},
	}
	for i, freq := range p.channels {
		chip["chan_multiSF_"+strconv.Itoa(i)] = p.chain(freq, radio.DataRate{})
	}
	if p.fsk != 0 {
		fsk := p.chain(p.fsk, radio.DataRate{BitRate: 50_000})
		fsk.Bandwidth = 125_000
		chip["chan_FSK"] = fsk
	}
	c := routerConfig{
		MsgType: "router_config", Region: p.region, HWSpec: "sx1301/1", Range: p.limits,
		SX1301: []map[string]any{chip}, MuxTime: float64(now.UnixMicro()) / 1e6,
	}
	for dr := range c.DRs {
		c.DRs[dr] = [3]int{-1, 0, 0}
		d, err := p.dataRate(dr)
		if err != nil {
			continue
		}
		c.DRs[dr] = [3]int{d.SpreadingFactor, d.BandwidthKHz, 0}
		// The band lists some modulations twice, once for each direction.
		if up, err := p.band.GetDataRateIndex(true, bandRate(d)); err != nil || up != dr {
			c.DRs[dr][2] = 1
		}
	}
	return c
}

// chain puts a channel on the nearer radio.
func (p *plan) chain(freq uint32, d radio.DataRate) ifChain {
	offset := func(r int) int { return int(freq) - int(p.radios[r]) }
	c := ifChain{Enable: true, Bandwidth: 1000 * d.BandwidthKHz, SpreadingFactor: d.SpreadingFactor, BitRate: d.BitRate}
	if max(offset(0), -offset(0)) > max(offset(1), -offset(1)) {
		c.Radio = 1
	}
	c.IF = offset(c.Radio)
	return c
}
