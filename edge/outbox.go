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

// outbox publishes what the store holds, oldest first, until the platform
// confirms it. At most window uplinks are sent and unconfirmed; a batch that
// stays unconfirmed is sent again.
type outbox struct {
	edge    string
	store   *store
	pub     publisher
	window  int
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{}

	mu        sync.Mutex
	cursor    uint64             // everything up to here was sent on this connection
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
)

func newOutbox(cfg *Config, s *store, pub publisher, m *metrics) *outbox {
	return &outbox{
		edge: cfg.Name, store: s, pub: pub, window: cfg.Window, log: cfg.Log, metrics: m,
		wake: make(chan struct{}, 1), flights: map[uint64]*flight{}, confirmed: map[uint64]bool{},
	}
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
	o.mu.Lock()
	o.cursor, o.queue = 0, nil
	clear(o.flights)
	o.resets++
	o.mu.Unlock()
	o.notify()
}

// stored takes the platform's word. What was not sent since the last
// connection is ignored; it will be sent and confirmed again.
func (o *outbox) stored(s uplink.Stored) {
	if s.Epoch != o.store.epoch {
		o.log.Warn("confirmation for another database of this edge", "epoch", s.Epoch, "own_epoch", o.store.epoch)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
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
	o.metrics.confirmed.Add(float64(n))
	if n > 0 {
		o.notify()
	}
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

// forget drops sequence numbers that are no longer in the store.
func (o *outbox) forget(seqs []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, seq := range seqs {
		delete(o.confirmed, seq)
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
		if err := o.sendAgain(ctx); err != nil {
			return err
		}
		if err := o.sendNew(ctx); err != nil {
			return err
		}
		timer.Reset(o.untilDue())
	}
}

// sendNew publishes what lies beyond the cursor while the window has room.
func (o *outbox) sendNew(ctx context.Context) error {
	for ctx.Err() == nil {
		o.mu.Lock()
		cursor, resets := o.cursor, o.resets
		room := o.window - len(o.flights)
		o.mu.Unlock()
		if room <= 0 {
			return nil
		}
		records, last, err := o.store.after(cursor, min(room, readAhead), o.unconfirmed)
		if err != nil {
			return err
		}
		if last == cursor {
			return nil
		}
		batches := split(records, o.store.epoch)
		if !o.depart(batches, last, resets) {
			continue // a new connection in between: begin anew
		}
		for _, b := range batches {
			o.metrics.batches.WithLabelValues("new").Inc()
			if !o.publish(ctx, b) {
				return nil
			}
		}
	}
	return nil
}

func (o *outbox) unconfirmed(seq uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.confirmed[seq]
}

// depart notes batches as sent before they are, so that no confirmation can
// come too early. It returns false when the connection is another one.
func (o *outbox) depart(batches [][]record, last uint64, resets int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.resets != resets {
		return false
	}
	o.cursor = last
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

// sendAgain publishes what is due and still unconfirmed.
func (o *outbox) sendAgain(ctx context.Context) error {
	now := time.Now()
	var due [][]uint64
	o.mu.Lock()
	live := o.queue[:0]
	for _, f := range o.queue {
		if f.open == 0 {
			continue
		}
		live = append(live, f)
		if f.due.After(now) {
			continue
		}
		f.backoff = min(2*f.backoff, lastResend)
		f.due = now.Add(f.backoff)
		var seqs []uint64
		for _, seq := range f.seqs {
			if o.flights[seq] == f {
				seqs = append(seqs, seq)
			}
		}
		due = append(due, seqs)
	}
	clear(o.queue[len(live):])
	o.queue = live
	o.mu.Unlock()
	for _, seqs := range due {
		records, err := o.store.get(seqs)
		if err != nil {
			return err
		}
		for _, b := range split(records, o.store.epoch) {
			o.metrics.batches.WithLabelValues("again").Inc()
			if !o.publish(ctx, b) {
				return nil
			}
		}
	}
	return nil
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

// publish hands a batch to the connection. A failure needs no handling: the
// batch is sent again on the next connection, or when it is due.
func (o *outbox) publish(ctx context.Context, b []record) bool {
	parts := make([][]byte, len(b))
	size := uplink.BatchOverhead(o.store.epoch, len(b))
	for i, r := range b {
		parts[i] = r.json
		size += len(r.json)
	}
	topic := uplink.Topic{Edge: o.edge, Kind: uplink.KindUp, Domain: b[0].domain}
	m := mqtt.Message{Topic: topic.String(), QoS: 1, Payload: uplink.JoinBatch(make([]byte, 0, size), o.store.epoch, parts)}
	err := o.pub.PublishAsync(ctx, m, func(error) {})
	if err != nil {
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
