package semtech

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// answer is a downlink with two windows.
func answer() radio.Downlink {
	return radio.Downlink{Gateway: roof, PHYPayload: []byte{1, 2, 3}, Counter: 5, Windows: []radio.Window{
		{Delay: time.Second, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, PowerDBm: 14},
		{Delay: 2 * time.Second, FreqHz: 869_525_000, DataRate: radio.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}, PowerDBm: 27},
	}}
}

// result is what Send returns.
type result struct {
	used int
	err  error
}

func TestSendWindows(t *testing.T) {
	s := start(t, newReceiver(16), Options{})
	if _, err := s.Send(t.Context(), answer()); !errors.Is(err, ErrNoGateway) {
		t.Errorf("got %v, want ErrNoGateway", err)
	}
	pull, push := dial(t, s), dial(t, s)
	pull.pull(2)
	if _, err := s.Send(t.Context(), radio.Downlink{Gateway: roof}); err == nil {
		t.Error("sent without a window")
	}
	for _, tt := range []struct {
		name  string
		words []string // TX_ACKs, in turn
		from  socket
		used  int
	}{
		{"taken", []string{""}, pull, 0},
		{"said to be taken", []string{"NONE"}, pull, 0},
		{"from the other socket", []string{""}, push, 0},
		{"too late", []string{"TOO_LATE", ""}, pull, 1},
		{"too early", []string{"TOO_EARLY", ""}, pull, 1},
		{"collision", []string{"COLLISION_PACKET", ""}, push, 1},
		{"beacon", []string{"COLLISION_BEACON", ""}, pull, 1},
		{"frequency", []string{"TX_FREQ", "NONE"}, pull, 1},
		{"power", []string{"TX_POWER", ""}, pull, 1},
		{"no GPS", []string{"GPS_UNLOCKED", ""}, pull, 1},
		{"a word of another make", []string{"UNKNOWN", ""}, pull, 1},
		{"both", []string{"TOO_LATE", "TX_FREQ"}, pull, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent := make(chan result, 1)
			go func() {
				used, err := s.Send(context.Background(), answer())
				sent <- result{used, err}
			}()
			for i, word := range tt.words {
				p := pull.read()
				got, err := ParsePullResp(p)
				w := answer().Windows[i]
				if err != nil || got.Immediate || got.Counter != uint32(i+1)*1_000_000+5 || got.FreqHz != w.FreqHz || got.DataRate != w.DataRate || got.PowerDBm != w.PowerDBm || string(got.PHYPayload) != "\x01\x02\x03" {
					t.Errorf("window %d: got %+v, %v", i, got, err)
				}
				tt.from.send(AppendTXAck(nil, p.Token, roof, word))
			}
			got := next(t, sent)
			if got.used != tt.used || (got.err != nil) != (tt.used < 0) {
				t.Errorf("got window %d, %v, want %d", got.used, got.err, tt.used)
			}
			if tt.used < 0 {
				for _, word := range tt.words {
					if !errors.Is(got.err, Refusal(word)) || !strings.Contains(got.err.Error(), word) {
						t.Errorf("%v does not say %s", got.err, word)
					}
				}
			}
		})
	}
	if len(s.waiting) != 0 {
		t.Errorf("%d downlinks are still waited for", len(s.waiting))
	}
}

// The power was lowered, and a string's end follows: sent all the same.
func TestSendWarning(t *testing.T) {
	s := start(t, newReceiver(16), Options{})
	g := dial(t, s)
	g.pull(2)
	sent := make(chan result, 1)
	d := answer()
	d.Windows[0].Delay = 0 // class C
	go func() {
		used, err := s.Send(context.Background(), d)
		sent <- result{used, err}
	}()
	p := g.read()
	if got, err := ParsePullResp(p); err != nil || !got.Immediate || got.Counter != 0 {
		t.Errorf("got %+v, %v, want it at once", got, err)
	}
	g.send(append(AppendTXAck(nil, p.Token, roof, ""), "{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":20}}\x00"...))
	if got := next(t, sent); got != (result{0, nil}) {
		t.Errorf("got %+v, want the first window", got)
	}
}

// Version 1 has no TX_ACK.
func TestSendVersion1(t *testing.T) {
	s := start(t, newReceiver(16), Options{})
	g := dial(t, s)
	g.pull(1)
	if used, err := s.Send(t.Context(), answer()); used != 0 || err != nil {
		t.Errorf("got window %d, %v", used, err)
	}
	if p := g.read(); p.Kind != PullResp || p.Version != 1 {
		t.Errorf("got %+v", p)
	}
}

// A gateway that says nothing may have sent the frame: it is not asked for
// another window.
func TestSendWithoutWord(t *testing.T) {
	g, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	s := listen(t, Options{})
	at := g.LocalAddr().(*net.UDPAddr).AddrPort()
	if err := s.pullData(Packet{Version: 2, Kind: PullData, Gateway: roof}, at, time.Now()); err != nil {
		t.Fatal(err)
	}
	read := func() Packet {
		buf := make([]byte, MaxDatagram)
		n, err := g.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	read() // the PULL_ACK
	for _, tt := range []struct {
		name    string
		refusal Refusal // of the first window; none: no word at all
		stop    time.Duration
		took    time.Duration
		want    string
	}{
		{"no word", "", 0, ackTimeout, "window 1 of 2: no TX_ACK within 1s"},
		{"no word for the second", "TOO_LATE", 0, ackTimeout, "window 1 of 2: refused by the gateway: TOO_LATE; window 2 of 2: no TX_ACK within 1s"},
		{"cancelled", "", 200 * time.Millisecond, 200 * time.Millisecond, "window 1 of 2: context canceled"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if tt.stop > 0 {
				time.AfterFunc(tt.stop, stop)
			}
			if tt.refusal != "" {
				go func() {
					if err := s.txAck(Packet{Version: 2, Kind: TXAck, Gateway: roof, Token: read().Token, JSON: []byte(`{"txpk_ack":{"error":"` + tt.refusal + `"}}`)}); err != nil {
						t.Error(err)
					}
				}()
			}
			began := time.Now()
			used, err := s.Send(ctx, answer())
			if want := "downlink to gateway " + roof.String() + ": " + tt.want; used != -1 || err == nil || err.Error() != want {
				t.Errorf("%s: got window %d, %v\nwant %s", tt.name, used, err, want)
			}
			if took := time.Since(began); took != tt.took {
				t.Errorf("%s: took %s, want %s", tt.name, took, tt.took)
			}
		})
		read() // the window without a word
		_ = g.SetReadDeadline(time.Now())
		if n, err := g.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: %d bytes more were sent", tt.name, n)
		}
		_ = g.SetReadDeadline(time.Time{})
	}
	if len(s.waiting) != 0 {
		t.Errorf("%d downlinks are still waited for", len(s.waiting))
	}
}

// Tokens cannot be guessed from those before, and two downlinks under way
// never share one.
func TestTokens(t *testing.T) {
	s := &Server{waiting: map[waiter]chan<- error{}}
	const n = 1000
	consecutive, last := 0, uint16(0)
	for range n {
		token, _ := s.await(roof)
		if token == last+1 {
			consecutive++
		}
		last = token
	}
	if len(s.waiting) != n {
		t.Errorf("%d tokens for %d downlinks", len(s.waiting), n)
	}
	if consecutive > n/10 {
		t.Errorf("%d of %d tokens are the one before and 1", consecutive, n)
	}
	if _, ok := s.waiting[waiter{lorawan.EUI64{9}, last}]; ok {
		t.Error("another gateway's token is waited for")
	}
}
