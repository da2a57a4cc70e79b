package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sync/errgroup"

	"modellregion/devices"
	"modellregion/uplink"
)

// Sink stores reports. A nil error means the batch survives a crash of both
// sides; writing it again changes nothing. A *devices.RefusedError names the
// reports that can never be stored; all others of the batch are. After any
// other error the whole batch is written again. It must not keep the slice.
type Sink interface {
	Write(ctx context.Context, batch []devices.Report) error
}

// Graveyard keeps dead letters. A nil error means they survive a crash. A
// *devices.RefusedError names those that can never be kept; the others are.
type Graveyard interface {
	Bury(ctx context.Context, letters []devices.DeadLetter) error
}

// Directory knows the devices. It answers from memory; the device it returns
// must not change.
type Directory interface {
	Device(uplink.EUI) (*devices.Device, bool)
}

// Confirmer tells an edge that uplinks are stored. An error is not repaired:
// the edge sends those uplinks again.
type Confirmer interface {
	Confirm(ctx context.Context, edge string, s uplink.Stored) error
}

// Config is what an Ingest works with. Zero durations and sizes mean the
// defaults named at each.
type Config struct {
	Sink      Sink
	Graveyard Graveyard
	Directory Directory
	Confirmer Confirmer

	Retention   time.Duration // 90 days: how old an uplink may be
	MaxReadings int           // 5000: of one batch to the sink
	MaxAge      time.Duration // 200 ms: how long a batch waits for more
	Writers     int           // 2: batches written at the same time

	Log     *slog.Logger
	Metrics *metrics.Set
}

const (
	queueLength = 256             // messages, each of at most uplink.MaxBytes or cut to it
	shedAfter   = 2 * time.Second // how long a full queue may hold up the connection
	maxAhead    = 5 * time.Minute // how far in the future an uplink may be
)

// Ingest is the way from a message to a confirmation.
type Ingest struct {
	cfg     Config
	metrics *meters
	queue   chan message
	batches chan *batch
}

type message struct {
	topic   string
	payload []byte
}

// New returns an Ingest that works once Run is called.
func New(cfg Config) *Ingest {
	if cfg.Retention == 0 {
		cfg.Retention = 90 * 24 * time.Hour
	}
	if cfg.MaxReadings == 0 {
		cfg.MaxReadings = 5000
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 200 * time.Millisecond
	}
	if cfg.Writers == 0 {
		cfg.Writers = 2
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewSet()
	}
	return &Ingest{cfg: cfg, metrics: newMeters(cfg.Metrics), queue: make(chan message, queueLength), batches: make(chan *batch)}
}

// Receive takes a message from an up topic. While the queue is full it holds
// up its caller, and so the broker, for a moment; then it drops the message,
// which comes again because it is not confirmed.
func (i *Ingest) Receive(ctx context.Context, topic string, payload []byte) {
	if len(payload) > uplink.MaxBytes { // check refuses it for its size; its begin tells what it was
		payload = bytes.Clone(payload[:uplink.MaxBytes+1])
	}
	m := message{topic, payload}
	select {
	case i.queue <- m:
		return
	default:
	}
	timer := time.NewTimer(shedAfter)
	defer timer.Stop()
	select {
	case i.queue <- m:
	case <-timer.C:
		i.metrics.shed.Inc()
	case <-ctx.Done():
	}
}

// Run works until ctx ends. What was received and not yet stored then is sent
// again by the edges.
func (i *Ingest) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		i.collect(ctx)
		return nil
	})
	for range i.cfg.Writers {
		group.Go(func() error {
			i.write(ctx)
			return nil
		})
	}
	return group.Wait()
}

// batch is what is stored together and then confirmed.
type batch struct {
	reports  []devices.Report
	origins  []origin // of the reports
	letters  []devices.DeadLetter
	seqs     map[sender][]uint64
	readings int
	began    time.Time
}

// origin is where a report came from, should the sink refuse it.
type origin struct {
	edge   string
	uplink *uplink.Uplink
}

// sender is an edge with one life of its database.
type sender struct{ edge, epoch string }

func newBatch() *batch { return &batch{seqs: map[sender][]uint64{}} }

func (b *batch) empty() bool { return len(b.reports) == 0 && len(b.letters) == 0 }

// collect forms batches by size and age until ctx ends.
func (i *Ingest) collect(ctx context.Context) {
	b := newBatch()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-i.queue:
			if b.empty() {
				b.began = time.Now()
				timer.Reset(i.cfg.MaxAge)
			}
			i.check(m, b)
		case <-timer.C:
		}
		if b.empty() || b.readings+len(b.letters) < i.cfg.MaxReadings && time.Since(b.began) < i.cfg.MaxAge {
			continue
		}
		select {
		case i.batches <- b:
			b = newBatch()
		case <-ctx.Done():
			return
		}
	}
}
