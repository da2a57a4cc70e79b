package lorawan

import (
	"encoding"
	"math"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/gps"

	"modellregion/edge/radio"
)

// uplinkCommands are the lengths of the payloads of the MAC commands that a
// device sends (§5, TS001-1.1 §5). A command that is not in it ends the
// reading: where it ends is not known (§5, "unknown MAC commands").
var uplinkCommands = map[lorawan.CID]int{
	lorawan.ResetInd: 1, lorawan.LinkCheckReq: 0, lorawan.LinkADRAns: 1, lorawan.DutyCycleAns: 0,
	lorawan.RXParamSetupAns: 1, lorawan.DevStatusAns: 2, lorawan.NewChannelAns: 1, lorawan.RXTimingSetupAns: 0,
	lorawan.TXParamSetupAns: 0, lorawan.DLChannelAns: 1, lorawan.RekeyInd: 1, lorawan.ADRParamSetupAns: 0,
	lorawan.DeviceTimeReq: 0, lorawan.RejoinParamSetupAns: 1, lorawan.PingSlotInfoReq: 1,
	lorawan.PingSlotChannelAns: 1, lorawan.BeaconFreqAns: 1, lorawan.DeviceModeInd: 1,
}

// requiredSNR is the signal-to-noise ratio in dB at which a spreading factor
// is just demodulated (SX1276 data sheet, table 13).
var requiredSNR = map[int]float64{6: -5, 7: -7.5, 8: -10, 9: -12.5, 10: -15, 11: -17.5, 12: -20}

// each calls do with every MAC command that can be told from the next.
func each(commands []byte, do func(cid lorawan.CID, payload []byte)) {
	for len(commands) > 0 {
		cid := lorawan.CID(commands[0])
		length, ok := uplinkCommands[cid]
		if !ok || len(commands) < 1+length {
			return
		}
		do(cid, commands[1:1+length])
		commands = commands[1+length:]
	}
}

// minor is the version of LoRaWAN 1 that RekeyConf and ResetConf agree on.
const minor = 1

// answers returns the MAC commands that answer those in an uplink, as many as
// fit. rx are the uplink's receptions, the best first.
func answers(commands []byte, rx []radio.Frame) []byte {
	var out []byte
	each(commands, func(cid lorawan.CID, payload []byte) {
		var answer []byte
		switch cid {
		case lorawan.LinkCheckReq:
			answer = command(lorawan.LinkCheckAns, lorawan.LinkCheckAnsPayload{Margin: margin(&rx[0]), GwCnt: uint8(min(len(rx), math.MaxUint8))})
		case lorawan.DeviceTimeReq:
			answer = command(lorawan.DeviceTimeAns, lorawan.DeviceTimeAnsPayload{TimeSinceGPSEpoch: sinceGPSEpoch(&rx[0])})
		case lorawan.RekeyInd, lorawan.ResetInd:
			answer = []byte{byte(cid), minor}
		case lorawan.DeviceModeInd:
			answer = []byte{byte(cid), payload[0]}
		}
		if len(out)+len(answer) <= maxFOpts {
			out = append(out, answer...)
		}
	})
	return out
}

// command returns a MAC command as it is on the air. The payloads made here are
// within their ranges.
func command(cid lorawan.CID, payload encoding.BinaryMarshaler) []byte {
	data, err := payload.MarshalBinary()
	if err != nil {
		return nil
	}
	return append([]byte{byte(cid)}, data...)
}

// margin returns by how many dB the uplink was above its demodulation floor
// (§5.2), 0 to 254.
func margin(rx *radio.Frame) uint8 {
	floor, ok := requiredSNR[rx.DataRate.SpreadingFactor]
	if !ok {
		return 0 // FSK has no such floor
	}
	return uint8(min(max(math.Round(rx.SNRdB-floor), 0), 254))
}

// sinceGPSEpoch returns the time at the end of the uplink as DeviceTimeAns
// wants it (§5.12): GPS time, which knows no leap seconds.
func sinceGPSEpoch(rx *radio.Frame) time.Duration {
	at := rx.Time
	if at.IsZero() {
		at = rx.Heard
	}
	return gps.Time(at).TimeSinceGPSEpoch()
}

// hear takes what a device says in its MAC commands: the answers to what it was
// asked, and what it is. It reports whether the device repeats an answer until
// it hears any downlink (§5.4, §5.7, §5.8).
func (n *Network) hear(d *device, s *Session, commands []byte, data *Data) (word bool) {
	link, linked := byte(7), false
	each(commands, func(cid lorawan.CID, payload []byte) {
		switch cid {
		case lorawan.LinkADRAns: // one for each request, or one for all: all or nothing
			link, linked = link&payload[0], true
		case lorawan.RXParamSetupAns:
			word = true
			n.answered(d, s, askRXParam, payload[0]&7 == 7)
		case lorawan.RXTimingSetupAns:
			word = true
			n.answered(d, s, askRXTiming, true)
		case lorawan.DLChannelAns:
			word = true
		case lorawan.DutyCycleAns:
			n.answered(d, s, askDutyCycle, true)
		case lorawan.NewChannelAns:
			n.channelAnswered(d, s, payload[0]&3 == 3)
		case lorawan.DevStatusAns:
			var p lorawan.DevStatusAnsPayload
			if p.UnmarshalBinary(payload) == nil {
				data.Status = &Status{Battery: p.Battery, Margin: p.Margin}
			}
			n.answered(d, s, askStatus, true)
		case lorawan.ResetInd: // the device has gone back to what it was made with
			s.Radio, s.Link = n.defaults, Link{DR: s.Link.DR, NbTrans: 1, Channels: n.standard}
			s.Asked, s.Refused = 0, 0
		case lorawan.DeviceModeInd:
			s.ClassC = lorawan.DeviceModeClass(payload[0]) == lorawan.DeviceModeClassC
		}
	})
	if linked {
		n.linkAnswered(d, s, link)
	}
	return word
}
