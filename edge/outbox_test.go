package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// link is a connection that carries so many bytes a second, one message after
// the other, to a platform that confirms what arrives.
type link struct {
	bytesPerSecond int
	outboxes       []*outbox
	silent         bool // the platform confirms nothing
	window         chan struct{}

	mu      sync.Mutex
	free    time.Time // when the link has sent what it was given
	arrived map[uint64]time.Time
	times   int // messages that carried something again
}

func newLink(bytesPerSecond int) *link {
	return &link{bytesPerSecond: bytesPerSecond, arrived: map[uint64]time.Time{}, window: make(chan struct{}, mqtt.Window)}
}

func (l *link) Connected() bool { return true }

func (l *link) PublishAsync(ctx context.Context, m mqtt.Message, done func(error)) error {
	select {
	case l.window <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(len(m.Payload)) * time.Second / time.Duration(l.bytesPerSecond))
	at := l.free
	l.mu.Unlock()
	go func() {
		time.Sleep(time.Until(at))
		<-l.window
		done(nil)
		l.arrive(m.Payload)
	}()
	return nil
}

func (l *link) arrive(payload []byte) {
	var b struct {
		Epoch   string
		Uplinks []struct{ Seq uint64 }
	}
	if err := json.Unmarshal(payload, &b); err != nil {
		panic(err)
	}
	var seqs []uint64
	l.mu.Lock()
	for _, u := range b.Uplinks {
		if _, again := l.arrived[u.Seq]; again {
			l.times++
		} else {
			l.arrived[u.Seq] = time.Now()
		}
		seqs = append(seqs, u.Seq)
	}
	silent := l.silent
	l.mu.Unlock()
	if silent {
		return
	}
	for _, o := range l.outboxes {
		o.stored(uplink.NewStored(b.Epoch, seqs))
	}
}

// counts returns how many uplinks arrived, and how many arrived again.
func (l *link) counts() (arrived, again int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.arrived), l.times
}

func someUplink(n int) outgoing {
	return outgoing{domain: uplink.Traffic, uplink: uplink.Uplink{
		DevEUI: uplink.EUI{1}, Time: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), TimeQuality: uplink.TimeGPS, FCnt: uint32(n), FPort: 2,
		Readings: []uplink.Reading{{Quantity: "vehicle_count", Channel: "lane1", Value: float64(n)}, {Quantity: "speed_mean", Channel: "lane1", Value: 47.2}},
	}}
}

// A backlog of hours drains beside what is heard now, which arrives within a
// second whatever the link.
func TestBacklogDoesNotDelayWhatIsNew(t *testing.T) {
	for _, c := range []struct {
		name           string
		bytesPerSecond int
		backlog        int
		within         time.Duration // for all of it
	}{
		{"mobile, bad", 20_000, 4_000, 100 * time.Second},
		{"mobile", 125_000, 8_000, 40 * time.Second},
		{"fibre", 10_000_000, 8_000, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{epoch: "m"}
				l := newLink(c.bytesPerSecond)
				for n := range c.backlog {
					m.add([]outgoing{someUplink(n)})
				}
				o := newOutbox(&Config{Name: "rathaus", Window: defaultWindow, Log: slog.New(slog.DiscardHandler)}, m, l, newMeters(metrics.NewSet()))
				l.outboxes = []*outbox{o}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- o.run(ctx) }()
				begin := time.Now()
				added := map[uint64]time.Time{}
				for n := range 120 { // one a second
					m.add([]outgoing{someUplink(n)})
					added[uint64(c.backlog+n+1)] = time.Now()
					o.notify()
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				var last time.Time
				for seq := range uint64(c.backlog) {
					at, ok := l.arrived[seq+1]
					if !ok {
						t.Fatalf("%d of the backlog did not arrive", seq+1)
					}
					if at.After(last) {
						last = at
					}
				}
				if took := last.Sub(begin); took > c.within {
					t.Errorf("the backlog took %v, want %v", took, c.within)
				}
				var worst time.Duration
				for seq, at := range added {
					got, ok := l.arrived[seq]
					if !ok {
						t.Fatalf("new uplink %d did not arrive", seq)
					}
					worst = max(worst, got.Sub(at))
				}
				if worst > time.Second {
					t.Errorf("a new uplink took %v beside the backlog, want 1 s at most", worst)
				}
				if l.times > 0 {
					t.Errorf("%d uplinks were sent again", l.times)
				}
			})
		})
	}
}

// What is not confirmed is sent again after 30 s, then less and less often, at
// most ten minutes apart.
func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{epoch: "m"}
		l := newLink(1_000_000)
		l.silent = true
		o := newOutbox(&Config{Name: "rathaus", Window: 10, Log: slog.New(slog.DiscardHandler)}, m, l, newMeters(metrics.NewSet()))
		l.outboxes = []*outbox{o}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.run(ctx) }()
		for n := range 30 {
			m.add([]outgoing{someUplink(n)})
		}
		o.notify()
		time.Sleep(29 * time.Second)
		if arrived, again := l.counts(); arrived != 10 || again != 0 {
			t.Fatalf("%d uplinks of a window of 10, %d again", arrived, again)
		}
		var at []string // looked at each second, so the second after
		before := 0
		begin := time.Now().Add(-29 * time.Second)
		for range 60 * 60 {
			time.Sleep(time.Second)
			if _, again := l.counts(); again > before {
				at = append(at, fmt.Sprint(time.Since(begin).Round(time.Second)))
				before = again
			}
		}
		if want := "[31s 1m31s 3m31s 7m31s 15m31s 25m31s 35m31s 45m31s 55m31s]"; fmt.Sprint(at) != want {
			t.Errorf("sent again at %v, want %s", at, want)
		}
		// The platform is back: everything arrives, the first ten once more.
		l.mu.Lock()
		l.silent = false
		l.mu.Unlock()
		o.reset()
		time.Sleep(time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if arrived, _ := l.counts(); arrived != 30 || len(o.flights) != 0 {
			t.Errorf("%d uplinks arrived, %d are unconfirmed", arrived, len(o.flights))
		}
	})
}
