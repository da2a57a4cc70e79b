package edge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// publisher is the connection to the broker, as the outbox uses it.
type publisher interface {
	// PublishAsync sends a message; done is called once with nil when the
	// broker has it. It may wait while many messages are unacknowledged.
	PublishAsync(ctx context.Context, m mqtt.Message, done func(error)) error
	Connected() bool
}

// outbox publishes what a shelf holds until the platform confirms it. At most
// window uplinks are sent and unconfirmed; a batch that stays unconfirmed is
// sent again.
//
// What is new since the connection leaves at once. What is older, and what is
// sent again, leaves beside it, oldest first and at the pace of the link.
type outbox struct {
	edge    string
	shelf   shelf
	pub     publisher
	window  int
	log     *slog.Logger
	metrics *meters
	wake    chan struct{}

	pace pace

	mu        sync.Mutex
	backlog   uint64             // of what is old, everything up to here was sent on this connection
	old       uint64             // what is beyond is new
	cursor    uint64             // of what is new, everything up to here was sent
	flights   map[uint64]*flight // by sequence number
	queue     []*flight          // in the order in which they were sent first
	confirmed map[uint64]bool    // told stored, not yet deleted
	resets    int                // counts connections
}

// flight is a batch that was published.
type flight struct {
	domain  uplink.Domain
	seqs    []uint64
	open    int // unconfirmed ones among seqs
	due     time.Time
	backoff time.Duration
}

const (
	firstResend = 30 * time.Second
	lastResend  = 10 * time.Minute
	readAhead   = 1024 // records read from disk at once
	// oldShare is the share of the window that old uplinks may take.
	oldShare = 0.75
)

func newOutbox(cfg *Config, s shelf, pub publisher, m *meters) *outbox {
	o := &outbox{
		edge: cfg.Name, shelf: s, pub: pub, window: cfg.Window, log: cfg.Log, metrics: m,
		wake: make(chan struct{}, 1), flights: map[uint64]*flight{}, confirmed: map[uint64]bool{},
	}
	o.reset()
	return o
}

// notify makes run look at the store and the clock again.
func (o *outbox) notify() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// reset makes run send everything again: the broker may have forgotten what
// it had.
func (o *outbox) reset() {
	last, err := o.shelf.last()
	if err != nil {
		o.log.Error("outbox cannot be read, all of it is taken for new", "err", err)
	}
	o.mu.Lock()
	o.backlog, o.old, o.cursor, o.queue = 0, last, last, nil
	clear(o.flights)
	o.resets++
	o.mu.Unlock()
	o.notify()
}

// stored takes the platform's word and returns for how many uplinks it was.
// What was not sent since the last connection is ignored; it will be sent and
// confirmed again.
func (o *outbox) stored(s uplink.Stored) (n int) {
	if s.Epoch != o.shelf.name() {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for seq, f := range o.flights {
		for _, r := range s.Ranges {
			if seq >= r[0] && seq <= r[1] {
				delete(o.flights, seq)
				o.confirmed[seq] = true
				f.open--
				n++
				break
			}
		}
	}
	o.metrics.confirmed.Add(n)
	if n > 0 {
		o.notify()
	}
	return n
}

// takeConfirmed returns up to limit confirmed sequence numbers, to be deleted
// by the next commit. They stay known until forget.
func (o *outbox) takeConfirmed(limit int) []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]uint64, 0, min(limit, len(o.confirmed)))
	for seq := range o.confirmed {
		if len(out) == limit {
			break
		}
		out = append(out, seq)
	}
	return out
}

// forget drops sequence numbers that are no longer on the shelf.
func (o *outbox) forget(seqs []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, seq := range seqs {
		delete(o.confirmed, seq)
		if f, ok := o.flights[seq]; ok { // given up
			delete(o.flights, seq)
			f.open--
		}
	}
}

// run publishes until ctx ends.
func (o *outbox) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		case <-timer.C:
		}
		if !o.pub.Connected() {
			continue // until the next connection wakes it
		}
		for _, send := range []func(context.Context) error{o.sendNew, o.sendAgain, o.sendOld} {
			if err := send(ctx); err != nil {
				return err
			}
		}
		timer.Reset(o.untilDue())
	}
}

// sendNew publishes what is new while the window has room.
func (o *outbox) sendNew(ctx context.Context) error {
	for ctx.Err() == nil {
		o.mu.Lock()
		cursor, resets, room := o.cursor, o.resets, o.window-len(o.flights)
		o.mu.Unlock()
		if room <= 0 {
			return nil
		}
		records, last, err := o.shelf.after(cursor, min(room, readAhead), o.unconfirmed)
		if err != nil {
			return err
		}
		if last == cursor {
			return nil
		}
		batches := split(records, o.shelf.name())
		if !o.depart(batches, &o.cursor, last, resets) {
			continue // a new connection in between: begin anew
		}
		for _, b := range batches {
			o.metrics.batches.with("new").Inc()
			if !o.publish(ctx, b, func(error) {}) {
				return nil
			}
		}
	}
	return nil
}

// sendOld publishes what is old while the link, and its share of the window,
// have room.
func (o *outbox) sendOld(ctx context.Context) error {
	for ctx.Err() == nil {
		o.mu.Lock()
		cursor, old, resets, room := o.backlog, o.old, o.resets, int(oldShare*float64(o.window))-len(o.flights)
		o.mu.Unlock()
		size := o.pace.room()
		if room <= 0 || size == 0 || cursor >= old {
			return nil
		}
		records, last, err := o.shelf.after(cursor, min(room, uplink.MaxUplinks), func(seq uint64) bool { return seq <= old && o.unconfirmed(seq) })
		if err != nil {
			return err
		}
		records, last = prefix(records, min(last, old), size)
		if last == cursor {
			o.skipOld(resets)
			return nil
		}
		batches := split(records, o.shelf.name())
		if !o.depart(batches, &o.backlog, last, resets) {
			continue
		}
		for _, b := range batches {
			o.metrics.batches.with("old").Inc()
			if !o.publishPaced(ctx, b) {
				return nil
			}
		}
		if err := o.sendNew(ctx); err != nil { // what came meanwhile goes first
			return err
		}
	}
	return nil
}

// skipOld notes that nothing old is left.
func (o *outbox) skipOld(resets int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.resets == resets {
		o.backlog = o.old
	}
}

// prefix returns as many of the records, at least one, as have that size, and
// the sequence number to go on from.
func prefix(records []record, last uint64, size int) ([]record, uint64) {
	for i, r := range records {
		size -= len(r.json)
		if size < 0 && i > 0 {
			return records[:i], records[i-1].seq
		}
	}
	return records, last
}

func (o *outbox) unconfirmed(seq uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.confirmed[seq]
}

// depart notes batches as sent before they are, so that no confirmation can
// come too early. It returns false when the connection is another one.
func (o *outbox) depart(batches [][]record, cursor *uint64, last uint64, resets int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.resets != resets {
		return false
	}
	*cursor = last
	for _, b := range batches {
		f := &flight{domain: b[0].domain, open: len(b), backoff: firstResend, due: time.Now().Add(firstResend)}
		for _, r := range b {
			f.seqs = append(f.seqs, r.seq)
			o.flights[r.seq] = f
		}
		o.queue = append(o.queue, f)
	}
	return true
}

// sendAgain publishes what is due and still unconfirmed, as far as the link has
// room.
func (o *outbox) sendAgain(ctx context.Context) error {
	for ctx.Err() == nil && o.pace.room() > 0 {
		seqs := o.takeDue(time.Now())
		if seqs == nil {
			return nil
		}
		records, err := o.shelf.get(seqs)
		if err != nil {
			return err
		}
		for _, b := range split(records, o.shelf.name()) {
			o.metrics.batches.with("again").Inc()
			if !o.publishPaced(ctx, b) {
				return nil
			}
		}
	}
	return nil
}

// takeDue returns what is unconfirmed of a batch that has to be sent again, and
// puts off the next time; nil when there is none.
func (o *outbox) takeDue(now time.Time) (seqs []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	live := o.queue[:0]
	for _, f := range o.queue {
		if f.open == 0 {
			continue
		}
		live = append(live, f)
		if seqs != nil || f.due.After(now) {
			continue
		}
		f.backoff = min(2*f.backoff, lastResend)
		f.due = now.Add(f.backoff)
		for _, seq := range f.seqs {
			if o.flights[seq] == f {
				seqs = append(seqs, seq)
			}
		}
	}
	clear(o.queue[len(live):])
	o.queue = live
	return seqs
}

// untilDue returns how long nothing has to be sent again.
func (o *outbox) untilDue() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := firstResend
	for _, f := range o.queue {
		if f.open > 0 {
			wait = min(wait, time.Until(f.due))
		}
	}
	return max(wait, 0)
}

// publishPaced is publish at the pace of the link.
func (o *outbox) publishPaced(ctx context.Context, b []record) bool {
	size := 0
	for _, r := range b {
		size += len(r.json)
	}
	acknowledged := o.pace.sent(size)
	return o.publish(ctx, b, func(err error) {
		acknowledged(err)
		o.notify()
	})
}

// publish hands a batch to the connection. A failure needs no handling: the
// batch is sent again on the next connection, or when it is due. done is called
// in any case.
func (o *outbox) publish(ctx context.Context, b []record, done func(error)) bool {
	parts := make([][]byte, len(b))
	size := uplink.BatchOverhead(o.shelf.name(), len(b))
	for i, r := range b {
		parts[i] = r.json
		size += len(r.json)
	}
	topic := uplink.Topic{Edge: o.edge, Kind: uplink.KindUp, Domain: b[0].domain}
	m := mqtt.Message{Topic: topic.String(), QoS: 1, Payload: uplink.JoinBatch(make([]byte, 0, size), o.shelf.name(), parts)}
	err := o.pub.PublishAsync(ctx, m, done)
	if err != nil {
		done(err)
		o.log.Debug("batch waits for the next connection", "err", err, "uplinks", len(b))
	}
	return err == nil
}

// split forms batches of one domain each, within the limits of the contract.
func split(records []record, epoch string) [][]record {
	var out [][]record
	open := map[uplink.Domain]int{} // index in out
	size := map[uplink.Domain]int{}
	for _, r := range records {
		i, ok := open[r.domain]
		if ok && (len(out[i]) == uplink.MaxUplinks || size[r.domain]+len(r.json)+1 > uplink.MaxBytes) {
			ok = false
		}
		if !ok {
			i = len(out)
			open[r.domain] = i
			size[r.domain] = uplink.BatchOverhead(epoch, 0)
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
		size[r.domain] += len(r.json) + 1
	}
	return out
}
