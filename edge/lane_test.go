package edge

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/devices/codec"
	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/uplink"
)

// slowCodec takes as many milliseconds as the first byte of a payload says.
type slowCodec struct {
	calls  int
	closed bool
}

func (s *slowCodec) Decode(in *codec.Input, out *codec.Output) error {
	s.calls++
	time.Sleep(time.Duration(in.Payload[0]) * time.Millisecond)
	if in.Payload[0] == 100 {
		return errors.New("100 ms are over")
	}
	q, _ := devices.Lookup("voltage")
	if in.Payload[0] == 2 {
		*out = codec.Output{Silent: true}
		return nil
	}
	*out = codec.Output{Readings: []devices.Reading{{Quantity: q, Value: float64(in.Payload[0])}}}
	return nil
}

func (s *slowCodec) Fast() bool { return false }
func (s *slowCodec) Close()     { s.closed = true }

// laneEdge is as much of an edge as decodes.
func laneEdge() *Edge {
	e := &Edge{cfg: Config{Name: "rathaus", Log: slog.New(slog.DiscardHandler)}, metrics: newMeters(metrics.NewSet()), clock: &clock{now: time.Now, sinceBoot: sinceBoot}}
	e.lanes = lanes{done: make(chan *job), pending: map[lorawan.EUI64]int{}, readings: e.readings}
	return e
}

func payloadOf(device byte, payload byte) *job {
	return &job{
		served: served{domain: uplink.Energy},
		rx:     []radio.Frame{{Time: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Heard: time.Now()}},
		dec:    session.Decision{DevEUI: lorawan.EUI64{device}},
		uplink: uplink.Uplink{DevEUI: uplink.EUI{device}, FPort: 1, Payload: []byte{payload}},
	}
}

func TestLaneKeepsCountersBehindTheirUplinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, c := laneEdge(), &slowCodec{}
		slow, other := lorawan.EUI64{1}, lorawan.EUI64{2}
		g := newGroup()
		for _, eui := range []lorawan.EUI64{slow, other} {
			g.states[eui] = &session.State{DevEUI: eui}
			g.joined[eui] = g.states[eui]
			g.down = append(g.down, answer{device: eui})
			g.uplinks = append(g.uplinks, outgoing{uplink: uplink.Uplink{DevEUI: uplink.EUI(eui)}})
			g.undated = append(g.undated, undated{uplink: uplink.Uplink{DevEUI: uplink.EUI(eui)}})
			g.uplinks = append(g.uplinks, outgoing{uplink: uplink.Uplink{DevEUI: uplink.EUI(eui)}, dated: true})
		}
		g.dated = []uint64{7, 8}
		if err := e.lanes.enter(&lane{decoder: c}, payloadOf(1, 30)); err != nil {
			t.Fatal(err)
		}
		held := g.hold(e.lanes.pending)
		if g.states[slow] != nil || g.joined[slow] != nil || len(g.down) != 1 || len(g.uplinks) != 3 || len(g.undated) != 1 || len(g.dated) != 2 {
			t.Errorf("the group to be committed is %+v, want the other device's and what was dated", g)
		}
		if held.states[slow] == nil || held.states[other] != nil || held.joined[slow] == nil || len(held.down) != 1 || len(held.uplinks) != 1 || len(held.undated) != 1 || held.dated != nil {
			t.Errorf("the next group is %+v, want what the slow device has changed", held)
		}
		e.leave(<-e.lanes.done, held)
		if n := len(held.uplinks); n != 2 || len(held.uplinks[1].uplink.Readings) != 1 || held.uplinks[1].uplink.Payload != nil {
			t.Errorf("uplinks of the next group: %+v, want the decoded one", held.uplinks)
		}
		// Nothing comes of a payload that its codec knows to hold nothing.
		if err := e.lanes.enter(&lane{decoder: &slowCodec{}}, payloadOf(2, 2)); err != nil {
			t.Fatal(err)
		}
		if e.leave(<-e.lanes.done, held); len(held.uplinks) != 2 {
			t.Errorf("uplinks of the next group: %+v, want none more", held.uplinks)
		}
		if again := held.hold(e.lanes.pending); len(again.states) > 0 || held.states[slow] == nil {
			t.Error("the device is held back although nothing of it is pending")
		}
		e.lanes.close()
		if !c.closed {
			t.Error("the codec was not closed")
		}
	})
}

func TestLaneRestsFromACodecThatIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, c := laneEdge(), &slowCodec{}
		l := &lane{decoder: c}
		decode := func(payload byte) uplink.Uplink {
			t.Helper()
			if err := e.lanes.enter(l, payloadOf(1, payload)); err != nil {
				t.Fatal(err)
			}
			g := newGroup()
			e.leave(<-e.lanes.done, g)
			return g.uplinks[0].uplink
		}
		for i, step := range []struct {
			payload byte
			wait    time.Duration
			calls   int
			err     string
		}{
			{payload: 1, calls: 1},
			{payload: 100, calls: 2, err: "100 ms are over"},
			{payload: 60, calls: 3},
			{payload: 1, calls: 4}, // not three in a row
			{payload: 100, calls: 5, err: "100 ms are over"},
			{payload: 60, calls: 6},
			{payload: 100, calls: 7, err: "100 ms are over"},
			{payload: 1, calls: 7, err: errResting.Error()},
			{payload: 1, calls: 7, err: errResting.Error(), wait: laneRest - time.Second},
			{payload: 1, calls: 8, wait: 2 * time.Second},
		} {
			time.Sleep(step.wait)
			u := decode(step.payload)
			if u.Error != step.err || c.calls != step.calls || (u.Payload != nil) != (step.err != "") {
				t.Errorf("step %d: error %q, %d calls, payload %x; want %q and %d", i, u.Error, c.calls, u.Payload, step.err, step.calls)
			}
		}
		e.lanes.close()
	})
}

func TestLaneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, slow, quick := laneEdge(), &slowCodec{}, &slowCodec{}
		l := &lane{decoder: slow}
		enter := func(n int, payload byte) {
			t.Helper()
			for i := range n {
				if err := e.lanes.enter(l, payloadOf(1, payload)); err != nil {
					t.Fatalf("payload %d: %v", i, err)
				}
				synctest.Wait() // the first is under way and takes no place
			}
		}
		// A quick codec that has much to do makes the gateway wait.
		enter(2+laneBusy, 0)
		if !e.lanes.busy() {
			t.Error("not busy with a lane that is three quarters full")
		}
		g := newGroup()
		for len(e.lanes.pending) > 0 {
			e.leave(<-e.lanes.done, g)
		}
		// A slow one does not.
		for range maxSlow {
			enter(1, 30)
			e.leave(<-e.lanes.done, g)
		}
		enter(laneLength+1, 100)
		if e.lanes.busy() {
			t.Error("busy with a codec that is slow itself")
		}
		if err := e.lanes.enter(l, payloadOf(1, 100)); !errors.Is(err, errLaneFull) {
			t.Errorf("one payload more: %v, want %v", err, errLaneFull)
		}
		calls := slow.calls
		// Another codec's devices do not notice.
		began := time.Now()
		if err := e.lanes.enter(&lane{decoder: quick}, payloadOf(2, 1)); err != nil {
			t.Fatal(err)
		}
		g = newGroup()
		for j := range e.lanes.done {
			e.leave(j, g)
			if j.dec.DevEUI[0] == 2 {
				break
			}
		}
		if took := time.Since(began); took > time.Millisecond || g.uplinks[0].uplink.Error != "" {
			t.Errorf("the other codec's payload took %v: %+v", took, g.uplinks[0].uplink)
		}
		// A gateway that stops decodes no more, and loses nothing.
		began = time.Now()
		e.stopLanes(g)
		e.lanes.close()
		if took := time.Since(began); took > 200*time.Millisecond || len(g.uplinks) != laneLength+2 || slow.calls > calls+1 {
			t.Errorf("stopped after %v and %d calls with %d uplinks, want %d", took, slow.calls, len(g.uplinks), laneLength+2)
		}
		if u := g.uplinks[laneLength].uplink; u.Error != errStopping.Error() || u.Payload == nil {
			t.Errorf("an uplink that was not decoded: %+v", u)
		}
	})
}
