package lorawan

import (
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// Overview is what an operator sees of a device and its session. It holds no
// keys.
type Overview struct {
	DevEUI  lorawan.EUI64
	Version string // of LoRaWAN, as Device.Version, but never empty
	ClassC  bool   // it listens all the time: by its session, or without one by the list
	ABP     bool

	Session       bool // there is one; what follows is zero otherwise
	Pending       bool // it is joined, and the device has not used it yet
	DevAddr       lorawan.DevAddr
	V11           bool
	NextFCntUp    uint32
	NextFCntDown  uint32
	NextAFCntDown uint32 // 1.1 only
	Heard         time.Time
	DR            uint8
	TXPower       uint8         // index: 0 is the most
	Gateway       lorawan.EUI64 // that heard it best, last; zero: none yet

	Commands int // waiting
	Nonces   int // DevNonces that are kept as used
}

// Devices yields each device that is served, in no order.
func (n *Network) Devices(yield func(Overview) bool) {
	for _, d := range n.devices {
		if !yield(d.overview()) {
			return
		}
	}
}

// Overview returns what is known of a device without a session.
func (d *Device) Overview() Overview {
	return Overview{DevEUI: d.DevEUI, Version: d.version(), ClassC: d.ClassC && !d.v11(), ABP: d.ABP}
}

func (d *device) overview() Overview {
	o := d.Overview()
	o.Commands, o.Nonces = len(d.state.Queue), len(d.state.DevNonces)
	s := d.state.Active
	if s == nil {
		s, o.Pending = d.state.Pending, d.state.Pending != nil
	}
	if s == nil {
		return o
	}
	o.Session, o.DevAddr, o.V11 = true, s.DevAddr, s.V11
	o.NextFCntUp, o.NextFCntDown, o.NextAFCntDown = s.NextFCntUp, s.NextFCntDown, s.NextAFCntDown
	o.Heard, o.DR, o.TXPower, o.Gateway = s.Heard, s.Link.DR, s.Link.TXPower, s.Gateway
	if !o.Pending {
		o.ClassC = d.listens()
	}
	return o
}

// InFlight is what a downlink is about whose Result is not here yet.
type InFlight struct {
	DevEUI  lorawan.EUI64 // zero: not known any more
	Gateway lorawan.EUI64
	FCnt    uint32
	Join    bool   // it is a join accept, and none of what follows
	Ack     bool   // it acknowledges an uplink
	MAC     bool   // it has MAC commands
	Command string // ID of the command in it, or empty
	Windows []radio.Window
}

// InFlight returns what a Result is about. It is false when that came before,
// or too late.
func (n *Network) InFlight(r Result) (InFlight, bool) {
	f, ok := n.flights[r.ID]
	if !ok {
		return InFlight{}, false
	}
	out := InFlight{DevEUI: r.DevEUI, Gateway: f.down.Gateway, FCnt: f.fCnt, Command: f.command, Windows: f.down.Windows}
	phy := f.down.PHYPayload
	if out.Join = lorawan.MType(phy[0]>>5) == lorawan.JoinAccept; !out.Join {
		const ack, optionsLength = 1 << 5, 0x0f // of FCtrl (§4.3.1)
		out.Ack, out.MAC = phy[5]&ack != 0, phy[5]&optionsLength > 0
	}
	return out, true
}

// Fields is what a frame says of itself in the clear. Anybody can have written
// it.
type Fields struct {
	Join   bool          // it is a join request: of what follows only DevEUI
	DevEUI lorawan.EUI64 // that wants to join

	DevAddr lorawan.DevAddr
	FCnt    uint32 // the low 16 bits
	HasPort bool
	FPort   uint8
}

// Peek reads a join request or a data frame of a device without believing it.
// It is false when the frame is neither.
func Peek(phy []byte) (Fields, bool) {
	if len(phy) == 0 {
		return Fields{}, false
	}
	switch lorawan.MType(phy[0] >> 5) {
	case lorawan.JoinRequest:
		var req lorawan.JoinRequestPayload
		if len(phy) != 1+18+micLength || req.UnmarshalBinary(true, phy[1:19]) != nil {
			return Fields{}, false
		}
		return Fields{Join: true, DevEUI: req.DevEUI}, true
	case lorawan.UnconfirmedDataUp, lorawan.ConfirmedDataUp:
		f, err := parseData(phy)
		if err != nil {
			return Fields{}, false
		}
		return Fields{DevAddr: f.devAddr, FCnt: uint32(f.low), HasPort: f.hasPort, FPort: f.port}, true
	}
	return Fields{}, false
}
