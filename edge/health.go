package edge

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// health knows whether the edge does its work. All of it is times since the
// start, by a clock that nobody sets.
type health struct {
	now            func() time.Time
	start          time.Time
	silence, stuck time.Duration // negative: not looked at

	beaten   atomic.Int64 // when the process loop made a round
	heard    atomic.Int64 // when a gateway said something
	advanced atomic.Int64 // when the outbox was empty, or something in it was confirmed
	frames   atomic.Uint64
}

// maxRound is how long a round of the process loop may take; it makes one each
// second at least.
const maxRound = time.Minute

func newHealth(silence, stuck time.Duration, now func() time.Time) *health {
	return &health{now: now, start: now(), silence: silence, stuck: stuck}
}

func (h *health) mark(at *atomic.Int64) { at.Store(int64(h.now().Sub(h.start))) }

func (h *health) since(at *atomic.Int64) time.Duration {
	return h.now().Sub(h.start) - time.Duration(at.Load())
}

// beat is called by the process loop once a round.
func (h *health) beat(empty bool) {
	h.mark(&h.beaten)
	if empty {
		h.mark(&h.advanced)
	}
}

// hear is called when a gateway has said something, with the number of frames.
func (h *health) hear(frames uint64) {
	h.mark(&h.heard)
	h.frames.Add(frames)
}

// progress is called when the platform has confirmed something.
func (h *health) progress() { h.mark(&h.advanced) }

// check says what fails, given how many uplinks wait.
func (h *health) check(waiting int) error {
	var errs []error
	if d := h.since(&h.beaten); d > maxRound {
		errs = append(errs, fmt.Errorf("frames are not handled: the process loop has made no round for %v", d.Round(time.Second)))
	}
	if d := h.since(&h.heard); h.silence >= 0 && d > h.silence {
		errs = append(errs, fmt.Errorf("no gateway was heard for %v, allowed are %v", d.Round(time.Second), h.silence))
	}
	if d := h.since(&h.advanced); h.stuck >= 0 && waiting > 0 && d > h.stuck {
		errs = append(errs, fmt.Errorf("%d uplinks wait and none was confirmed for %v, allowed are %v", waiting, d.Round(time.Second), h.stuck))
	}
	return errors.Join(errs...)
}

// Health returns nil while the edge does its work, or all that has failed for so
// long that a restart may help. Ready says what it lacks at the moment.
func (e *Edge) Health() error { return e.health.check(e.Outbox()) }

// Summary says in one line what the edge does.
func (e *Edge) Summary() string {
	state := "no broker"
	if e.mqtt.Connected() {
		state = "broker connected"
	}
	if err := e.diskError(); err != "" {
		state += ", the disk refuses: " + err
	}
	return fmt.Sprintf("%s: %d devices, %d frames heard, %d uplinks wait, %s", e.Name(), e.serving.Load(), e.health.frames.Load(), e.Outbox(), state)
}
