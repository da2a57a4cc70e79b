package enddevice

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

// The other side of the air, as far as the tests need one: frames of a network
// that are built with brocaar/lorawan and the keys that are known to the test.

type network struct {
	t          *testing.T
	d          *Device
	s          Session
	modern     bool
	nDown      uint32 // next counters
	aDown      uint32
	ackOf      uint32 // counter of the uplink that the next ACK is for
	lastDown   uint32 // counter of the last downlink, which the device may acknowledge
	lastUplink *lorawan.MACPayload
}

type down struct {
	port      int // -1: none
	payload   []byte
	fOpts     []lorawan.MACCommand
	raw       []byte // FOpts or, on port 0, payload as bytes
	confirmed bool
	ack       bool
	pending   bool
}

var (
	testDevEUI  = lorawan.EUI64{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x00, 0x12, 0x34}
	testJoinEUI = lorawan.EUI64{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x00, 0x00, 0x01}
	testAppKey  = lorawan.AES128Key{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	testNwkKey  = lorawan.AES128Key{16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
)

func session10() *Session {
	k := lorawan.AES128Key{0xaa, 1}
	return &Session{DevAddr: lorawan.DevAddr{0x26, 1, 2, 3}, FNwkSIntKey: k, SNwkSIntKey: k, NwkSEncKey: k, AppSKey: lorawan.AES128Key{0xaa, 2}}
}

func session11() *Session {
	return &Session{
		DevAddr:     lorawan.DevAddr{0x26, 1, 2, 3},
		FNwkSIntKey: lorawan.AES128Key{0xbb, 1}, SNwkSIntKey: lorawan.AES128Key{0xbb, 3},
		NwkSEncKey: lorawan.AES128Key{0xbb, 4}, AppSKey: lorawan.AES128Key{0xbb, 2},
	}
}

// abp returns a device with a printed session and its network.
func abp(t *testing.T, version string, change ...func(*Config)) (*Device, *network) {
	t.Helper()
	cfg := Config{Version: version, DevEUI: testDevEUI, Session: session10(), ADR: true, Battery: 200}
	if version == "1.1.0" {
		cfg.Session = session11()
	}
	for _, f := range change {
		f(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d, &network{t: t, d: d, s: *cfg.Session, modern: version == "1.1.0"}
}

func us915(c *Config)  { c.Band = band.US915 }
func classC(c *Config) { c.ClassC = true }
func noADR(c *Config)  { c.ADR = false }

func (n *network) macVersion() lorawan.MACVersion {
	if n.modern {
		return lorawan.LoRaWAN1_1
	}
	return lorawan.LoRaWAN1_0
}

// frame builds a downlink with the next counter.
func (n *network) frame(x down) []byte {
	n.t.Helper()
	counter := &n.nDown
	if n.modern && x.port > 0 {
		counter = &n.aDown
	}
	mac := &lorawan.MACPayload{FHDR: lorawan.FHDR{
		DevAddr: n.s.DevAddr, FCnt: *counter,
		FCtrl: lorawan.FCtrl{ACK: x.ack, FPending: x.pending},
	}}
	n.lastDown = *counter
	*counter++
	raw := x.raw
	for _, c := range x.fOpts {
		raw = append(raw, n.must(c.MarshalBinary())...)
	}
	key := n.s.AppSKey
	switch {
	case x.port == 0:
		mac.FPort, key = new(uint8), n.s.NwkSEncKey
		mac.FRMPayload = []lorawan.Payload{&lorawan.DataPayload{Bytes: raw}}
	case len(raw) > 0:
		mac.FHDR.FOpts = []lorawan.Payload{&lorawan.DataPayload{Bytes: raw}}
	}
	if x.port > 0 {
		p := uint8(x.port)
		mac.FPort = &p
		mac.FRMPayload = []lorawan.Payload{&lorawan.DataPayload{Bytes: x.payload}}
	}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataDown}, MACPayload: mac}
	if x.confirmed {
		phy.MHDR.MType = lorawan.ConfirmedDataDown
	}
	n.ok(phy.EncryptFRMPayload(key))
	if n.modern {
		n.ok(phy.EncryptFOpts(n.s.NwkSEncKey))
	}
	n.ok(phy.SetDownlinkDataMIC(n.macVersion(), n.ackOf, n.s.SNwkSIntKey))
	return n.must(phy.MarshalBinary())
}

// send sends a downlink in RX1 and expects the device to take it.
func (n *network) send(x down) *Heard {
	n.t.Helper()
	return n.sendIn(0, x)
}

func (n *network) sendIn(window int, x down) *Heard {
	n.t.Helper()
	ws := n.d.Windows()
	if window >= len(ws) {
		n.t.Fatalf("the device listens in %d windows, want more than %d", len(ws), window)
	}
	h, err := n.d.Hear(n.frame(x), ws[window])
	if err != nil {
		n.t.Fatal(err)
	}
	return h
}

// commands is a downlink with MAC commands only.
func (n *network) commands(cmds ...lorawan.MACCommand) *Heard {
	n.t.Helper()
	n.up()
	return n.send(down{port: 0, fOpts: cmds})
}

// up lets the device send a frame without port and returns its MAC commands.
func (n *network) up() []lorawan.MACCommand {
	n.t.Helper()
	tx, err := n.d.Empty(false)
	if err != nil {
		n.t.Fatal(err)
	}
	return n.receive(tx)
}

// receive checks and decrypts an uplink and returns its MAC commands.
func (n *network) receive(tx Transmission) []lorawan.MACCommand {
	n.t.Helper()
	var phy lorawan.PHYPayload
	n.ok(phy.UnmarshalBinary(tx.PHYPayload))
	mac := phy.MACPayload.(*lorawan.MACPayload)
	if low := mac.FHDR.FCnt; low != tx.FCnt&0xffff {
		n.t.Fatalf("frame has counter %d, transmission %d", low, tx.FCnt)
	}
	mac.FHDR.FCnt = tx.FCnt
	ok, err := phy.ValidateUplinkDataMIC(n.macVersion(), n.lastDown, uint8(tx.DR), uint8(tx.Channel), n.s.FNwkSIntKey, n.s.SNwkSIntKey)
	if err != nil || !ok {
		n.t.Fatalf("MIC of uplink %d is wrong (%v)", tx.FCnt, err)
	}
	if n.modern {
		n.ok(phy.DecryptFOpts(n.s.NwkSEncKey))
	} else {
		n.ok(phy.DecodeFOptsToMACCommands())
	}
	key := n.s.AppSKey
	if mac.FPort != nil && *mac.FPort == 0 {
		key = n.s.NwkSEncKey
	}
	if len(mac.FRMPayload) > 0 {
		n.ok(phy.DecryptFRMPayload(key))
	}
	n.lastUplink = mac
	var out []lorawan.MACCommand
	for _, p := range append(mac.FHDR.FOpts, mac.FRMPayload...) {
		if c, ok := p.(*lorawan.MACCommand); ok {
			out = append(out, *c)
		}
	}
	return out
}

func (n *network) ok(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) must(b []byte, err error) []byte {
	n.t.Helper()
	n.ok(err)
	return b
}

// unhex parses what a test writes down.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
