package lorawan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"

	"modellregion/edge/radio"
	"modellregion/internal/enddevice"
)

// These tests let the network talk with an end device that was written from the
// specifications by somebody else.

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// air is what lies between one device and two gateways.
type air struct {
	t    *testing.T
	cfg  Config
	net  *Network
	list []Device
	dev  *enddevice.Device
	now  time.Time

	snr     [2]float64         // at the gateways
	refuse  int                // windows that a gateway refuses, of each downlink
	dead    bool               // no gateway sends anything
	deaf    func() bool        // the device misses a downlink
	lost    func() bool        // the gateways miss an uplink
	restart func() bool        // the network begins anew from its last state
	heard   []*enddevice.Heard // by the device
	events  []Event
	used    map[string]bool // downlink counters by session, to find one that is used twice
	saved   map[lorawan.EUI64]*savedState
	counter uint64
}

type savedState struct{ record, nonces []byte }

// parts of a test's name
type kind struct {
	version string
	classC  bool
	region  band.Name
	abp     bool
}

func (k kind) String() string {
	class, activation := "A", "OTAA"
	if k.classC {
		class = "C"
	}
	if k.abp {
		activation = "ABP"
	}
	return fmt.Sprintf("%s %s %s %s", k.version, class, k.region, activation)
}

func kindsOfDevices() (out []kind) {
	for _, version := range []string{"1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"} {
		for _, classC := range []bool{false, true} {
			for _, region := range []band.Name{band.EU868, band.US915} {
				for _, abp := range []bool{false, true} {
					out = append(out, kind{version, classC, region, abp})
				}
			}
		}
	}
	return out
}

// newAir puts a device of that kind on the air, known to the network.
func newAir(t *testing.T, k kind, cfg Config, edit ...func(*Device)) *air {
	t.Helper()
	d := Device{
		DevEUI: lorawan.EUI64{0x70, 0xb3, 1}, JoinEUI: lorawan.EUI64{0x70, 0xb3, 2}, Version: k.version, ClassC: k.classC,
	}
	dev := enddevice.Config{Version: k.version, ClassC: k.classC, Band: k.region, DevEUI: d.DevEUI, JoinEUI: d.JoinEUI, ADR: true, Battery: 128}
	nwk, app := lorawan.AES128Key{1, 2, 3}, lorawan.AES128Key{4, 5, 6}
	if k.abp {
		d.ABP, d.DevAddr, d.NwkSKey, d.AppSKey = true, lorawan.DevAddr{1, 2, 3, 4}, nwk, app
		s := enddevice.Session{DevAddr: d.DevAddr, FNwkSIntKey: nwk, SNwkSIntKey: nwk, NwkSEncKey: nwk, AppSKey: app}
		if d.v11() {
			d.SNwkSIntKey, d.NwkSEncKey = lorawan.AES128Key{7}, lorawan.AES128Key{8}
			s.SNwkSIntKey, s.NwkSEncKey = d.SNwkSIntKey, d.NwkSEncKey
		}
		dev.Session = &s
	} else {
		d.AppKey, dev.AppKey = app, app
		if d.v11() {
			d.NwkKey, dev.NwkKey = nwk, nwk
		}
	}
	for _, e := range edit {
		e(&d)
	}
	cfg.Band, cfg.Rand = k.region, &seededRand{}
	never := func() bool { return false }
	a := &air{
		t: t, cfg: cfg, list: []Device{d}, now: start, snr: [2]float64{-3, 2}, deaf: never, lost: never, restart: never,
		used: map[string]bool{}, saved: map[lorawan.EUI64]*savedState{},
	}
	var err error
	if a.dev, err = enddevice.New(dev); err != nil {
		t.Fatal(err)
	}
	a.begin()
	return a
}

// begin starts the network with what was saved.
func (a *air) begin() {
	a.t.Helper()
	n, err := New(a.cfg)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.net != nil {
		for g := range a.net.ledger.gateways {
			if err := n.RestoreAirtime(g, a.net.Airtime(g)); err != nil {
				a.t.Fatal(err)
			}
		}
		n.flightN = a.net.flightN
	}
	a.net = n
	n.SetDevices(a.list, func(eui lorawan.EUI64) (State, bool) {
		saved, ok := a.saved[eui]
		if !ok {
			return State{}, false
		}
		s := State{DevEUI: eui}
		if err := s.UnmarshalBinary(saved.record); err != nil {
			a.t.Fatal(err)
		}
		if err := s.UnmarshalNonces(saved.nonces); err != nil {
			a.t.Fatal(err)
		}
		return s, true
	})
}

// carryOut does with a decision what an edge does.
func (a *air) carryOut(dec Decision) {
	a.t.Helper()
	a.events = append(a.events, dec.Events...)
	if dec.Save != nil {
		record, err := dec.Save.MarshalBinary()
		if err != nil {
			a.t.Fatal(err)
		}
		of := a.saved[dec.DevEUI]
		if of == nil {
			of = &savedState{}
			a.saved[dec.DevEUI] = of
		}
		of.record = record
		if dec.Join != nil {
			of.nonces = dec.Save.MarshalNonces()
		}
	}
	if a.restart() {
		a.begin() // the downlink and its result are lost
		return
	}
	if dec.Down != nil {
		a.send(dec.Down, dec)
	}
}

func (a *air) send(d *radio.Downlink, dec Decision) {
	a.t.Helper()
	a.check(d, dec)
	r := Result{DevEUI: dec.DevEUI, ID: d.ID}
	if r.Used = a.refuse; a.dead || r.Used >= len(d.Windows) {
		r.Used, r.Err, r.NotSent = 0, fmt.Errorf("TOO_LATE"), true
	} else if !a.deaf() {
		w := d.Windows[r.Used]
		w.PowerDBm = 0
		h, err := a.dev.Hear(d.PHYPayload, w)
		if err != nil {
			a.t.Fatalf("the device does not hear its downlink in %+v: %v\nit listens: %+v", d.Windows, err, a.dev.Windows())
		}
		a.heard = append(a.heard, h)
	}
	a.carryOut(a.net.Sent(r, a.now))
}

// check finds a counter that is used twice under the same keys.
func (a *air) check(d *radio.Downlink, dec Decision) {
	a.t.Helper()
	if lorawan.MType(d.PHYPayload[0]>>5) == lorawan.JoinAccept {
		return
	}
	s := dec.Save.Active
	f := a.net.flights[d.ID]
	id := fmt.Sprintf("%x %v %d", s.NwkSKey, s.V11 && f.command != "", f.fCnt)
	if a.used[id] {
		a.t.Fatalf("downlink counter used twice: %s", id)
	}
	a.used[id] = true
}

// rx is how the gateways hear a transmission, the best first.
func (a *air) rx(tx enddevice.Transmission) []radio.Frame {
	a.counter += 1_000_000
	var out []radio.Frame
	for i, snr := range a.snr {
		out = append(out, radio.Frame{
			PHYPayload: tx.PHYPayload, Gateway: lorawan.EUI64{0xaa, byte(i)}, Heard: a.now, Counter: a.counter + uint64(i),
			FreqHz: tx.FreqHz, DataRate: tx.DataRate, SNRdB: snr, RSSIdBm: -100,
		})
	}
	slices.SortStableFunc(out, func(x, y radio.Frame) int { return int(y.SNRdB*10 - x.SNRdB*10) })
	return out
}

// join lets the device join, which takes as often as frames are lost.
func (a *air) join() {
	a.t.Helper()
	for range 100 {
		tx, err := a.dev.JoinRequest()
		if err != nil {
			a.t.Fatal(err)
		}
		a.now = a.now.Add(10 * time.Second)
		joined := len(a.heard)
		if !a.lost() {
			dec := a.net.Handle(a.rx(tx))
			if dec.Join == nil && dec.Dropped != NoAnswer {
				a.t.Fatalf("join: %+v", dec)
			}
			a.carryOut(dec)
		}
		if len(a.heard) > joined {
			return
		}
	}
	a.t.Fatal("the device does not get in")
}

// up sends an uplink and returns what the network makes of it; nil when it is
// lost.
func (a *air) up(port uint8, payload []byte, confirmed bool) *Data {
	a.t.Helper()
	tx, err := a.dev.Uplink(port, payload, confirmed)
	if err != nil {
		a.t.Fatal(err)
	}
	a.now = a.now.Add(time.Minute)
	if a.lost() {
		return nil
	}
	dec := a.net.Handle(a.rx(tx))
	if dec.Data == nil {
		a.t.Fatalf("uplink %d at %+v: dropped as %s: %v", tx.FCnt, tx, dec.Dropped, dec.Detail)
	}
	if dec.Data.FCnt != tx.FCnt || dec.Data.FPort != port || !bytes.Equal(dec.Data.Payload, payload) || int(dec.Data.DR) != tx.DR {
		a.t.Fatalf("uplink %+v became %+v", tx, dec.Data)
	}
	a.carryOut(dec)
	return dec.Data
}

func (a *air) enqueue(c Command) {
	a.t.Helper()
	dec, err := a.net.Enqueue(a.list[0].DevEUI, c, a.now)
	if err != nil {
		a.t.Fatal(err)
	}
	a.carryOut(dec)
}

func (a *air) tick(d time.Duration) {
	a.t.Helper()
	a.now = a.now.Add(d)
	for _, dec := range a.net.Tick(a.now) {
		a.carryOut(dec)
	}
}

// steps are what was told of a command.
func (a *air) steps(id string) (out []What) {
	for _, e := range a.events {
		if e.Command == id {
			out = append(out, e.What)
		}
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, k := range kindsOfDevices() {
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			a := newAir(t, k, Config{})
			if !k.abp {
				a.join()
			}
			for i := range 8 {
				a.up(2, []byte{byte(i)}, i%2 == 1)
			}
			acks := 0
			for _, h := range a.heard {
				if h.Ack {
					acks++
				}
			}
			if acks != 4 {
				t.Errorf("%d of 4 confirmed uplinks were acknowledged", acks)
			}
			want := []int{0, 1, 2, 3, 4, 5, 6, 7}
			if k.region == band.US915 {
				want = []int{8, 9, 10, 11, 12, 13, 14, 15, 65}
			}
			if got := a.dev.Channels(); !slices.Equal(got, want) {
				t.Errorf("channels %v, want %v", got, want)
			}
			a.requests()
			a.commands(k)
			a.rollover()
		})
	}
}

// requests lets the device ask for what it may ask.
func (a *air) requests() {
	a.t.Helper()
	for _, cid := range []lorawan.CID{lorawan.LinkCheckReq, lorawan.DeviceTimeReq} {
		if err := a.dev.Request(cid); err != nil {
			continue // not in this version
		}
		a.heard = nil
		a.up(2, []byte{1}, false)
		if len(a.heard) != 1 {
			a.t.Fatalf("%s is not answered", cid)
		}
		h := a.heard[0]
		if cid == lorawan.LinkCheckReq && (!h.LinkChecked || h.Gateways != 2) {
			a.t.Errorf("LinkCheckAns: %+v", h)
		}
		// 18 leap seconds since 1980.
		if at := time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC).Add(h.DeviceTime - 18*time.Second); cid == lorawan.DeviceTimeReq && !at.Equal(a.now) {
			a.t.Errorf("DeviceTimeAns says %v, want %v", at, a.now)
		}
	}
}

// commands sends the device one of each kind.
func (a *air) commands(k kind) {
	a.t.Helper()
	a.heard = nil
	a.enqueue(Command{ID: "plain", FPort: 7, Payload: []byte("open")})
	a.enqueue(Command{ID: "sure", FPort: 8, Payload: []byte("shut"), Confirmed: true})
	if k.classC {
		if len(a.heard) != 1 {
			a.t.Errorf("a class C device heard %d frames at once, want the first command", len(a.heard))
		}
		a.tick(2 * time.Second)
	}
	for range 4 {
		a.up(2, []byte{1}, false)
	}
	var got []string
	for _, h := range a.heard {
		if h.Port != nil && *h.Port > 0 {
			got = append(got, fmt.Sprintf("%d %s %v", *h.Port, h.Payload, h.Confirmed))
		}
	}
	if want := []string{"7 open false", "8 shut true"}; !slices.Equal(got, want) {
		a.t.Errorf("the device heard %v, want %v", got, want)
	}
	if got := a.steps("plain"); !slices.Equal(got, []What{Queued, Sent}) {
		a.t.Errorf("plain command: %v", got)
	}
	if got := a.steps("sure"); !slices.Equal(got, []What{Queued, Sent, Acked}) {
		a.t.Errorf("confirmed command: %v", got)
	}
	if s := a.dev.Session(); k.version == "1.1.0" && s.AFCntDown != 2 {
		a.t.Errorf("application counter %d after two commands", s.AFCntDown)
	}
}

// rollover crosses the end of the 16 bits that are sent.
func (a *air) rollover() {
	a.t.Helper()
	a.dev.SetFCntUp(65_530)
	for i := range uint32(12) {
		if d := a.up(2, []byte{1}, i%4 == 0); d.FCnt != 65_530+i {
			a.t.Errorf("counter %d, want %d", d.FCnt, 65_530+i)
		}
	}
}

// Whatever is wanted of a device is told until it has agreed, over an air that
// loses every third frame and with a network that restarts at any time; no
// counter is used twice and no command is lost meanwhile.
func TestWishesComeTrue(t *testing.T) {
	for _, k := range kindsOfDevices() {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s/%d", k, seed), func(t *testing.T) {
				t.Parallel()
				chance := rand.New(rand.NewPCG(seed, 1))
				want := Radio{RX1Delay: 5, RX1DROffset: 1, RX2DR: 3, RX2FreqHz: 868_500_000, MaxDutyCycle: 7}
				if k.region == band.US915 {
					want.RX2DR, want.RX2FreqHz = 10, 923_900_000
				}
				a := newAir(t, k, Config{Radio: want, StatusEvery: time.Hour})
				a.lost = func() bool { return chance.IntN(3) == 0 }
				a.deaf, a.restart = a.lost, func() bool { return chance.IntN(8) == 0 }
				if !k.abp {
					a.join()
				}
				status := 0
				for i := range 400 {
					if i%40 == 0 && len(a.net.devices[a.list[0].DevEUI].state.Queue) == 0 {
						a.enqueue(Command{ID: fmt.Sprint(i), FPort: 9, Payload: []byte{byte(i)}, Confirmed: true})
					}
					if d := a.up(2, []byte{byte(i)}, i%5 == 0); d != nil && d.Status != nil {
						status++
						if d.Status.Battery != 128 {
							t.Errorf("battery %d", d.Status.Battery)
						}
					}
				}
				freq, dr := a.dev.RX2()
				got := Radio{uint8(a.dev.RX1Delay() / time.Second), uint8(a.dev.RX1DROffset()), uint8(dr), freq, a.dev.DutyCycle()}
				if got != want {
					t.Errorf("the device uses %+v, want %+v", got, want)
				}
				if s := a.net.devices[a.list[0].DevEUI].state.Active; s.Radio != want {
					t.Errorf("the network believes %+v, want %+v", s.Radio, want)
				}
				if status < 3 {
					t.Errorf("%d statuses in 400 minutes, want one an hour", status)
				}
				ends := 0
				for _, e := range a.events {
					if e.What >= Acked {
						ends++
					}
				}
				if ends < 3 {
					t.Errorf("%d commands came to an end, want some", ends)
				}
			})
		}
	}
}
