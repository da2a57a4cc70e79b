package enddevice

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// Heard is what a device made of a frame.
type Heard struct {
	Join      bool   // the device has a new session; the rest is zero
	Port      *uint8 // nil: none
	Payload   []byte // for the application, decrypted
	Confirmed bool   // the next uplink acknowledges it
	Ack       bool   // it acknowledges the last confirmed uplink
	FPending  bool   // the network has more
	FCnt      uint32 // of all 32 bits

	// Commands are what the network asked or answered, in its order.
	Commands []lorawan.MACCommand
	// Unknown are the MAC commands from the first one on that this version
	// does not know or that is cut off. Nothing after it can be read, since
	// its length is not known.
	Unknown []byte

	DeviceTime  time.Duration // of DeviceTimeAns: since the GPS epoch; else 0
	LinkMargin  uint8         // of LinkCheckAns: dB above the demodulation floor
	Gateways    uint8         // of LinkCheckAns: how many heard the request; 0 without an answer
	LinkChecked bool          // there was a LinkCheckAns
}

// Windows returns when and where the device listens: RX1 and RX2 after its
// last transmission, until it hears a frame in one of them, and for a class C
// device with a session the channel of RX2 with Delay 0. PowerDBm is 0.
func (d *Device) Windows() []radio.Window {
	var out []radio.Window
	if d.st.last.open {
		out = append(out, d.st.last.windows[:]...)
	}
	if d.cfg.ClassC && d.st.joined {
		if w, err := d.region.rx2(d.st.params); err == nil {
			out = append(out, w)
		}
	}
	return out
}

// Hear is a frame that arrives in the given window. It is an error, and changes
// nothing, when the device does not listen with that delay, frequency and data
// rate, when the frame is longer than they allow, when its MIC is wrong, when
// its counter was used before, or when it is for somebody else.
func (d *Device) Hear(phy []byte, w radio.Window) (*Heard, error) {
	st := d.st.clone()
	h, err := d.hear(&st, phy, w)
	if err != nil {
		return nil, fmt.Errorf("device %s: %d bytes after %s on %d Hz: %w", d.cfg.DevEUI, len(phy), w.Delay, w.FreqHz, err)
	}
	d.st = st
	return h, nil
}

func (d *Device) hear(st *state, phy []byte, w radio.Window) (*Heard, error) {
	if !d.listens(w) {
		return nil, fmt.Errorf("it does not listen there with %+v", w.DataRate)
	}
	if len(phy) < 12 {
		return nil, errors.New("too short for a frame")
	}
	dr, ok := d.region.index(false, w.DataRate)
	if !ok {
		return nil, fmt.Errorf("no downlink has %+v", w.DataRate)
	}
	limit, err := d.region.maxMACPayload(dr)
	if err != nil {
		return nil, err
	}
	if n := len(phy) - 5; n > limit { // MHDR and MIC
		return nil, fmt.Errorf("MACPayload of %d bytes, DR%d has room for %d", n, dr, limit)
	}
	if phy[0]&0x1f != 0 {
		return nil, fmt.Errorf("MHDR %#02x is not of LoRaWAN R1", phy[0])
	}
	switch t := lorawan.MType(phy[0] >> 5); t {
	case lorawan.JoinAccept:
		if w.Delay == 0 {
			return nil, errors.New("join accept outside RX1 and RX2")
		}
		return d.hearAccept(st, phy)
	case lorawan.UnconfirmedDataDown, lorawan.ConfirmedDataDown:
		return d.hearData(st, phy, w.Delay > 0)
	default:
		return nil, fmt.Errorf("%s is not for devices", t)
	}
}

// listens compares all but the power, of which the device knows nothing.
func (d *Device) listens(w radio.Window) bool {
	w.PowerDBm = 0
	for _, own := range d.Windows() {
		if own == w {
			return true
		}
	}
	return false
}

// hearData is Hear for a data frame. classA: it came in RX1 or RX2.
func (d *Device) hearData(st *state, raw []byte, classA bool) (*Heard, error) {
	if !st.joined {
		return nil, errors.New("data before the join")
	}
	if classA && st.last.join {
		return nil, errors.New("data after a join request")
	}
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(bytes.Clone(raw)); err != nil {
		return nil, err
	}
	mac, ok := phy.MACPayload.(*lorawan.MACPayload)
	if !ok {
		return nil, fmt.Errorf("payload is %T", phy.MACPayload)
	}
	if mac.FHDR.DevAddr != st.session.DevAddr {
		return nil, fmt.Errorf("it is for %s", mac.FHDR.DevAddr)
	}
	if mac.FPort != nil && *mac.FPort == 0 && len(mac.FHDR.FOpts) > 0 {
		return nil, errors.New("MAC commands in FOpts and on port 0")
	}
	counter := &st.session.NFCntDown
	if st.modern && mac.FPort != nil && *mac.FPort > 0 {
		counter = &st.session.AFCntDown
	}
	fCnt, err := d.fullCounter(*counter, uint16(mac.FHDR.FCnt))
	if err != nil {
		return nil, err
	}
	mac.FHDR.FCnt = fCnt
	if err := checkMIC(st, &phy); err != nil {
		return nil, fmt.Errorf("counter %d: %w", fCnt, err)
	}
	h := &Heard{
		Port:      mac.FPort,
		Confirmed: phy.MHDR.MType == lorawan.ConfirmedDataDown,
		Ack:       mac.FHDR.FCtrl.ACK,
		FPending:  mac.FHDR.FCtrl.FPending,
		FCnt:      fCnt,
	}
	cmds, err := decrypt(st, mac, h)
	if err != nil {
		return nil, err
	}
	*counter = fCnt + 1
	d.heardFrom(st, h, classA)
	d.obey(st, cmds, h)
	return h, nil
}

// maxGap is by how much a counter may be ahead, MAX_FCNT_GAP: more frames must
// not get lost. LoRaWAN 1.0.4 and 1.1 have no such limit.
const maxGap = 16384

// fullCounter returns the lowest counter from next on that ends in low.
func (d *Device) fullCounter(next uint32, low uint16) (uint32, error) {
	gap := low - uint16(next) // modulo 2^16
	full := uint64(next) + uint64(gap)
	if full >= math.MaxUint32 {
		return 0, fmt.Errorf("counter %d is beyond the last", full)
	}
	if d.version < v104 && gap >= maxGap {
		return 0, fmt.Errorf("counter ends in %d: it was used before or is too far from the next, %d", low, next)
	}
	return uint32(full), nil
}

func checkMIC(st *state, phy *lorawan.PHYPayload) error {
	v := lorawan.LoRaWAN1_0
	if st.modern {
		v = lorawan.LoRaWAN1_1
	}
	ok, err := phy.ValidateDownlinkDataMIC(v, st.confirmed, st.session.SNwkSIntKey)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("MIC %s is wrong, or the counter was used before", phy.MIC)
	}
	return nil
}

// decrypt sets the payload of h and returns the bytes of the MAC commands.
func decrypt(st *state, mac *lorawan.MACPayload, h *Heard) (cmds []byte, err error) {
	s, f := st.session, mac.FHDR
	if cmds, err = payloadBytes(f.FOpts); err != nil {
		return nil, err
	}
	app := mac.FPort != nil && *mac.FPort > 0
	if st.modern && len(cmds) > 0 {
		// Errata of 1.1: the counter's name is part of the key stream.
		if cmds, err = lorawan.EncryptFOpts(s.NwkSEncKey, app, false, f.DevAddr, f.FCnt, cmds); err != nil {
			return nil, fmt.Errorf("decrypt MAC commands: %w", err)
		}
	}
	payload, err := payloadBytes(mac.FRMPayload)
	if err != nil || len(payload) == 0 {
		return cmds, err
	}
	key := s.NwkSEncKey
	if app {
		key = s.AppSKey
	}
	if payload, err = lorawan.EncryptFRMPayload(key, false, f.DevAddr, f.FCnt, payload); err != nil {
		return nil, fmt.Errorf("decrypt payload: %w", err)
	}
	if app {
		h.Payload = payload
		return cmds, nil
	}
	return payload, nil
}

func payloadBytes(payloads []lorawan.Payload) ([]byte, error) {
	var out []byte
	for _, p := range payloads {
		b, err := p.MarshalBinary()
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// heardFrom notes that the network was heard, before its commands are obeyed.
func (d *Device) heardFrom(st *state, h *Heard, classA bool) {
	if h.Confirmed {
		st.ack, st.ackFCnt = true, h.FCnt
	}
	if h.Ack {
		st.last.answered = true
	}
	if classA || d.version != v104 { // 1.0.4 §4.3.1.1 counts class A downlinks only
		st.silent = 0
	}
	if !classA {
		return
	}
	st.last.open = false
	if !st.last.confirmed || d.version >= v104 {
		st.last.answered = true
	}
	st.settled()
}
