package lorawan

import (
	"crypto/aes"
	"fmt"
	"io"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// netID is that of a private or experimental network (TS002: 000000).
var netID = lorawan.NetID{0, 0, 0}

const (
	firstJoinNonce = 1
	maxJoinNonce   = 1<<24 - 1
)

// join answers a join request (§6.2). The new session is pending until the
// device uses it, so that a lost accept does not cost the session it has.
func (n *Network) join(rx *radio.Frame) Decision {
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(rx.PHYPayload); err != nil {
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
	if ok, err := phy.ValidateUplinkJoinMIC(d.AppKey); err != nil || !ok {
		return drop(WrongMIC, fmt.Errorf("MIC of the join request is wrong: is the AppKey that of the device?"))
	}
	if d.state.usedNonce(req.DevNonce) {
		return drop(NonceUsed, fmt.Errorf("DevNonce %d was used before", req.DevNonce))
	}
	if d.state.JoinNonce >= maxJoinNonce {
		return drop(NonceUsed, fmt.Errorf("all %d join nonces of the device are used up", maxJoinNonce))
	}
	addr, err := n.newDevAddr()
	if err != nil {
		return drop(Malformed, err)
	}
	nonce := max(d.state.JoinNonce+1, firstJoinNonce)
	session, err := deriveSession(d.AppKey, addr, lorawan.JoinNonce(nonce), req.DevNonce)
	if err != nil {
		return drop(Malformed, err)
	}
	accept, err := n.joinAccept(d, session.DevAddr, lorawan.JoinNonce(nonce), req, rx)
	if err != nil {
		return drop(Malformed, err)
	}
	if d.state.Pending != nil {
		n.dropAddr(d.state.Pending.DevAddr, d)
	}
	d.state.JoinNonce = nonce
	d.state.DevNonces = append(d.state.DevNonces, req.DevNonce)
	d.state.Pending = session
	n.addAddr(d)
	save := d.state.clone()
	return Decision{DevEUI: req.DevEUI, Join: &Join{DevNonce: req.DevNonce, DevAddr: addr}, Save: &save, Down: accept}
}

func (n *Network) joinAccept(d *device, addr lorawan.DevAddr, nonce lorawan.JoinNonce, req *lorawan.JoinRequestPayload, rx *radio.Frame) (*radio.Downlink, error) {
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.JoinAccept, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.JoinAcceptPayload{
			JoinNonce:  nonce,
			HomeNetID:  netID,
			DevAddr:    addr,
			DLSettings: lorawan.DLSettings{RX2DataRate: uint8(n.band.GetDefaults().RX2DataRate)},
			RXDelay:    uint8(n.band.GetDefaults().ReceiveDelay1.Seconds()),
		},
	}
	if err := phy.SetDownlinkJoinMIC(lorawan.JoinRequestType, req.JoinEUI, req.DevNonce, d.AppKey); err != nil {
		return nil, fmt.Errorf("sign join accept: %w", err)
	}
	if err := phy.EncryptJoinAcceptPayload(d.AppKey); err != nil {
		return nil, fmt.Errorf("encrypt join accept: %w", err)
	}
	return n.answer(phy, rx, n.band.GetDefaults().JoinAcceptDelay1)
}

// newDevAddr draws an address of the network that no device has yet.
func (n *Network) newDevAddr() (lorawan.DevAddr, error) {
	for range 100 {
		var addr lorawan.DevAddr
		if _, err := io.ReadFull(n.rand, addr[:]); err != nil {
			return addr, fmt.Errorf("draw a device address: %w", err)
		}
		addr.SetAddrPrefix(netID)
		if len(n.byAddr[addr]) == 0 {
			return addr, nil
		}
	}
	return lorawan.DevAddr{}, fmt.Errorf("draw a device address: all that were tried are taken")
}

// deriveSession computes the session keys of a 1.0.x join (§6.2.3):
// aes128_encrypt(AppKey, type | JoinNonce | NetID | DevNonce | pad).
func deriveSession(appKey lorawan.AES128Key, addr lorawan.DevAddr, nonce lorawan.JoinNonce, devNonce lorawan.DevNonce) (*Session, error) {
	block, err := aes.NewCipher(appKey[:])
	if err != nil {
		return nil, fmt.Errorf("derive session keys: %w", err)
	}
	var in [16]byte
	in[1], in[2], in[3] = byte(nonce), byte(nonce>>8), byte(nonce>>16)
	in[4], in[5], in[6] = netID[2], netID[1], netID[0]
	in[7], in[8] = byte(devNonce), byte(devNonce>>8)
	s := &Session{DevAddr: addr}
	in[0] = 1
	block.Encrypt(s.NwkSKey[:], in[:])
	in[0] = 2
	block.Encrypt(s.AppSKey[:], in[:])
	return s, nil
}
