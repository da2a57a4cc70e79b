package load

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// patience is how long a test waits for what should happen in milliseconds.
const patience = 30 * time.Second

// goRun runs something until the returned function is called, at the latest
// when the test ends.
func goRun(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		cancel()
		if stopped.Swap(true) {
			return
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func startBroker(t *testing.T, addr string) (string, func()) {
	t.Helper()
	ids := []broker.Identity{{User: "platform", Password: "secret", Role: broker.Platform}}
	for _, name := range []string{"load-1", "load-2", "load-3"} {
		ids = append(ids, broker.Identity{User: name, Password: "secret of " + name, Role: broker.Edge})
	}
	b, err := broker.Listen(broker.Config{Addr: addr, Identities: ids})
	if err != nil {
		t.Fatal(err)
	}
	return b.Addr().String(), goRun(t, b.Run)
}

func login(edge string) (string, string) { return edge, "secret of " + edge }

// platform stores uplinks and says so, as the ingest does.
type platform struct {
	client *mqtt.Client
	lose   func(message int) bool // which messages never came; nil: none
	once   bool                   // says stored no more when the goal is reached

	mu       sync.Mutex
	mute     bool // never says stored
	messages int
	stored   map[uplink.EUI]map[time.Time]devices.Report
	uplinks  int           // stored, each once
	reached  chan struct{} // closed when there are goal of them
	goal     int
}

// startPlatform runs a platform, and waits until it listens.
func startPlatform(t *testing.T, addr string, p *platform) *platform {
	t.Helper()
	up := make(chan struct{}, 16)
	var err error
	p.client, err = mqtt.New(mqtt.Config{
		URL: "tcp://" + addr, Username: "platform", Password: "secret", ClientID: "platform", OnUp: func(context.Context) { up <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.stored, p.reached = map[uplink.EUI]map[time.Time]devices.Report{}, make(chan struct{})
	p.client.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) { p.receive(ctx, t, m) })
	goRun(t, p.client.Run)
	<-up
	return p
}

func (p *platform) receive(ctx context.Context, t *testing.T, m mqtt.Message) {
	topic, err := uplink.ParseTopic(m.Topic)
	if err != nil {
		t.Error(err)
		return
	}
	batch, refused, err := uplink.DecodeBatch(m.Payload)
	if err != nil || len(refused) > 0 {
		t.Errorf("%v, %v", refused, err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.messages++; p.lose != nil && p.lose(p.messages) {
		return
	}
	var seqs []uint64
	for _, u := range batch.Uplinks {
		p.store(t, &u)
		seqs = append(seqs, u.Seq)
	}
	if p.uplinks >= p.goal && p.goal > 0 {
		close(p.reached)
		p.goal, p.mute = 0, p.mute || p.once
	}
	if p.mute {
		return
	}
	stored := uplink.Topic{Edge: topic.Edge, Kind: uplink.KindStored}
	err = p.client.PublishAsync(ctx, mqtt.Message{Topic: stored.String(), QoS: 1, Payload: uplink.NewStored(batch.Epoch, seqs).Encode()}, func(error) {})
	if err != nil && !errors.Is(err, mqtt.ErrBusy) && !errors.Is(err, mqtt.ErrNotConnected) {
		t.Error(err)
	}
}

func (p *platform) store(t *testing.T, u *uplink.Uplink) {
	r := devices.Report{Device: u.DevEUI, Time: u.Time.UTC()}
	for _, reading := range u.Readings {
		q, ok := devices.Lookup(reading.Quantity)
		if !ok {
			t.Errorf("quantity %q", reading.Quantity)
		}
		r.Readings = append(r.Readings, devices.Reading{Quantity: q, Channel: reading.Channel, Value: reading.Value})
	}
	of := p.stored[u.DevEUI]
	if of == nil {
		of = map[time.Time]devices.Report{}
		p.stored[u.DevEUI] = of
	}
	if _, twice := of[r.Time]; !twice {
		p.uplinks++
	}
	of[r.Time] = r
}

// read is the platform as Compare asks it.
func (p *platform) read(_ context.Context, d devices.Device, span devices.Span) ([]devices.Report, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []devices.Report
	for at, r := range p.stored[d.EUI] {
		if span.Contains(at) {
			out = append(out, r)
		}
	}
	return out, nil
}

// compare wants that all of so many uplinks are stored, and nothing else.
func (p *platform) compare(t *testing.T, l *Load, uplinks uint64) {
	t.Helper()
	c, err := l.Compare(t.Context(), p.read)
	if want := (Comparison{Uplinks: uplinks, Sent: 4 * uplinks, Stored: 4 * uplinks}); err != nil || c != want {
		t.Errorf("%+v, %v, want %+v", c, err, want)
	}
}

func newLoad(t *testing.T, cfg Config) *Load {
	t.Helper()
	if cfg.Login == nil {
		cfg.Login = login
	}
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// within is a context that ends before the test's patience does.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestEverythingArrivesOnce(t *testing.T) {
	for name, cfg := range map[string]Config{
		"as fast as it goes": {PerMessage: 64, Window: 256},
		"prepared":           {PerMessage: 64, Window: 256, Prepare: true},
		"at a rate":          {Rate: 20_000},
		"one by one":         {PerMessage: 1, Rate: 2000, Uplinks: 500},
	} {
		t.Run(name, func(t *testing.T) {
			addr, _ := startBroker(t, "127.0.0.1:0")
			p := startPlatform(t, addr, &platform{lose: func(message int) bool { return message%5 == 3 }})
			cfg.URL, cfg.Edges, cfg.Devices, cfg.Resend = "tcp://"+addr, 3, 100, 100*time.Millisecond
			if cfg.Uplinks == 0 {
				cfg.Uplinks = 5000
			}
			n := uint64(cfg.Uplinks)
			l := newLoad(t, cfg)
			if err := l.Run(within(t)); err != nil {
				t.Fatal(err)
			}
			p.compare(t, l, n)
			if got := l.Progress(); got.Confirmed != n || got.Resent == 0 || got.Latency.Count() != n || got.Elapsed <= 0 {
				t.Errorf("%d confirmed, %d sent again, %d measured, in %v", got.Confirmed, got.Resent, got.Latency.Count(), got.Elapsed)
			}
			if err := l.Run(t.Context()); err == nil {
				t.Error("it runs twice")
			}
		})
	}
}

func TestBrokerRestarts(t *testing.T) {
	addr, stop := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, &platform{goal: 500})
	l := newLoad(t, Config{URL: "tcp://" + addr, Edges: 2, Devices: 10, Uplinks: 2000, Rate: 2500, Resend: time.Second})
	done := make(chan error, 1)
	go func() { done <- l.Run(within(t)) }()
	<-p.reached
	stop()
	startBroker(t, addr)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.compare(t, l, 2000)
}

// A load that is killed goes on from its ledger; what it may not have sent is
// sent again.
func TestKilledAndStartedAgain(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, &platform{goal: 300, once: true, lose: func(message int) bool { return message%7 == 0 }})
	cfg := Config{
		URL: "tcp://" + addr, Edges: 3, Devices: 7, Uplinks: 3000, PerMessage: 10, Window: 40, Resend: 100 * time.Millisecond,
		Ledger: filepath.Join(t.TempDir(), "ledger"), Seed: 9,
	}
	l := newLoad(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	<-p.reached
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "are not confirmed") {
		t.Fatal(err)
	}
	sent := l.Progress().Sent
	p.mu.Lock()
	p.mute = false
	p.mu.Unlock()
	l = newLoad(t, cfg)
	if got := l.Progress().Sent; got != sent {
		t.Errorf("goes on from %d uplinks, %d were sent", got, sent)
	}
	if err := l.Run(within(t)); err != nil {
		t.Fatal(err)
	}
	p.compare(t, l, 3000)
	// A third run has nothing left to do.
	l = newLoad(t, cfg)
	if err := l.Run(within(t)); err != nil {
		t.Fatal(err)
	}
	p.compare(t, l, 3000)
}

func TestRunTellsWhatIsUnconfirmed(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, &platform{mute: true, goal: 10})
	cfg := Config{URL: "tcp://" + addr, Edges: 2, Devices: 5, Uplinks: 10, Wait: 2 * time.Second}
	const want = "10 of 10 uplinks are not confirmed, 6 of them on edge load-1, from sequence number 1 on"
	l := newLoad(t, cfg)
	if err := l.Run(within(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
	p.compare(t, l, 10) // they are stored, though it was not said
	// A run that is ended does not wait for longer than its grace.
	cfg.Wait, cfg.Grace, cfg.Seed = 0, 10*time.Millisecond, 1
	p.mu.Lock()
	p.goal, p.reached = 20, make(chan struct{})
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-p.reached
		cancel()
	}()
	if err := newLoad(t, cfg).Run(ctx); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
}

func TestRunEndsAfterItsTime(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, &platform{})
	l := newLoad(t, Config{URL: "tcp://" + addr, Devices: 3, Rate: 200, For: 300 * time.Millisecond})
	began := time.Now()
	if err := l.Run(within(t)); err != nil {
		t.Fatal(err)
	}
	n := l.Progress().Sent
	if took := time.Since(began); n == 0 || float64(n) > 200*took.Seconds()+1 {
		t.Errorf("%d uplinks at 200 a second, in %v", n, took)
	}
	p.compare(t, l, n)
	// What is confirmed may be forgotten.
	l = newLoad(t, Config{URL: "tcp://" + addr, Devices: 30, Uplinks: 2 * chunkSize, Forget: true})
	if err := l.Run(within(t)); err != nil {
		t.Fatal(err)
	}
	if b := l.edges[0].book; b.chunks[0] != nil || b.chunks[1] != nil {
		t.Error("what is confirmed is kept")
	}
	if _, err := l.Compare(t.Context(), p.read); err == nil {
		t.Error("a load that forgot compares")
	}
}

func TestRunNamesAnEdgeThatIsNotLetIn(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	l := newLoad(t, Config{URL: "tcp://" + addr, Edges: 2, Devices: 2, Wait: 200 * time.Millisecond, Login: func(edge string) (string, string) {
		return edge, "secret of load-2"
	}})
	const want = "edge load-1 has no connection to the broker"
	if err := l.Run(within(t)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, cfg := range map[string]Config{
		"-1 edges, want 1 to 10000":              {Edges: -1},
		"20000 edges":                            {Edges: 20_000, Devices: 20_000},
		"edge name \"Load\"":                     {Names: []string{"Load"}},
		"edge \"a\" is there twice":              {Names: []string{"a", "a"}, Devices: 2},
		"2 devices, want one for each of the 3":  {Edges: 3, Devices: 2},
		"format \"tts\", want modellregion or":   {Format: "tts"},
		"rate -1":                                {Rate: -1},
		"at most 500 uplinks a second for each":  {Rate: 501},
		"300 uplinks in a message, want 1 to":    {PerMessage: 300},
		"2 uplinks in a message, want 1: ":       {PerMessage: 2, Format: ChirpStack},
		"size 20000":                             {Size: 20_000},
		"-1 uplinks":                             {Uplinks: -1},
		"window 100, want room for the 256":      {Window: 100},
		"resend -1s, want 0 or more":             {Resend: -time.Second},
		"to prepare needs a number of uplinks":   {Prepare: true},
		"MQTT broker URL \"broker\": scheme is":  {URL: "broker"},
		"edge \"a\" is there twice\nrate -1, wa": {Names: []string{"a", "a"}, Devices: 2, Rate: -1},
	} {
		l, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
		if err == nil {
			t.Error(l.Close())
		}
	}
}
