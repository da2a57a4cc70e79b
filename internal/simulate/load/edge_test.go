package load

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// message is what a fakeBroker got: at what time after the beginning, and the
// sequence numbers.
type message struct {
	after time.Duration
	seqs  []uint64
	times []time.Time
}

// fakeBroker takes messages while it is up.
type fakeBroker struct {
	t     *testing.T
	began time.Time

	mu     sync.Mutex
	down   bool
	got    []message
	acks   []func(error)
	answer func(seqs []uint64) // to each message, if there is one
}

func (b *fakeBroker) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.down
}

// set changes how the broker behaves.
func (b *fakeBroker) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *fakeBroker) PublishAsync(_ context.Context, m mqtt.Message, done func(error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return mqtt.ErrNotConnected
	}
	got := message{after: time.Since(b.began)}
	if strings.HasPrefix(m.Topic, uplink.Root) {
		batch, refused, err := uplink.DecodeBatch(m.Payload)
		if err != nil || len(refused) > 0 {
			b.t.Errorf("%v, %v", refused, err)
		}
		for _, u := range batch.Uplinks {
			got.seqs, got.times = append(got.seqs, u.Seq), append(got.times, u.Time)
		}
	}
	b.got, b.acks = append(b.got, got), append(b.acks, done)
	if b.answer != nil {
		go b.answer(got.seqs)
	}
	return nil
}

// take returns the messages since the last call.
func (b *fakeBroker) take() []message {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

// acknowledge tells how each message came through that was not told yet.
func (b *fakeBroker) acknowledge(outcome func(i int) error) {
	synctest.Wait()
	b.mu.Lock()
	acks := b.acks
	b.acks = nil
	b.mu.Unlock()
	for i, done := range acks {
		done(outcome(i))
	}
}

// all returns the sequence numbers of messages.
func all(messages []message) (seqs []uint64) {
	for _, m := range messages {
		seqs = append(seqs, m.seqs...)
	}
	return seqs
}

func upTo(first, last uint64) (seqs []uint64) {
	for seq := first; seq <= last; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

// startEdge runs the only edge of a load in a bubble.
func startEdge(t *testing.T, cfg Config) (*Load, *edge, *fakeBroker) {
	t.Helper()
	cfg.URL = "tcp://127.0.0.1:1"
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &fakeBroker{t: t, began: time.Now()}
	e := l.edges[0]
	e.pub = b
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	e.up()
	e.begin(time.Now())
	return l, e, b
}

func TestWindowAndConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e, b := startEdge(t, Config{Devices: 3, Uplinks: 1000, PerMessage: 100, Window: 250})
		if got := b.take(); len(got) != 2 || !slices.Equal(all(got), upTo(1, 200)) {
			t.Fatalf("sent %v, want two full messages in a window of 250", all(got))
		}
		e.stored(uplink.NewStored("another", upTo(1, 200)))
		if got := b.take(); len(got) > 0 {
			t.Fatalf("the word for another epoch was believed: %v", all(got))
		}
		time.Sleep(5 * time.Millisecond)
		e.stored(uplink.Stored{Epoch: e.epoch, Ranges: [][2]uint64{{51, 80}, {40, 60}, {190, 1 << 63}}})
		if p := l.Progress(); p.Confirmed != 52 || p.Sent != 300 && p.Sent != 200 || p.Latency.Count() != 52 || p.Latency.Quantile(1) < 5*time.Millisecond {
			t.Fatalf("%+v", p)
		}
		if got := b.take(); !slices.Equal(all(got), upTo(201, 300)) {
			t.Fatalf("sent %v", all(got))
		}
		b.set(func() { b.answer = func(seqs []uint64) { e.stored(uplink.NewStored(e.epoch, seqs)) } })
		e.stored(uplink.NewStored(e.epoch, upTo(1, 300)))
		if got := b.take(); !slices.Equal(all(got), upTo(301, 1000)) || len(got) != 7 {
			t.Fatalf("sent %v", all(got))
		}
		if p := l.Progress(); p.Confirmed != 1000 || p.Unconfirmed != 0 || p.Resent != 0 || p.Latency.Count() != 1000 {
			t.Errorf("%d confirmed, %d not, %d sent again", p.Confirmed, p.Unconfirmed, p.Resent)
		}
		time.Sleep(time.Hour)
		if got := b.take(); len(got) > 0 {
			t.Errorf("sent %v again", all(got))
		}
	})
}

func TestResendWaitsTwiceAsLongEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e, b := startEdge(t, Config{Uplinks: 10})
		first := b.take()
		e.stored(uplink.NewStored(e.epoch, []uint64{2, 3, 10}))
		time.Sleep(time.Hour)
		var after []time.Duration
		for _, m := range b.take() {
			after = append(after, m.after)
			if !slices.Equal(m.seqs, []uint64{1, 4, 5, 6, 7, 8, 9}) || !m.times[0].Equal(first[0].times[0]) {
				t.Fatalf("sent %v again, with %v", m.seqs, m.times[0])
			}
		}
		want := []time.Duration{30, 90, 210, 450, 930, 1530, 2130, 2730, 3330} // doubling to 600
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(after, want) {
			t.Errorf("sent again after %v, want %v", after, want)
		}
	})
}

func TestReconnectSendsAllAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e, b := startEdge(t, Config{Rate: 10, Window: 500})
		time.Sleep(20*time.Second + time.Millisecond)
		if got := b.take(); len(got) != 201 {
			t.Fatalf("%d messages in 20 s, want one for each of 201 uplinks", len(got))
		}
		e.stored(uplink.NewStored(e.epoch, upTo(1, 100)))
		b.set(func() { b.down = true })
		time.Sleep(5 * time.Second)
		if got := b.take(); len(got) > 0 || l.Progress().Behind != 50 || l.Progress().Connected != 0 {
			t.Fatalf("without a connection: sent %v, %+v", all(got), l.Progress().Behind)
		}
		b.set(func() { b.down = false })
		e.up()
		got := b.take()
		if len(got) != 2 || !slices.Equal(got[0].seqs, upTo(101, 201)) || !slices.Equal(got[1].seqs, upTo(202, 251)) {
			t.Fatalf("sent %v", got)
		}
		for i, at := range got[1].times { // when they were due, not when they were sent
			if want := b.began.Add(time.Duration(201+i) * 100 * time.Millisecond); !at.Equal(want) {
				t.Fatalf("uplink %d is of %v, want %v", got[1].seqs[i], at, want)
			}
		}
		if p := l.Progress(); p.Resent != 101 || p.Behind != 0 {
			t.Errorf("%d sent again, %d behind", p.Resent, p.Behind)
		}
		// Not twice, though half of the second message is confirmed meanwhile.
		time.Sleep(30 * time.Second)
		b.take()
		e.stored(uplink.NewStored(e.epoch, upTo(101, 400)))
		e.up()
		if got := all(b.take()); len(got) == 0 || got[0] != 401 {
			t.Errorf("sent %v again", got)
		}
	})
}

// With a rate, what is due goes out every 50 ms.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e, b := startEdge(t, Config{Devices: 7, Rate: 1234, PerMessage: 50, Window: 1 << 20})
		time.Sleep(10*time.Second + time.Millisecond)
		got := b.take()
		if n := len(all(got)); n != 12341 {
			t.Errorf("%d uplinks in 10 s at 1234 a second", n)
		}
		last := map[int]time.Time{}
		for _, m := range got {
			if len(m.seqs) > 50 || m.after%tick != 0 {
				t.Fatalf("%d uplinks after %v", len(m.seqs), m.after)
			}
			for i, seq := range m.seqs {
				device, _ := e.writer.plan.of(0, seq)
				at := m.times[i]
				if age := b.began.Add(m.after).Sub(at); age < 0 || age > tick+time.Millisecond || !at.After(last[device]) {
					t.Fatalf("uplink %d is of %v, %v before it was sent, after %v", seq, at, age, last[device])
				}
				last[device] = at
			}
		}
	})
}

func TestSlowRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e, b := startEdge(t, Config{Rate: 0.01})
		b.take() // the first has no answer and comes again
		b.set(func() { b.answer = func(seqs []uint64) { e.stored(uplink.NewStored(e.epoch, seqs)) } })
		time.Sleep(time.Hour)
		if got := b.take(); len(got) != 37 {
			t.Errorf("%d messages in an hour, want one in 100 s", len(got))
		}
	})
}

func TestChirpStackIsConfirmedByItsBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, b := startEdge(t, Config{Uplinks: 10, Window: 4, Format: ChirpStack})
		firstFails := func(i int) error {
			if i == 0 {
				return mqtt.ErrNotConnected
			}
			return nil
		}
		b.acknowledge(firstFails) // 2 to 4 of 1 to 4
		b.acknowledge(firstFails) // 6 and 7 of 5 to 7
		synctest.Wait()
		if p := l.Progress(); p.Sent != 9 || p.Confirmed != 5 {
			t.Fatalf("%d sent, %d confirmed", p.Sent, p.Confirmed)
		}
		for range 3 {
			time.Sleep(31 * time.Second)
			b.acknowledge(func(int) error { return nil })
		}
		if p := l.Progress(); p.Confirmed != 10 || p.Resent == 0 {
			t.Errorf("%d confirmed, %d sent again", p.Confirmed, p.Resent)
		}
	})
}

// A backlog is of the recent past, a minute between two uplinks of a device,
// prepared or not, and a clock may be wrong.
func TestTimesOfABacklog(t *testing.T) {
	wrong := time.Date(1999, 1, 2, 3, 4, 5, 6_789_000, time.UTC)
	for _, prepare := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			_, e, b := startEdge(t, Config{Devices: 10, Uplinks: 95, PerMessage: 10, Prepare: prepare, Seed: 4, Time: func(device, n int) time.Time {
				if device == 3 && n == 2 {
					return wrong
				}
				return time.Time{}
			}})
			got := b.take()
			if len(got) != 10 || !slices.Equal(all(got), upTo(1, 95)) || len(e.prepared) > 0 {
				t.Fatalf("sent %v", all(got))
			}
			last := map[int]time.Time{}
			for _, m := range got {
				for i, at := range m.times {
					device, n := e.writer.plan.of(0, m.seqs[i])
					if device == 3 && n == 2 {
						if !at.Equal(wrong.Truncate(time.Millisecond)) {
							t.Errorf("the wrong clock said %v", at)
						}
						continue
					}
					if age := b.began.Sub(at); age < time.Minute || age > 11*time.Minute || n > 0 && n != 3 && !at.Equal(last[device].Add(Interval)) {
						t.Fatalf("uplink %d of device %d is of %v, the one before of %v", n, device, at, last[device])
					}
					last[device] = at
					if device == 3 && n == 1 {
						last[device] = at.Add(Interval)
					}
				}
			}
		})
	}
}

func TestLongBacklogIsCloser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Uplinks: 1_000_000}.withDefaults()
		s := newSchedule(&plan{edges: 1, devices: 1}, 0, &cfg, &book{}, time.Now())
		for seq := uint64(1); seq <= 1_000_000; seq += 99_999 {
			if age := time.Since(time.UnixMilli(s.stamp(seq, time.Now()))); age < s.interval || age > maxBacklog {
				t.Errorf("uplink %d is %v old", seq, age)
			}
		}
	})
}

// What an earlier run left unconfirmed is sent before what is new, with the
// same sequence numbers and times.
func TestLedgerIsGoneOnWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Devices: 2, Uplinks: 100, PerMessage: 10, Window: 40, Ledger: t.TempDir() + "/ledger"}
		_, e, b := startEdge(t, cfg)
		first := b.take()
		e.stored(uplink.NewStored(e.epoch, []uint64{1, 2, 3, 12}))
		b.take()
		again, later, b := startEdge(t, cfg)
		got := b.take()
		if later.epoch != e.epoch || !slices.Equal(all(got), append(upTo(4, 11), upTo(13, 40)...)) {
			t.Fatalf("sent %v in epoch %s, want what is left of %v in %s", all(got), later.epoch, all(first), e.epoch)
		}
		if !got[0].times[0].Equal(first[0].times[3]) {
			t.Errorf("uplink 4 is of %v, was of %v", got[0].times[0], first[0].times[3])
		}
		later.stored(uplink.NewStored(e.epoch, upTo(1, 40)))
		if got := b.take(); len(got) == 0 || got[0].seqs[0] != 41 || !got[0].times[0].After(first[3].times[8]) {
			t.Errorf("went on with %+v", got)
		}
		if p := again.Progress(); p.Sent != 80 || p.Confirmed != 40 {
			t.Errorf("%+v", p.Sent)
		}
	})
}
