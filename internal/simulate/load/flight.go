package load

import (
	"sort"
	"time"

	"modellregion/uplink"
)

// flight is a message that was sent: uplinks in a row, of which some may be
// confirmed.
type flight struct {
	first, last uint64
	open        int       // unconfirmed ones
	sent        time.Time // for the first time; zero: in an earlier run
	due         time.Time // to be sent again
	backoff     time.Duration
}

// maxBackoff is how many times Config.Resend lies between two resends at most.
const maxBackoff = 20

// up is called after each connect: what is unconfirmed is sent again at once,
// for the broker may have forgotten it, in as few messages as it fits.
func (e *edge) up() {
	e.mu.Lock()
	merged := e.flights[:0]
	for _, f := range e.flights {
		if f.open == 0 {
			continue
		}
		if n := len(merged); n > 0 && f.last-merged[n-1].first < uint64(e.most) {
			merged[n-1].last = f.last
			merged[n-1].open += f.open
			continue
		}
		merged = append(merged, f)
	}
	for _, f := range merged {
		f.due, f.backoff = time.Time{}, e.resend
	}
	clear(e.flights[len(merged):])
	e.flights, e.due, e.connected = merged, time.Time{}, true
	e.mu.Unlock()
	e.changed()
	e.notify()
}

// restore makes flights of what earlier runs left unconfirmed.
func (e *edge) restore() {
	for seq := uint64(1); seq <= e.book.sent; seq++ {
		if e.book.isConfirmed(seq) {
			continue
		}
		if n := len(e.flights); n > 0 && seq-e.flights[n-1].first < uint64(e.most) {
			e.flights[n-1].last = seq
			e.flights[n-1].open++
			continue
		}
		e.flights = append(e.flights, &flight{first: seq, last: seq, open: 1, backoff: e.resend})
	}
}

// overdue returns what has to be sent again, oldest first and as much as fits a
// message, and puts off the next time.
func (e *edge) overdue(dst []stamp, now time.Time) []stamp {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.schedule.origin.IsZero() || len(e.flights) == 0 || e.due.After(now) {
		return dst
	}
	live := e.flights[:0]
	e.due = now.Add(maxBackoff * e.resend)
	for _, f := range e.flights {
		if f.open == 0 {
			continue
		}
		live = append(live, f)
		if !f.due.After(now) && len(dst)+f.open <= e.most {
			dst = e.book.unconfirmed(dst, f.first, f.last)
			if f.sent.IsZero() {
				f.sent = now
			}
			if !f.due.IsZero() { // not after a connect
				f.backoff = min(2*f.backoff, maxBackoff*e.resend)
			}
			f.due = now.Add(f.backoff)
		}
		if f.due.Before(e.due) {
			e.due = f.due
		}
	}
	clear(e.flights[len(live):])
	e.flights = live
	e.resent += uint64(len(dst))
	return dst
}

// stored takes the platform's word. That for another epoch, of another load or
// a real edge, is ignored.
func (e *edge) stored(s uplink.Stored) {
	if s.Epoch == e.epoch {
		e.confirm(s.Ranges)
	}
}

// confirm notes which uplinks are stored.
func (e *edge) confirm(ranges [][2]uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	var fresh [][2]uint64
	for _, r := range ranges {
		first, last, ok := e.book.within(r)
		if !ok {
			continue
		}
		i := sort.Search(len(e.flights), func(i int) bool { return e.flights[i].last >= first })
		for ; i < len(e.flights) && e.flights[i].first <= last; i++ {
			fresh = e.land(e.flights[i], first, last, now, fresh)
		}
	}
	for len(e.flights) > 0 && e.flights[0].open == 0 {
		e.flights[0] = nil
		e.flights = e.flights[1:]
	}
	if len(fresh) == 0 {
		return
	}
	e.last = now
	if err := e.ledger.confirmed(e.number, fresh); err != nil {
		e.failure = err // run ends with it
	}
	if e.book.sent == e.book.confirmed {
		e.changed()
	}
	e.notify()
}

// land notes those of a flight's uplinks that lie between first and last as
// stored, and adds them to the ranges of those that were not before.
func (e *edge) land(f *flight, first, last uint64, now time.Time, fresh [][2]uint64) [][2]uint64 {
	if f.open == 0 {
		return fresh
	}
	before := f.open
	for seq := max(first, f.first); seq <= min(last, f.last); seq++ {
		if e.book.confirm(seq) {
			f.open--
			fresh = runs(fresh, seq)
		}
	}
	if !f.sent.IsZero() {
		e.latency.add(now.Sub(f.sent), uint64(before-f.open))
	}
	return fresh
}
