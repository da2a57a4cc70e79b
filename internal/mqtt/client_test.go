package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modellregion/internal/broker"
)

// patience is how long a test waits for what should happen in milliseconds.
const patience = 20 * time.Second

// startBroker runs a broker in which "platform" and the edge "mast-7" have the
// password "secret", and returns its address and a function that stops it.
func startBroker(t *testing.T, addr string) (string, func()) {
	t.Helper()
	b, err := broker.Listen(broker.Config{Addr: addr, Identities: []broker.Identity{
		{User: "platform", Password: "secret", Role: broker.Platform},
		{User: "mast-7", Password: "secret", Role: broker.Edge},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Addr().String(), goRun(t, b.Run)
}

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
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return after its context ended")
		}
	}
	t.Cleanup(stop)
	return stop
}

// newClient returns a client that tries to connect every 10 ms, and a channel
// that tells each connect ("up") and disconnect ("down").
func newClient(t *testing.T, cfg Config) (*Client, <-chan string) {
	t.Helper()
	changes := make(chan string, 16)
	cfg.OnUp = func(context.Context) { changes <- "up" }
	cfg.OnDown = func(error) { changes <- "down" }
	if cfg.Username == "" {
		cfg.Username = "platform"
	}
	if cfg.ClientID == "" {
		cfg.ClientID = t.Name()
	}
	cfg.Password = "secret"
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.backoff = func(int) time.Duration { return 10 * time.Millisecond }
	return c, changes
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing received")
		panic("unreachable")
	}
}

func expect[T comparable](t *testing.T, from <-chan T, want T) {
	t.Helper()
	if got := receive(t, from); got != want {
		t.Fatalf("received %v, want %v", got, want)
	}
}

// collect subscribes to filter and returns what arrives.
func collect(c *Client, filter string) <-chan Message {
	ms := make(chan Message, 4096)
	c.Subscribe(filter, 1, func(_ context.Context, m Message) { ms <- m })
	return ms
}

func TestBrokerAwayAtStartAndRestarted(t *testing.T) {
	hold, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := hold.Addr().String()
	hold.Close()

	c, changes := newClient(t, Config{URL: "tcp://" + addr})
	got := collect(c, "modellregion/v1/+/+/up")
	goRun(t, c.Run)
	if err := c.Publish(t.Context(), Message{Topic: "modellregion/v1/a/road/up"}); !errors.Is(err, ErrNotConnected) {
		t.Fatalf("Publish without a broker: %v, want ErrNotConnected", err)
	}
	for round := range 3 {
		_, stop := startBroker(t, addr)
		expect(t, changes, "up")
		if !c.Connected() {
			t.Error("not Connected after OnUp")
		}
		want := fmt.Sprint(round)
		if err := c.Publish(t.Context(), Message{Topic: "modellregion/v1/a/road/up", Payload: []byte(want), QoS: 1}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if m := receive(t, got); string(m.Payload) != want || m.QoS != 1 || m.Topic != "modellregion/v1/a/road/up" {
			t.Fatalf("round %d: received %+v", round, m)
		}
		stop()
		expect(t, changes, "down")
		if c.Connected() {
			t.Error("Connected after OnDown")
		}
	}
}

func TestOrderAndWindow(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	c, changes := newClient(t, Config{URL: "mqtt://" + addr})
	got := collect(c, "modellregion/v1/#")
	goRun(t, c.Run)
	expect(t, changes, "up")
	const n = 3000
	acked := make(chan error, n)
	for i := range n {
		m := Message{Topic: "modellregion/v1/a/road/up", Payload: fmt.Append(nil, i), QoS: byte(i % 2)}
		if err := c.PublishAsync(t.Context(), m, func(err error) { acked <- err }); err != nil {
			t.Fatal(err)
		}
		if waiting := len(c.window); waiting > Window {
			t.Fatalf("%d unacknowledged", waiting)
		}
	}
	for i := range n {
		if m := receive(t, got); string(m.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Payload)
		}
		expect(t, acked, nil)
	}
}

// Under load from elsewhere, a handler that publishes for every message it
// gets neither hangs nor loses count of what was acknowledged.
func TestPublishInHandler(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	const n = 2000
	type outcome struct {
		sent, busy int
		other      error
	}
	handled := make(chan outcome, 1)
	acked := make(chan error, n)
	echo, echoUp := newClient(t, Config{URL: "tcp://" + addr, ClientID: "echo"})
	var o outcome
	echo.Subscribe("modellregion/v1/+/+/up", 1, func(ctx context.Context, m Message) {
		if err := echo.Publish(ctx, Message{Topic: "modellregion/v1/a/stored", QoS: 1}); err == nil || errors.Is(err, ErrNotConnected) {
			o.other = fmt.Errorf("Publish in a handler: %v", err)
		}
		switch err := echo.PublishAsync(ctx, Message{Topic: "modellregion/v1/a/stored", Payload: m.Payload, QoS: 1}, func(err error) { acked <- err }); {
		case err == nil:
			o.sent++
		case errors.Is(err, ErrBusy):
			o.busy++
		default:
			o.other = err
		}
		if o.sent+o.busy == n || o.other != nil {
			handled <- o
		}
	})
	goRun(t, echo.Run)
	expect(t, echoUp, "up")

	source, sourceUp := newClient(t, Config{URL: "tcp://" + addr, ClientID: "source"})
	goRun(t, source.Run)
	expect(t, sourceUp, "up")
	for i := range n {
		if err := source.PublishAsync(t.Context(), Message{Topic: "modellregion/v1/a/road/up", Payload: fmt.Append(nil, i), QoS: 1}, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	result := receive(t, handled)
	if result.other != nil || result.sent < Window {
		t.Fatalf("%+v", result)
	}
	for range result.sent {
		expect(t, acked, nil)
	}
}

func TestRunEndsInOrder(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	watch, watchUp := newClient(t, Config{URL: "tcp://" + addr, ClientID: "watch"})
	wills := collect(watch, "modellregion/v1/+/status")
	goRun(t, watch.Run)
	expect(t, watchUp, "up")
	before := runtime.NumGoroutine()

	will := Message{Topic: "modellregion/v1/mast-7/status", Payload: []byte("offline"), QoS: 1, Retained: true}
	c, changes := newClient(t, Config{URL: "tcp://" + addr, ClientID: "edge", Username: "mast-7", Will: &will})
	c.Subscribe("modellregion/v1/mast-7/stored", 1, func(ctx context.Context, _ Message) { <-ctx.Done() })
	stop := goRun(t, c.Run)
	expect(t, changes, "up")
	// The end comes while a handler is blocked.
	if err := watch.Publish(t.Context(), Message{Topic: "modellregion/v1/mast-7/stored", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	stop()
	expect(t, changes, "down")
	if m := receive(t, wills); string(m.Payload) != "offline" {
		t.Errorf("told %s, want the will", m.Payload)
	}
	if err := c.Publish(t.Context(), Message{Topic: will.Topic, QoS: 1}); !errors.Is(err, ErrNotConnected) {
		t.Errorf("Publish after Run: %v, want ErrNotConnected", err)
	}
	if err := c.Run(t.Context()); err == nil {
		t.Error("a second Run succeeds")
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}

func TestRefusedSubscriptionIsNoConnection(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	c, _ := newClient(t, Config{URL: "tcp://" + addr, Username: "mast-7"})
	c.Subscribe("modellregion/v1/#", 1, func(context.Context, Message) {})
	l, err := c.connect(t.Context())
	if err == nil {
		l.close()
		t.Fatal("connected")
	}
	for _, want := range []string{"modellregion/v1/#", "mast-7", addr} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"scheme":     {Config{URL: "http://broker", ClientID: "c"}, "scheme"},
		"no scheme":  {Config{URL: "broker", ClientID: "c"}, "scheme"},
		"no host":    {Config{URL: "tcp://:1883", ClientID: "c"}, "no host"},
		"not a URL":  {Config{URL: "tcp://[::1", ClientID: "c"}, "URL"},
		"user":       {Config{URL: "tcp://u:hush@broker", ClientID: "c"}, "their own settings"},
		"no id":      {Config{URL: "tcp://broker"}, "client id"},
		"will topic": {Config{URL: "tcp://broker", ClientID: "c", Will: &Message{Topic: "a/#"}}, "will"},
		"will QoS":   {Config{URL: "tcp://broker", ClientID: "c", Will: &Message{Topic: "a", QoS: 2}}, "QoS"},
	} {
		_, err := New(tc.cfg)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v shows the password", name, err)
		}
	}
	for url, want := range map[string]string{
		"tcp://broker": "broker:1883", "mqtts://broker": "broker:8883", "ssl://[::1]:1": "[::1]:1",
	} {
		if c, err := New(Config{URL: url, ClientID: "c"}); err != nil || c.address != want {
			t.Errorf("%s: address %v, %v, want %s", url, c, err, want)
		}
	}
}

func TestJitteredBackoff(t *testing.T) {
	for attempt, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		most *= time.Second
		for range 100 {
			if d := jitteredBackoff(attempt); d <= most/2-1 || d > most {
				t.Fatalf("attempt %d: %v, want %v to %v", attempt, d, most/2, most)
			}
		}
	}
}
