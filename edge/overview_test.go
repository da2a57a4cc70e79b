package edge

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

func TestDeviceState(t *testing.T) {
	for want, o := range map[string]session.Overview{
		`{"dev_eui":"7001000000000000","domain":"road","profile":"p","lorawan":"1.0.3","class":"A","activation":"OTAA","session":"none",` +
			`"next_f_cnt_up":0,"next_f_cnt_down":0,"dr":0,"tx_power":0,"commands":1,"nonces_used":2}`: {Version: "1.0.3", Commands: 1, Nonces: 2},
		`{"dev_eui":"7001000000000000","domain":"road","profile":"p","lorawan":"1.0.4","class":"A","activation":"OTAA","session":"joining",` +
			`"dev_addr":"01020304","next_f_cnt_up":0,"next_f_cnt_down":0,"dr":0,"tx_power":0,"commands":0,"nonces_used":0}`: {Version: "1.0.4", Session: true, Pending: true},
		`{"dev_eui":"7001000000000000","domain":"road","profile":"p","lorawan":"1.0.4","class":"A","activation":"OTAA","session":"joined",` +
			`"dev_addr":"01020304","next_f_cnt_up":9,"next_f_cnt_down":0,"dr":0,"tx_power":0,"commands":0,"nonces_used":0}`: {Version: "1.0.4", Session: true, NextFCntUp: 9},
		`{"dev_eui":"7001000000000000","domain":"road","profile":"p","lorawan":"1.1.0","class":"C","activation":"ABP","session":"ABP",` +
			`"dev_addr":"01020304","next_f_cnt_up":9,"next_f_cnt_down":3,"next_a_f_cnt_down":4,"heard":"2026-11-24T10:00:00Z","dr":5,"tx_power":1,` +
			`"gateway":"aa00000000000000","commands":0,"nonces_used":0}`: {
			Version: "1.1.0", ClassC: true, ABP: true, Session: true, V11: true, NextFCntUp: 9, NextFCntDown: 3, NextAFCntDown: 4,
			Heard: heardAt, DR: 5, TXPower: 1, Gateway: lorawan.EUI64{0xaa},
		},
	} {
		o.DevEUI, o.DevAddr = someDevice, lorawan.DevAddr{1, 2, 3, 4}
		got, err := json.Marshal(state(&o, served{domain: uplink.Road, profile: "p"}))
		if err != nil || string(got) != want {
			t.Errorf("%s (%v), want\n%s", got, err, want)
		}
	}
}

// A device that is not served, since its session is damaged, is shown among the
// others.
func TestDamagedDeviceIsShown(t *testing.T) {
	about := session.Overview{DevEUI: someDevice, Version: "1.0.3", ABP: true}
	l := look{
		[]session.Overview{{DevEUI: lorawan.EUI64{0x80}}, {DevEUI: lorawan.EUI64{0x60}}},
		map[uplink.EUI]served{{0x60}: {}, uplink.EUI(someDevice): {domain: uplink.Road, broken: &broken{about, errors.New("torn")}}, {0x80}: {}},
	}
	all := l.states()
	if len(all) != 3 || all[0].DevEUI != (uplink.EUI{0x60}) || all[2].DevEUI != (uplink.EUI{0x80}) {
		t.Fatalf("%+v", all)
	}
	want := DeviceState{
		DevEUI: uplink.EUI(someDevice), Domain: uplink.Road, LoRaWAN: "1.0.3", Class: "A", Activation: "ABP", Session: SessionDamaged, Error: "torn",
	}
	if all[1] != want {
		t.Errorf("%+v, want %+v", all[1], want)
	}
}

// A process loop that hangs does not hang whoever looks.
func TestDevicesOfABusyLoop(t *testing.T) {
	e := &Edge{looks: make(chan chan<- look), health: newHealth(-1, -1, time.Now)}
	patience := errors.New("patience is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(patience)
	if _, err := e.Devices(ctx); !errors.Is(err, patience) || !strings.Contains(err.Error(), "look at the devices") {
		t.Errorf("error %v", err)
	}
}

// BenchmarkLook is how long the process loop hears nothing.
func BenchmarkLook(b *testing.B) {
	const count = 100_000
	n, err := session.New(session.Config{Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	list := make([]session.Device, count)
	known := make(map[uplink.EUI]served, count)
	for i := range list {
		d := session.Device{DevEUI: lorawan.EUI64{1}, ABP: true, NwkSKey: lorawan.AES128Key{1}, AppSKey: lorawan.AES128Key{2}}
		binary.BigEndian.PutUint32(d.DevEUI[4:], uint32(i))
		binary.BigEndian.PutUint32(d.DevAddr[:], uint32(i))
		list[i], known[uplink.EUI(d.DevEUI)] = d, served{domain: uplink.Road}
	}
	n.SetDevices(list, func(lorawan.EUI64) (session.State, bool) { return session.State{}, false })
	e := &Edge{network: n, devices: known}
	b.ReportAllocs()
	for b.Loop() {
		if l := e.look(); len(l.sessions) != count {
			b.Fatal(len(l.sessions))
		}
	}
}
