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
	NotUplink     Reason = "not_uplink"     // a downlink or proprietary frame of somebody
	UnknownDevice Reason = "unknown_device" // no device with that DevAddr or EUIs
	WrongMIC      Reason = "mic"            // not by a device that knows the key
	Replayed      Reason = "replay"         // a frame counter seen before
	Repeated      Reason = "repeat"         // the last frame again, as devices do on purpose
	NonceUsed     Reason = "dev_nonce"      // a join request with a nonce seen before
)

// Decision is what came of one frame.
type Decision struct {
	DevEUI  lorawan.EUI64 // zero when no device is known for it
	Dropped Reason        // empty when the frame was accepted
	Detail  error         // for people, with Dropped

	Join *Join           // an accepted join request
	Data *Data           // an accepted data frame
	Save *State          // to be on disk before Down leaves and Data is told
	Down *radio.Downlink // the answer
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
	Payload   []byte // plain FRMPayload; MAC commands on port 0
}

// Config fixes the radio plan.
type Config struct {
	Band band.Name // EU868 when empty
	Rand io.Reader // for device addresses
}

// Network holds the devices an edge serves and their sessions. Its methods
// must not be called at the same time.
type Network struct {
	band    band.Band
	drs     map[radio.DataRate]int
	rand    io.Reader
	devices map[lorawan.EUI64]*device
	byAddr  map[lorawan.DevAddr][]*device
}

type device struct {
	Device
	state State
}

// New returns a network without devices.
func New(cfg Config) (*Network, error) {
	if cfg.Band == "" {
		cfg.Band = band.EU868
	}
	b, err := band.GetConfig(cfg.Band, false, lorawan.DwellTimeNoLimit)
	if err != nil {
		return nil, fmt.Errorf("radio plan %s: %w", cfg.Band, err)
	}
	n := &Network{band: b, drs: map[radio.DataRate]int{}, rand: cfg.Rand, devices: map[lorawan.EUI64]*device{}}
	for dr := range 16 {
		d, err := b.GetDataRate(dr)
		if err != nil || d.Modulation != band.LoRaModulation && d.Modulation != band.FSKModulation {
			continue
		}
		key := radio.DataRate{SpreadingFactor: d.SpreadFactor, BandwidthKHz: d.Bandwidth, BitRate: d.BitRate}
		if _, ok := n.drs[key]; !ok { // some plans list a rate again for downlinks
			n.drs[key] = dr
		}
	}
	n.index()
	return n, nil
}

// SetDevices replaces the devices that are served. A device that stays keeps
// its state unless its keys changed; one that is new starts with the state
// that saved returns for it, or with none.
func (n *Network) SetDevices(list []Device, saved func(lorawan.EUI64) (State, bool)) {
	next := make(map[lorawan.EUI64]*device, len(list))
	for _, d := range list {
		old, ok := n.devices[d.DevEUI]
		if ok && old.Device == d {
			next[d.DevEUI] = old
			continue
		}
		entry := &device{Device: d, state: State{DevEUI: d.DevEUI}}
		if ok {
			entry.state = old.state
		} else if s, ok := saved(d.DevEUI); ok {
			entry.state = s
		}
		if d.ABP {
			entry.personalise()
		} else if root := fingerprint(d.AppKey); entry.state.Root != root {
			// Sessions of another key are void. So are its nonces: a request
			// with one of them cannot have a right MIC any more.
			entry.state = State{DevEUI: d.DevEUI, Root: root, JoinNonce: entry.state.JoinNonce}
		}
		next[d.DevEUI] = entry
	}
	n.devices = next
	n.index()
}

// personalise gives an ABP device its session, keeping the counters of an
// earlier run with the same keys.
func (d *device) personalise() {
	s := d.state.Active
	if s != nil && s.DevAddr == d.DevAddr && s.NwkSKey == d.NwkSKey && s.AppSKey == d.AppSKey {
		return
	}
	d.state = State{DevEUI: d.DevEUI, Active: &Session{DevAddr: d.DevAddr, NwkSKey: d.NwkSKey, AppSKey: d.AppSKey}}
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

// Handle decides on a frame, given all its receptions with the best first.
// The slice must not be empty.
func (n *Network) Handle(rx []radio.Frame) Decision {
	if len(rx[0].PHYPayload) == 0 {
		return Decision{Dropped: Malformed, Detail: errors.New("frame is empty")}
	}
	switch kind := lorawan.MType(rx[0].PHYPayload[0] >> 5); kind {
	case lorawan.UnconfirmedDataUp, lorawan.ConfirmedDataUp:
		return n.data(rx)
	case lorawan.JoinRequest:
		return n.join(&rx[0])
	default:
		return Decision{Dropped: NotUplink, Detail: fmt.Errorf("frame is a %s", kind)}
	}
}

// answer wraps a downlink for the first receive window of the given delay.
func (n *Network) answer(phy lorawan.PHYPayload, rx *radio.Frame, delay time.Duration) (*radio.Downlink, error) {
	data, err := phy.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("build downlink: %w", err)
	}
	up, ok := n.drs[rx.DataRate]
	if !ok {
		return nil, fmt.Errorf("no data rate %+v in the radio plan", rx.DataRate)
	}
	dr, err := n.band.GetRX1DataRateIndex(up, 0)
	if err != nil {
		return nil, fmt.Errorf("data rate for the answer to DR %d: %w", up, err)
	}
	rate, err := n.band.GetDataRate(dr)
	if err != nil {
		return nil, fmt.Errorf("data rate %d: %w", dr, err)
	}
	freq, err := n.band.GetRX1FrequencyForUplinkFrequency(rx.FreqHz)
	if err != nil {
		return nil, fmt.Errorf("frequency for the answer on %d Hz: %w", rx.FreqHz, err)
	}
	return &radio.Downlink{
		PHYPayload: data,
		Gateway:    rx.Gateway,
		Counter:    rx.Counter,
		Antenna:    rx.Antenna,
		Delay:      delay,
		FreqHz:     freq,
		DataRate:   radio.DataRate{SpreadingFactor: rate.SpreadFactor, BandwidthKHz: rate.Bandwidth, BitRate: rate.BitRate},
		PowerDBm:   n.band.GetDownlinkTXPower(freq),
	}, nil
}
