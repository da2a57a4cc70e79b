package enddevice

import (
	"crypto/aes"
	"errors"
	"fmt"
	"time"

	"github.com/brocaar/lorawan"
)

// JoinRequest returns a join request with the next DevNonce: in 1.0.4 and 1.1
// a counter (§6.2.4, §6.2.5), before that a pseudo-random value that was never
// used before. A session that the device has remains until the accept comes.
func (d *Device) JoinRequest() (Transmission, error) {
	if d.cfg.Session != nil {
		return Transmission{}, fmt.Errorf("join of device %s: its session is printed on it", d.cfg.DevEUI)
	}
	st := d.st.clone()
	if st.nonces+uint32(st.firstNonce) > 0xffff && d.version >= v104 || st.nonces > 0xffff {
		return Transmission{}, fmt.Errorf("join of device %s: all DevNonces are used up after %d requests", d.cfg.DevEUI, st.nonces)
	}
	st.devNonce = d.nonce(st.nonces)
	ch, dr := d.joinChannel(st.nonces)
	st.nonces++

	phy := lorawan.PHYPayload{
		MHDR:       lorawan.MHDR{MType: lorawan.JoinRequest},
		MACPayload: &lorawan.JoinRequestPayload{JoinEUI: d.cfg.JoinEUI, DevEUI: d.cfg.DevEUI, DevNonce: st.devNonce},
	}
	if err := phy.SetUplinkJoinMIC(d.rootKey()); err != nil {
		return Transmission{}, fmt.Errorf("join of device %s: %w", d.cfg.DevEUI, err)
	}
	def := d.region.defaults()
	st.last = sent{join: true, channel: ch, dr: dr, freqHz: def.channels[ch].upHz}
	def.rx1Delay = d.region.plan.GetDefaults().JoinAcceptDelay1
	t, err := d.transmit(&st, phy, def)
	if err != nil {
		return Transmission{}, fmt.Errorf("join of device %s: %w", d.cfg.DevEUI, err)
	}
	d.st = st
	return t, nil
}

// rootKey is the key that join requests are signed and accepts encrypted with.
func (d *Device) rootKey() lorawan.AES128Key {
	if d.version == v110 {
		return d.cfg.NwkKey
	}
	return d.cfg.AppKey
}

// nonce returns the n-th DevNonce, counted from 0.
func (d *Device) nonce(n uint32) lorawan.DevNonce {
	if d.version >= v104 {
		return lorawan.DevNonce(uint32(d.st.firstNonce) + n)
	}
	// A linear congruential generator modulo 2^16 with a-1 a multiple of 4 and
	// an odd increment goes through all values before one comes again.
	x := d.st.firstNonce
	c := uint16(d.cfg.DevEUI[6])<<8 | uint16(d.cfg.DevEUI[7]) | 1
	for range n + 1 {
		x = x*25173 + c
	}
	return lorawan.DevNonce(x)
}

// joinChannel returns where the n-th join request goes. In a fixed plan it is
// by turns on one of the 64 channels of 125 kHz, of another block of eight
// each time, and on one of the 8 of 500 kHz (RP002 §2.5.2).
func (d *Device) joinChannel(n uint32) (ch, dr int) {
	if d.region.fixed {
		turn := int(n / 2)
		if n%2 == 1 {
			return 64 + turn%8, 4
		}
		return turn%8*8 + turn/8%8, 0
	}
	return int(n) % d.region.defaultCount, min(d.st.dr, 5) // the default channels end at DR5
}

// hearAccept is Hear for a join accept. Who has not asked is not meant.
func (d *Device) hearAccept(st *state, phy []byte) (*Heard, error) {
	if !st.last.join || !st.last.open {
		return nil, errors.New("join accept: the device has not asked to join")
	}
	if n := len(phy); n != 17 && n != 33 {
		return nil, fmt.Errorf("join accept of %d bytes: want 17, or 33 with a channel list", n)
	}
	plain, err := decryptAccept(d.rootKey(), phy[1:])
	if err != nil {
		return nil, fmt.Errorf("join accept: %w", err)
	}
	body, mic := plain[:len(plain)-4], lorawan.MIC(plain[len(plain)-4:])
	var accept lorawan.JoinAcceptPayload
	if err := accept.UnmarshalBinary(false, body); err != nil {
		return nil, fmt.Errorf("join accept: %w", err)
	}
	modern := d.version == v110 && accept.DLSettings.OptNeg
	if err := d.checkAccept(st, body, &accept, mic, modern); err != nil {
		return nil, err
	}
	session, err := d.derive(st, &accept, modern)
	if err != nil {
		return nil, fmt.Errorf("join accept: %w", err)
	}
	if err := d.applyAccept(st, &accept); err != nil {
		return nil, err
	}
	st.start(session, modern)
	st.joinNonce = int64(accept.JoinNonce)
	st.rekeyInd = modern
	st.modeInd = modern && d.cfg.ClassC
	return &Heard{Join: true}, nil
}

// decryptAccept undoes what the network did with the decryption of AES, so
// that a device needs only the encryption (§6.2.5).
func decryptAccept(key lorawan.AES128Key, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += aes.BlockSize {
		block.Encrypt(out[i:i+aes.BlockSize], data[i:i+aes.BlockSize])
	}
	return out, nil
}

// checkAccept is an error when the accept's integrity code is wrong or its
// JoinNonce is not above the last one, where the version counts them.
func (d *Device) checkAccept(st *state, body []byte, accept *lorawan.JoinAcceptPayload, mic lorawan.MIC, modern bool) error {
	var ok bool
	var err error
	if modern {
		key, kerr := deriveKey(d.cfg.NwkKey, 0x06, d.cfg.DevEUI)
		if kerr != nil {
			return fmt.Errorf("join accept: %w", kerr)
		}
		phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.JoinAccept}, MACPayload: accept, MIC: mic}
		ok, err = phy.ValidateDownlinkJoinMIC(lorawan.JoinRequestType, d.cfg.JoinEUI, st.devNonce, key)
	} else {
		// The CMAC of 1.0 is over the header and the body as they came. That is
		// what brocaar computes for any payload of a join request; its function
		// for accepts takes the bit OptNeg for that of 1.1.
		phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.JoinAccept}, MACPayload: &lorawan.DataPayload{Bytes: body}, MIC: mic}
		ok, err = phy.ValidateUplinkJoinMIC(d.rootKey())
	}
	if err != nil {
		return fmt.Errorf("join accept: %w", err)
	}
	if !ok {
		return fmt.Errorf("join accept: MIC %s is wrong", mic)
	}
	counts := modern || d.version == v104
	if n := int64(accept.JoinNonce); counts && n <= st.joinNonce {
		return fmt.Errorf("join accept: JoinNonce %d is not above the last, %d", n, st.joinNonce)
	}
	return nil
}

// derive returns the session that follows from an accept (§6.2.5 of 1.0,
// §6.2.6 of 1.1).
func (d *Device) derive(st *state, a *lorawan.JoinAcceptPayload, modern bool) (Session, error) {
	s := Session{DevAddr: a.DevAddr}
	keys := []struct {
		dst  *lorawan.AES128Key
		root lorawan.AES128Key
		typ  byte
	}{
		{&s.FNwkSIntKey, d.rootKey(), 0x01},
		{&s.AppSKey, d.rootKey(), 0x02},
	}
	rest := []marshaler{a.JoinNonce, a.HomeNetID, st.devNonce}
	if modern {
		rest = []marshaler{a.JoinNonce, d.cfg.JoinEUI, st.devNonce}
		keys[1].root = d.cfg.AppKey
		keys = append(keys, keys[0], keys[0])
		keys[2].dst, keys[2].typ = &s.SNwkSIntKey, 0x03
		keys[3].dst, keys[3].typ = &s.NwkSEncKey, 0x04
	}
	for _, k := range keys {
		key, err := deriveKey(k.root, k.typ, rest...)
		if err != nil {
			return Session{}, err
		}
		*k.dst = key
	}
	if !modern {
		s.SNwkSIntKey, s.NwkSEncKey = s.FNwkSIntKey, s.FNwkSIntKey
	}
	return s, nil
}

type marshaler interface{ MarshalBinary() ([]byte, error) }

// deriveKey encrypts the type of a key and what it is made of, filled up with
// zeroes.
func deriveKey(root lorawan.AES128Key, typ byte, of ...marshaler) (lorawan.AES128Key, error) {
	plain := []byte{typ}
	for _, m := range of {
		b, err := m.MarshalBinary()
		if err != nil {
			return lorawan.AES128Key{}, fmt.Errorf("derive key %d: %w", typ, err)
		}
		plain = append(plain, b...)
	}
	block, err := aes.NewCipher(root[:])
	if err != nil {
		return lorawan.AES128Key{}, fmt.Errorf("derive key %d: %w", typ, err)
	}
	var key, in lorawan.AES128Key
	copy(in[:], plain)
	block.Encrypt(key[:], in[:])
	return key, nil
}

// applyAccept resets the radio to the region's defaults and then sets what the
// accept says. The data rate stays, as far as the channels allow it.
func (d *Device) applyAccept(st *state, a *lorawan.JoinAcceptPayload) error {
	dr := st.dr
	st.params = d.region.defaults()
	offset, rx2 := int(a.DLSettings.RX1DROffset), int(a.DLSettings.RX2DataRate)
	if !d.region.hasOffset(offset) || !d.region.has(false, rx2) {
		return fmt.Errorf("join accept: RX1 offset %d and RX2 DR%d: %s does not have both", offset, rx2, d.region.plan.Name())
	}
	st.rx1Offset, st.rx2DR = offset, rx2
	st.rx1Delay = delay(a.RXDelay)
	if a.CFList != nil {
		d.applyCFList(st, a.CFList)
	}
	var ok bool
	if st.dr, ok = d.region.fit(st.channels, dr); !ok {
		return errors.New("join accept: no channel that it leaves allows a data rate")
	}
	return nil
}

// delay returns what the field of a delay means: 0 is 1 s like 1, and the
// upper four bits are reserved.
func delay(field uint8) time.Duration {
	return max(time.Duration(field&0x0f), 1) * time.Second
}

// applyCFList sets the channels of a join accept: up to five frequencies after
// the default channels, or in a fixed plan the masks of all channels. A list
// of the other kind is ignored, and so are masks before 1.0.3, when US915 had
// none.
func (d *Device) applyCFList(st *state, list *lorawan.CFList) {
	switch pl := list.Payload.(type) {
	case *lorawan.CFListChannelPayload:
		if d.region.fixed || list.CFListType != lorawan.CFListChannel {
			return
		}
		for i, hz := range pl.Channels {
			if d.region.inBand(hz) {
				st.channels[d.region.defaultCount+i] = channel{upHz: hz, downHz: hz, maxDR: 5, enabled: true}
			}
		}
	case *lorawan.CFListChannelMaskPayload:
		if !d.region.fixed || d.version < v103 {
			return
		}
		enabled := make([]bool, len(st.channels))
		some := false
		for i := range enabled {
			if i/16 < len(pl.ChannelMasks) {
				enabled[i] = pl.ChannelMasks[i/16][i%16]
				some = some || enabled[i]
			}
		}
		if some {
			setEnabled(st.channels, enabled)
		}
	}
}

func setEnabled(channels []channel, enabled []bool) {
	for i := range channels {
		channels[i].enabled = enabled[i]
	}
}
