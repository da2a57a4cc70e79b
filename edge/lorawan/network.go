package lorawan

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
)

// Reason is why a frame was dropped: a short fixed word for counting.
type Reason string

// The reasons, from the outside in.
const (
	Malformed     Reason = "not_lorawan"    // no LoRaWAN frame
	NotUplink     Reason = "not_uplink"     // a downlink, rejoin request or proprietary frame of somebody
	UnknownDevice Reason = "unknown_device" // no device with that DevAddr or EUIs
	WrongMIC      Reason = "mic"            // not by a device that knows the key
	Replayed      Reason = "replay"         // a frame counter seen before
	Repeated      Reason = "repeat"         // the last frame again, as devices do on purpose
	NonceUsed     Reason = "dev_nonce"      // a join request with a nonce seen before
	NoAnswer      Reason = "no_answer"      // a join request that no gateway of this edge may answer now
)

// Decision is what came of one frame, command or tick.
type Decision struct {
	DevEUI  lorawan.EUI64 // zero when no device is known for it
	Dropped Reason        // empty when the frame was accepted
	Detail  error         // for people: with Dropped, or why there is no answer

	Join    *Join           // an accepted join request
	Data    *Data           // an accepted data frame
	Events  []Event         // steps of commands
	Save    *State          // to be on disk before Down leaves and Data is told
	Down    *radio.Downlink // to be sent; its Result must come back
	Gateway lorawan.EUI64   // whose Airtime has changed; zero: none
}

// Join is an accepted join request.
type Join struct {
	DevNonce lorawan.DevNonce
	DevAddr  lorawan.DevAddr
}

// Data is an accepted data frame, decrypted.
type Data struct {
	FCnt      uint32 // full 32-bit counter
	Lost      uint32 // frames missed before this one
	DR        uint8
	Confirmed bool
	HasPort   bool
	FPort     uint8
	Payload   []byte  // plain FRMPayload; MAC commands on port 0
	Status    *Status // what the device says of itself, when it does
	Reset     bool    // the device has begun its counter anew
}

// Status is a DevStatusAns (§5.5).
type Status struct {
	Battery uint8 // 0: external power; 1 to 254 of 254; 255: it cannot tell
	Margin  int8  // dB by which the last DevStatusReq was above the device's demodulation floor
}

// Config fixes the radio plan and what is wanted of devices. Zero values are
// the defaults named at each.
type Config struct {
	Band        band.Name     `yaml:"region"`       // EU868
	Rand        io.Reader     `yaml:"-"`            // for device addresses
	Earliest    time.Time     `yaml:"-"`            // nothing was heard before: a clock that says so is not set
	Radio       Radio         `yaml:",inline"`      // what devices are told to use; the region's defaults
	NoADR       bool          `yaml:"no_adr"`       // data rate and power are left to the devices
	StatusEvery time.Duration `yaml:"status_every"` // between two DevStatusReq, 24 h; negative: never
}

// statusAfter is when a session is asked for its first DevStatusAns.
const (
	defaultStatusEvery = 24 * time.Hour
	statusAfter        = time.Hour
)

// Network holds the devices an edge serves and their sessions. Its methods
// must not be called at the same time.
type Network struct {
	cfg  Config
	band band.Band
	drs  map[radio.DataRate]int // of uplinks

	defaults   Radio    // of the region
	standard   Channels // that every device has
	enabled    Channels // that gateways listen to
	custom     Channels // of these, those that a device must be told of
	maxDR      uint8    // that ADR may ask for
	maxTXPower uint8    // index

	devices map[lorawan.EUI64]*device
	byAddr  map[lorawan.DevAddr][]*device
	waiting map[lorawan.EUI64]bool // devices with commands
	ready   []*Session             // whose keys are expanded, a ring
	oldest  int                    // of them

	ledger  ledger
	flights map[uint64]flight
	flightN uint64
}

type device struct {
	Device
	state   State
	history *history       // of ADR
	backoff [kinds]backoff // of requests
	flying  uint64         // the flight with a command in it; 0: none
	repeats int            // answered ones of the last frame
	pushed  time.Time      // when it was sent something at once, last
}

// New returns a network without devices.
func New(cfg Config) (*Network, error) {
	if cfg.Band == "" {
		cfg.Band = band.EU868
	}
	if cfg.StatusEvery == 0 {
		cfg.StatusEvery = defaultStatusEvery
	}
	b, err := radio.Band(cfg.Band)
	if err != nil {
		return nil, err
	}
	n := &Network{
		cfg: cfg, band: b, drs: map[radio.DataRate]int{},
		devices: map[lorawan.EUI64]*device{}, waiting: map[lorawan.EUI64]bool{},
		ledger:  ledger{bands: subBands(cfg.Band), gateways: map[lorawan.EUI64][]usage{}},
		flights: map[uint64]flight{},
	}
	for dr := range 16 {
		d, err := b.GetDataRate(dr)
		if err != nil || d.Modulation != band.LoRaModulation && d.Modulation != band.FSKModulation {
			continue
		}
		key := rate(d)
		if _, ok := n.drs[key]; !ok { // some plans list a rate again for downlinks
			n.drs[key] = dr
		}
	}
	if err := n.setRadio(); err != nil {
		return nil, err
	}
	n.index()
	return n, nil
}

// setRadio finds the region's defaults and limits, and completes and checks
// what is wanted of devices.
func (n *Network) setRadio() error {
	d := n.band.GetDefaults()
	n.defaults = Radio{RX1Delay: uint8(d.ReceiveDelay1 / time.Second), RX2DR: uint8(d.RX2DataRate), RX2FreqHz: d.RX2Frequency}
	want := &n.cfg.Radio
	if want.RX1Delay == 0 {
		want.RX1Delay = n.defaults.RX1Delay
	}
	if want.RX2DR == 0 {
		want.RX2DR = n.defaults.RX2DR
	}
	if want.RX2FreqHz == 0 {
		want.RX2FreqHz = n.defaults.RX2FreqHz
	}
	if want.RX1Delay > 15 || want.MaxDutyCycle > 15 || want.RX2FreqHz%100 != 0 {
		return fmt.Errorf("radio %+v: want a delay of 1 to 15 s, a duty cycle of 0 to 15 and a frequency in steps of 100 Hz", *want)
	}
	for _, dr := range []int{0, 3} { // in every region
		if _, err := n.band.GetRX1DataRateIndex(dr, int(want.RX1DROffset)); err != nil {
			return fmt.Errorf("radio: offset %d of the first window: %w", want.RX1DROffset, err)
		}
	}
	if _, err := n.downlinkRate(int(want.RX2DR)); err != nil {
		return fmt.Errorf("radio: second window: %w", err)
	}
	n.standard = channels(n.band.GetStandardUplinkChannelIndices())
	n.enabled = channels(n.band.GetEnabledUplinkChannelIndices())
	n.custom = n.enabled.without(n.standard)
	n.maxDR = n.commonDR()
	for {
		if _, err := n.band.GetTXPowerOffset(int(n.maxTXPower) + 1); err != nil || n.maxTXPower == 14 {
			return nil
		}
		n.maxTXPower++
	}
}

// commonDR returns the fastest data rate that most of the channels allow, so
// that a device is not driven from many channels to one.
func (n *Network) commonDR() uint8 {
	var allow [16]int
	for _, i := range n.enabled.indices() {
		c, err := n.band.GetUplinkChannel(i)
		for dr := c.MinDR; err == nil && dr <= min(c.MaxDR, 15); dr++ {
			allow[dr]++
		}
	}
	best := 0
	for dr, count := range allow {
		if count >= allow[best] {
			best = dr
		}
	}
	return uint8(best)
}

func rate(d band.DataRate) radio.DataRate {
	return radio.DataRate{SpreadingFactor: d.SpreadFactor, BandwidthKHz: d.Bandwidth, BitRate: d.BitRate}
}

// downlinkRate returns the modulation of a data rate that downlinks may have.
func (n *Network) downlinkRate(dr int) (radio.DataRate, error) {
	d, err := n.band.GetDataRate(dr)
	if err != nil || d.Modulation == band.LRFHSSModulation {
		return radio.DataRate{}, fmt.Errorf("DR %d is no data rate of downlinks in %s", dr, n.band.Name())
	}
	if _, err := n.band.GetDataRateIndex(false, d); err != nil {
		return radio.DataRate{}, fmt.Errorf("DR %d is no data rate of downlinks in %s", dr, n.band.Name())
	}
	return rate(d), nil
}

// SetDevices replaces the devices that are served. A device that stays keeps
// its state unless its keys changed; one that is new starts with the state
// that saved returns for it, or with none.
func (n *Network) SetDevices(list []Device, saved func(lorawan.EUI64) (State, bool)) {
	next := make(map[lorawan.EUI64]*device, len(list))
	clear(n.waiting)
	for _, d := range list {
		entry, ok := n.devices[d.DevEUI]
		if !ok {
			entry = &device{state: State{DevEUI: d.DevEUI, JoinEUI: d.JoinEUI}}
			if s, ok := saved(d.DevEUI); ok {
				entry.state = s
			}
		}
		if entry.Device != d {
			entry.Device = d
			entry.state.adopt(n, &d)
		}
		next[d.DevEUI] = entry
		if len(entry.state.Queue) > 0 {
			n.waiting[d.DevEUI] = true
		}
	}
	n.devices = next
	n.index()
}

// index rebuilds the map from device addresses. Addresses are not unique:
// §6.1.1 gives a network few bits, and ABP addresses are whatever was printed.
func (n *Network) index() {
	n.byAddr = make(map[lorawan.DevAddr][]*device, len(n.devices))
	for _, d := range n.devices {
		n.addAddr(d)
	}
}

func (n *Network) addAddr(d *device) {
	for _, s := range []*Session{d.state.Active, d.state.Pending} {
		if s != nil && !slices.Contains(n.byAddr[s.DevAddr], d) {
			n.byAddr[s.DevAddr] = append(n.byAddr[s.DevAddr], d)
		}
	}
}

func (n *Network) dropAddr(addr lorawan.DevAddr, d *device) {
	rest := slices.DeleteFunc(n.byAddr[addr], func(o *device) bool { return o == d })
	if len(rest) == 0 {
		delete(n.byAddr, addr)
		return
	}
	n.byAddr[addr] = rest
}

// Handle decides on a frame, given all its receptions with the best first. The
// slice must not be empty; the time is that of its first Frame.Heard.
func (n *Network) Handle(rx []radio.Frame) Decision {
	if len(rx[0].PHYPayload) == 0 {
		return Decision{Dropped: Malformed, Detail: errors.New("frame is empty")}
	}
	switch kind := lorawan.MType(rx[0].PHYPayload[0] >> 5); kind {
	case lorawan.UnconfirmedDataUp, lorawan.ConfirmedDataUp:
		return n.data(rx)
	case lorawan.JoinRequest:
		return n.join(rx)
	default:
		return Decision{Dropped: NotUplink, Detail: fmt.Errorf("frame is a %s", kind)}
	}
}

// Ours reports whether a frame that was dropped as of no device may well be of
// a device of this network: it asks to join, or its address is one of those
// that this network hands out.
func Ours(phy []byte) bool {
	if len(phy) < headLength {
		return false
	}
	if lorawan.MType(phy[0]>>5) == lorawan.JoinRequest {
		return true
	}
	addr := lorawan.DevAddr{phy[4], phy[3], phy[2], phy[1]}
	return addr.IsNetID(netID)
}

// Knows reports whether a frame may be of one of the devices, before its MIC is
// looked at.
func (n *Network) Knows(phy []byte) bool {
	if len(phy) < headLength {
		return false
	}
	switch lorawan.MType(phy[0] >> 5) {
	case lorawan.UnconfirmedDataUp, lorawan.ConfirmedDataUp:
		return len(n.byAddr[lorawan.DevAddr{phy[4], phy[3], phy[2], phy[1]}]) > 0
	case lorawan.JoinRequest:
		var req lorawan.JoinRequestPayload
		if len(phy) != 1+18+micLength || req.UnmarshalBinary(true, phy[1:19]) != nil {
			return false
		}
		_, ok := n.devices[req.DevEUI]
		return ok
	}
	return false
}

// CheckVersion explains why a text is not a version of LoRaWAN that a device
// here may implement. Empty stands for 1.0.3.
func CheckVersion(v string) error {
	switch v {
	case "", band.LoRaWAN_1_0_0, band.LoRaWAN_1_0_1, band.LoRaWAN_1_0_2, band.LoRaWAN_1_0_3, band.LoRaWAN_1_0_4, band.LoRaWAN_1_1_0:
		return nil
	}
	return fmt.Errorf("LoRaWAN %q is unknown, want 1.0.0 to 1.0.4 or 1.1.0", v)
}
