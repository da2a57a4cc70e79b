package enddevice

import (
	"fmt"
	"slices"

	"github.com/brocaar/lorawan"
)

// answer is a MAC command that waits for an uplink.
type answer struct {
	cmd lorawan.MACCommand
	// sticky answers go with every uplink until a class A downlink tells that
	// the network heard one: before that, the two do not listen to each other.
	sticky bool
	sent   bool
}

// Request asks the network with the next uplink: LinkCheckReq, or from 1.0.3
// on DeviceTimeReq.
func (d *Device) Request(cid lorawan.CID) error {
	if cid != lorawan.LinkCheckReq && (cid != lorawan.DeviceTimeReq || d.version < v103) {
		return fmt.Errorf("device %s: a device of LoRaWAN %s does not request %s", d.cfg.DevEUI, d.cfg.Version, cid)
	}
	if !slices.Contains(d.st.requests, cid) {
		d.st.requests = append(slices.Clone(d.st.requests), cid)
	}
	return nil
}

// commands returns what waits for an uplink, most important first: what must
// be in every uplink, the answers in the order of what they answer, requests.
func (s *state) commands() []lorawan.MACCommand {
	var out []lorawan.MACCommand
	minor := lorawan.Version{Minor: 1}
	if s.resetInd {
		out = append(out, lorawan.MACCommand{CID: lorawan.ResetInd, Payload: &lorawan.ResetIndPayload{DevLoRaWANVersion: minor}})
	}
	if s.rekeyInd {
		out = append(out, lorawan.MACCommand{CID: lorawan.RekeyInd, Payload: &lorawan.RekeyIndPayload{DevLoRaWANVersion: minor}})
	}
	if s.modeInd {
		out = append(out, lorawan.MACCommand{CID: lorawan.DeviceModeInd, Payload: &lorawan.DeviceModeIndPayload{Class: lorawan.DeviceModeClassC}})
	}
	for _, a := range s.answers {
		out = append(out, a.cmd)
	}
	for _, cid := range s.requests {
		out = append(out, lorawan.MACCommand{CID: cid})
	}
	return out
}

// flushed notes that an uplink was built from commands. What was cut is gone
// too: answers belong in one frame, and the network asks again (§5).
func (s *state) flushed() {
	s.requests = nil
	s.answers = slices.DeleteFunc(s.answers, func(a answer) bool { return !a.sticky })
	for i := range s.answers {
		s.answers[i].sent = true
	}
}

// settled notes a class A downlink: the network has heard the last uplink.
func (s *state) settled() {
	s.answers = slices.DeleteFunc(s.answers, func(a answer) bool { return a.sticky && a.sent })
}

func (s *state) answer(cid lorawan.CID, pl lorawan.MACCommandPayload) {
	s.answers = append(s.answers, answer{cmd: lorawan.MACCommand{CID: cid, Payload: pl}})
}

// keepAnswering is answer for the commands of which the answer is sticky. It
// replaces an earlier one, but for another channel's (DLChannelReq).
func (s *state) keepAnswering(cid lorawan.CID, pl lorawan.MACCommandPayload) {
	if cid != lorawan.DLChannelAns {
		s.answers = slices.DeleteFunc(s.answers, func(a answer) bool { return a.cmd.CID == cid && a.sent })
	}
	s.answers = append(s.answers, answer{cmd: lorawan.MACCommand{CID: cid, Payload: pl}, sticky: true})
}

// length returns how many bytes the commands take.
func length(cmds []lorawan.MACCommand) int { return len(cut(cmds, 1<<16)) }

// cut returns the bytes of the first commands that fit.
func cut(cmds []lorawan.MACCommand, room int) []byte {
	var out []byte
	for _, c := range cmds {
		b, err := c.MarshalBinary()
		if err != nil || len(out)+len(b) > room {
			break // all that the device sends can be marshalled
		}
		out = append(out, b...)
	}
	return out
}

// size returns how many bytes follow the CID of a command of the network; it
// is false for one that came with a later version, and for class B.
func (d *Device) size(st *state, cid lorawan.CID) (int, bool) {
	switch cid {
	case lorawan.LinkCheckAns:
		return 2, true
	case lorawan.LinkADRReq, lorawan.RXParamSetupReq:
		return 4, true
	case lorawan.DutyCycleReq, lorawan.RXTimingSetupReq:
		return 1, true
	case lorawan.DevStatusReq:
		return 0, true
	case lorawan.NewChannelReq:
		return 5, true
	case lorawan.TXParamSetupReq:
		return 1, d.version >= v102
	case lorawan.DLChannelReq:
		return 4, d.version >= v102
	case lorawan.DeviceTimeAns:
		return 5, d.version >= v103
	case lorawan.ResetConf, lorawan.RekeyConf, lorawan.ADRParamSetupReq, lorawan.RejoinParamSetupReq, lorawan.DeviceModeConf:
		return 1, st.modern
	case lorawan.ForceRejoinReq:
		return 2, st.modern
	}
	return 0, false
}

// parse returns the commands of a frame and what is left from the first one
// on that is unknown or cut off.
func (d *Device) parse(st *state, b []byte) (cmds []lorawan.MACCommand, rest []byte) {
	for len(b) > 0 {
		cid := lorawan.CID(b[0])
		n, ok := d.size(st, cid)
		if !ok || len(b) < 1+n {
			return cmds, b
		}
		c := lorawan.MACCommand{CID: cid}
		if n > 0 {
			pl, _, err := lorawan.GetMACPayloadAndSize(false, cid)
			if err != nil {
				return cmds, b
			}
			if err := pl.UnmarshalBinary(b[1 : 1+n]); err != nil {
				return cmds, b
			}
			c.Payload = pl
		}
		cmds, b = append(cmds, c), b[1+n:]
	}
	return cmds, nil
}

// obey executes MAC commands and queues the answers.
func (d *Device) obey(st *state, b []byte, h *Heard) {
	h.Commands, h.Unknown = d.parse(st, b)
	for i := 0; i < len(h.Commands); i++ {
		switch pl := h.Commands[i].Payload.(type) {
		case *lorawan.LinkADRReqPayload:
			block := adrBlock(h.Commands[i:])
			d.linkADR(st, block)
			i += len(block) - 1
		case *lorawan.LinkCheckAnsPayload:
			h.LinkChecked, h.LinkMargin, h.Gateways = true, pl.Margin, pl.GwCnt
		case *lorawan.DeviceTimeAnsPayload:
			h.DeviceTime = pl.TimeSinceGPSEpoch
		case *lorawan.ResetConfPayload:
			st.resetInd = st.resetInd && !agreed(pl.ServLoRaWANVersion)
		case *lorawan.RekeyConfPayload:
			st.rekeyInd = st.rekeyInd && !agreed(pl.ServLoRaWANVersion)
		case *lorawan.DeviceModeConfPayload:
			st.modeInd = st.modeInd && pl.Class != lorawan.DeviceModeClassC
		case *lorawan.ADRParamSetupReqPayload:
			st.ackLimit, st.ackDelay = 1<<pl.ADRParam.LimitExp, 1<<pl.ADRParam.DelayExp
			st.answer(lorawan.ADRParamSetupAns, nil)
		case *lorawan.RejoinParamSetupReqPayload:
			// TimeOK false: the device has no clock to rejoin by (1.1 §5.13).
			st.answer(lorawan.RejoinParamSetupAns, &lorawan.RejoinParamSetupAnsPayload{})
		case nil: // DevStatusReq is the only one without a payload
			st.answer(lorawan.DevStatusAns, &lorawan.DevStatusAnsPayload{Battery: d.cfg.Battery, Margin: st.margin})
		default:
			d.setup(st, pl)
		}
	}
}

// agreed tells whether a network's version is one that a device of 1.1 takes:
// not 1.0, and not above its own.
func agreed(v lorawan.Version) bool { return v.Minor == 1 }
