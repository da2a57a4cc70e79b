package edge_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/uplink"
)

// A codec that never ends costs its own devices their readings and nobody
// anything else.
func TestBadCodecDelaysNobody(t *testing.T) {
	const endless = `function decodeUplink(input) { if (input.bytes[1] % 2) while (true) {} return {data: {voltage: 230 + input.variables.add * 1}} }`
	badEUI, badAddr := lorawan.EUI64{0xba, 0xd}, lorawan.DevAddr{1, 2, 3, 0xbd}
	source, err := json.Marshal(devices.Codec{Kind: "javascript", Source: endless})
	if err != nil {
		t.Fatal(err)
	}
	l := list()
	l.Profiles["endless"] = source
	l.Devices = append(l.Devices, uplink.ListedDevice{DevEUI: uplink.EUI(badEUI), Domain: uplink.Energy, Profile: "endless",
		DevAddr: badAddr.String(), NwkSKey: abpKey.String(), AppSKey: abpKey.String(), Variables: map[string]string{"add": "1.5"}})

	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, l)
	dir := t.TempDir()
	e, _ := open(t, dir, addr)
	stop := background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	now := time.Now()
	for n := uint32(1); n <= 4; n++ {
		s.hear(frame(t, badAddr, abpKey, abpKey, n, 2), now)
		s.hear(abpFrame(t, n), now)
	}
	of := func(eui lorawan.EUI64) (out []uplink.Uplink, last int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, u := range p.uplinks {
			if u.DevEUI == uplink.EUI(eui) {
				out, last = append(out, u), i
			}
		}
		return out, last
	}
	eventually(t, "all uplinks of the bad device", func() bool { u, _ := of(badEUI); return len(u) == 4 })
	bad, lastBad := of(badEUI)
	good, lastGood := of(abpEUI)
	if len(good) != 4 || lastGood > lastBad {
		t.Errorf("%d uplinks of the good device, the last after that of the bad one: %v", len(good), lastGood > lastBad)
	}
	for _, u := range bad {
		switch {
		case u.FCnt%2 == 0 && (len(u.Readings) != 1 || u.Readings[0].Value != 231.5):
			t.Errorf("payload that the codec takes: %+v", u)
		case u.FCnt%2 == 1 && (!strings.Contains(u.Error, "100") || len(u.Payload) != 2):
			t.Errorf("payload that it never ends with: %+v", u)
		}
	}

	// What it has changed is on disk with its uplinks: a replay is refused.
	stop()
	e, set := open(t, dir, addr)
	background(t, e.Run)
	eventually(t, "ready again", ready(e))
	s = startStation(t, e)
	s.hear(frame(t, badAddr, abpKey, abpKey, 4, 2), now)
	eventually(t, "replay counted", func() bool { return reasons(set) == 1 })
}
