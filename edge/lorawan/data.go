package lorawan

import (
	"bytes"
	"fmt"
	"math"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// FullFCnt returns the 32-bit uplink counter whose low half was sent as low,
// the first at or after next (§4.3.1.5). The caller checks the MIC with it
// before believing it.
func FullFCnt(next uint32, low uint16) uint32 {
	return next + uint32(low-uint16(next))
}

// lastFCnt is never accepted: after it the counter would begin anew under the
// same keys, and every old frame with it. Such a device has to join again.
const lastFCnt = math.MaxUint32

// data decides on a data frame. Nothing changes before the MIC is right.
func (n *Network) data(phy *lorawan.PHYPayload, rx *radio.Frame) Decision {
	mac, ok := phy.MACPayload.(*lorawan.MACPayload)
	if !ok {
		return Decision{Dropped: Malformed, Detail: fmt.Errorf("data frame holds a %T", phy.MACPayload)}
	}
	low := uint16(mac.FHDR.FCnt)
	candidates := n.byAddr[mac.FHDR.DevAddr]
	if len(candidates) == 0 {
		return Decision{Dropped: UnknownDevice, Detail: fmt.Errorf("no device with DevAddr %s", mac.FHDR.DevAddr)}
	}
	var repeat *Decision
	for _, d := range candidates {
		for _, s := range []*Session{d.state.Pending, d.state.Active} {
			if s == nil || s.DevAddr != mac.FHDR.DevAddr {
				continue
			}
			fCnt := FullFCnt(s.NextFCntUp, low)
			if fCnt >= s.NextFCntUp && fCnt != lastFCnt && validMIC(phy, mac, fCnt, s) {
				return n.accept(phy, mac, d, s, fCnt, rx)
			}
			// Not new. Is it an old one, or somebody else's?
			if old := fCnt - 1<<16; old < s.NextFCntUp && validMIC(phy, mac, old, s) {
				dec := n.refuseOld(phy, d, s, old, rx)
				repeat = &dec
			}
		}
	}
	if repeat != nil {
		return *repeat
	}
	d := candidates[0]
	return Decision{DevEUI: d.DevEUI, Dropped: WrongMIC,
		Detail: fmt.Errorf("MIC is wrong for the session of DevAddr %s: is the NwkSKey that of device %s?", mac.FHDR.DevAddr, d.DevEUI)}
}

// validMIC leaves fCnt in the header when the MIC is right, since decryption
// needs it there.
func validMIC(phy *lorawan.PHYPayload, mac *lorawan.MACPayload, fCnt uint32, s *Session) bool {
	mac.FHDR.FCnt = fCnt
	ok, err := phy.ValidateUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, s.NwkSKey, s.NwkSKey)
	return err == nil && ok
}

func (n *Network) accept(phy *lorawan.PHYPayload, mac *lorawan.MACPayload, d *device, s *Session, fCnt uint32, rx *radio.Frame) Decision {
	data := &Data{FCnt: fCnt, Lost: fCnt - s.NextFCntUp, Confirmed: phy.MHDR.MType == lorawan.ConfirmedDataUp}
	if dr, ok := n.drs[rx.DataRate]; ok {
		data.DR = uint8(dr)
	}
	if mac.FPort != nil {
		data.HasPort, data.FPort = true, *mac.FPort
		key := s.AppSKey
		if *mac.FPort == 0 {
			key = s.NwkSKey
		}
		plain, err := lorawan.EncryptFRMPayload(key, true, mac.FHDR.DevAddr, fCnt, payloadBytes(mac))
		if err != nil {
			return Decision{DevEUI: d.DevEUI, Dropped: Malformed, Detail: fmt.Errorf("decrypt payload: %w", err)}
		}
		data.Payload = plain
	}
	if s == d.state.Pending {
		if d.state.Active != nil && d.state.Active.DevAddr != s.DevAddr {
			n.dropAddr(d.state.Active.DevAddr, d)
		}
		d.state.Active, d.state.Pending = s, nil
	}
	s.NextFCntUp = fCnt + 1
	dec := Decision{DevEUI: d.DevEUI, Data: data}
	if data.Confirmed {
		dec.Down, dec.Detail = n.acknowledge(s, rx)
	}
	save := d.state.clone()
	dec.Save = &save
	return dec
}

// refuseOld drops a frame that was accepted before. The last one again is a
// repetition (§4.2.2, NbTrans); a confirmed one is answered once more, for
// the device repeats it because it did not hear the answer.
func (n *Network) refuseOld(phy *lorawan.PHYPayload, d *device, s *Session, fCnt uint32, rx *radio.Frame) Decision {
	if fCnt+1 != s.NextFCntUp {
		return Decision{DevEUI: d.DevEUI, Dropped: Replayed, Detail: fmt.Errorf("FCnt %d was seen before, the next is %d", fCnt, s.NextFCntUp)}
	}
	dec := Decision{DevEUI: d.DevEUI, Dropped: Repeated, Detail: fmt.Errorf("FCnt %d is repeated", fCnt)}
	if phy.MHDR.MType == lorawan.ConfirmedDataUp && s == d.state.Active {
		if down, err := n.acknowledge(s, rx); err == nil {
			save := d.state.clone()
			dec.Down, dec.Save = down, &save
		}
	}
	return dec
}

// acknowledge builds the empty downlink that confirms an uplink (§4.3.1.2) and
// takes a downlink counter for it.
func (n *Network) acknowledge(s *Session, rx *radio.Frame) (*radio.Downlink, error) {
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataDown, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.MACPayload{FHDR: lorawan.FHDR{
			DevAddr: s.DevAddr,
			FCtrl:   lorawan.FCtrl{ACK: true},
			FCnt:    s.NextFCntDown,
		}},
	}
	if err := phy.SetDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, s.NwkSKey); err != nil {
		return nil, fmt.Errorf("sign acknowledgement: %w", err)
	}
	down, err := n.answer(phy, rx, n.band.GetDefaults().ReceiveDelay1)
	if err != nil {
		return nil, err
	}
	s.NextFCntDown++
	return down, nil
}

// payloadBytes copies the FRMPayload, which is decrypted in place, while the
// frame that was heard stays as it was.
func payloadBytes(mac *lorawan.MACPayload) []byte {
	if len(mac.FRMPayload) == 0 {
		return nil
	}
	if p, ok := mac.FRMPayload[0].(*lorawan.DataPayload); ok {
		return bytes.Clone(p.Bytes)
	}
	return nil
}
