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
	fail    error
}

func newReceiver(room int) *receiver {
	return &receiver{
		frames:  make(chan radio.Frame, room),
		stats:   make(chan radio.Stats, 16),
		dropped: make(chan string, 16),
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

// start runs a server until the test ends.
func start(t *testing.T, r Receiver, opts Options) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx, r); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return s
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
		if len(r.frames) != 2 {
			t.Errorf("acknowledged with %d frames handed over, want 2", len(r.frames))
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

// A receiver without room holds the acknowledgement back, but not the answers
// to PULL_DATA nor downlinks.
func TestServerSlowReceiver(t *testing.T) {
	r := newReceiver(0)
	s := start(t, r, Options{})
	up, down := dial(t, s), dial(t, s)
	up.send(AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
	down.pull(2)
	sent := make(chan error, 1)
	go func() { sent <- s.Send(context.Background(), radio.Downlink{Gateway: roof, PHYPayload: []byte{1}}) }()
	down.send(AppendTXAck(nil, down.read().Token, roof, ""))
	if err := next(t, sent); err != nil {
		t.Error(err)
	}
	_ = up.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := up.conn.Read(make([]byte, 16)); err == nil {
		t.Errorf("%d bytes came before the frame was taken", n)
	}
	next(t, r.frames)
	if ack := up.read(); ack.Kind != PushAck || ack.Token != 1 {
		t.Errorf("got %+v, want the PUSH_ACK", ack)
	}
}

func TestServerDrops(t *testing.T) {
	other := lorawan.EUI64{1}
	r := newReceiver(16)
	g := dial(t, start(t, r, Options{Allow: []lorawan.EUI64{roof}}))
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

func TestServerSend(t *testing.T) {
	r := newReceiver(16)
	s := start(t, r, Options{})
	d := radio.Downlink{Gateway: roof, PHYPayload: []byte{1, 2, 3}, Counter: 5, Delay: time.Second, FreqHz: 868_100_000,
		DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, PowerDBm: 14}
	if err := s.Send(t.Context(), d); !errors.Is(err, ErrNoGateway) {
		t.Errorf("got %v, want ErrNoGateway", err)
	}

	pull, push, stranger := dial(t, s), dial(t, s), dial(t, s)
	pull.pull(2)
	for _, tt := range []struct {
		word string
		from socket
		want error
	}{
		{"", pull, nil},
		{"NONE", pull, nil},
		{"TOO_LATE", pull, Refusal("TOO_LATE")},
		{"COLLISION_PACKET", push, Refusal("COLLISION_PACKET")}, // TX_ACK from the other socket
	} {
		sent := make(chan error, 1)
		go func() { sent <- s.Send(context.Background(), d) }()
		p := pull.read()
		got, err := ParsePullResp(p)
		if err != nil || got.Counter != 1_000_005 || string(got.PHYPayload) != "\x01\x02\x03" {
			t.Errorf("got %+v, %v", got, err)
		}
		// The right token with the EUI of another gateway is not the answer.
		stranger.send(AppendTXAck(nil, p.Token, lorawan.EUI64{9}, "TX_FREQ"))
		if reason := next(t, r.dropped); reason != DropUnexpected {
			t.Errorf("dropped as %s", reason)
		}
		tt.from.send(AppendTXAck(nil, p.Token, roof, tt.word))
		err = next(t, sent)
		if tt.want == nil && err != nil || !errors.Is(err, tt.want) {
			t.Errorf("TX_ACK %q: got %v, want %v", tt.word, err, tt.want)
		}
	}

	// The way of downlinks follows the last PULL_DATA, not PUSH_DATA.
	moved := dial(t, s)
	moved.pull(1)
	push.send(AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
	push.read()
	if err := s.Send(t.Context(), d); err != nil { // version 1 has no TX_ACK
		t.Error(err)
	}
	if p := moved.read(); p.Kind != PullResp || p.Version != 1 {
		t.Errorf("got %+v", p)
	}

	moved.pull(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if len(s.waiting) != 0 {
		t.Errorf("%d downlinks are still waited for", len(s.waiting))
	}
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
