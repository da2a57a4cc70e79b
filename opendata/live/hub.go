package live

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"modellregion/opendata"
)

const (
	settle    = 15 * time.Second       // after the end of a window until it is complete: its last readings are aggregated
	ringBytes = 8 << 20                // of each dataset
	pace      = 100 * time.Millisecond // between two times that listeners are woken
	look      = 5 * time.Second        // between two looks at which stations are public
	moment    = 30 * time.Second       // that events are remembered, however many they are
	late      = time.Hour              // after the end of a shorter window until what changes it is told by files alone
)

// Config is what a Hub works with. Datasets, Directory and Latest are required.
type Config struct {
	Datasets  []opendata.Dataset
	Directory opendata.Directory
	// Latest tells of windows as they are stored. It should be loaded before
	// the Hub is made, else everything loaded is taken for news.
	Latest *opendata.Latest

	Settle    time.Duration // after the end of a window until it is sent as complete; 0: 15 s
	RingBytes int           // of encoded events that are remembered of each dataset; 0: 8 MiB
}

// Hub takes windows and hands them to listeners. It is an http.Handler.
type Hub struct {
	cfg  Config
	sets []*set // of the datasets that are live
	seed maphash.Seed

	// taking makes ids grow in the order in which events are remembered. It is
	// locked before mu.
	taking sync.Mutex

	mu     sync.RWMutex
	newest int64         // number of the last event of all datasets
	more   chan struct{} // closed, and replaced, when listeners shall look again

	wake chan struct{} // tells Run that there is more
	done chan struct{} // closed when Run has ended

	listeners                                  atomic.Int64
	connected, events, sent, bytes, slow, gaps atomic.Uint64
}

// Stats are counters since the start; Listeners is the number now.
type Stats struct {
	Listeners int64
	Connected uint64 // listeners that came
	Events    uint64 // that were made
	Sent      uint64 // events, once for each listener that got them
	Bytes     uint64 // of them
	Slow      uint64 // listeners let go because they did not keep up
	Gaps      uint64 // times that a listener was told to fetch files
}

// New returns a Hub that watches cfg.Latest. Listeners are served while Run
// runs. Datasets of households are never live.
func New(cfg Config) (*Hub, error) {
	if cfg.Directory == nil || cfg.Latest == nil {
		return nil, errors.New("live stream: want a directory and the latest windows")
	}
	if cfg.Settle < 0 || cfg.RingBytes < 0 {
		return nil, fmt.Errorf("live stream: settle %s and ring of %d bytes, want none below zero", cfg.Settle, cfg.RingBytes)
	}
	if cfg.Settle == 0 {
		cfg.Settle = settle
	}
	if cfg.RingBytes == 0 {
		cfg.RingBytes = ringBytes
	}
	now := time.Now()
	h := &Hub{
		cfg: cfg, seed: maphash.MakeSeed(), newest: now.UnixMicro(),
		more: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	for i := range cfg.Datasets {
		if d := &cfg.Datasets[i]; d.Households == nil {
			base := d.Base()
			h.sets = append(h.sets, &set{
				Dataset: d, base: base, next: base.Begin(now.Add(-cfg.Settle)), dropped: h.newest,
				sent: map[int64]map[uint64]uint64{}, states: map[uint64]state{},
			})
		}
	}
	cfg.Latest.Watch(h.take)
	return h, nil
}

// Run sends windows when they are complete and wakes listeners until ctx ends;
// then it ends their requests and returns nil. It must be called once.
func (h *Hub) Run(ctx context.Context) error {
	defer close(h.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			h.retract()
			h.complete(time.Now())
			h.trim(time.Now())
			timer.Reset(min(look, h.untilDue(time.Now())))
		case <-h.wake:
			h.rouse()
			// One write to each listener carries what came meanwhile.
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pace):
			}
		}
	}
}

// rouse wakes all listeners.
func (h *Hub) rouse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.more)
	h.more = make(chan struct{})
}

// trim drops from the rings what was kept for a moment only.
func (h *Hub) trim(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sets {
		s.trim(h.cfg.RingBytes, now)
	}
}

// untilDue is how long it takes until a window is complete.
func (h *Hub) untilDue(now time.Time) time.Duration {
	h.taking.Lock()
	defer h.taking.Unlock()
	wait := look
	for _, s := range h.sets {
		wait = min(wait, s.base.End(s.next).Add(h.cfg.Settle).Sub(now))
	}
	return max(wait, 0)
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	return Stats{
		Listeners: h.listeners.Load(), Connected: h.connected.Load(), Events: h.events.Load(), Sent: h.sent.Load(),
		Bytes: h.bytes.Load(), Slow: h.slow.Load(), Gaps: h.gaps.Load(),
	}
}

// set returns the live dataset of that id, or nil.
func (h *Hub) set(id string) *set {
	for _, s := range h.sets {
		if s.ID == id {
			return s
		}
	}
	return nil
}
