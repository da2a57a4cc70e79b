package simulate

import (
	"crypto/aes"
	"fmt"
	"math"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/uplink"
)

// node is the radio of a sensor: a LoRaWAN 1.0.3 end device, class A, EU868.
// Its fields are guarded by Fleet.mu.
type node struct {
	joined   bool
	session  session
	nonce    uint16        // the last DevNonce used
	joining  chan struct{} // closed by the accept; nil when no join request is out
	fCntDown uint32        // the next one to be believed; not kept over a restart
	ack      bool          // the next uplink acknowledges a downlink
	fOpts    []byte        // answers to MAC commands, for the next uplink
	frame    []byte        // the last uplink, to send it again
	windows  [8]window     // the last receptions, after which the device listens
	opened   int           // how many windows were opened so far
}

// session is what a device agrees on with the network when it joins.
type session struct {
	addr             lorawan.DevAddr
	nwkSKey, appSKey lorawan.AES128Key
	rxDelay          time.Duration // of the first receive window after an uplink
	rx1Offset        uint8
	rx2DR            uint8
}

// window is the time after one reception of an uplink at which the device
// listens for an answer.
type window struct {
	gateway int
	counter uint32        // of the gateway at the reception
	sent    time.Time     // by the wall clock
	delay   time.Duration // of the first of the two windows
	freqHz  uint32
	sf      int // of the first window
	sf2     int // of the second
}

// The receive windows of EU868.
const (
	joinDelay = 5 * time.Second
	rx2FreqHz = 869_525_000
	grace     = 2 * time.Second // that a downlink may be late by the wall clock
)

// personalise gives the node its session when the keys are those of one.
func (n *node) personalise(k devices.Keys) {
	if !k.ABP() {
		return
	}
	n.joined = true
	n.session = session{
		addr:    lorawan.DevAddr(k.DevAddr),
		nwkSKey: lorawan.AES128Key(k.NwkSKey), appSKey: lorawan.AES128Key(k.AppSKey),
		rxDelay: time.Second,
	}
}

// joinRequest builds the frame with which the sensor asks to join.
func (s *sensor) joinRequest(nonce uint16) ([]byte, error) {
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.JoinRequest, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.JoinRequestPayload{
			JoinEUI:  lorawan.EUI64(s.device.JoinEUI),
			DevEUI:   lorawan.EUI64(s.device.EUI),
			DevNonce: lorawan.DevNonce(nonce),
		},
	}
	if err := phy.SetUplinkJoinMIC(lorawan.AES128Key(s.device.Keys.AppKey)); err != nil {
		return nil, fmt.Errorf("join request of %s: %w", s.device.EUI, err)
	}
	return phy.MarshalBinary()
}

// joinAccept reads the answer to the join request with that DevNonce, and
// reports false when it is not for this sensor.
func (s *sensor) joinAccept(frame []byte, nonce uint16) (session, bool) {
	key := lorawan.AES128Key(s.device.Keys.AppKey)
	var phy lorawan.PHYPayload
	if phy.UnmarshalBinary(frame) != nil || phy.DecryptJoinAcceptPayload(key) != nil {
		return session{}, false
	}
	ok, err := phy.ValidateDownlinkJoinMIC(lorawan.JoinRequestType, lorawan.EUI64(s.device.JoinEUI), lorawan.DevNonce(nonce), key)
	accept, isAccept := phy.MACPayload.(*lorawan.JoinAcceptPayload)
	if err != nil || !ok || !isAccept {
		return session{}, false
	}
	out := session{
		addr:      accept.DevAddr,
		rxDelay:   max(1, time.Duration(accept.RXDelay)) * time.Second,
		rx1Offset: accept.DLSettings.RX1DROffset,
		rx2DR:     accept.DLSettings.RX2DataRate,
	}
	out.nwkSKey = sessionKey(1, key, accept, nonce)
	out.appSKey = sessionKey(2, key, accept, nonce)
	return out, true
}

// frame builds the sensor's uplink of that record. The same record gives the
// same bytes.
func (s *sensor) frame(r *uplinkRecord, in session) ([]byte, error) {
	port := formats[s.kind].port
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp, Major: lorawan.LoRaWANR1},
	}
	if s.confirmed {
		phy.MHDR.MType = lorawan.ConfirmedDataUp
	}
	mac := &lorawan.MACPayload{
		FHDR:       lorawan.FHDR{DevAddr: in.addr, FCtrl: lorawan.FCtrl{ACK: r.ack}, FCnt: r.fCnt},
		FPort:      &port,
		FRMPayload: []lorawan.Payload{&lorawan.DataPayload{Bytes: r.payload}},
	}
	if len(r.fOpts) > 0 {
		mac.FHDR.FOpts = []lorawan.Payload{&lorawan.DataPayload{Bytes: r.fOpts}}
	}
	phy.MACPayload = mac
	if err := phy.EncryptFRMPayload(in.appSKey); err != nil {
		return nil, fmt.Errorf("uplink %d of %s: %w", r.fCnt, s.device.EUI, err)
	}
	if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, in.nwkSKey, in.nwkSKey); err != nil {
		return nil, fmt.Errorf("uplink %d of %s: %w", r.fCnt, s.device.EUI, err)
	}
	return phy.MarshalBinary()
}

// open lets the node listen after a reception by a gateway.
func (n *node) open(gateway int, f radio.Frame, now time.Time) {
	w := window{
		gateway: gateway, counter: uint32(f.Counter), sent: now, delay: n.session.rxDelay, freqHz: f.FreqHz,
		sf:  min(12, f.DataRate.SpreadingFactor+int(n.session.rx1Offset)),
		sf2: 12 - min(5, int(n.session.rx2DR)),
	}
	if !n.joined {
		w.delay, w.sf, w.sf2 = joinDelay, f.DataRate.SpreadingFactor, 12
	}
	n.windows[n.opened%len(n.windows)] = w
	n.opened++
}

// listens says when, by the wall clock, the receive window at the counter of d
// opened or opens, and whether d is sent as the node listens in it. There is
// no such window when ok is false.
func (n *node) listens(gateway int, d semtech.Order) (opens time.Time, hears, ok bool) {
	for _, w := range n.windows {
		if w.delay == 0 || w.gateway != gateway {
			continue
		}
		after := time.Duration(d.Counter-w.counter) * time.Microsecond
		sf := d.DataRate.SpreadingFactor
		switch after {
		case w.delay:
			return w.sent.Add(after), d.FreqHz == w.freqHz && sf == w.sf, true
		case w.delay + time.Second:
			return w.sent.Add(after), d.FreqHz == rx2FreqHz && sf == w.sf2, true
		}
	}
	return time.Time{}, false, false
}

// hear reads a data downlink. Nothing changes when the frame is not for this
// session or was heard before.
func (n *node) hear(frame []byte) {
	var phy lorawan.PHYPayload
	if !n.joined || phy.UnmarshalBinary(frame) != nil {
		return
	}
	mac, ok := phy.MACPayload.(*lorawan.MACPayload)
	if !ok || mac.FHDR.DevAddr != n.session.addr {
		return
	}
	full := n.fCntDown + uint32(uint16(mac.FHDR.FCnt)-uint16(n.fCntDown))
	mac.FHDR.FCnt = full
	if ok, err := phy.ValidateDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, n.session.nwkSKey); err != nil || !ok {
		return
	}
	n.fCntDown = full + 1
	n.ack = n.ack || phy.MHDR.MType == lorawan.ConfirmedDataDown
	if mac.FPort != nil && *mac.FPort == 0 && phy.DecryptFRMPayload(n.session.nwkSKey) == nil {
		n.answer(mac.FRMPayload)
	} else if phy.DecodeFOptsToMACCommands() == nil {
		n.answer(mac.FHDR.FOpts)
	}
}

// What the node says of itself: 212 of 254, 11 dB.
const (
	nodeBattery = 212
	nodeMargin  = 11
)

// answer prepares the answers to MAC commands. The node says how it is and
// refuses more channels than it has; others it skips.
func (n *node) answer(commands []lorawan.Payload) {
	for _, c := range commands {
		command, ok := c.(*lorawan.MACCommand)
		if !ok || len(n.fOpts) > 12 {
			continue
		}
		switch command.CID {
		case lorawan.DevStatusReq:
			n.fOpts = append(n.fOpts, byte(lorawan.DevStatusAns), nodeBattery, nodeMargin)
		case lorawan.NewChannelReq:
			n.fOpts = append(n.fOpts, byte(lorawan.NewChannelAns), 0)
		}
	}
}

// statusReadings is what becomes of the status in an uplink's MAC commands, if
// there is one.
func statusReadings(fOpts []byte) []uplink.Reading {
	for len(fOpts) > 0 {
		switch lorawan.CID(fOpts[0]) {
		case lorawan.DevStatusAns:
			level := math.Round(float64(nodeBattery-1)/253*1000) / 10
			return []uplink.Reading{{Quantity: "link_margin", Value: nodeMargin}, {Quantity: "battery_level", Value: level}}
		case lorawan.NewChannelAns:
			fOpts = fOpts[2:]
		default:
			return nil
		}
	}
	return nil
}

// sessionKey derives a key of a 1.0.x session: LoRaWAN 1.0.3 §6.2.5.
func sessionKey(kind byte, appKey lorawan.AES128Key, accept *lorawan.JoinAcceptPayload, nonce uint16) (key lorawan.AES128Key) {
	plain := [16]byte{kind, byte(accept.JoinNonce), byte(accept.JoinNonce >> 8), byte(accept.JoinNonce >> 16)}
	for i, b := range accept.HomeNetID {
		plain[6-i] = b // least significant byte first
	}
	plain[7], plain[8] = byte(nonce), byte(nonce>>8)
	block, _ := aes.NewCipher(appKey[:]) // 16 bytes are a valid key
	block.Encrypt(key[:], plain[:])
	return key
}

// EU868's channels that every device has.
var channels = [...]uint32{868_100_000, 868_300_000, 868_500_000}

// heardBy returns how gateway g, the sensor's ith, hears a frame that ends at
// that time since the start. Chance is that of the transmission.
func (s *sensor) heardBy(i int, g *gateway, frame []byte, at time.Duration, start time.Time, chance noise) radio.Frame {
	channel := channels[int(chance.with(10).unit()*float64(len(channels)))]
	chance = chance.with(11).with(uint64(i))
	loss := 63 + 31*math.Log10(max(s.distance[i], 30)/30) // dB less than 0 dBm
	rssi := clamp(-loss+4*chance.with(1).bell(), -128, -40)
	snr := clamp((rssi+117)/2.2+1.5*chance.with(2).bell(), -14, 11)
	// Frames of the same millisecond end at different microseconds, so that an
	// answer finds its device.
	ends := g.uptime + at + time.Duration(s.index%1000)*time.Microsecond
	return radio.Frame{
		PHYPayload: frame,
		Gateway:    g.eui,
		Time:       start.Add(at),
		Counter:    uint64(uint32(ends / time.Microsecond)),
		FreqHz:     channel,
		DataRate:   radio.DataRate{SpreadingFactor: s.sf, BandwidthKHz: 125},
		RSSIdBm:    int(math.Round(rssi)),
		SNRdB:      math.Round(snr*10) / 10,
	}
}
