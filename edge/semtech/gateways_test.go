package semtech

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
)

func TestRegistry(t *testing.T) {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	owner, other := addr(1), addr(2)
	g := registry{peers: map[lorawan.EUI64]peer{}}
	for _, tt := range []struct {
		name   string
		after  time.Duration
		from   int
		reason string // of the refusal
		at     int    // where downlinks go afterwards
	}{
		{"first", 0, 1, "", 1},
		{"a stranger", 10 * time.Second, 2, DropContended, 1},
		{"the owner goes on", 20 * time.Second, 1, "", 1},
		{"a stranger who tries again", 49 * time.Second, 2, DropContended, 1},
		{"the NAT's port moved", 50 * time.Second, 2, "", 2},
		{"the old port", 51 * time.Second, 1, DropContended, 2},
		{"and back", 81 * time.Second, 1, "", 1},
	} {
		from := addr(tt.from)
		_, err := g.pull(Packet{Version: 2, Gateway: roof}, from, start.Add(tt.after))
		if (err != nil) != (tt.reason != "") || err != nil && dropReason(err) != tt.reason {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.reason)
		}
		if p, ok := g.find(roof); !ok || p.addr != addr(tt.at) {
			t.Errorf("%s: downlinks go to %s, want %s", tt.name, p.addr, addr(tt.at))
		}
	}
	// Another gateway from the same address has nothing to do with it.
	if before, err := g.pull(Packet{Version: 1, Gateway: lorawan.EUI64{9}}, owner, start); err != nil || before.IsValid() {
		t.Errorf("got %s, %v", before, err)
	}
	// A forwarder that was updated speaks another version from then on.
	if before, err := g.pull(Packet{Version: 2, Gateway: lorawan.EUI64{9}}, owner, start); err != nil || before != owner {
		t.Errorf("got %s, %v", before, err)
	}
	if p, _ := g.find(lorawan.EUI64{9}); p.version != 2 {
		t.Errorf("version %d, want 2", p.version)
	}
	// Nothing is forgotten for silence alone.
	if _, err := g.pull(Packet{Version: 2, Gateway: lorawan.EUI64{8}}, other, start.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if _, ok := g.find(roof); !ok {
		t.Error("a silent gateway was forgotten though there is room")
	}
}

// Gateways that a stranger invents fill the table; a real one gets in again
// when they have been silent.
func TestInventedGatewaysAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	g := registry{peers: map[lorawan.EUI64]peer{}}
	pull := func(n uint64) error {
		var eui lorawan.EUI64
		binary.BigEndian.PutUint64(eui[:], n)
		_, err := g.pull(Packet{Version: 2, Kind: PullData, Gateway: eui}, addr(1), now)
		return err
	}
	for n := range uint64(maxGateways) {
		if err := pull(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := pull(maxGateways); err == nil || dropReason(err) != DropGateway {
		t.Errorf("got %v for one more than fit while all are alive", err)
	}
	now = now.Add(silentFor + time.Second)
	if err := pull(maxGateways); err != nil || len(g.peers) != 1 {
		t.Errorf("%d gateways (%v) after all others were silent, want the new one alone", len(g.peers), err)
	}
}

func TestUnknowns(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	var u unknowns
	for i, want := range []bool{true, false, true} { // half a second apart
		if got := u.tell(roof, now.Add(time.Duration(i)*tellEvery/2)); got != want {
			t.Errorf("after %d half seconds: %t, want %t", i, got, want)
		}
	}
	now = now.Add(time.Minute)
	told := 0
	for n := range uint64(2 * maxUnknown) {
		var eui lorawan.EUI64
		binary.BigEndian.PutUint64(eui[:], n)
		if u.tell(eui, now) {
			told++
		}
	}
	if told != maxUnknown || len(u.told) != maxUnknown {
		t.Errorf("told of %d at one instant, %d remembered, want %d", told, len(u.told), maxUnknown)
	}
}
