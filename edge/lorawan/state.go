package lorawan

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

// Device is what the network must know of a device before it has heard it: root
// keys for one that joins, a session for one that is personalised (ABP).
type Device struct {
	DevEUI, JoinEUI lorawan.EUI64
	Version         string // of LoRaWAN that it implements: band.LoRaWAN_1_0_0 to band.LoRaWAN_1_1_0; empty: 1.0.3
	ClassC          bool   // listens all the time
	AppKey          lorawan.AES128Key
	NwkKey          lorawan.AES128Key // 1.1 only
	ABP             bool
	DevAddr         lorawan.DevAddr
	NwkSKey         lorawan.AES128Key // FNwkSIntKey in 1.1
	SNwkSIntKey     lorawan.AES128Key // 1.1 only
	NwkSEncKey      lorawan.AES128Key // 1.1 only
	AppSKey         lorawan.AES128Key

	// ResetFCnt lets a personalised device begin its counter anew, as those do
	// that keep none over a change of battery. Whoever has recorded an old
	// frame can then send it again.
	ResetFCnt bool
	// Nonces rises when the DevNonces used so far shall be forgotten.
	Nonces uint32
}

func (d *Device) v11() bool { return d.Version == band.LoRaWAN_1_1_0 }

// countsNonces reports whether the DevNonces of the device must rise, as they
// do since 1.0.4 (§6.2.4); those of earlier versions are random.
func (d *Device) countsNonces() bool { return d.Version >= band.LoRaWAN_1_0_4 }

func (d *Device) version() string {
	if d.Version == "" {
		return band.LoRaWAN_1_0_3
	}
	return d.Version
}

// root returns a fingerprint of the keys that a device joins with; it tells one
// set from another without giving it away.
func (d *Device) root() [4]byte {
	keys := d.AppKey[:]
	if d.v11() {
		keys = slices.Concat(d.AppKey[:], d.NwkKey[:])
	}
	sum := sha256.Sum256(keys)
	return [4]byte(sum[:])
}

// Session is the security context of a joined or personalised device, and how
// it uses the radio.
type Session struct {
	DevAddr     lorawan.DevAddr
	V11         bool              // the frames are those of LoRaWAN 1.1
	NwkSKey     lorawan.AES128Key // FNwkSIntKey in 1.1
	SNwkSIntKey lorawan.AES128Key // 1.1 only, as the next
	NwkSEncKey  lorawan.AES128Key
	AppSKey     lorawan.AES128Key

	NextFCntUp    uint32 // lowest frame counter that will be accepted
	NextFCntDown  uint32 // of the next downlink; in 1.1 of one without a port or on port 0
	NextAFCntDown uint32 // 1.1: of the next downlink on another port

	Radio Radio // as far as the device has agreed to it
	Link  Link

	Asked      Kinds // requests on their way, whose answers are not here yet
	AskedRadio Radio // what they ask for
	AskedLink  Link
	AskedNew   Channels // by NewChannelReq
	Refused    Kinds    // requests that the device has refused and that are not made again
	MaxDR      uint8    // what LinkADRReq may ask for; the device has refused more
	MaxTXPower uint8

	ClassC      bool          // 1.1: it has said that it listens all the time
	Gateway     lorawan.EUI64 // that heard it best, last; zero: none yet
	Antenna     int64         // of that gateway
	Heard       time.Time     // when the last frame was accepted, whole seconds
	StatusAsked time.Time     // when DevStatusReq was due last, whole seconds
	// Confirmed are the low halves of the counters of the last confirmed
	// downlinks, of which an uplink of 1.1 may acknowledge any.
	Confirmed []uint16

	made *keys // made from the keys when they are needed first
}

const maxConfirmed = 8

// ready returns the session's keys, expanded.
func (s *Session) ready() *keys {
	if s.made == nil {
		s.made = newKeys(s)
	}
	return s.made
}

// Radio is what a network decides of a device's radio beside data rate and
// channels. Zero values stand for the defaults of the region in a Config; a
// Session has none.
type Radio struct {
	RX1Delay     uint8  `yaml:"rx1_delay"`      // s, 1 to 15: from the end of an uplink to the first receive window
	RX1DROffset  uint8  `yaml:"rx1_offset"`     // by how many data rates the first window is slower than the uplink
	RX2DR        uint8  `yaml:"rx2_data_rate"`  // data rate of the second window
	RX2FreqHz    uint32 `yaml:"rx2_frequency"`  // and its frequency
	MaxDutyCycle uint8  `yaml:"max_duty_cycle"` // the device sends at most a share of 1/2^n of the time, 0 to 15
}

// Link is what LinkADRReq decides (§5.3).
type Link struct {
	DR       uint8
	TXPower  uint8 // index: 0 is the most
	NbTrans  uint8 // how often an unconfirmed frame is sent, 1 to 15
	Channels Channels
}

// Channels is a set of uplink channels by their index in the radio plan.
type Channels [9]byte

func (c Channels) has(i int) bool { return i/8 < len(c) && c[i/8]&(1<<(i%8)) != 0 }

// differing returns the numbers of the blocks of sixteen channels in which the
// two sets differ.
func (c Channels) differing(o Channels) (blocks []int) {
	for i := range c {
		if c[i] != o[i] && (len(blocks) == 0 || blocks[len(blocks)-1] != i/2) {
			blocks = append(blocks, i/2)
		}
	}
	return blocks
}

// copyBlock takes a block of sixteen channels from another set.
func (c *Channels) copyBlock(block int, from Channels) {
	for i := 2 * block; i < min(2*block+2, len(c)); i++ {
		c[i] = from[i]
	}
}

func (c *Channels) add(i int) { c[i/8] |= 1 << (i % 8) }

func (c Channels) and(o Channels) Channels {
	for i := range c {
		c[i] &= o[i]
	}
	return c
}

func (c Channels) or(o Channels) Channels {
	for i := range c {
		c[i] |= o[i]
	}
	return c
}

func (c Channels) without(o Channels) Channels {
	for i := range c {
		c[i] &^= o[i]
	}
	return c
}

func (c Channels) indices() []int {
	var out []int
	for i := range len(c) * 8 {
		if c.has(i) {
			out = append(out, i)
		}
	}
	return out
}

func channels(indices []int) (c Channels) {
	for _, i := range indices {
		c.add(i)
	}
	return c
}

// State is what must survive a restart for one device. Values returned in a
// Decision are snapshots; they do not change afterwards.
type State struct {
	DevEUI  lorawan.EUI64
	Root    [4]byte       // fingerprint of the root keys that the rest belongs to; zero for ABP
	JoinEUI lorawan.EUI64 // that the nonces belong to
	Active  *Session      // nil before the first uplink of the first session
	Pending *Session      // joined, but not yet used by the device
	// JoinNonce is the last one given out, or 0; it rises with each accepted join.
	JoinNonce uint32
	// DevNonces are those already used, in the order of use. It changes with a
	// join alone and is a record of its own: there may be many.
	DevNonces []lorawan.DevNonce
	// Flushed is Device.Nonces at which DevNonces was emptied last.
	Flushed uint32

	Queue []Command  // waiting, the next first; replaced as a whole
	Done  []Finished // the last that came to an end, the newest last
}

func (s *State) clone() State {
	c := *s
	c.Active, c.Pending = s.Active.clone(), s.Pending.clone()
	c.DevNonces = s.DevNonces[:len(s.DevNonces):len(s.DevNonces)] // only ever appended to
	return c
}

func (s *Session) clone() *Session {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

// adopt makes a state that was kept fit the device as it is listed now.
func (s *State) adopt(n *Network, d *Device) {
	if d.ABP {
		a := s.Active
		if a == nil || a.DevAddr != d.DevAddr || a.NwkSKey != d.NwkSKey || a.AppSKey != d.AppSKey ||
			a.V11 != d.v11() || a.V11 && (a.SNwkSIntKey != d.SNwkSIntKey || a.NwkSEncKey != d.NwkSEncKey) {
			*s = State{DevEUI: d.DevEUI, Active: n.personalised(d), Queue: s.Queue, Done: s.Done}
		}
	} else if root := d.root(); s.Root != root {
		// Sessions of other keys are void. So are their nonces: a request with
		// one of them cannot have a right MIC any more.
		*s = State{DevEUI: d.DevEUI, Root: root, JoinEUI: d.JoinEUI, JoinNonce: s.JoinNonce, Flushed: d.Nonces, Queue: s.Queue, Done: s.Done}
	}
	if s.JoinEUI != d.JoinEUI {
		if s.JoinEUI != (lorawan.EUI64{}) {
			s.DevNonces = nil
		}
		s.JoinEUI = d.JoinEUI
	}
	if s.Flushed != d.Nonces {
		s.DevNonces, s.Flushed = nil, d.Nonces
	}
	for _, session := range []*Session{s.Active, s.Pending} {
		n.complete(session)
	}
}

// used reports whether the device must not join with a nonce.
func (s *State) used(n lorawan.DevNonce, rising bool) bool {
	if last := len(s.DevNonces) - 1; rising && last >= 0 {
		return n <= s.DevNonces[last]
	}
	return slices.Contains(s.DevNonces, n)
}

// noteNonce keeps a nonce as used.
func (s *State) noteNonce(n lorawan.DevNonce, rising bool) {
	if rising {
		s.DevNonces = []lorawan.DevNonce{n}
		return
	}
	s.DevNonces = append(s.DevNonces, n)
}

// personalised returns the first session of an ABP device: it knows the
// defaults of the region and the channels that every device has.
func (n *Network) personalised(d *Device) *Session {
	s := &Session{
		DevAddr: d.DevAddr, V11: d.v11(), NwkSKey: d.NwkSKey, AppSKey: d.AppSKey,
		Radio: n.defaults, Link: Link{NbTrans: 1, Channels: n.standard}, MaxDR: n.maxDR, MaxTXPower: n.maxTXPower,
	}
	if s.V11 {
		s.SNwkSIntKey, s.NwkSEncKey = d.SNwkSIntKey, d.NwkSEncKey
	}
	return s
}

// complete gives a session what a record of an earlier version lacks.
func (n *Network) complete(s *Session) {
	if s == nil || s.Radio.RX1Delay != 0 {
		return
	}
	s.Radio, s.Link = n.defaults, Link{NbTrans: 1, Channels: n.standard}
	s.MaxDR, s.MaxTXPower = n.maxDR, n.maxTXPower
}
