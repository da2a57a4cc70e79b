package lorawan

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// netID is that of a private or experimental network (TS002: 000000).
var netID = lorawan.NetID{0, 0, 0}

// maxJoinNonce is the last join nonce: it has 24 bits (§6.2.3).
const maxJoinNonce = 1<<24 - 1

// nonceMinutes returns the least join nonce of a time: the minutes since 2020.
// That of 24 November 2051, 20:15 UTC, is the last.
func nonceMinutes(t time.Time) int64 {
	return t.Unix()/60 - time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()/60
}

// nextJoinNonce returns the nonce for a join heard at the instant now, after
// the last one that is known; 0: none is. It follows that one, but is no less
// than the minutes since 2020. So it is also above those that a lost database
// knew, for a device that joins less than once a minute: one of 1.0.4 or 1.1
// refuses any other, and the same nonces once more would give the same session
// keys. A clock that is not set is no reason to be silent: then Earliest stands
// for it, and the first join after it is set makes up for that.
func (n *Network) nextJoinNonce(last uint32, now time.Time) (lorawan.JoinNonce, error) {
	least := max(nonceMinutes(now), nonceMinutes(n.cfg.Earliest))
	if least > maxJoinNonce {
		if last == 0 {
			return 0, fmt.Errorf("a join nonce counts the minutes since 2020 up to %d, and the clock says %d: is %s right?", maxJoinNonce, least, now.UTC().Format(time.DateTime))
		}
		least = 0 // the known ones go on
	}
	next := max(int64(last)+1, least)
	if next > maxJoinNonce {
		return 0, fmt.Errorf("all join nonces of the device up to %d are used up: it needs another DevEUI", maxJoinNonce)
	}
	return lorawan.JoinNonce(next), nil
}

// join answers a join request (§6.2). The new session is pending until the
// device uses it, so that a lost accept does not cost the session it has.
func (n *Network) join(rx []radio.Frame) Decision {
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(rx[0].PHYPayload); err != nil {
		return Decision{Dropped: Malformed, Detail: err}
	}
	req, ok := phy.MACPayload.(*lorawan.JoinRequestPayload)
	if !ok {
		return Decision{Dropped: Malformed, Detail: fmt.Errorf("join request holds a %T", phy.MACPayload)}
	}
	d, ok := n.devices[req.DevEUI]
	if !ok || d.ABP || d.JoinEUI != req.JoinEUI {
		return Decision{Dropped: UnknownDevice, Detail: fmt.Errorf("no device with DevEUI %s and JoinEUI %s joins here", req.DevEUI, req.JoinEUI)}
	}
	drop := func(r Reason, err error) Decision {
		return Decision{DevEUI: req.DevEUI, Dropped: r, Detail: err}
	}
	root, name := d.AppKey, "AppKey"
	if d.v11() {
		root, name = d.NwkKey, "NwkKey"
	}
	if ok, err := phy.ValidateUplinkJoinMIC(root); err != nil || !ok {
		return drop(WrongMIC, fmt.Errorf("MIC of the join request is wrong: is the %s that of device %s?", name, req.DevEUI))
	}
	if d.state.used(req.DevNonce, d.countsNonces()) {
		return drop(NonceUsed, d.usedNonce(req.DevNonce))
	}
	nonce, err := n.nextJoinNonce(d.state.JoinNonce, rx[0].Heard)
	if err != nil {
		return drop(NonceUsed, err)
	}
	addr, err := n.newDevAddr()
	if err != nil {
		return drop(NoAnswer, err)
	}
	session := n.joined(d, addr, nonce, req.DevNonce, rx[0].Heard)
	down, err := n.joinAccept(d, addr, nonce, req, rx)
	if err != nil {
		return drop(NoAnswer, fmt.Errorf("join accept: %w", err))
	}
	if d.state.Pending != nil {
		n.dropAddr(d.state.Pending.DevAddr, d)
	}
	d.state.JoinNonce = uint32(nonce)
	d.state.noteNonce(req.DevNonce, d.countsNonces())
	d.state.Pending = session
	n.addAddr(d)
	dec := Decision{DevEUI: req.DevEUI, Join: &Join{DevNonce: req.DevNonce, DevAddr: addr}, Down: down, Gateway: down.Gateway}
	dec.save(d)
	return dec
}

func (d *device) usedNonce(n lorawan.DevNonce) error {
	if d.countsNonces() {
		return fmt.Errorf("DevNonce %d is not above %d, the last one: has the device forgotten its counter? Then its nonces must be flushed", n, d.state.DevNonces[len(d.state.DevNonces)-1])
	}
	return fmt.Errorf("DevNonce %d was used before: has the device forgotten its nonces? Then they must be flushed", n)
}

// joined returns the session that a join begins.
func (n *Network) joined(d *device, addr lorawan.DevAddr, nonce lorawan.JoinNonce, devNonce lorawan.DevNonce, now time.Time) *Session {
	s := &Session{
		DevAddr: addr, V11: d.v11(), Radio: n.accepted(), Link: Link{NbTrans: 1, Channels: n.standard},
		MaxDR: n.maxDR, MaxTXPower: n.maxTXPower,
	}
	if n.cfg.StatusEvery > 0 {
		s.StatusAsked = now.Add(statusAfter - n.cfg.StatusEvery).Truncate(time.Second)
	}
	if n.band.GetCFList(d.version()) != nil {
		s.Link.Channels = n.enabled
	}
	s.derive(&d.Device, nonce, devNonce)
	return s
}

// derive computes the session keys (§6.2.3; of 1.1 TS001-1.1 §6.2.5).
func (s *Session) derive(d *Device, nonce lorawan.JoinNonce, devNonce lorawan.DevNonce) {
	in := []byte{byte(nonce), byte(nonce >> 8), byte(nonce >> 16)}
	if !s.V11 {
		in = append(in, netID[2], netID[1], netID[0])
		in = binary.LittleEndian.AppendUint16(in, uint16(devNonce))
		s.NwkSKey, s.AppSKey = derive(d.AppKey, 1, in...), derive(d.AppKey, 2, in...)
		return
	}
	in = append(in, reversed(d.JoinEUI)...)
	in = binary.LittleEndian.AppendUint16(in, uint16(devNonce))
	s.NwkSKey, s.SNwkSIntKey, s.NwkSEncKey = derive(d.NwkKey, 1, in...), derive(d.NwkKey, 3, in...), derive(d.NwkKey, 4, in...)
	s.AppSKey = derive(d.AppKey, 2, in...)
}

// reversed returns an EUI as it is on the air, least significant byte first.
func reversed(e lorawan.EUI64) []byte {
	slices.Reverse(e[:])
	return e[:]
}

// accepted returns the radio of a device that has just joined: what is wanted,
// as far as the accept can say it.
func (n *Network) accepted() Radio {
	r := n.defaults
	r.RX1Delay, r.RX1DROffset, r.RX2DR = n.cfg.Radio.RX1Delay, n.cfg.Radio.RX1DROffset, n.cfg.Radio.RX2DR
	return r
}

// joinAccept builds the answer to a join request and books it.
func (n *Network) joinAccept(d *device, addr lorawan.DevAddr, nonce lorawan.JoinNonce, req *lorawan.JoinRequestPayload, rx []radio.Frame) (*radio.Downlink, error) {
	r := n.accepted()
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.JoinAccept, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.JoinAcceptPayload{
			JoinNonce: nonce, HomeNetID: netID, DevAddr: addr,
			DLSettings: lorawan.DLSettings{OptNeg: d.v11(), RX2DataRate: r.RX2DR, RX1DROffset: r.RX1DROffset},
			RXDelay:    r.RX1Delay,
			CFList:     n.band.GetCFList(d.version()),
		},
	}
	sign, encrypt := d.AppKey, d.AppKey
	if d.v11() {
		sign, encrypt = derive(d.NwkKey, 6, reversed(d.DevEUI)...), d.NwkKey // JSIntKey
	}
	if err := phy.SetDownlinkJoinMIC(lorawan.JoinRequestType, req.JoinEUI, req.DevNonce, sign); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if err := phy.EncryptJoinAcceptPayload(encrypt); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	data, err := phy.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	o := order{device: d, session: &Session{Radio: n.defaults}, at: rx[0].Heard, phy: data}
	return n.fromBest(o, rx, n.joinWindows)
}

// joinWindows returns the receive windows after a join request: those of the
// region's defaults, whatever the last session had (§6.2.5).
func (n *Network) joinWindows(o *order, rx *radio.Frame) ([]window, error) {
	windows, err := n.windows(o, rx)
	delay := n.band.GetDefaults().JoinAcceptDelay1 - n.band.GetDefaults().ReceiveDelay1
	for i := range windows {
		windows[i].Delay += delay
	}
	return windows, err
}

// newDevAddr draws an address of the network that no device has yet.
func (n *Network) newDevAddr() (lorawan.DevAddr, error) {
	for range 100 {
		var addr lorawan.DevAddr
		if _, err := io.ReadFull(n.cfg.Rand, addr[:]); err != nil {
			return addr, fmt.Errorf("draw a device address: %w", err)
		}
		addr.SetAddrPrefix(netID)
		if len(n.byAddr[addr]) == 0 {
			return addr, nil
		}
	}
	return lorawan.DevAddr{}, fmt.Errorf("draw a device address: all that were tried are taken")
}
