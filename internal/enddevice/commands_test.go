package enddevice

import (
	"bytes"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
)

func TestAnswersOfTheNetwork(t *testing.T) {
	d, n := abp(t, "1.0.3")
	for _, cid := range []lorawan.CID{lorawan.LinkCheckReq, lorawan.DeviceTimeReq, lorawan.LinkCheckReq} {
		if err := d.Request(cid); err != nil {
			t.Fatal(err)
		}
	}
	if got := wire(t, n.up()); !bytes.Equal(got, []byte{2, 13}) {
		t.Errorf("requests %x", got)
	}
	h := n.send(down{port: 5, payload: []byte("x"), raw: []byte{2, 20, 3, 13, 1, 0, 0, 0, 128}})
	if !h.LinkChecked || h.LinkMargin != 20 || h.Gateways != 3 || h.DeviceTime != 1500*time.Millisecond || string(h.Payload) != "x" {
		t.Errorf("heard %+v", h)
	}
	if got := n.up(); len(got) != 0 {
		t.Errorf("requests are sent twice: %v", got)
	}
}

// TestUnknown: commands of later versions and cut ones end the reading, and
// those before are obeyed.
func TestUnknown(t *testing.T) {
	for _, tc := range []struct {
		version, asked, unknown string
		answers                 int
	}{
		{"1.0.1", "060903", "0903", 1},
		{"1.0.1", "060a01d2ad8406", "0a01d2ad8406", 1},
		{"1.0.2", "060d0000000000", "0d0000000000", 1},
		{"1.0.4", "060b01", "0b01", 1},
		{"1.0.4", "06802006", "802006", 1},
		{"1.1.0", "061006", "1006", 1},
		{"1.1.0", "060805", "", 2},
		{"1.1.0", "060500", "0500", 1},
	} {
		d, n := abp(t, tc.version)
		d.st.resetInd = false
		n.up()
		h := n.send(down{port: 0, raw: unhex(t, tc.asked)})
		if want := unhex(t, tc.unknown); !bytes.Equal(h.Unknown, want) {
			t.Errorf("%s %s: unknown %x, want %x", tc.version, tc.asked, h.Unknown, want)
		}
		if got := n.up(); len(got) != tc.answers {
			t.Errorf("%s %s: answers %v, want %d", tc.version, tc.asked, got, tc.answers)
		}
	}
}

// TestIndications: what a device of 1.1 says until the network confirms it.
func TestIndications(t *testing.T) {
	joined := func(t *testing.T, change ...func(*Config)) (*Device, *network) {
		d := joiner(t, "1.1.0", change...)
		if err := join(t, d, lorawan.JoinAcceptPayload{JoinNonce: 1, DLSettings: lorawan.DLSettings{OptNeg: true}}); err != nil {
			t.Fatal(err)
		}
		return d, &network{t: t, d: d, s: d.Session(), modern: true}
	}
	for _, tc := range []struct {
		name   string
		device func(t *testing.T) (*Device, *network)
		says   string
		wrong  string
		right  string
		then   string
	}{
		{"reset", func(t *testing.T) (*Device, *network) { return abp(t, "1.1.0") }, "0101", "0100", "0101", ""},
		{"rekey", func(t *testing.T) (*Device, *network) { return joined(t) }, "0b01", "0b02", "0b01", ""},
		{"rekey first", func(t *testing.T) (*Device, *network) { return joined(t, classC) }, "0b012002", "0b00", "0b01", "2002"},
		{"mode", func(t *testing.T) (*Device, *network) { return abp(t, "1.1.0", classC) }, "01012002", "2000", "2002", "0101"},
		{"not in 1.0", func(t *testing.T) (*Device, *network) { return abp(t, "1.0.4", classC) }, "", "06", "06", "06c800"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, n := tc.device(t)
			for range 2 {
				if got := wire(t, n.up()); !bytes.Equal(got, unhex(t, tc.says)) {
					t.Errorf("says %x, want %s", got, tc.says)
				}
			}
			if tc.says != "" {
				n.send(down{port: 0, raw: unhex(t, tc.wrong)})
				if got := wire(t, n.up()); !bytes.Equal(got, unhex(t, tc.says)) {
					t.Errorf("says %x after %s, want %s", got, tc.wrong, tc.says)
				}
			}
			n.send(down{port: -1, raw: unhex(t, tc.right)})
			if got := wire(t, n.up()); !bytes.Equal(got, unhex(t, tc.then)) {
				t.Errorf("says %x after %s, want %s", got, tc.right, tc.then)
			}
		})
	}
}
