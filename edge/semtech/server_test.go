package semtech

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// receiver keeps what the server hands over.
type receiver struct {
	frames  chan radio.Frame // its capacity is the room of the receiver
	stats   chan radio.Stats
	dropped chan string
	unknown chan string // "EUI address"
	fail    error
}

func newReceiver(room int) *receiver {
	return &receiver{
		frames:  make(chan radio.Frame, room),
		stats:   make(chan radio.Stats, 16),
		dropped: make(chan string, 10_000),
		unknown: make(chan string, 16),
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
func (r *receiver) Dropped(reason string, _ error)         { r.dropped <- reason }

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

// run runs a server until the test ends.
func run(t *testing.T, s *Server, r Receiver) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx, r); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
}

// socket is one socket of a gateway.
type socket struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T, s *Server) socket {
	t.Helper()
	conn, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return socket{t, conn}
}

func (g socket) send(datagram []byte) {
	g.t.Helper()
	if _, err := g.conn.Write(datagram); err != nil {
		g.t.Fatal(err)
	}
}

func (g socket) read() Packet {
	g.t.Helper()
	_ = g.conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // a UDPConn can
	buf := make([]byte, MaxDatagram)
	n, err := g.conn.Read(buf)
	if err != nil {
		g.t.Fatal(err)
	}
	p, err := Parse(buf[:n])
	if err != nil {
		g.t.Fatal(err)
	}
	return p
}

// pull registers the gateway on the roof for downlinks.
func (g socket) pull(version byte) {
	g.t.Helper()
	p := Packet{Version: version, Token: 77, Kind: PullData, Gateway: roof}
	g.send(p.Append(nil))
	if ack := g.read(); ack.Kind != PullAck || ack.Token != 77 || ack.Version != version {
		g.t.Fatalf("got %+v, want a PULL_ACK of version %d with token 77", ack, version)
	}
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

func TestServerPush(t *testing.T) {
	r := newReceiver(16)
	g := dial(t, start(t, r, Options{}))
	for _, version := range []byte{1, 2} {
		datagram := AppendPushData(nil, 0x1234, roof, []radio.Frame{heard(), heard()}, &radio.Stats{Received: 2})
		datagram[0] = version
		g.send(datagram)
		if ack := g.read(); ack.Kind != PushAck || ack.Token != 0x1234 || ack.Version != version {
			t.Errorf("got %+v, want a PUSH_ACK of version %d", ack, version)
		}
		if f := next(t, r.frames); f.Gateway != roof || f.FreqHz != 868_100_000 {
			t.Errorf("got %+v", f)
		}
		next(t, r.frames)
		if s := next(t, r.stats); s.Received != 2 || s.Gateway != roof {
			t.Errorf("got %+v", s)
		}
	}
}

// A receiver without room holds back neither the acknowledgement nor the
// answers to PULL_DATA nor downlinks. It does hold back those of a source that
// has several datagrams waiting.
func TestServerSlowReceiver(t *testing.T) {
	r := newReceiver(0)
	s := start(t, r, Options{})
	up, down := dial(t, s), dial(t, s)
	for token := range uint16(2 * ackAhead) {
		up.send(AppendPushData(nil, token, roof, []radio.Frame{heard()}, nil))
	}
	for token := range uint16(ackAhead) {
		if ack := up.read(); ack.Kind != PushAck || ack.Token != token {
			t.Errorf("got %+v, want PUSH_ACK %d", ack, token)
		}
	}
	down.pull(2)
	sent := make(chan error, 1)
	go func() {
		_, err := s.Send(context.Background(), radio.Downlink{Gateway: roof, PHYPayload: []byte{1}, Windows: make([]radio.Window, 1)})
		sent <- err
	}()
	down.send(AppendTXAck(nil, down.read().Token, roof, ""))
	if err := next(t, sent); err != nil {
		t.Error(err)
	}
	// One more at most: the receiver had taken the first before the last came.
	_ = up.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // a UDPConn can
	early := 0
	for buf := make([]byte, 16); ; early++ {
		if _, err := up.conn.Read(buf); err != nil {
			break
		}
	}
	if early > 1 {
		t.Errorf("%d more acknowledgements before a frame was taken", early)
	}
	for range 2 * ackAhead {
		next(t, r.frames)
	}
	for token := ackAhead + early; token < 2*ackAhead; token++ {
		if ack := up.read(); ack.Kind != PushAck || ack.Token != uint16(token) {
			t.Errorf("got %+v, want PUSH_ACK %d", ack, token)
		}
	}
}

// What was acknowledged reaches the receiver though the server is told to end.
func TestServerHandsOverAtTheEnd(t *testing.T) {
	r := newReceiver(0)
	s, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx, r) }()
	g := dial(t, s)
	for range ackAhead {
		g.send(AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
		g.read()
	}
	stop()
	for range ackAhead {
		next(t, r.frames)
	}
	if err := next(t, ran); err != nil {
		t.Error(err)
	}
}

func TestServerDrops(t *testing.T) {
	other := lorawan.EUI64{1}
	r := newReceiver(16)
	g := dial(t, start(t, r, Options{Allow: []Allowed{{Gateway: roof}}}))
	for _, tt := range []struct {
		datagram []byte
		reason   string
	}{
		{[]byte("hello"), DropVersion},
		{[]byte{2, 0, 0}, DropMalformed},
		{[]byte{2, 0, 0, 1}, DropKind},
		{AppendPullData(nil, 1, other), DropGateway},
		{AppendPushData(nil, 1, other, []radio.Frame{heard()}, nil), DropGateway},
		{AppendTXAck(nil, 1, roof, ""), DropUnexpected},
		{append(AppendTXAck(nil, 1, roof, ""), "{"...), DropMalformed},
	} {
		g.send(tt.datagram)
		if reason := next(t, r.dropped); reason != tt.reason {
			t.Errorf("%q dropped as %s, want %s", tt.datagram, reason, tt.reason)
		}
	}
	// It is told of the unknown gateway, once.
	if want := other.String() + " " + g.conn.LocalAddr().String(); len(r.unknown) != 1 || next(t, r.unknown) != want {
		t.Errorf("%d times told of an unknown gateway, want %s once", len(r.unknown), want)
	}
	// Garbage in a PUSH_DATA is acknowledged: sending it again would not help.
	g.send(pushJSON("garbage"))
	if ack := g.read(); ack.Kind != PushAck {
		t.Errorf("got %+v, want a PUSH_ACK", ack)
	}
	if reason := next(t, r.dropped); reason != DropMalformed {
		t.Errorf("dropped as %s", reason)
	}
	g.send(AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
	next(t, r.frames)
}

func TestServerReceiverFails(t *testing.T) {
	r := newReceiver(0)
	r.fail = errors.New("disk full")
	s, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background(), r) }()
	dial(t, s).send(AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
	if err := next(t, ran); !errors.Is(err, r.fail) {
		t.Errorf("got %v, want %v", err, r.fail)
	}
}

func TestListenErrors(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:x", "192.0.2.1:1700"} {
		if s, err := Listen(addr, Options{}); err == nil {
			t.Errorf("listening on %s", s.Addr())
		}
	}
}
