package enddevice

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

func joiner(t *testing.T, version string, change ...func(*Config)) *Device {
	t.Helper()
	cfg := Config{Version: version, DevEUI: testDevEUI, JoinEUI: testJoinEUI, AppKey: testAppKey, NwkKey: testNwkKey}
	for _, f := range change {
		f(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// accept builds the answer of a network to a join request.
func accept(t *testing.T, d *Device, pl lorawan.JoinAcceptPayload, request Transmission) []byte {
	t.Helper()
	var req lorawan.PHYPayload
	if err := req.UnmarshalBinary(request.PHYPayload); err != nil {
		t.Fatal(err)
	}
	root := d.cfg.AppKey
	if d.version == v110 {
		root = d.cfg.NwkKey
	}
	if ok, err := req.ValidateUplinkJoinMIC(root); err != nil || !ok {
		t.Fatalf("MIC of the join request is wrong (%v)", err)
	}
	sign := root
	if pl.DLSettings.OptNeg {
		key, err := deriveKey(root, 0x06, d.cfg.DevEUI)
		if err != nil {
			t.Fatal(err)
		}
		sign = key
	}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.JoinAccept}, MACPayload: &pl}
	nonce := req.MACPayload.(*lorawan.JoinRequestPayload).DevNonce
	if err := phy.SetDownlinkJoinMIC(lorawan.JoinRequestType, d.cfg.JoinEUI, nonce, sign); err != nil {
		t.Fatal(err)
	}
	if err := phy.EncryptJoinAcceptPayload(root); err != nil {
		t.Fatal(err)
	}
	b, err := phy.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func join(t *testing.T, d *Device, pl lorawan.JoinAcceptPayload) error {
	t.Helper()
	tx, err := d.JoinRequest()
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.Hear(accept(t, d, pl, tx), d.Windows()[0])
	if err == nil && !h.Join {
		t.Errorf("heard %+v, want a join", h)
	}
	return err
}

// TestJoinServer: requests, and the keys that follow from accepts, are those of
// the join server of brocaar/lorawan, which wrote these down.
func TestJoinServer(t *testing.T) {
	for _, tc := range []struct {
		version, request, accept string
		f, s, e, app             string
	}{
		{
			"1.0.4",
			"00010000d07ed5b370341200d07ed5b370020182fd937b",
			"20f142bd5ff36db1a6bf2c5f9fd44c5883a05ab5cbd8da1cc07552a60963bc284f",
			"3901ed06913597b55fbacc076cd07178", "3901ed06913597b55fbacc076cd07178", "3901ed06913597b55fbacc076cd07178",
			"c723784a2c0778d23067f79c95484d2d",
		}, {
			"1.1.0",
			"00010000d07ed5b370341200d07ed5b37002011139fd5a",
			"20cdde1791fa2a24c9cf614b54414051530e161753e0c88a9f8550247fb4c95a82",
			"b6c3356eec19ff737eaad2b4bee47d28", "300b0e50853c06fece02cd5dfaeaf885", "08455c7791cad186063337ddb4212ca0",
			"b11578b53a6e78a30ba55a3e58082d2f",
		},
	} {
		t.Run(tc.version, func(t *testing.T) {
			d := joiner(t, tc.version)
			d.SetDevNonce(0x0102)
			tx, err := d.JoinRequest()
			if err != nil {
				t.Fatal(err)
			}
			if want := unhex(t, tc.request); !bytes.Equal(tx.PHYPayload, want) {
				t.Errorf("request %x, want %x", tx.PHYPayload, want)
			}
			ws := d.Windows()
			if len(ws) != 2 || ws[0].Delay != 5*time.Second || ws[1].Delay != 6*time.Second || ws[0].FreqHz != tx.FreqHz || ws[1].FreqHz != 869_525_000 {
				t.Errorf("windows %+v", ws)
			}
			if _, err := d.Hear(unhex(t, tc.accept), ws[1]); err != nil {
				t.Fatal(err)
			}
			s := d.Session()
			got := []string{s.FNwkSIntKey.String(), s.SNwkSIntKey.String(), s.NwkSEncKey.String(), s.AppSKey.String(), s.DevAddr.String()}
			if want := []string{tc.f, tc.s, tc.e, tc.app, "260bad01"}; !slices.Equal(got, want) {
				t.Errorf("session %v, want %v", got, want)
			}
			rx2, dr := d.RX2()
			if d.RX1Delay() != 5*time.Second || d.RX1DROffset() != 2 || rx2 != 869_525_000 || dr != 3 {
				t.Errorf("RX1 %s and offset %d, RX2 %d Hz DR%d", d.RX1Delay(), d.RX1DROffset(), rx2, dr)
			}
			if got := d.Channels(); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("channels %v", got)
			}
			if len(d.Windows()) != 0 {
				t.Error("the device listens on after the accept")
			}
		})
	}
}

func TestDevNonce(t *testing.T) {
	for _, tc := range []struct {
		version string
		first   uint16
		rising  bool
		want    int // requests until all are used up
	}{
		{"1.0.0", 0, false, 65536},
		{"1.0.3", 77, false, 65536},
		{"1.0.4", 0, true, 65536},
		{"1.1.0", 65530, true, 6},
	} {
		d := joiner(t, tc.version)
		d.SetDevNonce(tc.first)
		// The pseudo-random sequence is checked as such: a request for each is slow.
		seen := map[lorawan.DevNonce]bool{}
		for n := range tc.want {
			if !tc.rising && n > 300 {
				break
			}
			got := d.nonce(uint32(n))
			if seen[got] || tc.rising && int(got) != int(tc.first)+n {
				t.Fatalf("%s: DevNonce %d is %d", tc.version, n, got)
			}
			seen[got] = true
		}
		d.st.nonces = uint32(tc.want) - 1
		if _, err := d.JoinRequest(); err != nil {
			t.Errorf("%s: %v", tc.version, err)
		}
		if _, err := d.JoinRequest(); err == nil {
			t.Errorf("%s: a DevNonce beyond the last", tc.version)
		}
	}
}

func TestJoinChannels(t *testing.T) {
	d := joiner(t, "1.0.3", us915)
	var got []int
	for range 20 {
		tx, err := d.JoinRequest()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 0, false: 4}[tx.Channel < 64]; tx.DR != want {
			t.Errorf("DR%d on channel %d, want DR%d", tx.DR, tx.Channel, want)
		}
		got = append(got, tx.Channel)
	}
	want := []int{0, 64, 8, 65, 16, 66, 24, 67, 32, 68, 40, 69, 48, 70, 56, 71, 1, 64, 9, 65}
	if !slices.Equal(got, want) {
		t.Errorf("channels %v, want %v", got, want)
	}
}

func TestJoinRefused(t *testing.T) {
	good := lorawan.JoinAcceptPayload{JoinNonce: 5, DevAddr: lorawan.DevAddr{1, 2, 3, 4}}
	for _, tc := range []struct {
		name, version string
		change        func(*Device, []byte) []byte
		want          string
	}{
		{"bit", "1.0.4", func(_ *Device, b []byte) []byte { b[9] ^= 4; return b }, "MIC"},
		{"short", "1.0.4", func(_ *Device, b []byte) []byte { return b[:16] }, "16 bytes"},
		{"reserved header bits", "1.0.4", func(_ *Device, b []byte) []byte { b[0] |= 4; return b }, "MHDR"},
		{"other device", "1.0.4", func(d *Device, b []byte) []byte { d.cfg.AppKey[0]++; return b }, "MIC"},
		{"JoinNonce again", "1.0.4", func(d *Device, b []byte) []byte { d.st.joinNonce = 5; return b }, "JoinNonce 5"},
		{"not asked", "1.0.4", func(d *Device, b []byte) []byte { d.st.last.join = false; return b }, "not asked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := joiner(t, tc.version)
			tx, err := d.JoinRequest()
			if err != nil {
				t.Fatal(err)
			}
			frame := tc.change(d, accept(t, d, good, tx))
			if _, err := d.Hear(frame, d.Windows()[0]); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if d.Joined() || len(d.Windows()) != 2 {
				t.Error("the refused accept changed something")
			}
		})
	}
}

func TestJoinNonce(t *testing.T) {
	for _, tc := range []struct {
		version string
		optNeg  bool
		counts  bool
	}{
		{"1.0.2", false, false}, {"1.0.3", false, false}, {"1.0.4", false, true},
		{"1.1.0", true, true},
		{"1.1.0", false, false}, // a network of 1.0, whose AppNonce is random
	} {
		d := joiner(t, tc.version)
		for i, n := range []lorawan.JoinNonce{7, 7, 6, 8} {
			err := join(t, d, lorawan.JoinAcceptPayload{JoinNonce: n, DLSettings: lorawan.DLSettings{OptNeg: tc.optNeg}})
			if wantErr := tc.counts && (i == 1 || i == 2); (err != nil) != wantErr {
				t.Errorf("%s, OptNeg %v, JoinNonce %d after others: error %v", tc.version, tc.optNeg, n, err)
			}
		}
	}
}

// TestOptNeg: what the bit means depends on the device.
func TestOptNeg(t *testing.T) {
	// To a device of 1.0 it is reserved, and the accept is signed as ever.
	d := joiner(t, "1.0.2")
	if _, err := d.JoinRequest(); err != nil {
		t.Fatal(err)
	}
	pl := lorawan.JoinAcceptPayload{DevAddr: lorawan.DevAddr{9}, DLSettings: lorawan.DLSettings{OptNeg: true}}
	body, err := pl.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.JoinAccept}, MACPayload: &lorawan.DataPayload{Bytes: body}}
	if err := phy.SetUplinkJoinMIC(testAppKey); err != nil {
		t.Fatal(err)
	}
	phy.MACPayload = &pl
	if err := phy.EncryptJoinAcceptPayload(testAppKey); err != nil {
		t.Fatal(err)
	}
	frame, err := phy.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Hear(frame, d.Windows()[0]); err != nil || d.st.modern {
		t.Errorf("1.0.2: modern %v, error %v", d.st.modern, err)
	}

	// A device of 1.1 falls back to 1.0 without it, with all keys of NwkKey.
	d = joiner(t, "1.1.0")
	if err := join(t, d, lorawan.JoinAcceptPayload{JoinNonce: 3, DevAddr: lorawan.DevAddr{9}}); err != nil {
		t.Fatal(err)
	}
	s := d.Session()
	if d.st.modern || s.FNwkSIntKey != s.NwkSEncKey || s.FNwkSIntKey != s.SNwkSIntKey || s.AppSKey == s.FNwkSIntKey {
		t.Errorf("1.1 with a network of 1.0: %+v", s)
	}
	n := &network{t: t, d: d, s: s}
	if got := n.up(); len(got) != 0 {
		t.Errorf("uplink to a network of 1.0 carries %v", got)
	}
}

// TestJoinResets: parameters of an earlier session are gone.
func TestJoinResets(t *testing.T) {
	d := joiner(t, "1.0.4", func(c *Config) { c.ADR = true })
	if err := join(t, d, lorawan.JoinAcceptPayload{JoinNonce: 1, RXDelay: 0xf}); err != nil {
		t.Fatal(err)
	}
	if d.RX1Delay() != 15*time.Second {
		t.Errorf("RX1 after %s", d.RX1Delay())
	}
	if err := d.SetDR(4); err != nil {
		t.Fatal(err)
	}
	d.st.power, d.st.nbTrans, d.st.rx2Hz, d.st.rx2DR, d.st.rx1Offset, d.st.dutyCycle = 3, 2, 868_000_000, 5, 3, 4
	d.st.channels[1].downHz, d.st.channels[2].enabled = 869_000_000, false
	d.st.answer(lorawan.DutyCycleAns, nil)
	d.st.ack = true
	if err := join(t, d, lorawan.JoinAcceptPayload{JoinNonce: 2}); err != nil {
		t.Fatal(err)
	}
	want := d.region.defaults()
	want.dr = 4
	if got := d.st.params; got.power != 0 || got.dr != 4 || !slices.Equal(got.channels, want.channels) ||
		got.rx1Delay != time.Second || got.rx2Hz != want.rx2Hz || got.rx2DR != 0 || got.rx1Offset != 0 || got.nbTrans != 1 || got.dutyCycle != 0 {
		t.Errorf("after the second join: %+v", got)
	}
	if d.Pending() {
		t.Error("an answer to the network of before waits")
	}
}

func TestCFList(t *testing.T) {
	freqs := func(hz ...uint32) *lorawan.CFList {
		pl := &lorawan.CFListChannelPayload{}
		copy(pl.Channels[:], hz)
		return &lorawan.CFList{CFListType: lorawan.CFListChannel, Payload: pl}
	}
	masks := func(on ...int) *lorawan.CFList {
		pl := &lorawan.CFListChannelMaskPayload{ChannelMasks: make([]lorawan.ChMask, 5)}
		for _, i := range on {
			pl.ChannelMasks[i/16][i%16] = true
		}
		return &lorawan.CFList{CFListType: lorawan.CFListChannelMask, Payload: pl}
	}
	var all []int
	for i := range 72 {
		all = append(all, i)
	}
	sub2 := []int{8, 9, 10, 11, 12, 13, 14, 15, 65}
	for _, tc := range []struct {
		name    string
		band    band.Name
		version string
		list    *lorawan.CFList
		want    []int
		wantDR  int
	}{
		{"none", band.EU868, "1.0.2", nil, []int{0, 1, 2}, 0},
		{"two", band.EU868, "1.0.2", freqs(867_100_000, 0, 867_500_000), []int{0, 1, 2, 3, 5}, 0},
		{"outside the band", band.EU868, "1.0.2", freqs(915_000_000, 867_300_000), []int{0, 1, 2, 4}, 0},
		{"masks", band.EU868, "1.0.4", masks(0), []int{0, 1, 2}, 0},
		{"none", band.US915, "1.0.4", nil, all, 0},
		{"masks", band.US915, "1.0.4", masks(sub2...), sub2, 0},
		{"masks", band.US915, "1.1.0", masks(sub2...), sub2, 0},
		{"masks", band.US915, "1.0.2", masks(sub2...), all, 0},
		{"wide only", band.US915, "1.0.3", masks(65), []int{65}, 4},
		{"nothing", band.US915, "1.0.3", masks(), all, 0},
		{"frequencies", band.US915, "1.0.3", freqs(867_100_000), all, 0},
	} {
		d := joiner(t, tc.version, func(c *Config) { c.Band = tc.band })
		_, rx2 := d.RX2()
		settings := lorawan.DLSettings{RX2DataRate: uint8(rx2), OptNeg: tc.version == "1.1.0"}
		if err := join(t, d, lorawan.JoinAcceptPayload{JoinNonce: 1, DLSettings: settings, CFList: tc.list}); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := d.Channels(); !slices.Equal(got, tc.want) || d.DR() != tc.wantDR {
			t.Errorf("%s %s %s: channels %v, want %v; DR%d", tc.band, tc.version, tc.name, got, tc.want, d.DR())
		}
	}
}

// TestJoinSettings: settings that the region does not have refuse the accept.
func TestJoinSettings(t *testing.T) {
	for _, tc := range []struct {
		band   band.Name
		offset uint8
		rx2    uint8
		ok     bool
	}{
		{band.EU868, 5, 7, true}, {band.EU868, 6, 0, false}, {band.EU868, 0, 8, false},
		{band.US915, 3, 13, true}, {band.US915, 4, 8, false}, {band.US915, 0, 4, false},
	} {
		d := joiner(t, "1.0.3", func(c *Config) { c.Band = tc.band })
		err := join(t, d, lorawan.JoinAcceptPayload{DLSettings: lorawan.DLSettings{RX1DROffset: tc.offset, RX2DataRate: tc.rx2}})
		if (err == nil) != tc.ok || d.Joined() != tc.ok {
			t.Errorf("%s with RX1 offset %d and RX2 DR%d: error %v", tc.band, tc.offset, tc.rx2, err)
		}
	}
}

func TestJoinOfPrinted(t *testing.T) {
	d, _ := abp(t, "1.0.3")
	if _, err := d.JoinRequest(); err == nil {
		t.Error("a device with a printed session joins")
	}
}
