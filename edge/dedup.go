package edge

import (
	"slices"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
	"modellregion/uplink"
)

// dedup collects the receptions of each frame for a while, so that a frame
// heard by several gateways, or on two channels by one, is one uplink. Frames
// are equal when their PHYPayload is, whatever the frequency.
type dedup struct {
	window time.Duration
	byPHY  map[string]*collected
	queue  []*collected // by deadline
}

type collected struct {
	rx       []radio.Frame
	deadline time.Time
}

func newDedup(window time.Duration) *dedup {
	return &dedup{window: window, byPHY: map[string]*collected{}}
}

// add takes a reception at the instant now.
func (d *dedup) add(f radio.Frame, now time.Time) {
	if c, ok := d.byPHY[string(f.PHYPayload)]; ok {
		if len(c.rx) < uplink.MaxReceptions { // however often it is repeated
			c.rx = append(c.rx, f)
		}
		return
	}
	c := &collected{rx: []radio.Frame{f}, deadline: now.Add(d.window)}
	d.byPHY[string(f.PHYPayload)] = c
	d.queue = append(d.queue, c)
}

// next returns the receptions of the oldest frame, best first, when its window
// is over or, with force, in any case; otherwise nil.
func (d *dedup) next(now time.Time, force bool) []radio.Frame {
	if len(d.queue) == 0 || !force && now.Before(d.queue[0].deadline) {
		return nil
	}
	c := d.queue[0]
	d.queue[0] = nil
	d.queue = d.queue[1:]
	delete(d.byPHY, string(c.rx[0].PHYPayload))
	if len(c.rx) == 1 {
		return c.rx
	}
	first := c.rx[0] // to arrive
	slices.SortStableFunc(c.rx, func(a, b radio.Frame) int {
		switch {
		case a.SNRdB > b.SNRdB:
			return -1
		case a.SNRdB < b.SNRdB:
			return 1
		default:
			return b.RSSIdBm - a.RSSIdBm
		}
	})
	// One gateway may have heard it twice, on a neighbouring channel too; the
	// weaker reception is an artefact.
	seen := map[lorawan.EUI64]bool{}
	c.rx = slices.DeleteFunc(c.rx, func(f radio.Frame) bool {
		again := seen[f.Gateway]
		seen[f.Gateway] = true
		return again
	})
	c.rx[0].Time, c.rx[0].Heard = earliest(first.Time, c.rx), first.Heard
	return c.rx
}

// deadline returns when next will return something, and false when nothing
// waits.
func (d *dedup) deadline() (time.Time, bool) {
	if len(d.queue) == 0 {
		return time.Time{}, false
	}
	return d.queue[0].deadline, true
}

func (d *dedup) len() int { return len(d.queue) }

// earliest returns the first GPS time among the receptions: that of the frame,
// not of its repetition or of a slower link. Zero when no gateway has GPS.
func earliest(t time.Time, rx []radio.Frame) time.Time {
	for _, f := range rx {
		if !f.Time.IsZero() && (t.IsZero() || f.Time.Before(t)) {
			t = f.Time
		}
	}
	return t
}
