package enddevice

import (
	"bytes"
	"fmt"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// Transmission is a frame that a device puts on the air.
type Transmission struct {
	PHYPayload []byte
	FreqHz     uint32
	DataRate   radio.DataRate
	Channel    int    // index of the channel
	DR         int    // index of the data rate
	TXPower    int    // index of the power; 0 is the highest
	FCnt       uint32 // of all 32 bits; 0 for a join request
}

// sent is the last transmission and what the device remembers of it.
type sent struct {
	join      bool
	phy       lorawan.PHYPayload // nil MACPayload: nothing was sent
	freqHz    uint32
	channel   int
	dr        int
	confirmed bool
	ackFCnt   uint32 // of the downlink that it acknowledges
	fCnt      uint32
	windows   [2]radio.Window // RX1 and RX2
	open      bool            // nothing was heard in them
	answered  bool            // it need not be sent again
}

// maxFOpts is how many bytes of MAC commands a frame has room for beside a
// payload (§4.3.1.6), overhead how many of its MACPayload are header and port.
const (
	maxFOpts = 15
	overhead = 8
)

// Uplink returns the next data frame, with the answers and requests that wait.
// On port 0 only they are sent, without payload. When they exceed 15 bytes,
// those that fit are sent beside a payload and the rest is dropped; a device
// that has a payload for later sends them all with Empty. It is an error, and
// changes nothing, when the payload is longer than MaxPayload.
func (d *Device) Uplink(port uint8, payload []byte, confirmed bool) (Transmission, error) {
	if port == 0 && len(payload) > 0 {
		return Transmission{}, fmt.Errorf("uplink of device %s: port 0 carries MAC commands, not a payload of %d bytes", d.cfg.DevEUI, len(payload))
	}
	return d.uplink(&port, payload, confirmed)
}

// Empty returns a data frame without port and payload, with the answers and
// requests that wait. When they exceed 15 bytes it goes to port 0, which has
// room for more at all data rates but the slowest of US915.
func (d *Device) Empty(confirmed bool) (Transmission, error) {
	return d.uplink(nil, nil, confirmed)
}

// MaxPayload returns the length in bytes of the longest payload that the next
// uplink has room for beside the MAC commands that wait, which come first
// (LoRaWAN 1.0.4 §5).
func (d *Device) MaxPayload() int {
	st := d.st.clone()
	d.backOff(&st)
	m, err := d.region.maxMACPayload(st.dr)
	if err != nil {
		return 0
	}
	room := m - overhead
	return room - len(cut(st.commands(), min(maxFOpts, room)))
}

func (d *Device) uplink(port *uint8, payload []byte, confirmed bool) (Transmission, error) {
	st := d.st.clone()
	t, err := d.build(&st, port, payload, confirmed)
	if err != nil {
		return Transmission{}, fmt.Errorf("uplink of device %s: %w", d.cfg.DevEUI, err)
	}
	d.st = st
	return t, nil
}

func (d *Device) build(st *state, port *uint8, payload []byte, confirmed bool) (Transmission, error) {
	if !st.joined {
		return Transmission{}, fmt.Errorf("it has not joined")
	}
	fCnt := st.session.FCntUp
	if usedUp(fCnt) {
		return Transmission{}, fmt.Errorf("counter %d is the last", fCnt)
	}
	d.backOff(st)
	ch, ok := d.region.next(st.channels, st.lastChannel, st.dr)
	if !ok {
		return Transmission{}, fmt.Errorf("no enabled channel allows DR%d", st.dr)
	}
	mac, err := d.fill(st, port, payload)
	if err != nil {
		return Transmission{}, err
	}
	mac.FHDR.DevAddr = st.session.DevAddr
	mac.FHDR.FCnt = fCnt
	mac.FHDR.FCtrl = lorawan.FCtrl{ADR: d.cfg.ADR, ADRACKReq: d.asks(st), ACK: st.ack}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp}, MACPayload: mac}
	if confirmed {
		phy.MHDR.MType = lorawan.ConfirmedDataUp
		st.confirmed = fCnt
	}
	if err := encrypt(st, &phy, mac); err != nil {
		return Transmission{}, err
	}
	st.last = sent{channel: ch, freqHz: st.channels[ch].upHz, dr: st.dr, confirmed: confirmed, ackFCnt: st.ackFCnt, fCnt: fCnt}
	st.lastChannel = ch
	st.session.FCntUp++
	st.silent++
	st.ack, st.ackFCnt = false, 0
	st.flushed()
	return d.transmitData(st, phy)
}

// fill puts MAC commands and payload where they go.
func (d *Device) fill(st *state, port *uint8, payload []byte) (*lorawan.MACPayload, error) {
	limit, err := d.region.maxMACPayload(st.dr)
	if err != nil {
		return nil, err
	}
	room := limit - overhead
	cmds := st.commands()
	mac := &lorawan.MACPayload{FPort: port}
	optsRoom := min(maxFOpts, room)
	if port == nil {
		optsRoom = min(maxFOpts, room+1) // there is no byte for the port
		if length(cmds) > optsRoom && room > optsRoom {
			mac.FPort = new(uint8)
		}
	}
	if mac.FPort != nil && *mac.FPort == 0 {
		if b := cut(cmds, room); len(b) > 0 {
			mac.FRMPayload = []lorawan.Payload{&lorawan.DataPayload{Bytes: b}}
		}
		return mac, nil
	}
	opts := cut(cmds, optsRoom)
	if room -= len(opts); len(payload) > 0 && len(payload) > room {
		return nil, fmt.Errorf("payload of %d bytes beside %d bytes of MAC commands: DR%d has room for %d", len(payload), len(opts), st.dr, room)
	}
	if len(opts) > 0 {
		mac.FHDR.FOpts = []lorawan.Payload{&lorawan.DataPayload{Bytes: opts}}
	}
	if len(payload) > 0 {
		mac.FRMPayload = []lorawan.Payload{&lorawan.DataPayload{Bytes: bytes.Clone(payload)}}
	}
	return mac, nil
}

// encrypt encrypts the payload, and in 1.1 the MAC commands beside it.
func encrypt(st *state, phy *lorawan.PHYPayload, mac *lorawan.MACPayload) error {
	key := st.session.AppSKey
	if mac.FPort != nil && *mac.FPort == 0 {
		key = st.session.NwkSEncKey
	}
	if err := phy.EncryptFRMPayload(key); err != nil {
		return fmt.Errorf("encrypt payload: %w", err)
	}
	if st.modern {
		if err := phy.EncryptFOpts(st.session.NwkSEncKey); err != nil {
			return fmt.Errorf("encrypt MAC commands: %w", err)
		}
	}
	return nil
}

// Repeat returns the last data frame once more, on the next channel, as a
// device does up to NbTrans times. The bytes are the same; in 1.1 without the
// integrity code, which depends on the channel. It is false when there is no
// such frame or when it has been answered: by any frame in RX1 or RX2, but
// before 1.0.4 only by an acknowledgement when it asked for one.
func (d *Device) Repeat() (Transmission, bool) {
	st := d.st.clone()
	if st.last.join || st.last.phy.MACPayload == nil || st.last.answered {
		return Transmission{}, false
	}
	ch, ok := d.region.next(st.channels, st.lastChannel, st.last.dr)
	if !ok {
		return Transmission{}, false
	}
	st.lastChannel, st.last.channel, st.last.freqHz = ch, ch, st.channels[ch].upHz
	t, err := d.transmitData(&st, st.last.phy)
	if err != nil {
		return Transmission{}, false // not for a frame that was sent before
	}
	d.st = st
	return t, true
}

// transmitData signs the frame for the channel in st.last and sends it.
func (d *Device) transmitData(st *state, phy lorawan.PHYPayload) (Transmission, error) {
	v := lorawan.LoRaWAN1_0
	if st.modern {
		v = lorawan.LoRaWAN1_1
	}
	s := st.session
	if err := phy.SetUplinkDataMIC(v, st.last.ackFCnt, uint8(st.last.dr), uint8(st.last.channel), s.FNwkSIntKey, s.SNwkSIntKey); err != nil {
		return Transmission{}, fmt.Errorf("MIC: %w", err)
	}
	return d.transmit(st, phy, st.params)
}

// transmit sends the frame as st.last says and opens the windows that follow,
// with the parameters that p says.
func (d *Device) transmit(st *state, phy lorawan.PHYPayload, p params) (Transmission, error) {
	b, err := phy.MarshalBinary()
	if err != nil {
		return Transmission{}, err
	}
	rate, ok := d.region.rate(st.last.dr)
	if !ok {
		return Transmission{}, fmt.Errorf("DR%d is unknown", st.last.dr)
	}
	rx1, err := d.region.rx1(p.channels, st.last.channel, st.last.dr, p.rx1Offset)
	if err != nil {
		return Transmission{}, err
	}
	rx2, err := d.region.rx2(p)
	if err != nil {
		return Transmission{}, err
	}
	rx1.Delay, rx2.Delay = p.rx1Delay, p.rx1Delay+time.Second
	st.last.phy, st.last.windows, st.last.open = phy, [2]radio.Window{rx1, rx2}, true
	return Transmission{
		PHYPayload: b,
		FreqHz:     st.last.freqHz,
		DataRate:   rate,
		Channel:    st.last.channel,
		DR:         st.last.dr,
		TXPower:    p.power,
		FCnt:       st.last.fCnt,
	}, nil
}
