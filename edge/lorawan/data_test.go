package lorawan

import (
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

func TestResetFCnt(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		a := settled(t, classA, func(d *Device) { d.ResetFCnt = allowed })
		for _, n := range []uint32{60_000, 70_000} {
			a.dev.SetFCntUp(n)
			a.up(2, []byte{1}, false)
		}
		down := a.net.devices[a.list[0].DevEUI].state.Active.NextFCntDown

		a.dev.SetFCntUp(69_995) // a frame that comes late
		tx, err := a.dev.Uplink(2, []byte{1}, false)
		if err != nil {
			t.Fatal(err)
		}
		if dec := a.net.Handle(a.rx(tx)); dec.Dropped != Replayed {
			t.Errorf("allowed %v, late frame: %+v", allowed, dec)
		}

		a.dev.SetFCntUp(0) // the battery was changed
		tx, err = a.dev.Uplink(2, []byte{1}, false)
		if err != nil {
			t.Fatal(err)
		}
		dec := a.net.Handle(a.rx(tx))
		if !allowed {
			if dec.Data != nil {
				t.Errorf("a counter begins anew without leave: %+v", dec)
			}
			continue
		}
		if dec.Data == nil || !dec.Data.Reset || dec.Data.FCnt != 0 || dec.Data.Lost != 0 || dec.Save.Active.NextFCntUp != 1 {
			t.Errorf("a counter begins anew with leave: %+v %+v", dec, dec.Data)
		}
		if s := dec.Save.Active; s.NextFCntDown < down {
			t.Errorf("counter of downlinks from %d back to %d", down, s.NextFCntDown)
		}
		if dec := a.net.Handle(a.rx(tx)); dec.Dropped != Repeated {
			t.Errorf("the same frame again: %+v", dec)
		}
	}
}

// A gateway beside the device hears it on a neighbouring channel too, and
// better. In 1.1 the integrity code knows the true one.
func TestHeardOnAnotherChannel(t *testing.T) {
	a := newAir(t, kind{"1.1.0", false, band.EU868, false}, Config{})
	a.join()
	for range 8 {
		tx, err := a.dev.Uplink(2, []byte{1}, false)
		if err != nil {
			t.Fatal(err)
		}
		a.now = a.now.Add(time.Minute)
		rx := a.rx(tx)
		rx[0].FreqHz = 868_100_000
		if dec := a.net.Handle(rx); dec.Data == nil {
			t.Fatalf("channel %d: %+v", tx.Channel, dec)
		} else {
			a.net.Sent(Result{DevEUI: dec.DevEUI}, a.now)
		}
	}
}

// A gateway of another edge may hear a device best, and cannot answer it.
func TestRemoteReceptions(t *testing.T) {
	a := settled(t, classA)
	tx, err := a.dev.Uplink(2, []byte{1}, true)
	if err != nil {
		t.Fatal(err)
	}
	rx := a.rx(tx)
	best := rx[0].Gateway
	rx[0].Remote = true
	dec := a.net.Handle(rx)
	if dec.Data == nil || dec.Down == nil || dec.Down.Gateway == best || dec.Save.Active.Gateway == best {
		t.Errorf("%+v", dec)
	}
	if tx, err = a.dev.Uplink(2, []byte{1}, true); err != nil {
		t.Fatal(err)
	}
	rx = a.rx(tx)
	rx[0].Remote, rx[1].Remote = true, true
	if dec := a.net.Handle(rx); dec.Data == nil || dec.Down != nil || dec.Detail == nil || dec.Save == nil {
		t.Errorf("heard by others alone: %+v", dec)
	}
	// The same from an own gateway that is late: it can be answered now.
	rx[0].Remote, rx[1].Remote = false, false
	if dec := a.net.Handle(rx); dec.Dropped != Repeated || dec.Down == nil {
		t.Errorf("then by own gateways: %+v", dec)
	}
}

// A confirmed frame that is played again gets no answer for ever: each takes a
// counter and airtime.
func TestRepeatsHaveAnEnd(t *testing.T) {
	a := settled(t, classA)
	a.deaf = func() bool { return true }
	tx, err := a.dev.Uplink(2, []byte{1}, true)
	if err != nil {
		t.Fatal(err)
	}
	a.carryOut(a.net.Handle(a.rx(tx)))
	answered := 0
	for range 40 {
		a.now = a.now.Add(5 * time.Second)
		dec := a.net.Handle(a.rx(tx))
		if dec.Dropped != Repeated || (dec.Save != nil) != (dec.Down != nil) {
			t.Fatalf("%+v", dec)
		}
		if dec.Down != nil {
			answered++
		}
	}
	if answered != maxRepeats {
		t.Errorf("%d repetitions answered, want %d", answered, maxRepeats)
	}
	a.begin()
	a.now = a.now.Add(time.Hour)
	if dec := a.net.Handle(a.rx(tx)); dec.Dropped == "" || dec.Save != nil || dec.Down != nil {
		t.Errorf("after an hour and a restart: %+v", dec)
	}
}

func FuzzUplink(f *testing.F) {
	f.Add(uint8(0), []byte("\x40\x04\x03\x02\x01\x80\x00\x00\x01"), []byte{2, 0x0d})
	f.Add(uint8(1), []byte("\x80\x04\x03\x02\x01\xa0\x01\x00"), []byte{3, 7, 5, 7, 8, 6, 255, 10})
	f.Add(uint8(3), []byte("\x00join"), []byte{0x0b, 1, 0x20, 2, 1, 1})
	f.Fuzz(func(t *testing.T, choice uint8, phy, commands []byte) {
		k := kind{"1.0.3", choice&1 != 0, band.EU868, choice&2 != 0}
		if choice&4 != 0 {
			k.version = "1.1.0"
		}
		if choice&8 != 0 {
			k.region = band.US915
		}
		a := newAir(t, k, Config{Radio: Radio{RX1Delay: 3, RX1DROffset: 1}})
		if !k.abp {
			a.join()
		}
		a.enqueue(Command{ID: "c", FPort: 1, Payload: []byte{1}, Confirmed: choice&16 != 0})
		a.up(2, []byte{1}, choice&32 != 0)
		d := a.net.devices[a.list[0].DevEUI]
		// What a stranger sends changes nothing, unless it repeats a frame.
		before := d.state.clone()
		tx, err := a.dev.Uplink(2, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		tx.PHYPayload = phy
		if dec := a.net.Handle(a.rx(tx)); dec.Dropped == "" || dec.Save != nil || dec.Down != nil {
			t.Fatalf("%x is taken for a frame: %+v", phy, dec)
		}
		if d.state.Active != nil && d.state.Active.NextFCntUp != before.Active.NextFCntUp {
			t.Fatal("a stranger moves a counter")
		}
		// What the device itself says may be anything.
		own := d.state.Active
		tx.PHYPayload = dataOf(t, own, commands[:min(len(commands), 200)], choice, uint8(tx.DR), uint8(tx.Channel))
		dec := a.net.Handle(a.rx(tx))
		if dec.Data == nil {
			t.Fatalf("%x of the device: %+v", commands, dec)
		}
		record, err := dec.Save.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back := State{DevEUI: dec.DevEUI}
		if err := back.UnmarshalBinary(record); err != nil {
			t.Fatalf("record cannot be read: %v", err)
		}
		if s := back.Active; s.Radio.RX1Delay == 0 || s.Radio.RX1Delay > 15 || s.Link.Channels == (Channels{}) || s.Link.NbTrans == 0 {
			t.Fatalf("the device has talked the network into %+v %+v", s.Radio, s.Link)
		}
	})
}

// dataOf is an uplink of a session with any MAC commands, on port 0.
func dataOf(t *testing.T, s *Session, commands []byte, choice, dr, ch uint8) []byte {
	t.Helper()
	port := uint8(0)
	mac := &lorawan.MACPayload{FHDR: lorawan.FHDR{DevAddr: s.DevAddr, FCnt: s.NextFCntUp, FCtrl: lorawan.FCtrl{ADR: choice&64 != 0, ADRACKReq: choice&128 != 0}}, FPort: &port}
	mac.FRMPayload = []lorawan.Payload{&lorawan.DataPayload{Bytes: append([]byte(nil), commands...)}}
	phy := lorawan.PHYPayload{MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp}, MACPayload: mac}
	nwk, sInt, version := s.NwkSKey, s.NwkSKey, lorawan.LoRaWAN1_0
	if s.V11 {
		nwk, sInt, version = s.NwkSEncKey, s.SNwkSIntKey, lorawan.LoRaWAN1_1
	}
	if err := phy.EncryptFRMPayload(nwk); err != nil {
		t.Fatal(err)
	}
	if err := phy.SetUplinkDataMIC(version, 0, dr, ch, s.NwkSKey, sInt); err != nil {
		t.Fatal(err)
	}
	return marshal(t, phy)
}
