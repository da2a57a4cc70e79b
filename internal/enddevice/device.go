// Package enddevice is a LoRaWAN end device without a radio: it joins, builds
// the frames that a device sends, says when and where it listens, and obeys
// what it hears, as LoRaWAN 1.0.0 to 1.0.4 and 1.1 describe it for the device,
// of class A or C, in EU868 and US915.
//
// It is written from the specifications and not from our network server, which
// it exists to test; for the same reason it never imports edge/lorawan. Frames,
// integrity codes and the tables of the regions are those of brocaar/lorawan.
//
// It leaves to its callers: time (it has no clock, so it waits for no receive
// window and obeys no duty cycle), the air (who hears a frame, and how well)
// and storage (a device made anew begins where a device from the factory
// does, see SetDevNonce). It knows no class B, no multicast and no rejoin
// requests.
package enddevice

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

// Config is what a device leaves the factory with.
type Config struct {
	Version string    // "1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4" or "1.1.0"
	ClassC  bool      // listens on the channel of RX2 all the time
	Band    band.Name // band.EU868 (also when empty) or band.US915

	DevEUI, JoinEUI lorawan.EUI64
	AppKey          lorawan.AES128Key // root key of 1.0, and of the application in 1.1
	NwkKey          lorawan.AES128Key // root key of the network; 1.1 only

	// Session is the one that is printed on a device that does not join (ABP);
	// nil for a device that joins.
	Session *Session

	// ADR lets the network set data rate and power. Without it LinkADRReq
	// changes only the channels and the number of transmissions.
	ADR bool

	// Battery is what DevStatusAns says: 0 external power, 1 to 254 from empty
	// to full, 255 unknown.
	Battery uint8
}

// Session is what device and network share once the device is known. A 1.0
// session has one network key, which is then in all three fields, and one
// downlink counter, NFCntDown.
type Session struct {
	DevAddr     lorawan.DevAddr
	FNwkSIntKey lorawan.AES128Key
	SNwkSIntKey lorawan.AES128Key
	NwkSEncKey  lorawan.AES128Key
	AppSKey     lorawan.AES128Key
	FCntUp      uint32 // of the next uplink
	NFCntDown   uint32 // the lowest that the next downlink may have; in 1.1 of those without a port or with port 0
	AFCntDown   uint32 // the same for the other ports in 1.1
}

// Device is an end device. It must not be used by two goroutines at once.
type Device struct {
	cfg     Config
	version version
	region  region
	st      state
}

// version is a LoRaWAN version in the order in which features came.
type version int

const (
	v100 version = iota
	v101
	v102
	v103
	v104
	v110
)

func parseVersion(s string) (version, error) {
	i := slices.Index([]string{"1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"}, s)
	if i < 0 {
		return 0, fmt.Errorf("LoRaWAN version %q: want 1.0.0 to 1.0.4 or 1.1.0", s)
	}
	return version(i), nil
}

// New returns a device as it leaves the factory: on the default channels, at
// the lowest data rate and full power.
func New(cfg Config) (*Device, error) {
	v, err := parseVersion(cfg.Version)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", cfg.DevEUI, err)
	}
	r, err := newRegion(cfg, v)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", cfg.DevEUI, err)
	}
	d := &Device{cfg: cfg, version: v, region: r}
	d.st.joinNonce = -1
	d.st.params = r.defaults()
	if s := cfg.Session; s != nil {
		if v < v110 && (s.SNwkSIntKey != s.FNwkSIntKey || s.NwkSEncKey != s.FNwkSIntKey) {
			return nil, fmt.Errorf("device %s: session of LoRaWAN %s has different network keys", cfg.DevEUI, cfg.Version)
		}
		d.st.start(*s, v == v110)
		d.st.resetInd = v == v110
		d.st.modeInd = v == v110 && cfg.ClassC
	}
	return d, nil
}

// state is all that changes. Every change is made to a clone that replaces the
// state at the end, so that a frame that turns out bad half-way changes nothing.
type state struct {
	params
	joined  bool
	modern  bool // the session speaks 1.1
	session Session

	nonces     uint32           // how many DevNonces are used up
	firstNonce uint16           // where they begin
	devNonce   lorawan.DevNonce // of the join request that waits for its accept
	joinNonce  int64            // of the last accept; -1 before the first

	last     sent
	answers  []answer
	requests []lorawan.CID
	resetInd bool // 1.1: the network has not confirmed the restart (ABP)
	rekeyInd bool // 1.1: the network has not confirmed the keys
	modeInd  bool // 1.1: the network has not confirmed class C

	ack       bool   // the next uplink acknowledges
	ackFCnt   uint32 // the downlink with this counter
	confirmed uint32 // counter of the last uplink that asked for acknowledgement
	silent    int    // uplinks since the network was heard (ADR_ACK_CNT)
	margin    int8   // what DevStatusAns says, dB
}

func (s state) clone() state {
	s.channels = slices.Clone(s.channels)
	s.answers = slices.Clone(s.answers)
	s.requests = slices.Clone(s.requests)
	return s
}

// start begins a session; what belonged to the one before is gone.
func (s *state) start(session Session, modern bool) {
	s.joined, s.modern, s.session = true, modern, session
	s.answers, s.requests = nil, nil
	s.resetInd, s.rekeyInd, s.modeInd = false, false, false
	s.ack, s.ackFCnt, s.confirmed, s.silent = false, 0, 0, 0
	s.last = sent{}
}

// Joined tells whether the device has a session.
func (d *Device) Joined() bool { return d.st.joined }

// Session returns a copy of the session; zero before the device has one.
func (d *Device) Session() Session { return d.st.session }

// DR returns the index of the data rate of the next uplink.
func (d *Device) DR() int { return d.st.dr }

// TXPower returns the index of the transmission power; 0 is the highest.
func (d *Device) TXPower() int { return d.st.power }

// NbTrans returns how often each uplink is to be sent.
func (d *Device) NbTrans() int { return d.st.nbTrans }

// Channels returns the indices of the enabled uplink channels, rising.
func (d *Device) Channels() []int {
	var out []int
	for i, c := range d.st.channels {
		if c.enabled {
			out = append(out, i)
		}
	}
	return out
}

// RX1Delay returns the time from the end of an uplink to the first window.
func (d *Device) RX1Delay() time.Duration { return d.st.rx1Delay }

// RX1DROffset returns by how much the data rate of the first window is below
// that of the uplink, in the steps of the region's table.
func (d *Device) RX1DROffset() int { return d.st.rx1Offset }

// RX2 returns frequency and data rate of the second window.
func (d *Device) RX2() (freqHz uint32, dr int) { return d.st.rx2Hz, d.st.rx2DR }

// DutyCycle returns MaxDCycle: the device may send for 1/2^MaxDCycle of the
// time. The caller, who has a clock, must see to it.
func (d *Device) DutyCycle() uint8 { return d.st.dutyCycle }

// ADRParams returns after how many uplinks without an answer the device asks
// for one (ADR_ACK_LIMIT), and how many more it waits before each step back
// (ADR_ACK_DELAY).
func (d *Device) ADRParams() (limit, delay int) { return d.st.ackLimit, d.st.ackDelay }

// Pending tells whether the next uplink carries an acknowledgement or MAC
// commands, so that a device that has nothing to say should say that.
func (d *Device) Pending() bool { return d.st.ack || len(d.st.commands()) > 0 }

// SetFCntUp sets the counter of the next uplink, for tests of the rollover.
func (d *Device) SetFCntUp(next uint32) { d.st.session.FCntUp = next }

// SetDevNonce sets where the DevNonces begin. Without it every device begins
// at 0, as one that has lost its memory does.
func (d *Device) SetDevNonce(first uint16) { d.st.firstNonce, d.st.nonces = first, 0 }

// SetDR sets the data rate of the next uplink. It is an error when no enabled
// channel allows it.
func (d *Device) SetDR(dr int) error {
	if !d.region.allows(d.st.channels, dr) {
		return fmt.Errorf("device %s: DR%d: no enabled channel of %s allows it", d.cfg.DevEUI, dr, d.region.plan.Name())
	}
	d.st.dr = dr
	return nil
}

// SetChannels enables these channels and no others, as a device is preset that
// is sold for a network which listens to a part of the band.
func (d *Device) SetChannels(indices ...int) error {
	channels := slices.Clone(d.st.channels)
	for i := range channels {
		channels[i].enabled = false
	}
	for _, i := range indices {
		if i < 0 || i >= len(channels) || channels[i].upHz == 0 {
			return fmt.Errorf("device %s: channel %d is not defined", d.cfg.DevEUI, i)
		}
		channels[i].enabled = true
	}
	dr, ok := d.region.fit(channels, d.st.dr)
	if !ok {
		return fmt.Errorf("device %s: channels %v allow no data rate", d.cfg.DevEUI, indices)
	}
	d.st.channels, d.st.dr = channels, dr
	return nil
}

// SetStatus sets what DevStatusAns says: the battery as in Config, and the
// margin in dB above the demodulation floor, -32 to 31.
func (d *Device) SetStatus(battery uint8, marginDB int8) error {
	if marginDB < -32 || marginDB > 31 {
		return fmt.Errorf("device %s: margin %d dB: want -32 to 31", d.cfg.DevEUI, marginDB)
	}
	d.cfg.Battery, d.st.margin = battery, marginDB
	return nil
}

// usedUp tells whether a frame counter must not go further: one after the last
// would begin anew, with the key stream of frames that were sent.
func usedUp(counter uint32) bool { return counter == math.MaxUint32 }
