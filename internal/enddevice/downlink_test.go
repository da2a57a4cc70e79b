package enddevice

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/edge/radio"
)

func TestHearErrors(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(d *Device, n *network, frame []byte, w *radio.Window) []byte
		want   string
	}{
		{"too early", func(_ *Device, _ *network, b []byte, w *radio.Window) []byte { w.Delay = 0; return b }, "listen"},
		{"frequency", func(_ *Device, _ *network, b []byte, w *radio.Window) []byte { w.FreqHz += 100; return b }, "listen"},
		{"data rate", func(_ *Device, _ *network, b []byte, w *radio.Window) []byte {
			w.DataRate.SpreadingFactor = 7
			return b
		}, "listen"},
		{"RX2 with the delay of RX1", func(d *Device, _ *network, b []byte, w *radio.Window) []byte {
			*w = d.Windows()[1]
			w.Delay -= time.Second
			return b
		}, "listen"},
		{"empty", func(*Device, *network, []byte, *radio.Window) []byte { return nil }, "short"},
		{"too long", func(_ *Device, n *network, _ []byte, _ *radio.Window) []byte {
			return n.frame(down{port: 1, payload: make([]byte, 52)})
		}, "room for 59"},
		{"MIC", func(_ *Device, _ *network, b []byte, _ *radio.Window) []byte { b[len(b)-1]++; return b }, "MIC"},
		{"payload", func(_ *Device, _ *network, b []byte, _ *radio.Window) []byte { b[9]++; return b }, "MIC"},
		{"address", func(_ *Device, _ *network, b []byte, _ *radio.Window) []byte { b[1]++; return b }, "it is for 26010204"},
		{"uplink", func(_ *Device, _ *network, b []byte, _ *radio.Window) []byte { b[0] = 0x40; return b }, "UnconfirmedDataUp"},
		{"major", func(_ *Device, _ *network, b []byte, _ *radio.Window) []byte { b[0] |= 1; return b }, "MHDR"},
		{"old counter", func(d *Device, _ *network, b []byte, _ *radio.Window) []byte {
			d.st.session.NFCntDown, d.st.session.AFCntDown = 1, 1
			return b
		}, "counter"},
		{"unsolicited accept", func(_ *Device, _ *network, _ []byte, _ *radio.Window) []byte {
			return append([]byte{0x20}, make([]byte, 16)...)
		}, "not asked"},
		{"commands in both places", func(_ *Device, n *network, b []byte, _ *radio.Window) []byte {
			b[5], b[8], b[9] = 1, 6, 0 // FOptsLen, FOpts, FPort
			return b
		}, "FOpts"},
		{"after a join request", func(d *Device, _ *network, b []byte, w *radio.Window) []byte {
			d.st.last.join = true
			return b
		}, "join request"},
		{"before the join", func(d *Device, _ *network, b []byte, _ *radio.Window) []byte {
			d.st.joined = false
			return b
		}, "before the join"},
	} {
		for _, version := range []string{"1.0.3", "1.1.0"} {
			d, n := abp(t, version)
			n.up()
			w := d.Windows()[0]
			frame := tc.change(d, n, n.frame(down{port: 1, payload: []byte("abc")}), &w)
			before := snapshot(d)
			h, err := d.Hear(frame, w)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s %s: heard %+v, error %v, want one with %q", version, tc.name, h, err, tc.want)
			}
			if after := snapshot(d); after != before {
				t.Errorf("%s %s: an error changes\n%s\nto\n%s", version, tc.name, before, after)
			}
		}
	}
}

// TestWindows: where a device listens, and that a frame closes the windows.
func TestWindows(t *testing.T) {
	for _, c := range []bool{false, true} {
		d, n := abp(t, "1.0.3", func(cfg *Config) { cfg.ClassC = c })
		always := 0
		if c {
			always = 1
		}
		if got := len(d.Windows()); got != always {
			t.Errorf("class C %v: %d windows before the first uplink", c, got)
		}
		n.up()
		ws := d.Windows()
		if len(ws) != 2+always || ws[0].Delay != time.Second || ws[1].Delay != 2*time.Second {
			t.Fatalf("class C %v: windows %+v", c, ws)
		}
		if c && (ws[2].Delay != 0 || ws[2].FreqHz != ws[1].FreqHz || ws[2].DataRate != ws[1].DataRate) {
			t.Errorf("window of class C %+v", ws[2])
		}
		w := ws[1]
		w.PowerDBm = 27 // what the network sends with; no matter to the device
		if _, err := d.Hear(n.frame(down{port: -1}), w); err != nil {
			t.Error(err)
		}
		if _, err := d.Hear(n.frame(down{port: -1}), ws[1]); err == nil {
			t.Errorf("class C %v: two frames in one window", c)
		}
		if got := len(d.Windows()); got != always {
			t.Errorf("class C %v: %d windows after a frame", c, got)
		}
	}
}

func TestClassC(t *testing.T) {
	d, n := abp(t, "1.0.3", classC)
	n.up()
	for range 3 {
		h := n.sendIn(2, down{port: 4, payload: []byte{1}, confirmed: true})
		if !h.Confirmed || len(d.Windows()) != 3 {
			t.Errorf("heard %+v, listens in %d windows", h, len(d.Windows()))
		}
	}
	n.up()
	if !n.lastUplink.FHDR.FCtrl.ACK {
		t.Error("no acknowledgement")
	}
}

// TestDownlinkCounters: 32 bits from 16, and the two counters of 1.1.
func TestDownlinkCounters(t *testing.T) {
	for _, tc := range []struct {
		version string
		next    uint32 // at the device
		sent    uint32
		ok      bool
	}{
		{"1.0.3", 0, 0, true},
		{"1.0.3", 5, 4, false},
		{"1.0.3", 5, 5, true},
		{"1.0.3", 0xfff0, 0x10005, true},
		{"1.0.3", 0x1fff0, 0x20005, true},
		{"1.0.3", 10, 10 + 16383, true},
		{"1.0.3", 10, 10 + 16384, false},
		{"1.0.4", 10, 10 + 16384, true},
		{"1.0.4", 10, 10 + 65535, true},
		{"1.0.4", 10, 10 + 65536, false}, // the device takes it for 10
		{"1.0.4", math.MaxUint32 - 1, math.MaxUint32 - 1, true},
		{"1.0.4", math.MaxUint32 - 1, math.MaxUint32, false},
		{"1.1.0", 0x1fff0, 0x20005, true},
		{"1.1.0", 5, 4, false},
	} {
		d, n := abp(t, tc.version)
		n.up()
		d.st.session.NFCntDown, n.nDown = tc.next, tc.sent
		h, err := d.Hear(n.frame(down{port: -1}), d.Windows()[0])
		if (err == nil) != tc.ok {
			t.Errorf("%s: counter %d after %d: error %v", tc.version, tc.sent, tc.next, err)
		}
		if err == nil && (h.FCnt != tc.sent || d.Session().NFCntDown != tc.sent+1) {
			t.Errorf("%s: heard counter %d, next %d, want %d", tc.version, h.FCnt, d.Session().NFCntDown, tc.sent)
		}
	}
	d, n := abp(t, "1.1.0")
	var got []uint32
	for _, port := range []int{-1, 5, 5, 0, 5} {
		n.up()
		h := n.send(down{port: port, raw: []byte{6}, payload: []byte{1}})
		got = append(got, h.FCnt)
		if len(h.Commands) != 1 || len(h.Unknown) != 0 {
			t.Errorf("port %d: commands %v, unknown %x", port, h.Commands, h.Unknown)
		}
	}
	if s := d.Session(); !slices.Equal(got, []uint32{0, 0, 1, 1, 2}) || s.NFCntDown != 2 || s.AFCntDown != 3 {
		t.Errorf("counters %v, next %d and %d", got, s.NFCntDown, s.AFCntDown)
	}
}

// TestAckOf11: in 1.1 an acknowledgement is signed with the counter of what it
// acknowledges.
func TestAckOf11(t *testing.T) {
	d, n := abp(t, "1.1.0")
	d.SetFCntUp(0x12345)
	tx, err := d.Uplink(1, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	n.receive(tx)
	n.ackOf = tx.FCnt + 1
	if _, err := d.Hear(n.frame(down{port: -1, ack: true}), d.Windows()[0]); err == nil {
		t.Error("an acknowledgement of another frame is taken")
	}
	n.ackOf = tx.FCnt
	if h := n.send(down{port: -1, ack: true}); !h.Ack {
		t.Errorf("heard %+v", h)
	}
}
