package edge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
)

const (
	// MaxVerdicts is how many verdicts are kept.
	MaxVerdicts = 256

	maxReaders   = 16
	refusedEvery = time.Second
	maxReasons   = 64
)

// ErrReaders is returned to one more reader of verdicts than there may be.
var ErrReaders = errors.New("too many are following the frames already")

// verdicts keeps the last verdicts for whoever looks. The process loop copies
// what it has into a ring; words are made of it when somebody reads. A reader
// has a place in the ring and no queue: one that is too slow is overtaken.
type verdicts struct {
	mu      sync.Mutex
	ring    [MaxVerdicts]sight
	count   uint64 // so far; the newest is at count-1
	readers []chan struct{}
	refused map[string]*refusals // by reason
}

// refusals counts what was refused for one reason and not told yet.
type refusals struct {
	told  time.Time
	count int
	err   error // the last one
}

// add notes what became of a frame.
func (v *verdicts) add(rx []radio.Frame, dec *session.Decision, out outcome) {
	remote := isRemote(rx)
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.next()
	s.frame, s.gateways, s.remote = rx[0], len(rx), remote
	s.device, s.reason, s.err = dec.DevEUI, string(dec.Dropped), dec.Detail
	s.join, s.data, s.events = dec.Join, dec.Data, dec.Events
	s.outcome = out
}

// next returns the place of one more, empty, and wakes readers. The caller
// holds mu and fills it before it lets go.
func (v *verdicts) next() *sight {
	s := &v.ring[v.count%MaxVerdicts]
	*s = sight{}
	v.count++
	for _, wake := range v.readers {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	return s
}

// drop notes what a gateway protocol has not used. Strangers can cause
// thousands per second: of each reason one is told in a second, with the number
// of the others.
func (v *verdicts) drop(reason string, err error, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.refused[reason]
	if r == nil {
		if len(v.refused) >= maxReasons {
			return
		}
		if v.refused == nil {
			v.refused = map[string]*refusals{}
		}
		r = &refusals{}
		v.refused[reason] = r
	}
	r.count++
	r.err = err
	v.tell(reason, r, now)
}

// tell makes a verdict of what was refused, when it is time for it.
func (v *verdicts) tell(reason string, r *refusals, now time.Time) {
	if ago := now.Sub(r.told); r.count == 0 || ago >= 0 && ago < refusedEvery {
		return
	}
	s := v.next()
	s.frame.Heard, s.reason, s.err, s.refused = now, reason, r.err, r.count
	*r = refusals{told: now}
}

// settle tells of what was refused and is not told yet.
func (v *verdicts) settle(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, reason := range slices.Sorted(maps.Keys(v.refused)) {
		v.tell(reason, v.refused[reason], now)
	}
}

// tellSent notes what came of a downlink. It is called before the network
// learns of it, and forgets it.
func (e *Edge) tellSent(r *session.Result, now time.Time) {
	about, ok := e.network.InFlight(*r)
	if !ok {
		return
	}
	v := &e.verdicts
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.next()
	s.frame.Heard, s.device, s.down = now, r.DevEUI, &sent{about, *r}
}

// Verdicts gives take what became of the last n frames, at most MaxVerdicts,
// the oldest first, at once and even if there are none. With follow it goes on
// with those that come until ctx ends or take returns an error. What take is too
// slow for is left out and told as VerdictMissed.
func (e *Edge) Verdicts(ctx context.Context, n int, follow bool, take func([]Verdict) error) error {
	return e.verdicts.read(ctx, n, follow, take)
}

func (v *verdicts) read(ctx context.Context, n int, follow bool, take func([]Verdict) error) error {
	wake, err := v.enter()
	if err != nil {
		return err
	}
	defer v.leave(wake)
	v.settle(time.Now())
	at := v.last(n)
	tick := time.NewTicker(refusedEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		var batch []sight
		var missed uint64
		batch, at, missed = v.after(at)
		if first || len(batch) > 0 {
			if err := take(verdictsOf(batch, at, missed)); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
			v.settle(time.Now())
		}
	}
}

func (v *verdicts) enter() (chan struct{}, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.readers) >= maxReaders {
		return nil, fmt.Errorf("%w: %d", ErrReaders, maxReaders)
	}
	wake := make(chan struct{}, 1)
	v.readers = append(v.readers, wake)
	return wake, nil
}

func (v *verdicts) leave(wake chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readers = slices.DeleteFunc(v.readers, func(c chan struct{}) bool { return c == wake })
}

// last returns where the last n begin.
func (v *verdicts) last(n int) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count - min(uint64(max(n, 0)), v.count, MaxVerdicts)
}

// after returns all from a place on, the place after them, and how many of them
// are not there any more.
func (v *verdicts) after(at uint64) (batch []sight, end, missed uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.count-at > MaxVerdicts {
		missed = v.count - at - MaxVerdicts
		at += missed
	}
	for i := at; i < v.count; i++ {
		batch = append(batch, v.ring[i%MaxVerdicts])
	}
	return batch, v.count, missed
}
