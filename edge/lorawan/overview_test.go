package lorawan

import (
	"reflect"
	"testing"

	"github.com/brocaar/lorawan"
	"github.com/google/go-cmp/cmp"
)

func overviews(n *Network) map[lorawan.EUI64]Overview {
	out := map[lorawan.EUI64]Overview{}
	for o := range n.Devices {
		out[o.DevEUI] = o
	}
	return out
}

func TestOverview(t *testing.T) {
	abp := Device{
		DevEUI: lorawan.EUI64{9}, Version: "1.1.0", ABP: true, DevAddr: lorawan.DevAddr{1, 2, 3, 4},
		NwkSKey: lorawan.AES128Key{1}, SNwkSIntKey: lorawan.AES128Key{2}, NwkSEncKey: lorawan.AES128Key{3}, AppSKey: lorawan.AES128Key{4},
	}
	n := newNetwork(t, joining, abp)
	if _, err := n.Enqueue(abp.DevEUI, Command{ID: "c", FPort: 1}, start); err != nil {
		t.Fatal(err)
	}
	wantABP := Overview{DevEUI: abp.DevEUI, Version: "1.1.0", ABP: true, Session: true, V11: true, DevAddr: abp.DevAddr, Commands: 1}
	check := func(when string, want Overview) {
		t.Helper()
		got := overviews(n)
		if diff := cmp.Diff(map[lorawan.EUI64]Overview{want.DevEUI: want, abp.DevEUI: wantABP}, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	want := Overview{DevEUI: joining.DevEUI, Version: "1.0.3"}
	check("before the join", want)

	s := join(t, n, 7)
	want.Session, want.Pending, want.DevAddr, want.Nonces = true, true, s.DevAddr, 1
	check("after the join", want)

	rx := heard(dataUp(t, s, 3, false, []byte{1}))
	rx[0].Heard = start
	if dec := n.Handle(rx); dec.Data == nil {
		t.Fatalf("%+v", dec)
	}
	want.Pending, want.NextFCntUp, want.Heard, want.DR, want.Gateway = false, 4, start, 5, rx[0].Gateway
	want.NextFCntDown = 1 // it is asked to use more channels
	check("after the first frame", want)

	for range n.Devices {
		break // is allowed
	}
	for f := range reflect.TypeFor[Overview]().Fields() {
		if f.Type == reflect.TypeFor[lorawan.AES128Key]() {
			t.Errorf("field %s is a key", f.Name)
		}
	}
}

// A device of class C listens from its first frame on; one of 1.1 when it has
// said so.
func TestOverviewOfClass(t *testing.T) {
	for _, k := range []kind{classA, classC, {"1.1.0", true, "EU868", true}, {"1.1.0", true, "EU868", false}} {
		a := settled(t, k)
		for o := range a.net.Devices {
			if o.ClassC != k.classC || o.V11 != (k.version == "1.1.0") || o.ABP != k.abp {
				t.Errorf("%s: %+v", k, o)
			}
		}
	}
}

func TestInFlight(t *testing.T) {
	n := newNetwork(t, joining)
	dec := n.Handle(heard(joinRequest(t, joining, 7)))
	r := Result{DevEUI: joining.DevEUI, ID: dec.Down.ID}
	check := func(what string, want InFlight) {
		t.Helper()
		got, ok := n.InFlight(r)
		want.DevEUI, want.Gateway, want.Windows = joining.DevEUI, lorawan.EUI64{1}, got.Windows
		if diff := cmp.Diff(want, got); diff != "" || !ok || len(got.Windows) != 2 {
			t.Errorf("%s: %t %s", what, ok, diff)
		}
		n.Sent(r, start)
		if got, ok := n.InFlight(r); ok {
			t.Errorf("%s: still there after its result: %+v", what, got)
		}
	}
	s := acceptedJoin(t, joining, 7, dec.Down)
	check("accept", InFlight{Join: true})
	n.Handle(heard(dataUp(t, s, 0, false, nil)))
	if _, err := n.Enqueue(joining.DevEUI, Command{ID: "c", FPort: 1}, start); err != nil {
		t.Fatal(err)
	}
	dec = n.Handle(heard(dataUp(t, s, 1, true, nil)))
	r.ID = dec.Down.ID
	check("command", InFlight{Ack: true, Command: "c", MAC: dec.Down.PHYPayload[5]&15 > 0, FCnt: uint32(dec.Down.PHYPayload[6])})
}

func TestPeek(t *testing.T) {
	s := Session{DevAddr: lorawan.DevAddr{1, 2, 3, 4}}
	for _, c := range []struct {
		name string
		phy  []byte
		want Fields
		ok   bool
	}{
		{"join request", joinRequest(t, joining, 1), Fields{Join: true, DevEUI: joining.DevEUI}, true},
		{"data", dataUp(t, s, 0x1_0203, true, []byte{1}), Fields{DevAddr: s.DevAddr, FCnt: 0x0203, HasPort: true, FPort: 2}, true},
		{"downlink", []byte{0x60, 4, 3, 2, 1, 0, 0, 0, 1, 2, 3, 4}, Fields{}, false},
		{"short join request", make([]byte, 22), Fields{}, false},
		{"short data", []byte{0x40, 1, 2}, Fields{}, false},
		{"nothing", nil, Fields{}, false},
	} {
		if got, ok := Peek(c.phy); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %t", c.name, got, ok)
		}
	}
}
