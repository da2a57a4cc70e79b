package semtech

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// listen opens a server that does not run: the test gives it datagrams.
func listen(t testing.TB, opts Options) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close() }) // nothing is read from it
	return s
}

// sink is a receiver that counts.
type sink struct {
	frames  map[lorawan.EUI64]int
	stats   int
	dropped map[string]int
	unknown map[lorawan.EUI64]int
}

func newSink() *sink {
	return &sink{frames: map[lorawan.EUI64]int{}, dropped: map[string]int{}, unknown: map[lorawan.EUI64]int{}}
}

func (r *sink) Frame(_ context.Context, f radio.Frame) error { r.frames[f.Gateway]++; return nil }
func (r *sink) Stats(context.Context, radio.Stats)           { r.stats++ }
func (r *sink) Dropped(reason string, _ error)               { r.dropped[reason]++ }
func (r *sink) Unknown(gateway lorawan.EUI64, _ string)      { r.unknown[gateway]++ }

// field lets the test's sources send to a server, at the test's time.
type field struct {
	t    *testing.T
	s    *Server
	r    *sink
	now  time.Time
	addr []netip.AddrPort
}

func newField(t *testing.T, opts Options) *field {
	f := &field{t: t, s: listen(t, opts), r: newSink(), now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	for range 3 { // somewhere to send answers to
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // nothing was read
		f.addr = append(f.addr, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	return f
}

// send returns the reason for which the datagram was dropped.
func (f *field) send(from int, datagram []byte) string {
	if err := f.s.datagram(f.r, datagram, f.addr[from], f.now); err != nil {
		f.r.Dropped(dropReason(err), err)
		return dropReason(err)
	}
	return ""
}

// handOver lets the receiver have what is queued.
func (f *field) handOver() {
	f.t.Helper()
	close(f.s.queue.pushes)
	if err := f.s.handOver(f.t.Context(), f.r); err != nil {
		f.t.Error(err)
	}
	f.s.queue = newQueue()
}

// A source that sends without end is dropped and counted, and does not keep a
// gateway's frame away.
func TestFlood(t *testing.T) {
	garbage := pushJSON("garbage")
	frame := AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil)
	for name, tt := range map[string]struct {
		datagram []byte
		known    bool // the stranger has been there for a while
		rate     int
		admitted int // of 10,000
		queued   int
	}{
		"garbage from a new port":         {garbage, false, 100, 196, queueShare},
		"garbage from a known source":     {garbage, true, 100, 196, queueShare},
		"frames":                          {frame, true, 100, 170, queueShare},
		"PULL_DATA for the good one":      {AppendPullData(nil, 1, roof), true, 100, 197, 0},
		"forged TX_ACK":                   {AppendTXAck(nil, 1, roof, ""), true, 100, 197, 0},
		"without a bound, a share of all": {garbage, true, -1, 10_000, queueShare},
	} {
		t.Run(name, func(t *testing.T) {
			const good, stranger = 0, 1
			f := newField(t, Options{Rate: tt.rate})
			for range 2 { // both at the beginning and when it is known
				if reason := f.send(good, AppendPullData(nil, 1, roof)); reason != "" {
					t.Fatal(reason)
				}
				if tt.known {
					f.send(stranger, []byte{2, 0, 1, byte(TXAck), 9, 9, 9, 9, 9, 9, 9, 9})
				}
				f.now = f.now.Add(knownAfter)
			}
			clear(f.r.dropped)
			for range 10_000 {
				f.send(stranger, tt.datagram)
			}
			if got := 10_000 - f.r.dropped[DropRate]; got != tt.admitted {
				t.Errorf("%d were looked at, want %d", got, tt.admitted)
			}
			if got := len(f.s.queue.pushes); got != tt.queued {
				t.Errorf("%d are queued, want %d", got, tt.queued)
			}
			if reason := f.send(good, AppendPushData(nil, 2, roof, []radio.Frame{heard()}, &radio.Stats{})); reason != "" {
				t.Errorf("the good gateway's datagram was dropped as %s", reason)
			}
			if p, _ := f.s.gateways.find(roof); p.addr != f.addr[good] {
				t.Error("the downlinks moved")
			}
			f.handOver()
			if f.r.stats != 1 {
				t.Error("the good gateway's datagram did not arrive")
			}
		})
	}
}

func TestRandomBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := newField(t, Options{Allow: []Allowed{{Gateway: roof}}})
	for n := range 20_000 {
		datagram := make([]byte, rng.IntN(64))
		for i := range datagram {
			datagram[i] = byte(rng.Uint32())
		}
		if n%2 == 0 { // of the protocol at first sight
			datagram = append([]byte{2, 0, 0, byte(rng.IntN(6))}, datagram...)
		}
		if f.send(1, datagram) == "" {
			t.Fatalf("%x was taken", datagram)
		}
	}
	if f.r.dropped[DropRate] > 0 {
		t.Errorf("dropped: %v; want by the header, before the rate", f.r.dropped)
	}
	if len(f.r.unknown) == 0 || len(f.r.unknown) > maxUnknown {
		t.Errorf("told of %d unknown gateways, want 1 to %d", len(f.r.unknown), maxUnknown)
	}
	f.send(0, AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
	f.handOver()
	if f.r.frames[roof] != 1 {
		t.Error("the good gateway's frame did not arrive")
	}
}

// A gateway's EUI from elsewhere is nobody's.
func TestAllowedFromElsewhere(t *testing.T) {
	for _, network := range []string{"127.0.0.0/8", "10.8.0.0/16"} {
		f := newField(t, Options{Allow: []Allowed{{roof, netip.MustParsePrefix(network)}}})
		want := DropGateway
		if strings.HasPrefix(network, "127.") {
			want = ""
		}
		if got := f.send(0, AppendPullData(nil, 1, roof)); got != want {
			t.Errorf("%s: got %q, want %q", network, got, want)
		}
		if told := f.r.unknown[roof] == 1; told != (want != "") {
			t.Errorf("%s: told of an unknown gateway: %t", network, told)
		}
	}
}

// While the owner of an EUI is there, a stranger's PULL_DATA for it moves no
// downlinks, and his TX_ACK stops none.
func TestStrangersDoNotGetDownlinks(t *testing.T) {
	r := newReceiver(16)
	s := listen(t, Options{})
	clock := make(chan time.Time, 100) // the times of the next datagrams
	s.now = func() time.Time { return <-clock }
	begin := time.Now()
	tick := func(after time.Duration, n int) {
		for range n {
			clock <- begin.Add(after)
		}
	}
	run(t, s, r)
	owner, stranger := dial(t, s), dial(t, s)
	expect := func(reason string) {
		t.Helper()
		if got := next(t, r.dropped); got != reason {
			t.Errorf("dropped as %s, want %s", got, reason)
		}
	}

	tick(0, 1)
	owner.pull(2)
	tick(10*time.Second, 4)
	stranger.send(AppendPullData(nil, 1, roof))
	expect(DropContended)
	stranger.send(AppendTXAck(nil, 1, roof, "")) // for a token that nobody waits for
	expect(DropUnexpected)

	sent := make(chan result, 1)
	send := func() {
		used, err := s.Send(context.Background(), answer())
		sent <- result{used, err}
	}
	go send()
	p := owner.read()
	if p.Kind != PullResp {
		t.Fatalf("the owner got %+v, want the PULL_RESP", p)
	}
	stranger.send(AppendTXAck(nil, p.Token, lorawan.EUI64{9}, "TX_FREQ")) // the token of another gateway
	expect(DropUnexpected)
	owner.send(AppendTXAck(nil, p.Token, roof, ""))
	if got := next(t, sent); got != (result{0, nil}) {
		t.Errorf("got %+v", got)
	}
	// Nor was the stranger answered.
	_ = stranger.conn.SetReadDeadline(time.Now())
	if n, err := stranger.conn.Read(make([]byte, 16)); err == nil {
		t.Errorf("the stranger got %d bytes", n)
	}

	// A forwarder that started again, or whose router changed its port, is
	// believed when the old one has been silent.
	moved := dial(t, s)
	tick(moveAfter, 1)
	moved.pull(2)
	// PUSH_DATA, which may come from another socket, moves nothing.
	tick(moveAfter, 2)
	owner.send(AppendPushData(nil, 1, roof, []radio.Frame{heard()}, nil))
	if ack := owner.read(); ack.Kind != PushAck {
		t.Errorf("got %+v", ack)
	}
	go send()
	p = moved.read()
	moved.send(AppendTXAck(nil, p.Token, roof, "TOO_LATE"))
	tick(moveAfter, 1)
	moved.send(AppendTXAck(nil, moved.read().Token, roof, ""))
	if got := next(t, sent); got != (result{1, nil}) {
		t.Errorf("got %+v, want the second window", got)
	}
	tick(0, 100-len(clock)) // for what comes at the end
}

// What strangers send must cost next to nothing: it is counted, and its text
// is made when somebody reads it.
func BenchmarkRefused(b *testing.B) {
	owner, stranger := netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("127.0.0.2:9")
	for name, datagram := range map[string][]byte{
		"header":    []byte("hello"),
		"gateway":   AppendPullData(nil, 1, lorawan.EUI64{1}),
		"contended": AppendPullData(nil, 1, roof),
		"rate":      pushJSON(strings.Repeat("x", 500)),
	} {
		b.Run(name, func(b *testing.B) {
			opts := Options{Allow: []Allowed{{Gateway: roof}}, Rate: -1}
			if name == "rate" {
				opts.Rate = 1
			}
			s, r, now := listen(b, opts), newSink(), time.Now()
			if err := s.pullData(Packet{Version: 2, Gateway: roof}, owner, now); err != nil {
				b.Fatal(err)
			}
			for range 200 { // beyond the burst
				_ = s.datagram(r, datagram, stranger, now)
			}
			b.ReportAllocs()
			for b.Loop() {
				err := s.datagram(r, datagram, stranger, now)
				if err == nil {
					b.Fatal("not refused")
				}
				r.Dropped(dropReason(err), dropf(dropReason(err), "from %s: %w", stranger, err))
			}
		})
	}
}

func TestDropErrors(t *testing.T) {
	cause := errors.New("cause")
	err := dropf(DropRate, "from %s: %w", addr(1), dropf(DropBusy, "%d waiting: %w", 3, cause))
	if got, want := err.Error(), "from 10.0.0.1:1: 3 waiting: cause"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, cause) || dropReason(err) != DropRate || dropReason(errors.Unwrap(err)) != DropBusy || dropReason(cause) != DropMalformed {
		t.Errorf("%v lost its cause or its reason", err)
	}
}

// FuzzServer gives a server whatever comes, as a stranger beside a gateway
// that waits for a TX_ACK.
func FuzzServer(f *testing.F) {
	f.Add(pushJSON(`{"rxpk":[{"tmst":1,"freq":868.1,"stat":1,"datr":"SF7BW125","rssi":-35,"lsnr":5.1,"data":"QPvvvg"}]}`))
	f.Add(pushJSON("{\"stat\":{\"rxnb\":1}}\x00"))
	f.Add(AppendPullData(nil, 1, roof))
	f.Add(AppendPullData(nil, 1, lorawan.EUI64{1}))
	f.Add(AppendTXAck(nil, 7, roof, ""))
	f.Add(AppendTXAck(nil, 7, roof, "TOO_LATE"))
	f.Add(append(AppendTXAck(nil, 7, roof, ""), `{"txpk_ack":{"warn":"TX_POWER","value":20}}`...))
	f.Add(appendPullResp(nil, 2, 7, answer(), answer().Windows[0]))
	f.Add([]byte{1, 0, 7, 1})
	owner, stranger := netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("127.0.0.2:9")
	s := listen(f, Options{Rate: -1})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		r, now := newSink(), time.Now()
		s.queue, s.gateways.peers = newQueue(), map[lorawan.EUI64]peer{roof: {owner, 2, now}}
		word := make(chan error, 1)
		s.waiting = map[waiter]chan<- error{{roof, 7}: word}
		err := s.datagram(r, datagram, stranger, now)
		if err != nil && err.Error() == "" {
			t.Error("dropped without a word")
		}
		close(s.queue.pushes)
		if err := s.handOver(t.Context(), r); err != nil {
			t.Error(err)
		}
		if p, _ := s.gateways.find(roof); p.addr != owner {
			t.Errorf("the downlinks of %s go to %s", roof, p.addr)
		}
		if len(s.queue.waiting) != 0 || s.queue.acked != 0 {
			t.Errorf("an empty queue counts %v, %d acknowledged", s.queue.waiting, s.queue.acked)
		}
	})
}
