package ingest

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"modellregion/devices"
	"modellregion/uplink"
)

// Store keeps what was checked. A nil error means that it survives a crash of
// both sides; storing it again changes nothing. Every other error is a
// *devices.WriteError, or is taken for one with FaultBusy. It must not keep the
// slices.
type Store interface {
	Write(ctx context.Context, batch []devices.Report) error
	// Bury keeps dead letters. After FaultRefused all but WriteError.Lost of
	// them are kept, and those never can be.
	Bury(ctx context.Context, letters []devices.DeadLetter) error
	Note(ctx context.Context, rows []devices.SenderState) error

	// SilentNow returns the senders of which Note was told last that they are
	// silent, by this ingest or another.
	SilentNow(ctx context.Context) ([]devices.SenderState, error)
	// LastHeard returns when something of these devices was stored last, of
	// those of which there was since then.
	LastHeard(ctx context.Context, list []uplink.EUI, since time.Time) (map[uplink.EUI]time.Time, error)
}

// Directory knows the devices. It answers from memory.
type Directory interface {
	Find(uplink.EUI) (devices.Entry, bool)
	Each(do func(uplink.EUI, devices.Entry))
	Codec(profile string) (devices.Codec, bool)
	Variables(uplink.EUI) map[string]string
}

// Voice speaks to edges and to who listens, and waits for no answer. An error is
// not repaired: an edge sends again what is not confirmed.
type Voice interface {
	Confirm(ctx context.Context, edge string, s uplink.Stored) error
	Announce(ctx context.Context, topic uplink.Topic, e uplink.Event) error
	// Hearing reports whether what edges publish arrives at the moment.
	Hearing() bool
}

// Config is what an Ingest works with. Zero durations and sizes mean the
// defaults named at each.
type Config struct {
	Store     Store
	Directory Directory
	Voice     Voice
	Edges     []string // that have to be heard
	Former    []string // that were edges, and are none any more: see Expect

	Retention  time.Duration // 90 days: how old an uplink may be
	MaxLines   int           // 2000: points of one batch to the store
	MaxAge     time.Duration // 200 ms: how long a batch waits for more,
	Quiet      time.Duration // 5 ms: and how long after the last that came
	Lanes      int           // 2: batches that are written at the same time
	QueueBytes int64         // 256 KiB: messages that wait to be checked
	HeldBytes  int64         // 4 MiB: messages of one Source that are not acknowledged

	Log     *slog.Logger
	Metrics *metrics.Set
}

const (
	queueLength = 4096            // messages
	shedAfter   = 2 * time.Second // how long a full queue may hold up a connection
	maxAhead    = 5 * time.Minute // how far in the future an uplink may be
	maxLetters  = 4 << 20         // bytes of dead letters in a batch
)

// Ingest is the way from a message to a confirmation.
type Ingest struct {
	cfg     Config
	metrics *meters
	room    *semaphore.Weighted // bytes of the queue
	queue   chan item
	lanes   []*lane
	idle    chan *lane    // those whose writer is free
	starved atomic.Int32  // Sources that can take nothing before something is stored
	hurry   chan struct{} // tells collect of one
	free    atomic.Int32  // lanes of which collect knows that
	byEdge  map[string]*lane
	checker *checker
	codecs  codecs
	silence *silence
	outage  outage
	sources []*Source
}

// New returns an Ingest that works once Run is called.
func New(cfg Config) *Ingest {
	setDefault(&cfg.Retention, 90*24*time.Hour)
	setDefault(&cfg.MaxLines, 2000)
	setDefault(&cfg.MaxAge, 200*time.Millisecond)
	setDefault(&cfg.Quiet, 5*time.Millisecond)
	setDefault(&cfg.Lanes, 2)
	setDefault(&cfg.QueueBytes, 256<<10)
	setDefault(&cfg.HeldBytes, 4<<20)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewSet()
	}
	i := &Ingest{
		cfg: cfg, room: semaphore.NewWeighted(cfg.QueueBytes), queue: make(chan item, queueLength),
		idle: make(chan *lane, cfg.Lanes), hurry: make(chan struct{}, 1), byEdge: map[string]*lane{},
	}
	for range cfg.Lanes {
		i.lanes = append(i.lanes, &lane{batch: &batch{}, spare: &batch{}, work: make(chan *batch, 1)})
	}
	i.codecs = codecs{directory: cfg.Directory, known: map[string]*codecOf{}}
	i.silence = newSilence(i)
	i.metrics = newMeters(cfg.Metrics, i)
	i.outage = outage{log: cfg.Log, metrics: i.metrics}
	i.checker = i.newChecker(maxSeries)
	return i
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run works until ctx ends. What was received and not yet stored then is sent
// again by who sent it.
func (i *Ingest) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	do := func(work func(context.Context)) {
		group.Go(func() error {
			work(ctx)
			return nil
		})
	}
	do(i.collect)
	for _, l := range i.lanes {
		i.idle <- l
		do(func(ctx context.Context) { i.write(ctx, l) })
	}
	do(i.silence.run)
	do(i.tell)
	err := group.Wait()
	i.codecs.close()
	return err
}

// Ready returns why nothing can be stored at the moment, or nil.
func (i *Ingest) Ready() error { return i.outage.ready() }

// DevicesChanged tells the Ingest that the Directory has others now.
func (i *Ingest) DevicesChanged() { i.silence.devicesChanged() }

// Expect takes over which edges have to be heard, beside those that were, and which
// are none any more: nobody misses these, nor the gateways that they told of.
func (i *Ingest) Expect(edges, former []string) { i.silence.expect(edges, former) }

// item is what waits to be checked: the message of an edge, or an uplink of
// another network.
type item struct {
	topic   string
	payload []byte
	foreign *foreign // nil: the message of an edge
	size    int64    // of room in the queue that it takes; 0 for another network's, whose Source has room of its own
}

// Receive takes a message from an up topic. While the queue is full it holds up
// its caller, and so the broker, for a moment; then it drops the message, which
// comes again because it is not confirmed.
func (i *Ingest) Receive(ctx context.Context, topic string, payload []byte) {
	if len(payload) > uplink.MaxBytes { // check refuses it for its size; its begin tells what it was
		payload = append([]byte(nil), payload[:uplink.MaxBytes+1]...)
	}
	size := min(int64(len(topic)+len(payload)), i.cfg.QueueBytes)
	i.enqueue(ctx, i.room, size, item{topic: topic, payload: payload, size: size})
}

// enqueue takes size bytes of room for the item, and reports whether it will be
// checked.
func (i *Ingest) enqueue(ctx context.Context, room *semaphore.Weighted, size int64, it item) bool {
	if room.TryAcquire(size) {
		select {
		case i.queue <- it:
			return true
		default:
			room.Release(size)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, shedAfter)
	defer cancel()
	if room.Acquire(ctx, size) == nil {
		select {
		case i.queue <- it:
			return true
		case <-ctx.Done():
			room.Release(size)
		}
	}
	i.metrics.shed.Inc()
	return false
}

// tell logs once a minute what was done, so that a log shows when an ingest
// worked and when it did not.
func (i *Ingest) tell(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	var before totals
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := i.metrics.totals()
		i.cfg.Log.Info("ingest", "uplinks", now.uplinks-before.uplinks, "readings", now.readings-before.readings,
			"dead_letters", now.letters-before.letters, "doubts", now.doubts-before.doubts, "shed", now.shed-before.shed,
			"queued", len(i.queue), "silent", i.silence.count(devices.SenderDevice))
		before = now
	}
}

// outage is what a failing store is known for to all lanes.
type outage struct {
	log     *slog.Logger
	metrics *meters

	mu      sync.Mutex
	failing int // who wait for the store
	began   time.Time
	told    time.Time
	err     error
}
