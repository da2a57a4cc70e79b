package load

import (
	"context"
	"sync"
	"time"

	"modellregion/internal/mqtt"
)

// publisher is the connection to the broker, as an edge uses it.
type publisher interface {
	// PublishAsync sends a message; done is called once with nil when the
	// broker has it. It may wait while many messages are unacknowledged.
	PublishAsync(ctx context.Context, m mqtt.Message, done func(error)) error
	Connected() bool
}

// edge sends the uplinks of its devices and keeps each until it is confirmed.
type edge struct {
	number   int // among the edges
	name     string
	epoch    string
	window   int
	most     int // uplinks in a message
	resend   time.Duration
	acked    bool // an acknowledgement of the broker confirms
	pub      publisher
	ledger   *ledger
	writer   *writer
	schedule *schedule
	prepared []mqtt.Message // those still to be sent, when there are any
	changed  func()         // something happened that the load may wait for
	wake     chan struct{}

	mu        sync.Mutex
	book      *book
	quota     uint64 // uplinks to send in all
	flights   []*flight
	due       time.Time // no flight is due before
	connected bool      // at least once
	resent    uint64
	latency   Latency
	last      time.Time // of the last confirmation
	failure   error     // why the ledger could not be written
}

// notify makes run look again.
func (e *edge) notify() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// begin lets the edge send.
func (e *edge) begin(now time.Time) {
	e.mu.Lock()
	e.schedule.begin(now)
	e.mu.Unlock()
	e.notify()
}

// finish makes what was sent the last.
func (e *edge) finish() {
	e.mu.Lock()
	e.quota = e.book.sent
	e.mu.Unlock()
}

// run sends until ctx ends.
func (e *edge) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		case <-timer.C:
		}
		if !e.pub.Connected() {
			continue // until up wakes it
		}
		for more := true; more; {
			e.sendAgain(ctx)
			var err error
			if more, err = e.sendNew(ctx); err != nil {
				return err
			}
		}
		timer.Reset(e.idle(time.Now()))
	}
}

// sendNew sends a message of new uplinks, if one is due and the window has
// room, and returns whether another may be.
func (e *edge) sendNew(ctx context.Context) (bool, error) {
	uplinks, err := e.depart(time.Now())
	if err != nil || len(uplinks) == 0 {
		return false, err
	}
	var m mqtt.Message
	if len(e.prepared) > 0 {
		m, e.prepared[0] = e.prepared[0], m // so that its memory is free after it was sent
		e.prepared = e.prepared[1:]
	} else {
		m = e.writer.message(uplinks)
	}
	return e.publish(ctx, m, uplinks), nil
}

// needs returns how many uplinks have to be due for the next message and how
// many may be in it. Without a rate, messages are full but for the last.
func (e *edge) needs() (least, most int) {
	most = int(min(e.quota-min(e.quota, e.book.sent), uint64(e.most)))
	room := e.window - int(e.book.sent-e.book.confirmed)
	switch {
	case len(e.prepared) == 0 && e.schedule.rate > 0:
		return 1, min(most, room)
	case room < most:
		return most, 0
	}
	return most, most
}

// depart takes the uplinks of the next message and notes them as sent before
// they are, so that no confirmation can come too early.
func (e *edge) depart(now time.Time) ([]stamp, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return nil, e.failure
	}
	b := e.book
	least, n := e.needs()
	due := e.schedule.due(now)
	n = int(min(uint64(max(n, 0)), due-min(due, b.sent)))
	if n == 0 || n < least {
		return nil, nil
	}
	uplinks := make([]stamp, 0, n)
	for seq := b.sent + 1; seq <= b.sent+uint64(n); seq++ {
		uplinks = append(uplinks, e.assigned(seq, now))
	}
	if err := e.ledger.sent(e.number, uplinks); err != nil {
		return nil, err
	}
	f := &flight{first: b.sent + 1, last: b.sent + uint64(n), open: n, sent: now, due: now.Add(e.resend), backoff: e.resend}
	if len(e.flights) == 0 || f.due.Before(e.due) {
		e.due = f.due
	}
	e.flights = append(e.flights, f)
	if b.sent += uint64(n); b.sent == e.quota {
		e.changed()
	}
	return uplinks, nil
}

// assigned returns an uplink, which gets its time now unless it has one.
func (e *edge) assigned(seq uint64, now time.Time) stamp {
	if seq > e.book.assigned {
		e.book.assign(e.schedule.stamp(seq, now))
	}
	return e.book.stamp(seq)
}

// prepare makes the messages of all uplinks that are to be sent.
func (e *edge) prepare(now time.Time) {
	for seq := e.book.sent + 1; seq <= e.quota; {
		n := min(e.quota-seq+1, uint64(e.most))
		uplinks := make([]stamp, 0, n)
		for range n {
			uplinks = append(uplinks, e.assigned(seq, now))
			seq++
		}
		e.prepared = append(e.prepared, e.writer.message(uplinks))
	}
}

// sendAgain sends what is unconfirmed for too long, oldest first.
func (e *edge) sendAgain(ctx context.Context) {
	var uplinks []stamp
	for ctx.Err() == nil {
		if uplinks = e.overdue(uplinks[:0], time.Now()); len(uplinks) == 0 {
			return
		}
		if !e.publish(ctx, e.writer.message(uplinks), uplinks) {
			return
		}
	}
}

// publish hands a message to the connection. A failure needs no handling: the
// message is sent again after the next connect, or when it is due.
func (e *edge) publish(ctx context.Context, m mqtt.Message, uplinks []stamp) bool {
	done := func(error) {}
	if e.acked {
		first, last := uplinks[0].seq, uplinks[len(uplinks)-1].seq
		done = func(err error) {
			if err == nil {
				e.confirm([][2]uint64{{first, last}})
			}
		}
	}
	return e.pub.PublishAsync(ctx, m, done) == nil
}

// idle returns for how long there is nothing to do, unless something happens.
func (e *edge) idle(now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	wait := time.Hour
	if e.schedule.origin.IsZero() {
		return wait
	}
	if len(e.flights) > 0 {
		wait = min(wait, max(e.due.Sub(now), 0))
	}
	if least, most := e.needs(); most > 0 {
		if next, ok := e.schedule.next(e.book.sent + uint64(least) - 1); ok {
			wait = min(wait, max(next.Sub(now), 0))
		}
	}
	return wait
}

// is reports whether something is true of the edge now.
func (e *edge) is(met func(*edge) bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return met(e)
}

// owes returns how many uplinks are unconfirmed, and the first of them.
func (e *edge) owes() (n, first uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.flights {
		for seq := f.first; seq <= f.last && first == 0; seq++ {
			if !e.book.isConfirmed(seq) {
				first = seq
			}
		}
	}
	return e.book.sent - e.book.confirmed, first
}

// progress adds the edge's share and returns when it had its last confirmation.
func (e *edge) progress(p *Progress, now time.Time) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.Sent += e.book.sent
	p.Resent += e.resent
	p.Confirmed += e.book.confirmed
	if due := min(e.schedule.due(now), e.quota); e.schedule.rate > 0 && due > e.book.sent {
		p.Behind += due - e.book.sent
	}
	p.Latency.merge(&e.latency)
	return e.last
}
