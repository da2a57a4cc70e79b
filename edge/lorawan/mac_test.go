package lorawan

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// withOptions is an uplink that carries MAC commands in FOpts, or on port 0.
func withOptions(t *testing.T, s Session, fCnt uint32, commands []byte, port0, adrAckReq bool) []byte {
	t.Helper()
	mac := &lorawan.MACPayload{FHDR: lorawan.FHDR{DevAddr: s.DevAddr, FCnt: fCnt, FCtrl: lorawan.FCtrl{ADRACKReq: adrAckReq}}}
	if port0 {
		port := uint8(0)
		mac.FPort, mac.FRMPayload = &port, []lorawan.Payload{&lorawan.DataPayload{Bytes: commands}}
	} else if len(commands) > 0 {
		mac.FHDR.FOpts = []lorawan.Payload{&lorawan.DataPayload{Bytes: commands}}
	}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp}, MACPayload: mac}
	if err := phy.EncryptFRMPayload(s.NwkSKey); err != nil {
		t.Fatal(err)
	}
	if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, s.NwkSKey, s.NwkSKey); err != nil {
		t.Fatal(err)
	}
	return marshal(t, phy)
}

func TestMACAnswers(t *testing.T) {
	// 2026-11-23 10:00:00.5 UTC is 1,479,463,218.5 s after the GPS epoch, 18
	// leap seconds included.
	at := time.Date(2026, 11, 23, 10, 0, 0, 5e8, time.UTC)
	const deviceTime = "0d" + "32d12e58" + "80"
	for _, c := range []struct {
		name      string
		commands  string
		port0     bool
		adrAckReq bool
		want      string // FOpts of the answer; "none" without one
	}{
		{name: "nothing asked", want: "none"},
		{name: "ADRACKReq", adrAckReq: true, want: ""},
		{name: "LinkCheckReq", commands: "02", want: "02" + "0f" + "02"}, // 7.5 dB above -7.5 dB, two gateways
		{name: "DeviceTimeReq", commands: "0d", want: deviceTime},
		{name: "both on port 0", commands: "020d", port0: true, want: "020f02" + deviceTime},
		{name: "after an answer of the device", commands: "06ff0a" + "02", want: "020f02"},
		{name: "unknown command hides the rest", commands: "80" + "02", want: "none"},
		{name: "cut off", commands: "06ff", want: "none"},
		{name: "more than fits", commands: "0d0d0d0d", want: deviceTime + deviceTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t, joining)
			s := join(t, n, 1)
			commands, err := hex.DecodeString(c.commands)
			if err != nil {
				t.Fatal(err)
			}
			rx := heard(withOptions(t, s, 0, commands, c.port0, c.adrAckReq))
			rx[0].SNRdB, rx[0].Time = 7.5, at
			rx = append(rx, radio.Frame{Gateway: lorawan.EUI64{2}, SNRdB: -3})
			dec := n.Handle(rx)
			if dec.Data == nil {
				t.Fatalf("%+v", dec)
			}
			if c.want == "none" {
				if dec.Down != nil {
					t.Errorf("answered with %x", dec.Down.PHYPayload)
				}
				return
			}
			if dec.Down == nil || dec.Save.Active.NextFCntDown != 1 {
				t.Fatalf("no answer: %+v (%v)", dec, dec.Detail)
			}
			var phy lorawan.PHYPayload
			if err := phy.UnmarshalBinary(dec.Down.PHYPayload); err != nil {
				t.Fatal(err)
			}
			if ok, err := phy.ValidateDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, s.NwkSKey); err != nil || !ok {
				t.Errorf("MIC of the answer is wrong (%v)", err)
			}
			length := int(dec.Down.PHYPayload[5] & 0x0f)
			if got := hex.EncodeToString(dec.Down.PHYPayload[8 : 8+length]); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
		})
	}
}

func TestMargin(t *testing.T) {
	for _, c := range []struct {
		sf   int
		snr  float64
		want uint8
	}{{7, 7.5, 15}, {12, -20, 0}, {12, -25, 0}, {10, 0.4, 15}, {0, 10, 0}, {7, 400, 254}} {
		rx := radio.Frame{SNRdB: c.snr, DataRate: radio.DataRate{SpreadingFactor: c.sf}}
		if got := margin(&rx); got != c.want {
			t.Errorf("SF%d at %v dB: margin %d, want %d", c.sf, c.snr, got, c.want)
		}
	}
}
