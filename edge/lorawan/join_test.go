package lorawan

import (
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"

	"modellregion/internal/enddevice"
)

func TestNonces(t *testing.T) {
	for _, c := range []struct {
		version string
		play    []lorawan.DevNonce
		want    string // one letter for each: accepted, or used before
	}{
		{"1.0.3", []lorawan.DevNonce{7, 3, 7, 9, 3}, "aauau"},
		{"1.0.4", []lorawan.DevNonce{7, 3, 7, 9, 3, 10}, "auuaua"},
	} {
		d := joining
		d.Version = c.version
		n := newNetwork(t, d)
		got := ""
		for i, nonce := range c.play {
			rx := heard(joinRequest(t, d, nonce))
			rx[0].Heard = start.Add(time.Duration(i) * time.Minute)
			dec := n.Handle(rx)
			switch {
			case dec.Join != nil:
				got += "a"
			case dec.Dropped == NonceUsed && strings.Contains(dec.Detail.Error(), "flushed") && dec.Save == nil:
				got += "u"
			default:
				t.Fatalf("%+v", dec)
			}
		}
		if got != c.want {
			t.Errorf("%s: %v gave %s, want %s", c.version, c.play, got, c.want)
		}
		if kept := len(n.devices[d.DevEUI].state.DevNonces); d.countsNonces() && kept != 1 {
			t.Errorf("%s: %d nonces kept, want the last", c.version, kept)
		}
		// An operator lets the device begin anew; the join nonce goes on.
		before := n.devices[d.DevEUI].state.JoinNonce
		d.Nonces++
		n.SetDevices([]Device{d}, func(lorawan.EUI64) (State, bool) { return State{}, false })
		dec := n.Handle(heard(joinRequest(t, d, 3)))
		if dec.Join == nil || dec.Save.JoinNonce != before+1 || dec.Save.Flushed != 1 || len(dec.Save.DevNonces) != 1 {
			t.Errorf("%s: after flushing: %+v", c.version, dec)
		}
		// Not again with each list.
		n.SetDevices([]Device{d}, func(lorawan.EUI64) (State, bool) { return State{}, false })
		if dec := n.Handle(heard(joinRequest(t, d, 3))); dec.Dropped != NonceUsed {
			t.Errorf("%s: a flush counts twice: %+v", c.version, dec)
		}
	}
}

func TestNoncesAreOfOneJoinEUI(t *testing.T) {
	n := newNetwork(t, joining)
	join(t, n, 7)
	other := joining
	other.JoinEUI[7]++
	n.SetDevices([]Device{other}, func(lorawan.EUI64) (State, bool) { return State{}, false })
	if dec := n.Handle(heard(joinRequest(t, other, 7))); dec.Join == nil {
		t.Errorf("nonce of another JoinEUI: %+v", dec)
	}
}

// Without a gateway that may answer, a request uses up nothing.
func TestJoinThatNobodyCanAnswer(t *testing.T) {
	n := newNetwork(t, joining)
	request := joinRequest(t, joining, 7)
	rx := heard(request)
	rx[0].Remote = true
	if dec := n.Handle(rx); dec.Dropped != NoAnswer || dec.Save != nil || dec.Down != nil {
		t.Errorf("heard by another edge alone: %+v", dec)
	}
	rx = heard(request)
	for _, freq := range []uint32{868_100_000, 869_525_000} {
		n.ledger.add(rx[0].Gateway, freq, 6*time.Minute, rx[0].Heard)
	}
	if dec := n.Handle(rx); dec.Dropped != NoAnswer || dec.Save != nil || !strings.Contains(dec.Detail.Error(), "on the air") {
		t.Errorf("without airtime: %+v", dec)
	}
	if dec := n.Handle(append(rx, heard(request)[0])); dec.Dropped != NoAnswer {
		t.Errorf("the same gateway twice: %+v", dec)
	}
	other := heard(request)
	other[0].Gateway[7]++
	if dec := n.Handle(append(rx, other...)); dec.Join == nil || dec.Down.Gateway != other[0].Gateway || dec.Down.Windows[0].Delay != 5*time.Second || dec.Down.Windows[1].Delay != 6*time.Second {
		t.Errorf("with another gateway: %+v", dec)
	}
}

// A session of 1.1 is only that of a device which has both root keys.
func TestJoinKeys(t *testing.T) {
	k := kind{"1.1.0", false, band.EU868, false}
	for name, edit := range map[string]func(*Device){
		"NwkKey": func(d *Device) { d.NwkKey[0]++ },
		"1.0":    func(d *Device) { d.Version = "1.0.4" },
	} {
		a := newAir(t, k, Config{}, edit)
		tx, err := a.dev.JoinRequest()
		if err != nil {
			t.Fatal(err)
		}
		if dec := a.net.Handle(a.rx(tx)); dec.Dropped != WrongMIC || !strings.Contains(dec.Detail.Error(), "Key that of device") {
			t.Errorf("%s: %+v", name, dec)
		}
	}
	// With a wrong AppKey it joins, and its payloads are another's.
	a := newAir(t, k, Config{}, func(d *Device) { d.AppKey[0]++ })
	a.join()
	tx, err := a.dev.Uplink(2, []byte("hello"), false)
	if err != nil {
		t.Fatal(err)
	}
	if dec := a.net.Handle(a.rx(tx)); dec.Data == nil || string(dec.Data.Payload) == "hello" {
		t.Errorf("%+v", dec)
	}
}

// What is kept of a device is void with other keys, also of its sessions in 1.1.
func TestChangedKeys(t *testing.T) {
	for _, k := range []kind{{"1.1.0", false, band.EU868, false}, {"1.1.0", false, band.EU868, true}} {
		a := newAir(t, k, Config{})
		if !k.abp {
			a.join()
		}
		a.up(2, []byte{1}, false)
		for name, edit := range map[string]func(*Device){
			"AppKey": func(d *Device) { d.AppKey[0]++ }, "NwkKey": func(d *Device) { d.NwkKey[0]++ },
			"SNwkSIntKey": func(d *Device) { d.SNwkSIntKey[0]++ }, "NwkSEncKey": func(d *Device) { d.NwkSEncKey[0]++ },
		} {
			d := a.list[0]
			edit(&d)
			if rootKey := strings.Contains("AppKey NwkKey", name); rootKey == k.abp {
				continue
			}
			b := *a
			b.list = []Device{d}
			b.begin()
			if s := b.net.devices[d.DevEUI].state.Active; s != nil && s.NextFCntUp != 0 {
				t.Errorf("%s %s: the session lives on", k, name)
			}
		}
	}
}

func TestOurs(t *testing.T) {
	d, err := enddevice.New(enddevice.Config{Version: "1.0.3", DevEUI: joining.DevEUI, JoinEUI: joining.JoinEUI, AppKey: joining.AppKey})
	if err != nil {
		t.Fatal(err)
	}
	request, err := d.JoinRequest()
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork(t, joining)
	s := join(t, n, 1)
	stranger := s
	stranger.DevAddr = lorawan.DevAddr{0x26, 1, 2, 3} // of The Things Network
	for _, c := range []struct {
		name        string
		phy         []byte
		ours, known bool
	}{
		{"join request of ours", request.PHYPayload, true, true},
		{"join request of another", joinRequest(t, Device{DevEUI: lorawan.EUI64{9}}, 1), true, false},
		{"data of ours", dataUp(t, s, 0, false, nil), true, true},
		{"data of another network", dataUp(t, stranger, 0, false, nil), false, false},
		{"too short", []byte{0, 1}, false, false},
		{"short join request", make([]byte, 12), true, false},
		{"downlink", append([]byte{0x60}, make([]byte, 20)...), true, false},
	} {
		if got := Ours(c.phy); got != c.ours {
			t.Errorf("%s: ours %v", c.name, got)
		}
		if got := n.Knows(c.phy); got != c.known {
			t.Errorf("%s: known %v", c.name, got)
		}
	}
}

func TestNextJoinNonce(t *testing.T) {
	day := func(year, month, day, minute int) time.Time {
		return time.Date(year, time.Month(month), day, 0, minute, 0, 0, time.UTC)
	}
	const last = 1<<24 - 1
	end := time.Date(2051, 11, 24, 20, 15, 0, 0, time.UTC) // of 24 bits
	built := day(2026, 11, 24, 0)
	const atBuilt = 2519 * 24 * 60
	for _, c := range []struct {
		name     string
		earliest time.Time
		known    uint32
		now      time.Time
		want     lorawan.JoinNonce
		refused  string
	}{
		{"no clock, nothing known", time.Time{}, 0, time.Time{}, 1, ""},
		{"no clock", time.Time{}, 7, time.Time{}, 8, ""},
		{"a clock of 2000, as in a bubble", time.Time{}, 0, day(2000, 1, 1, 0), 1, ""},
		{"the minute it begins", time.Time{}, 0, day(2020, 1, 1, 0), 1, ""},
		{"minutes since", time.Time{}, 0, day(2020, 1, 2, 5), 1445, ""},
		{"first of a device", built, 0, built.Add(90 * time.Minute), atBuilt + 90, ""},
		{"known is lower, of a version before", built, 3, built.Add(90 * time.Minute), atBuilt + 90, ""},
		{"known is the same", built, atBuilt + 90, built.Add(90 * time.Minute), atBuilt + 91, ""},
		{"known is higher", built, atBuilt + 500, built.Add(90 * time.Minute), atBuilt + 501, ""},
		{"clock not set", built, 0, day(1970, 1, 1, 1), atBuilt, ""},
		{"clock not set, known", built, atBuilt, day(1970, 1, 1, 1), atBuilt + 1, ""},
		{"clock set later", built, atBuilt + 1, day(2027, 1, 1, 0), atBuilt + 38*24*60, ""},
		{"another time zone", built, 0, built.Add(time.Hour).In(time.FixedZone("", 7200)), atBuilt + 60, ""},
		{"last minute", built, 0, end.Add(59 * time.Second), last, ""},
		{"clock too late", built, 0, end.Add(time.Minute), 0, "the clock says 16777216: is 2051-11-24 20:16:00 right?"},
		{"clock too late, known", built, 9, end.Add(time.Minute), 10, ""},
		{"built too late", end.AddDate(1, 0, 0), 0, time.Time{}, 0, "the clock says"},
		{"the last but one is known", built, last - 1, built, last, ""},
		{"the last is known", built, last, built, 0, "up to 16777215 are used up"},
		{"beyond the last", built, 1<<32 - 1, end.AddDate(9, 0, 0), 0, "up to 16777215 are used up"},
	} {
		n := &Network{cfg: Config{Earliest: c.earliest}}
		got, err := n.nextJoinNonce(c.known, c.now)
		if got != c.want || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %d (%v), want %d %s", c.name, got, err, c.want, c.refused)
		}
	}
}

// A refused join uses up nothing: the device gets in when the clock is right.
func TestJoinWithoutANonce(t *testing.T) {
	n := newNetwork(t, joining)
	request := joinRequest(t, joining, 7)
	rx := heard(request)
	rx[0].Heard = time.Date(2055, 1, 1, 0, 0, 0, 0, time.UTC)
	if dec := n.Handle(rx); dec.Dropped != NonceUsed || dec.Save != nil || dec.Down != nil || !strings.Contains(dec.Detail.Error(), "2055-01-01") {
		t.Errorf("in 2055: %+v", dec)
	}
	rx[0].Heard = start
	if dec := n.Handle(rx); dec.Join == nil || int64(dec.Save.JoinNonce) != nonceMinutes(start) {
		t.Errorf("with the clock right: %+v", dec)
	}
	n.devices[joining.DevEUI].state.JoinNonce = maxJoinNonce
	if dec := n.Handle(heard(joinRequest(t, joining, 8))); dec.Dropped != NonceUsed || !strings.Contains(dec.Detail.Error(), "used up") {
		t.Errorf("at the end: %+v", dec)
	}
}

// A network that has lost its history is not that of before to anybody: devices
// take its answers, and no keys are used twice, even with the same DevNonce.
func TestJoinAfterLostHistory(t *testing.T) {
	for _, version := range []string{"1.0.3", "1.0.4", "1.1.0"} {
		a := newAir(t, kind{version, false, band.EU868, false}, Config{Earliest: start.AddDate(0, -1, 0)})
		for range 5 {
			a.join()
			a.up(2, []byte{1}, false)
		}
		request, err := a.dev.JoinRequest() // that somebody keeps
		if err != nil {
			t.Fatal(err)
		}
		keys := func() lorawan.AES128Key {
			t.Helper()
			dec := a.net.Handle(a.rx(request))
			if dec.Join == nil {
				t.Fatalf("%s: %+v", version, dec)
			}
			return dec.Save.Pending.AppSKey
		}
		before := keys()
		clear(a.saved)
		a.net = nil
		a.now = a.now.Add(time.Hour)
		a.begin()
		if keys() == before {
			t.Errorf("%s: the request brings the same keys again", version)
		}
		a.join()
		a.up(2, []byte{1}, false)

		// It is lost again, and the clock with it: it makes up for it when it is set.
		clear(a.saved)
		a.net = nil
		now := a.now
		a.now = time.Unix(60, 0)
		a.begin()
		request, err = a.dev.JoinRequest()
		if err != nil {
			t.Fatal(err)
		}
		dec := a.net.Handle(a.rx(request))
		if dec.Join == nil || int64(dec.Save.JoinNonce) != nonceMinutes(a.cfg.Earliest) {
			t.Fatalf("%s, clock not set: %+v", version, dec)
		}
		a.carry(dec, version == "1.0.3")
		a.now = now
		a.join()
		a.up(2, []byte{1}, false)
	}
}

// carry keeps a decision and tells the device, which must take it or refuse it.
func (a *air) carry(dec Decision, takes bool) {
	a.t.Helper()
	w := dec.Down.Windows[0]
	w.PowerDBm = 0
	if _, err := a.dev.Hear(dec.Down.PHYPayload, w); (err == nil) != takes {
		a.t.Fatalf("the device takes the accept: %v (%v)", err == nil, err)
	}
	record, err := dec.Save.MarshalBinary()
	if err != nil {
		a.t.Fatal(err)
	}
	a.saved[dec.DevEUI] = &savedState{record, dec.Save.MarshalNonces()}
}
