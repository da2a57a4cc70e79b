package lorawan

import (
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
func (n *Network) data(rx []radio.Frame) Decision {
	f, err := parseData(rx[0].PHYPayload)
	if err != nil {
		return Decision{Dropped: Malformed, Detail: err}
	}
	candidates := n.byAddr[f.devAddr]
	if len(candidates) == 0 {
		return Decision{Dropped: UnknownDevice, Detail: unknownAddr(f.devAddr)}
	}
	var repeat *Decision
	for _, d := range candidates {
		for _, s := range [...]*Session{d.state.Pending, d.state.Active} {
			if s == nil || s.DevAddr != f.devAddr {
				continue
			}
			fCnt := FullFCnt(s.NextFCntUp, f.low)
			if fCnt >= s.NextFCntUp && fCnt != lastFCnt && s.ready().validMIC(&f, fCnt) {
				return n.accept(&f, d, s, fCnt, rx)
			}
			// Not new. Is it an old one, or somebody else's?
			if old := fCnt - 1<<16; old < s.NextFCntUp && s.ready().validMIC(&f, old) {
				dec := n.refuseOld(&f, d, s, old, rx)
				repeat = &dec
			}
		}
	}
	if repeat != nil {
		return *repeat
	}
	return Decision{DevEUI: candidates[0].DevEUI, Dropped: WrongMIC, Detail: wrongMIC{f.devAddr, candidates[0].DevEUI}}
}

// The errors of frames that strangers send all day are put into words only
// when somebody reads them.
type (
	unknownAddr lorawan.DevAddr
	wrongMIC    struct {
		addr   lorawan.DevAddr
		device lorawan.EUI64
	}
)

func (e unknownAddr) Error() string {
	return fmt.Sprintf("no device with DevAddr %s", lorawan.DevAddr(e))
}

func (e wrongMIC) Error() string {
	return fmt.Sprintf("MIC is wrong for the session of DevAddr %s: is the NwkSKey that of device %s?", e.addr, e.device)
}

func (n *Network) accept(f *dataFrame, d *device, s *Session, fCnt uint32, rx []radio.Frame) Decision {
	data := &Data{FCnt: fCnt, Lost: fCnt - s.NextFCntUp, Confirmed: f.confirmed, HasPort: f.hasPort, FPort: f.port}
	if dr, ok := n.drs[rx[0].DataRate]; ok {
		data.DR = uint8(dr)
	}
	commands := f.fOpts
	if f.hasPort {
		data.Payload = s.ready().decrypt(f, fCnt)
		if f.port == 0 {
			commands = data.Payload
		}
	}
	if s == d.state.Pending {
		if d.state.Active != nil && d.state.Active.DevAddr != s.DevAddr {
			n.dropAddr(d.state.Active.DevAddr, d)
		}
		d.state.Active, d.state.Pending = s, nil
	}
	s.NextFCntUp = fCnt + 1
	dec := Decision{DevEUI: d.DevEUI, Data: data}
	if answers := answers(commands, rx); f.confirmed || f.wantsWord || len(answers) > 0 {
		dec.Down, dec.Detail = n.reply(s, f.confirmed, answers, &rx[0])
	}
	save := d.state.clone()
	dec.Save = &save
	return dec
}

// refuseOld drops a frame that was accepted before. The last one again is a
// repetition (§4.2.2, NbTrans); a confirmed one is answered once more, for
// the device repeats it because it did not hear the answer.
func (n *Network) refuseOld(f *dataFrame, d *device, s *Session, fCnt uint32, rx []radio.Frame) Decision {
	if fCnt+1 != s.NextFCntUp {
		return Decision{DevEUI: d.DevEUI, Dropped: Replayed, Detail: fmt.Errorf("FCnt %d was seen before, the next is %d", fCnt, s.NextFCntUp)}
	}
	dec := Decision{DevEUI: d.DevEUI, Dropped: Repeated, Detail: fmt.Errorf("FCnt %d is repeated", fCnt)}
	if f.confirmed && s == d.state.Active {
		if down, err := n.reply(s, true, answers(f.fOpts, rx), &rx[0]); err == nil {
			save := d.state.clone()
			dec.Down, dec.Save = down, &save
		}
	}
	return dec
}

// reply builds the downlink that answers an uplink: it acknowledges a confirmed
// one (§4.3.1.2) and carries the answers to its MAC commands. It takes a
// downlink counter.
func (n *Network) reply(s *Session, ack bool, answers []lorawan.Payload, rx *radio.Frame) (*radio.Downlink, error) {
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataDown, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.MACPayload{FHDR: lorawan.FHDR{
			DevAddr: s.DevAddr,
			FCtrl:   lorawan.FCtrl{ACK: ack},
			FCnt:    s.NextFCntDown,
			FOpts:   answers,
		}},
	}
	if err := phy.SetDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, s.NwkSKey); err != nil {
		return nil, fmt.Errorf("sign answer: %w", err)
	}
	down, err := n.answer(phy, rx, n.band.GetDefaults().ReceiveDelay1)
	if err != nil {
		return nil, err
	}
	s.NextFCntDown++
	return down, nil
}
