package simulate

import (
	"bytes"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

// downlink builds a data downlink of a session.
func downlink(t *testing.T, in session, fCnt uint32, port *uint8, commands ...lorawan.Payload) []byte {
	t.Helper()
	mac := &lorawan.MACPayload{FHDR: lorawan.FHDR{DevAddr: in.addr, FCnt: fCnt}, FPort: port}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataDown}, MACPayload: mac}
	if port == nil {
		mac.FHDR.FOpts = commands
	} else {
		mac.FRMPayload = commands
		if err := phy.EncryptFRMPayload(in.nwkSKey); err != nil {
			t.Fatal(err)
		}
	}
	if err := phy.SetDownlinkDataMIC(lorawan.LoRaWAN1_0, 0, in.nwkSKey); err != nil {
		t.Fatal(err)
	}
	b, err := phy.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNodeHear(t *testing.T) {
	in := session{addr: lorawan.DevAddr{1, 2, 3, 4}, nwkSKey: lorawan.AES128Key{5}, rxDelay: time.Second}
	question := &lorawan.MACCommand{CID: lorawan.DevStatusReq}
	zero, other := uint8(0), in
	other.nwkSKey[0]++
	n := &node{joined: true, session: in}
	for _, tt := range []struct {
		name    string
		frame   []byte
		next    uint32 // counter expected afterwards
		answers int
	}{
		{"in FOpts", downlink(t, in, 0, nil, question), 1, 1},
		{"replayed", downlink(t, in, 0, nil, question), 1, 1},
		{"wrong key", downlink(t, other, 1, nil, question), 1, 1},
		{"on port 0, counters missed", downlink(t, in, 300, &zero, question), 301, 2},
		{"16 bits round", downlink(t, in, 65_536+5, nil), 65_542, 2},
		{"no frame", []byte{0x60, 1}, 65_542, 2},
	} {
		n.hear(tt.frame)
		if n.fCntDown != tt.next || len(n.fOpts) != 3*tt.answers {
			t.Errorf("%s: next counter %d and %d bytes of answers, want %d and %d", tt.name, n.fCntDown, len(n.fOpts), tt.next, 3*tt.answers)
		}
	}
}

func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sensors, gateways := build(1, 17)
		s := sensors[16] // personalised
		f := &Fleet{sensors: sensors, gateways: gateways, log: slog.New(slog.DiscardHandler),
			byAddr: map[lorawan.DevAddr][]*sensor{s.node.session.addr: {s}}}
		up := radio.Frame{Counter: math.MaxUint32 - 10, FreqHz: 868_300_000, DataRate: radio.DataRate{SpreadingFactor: 8, BandwidthKHz: 125}}
		s.node.open(3, up, time.Now())
		fCnt := uint32(0)
		for _, tt := range []struct {
			name          string
			gateway       int
			delay         time.Duration
			freqHz        uint32
			sf            int
			inTime, heard bool
		}{
			{"first window", 3, time.Second, 868_300_000, 8, true, true},
			{"second window", 3, 2 * time.Second, rx2FreqHz, 12, true, true},
			{"another gateway", 4, time.Second, 868_300_000, 8, false, false},
			{"between the windows", 3, 1500 * time.Millisecond, 868_300_000, 8, false, false},
			{"the windows' channels mixed up", 3, time.Second, rx2FreqHz, 12, true, false},
		} {
			d := semtech.Order{PHYPayload: downlink(t, s.node.session, fCnt, nil), Counter: uint32(up.Counter) + uint32(tt.delay/time.Microsecond),
				FreqHz: tt.freqHz, DataRate: radio.DataRate{SpreadingFactor: tt.sf, BandwidthKHz: 125}}
			if tt.heard {
				fCnt++
			}
			inTime, err := f.deliver(gateways[tt.gateway], d)
			if err != nil || inTime != tt.inTime || s.node.fCntDown != fCnt {
				t.Errorf("%s: in time %t, heard up to %d, %v; want %t and %d", tt.name, inTime, s.node.fCntDown, err, tt.inTime, fCnt)
			}
		}

		late := semtech.Order{PHYPayload: downlink(t, s.node.session, fCnt, nil), Counter: uint32(up.Counter) + 1_000_000,
			FreqHz: 868_300_000, DataRate: up.DataRate}
		time.Sleep(time.Second + grace)
		if inTime, err := f.deliver(gateways[3], late); err != nil || !inTime || s.node.fCntDown != fCnt+1 {
			t.Errorf("at the last instant: in time %t, %v", inTime, err)
		}
		time.Sleep(time.Millisecond)
		if inTime, err := f.deliver(gateways[3], late); err != nil || inTime {
			t.Errorf("after it: in time %t, %v", inTime, err)
		}
		// What is to be sent at once is sent, and no device of class A hears it.
		late.Immediate = true
		if inTime, err := f.deliver(gateways[3], late); err != nil || !inTime || s.node.fCntDown != fCnt+1 {
			t.Errorf("at once: in time %t, heard up to %d, %v", inTime, s.node.fCntDown, err)
		}
		// For a stranger the gateway just sends.
		if inTime, err := f.deliver(gateways[3], semtech.Order{PHYPayload: downlink(t, session{addr: lorawan.DevAddr{9}}, 0, nil)}); err != nil || !inTime {
			t.Errorf("for a stranger: in time %t, %v", inTime, err)
		}
	})
}

// One record gives the same bytes every time, full counter and options
// included.
func TestFrame(t *testing.T) {
	sensors, _ := build(1, 8)
	s := sensors[7]
	in := session{addr: lorawan.DevAddr{1, 2, 3, 4}, nwkSKey: lorawan.AES128Key{5}, appSKey: lorawan.AES128Key{6}}
	r := &uplinkRecord{event: event{fCnt: 70_000}, ack: true, fOpts: []byte{6, 212, 11}, payload: []byte("twelve bytes")}
	a, err := s.frame(r, in)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := s.frame(r, in); !bytes.Equal(a, b) {
		t.Errorf("%x, then %x", a, b)
	}
	var phy lorawan.PHYPayload
	if err := phy.UnmarshalBinary(a); err != nil {
		t.Fatal(err)
	}
	mac := phy.MACPayload.(*lorawan.MACPayload)
	mac.FHDR.FCnt = 70_000
	if good, err := phy.ValidateUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, in.nwkSKey, in.nwkSKey); err != nil || !good {
		t.Errorf("MIC %t, %v", good, err)
	}
	if err := phy.DecryptFRMPayload(in.appSKey); err != nil {
		t.Fatal(err)
	}
	if got := mac.FRMPayload[0].(*lorawan.DataPayload).Bytes; !bytes.Equal(got, r.payload) || phy.MHDR.MType != lorawan.ConfirmedDataUp || !mac.FHDR.FCtrl.ACK {
		t.Errorf("got %q, %s, %+v", got, phy.MHDR.MType, mac.FHDR.FCtrl)
	}
}

func TestNodeAnswers(t *testing.T) {
	in := session{addr: lorawan.DevAddr{1, 2, 3, 4}, nwkSKey: lorawan.AES128Key{5}, rxDelay: time.Second}
	n := &node{joined: true, session: in}
	channel := &lorawan.MACCommand{CID: lorawan.NewChannelReq, Payload: &lorawan.NewChannelReqPayload{ChIndex: 3, Freq: 867_100_000, MaxDR: 5}}
	n.hear(downlink(t, in, 0, nil, channel, &lorawan.MACCommand{CID: lorawan.DevStatusReq}))
	if want := []byte{7, 0, 6, 212, 11}; !bytes.Equal(n.fOpts, want) {
		t.Errorf("answers %v, want %v", n.fOpts, want)
	}
	got := statusReadings(n.fOpts)
	if len(got) != 2 || got[0].Value != 11 || got[1].Value != 83.4 {
		t.Errorf("readings %+v, want a margin of 11 dB and 83.4 %% of battery", got)
	}
	if got := statusReadings([]byte{7, 0}); got != nil {
		t.Errorf("readings %+v of an answer that says nothing of the node", got)
	}
}
