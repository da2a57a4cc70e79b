package lorawan

import (
	"fmt"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modellregion/internal/enddevice"
)

// abp is a personalised device, and its session as the tests sign frames.
func abp() (Device, Session) {
	s := Session{DevAddr: lorawan.DevAddr{1, 2, 3, 4}, NwkSKey: lorawan.AES128Key{5}, AppSKey: lorawan.AES128Key{6}}
	return Device{DevEUI: joining.DevEUI, ABP: true, DevAddr: s.DevAddr, NwkSKey: s.NwkSKey, AppSKey: s.AppSKey}, s
}

// A device that does not answer is asked less and less often, and one that
// refuses is not asked again.
func TestRequestsBecomeRare(t *testing.T) {
	for _, c := range []struct {
		name     string
		answer   []byte // to the first request
		min, max int    // requests with 200 uplinks
	}{
		{"silent", nil, 8, 12},
		{"refused", []byte{byte(lorawan.NewChannelAns), 0, byte(lorawan.NewChannelAns), 3}, 1, 1},
		{"agreed", []byte{byte(lorawan.NewChannelAns), 3, byte(lorawan.NewChannelAns), 3}, 9, 13}, // to the next two channels it is silent
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := abp()
			n := newNetwork(t, d)
			asked := 0
			for i := range uint32(200) {
				var answer []byte
				if i == 1 {
					answer = c.answer
				}
				dec := n.Handle(heard(withOptions(t, s, i, answer, false, false)))
				if dec.Data == nil {
					t.Fatalf("%+v", dec)
				}
				if dec.Down != nil {
					asked++
				}
			}
			if asked < c.min || asked > c.max {
				t.Errorf("asked %d times, want %d to %d", asked, c.min, c.max)
			}
		})
	}
}

// A device repeats some answers until it hears anything: it must hear
// something, though nobody has anything to say.
func TestRepeatedAnswersAreHeard(t *testing.T) {
	for name, answer := range map[string][]byte{
		"RXParamSetupAns":  {byte(lorawan.RXParamSetupAns), 7},
		"RXTimingSetupAns": {byte(lorawan.RXTimingSetupAns)},
		"DLChannelAns":     {byte(lorawan.DLChannelAns), 3},
	} {
		n := newNetwork(t, joining)
		s := join(t, n, 1)
		if dec := n.Handle(heard(withOptions(t, s, 0, answer, false, false))); dec.Down == nil {
			t.Errorf("%s: nothing is sent", name)
		}
		if dec := n.Handle(heard(withOptions(t, s, 1, nil, false, false))); dec.Down != nil {
			t.Errorf("after %s: something is sent", name)
		}
	}
}

// A device that has changed its data rate by itself has most likely gone back
// to full power before.
func TestOwnDataRate(t *testing.T) {
	n := newNetwork(t, joining)
	s := join(t, n, 1)
	rx := heard(dataUp(t, s, 0, false, nil))
	n.Handle(rx)
	active := n.devices[joining.DevEUI].state.Active
	active.Link.TXPower = 4
	n.Handle(heard(dataUp(t, s, 1, false, nil)))
	if active.Link != (Link{DR: 5, TXPower: 4, NbTrans: 1, Channels: active.Link.Channels}) {
		t.Errorf("the same data rate: %+v", active.Link)
	}
	rx = heard(dataUp(t, s, 2, false, nil))
	rx[0].DataRate.SpreadingFactor = 9
	n.Handle(rx)
	if active.Link.DR != 3 || active.Link.TXPower != 0 {
		t.Errorf("another data rate: %+v", active.Link)
	}
}

// A personalised device of 1.1 tells that it has begun anew, and is told again.
func TestResetInd(t *testing.T) {
	a := settled(t, kind{"1.1.0", false, band.EU868, true})
	s := a.net.devices[a.list[0].DevEUI].state.Active
	s.Refused, s.Asked = askNewChannel, askLinkADR
	before := a.dev.Session()
	before.NFCntDown, before.AFCntDown = 0, 0
	dev, err := enddevice.New(enddevice.Config{Version: "1.1.0", DevEUI: a.list[0].DevEUI, JoinEUI: a.list[0].JoinEUI, Session: &before})
	if err != nil {
		t.Fatal(err)
	}
	a.dev = dev
	for range 6 {
		a.up(2, []byte{1}, false)
	}
	if got := len(a.dev.Channels()); got != 8 {
		t.Errorf("%d channels, want 8", got)
	}
}

func TestRecord(t *testing.T) {
	session := func(n byte) *Session {
		link := Link{n, n + 1, n + 2, Channels{n, 8: n}}
		r := Radio{n, n + 1, n + 2, 868_000_000 + uint32(n)*100, n + 3}
		return &Session{
			DevAddr: lorawan.DevAddr{n}, V11: n == 1, NwkSKey: lorawan.AES128Key{n}, SNwkSIntKey: lorawan.AES128Key{n, 1}, NwkSEncKey: lorawan.AES128Key{n, 2}, AppSKey: lorawan.AES128Key{n, 3},
			NextFCntUp: 1 << 20, NextFCntDown: 2 << 20, NextAFCntDown: 3 << 20, Radio: r, Link: link, Asked: Kinds(n), AskedRadio: r, AskedLink: link,
			AskedNew: Channels{n}, Refused: Kinds(n + 1), MaxDR: n, MaxTXPower: n + 5, ClassC: n == 2, Gateway: lorawan.EUI64{n}, Antenna: -int64(n),
			Heard: start, StatusAsked: start.Add(time.Hour), Confirmed: []uint16{1, 0xffff},
		}
	}
	for _, s := range []State{
		{},
		{Root: [4]byte{1, 2, 3, 4}, JoinEUI: lorawan.EUI64{9}, Active: session(1), JoinNonce: 1 << 20, DevNonces: []lorawan.DevNonce{1, 0xffff}, Flushed: 7},
		{Pending: session(2), Queue: []Command{
			{ID: "a", FPort: 1, Payload: []byte{1}, Expires: start, Tries: 3, OnAir: true, FCnt: 1 << 20, TriedAt: start.Add(time.Minute)},
			{ID: "b", FPort: 223, Payload: make([]byte, maxPayload), Confirmed: true, Expires: start},
		}, Done: []Finished{{1 << 60, Acked}, {2, Expired}}},
		{Active: session(1), Pending: session(2)},
	} {
		record, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back State
		if err := back.UnmarshalBinary(record); err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalNonces(s.MarshalNonces()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back, cmpopts.IgnoreUnexported(Session{})); diff != "" {
			t.Error(diff)
		}
		for n := range record { // torn anywhere, it is refused
			if err := new(State).UnmarshalBinary(record[:n]); err == nil {
				t.Errorf("%d of %d bytes are taken for a record", n, len(record))
			}
		}
		if err := new(State).UnmarshalBinary(append(record, 0)); err == nil {
			t.Error("a byte too many is taken for a record")
		}
	}
	for _, data := range [][]byte{{3}, {2, 4}, fmt.Append(nil, "torn")} {
		if err := new(State).UnmarshalBinary(data); err == nil {
			t.Errorf("%x is taken for a record", data)
		}
	}
	if err := new(State).UnmarshalNonces([]byte{1}); err == nil {
		t.Error("half a nonce is taken for one")
	}
}

func TestRefusedRadioIsNotAskedAgain(t *testing.T) {
	d, s := abp()
	n, err := New(Config{Rand: &seededRand{}, Radio: Radio{RX2DR: 3}, StatusEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	n.SetDevices([]Device{d}, func(lorawan.EUI64) (State, bool) { return State{}, false })
	active := n.devices[d.DevEUI].state.Active
	active.Link.Channels = n.enabled
	for i := range uint32(100) {
		var answer []byte
		if i == 1 {
			answer = []byte{byte(lorawan.RXParamSetupAns), 0b101} // not this data rate
		}
		rx := heard(withOptions(t, s, i, answer, false, false))
		rx[0].Heard = start.Add(time.Duration(i) * time.Hour) // nor asked how it is
		if dec := n.Handle(rx); (dec.Down != nil) != (i < 2) {
			t.Fatalf("frame %d: %+v", i, dec)
		}
	}
	if active.Radio != n.defaults {
		t.Errorf("%+v is believed of a device that refused", active.Radio)
	}
}
