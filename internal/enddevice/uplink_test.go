package enddevice

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/brocaar/lorawan"
)

func TestNew(t *testing.T) {
	other := session11()
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{Version: "1.0.3"}, ""},
		{Config{Version: "1.2.0"}, `"1.2.0"`},
		{Config{}, `""`},
		{Config{Version: "1.0.3", Band: "AS923"}, "AS923"},
		{Config{Version: "1.0.3", Band: "MOON"}, "MOON"},
		{Config{Version: "1.0.3", Session: other}, "network keys"},
		{Config{Version: "1.1.0", Session: other}, ""},
	} {
		_, err := New(tc.cfg)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.cfg, err, tc.want)
		}
	}
}

// TestUplink: what the network reads is what the device sent, in all versions.
func TestUplink(t *testing.T) {
	for _, version := range []string{"1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			d, n := abp(t, version)
			if err := d.Request(lorawan.LinkCheckReq); err != nil {
				t.Fatal(err)
			}
			tx, err := d.Uplink(10, []byte("hello"), true)
			if err != nil {
				t.Fatal(err)
			}
			cmds := n.receive(tx)
			if c := cmds[len(cmds)-1]; c.CID != lorawan.LinkCheckReq {
				t.Errorf("commands %v", cmds)
			}
			mac := n.lastUplink
			if mac.FPort == nil || *mac.FPort != 10 || !mac.FHDR.FCtrl.ADR || mac.FHDR.FCtrl.ACK || mac.FHDR.DevAddr != n.s.DevAddr {
				t.Errorf("frame %+v", mac)
			}
			if b, err := payloadBytes(mac.FRMPayload); err != nil || string(b) != "hello" {
				t.Errorf("payload %q (%v)", b, err)
			}
			if got := lorawan.MType(tx.PHYPayload[0] >> 5); got != lorawan.ConfirmedDataUp {
				t.Errorf("type %s", got)
			}
			if tx.FCnt != 0 || tx.FreqHz != 868_100_000 || tx.DR != 0 || tx.DataRate.SpreadingFactor != 12 {
				t.Errorf("transmission %+v", tx)
			}
			// An acknowledged downlink and one on a port of 1.1's other counter.
			n.ackOf = tx.FCnt
			h := n.send(down{port: 7, payload: []byte("down"), confirmed: true, ack: true, pending: true})
			if !h.Ack || !h.Confirmed || !h.FPending || string(h.Payload) != "down" || *h.Port != 7 {
				t.Errorf("heard %+v", h)
			}
			if !d.Pending() {
				t.Error("the acknowledgement does not wait")
			}
			if tx, err = d.Empty(false); err != nil {
				t.Fatal(err)
			}
			n.receive(tx) // in 1.1 the MIC proves that the counter is the right one
			if !n.lastUplink.FHDR.FCtrl.ACK || tx.FCnt != 1 || tx.FreqHz != 868_300_000 || n.lastUplink.FPort != nil {
				t.Errorf("second frame %+v", n.lastUplink)
			}
			n.up()
			if n.lastUplink.FHDR.FCtrl.ACK {
				t.Error("the second frame after a confirmed one acknowledges too")
			}
		})
	}
}

func TestUplinkErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(*Device) error
		want string
	}{
		{"too long", func(d *Device) error { _, err := d.Uplink(1, make([]byte, 52), false); return err }, "room for 51"},
		{"port 0", func(d *Device) error { _, err := d.Uplink(0, []byte{1}, false); return err }, "port 0"},
		{"last counter", func(d *Device) error { d.SetFCntUp(math.MaxUint32); _, err := d.Empty(false); return err }, "last"},
		{"no session", func(d *Device) error { d.st.joined = false; _, err := d.Empty(false); return err }, "not joined"},
		{"DR6", func(d *Device) error { return d.SetDR(6) }, "DR6"},
		{"DR8", func(d *Device) error { return d.SetDR(8) }, "DR8"},
		{"channel", func(d *Device) error { return d.SetChannels(3) }, "channel 3"},
		{"no channel", func(d *Device) error { return d.SetChannels() }, "no data rate"},
		{"margin", func(d *Device) error { return d.SetStatus(1, 32) }, "32"},
		{"request", func(d *Device) error { return d.Request(lorawan.DutyCycleReq) }, "DutyCycleReq"},
		{"too early", func(d *Device) error { return d.Request(lorawan.DeviceTimeReq) }, "1.0.2"},
	} {
		d, _ := abp(t, "1.0.2")
		if err := tc.do(d); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.want)
		}
		if d.Pending() || len(d.Windows()) != 0 {
			t.Errorf("%s changed something", tc.name)
		}
	}
}

// TestCommandsInUplinks: where MAC commands go, and what does not fit.
func TestCommandsInUplinks(t *testing.T) {
	status := lorawan.MACCommand{CID: lorawan.DevStatusReq}
	many := slices.Repeat([]lorawan.MACCommand{status}, 6) // 18 bytes of answers
	for _, tc := range []struct {
		name     string
		version  string
		dr       int
		us       bool
		asked    []lorawan.MACCommand
		send     func(*Device) (Transmission, error)
		answers  int
		port     int // -1: none
		wantRoom int
		wantErr  bool
	}{
		{"few without payload", "1.0.3", 0, false, many[:5], func(d *Device) (Transmission, error) { return d.Empty(false) }, 5, -1, 36, false},
		{"many without payload", "1.0.3", 0, false, many, func(d *Device) (Transmission, error) { return d.Empty(false) }, 6, 0, 36, false},
		{"many without payload", "1.1.0", 0, false, many, func(d *Device) (Transmission, error) { return d.Empty(false) }, 6, 0, 37, false},
		{"many with payload", "1.0.3", 0, false, many, func(d *Device) (Transmission, error) { return d.Uplink(9, []byte{1}, false) }, 5, 9, 36, false},
		{"few on port 0", "1.0.3", 0, false, many[:2], func(d *Device) (Transmission, error) { return d.Uplink(0, nil, false) }, 2, 0, 45, false},
		{"many at DR0 of US915", "1.0.3", 0, true, many, func(d *Device) (Transmission, error) { return d.Empty(false) }, 4, -1, 2, false},
		{"with a payload that has no room", "1.0.3", 0, true, many[:2], func(d *Device) (Transmission, error) { return d.Uplink(9, make([]byte, 6), false) }, 0, 9, 5, true},
		{"with a payload that has room", "1.0.3", 0, true, many[:2], func(d *Device) (Transmission, error) { return d.Uplink(9, make([]byte, 5), false) }, 2, 9, 5, false},
	} {
		t.Run(tc.name+" "+tc.version, func(t *testing.T) {
			var change []func(*Config)
			if tc.us {
				change = append(change, us915)
			}
			d, n := abp(t, tc.version, change...)
			d.st.resetInd = false
			if tc.version == "1.1.0" {
				d.st.rekeyInd = true // two bytes that come first
			}
			n.commands(tc.asked...)
			if got := d.MaxPayload(); got != tc.wantRoom {
				t.Errorf("room for %d bytes, want %d", got, tc.wantRoom)
			}
			tx, err := tc.send(d)
			if (err != nil) != tc.wantErr {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				if !d.Pending() {
					t.Error("the answers are gone")
				}
				return
			}
			cmds := n.receive(tx)
			answers := slices.DeleteFunc(slices.Clone(cmds), func(c lorawan.MACCommand) bool { return c.CID != lorawan.DevStatusAns })
			if len(answers) != tc.answers {
				t.Errorf("%d answers, want %d", len(answers), tc.answers)
			}
			port := -1
			if n.lastUplink.FPort != nil {
				port = int(*n.lastUplink.FPort)
			}
			if port != tc.port {
				t.Errorf("port %d, want %d", port, tc.port)
			}
			if rest := n.up(); slices.ContainsFunc(rest, func(c lorawan.MACCommand) bool { return c.CID == lorawan.DevStatusAns }) {
				t.Errorf("answers in a second frame: %v", rest)
			}
		})
	}
}

func TestRepeat(t *testing.T) {
	for _, tc := range []struct {
		version   string
		confirmed bool
		ack       bool
		stops     bool
	}{
		{"1.0.3", false, false, true},
		{"1.0.3", true, false, false},
		{"1.0.3", true, true, true},
		{"1.0.4", true, false, true},
		{"1.1.0", false, false, true},
	} {
		d, n := abp(t, tc.version)
		if _, ok := d.Repeat(); ok {
			t.Error("repeats nothing")
		}
		first, err := d.Uplink(1, []byte{1}, tc.confirmed)
		if err != nil {
			t.Fatal(err)
		}
		second, ok := d.Repeat()
		if !ok || second.FCnt != first.FCnt || second.FreqHz == first.FreqHz || second.Channel == first.Channel {
			t.Errorf("%s: first %+v, second %+v", tc.version, first, second)
		}
		end := len(first.PHYPayload) - 4
		if same := bytes.Equal(first.PHYPayload[end:], second.PHYPayload[end:]); same == (tc.version == "1.1.0") || !bytes.Equal(first.PHYPayload[:end], second.PHYPayload[:end]) {
			t.Errorf("%s: first %x, second %x", tc.version, first.PHYPayload, second.PHYPayload)
		}
		n.receive(second)
		if ws := d.Windows(); ws[0].FreqHz != second.FreqHz {
			t.Errorf("%s: RX1 on %d Hz after an uplink on %d", tc.version, ws[0].FreqHz, second.FreqHz)
		}
		n.ackOf = first.FCnt
		n.send(down{port: -1, ack: tc.ack})
		if _, ok := d.Repeat(); ok == tc.stops {
			t.Errorf("%+v: repeats after a downlink: %v", tc, ok)
		}
		if n.up(); d.Session().FCntUp != 2 {
			t.Errorf("%s: next counter is %d", tc.version, d.Session().FCntUp)
		}
	}
}

// TestRotation: uplinks go over all channels that allow the data rate.
func TestRotation(t *testing.T) {
	d, n := abp(t, "1.0.3", us915)
	if err := d.SetChannels(8, 10, 65); err != nil {
		t.Fatal(err)
	}
	var got []int
	for range 5 {
		tx, err := d.Empty(false)
		if err != nil {
			t.Fatal(err)
		}
		n.receive(tx)
		got = append(got, tx.Channel)
	}
	if want := []int{8, 10, 8, 10, 8}; !slices.Equal(got, want) {
		t.Errorf("channels %v, want %v", got, want)
	}
	if err := d.SetDR(4); err != nil {
		t.Fatal(err)
	}
	tx, err := d.Empty(false)
	if err != nil || tx.Channel != 65 || tx.FreqHz != 904_600_000 || tx.DataRate.BandwidthKHz != 500 {
		t.Errorf("%+v (%v)", tx, err)
	}
	// 65 mod 8: the second downlink channel; DR4 answers with DR13.
	if w := d.Windows()[0]; w.FreqHz != 923_900_000 || w.DataRate.SpreadingFactor != 7 || w.DataRate.BandwidthKHz != 500 {
		t.Errorf("RX1 %+v", w)
	}
}

// TestUplinkCounter: the counter of all 32 bits is signed and encrypted with.
func TestUplinkCounter(t *testing.T) {
	for _, version := range []string{"1.0.4", "1.1.0"} {
		d, n := abp(t, version)
		d.SetFCntUp(0xffff)
		for _, want := range []uint32{0xffff, 0x10000} {
			tx, err := d.Uplink(1, []byte("x"), false)
			if err != nil || tx.FCnt != want {
				t.Errorf("counter %d, want %d (%v)", tx.FCnt, want, err)
			}
			n.receive(tx)
			if b, err := payloadBytes(n.lastUplink.FRMPayload); err != nil || string(b) != "x" {
				t.Errorf("payload %q (%v)", b, err)
			}
		}
	}
}
