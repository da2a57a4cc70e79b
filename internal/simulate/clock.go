package simulate

import (
	"context"
	"time"
)

// clock maps simulated time to the wall clock.
type clock struct {
	start time.Time     // of the simulated time
	from  time.Duration // simulated time since start at the instant wall
	wall  time.Time
	speed float64
	rush  bool // no slower than the machine can until the present is reached
}

// newClock returns the clock that goes on where the fleet stopped.
func (f *Fleet) newClock() clock {
	return clock{
		start: f.start,
		from:  time.Duration(f.now.Load()),
		wall:  time.Now(),
		speed: f.cfg.Speed,
		rush:  f.cfg.For == 0 && f.cfg.Speed == 1,
	}
}

// due returns when, by the wall clock, something happens that happens at that
// simulated time since the start. It is never before the simulated time
// itself: nothing is sent from the future.
func (c clock) due(at time.Duration) time.Time {
	present := c.start.Add(at)
	if c.rush {
		return present
	}
	paced := c.wall.Add(time.Duration(float64(at-c.from) / c.speed))
	if paced.Before(present) {
		return present
	}
	return paced
}

// sleepUntil forwards what is waiting and sleeps. It returns at once when due
// is past: a slow machine takes longer, it skips nothing.
func (f *Fleet) sleepUntil(ctx context.Context, due time.Time) error {
	d := time.Until(due)
	if d <= 0 {
		return ctx.Err()
	}
	if err := f.flush(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
