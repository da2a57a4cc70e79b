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
