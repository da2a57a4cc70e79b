package basicstation

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/gorilla/websocket"

	"modellregion/edge/radio"
)

// receiver keeps what the server hands over.
type receiver struct {
	frames  chan radio.Frame // its capacity is the room of the receiver
	stats   chan radio.Stats
	dropped chan string
	unknown chan string // gateway and address
	telling chan string // who begins to tell of a drop; nil: nobody asks
	fail    error
}

func newReceiver(room int) *receiver {
	return &receiver{
		frames:  make(chan radio.Frame, room),
		stats:   make(chan radio.Stats, 1024),
		dropped: make(chan string, 1024),
		unknown: make(chan string, 1024),
	}
}

func (r *receiver) Frame(ctx context.Context, f radio.Frame) error {
	if r.fail != nil {
		return r.fail
	}
	select {
	case r.frames <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *receiver) Stats(_ context.Context, s radio.Stats) { r.stats <- s }

func (r *receiver) Dropped(reason string, _ error) {
	if r.telling != nil {
		r.telling <- reason
	}
	r.dropped <- reason
}

func (r *receiver) Unknown(gateway lorawan.EUI64, from string) {
	r.unknown <- gateway.String() + " " + from
}

// start runs a server until the test ends.
func start(t *testing.T, r Receiver, opts Options) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, r)
	return s
}

func run(t *testing.T, s *Server, r Receiver) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx, r); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 s")
		panic("unreachable")
	}
}

func TestUplinks(t *testing.T) {
	r := newReceiver(1)
	g := connect(t, start(t, r, Options{}))
	all := vectors(t)
	for _, phy := range [][]byte{all[0], all[len(all)-1], {0xe0, 1, 2}, all[1]} { // data, join, proprietary, data
		g.send(written(phy, here))
		if got := arrived(t, next(t, r.frames)); !reflect.DeepEqual(got, heard(phy)) {
			t.Errorf("got %+v, want %+v", got, heard(phy))
		}
	}
}

func TestTimesync(t *testing.T) {
	g := connect(t, start(t, newReceiver(1), Options{}))
	before := time.Now().Truncate(time.Microsecond)
	g.send(`{"msgtype":"timesync","txtime":9007199254740993}`)
	answer := g.text()
	var micros int64
	_, err := fmt.Sscanf(answer, `{"msgtype":"timesync","txtime":9007199254740993,"gpstime":%d}`, &micros)
	got := time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC).Add(time.Duration(micros)*time.Microsecond - 18*time.Second)
	if err != nil || got.Before(before) || got.After(time.Now()) {
		t.Errorf("got %s, which is %s, %v", answer, got, err)
	}
}

// A connection that is lost, or replaced by a newer one of the same gateway,
// fails the downlinks that wait on it; the newer one serves.
func TestLostConnection(t *testing.T) {
	s := start(t, newReceiver(1), Options{})

	first := connect(t, s)
	sent := sending(s, reply())
	first.text()
	second := connect(t, s)
	if got := next(t, sent); !errors.Is(got.err, errGone) {
		t.Errorf("replaced: got %v, want errGone", got.err)
	}
	if _, _, err := first.ws.ReadMessage(); err == nil {
		t.Error("the connection that was replaced is open")
	}

	sent = sending(s, reply())
	second.text()
	second.ws.NetConn().Close()
	if got := next(t, sent); !errors.Is(got.err, errGone) {
		t.Errorf("lost: got %v, want errGone", got.err)
	}

	third := connect(t, s)
	sent = sending(s, reply())
	third.send(transmit(t, third.text()))
	if got := next(t, sent); got.err != nil {
		t.Error(got.err)
	}
}

func TestGarbage(t *testing.T) {
	r := newReceiver(1)
	s := start(t, r, Options{})
	g := connect(t, s)
	phy := vectors(t)[0]
	for _, tt := range []struct {
		kind   int
		data   string
		reason string
	}{
		{websocket.TextMessage, "", DropMalformed},
		{websocket.TextMessage, "hello", DropMalformed},
		{websocket.TextMessage, "\xff\xfe", DropMalformed},
		{websocket.TextMessage, strings.Repeat("[", maxMessage), DropMalformed},
		{websocket.TextMessage, `{"msgtype":7}`, DropMalformed},
		{websocket.TextMessage, `{"msgtype":"updf"}`, DropModulation},
		{websocket.TextMessage, `{"msgtype":"timesync","txtime":"x"}`, DropMalformed},
		{websocket.TextMessage, `{"msgtype":"dntxed","diid":"x"}`, DropMalformed},
		{websocket.TextMessage, `{"msgtype":"rejoin"}`, DropKind},
		{websocket.TextMessage, `{"msgtype":"router_config"}`, DropKind},
		{websocket.BinaryMessage, "\x00\x01", DropKind},
	} {
		if err := g.ws.WriteMessage(tt.kind, []byte(tt.data)); err != nil {
			t.Fatal(err)
		}
		if reason := next(t, r.dropped); reason != tt.reason {
			t.Errorf("%.40q dropped as %s, want %s", tt.data, reason, tt.reason)
		}
		g.send(written(phy, here)) // the next good frame works
		next(t, r.frames)
	}
	g.send(strings.Repeat("x", maxMessage+1))
	if reason := next(t, r.dropped); reason != DropOversize {
		t.Errorf("dropped as %s, want %s", reason, DropOversize)
	}
	if _, _, err := g.ws.ReadMessage(); err == nil {
		t.Error("the connection is open after a message that is too long")
	}
	g = connect(t, s)
	g.send(written(phy, here))
	next(t, r.frames)
}

// The receiver's error ends Run, once all connections have come to their end.
func TestReceiverFails(t *testing.T) {
	r := newReceiver(0)
	r.fail = errors.New("disk full")
	r.dropped = make(chan string) // without room: who tells of a drop waits
	r.telling = make(chan string, 1)
	s, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background(), r) }()
	waits := connect(t, s)
	waits.send("garbage")
	next(t, r.telling)
	g := dial(t, "ws://"+s.Addr().String()+"/gateway/0000000000000001")
	g.configure()
	g.send(written(vectors(t)[0], here))
	if _, _, err := g.ws.ReadMessage(); err == nil {
		t.Error("the connection is open after the server's end")
	}
	select {
	case err := <-ran:
		t.Errorf("Run returned %v before the other connection ended", err)
	case <-time.After(50 * time.Millisecond):
	}
	next(t, r.dropped)
	if err := next(t, ran); !errors.Is(err, r.fail) {
		t.Errorf("got %v, want %v", err, r.fail)
	}
}
