package load

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// Load is a number of edges that send.
type Load struct {
	cfg     Config
	plan    plan
	ledger  *ledger
	edges   []*edge
	clients []*mqtt.Client
	changed chan struct{} // something happened that Run may wait for
	ran     atomic.Bool
	began   atomic.Pointer[time.Time] // when all edges were connected; nil before
}

// Progress is how far a Load is. Sent, Confirmed and Unconfirmed count uplinks
// of earlier runs in the ledger too.
type Progress struct {
	Connected   int    // edges that have a connection
	Sent        uint64 // uplinks, each once
	Resent      uint64 // times that uplinks were sent again
	Confirmed   uint64
	Unconfirmed uint64
	Behind      uint64        // uplinks that are due and not sent, because their edge's window is full or its link is down
	Latency     Latency       // from when an uplink was first sent to when it was confirmed
	Elapsed     time.Duration // from when all edges were connected to the last confirmation
}

// New opens the ledger, and makes the messages if they are to be prepared. Run
// or Close must follow.
func New(cfg Config) (_ *Load, err error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	var epoch [4]byte
	if _, err := rand.Read(epoch[:]); err != nil {
		return nil, fmt.Errorf("load: draw an epoch: %w", err)
	}
	l := &Load{
		cfg: cfg, plan: newPlan(&cfg),
		changed: make(chan struct{}, 1),
	}
	want := header{Version: ledgerVersion, Epoch: hex.EncodeToString(epoch[:]), Seed: cfg.Seed, Edges: cfg.Names, Devices: cfg.Devices, Format: cfg.Format}
	file, have, books, err := openLedger(cfg.Ledger, want, cfg.Forget)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	l.ledger = file
	for i := range cfg.Names {
		e := l.newEdge(i, have.Epoch, books[i])
		client, err := l.connect(e)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("load: %w", err), l.Close())
		}
		e.pub = client
		l.edges, l.clients = append(l.edges, e), append(l.clients, client)
	}
	return l, nil
}

func (l *Load) newEdge(i int, epoch string, b *book) *edge {
	now := time.Now()
	e := &edge{
		number: i, name: l.cfg.Names[i], epoch: epoch, window: l.cfg.Window, resend: l.cfg.Resend, acked: l.cfg.Format == ChirpStack,
		ledger: l.ledger, writer: newWriter(&l.plan, i, &l.cfg, epoch), schedule: newSchedule(&l.plan, i, &l.cfg, b, now),
		changed: l.notify, wake: make(chan struct{}, 1), book: b, quota: math.MaxUint64,
	}
	e.most = e.writer.perMessage(l.cfg.PerMessage)
	e.restore()
	if l.cfg.Uplinks > 0 {
		e.quota = max(l.plan.share(i, uint64(l.cfg.Uplinks)), b.sent)
	}
	if l.cfg.Prepare {
		e.prepare(now)
	}
	return e
}

// connect makes the connection of an edge. Its id is the load's own, so that
// the real edge of that name stays connected.
func (l *Load) connect(e *edge) (*mqtt.Client, error) {
	cfg := mqtt.Config{
		URL: l.cfg.URL, TLS: l.cfg.TLS, ClientID: "load-" + e.name + "-" + e.epoch, Log: l.cfg.Log,
		OnUp: func(context.Context) { e.up() },
	}
	if l.cfg.Login != nil {
		cfg.Username, cfg.Password = l.cfg.Login(e.name)
	}
	client, err := mqtt.New(cfg)
	if err != nil || e.acked {
		return client, err
	}
	topic := uplink.Topic{Edge: e.name, Kind: uplink.KindStored}
	client.Subscribe(topic.String(), 1, func(_ context.Context, m mqtt.Message) {
		s, err := uplink.DecodeStored(m.Payload)
		if err != nil {
			l.cfg.Log.Warn("confirmation cannot be read", "edge", e.name, "err", err)
			return
		}
		e.stored(s)
	})
	return client, nil
}

func (l *Load) notify() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Close closes the ledger of a Load that was not run.
func (l *Load) Close() error { return l.ledger.close() }

// Run connects the edges and lets them send until Config.Uplinks or Config.For
// is reached or ctx ends, then waits for confirmations as long as Config.Wait
// and Config.Grace allow. It returns nil when every uplink that was ever sent
// is confirmed. It can be called once, and closes the ledger.
func (l *Load) Run(ctx context.Context) error {
	if l.ran.Swap(true) {
		return errors.New("load: it was already run")
	}
	// Connections outlast ctx by Config.Grace.
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	group, live := errgroup.WithContext(live)
	for i, e := range l.edges {
		group.Go(func() error { return l.clients[i].Run(live) })
		group.Go(func() error { return e.run(live) })
	}
	group.Go(func() error {
		defer stop()
		return l.conduct(ctx, live)
	})
	if err := errors.Join(group.Wait(), l.ledger.close()); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// conduct goes through the parts of a run. live ends when one of them failed,
// which says why.
func (l *Load) conduct(ctx, live context.Context) error {
	if !l.until(ctx, live, l.cfg.Wait, func(e *edge) bool { return e.connected }) {
		return l.unconnected(live)
	}
	now := time.Now()
	l.began.Store(&now)
	for _, e := range l.edges {
		e.begin(now)
	}
	l.until(ctx, live, l.cfg.For, func(e *edge) bool { return e.book.sent >= e.quota })
	for _, e := range l.edges {
		e.finish()
	}
	settled := func(e *edge) bool { return e.book.sent == e.book.confirmed }
	if !l.until(ctx, live, l.cfg.Wait, settled) && ctx.Err() != nil && l.cfg.Grace > 0 {
		l.until(context.WithoutCancel(ctx), live, l.cfg.Grace, settled)
	}
	return l.unconfirmed(live)
}

// until waits until something is met by all edges. It returns false when that
// was not so within the limit, if there is one, or before a context ended.
func (l *Load) until(ctx, live context.Context, limit time.Duration, met func(*edge) bool) bool {
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	for !l.all(met) {
		select {
		case <-l.changed:
		case <-over:
			return false
		case <-ctx.Done():
			return false
		case <-live.Done():
			return false
		}
	}
	return true
}

func (l *Load) all(met func(*edge) bool) bool {
	for _, e := range l.edges {
		if !e.is(met) {
			return false
		}
	}
	return true
}

// unconnected explains that edges were not connected in time.
func (l *Load) unconnected(live context.Context) error {
	if live.Err() != nil {
		return nil // another part says why
	}
	for _, e := range l.edges {
		if !e.is(func(e *edge) bool { return e.connected }) {
			return fmt.Errorf("edge %s has no connection to the broker, and nothing was sent", e.name)
		}
	}
	return l.unconfirmed(live) // ctx ended at the same moment
}

// unconfirmed explains that uplinks are not confirmed.
func (l *Load) unconfirmed(live context.Context) error {
	if live.Err() != nil {
		return nil // another part says why
	}
	p := l.Progress()
	for _, e := range l.edges {
		if n, first := e.owes(); n > 0 {
			return fmt.Errorf("%d of %d uplinks are not confirmed, %d of them on edge %s, from sequence number %d on", p.Unconfirmed, p.Sent, n, e.name, first)
		}
	}
	return nil
}

// Progress returns how far the load is.
func (l *Load) Progress() Progress {
	var p Progress
	var last time.Time
	now := time.Now()
	for _, e := range l.edges {
		if e.pub.Connected() {
			p.Connected++
		}
		at := e.progress(&p, now)
		if at.After(last) {
			last = at
		}
	}
	p.Unconfirmed = p.Sent - p.Confirmed
	if began := l.began.Load(); began != nil && last.After(*began) {
		p.Elapsed = last.Sub(*began)
	}
	return p
}
