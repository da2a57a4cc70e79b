package enddevice

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
)

func wire(t *testing.T, cmds []lorawan.MACCommand) []byte {
	t.Helper()
	var out []byte
	for _, c := range cmds {
		b, err := c.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// TestSetup: requests as they come over the air, the answers, and what they
// leave. The first byte of each is its CID.
func TestSetup(t *testing.T) {
	for _, tc := range []struct {
		name, version string
		us            bool
		asked         string
		answer        string
		check         func(d *Device) bool
	}{
		{"duty cycle", "1.0.2", false, "04f7", "04", func(d *Device) bool { return d.DutyCycle() == 7 }},
		{"be silent", "1.0.1", false, "04ff", "04", func(d *Device) bool { return d.DutyCycle() == 255 }},
		{"RX2", "1.0.3", false, "0523809184", "0507", func(d *Device) bool {
			hz, dr := d.RX2()
			return hz == 868_800_000 && dr == 3 && d.RX1DROffset() == 2
		}},
		{"RX2 frequency", "1.0.3", false, "052300ad8b", "0506", unchanged},
		{"RX2 data rate", "1.0.3", false, "0528d2ad84", "0505", unchanged},
		{"RX1 offset", "1.0.3", false, "0560d2ad84", "0503", unchanged},
		{"RX2 of US915", "1.0.3", true, "053808e98c", "0507", func(d *Device) bool { _, dr := d.RX2(); return dr == 8 && d.RX1DROffset() == 3 }},
		{"RX2 of US915", "1.0.3", true, "054408e98c", "0501", unchanged},
		{"status", "1.0.3", false, "06", "06c83b", unchanged},
		{"channel", "1.0.0", false, "0703184f8450", "0703", func(d *Device) bool { return d.st.channels[3].upHz == 867_100_000 && len(d.Channels()) == 4 }},
		{"channel of DR6", "1.0.3", false, "0703184f8466", "0703", func(d *Device) bool { return d.SetDR(6) == nil }},
		{"default channel", "1.0.3", false, "0702184f8450", "0700", unchanged},
		{"channel 16", "1.0.3", false, "0710184f8450", "0700", unchanged},
		{"channel outside", "1.0.3", false, "070300ad8b50", "0702", unchanged},
		{"channel range", "1.0.3", false, "0703184f8405", "0701", unchanged},
		{"channel LR-FHSS", "1.0.4", false, "0703184f84b0", "0701", unchanged},
		{"remove nothing", "1.0.3", false, "070300000050", "0703", unchanged},
		{"channel in US915", "1.0.3", true, "0703184f8450", "", unchanged},
		{"RX1 delay", "1.0.3", false, "0803", "08", func(d *Device) bool { return d.RX1Delay() == 3*time.Second }},
		{"RX1 delay 0", "1.0.3", false, "08f0", "08", func(d *Device) bool { return d.RX1Delay() == time.Second }},
		{"dwell time", "1.0.3", false, "093d", "", unchanged},
		{"RX1 channel", "1.0.2", false, "0a01d2ad84", "0a03", func(d *Device) bool { return d.st.channels[1].downHz == 869_525_000 }},
		{"RX1 channel undefined", "1.0.2", false, "0a03d2ad84", "0a01", unchanged},
		{"RX1 channel far", "1.0.2", false, "0aff d2ad84", "0a01", unchanged},
		{"RX1 channel outside", "1.0.2", false, "0a0100ad8b", "0a02", unchanged},
		{"RX1 channel in US915", "1.0.2", true, "0a01d2ad84", "", unchanged},
		{"ADR limits", "1.1.0", false, "0c53", "0c", func(d *Device) bool { l, w := d.ADRParams(); return l == 32 && w == 8 }},
		{"rejoin", "1.1.0", false, "0f11", "0f00", unchanged},
		{"force rejoin", "1.1.0", false, "0e0000 06", "06c83b", unchanged},
	} {
		t.Run(tc.name+" "+tc.version, func(t *testing.T) {
			var change []func(*Config)
			if tc.us {
				change = append(change, us915)
			}
			d, n := abp(t, tc.version, change...)
			d.st.resetInd = false
			if err := d.SetStatus(200, -5); err != nil {
				t.Fatal(err)
			}
			n.up()
			h := n.send(down{port: 0, raw: unhex(t, tc.asked)})
			if len(h.Commands) == 0 || len(h.Unknown) != 0 {
				t.Errorf("heard %v, unknown %x", h.Commands, h.Unknown)
			}
			if !tc.check(d) {
				t.Errorf("the device has now %+v", d.st.params)
			}
			if got, want := wire(t, n.up()), unhex(t, tc.answer); !bytes.Equal(got, want) {
				t.Errorf("answer %x, want %x", got, want)
			}
		})
	}
}

// unchanged compares with the defaults of the region.
func unchanged(d *Device) bool {
	got, want := d.st.params, d.region.defaults()
	same := slices.Equal(got.channels, want.channels)
	got.channels, want.channels = nil, nil
	got.lastChannel, want.lastChannel = 0, 0
	return same && got.rx1Delay == want.rx1Delay && got.rx1Offset == want.rx1Offset && got.rx2Hz == want.rx2Hz && got.rx2DR == want.rx2DR &&
		got.dutyCycle == want.dutyCycle && got.ackLimit == want.ackLimit && got.ackDelay == want.ackDelay
}

// TestNewChannelInUse: a channel that the data rate needs stays.
func TestNewChannelInUse(t *testing.T) {
	d, n := abp(t, "1.0.3")
	n.up()
	n.send(down{port: 0, raw: unhex(t, "0703184f8466")}) // 867.1 MHz, DR6 only
	n.up()
	n.send(down{port: 0, raw: unhex(t, "0a03d2ad84")})
	if err := d.SetDR(6); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ asked, answer string }{
		{"070300000000", "0700"}, {"0703184f8450", "0701"},
	} {
		n.up()
		n.send(down{port: 0, raw: unhex(t, tc.asked)})
		if got, want := wire(t, n.up()), unhex(t, tc.answer); !bytes.Equal(got, want) {
			t.Errorf("%s: answer %x, want %x", tc.asked, got, want)
		}
	}
	if w := d.Windows()[0]; w.FreqHz != 869_525_000 || w.DataRate.BandwidthKHz != 250 {
		t.Errorf("RX1 %+v", w)
	}
	if err := d.SetDR(5); err != nil {
		t.Fatal(err)
	}
	// Defined anew, its RX1 is on the channel again.
	n.send(down{port: 0, raw: unhex(t, "0703184f8450")})
	if c := d.st.channels[3]; c.downHz != c.upHz {
		t.Errorf("channel %+v", c)
	}
	n.up()
	n.send(down{port: 0, raw: unhex(t, "070300000000")})
	if got := d.Channels(); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("channels %v", got)
	}
}

// TestSticky: answers that are repeated until a class A downlink.
func TestSticky(t *testing.T) {
	_, n := abp(t, "1.0.3", classC)
	n.up()
	n.sendIn(2, down{port: 0, raw: unhex(t, "0523809184 0802 0a01d2ad84 06")})
	if got := wire(t, n.up()); !bytes.Equal(got, unhex(t, "0507080a0306c800")) {
		t.Errorf("first answer %x", got)
	}
	want := unhex(t, "0507080a03")
	if got := wire(t, n.up()); !bytes.Equal(got, want) {
		t.Errorf("second answer %x", got)
	}
	n.sendIn(2, down{port: -1}) // class C does not count
	if got := wire(t, n.up()); !bytes.Equal(got, want) {
		t.Errorf("third answer %x", got)
	}
	n.send(down{port: 0, raw: unhex(t, "0804")}) // class A, with a new request
	if got := wire(t, n.up()); !bytes.Equal(got, []byte{8}) {
		t.Errorf("answer after a class A downlink %x", got)
	}
	n.send(down{port: -1})
	if got := n.up(); len(got) != 0 {
		t.Errorf("answers in the end: %v", got)
	}
}

// TestStickyBeforeSent: a class A downlink does not settle what was not sent.
func TestStickyBeforeSent(t *testing.T) {
	_, n := abp(t, "1.0.3", classC)
	n.up()
	n.sendIn(2, down{port: 0, raw: []byte{8, 2}})
	n.send(down{port: -1})
	if got := wire(t, n.up()); !bytes.Equal(got, []byte{8}) {
		t.Errorf("answer %x", got)
	}
}
