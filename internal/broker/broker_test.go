package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const patience = 20 * time.Second

func identities() []Identity {
	return []Identity{
		{User: "platform", Password: "p-secret", Role: Platform},
		{User: "mast-7", Password: "7-secret", Role: Edge},
		{User: "mast-8", Password: "8-secret", Role: Edge},
		{User: "werke", Password: "w-secret", Role: Reader, Domains: []uplink.Domain{uplink.Energy}},
	}
}

// start runs a broker until the test ends.
func start(t *testing.T) *Broker {
	t.Helper()
	b, err := Listen(Config{Addr: "127.0.0.1:0", Identities: identities()})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, b.Run)
	return b
}

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

// user is a connected client: what it received, and how often it was up and
// down.
type user struct {
	*mqtt.Client
	got      chan mqtt.Message
	up, down chan struct{}
	stop     func()
}

// connect runs a client with the given subscriptions and waits until it is up.
func connect(t *testing.T, b *Broker, id Identity, will *mqtt.Message, filters ...string) *user {
	t.Helper()
	u := &user{got: make(chan mqtt.Message, 1024), up: make(chan struct{}, 16), down: make(chan struct{}, 16)}
	c, err := mqtt.New(mqtt.Config{
		URL: "tcp://" + b.Addr().String(), Username: id.User, Password: id.Password,
		ClientID: "same-for-all-users", Will: will,
		OnUp:   func(context.Context) { u.up <- struct{}{} },
		OnDown: func(error) { u.down <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	u.Client = c
	for _, f := range filters {
		c.Subscribe(f, 1, func(_ context.Context, m mqtt.Message) { u.got <- m })
	}
	u.stop = goRun(t, c.Run)
	wait(t, u.up, "connection of "+id.User)
	return u
}

func wait[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing happens", what)
		panic("unreachable")
	}
}

func (u *user) publish(t *testing.T, topic, payload string) {
	t.Helper()
	if err := u.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: 1}); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a counter that changes after the client has its answer.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not become true", what)
		}
	}
}

func TestEdgeAndPlatform(t *testing.T) {
	b := start(t)
	ids := identities()
	platform := connect(t, b, ids[0], nil, "modellregion/v1/#")
	edge := connect(t, b, ids[1], nil, "modellregion/v1/mast-7/stored", "modellregion/v1/mast-7/devices", "modellregion/v1/mast-7/down/+")
	reader := connect(t, b, ids[3], nil, "modellregion/v1/+/energy/#")

	edge.publish(t, "modellregion/v1/mast-7/energy/up", "1")
	if m := wait(t, platform.got, "platform"); string(m.Payload) != "1" {
		t.Errorf("platform got %+v", m)
	}
	edge.publish(t, "modellregion/v1/mast-7/traffic/up", "2")
	edge.publish(t, "modellregion/v1/mast-7/energy/event", "3")
	for _, want := range []string{"1", "3"} {
		if m := wait(t, reader.got, "reader"); string(m.Payload) != want {
			t.Errorf("reader of energy got %+v, want %s", m, want)
		}
	}
	for _, topic := range []string{"stored", "devices", "down/a84041ffff1eec20"} {
		platform.publish(t, "modellregion/v1/mast-8/"+topic, "other")
		platform.publish(t, "modellregion/v1/mast-7/"+topic, "own")
		if m := wait(t, edge.got, "edge"); m.Topic != "modellregion/v1/mast-7/"+topic || string(m.Payload) != "own" {
			t.Errorf("edge got %+v", m)
		}
	}
	if s := b.Stats(); s.Connected != 3 || s.BadLogins+s.Rejected+s.DeniedPublishes+s.DeniedSubscribes > 0 || s.Dropped > 0 {
		t.Errorf("%+v", s)
	}
}

// A device list of several megabytes is retained until an edge comes.
// What an edge retains cannot fill the broker's memory.
func TestEdgeRetainsItsStatusAlone(t *testing.T) {
	b := start(t)
	edge := connect(t, b, identities()[1], nil)
	const many = 200
	for i := range many {
		m := mqtt.Message{Topic: fmt.Sprintf("modellregion/v1/%s/gateway/%016x", identities()[1].User, i), Payload: []byte("x"), QoS: 1, Retained: true}
		if err := edge.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	status := "modellregion/v1/" + identities()[1].User + "/status"
	if err := edge.Publish(t.Context(), mqtt.Message{Topic: status, Payload: []byte("online"), QoS: 1, Retained: true}); err != nil {
		t.Fatal(err)
	}
	if n := b.Stats().Retained; n >= many { // some are the broker's own, below $SYS
		t.Errorf("%d messages are retained after %d of one edge", n, many)
	}
	platform := connect(t, b, identities()[0], nil, "modellregion/v1/+/status", "modellregion/v1/+/gateway/+")
	if m := wait(t, platform.got, "retained message"); m.Topic != status {
		t.Errorf("retained message on %s, want the status alone", m.Topic)
	}
}

func TestLargeRetained(t *testing.T) {
	b := start(t)
	platform := connect(t, b, identities()[0], nil)
	list := strings.Repeat("d", mqtt.MaxPayload)
	if err := platform.Publish(t.Context(), mqtt.Message{Topic: "modellregion/v1/mast-7/devices", Payload: []byte(list), QoS: 1, Retained: true}); err != nil {
		t.Fatal(err)
	}
	edge := connect(t, b, identities()[1], nil, "modellregion/v1/mast-7/devices")
	if m := wait(t, edge.got, "edge"); string(m.Payload) != list || !m.Retained {
		t.Errorf("%d bytes, retained %v", len(m.Payload), m.Retained)
	}
	if err := edge.Publish(t.Context(), mqtt.Message{Topic: "modellregion/v1/mast-7/status", Payload: []byte(list), QoS: 1}); err == nil {
		t.Error("an edge may send 16 MiB")
	}
}

// In MQTT 3.1.1 a broker cannot refuse one message: it must end the connection.
func TestDeniedPublishDisconnects(t *testing.T) {
	b := start(t)
	platform := connect(t, b, identities()[0], nil, "modellregion/v1/#")
	edge := connect(t, b, identities()[1], nil)
	if err := edge.Publish(t.Context(), mqtt.Message{Topic: "modellregion/v1/mast-8/road/up", QoS: 1}); err == nil {
		t.Error("published as another edge")
	}
	wait(t, edge.down, "end of the connection")
	wait(t, edge.up, "next connection")
	if got := b.Stats().DeniedPublishes; got != 1 {
		t.Errorf("%d publishes denied", got)
	}
	edge.publish(t, "modellregion/v1/mast-7/road/up", "good")
	if m := wait(t, platform.got, "platform"); string(m.Payload) != "good" {
		t.Errorf("platform got %+v", m)
	}
}

func TestLoginRefused(t *testing.T) {
	b := start(t)
	for name, tc := range map[string]struct {
		id   Identity
		will *mqtt.Message
	}{
		"anonymous":      {},
		"unknown":        {id: Identity{User: "mast-9", Password: "7-secret"}},
		"wrong password": {id: Identity{User: "mast-7", Password: "8-secret"}},
		"will of others": {id: identities()[1], will: &mqtt.Message{Topic: "modellregion/v1/mast-8/status", Payload: []byte("offline"), Retained: true}},
	} {
		before := b.Stats().BadLogins
		c, err := mqtt.New(mqtt.Config{URL: "tcp://" + b.Addr().String(), Username: tc.id.User, Password: tc.id.Password, ClientID: "c", Will: tc.will})
		if err != nil {
			t.Fatal(err)
		}
		stop := goRun(t, c.Run)
		eventually(t, name+" counted", func() bool { return b.Stats().BadLogins > before })
		if c.Connected() {
			t.Errorf("%s: connected", name)
		}
		stop()
	}
	if s := b.Stats(); s.Connected != 0 || s.Rejected != 0 {
		t.Errorf("%+v", s)
	}
}

func TestSetIdentities(t *testing.T) {
	b := start(t)
	ids := identities()
	kept := connect(t, b, ids[0], nil)
	gone := connect(t, b, ids[1], nil)
	changed := connect(t, b, ids[2], nil)

	ids[2].Password = "new"
	added := Identity{User: "mast-9", Password: "9-secret", Role: Edge}
	if err := b.SetIdentities([]Identity{ids[0], ids[2], added}); err != nil {
		t.Fatal(err)
	}
	wait(t, gone.down, "revoked edge")
	wait(t, changed.down, "edge with another password")
	late := connect(t, b, added, nil)
	late.publish(t, "modellregion/v1/mast-9/road/up", "hello")
	kept.publish(t, "modellregion/v1/mast-9/stored", "fine")
	if len(kept.down) > 0 {
		t.Error("a client whose identity did not change was disconnected")
	}
	if err := b.SetIdentities([]Identity{{User: "x"}}); err == nil {
		t.Error("a broken identity is accepted")
	}
	if !late.Connected() {
		t.Error("a refused SetIdentities changed something")
	}
}

// The will of an edge whose connection breaks is retained for who comes later,
// and one that ends in order tells the same.
func TestWill(t *testing.T) {
	b := start(t)
	will := mqtt.Message{Topic: "modellregion/v1/mast-7/status", Payload: []byte("offline"), QoS: 1, Retained: true}
	platform := connect(t, b, identities()[0], nil, "modellregion/v1/+/status")
	edge := connect(t, b, identities()[1], &will)
	edge.publish(t, will.Topic, "online")
	if m := wait(t, platform.got, "status"); string(m.Payload) != "online" {
		t.Errorf("platform got %+v", m)
	}
	// Without its identity the edge is cut off, and cannot come back before the
	// broker has noticed, which would be no reason for a will.
	if err := b.SetIdentities(slices.Delete(identities(), 1, 2)); err != nil {
		t.Fatal(err)
	}
	if m := wait(t, platform.got, "will"); string(m.Payload) != "offline" {
		t.Errorf("platform got %+v", m)
	}
	platform.stop()
	later := connect(t, b, identities()[0], nil, "modellregion/v1/+/status")
	if m := wait(t, later.got, "retained will"); string(m.Payload) != "offline" || !m.Retained {
		t.Errorf("a later platform got %+v", m)
	}
}

func TestGarbage(t *testing.T) {
	b := start(t)
	login := "\x10\x1b\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01x\x00\x04none\x00\x06wrong!"
	for name, data := range map[string]string{
		"nothing":             "",
		"HTTP":                "GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
		"not CONNECT":         "\xc0\x00",
		"length of 200 MiB":   "\x10\x80\x80\x80\x64",
		"length of 5 bytes":   "\x10\xff\xff\xff\xff\x01",
		"CONNECT cut short":   login[:9] + "\x00\x00\x00",
		"half a CONNECT":      login[:12],
		"strange protocol":    strings.Replace(login, "MQTT\x04", "MQTT\xfe", 1),
		"wrong login":         login,
		"PUBLISH after login": login + "\x30\x05\x00\x03a/bX",
	} {
		before := b.Stats()
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.(*net.TCPConn).CloseWrite()
		eventually(t, name+" counted", func() bool {
			s := b.Stats()
			return s.Rejected+s.BadLogins == before.Rejected+before.BadLogins+1
		})
		c.Close()
	}
	platform := connect(t, b, identities()[0], nil, "modellregion/v1/#")
	platform.publish(t, "modellregion/v1/mast-7/stored", "good")
	wait(t, platform.got, "good client after the garbage")
}

func TestListenRefuses(t *testing.T) {
	if _, err := Listen(Config{Addr: "0.0.0.0:0", Identities: identities()}); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("all interfaces without TLS: %v", err)
	}
	if _, err := Listen(Config{Addr: "127.0.0.1:0", Identities: []Identity{{}}}); err == nil {
		t.Error("a broken identity is accepted")
	}
	b := start(t)
	if _, err := Listen(Config{Addr: b.Addr().String()}); err == nil {
		t.Error("a port in use is accepted")
	}
}

func TestTooManyConnections(t *testing.T) {
	l := newListener("tcp", nil, &hook{log: slog.New(slog.DiscardHandler)})
	for range maxConns {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		if l.add(ours) == nil {
			t.Fatal("refused too early")
		}
	}
	ours, theirs := net.Pipe()
	if l.add(ours) != nil || l.rejected.Load() != 1 {
		t.Error("one too many was accepted")
	}
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("its connection is still open")
	}
	for c := range l.conns {
		c.Close()
		break
	}
	ours, theirs = net.Pipe()
	defer theirs.Close()
	if l.add(ours) == nil {
		t.Error("refused although one connection ended")
	}
}

func TestFaultInTheLibrary(t *testing.T) {
	b, err := Listen(Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.listener.Listener.Close()
	ours, theirs := net.Pipe()
	b.listener.serve(b.listener.add(ours), func(*conn) error { panic("index out of range") })
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

// Hundreds of messages on their way to several readers arrive in order, and
// the broker stops although one of them does not read.
func TestStopsWithAClientThatDoesNotRead(t *testing.T) {
	b, err := Listen(Config{Addr: "127.0.0.1:0", Identities: identities()})
	if err != nil {
		t.Fatal(err)
	}
	stop := goRun(t, b.Run)
	deaf, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	// CONNECT as platform with keep-alive 60 s, SUBSCRIBE to everything.
	hello := "\x10\x21\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01x\x00\x08platform\x00\x08p-secret"
	subscribe := "\x82\x16\x00\x01\x00\x11modellregion/v1/#\x00"
	if _, err := deaf.Write([]byte(hello + subscribe)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 9)
	for n := 0; n < len(answer); {
		m, err := deaf.Read(answer[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	edge := connect(t, b, identities()[1], nil)
	payload := make([]byte, 64<<10)
	var failed atomic.Int64
	for range 400 { // 25 MiB: more than the kernel buffers
		err := edge.PublishAsync(t.Context(), mqtt.Message{Topic: "modellregion/v1/mast-7/road/up", Payload: payload, QoS: 1}, func(err error) {
			if err != nil {
				failed.Add(1)
			}
		})
		if err != nil && !errors.Is(err, mqtt.ErrNotConnected) {
			t.Fatal(err)
		}
	}
	edge.publish(t, "modellregion/v1/mast-7/road/up", "last")
	if failed.Load() > 0 {
		t.Errorf("%d messages failed because of a client that does not read", failed.Load())
	}
	stop()
}
