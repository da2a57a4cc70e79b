package lorawan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

var classA, classC = kind{"1.0.3", false, band.EU868, true}, kind{"1.0.4", true, band.EU868, true}

// settled is the air of a device that has heard all that is wanted of it.
func settled(t *testing.T, k kind, edit ...func(*Device)) *air {
	t.Helper()
	a := newAir(t, k, Config{StatusEvery: -1, NoADR: true}, edit...)
	if !k.abp {
		a.join()
	}
	for range 6 {
		a.up(2, []byte{1}, false)
	}
	a.heard = nil
	return a
}

func TestCommandFallsBackToTheSecondWindow(t *testing.T) {
	for refused, want := range map[int][]What{0: {Queued, Sent}, 1: {Queued, Sent}, 2: {Queued}} {
		a := settled(t, classA)
		a.refuse = refused
		a.enqueue(Command{ID: "c", FPort: 1, Payload: []byte{1}})
		a.up(2, []byte{1}, false)
		if got := a.steps("c"); !slices.Equal(got, want) {
			t.Errorf("%d windows refused: %v, want %v", refused, got, want)
		}
		// What it is once a gateway can send again.
		a.refuse = 0
		a.up(2, []byte{1}, false)
		if got := a.steps("c"); !slices.Equal(got, []What{Queued, Sent}) || len(a.heard) != 1 {
			t.Errorf("%d windows refused, then none: %v, the device heard %d", refused, got, len(a.heard))
		}
	}
}

func TestCommandEnds(t *testing.T) {
	deaf := func() bool { return true }
	for _, c := range []struct {
		name    string
		kind    kind
		command Command
		play    func(*air)
		want    []What
	}{
		{"expired before the device speaks", classA, Command{}, func(a *air) { a.tick(25 * time.Hour) }, []What{Queued, Expired}},
		{"its own time", classA, Command{Expires: start.Add(time.Hour)}, func(a *air) { a.tick(2 * time.Hour) }, []What{Queued, Expired}},
		{"expired already", classA, Command{Expires: start}, func(*air) {}, []What{Queued, Expired}},
		{"never acknowledged", classA, Command{Confirmed: true}, func(a *air) {
			a.deaf = deaf
			for range 12 {
				a.up(2, []byte{1}, false)
			}
		}, append(append([]What{Queued}, slices.Repeat([]What{Sent}, maxTries)...), Failed)},
		{"no gateway sends it", classA, Command{}, func(a *air) {
			a.dead = true
			for range 12 {
				a.up(2, []byte{1}, false)
			}
		}, []What{Queued, Failed}},
		{"acknowledged at the third try", classA, Command{Confirmed: true}, func(a *air) {
			n := 0
			a.deaf = func() bool { n++; return n < 3 }
			for range 6 {
				a.up(2, []byte{1}, false)
			}
		}, []What{Queued, Sent, Sent, Sent, Acked}},
		{"acknowledged at the last try", classA, Command{Confirmed: true}, func(a *air) {
			n := 0
			a.deaf = func() bool { n++; return n < maxTries }
			for range maxTries + 1 {
				a.up(2, []byte{1}, false)
				a.tick(time.Second)
			}
		}, append(append([]What{Queued}, slices.Repeat([]What{Sent}, maxTries)...), Acked)},
		{"expired when the device speaks", classA, Command{Expires: start.Add(6*time.Minute + 30*time.Second)}, func(a *air) {
			a.up(2, []byte{1}, false)
			if len(a.heard) > 0 {
				a.t.Error("it was sent all the same")
			}
		}, []What{Queued, Expired}},
		{"class C, never acknowledged", classC, Command{Confirmed: true}, func(a *air) {
			a.deaf = deaf
			for range 5 {
				a.tick(time.Second)
			}
			if got := a.steps("c"); len(got) != 2 {
				a.t.Errorf("%v within seconds, want it sent once", got)
			}
			for range 120 {
				a.tick(time.Second)
			}
		}, append(append([]What{Queued}, slices.Repeat([]What{Sent}, maxTries)...), Failed)},
		{"class C, the gateway is back later", classC, Command{}, func(a *air) {
			a.tick(15 * time.Second) // nothing: it was sent at once
		}, []What{Queued, Sent}},
		{"too long for the data rate", classA, Command{Payload: make([]byte, 100)}, func(a *air) {
			a.up(2, []byte{1}, true) // DR0 takes 51 bytes; the acknowledgement goes out without it
			if len(a.heard) != 1 || !a.heard[0].Ack || a.heard[0].Port != nil {
				a.t.Errorf("heard %+v, want the acknowledgement alone", a.heard)
			}
			if err := a.dev.SetDR(5); err != nil {
				a.t.Fatal(err)
			}
			a.up(2, []byte{1}, false)
		}, []What{Queued, Sent}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := settled(t, c.kind)
			c.command.ID, c.command.FPort = "c", 3
			a.enqueue(c.command)
			c.play(a)
			if got := a.steps("c"); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if q := a.net.devices[a.list[0].DevEUI].state.Queue; len(q) > 0 || len(a.net.waiting) > 0 {
				t.Errorf("left in the queue: %+v, waiting %v", q, a.net.waiting)
			}
		})
	}
}

func TestCommandIsKnownAgain(t *testing.T) {
	a := settled(t, classA)
	c := Command{ID: "c", FPort: 1, Payload: []byte{1}}
	a.enqueue(c)
	a.enqueue(c)
	a.up(2, []byte{1}, false)
	a.enqueue(c)
	a.up(2, []byte{1}, false)
	if got := a.steps("c"); !slices.Equal(got, []What{Queued, Queued, Sent, Sent}) || len(a.heard) != 1 {
		t.Errorf("%v, heard %d times; want it sent once and told of each time", got, len(a.heard))
	}
	a.begin() // also over a restart
	a.enqueue(c)
	a.up(2, []byte{1}, false)
	if len(a.heard) != 1 {
		t.Error("sent again after a restart")
	}
}

func TestCommandIsRefused(t *testing.T) {
	a := settled(t, classA)
	eui := a.list[0].DevEUI
	for _, c := range []struct {
		name    string
		device  lorawan.EUI64
		command Command
		want    string
	}{
		{"unknown device", lorawan.EUI64{9}, Command{ID: "c", FPort: 1}, "no such device"},
		{"no id", eui, Command{FPort: 1}, "want an id"},
		{"port 0", eui, Command{ID: "c"}, "port 0"},
		{"port 224", eui, Command{ID: "c", FPort: 224}, "port 224"},
		{"too long", eui, Command{ID: "c", FPort: 1, Payload: make([]byte, 243)}, "243 bytes"},
	} {
		if _, err := a.net.Enqueue(c.device, c.command, start); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", c.name, err, c.want)
		}
	}
	for i := range maxQueue {
		a.enqueue(Command{ID: fmt.Sprint(i), FPort: 1})
	}
	if _, err := a.net.Enqueue(eui, Command{ID: "one more", FPort: 1}, start); err == nil || !strings.Contains(err.Error(), "16 are waiting") {
		t.Errorf("one more: error %v", err)
	}
	// All of them arrive, in their order, and the device is told that there is
	// more.
	for range maxQueue {
		a.up(2, []byte{1}, false)
	}
	for i, h := range a.heard {
		if h.FPending != (i < maxQueue-1) {
			t.Errorf("command %d: FPending %v", i, h.FPending)
		}
	}
	if len(a.heard) != maxQueue {
		t.Errorf("%d commands arrived, want %d", len(a.heard), maxQueue)
	}
}

// A command whose result is lost is sent again: the device may hear it twice,
// but never not at all.
func TestResultIsLost(t *testing.T) {
	a := settled(t, classA)
	a.enqueue(Command{ID: "c", FPort: 1, Payload: []byte{1}})
	tx, err := a.dev.Uplink(2, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if dec := a.net.Handle(a.rx(tx)); dec.Down == nil {
		t.Fatalf("no downlink: %+v", dec)
	}
	a.up(2, []byte{1}, false)
	if len(a.heard) != 0 {
		t.Fatal("sent again while the first may still be sent")
	}
	a.tick(2 * flightTime)
	a.up(2, []byte{1}, false)
	if len(a.heard) != 1 {
		t.Error("not sent again")
	}
}

func TestClassCIsLeftAloneUntilHeard(t *testing.T) {
	a := newAir(t, classC, Config{})
	a.enqueue(Command{ID: "c", FPort: 1})
	a.tick(time.Minute)
	if len(a.heard) != 0 {
		t.Fatal("sent by a gateway that is not known to reach it")
	}
	a.up(2, []byte{1}, false)
	if len(a.heard) != 1 || a.heard[0].Port == nil {
		t.Errorf("heard %+v, want the command", a.heard)
	}
}
