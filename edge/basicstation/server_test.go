package basicstation

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

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
		stats:   make(chan radio.Stats, 1024),
		dropped: make(chan string, 1024),
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

func (r *receiver) Dropped(reason string, _ error) { r.dropped <- reason }

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

// station is a gateway's end of a connection.
type station struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url string) station {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return station{t, ws}
}

// connect brings a gateway to where its frames are taken: discovery, version,
// router_config.
func connect(t *testing.T, s *Server) station {
	t.Helper()
	var info routerInfo
	d := dial(t, "ws://"+s.Addr().String()+"/router-info")
	d.send(`{"router":"a840:41ff:ff1e:ec20"}`)
	d.read(&info)
	if want := "ws://" + s.Addr().String() + "/gateway/a84041ffff1eec20"; info.URI != want || info.Error != "" {
		t.Fatalf("discovery: got %+v, want the URI %s", info, want)
	}
	g := dial(t, info.URI)
	g.configure()
	return g
}

func (g station) configure() {
	g.t.Helper()
	g.send(`{"msgtype":"version","station":"2.0.6(linux/std)","firmware":null,"model":"linux","protocol":2,"features":"rmtsh gps"}`)
	var config struct{ MsgType, Region string }
	if g.read(&config); config.MsgType != "router_config" || config.Region != "EU863" {
		g.t.Fatalf("answer to version: %+v", config)
	}
}

func (g station) send(message string) {
	g.t.Helper()
	if err := g.ws.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		g.t.Fatal(err)
	}
}

func (g station) read(message any) {
	g.t.Helper()
	_ = g.ws.SetReadDeadline(time.Now().Add(10 * time.Second)) // never fails
	if err := g.ws.ReadJSON(message); err != nil {
		g.t.Fatal(err)
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

// reply is the downlink of the tests, to the frame of heard.
func reply() radio.Downlink {
	return radio.Downlink{
		PHYPayload: []byte{0x60, 1, 2, 3}, Gateway: roof, Counter: 36028797498888545, Antenna: 3, Delay: time.Second,
		FreqHz: 869_525_000, DataRate: radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}, PowerDBm: 27,
	}
}

// sending sends in the background.
func sending(s *Server, d radio.Downlink) <-chan error {
	sent := make(chan error, 1)
	go func() { sent <- s.Send(context.Background(), d) }()
	return sent
}

func TestUplinks(t *testing.T) {
	r := newReceiver(1)
	g := connect(t, start(t, r, Options{}))
	all := vectors(t)
	for _, phy := range [][]byte{all[0], all[len(all)-1], all[1]} { // data, join, data
		g.send(written(phy, here))
		if got := arrived(t, next(t, r.frames)); !reflect.DeepEqual(got, heard(phy)) {
			t.Errorf("got %+v, want %+v", got, heard(phy))
		}
	}
}

func TestSend(t *testing.T) {
	r := newReceiver(1)
	s := start(t, r, Options{})
	if err := s.Send(t.Context(), reply()); !errors.Is(err, ErrNoGateway) {
		t.Errorf("got %v, want ErrNoGateway", err)
	}
	g := connect(t, s)
	var ids []int64
	for range 2 {
		sent := sending(s, reply())
		var m dnmsg
		g.read(&m)
		if m.MsgType != "dnmsg" || m.PDU != "60010203" || m.RX1DR != 0 || m.RX1Freq != 869_525_000 || m.RxDelay != 1 || m.XTime != 36028797498888545 || m.RCtx != 3 {
			t.Errorf("got %+v", m)
		}
		ids = append(ids, m.ID)
		// The word for another downlink is not the answer.
		g.send(`{"msgtype":"dntxed","diid":1}`)
		if reason := next(t, r.dropped); reason != DropUnexpected || len(sent) != 0 {
			t.Errorf("dropped as %s, %d answers", reason, len(sent))
		}
		dntxed, _ := json.Marshal(map[string]any{"msgtype": "dntxed", "seqno": m.ID, "diid": m.ID, "DevEui": m.DevEui, "rctx": 0, "xtime": m.XTime, "txtime": 1.5})
		g.send(string(dntxed))
		if err := next(t, sent); err != nil {
			t.Error(err)
		}
		// Nor is it one twice.
		g.send(string(dntxed))
		if reason := next(t, r.dropped); reason != DropUnexpected {
			t.Errorf("dropped as %s", reason)
		}
	}
	if ids[0] == ids[1] {
		t.Errorf("both downlinks have the diid %d", ids[0])
	}
	bad := reply()
	bad.FreqHz = 1
	if err := s.Send(t.Context(), bad); err == nil {
		t.Error("a downlink on 1 Hz was sent")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, reply()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	s.mu.Lock()
	c := s.gateways[roof]
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) != 0 {
		t.Errorf("%d downlinks are still waited for", len(c.waiting))
	}
}

func TestTimesync(t *testing.T) {
	g := connect(t, start(t, newReceiver(1), Options{}))
	var answer struct {
		MsgType string
		TXTime  int64
		GPSTime int64
	}
	before := time.Now().Truncate(time.Microsecond)
	g.send(`{"msgtype":"timesync","txtime":9007199254740993}`)
	g.read(&answer)
	got := time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC).Add(time.Duration(answer.GPSTime)*time.Microsecond - 18*time.Second)
	if answer.MsgType != "timesync" || answer.TXTime != 9007199254740993 || got.Before(before) || got.After(time.Now()) {
		t.Errorf("got %+v, which is %s", answer, got)
	}
}

// A connection that is lost, or replaced by a newer one of the same gateway,
// fails the downlinks that wait on it; the newer one serves.
func TestLostConnection(t *testing.T) {
	s := start(t, newReceiver(1), Options{})
	var m dnmsg

	first := connect(t, s)
	sent := sending(s, reply())
	first.read(&m)
	second := connect(t, s)
	if err := next(t, sent); !errors.Is(err, errGone) {
		t.Errorf("replaced: got %v, want errGone", err)
	}
	if _, _, err := first.ws.ReadMessage(); err == nil {
		t.Error("the connection that was replaced is open")
	}

	sent = sending(s, reply())
	second.read(&m)
	second.ws.NetConn().Close()
	if err := next(t, sent); !errors.Is(err, errGone) {
		t.Errorf("lost: got %v, want errGone", err)
	}

	third := connect(t, s)
	sent = sending(s, reply())
	third.read(&m)
	dntxed, _ := json.Marshal(map[string]any{"msgtype": "dntxed", "diid": m.ID})
	third.send(string(dntxed))
	if err := next(t, sent); err != nil {
		t.Error(err)
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
	s, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background(), r) }()
	waits := connect(t, s)
	waits.send("garbage")
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
