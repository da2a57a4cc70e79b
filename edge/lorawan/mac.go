package lorawan

import (
	"math"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/gps"

	"modellregion/edge/radio"
)

// uplinkCommands are the lengths of the payloads of the MAC commands that a
// device of 1.0.x sends (§5). A command that is not in it ends the reading:
// where it ends is not known (§5, "unknown MAC commands").
var uplinkCommands = map[lorawan.CID]int{
	lorawan.LinkCheckReq: 0, lorawan.LinkADRAns: 1, lorawan.DutyCycleAns: 0, lorawan.RXParamSetupAns: 1,
	lorawan.DevStatusAns: 2, lorawan.NewChannelAns: 1, lorawan.RXTimingSetupAns: 0, lorawan.TXParamSetupAns: 0,
	lorawan.DLChannelAns: 1, lorawan.DeviceTimeReq: 0,
}

// requiredSNR is the signal-to-noise ratio in dB at which a spreading factor
// is just demodulated (SX1276 data sheet, table 13).
var requiredSNR = map[int]float64{6: -5, 7: -7.5, 8: -10, 9: -12.5, 10: -15, 11: -17.5, 12: -20}

// answers returns the MAC commands that answer those in an uplink. rx are the
// uplink's receptions, the best first.
func answers(commands []byte, rx []radio.Frame) []lorawan.Payload {
	var out []lorawan.Payload
	for len(commands) > 0 {
		cid := lorawan.CID(commands[0])
		length, ok := uplinkCommands[cid]
		if !ok || len(commands) < 1+length {
			break
		}
		commands = commands[1+length:]
		switch cid {
		case lorawan.LinkCheckReq:
			out = append(out, &lorawan.MACCommand{CID: lorawan.LinkCheckAns, Payload: &lorawan.LinkCheckAnsPayload{
				Margin: margin(&rx[0]), GwCnt: uint8(min(len(rx), math.MaxUint8)),
			}})
		case lorawan.DeviceTimeReq:
			out = append(out, &lorawan.MACCommand{CID: lorawan.DeviceTimeAns, Payload: &lorawan.DeviceTimeAnsPayload{
				TimeSinceGPSEpoch: sinceGPSEpoch(&rx[0]),
			}})
		}
		if len(out) == 3 { // of the longest, and what fits into 15 bytes of options
			return out[:2]
		}
	}
	return out
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
