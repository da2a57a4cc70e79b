package basicstation

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/gorilla/websocket"

	"modellregion/edge/radio"
)

// room is that of a receiver that keeps up.
const room = 16

// pipes is a port inside a bubble of simulated time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8887} }

// dial returns the other end of a connection that the port accepted.
func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// station connects a gateway, or one that asks where to go, without a word.
func (p *pipes) station(t *testing.T, path string) station {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
		return p.dial(), nil
	}}
	ws, _, err := dialer.Dial("ws://"+p.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return station{t, ws}
}

// inBubble runs a test in simulated time, with a server that allows only the
// gateway on the roof, a receiver with that much room, and that gateway.
func inBubble(t *testing.T, room int, test func(t *testing.T, s *Server, r *receiver, g station)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newServer(Options{Allow: []lorawan.EUI64{roof}})
		if err != nil {
			t.Fatal(err)
		}
		port := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		s.listener = port
		r := newReceiver(room)
		run(t, s, r)
		g := port.station(t, "/gateway/a84041ffff1eec20")
		g.configure()
		_ = g.ws.SetReadDeadline(time.Time{}) // never fails
		test(t, s, r, g)
	})
}

// listen reads and answers pings as a station does; the messages go to the
// channel, which is closed at the end of the connection.
func (g station) listen() <-chan string {
	out := make(chan string, 1024)
	go func() {
		defer close(out)
		for {
			_, data, err := g.ws.ReadMessage()
			if err != nil {
				return
			}
			out <- string(data)
		}
	}()
	return out
}

// A gateway that answers pings stays connected and is reported on every 30 s.
func TestStats(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		messages := g.listen()
		phy := vectors(t)[0]
		g.send(written(phy, here))
		g.send(written(phy, here))
		sent := sending(s, reply())
		g.send(transmit(t, <-messages))
		if got := <-sent; got.err != nil {
			t.Fatal(got.err)
		}
		want := radio.Stats{Gateway: roof, Received: 2, ReceivedOK: 2, Forwarded: 2, AckedPct: 100, Sent: 1}
		began := time.Now()
		if got := <-r.stats; got != want || time.Since(began) > 30*time.Second {
			t.Errorf("got %+v after %s, want %+v", got, time.Since(began), want)
		}
		for range 100 { // 50 minutes
			if got, want := <-r.stats, (radio.Stats{Gateway: roof, AckedPct: 100}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		if sinceStart := time.Since(began); sinceStart < 50*time.Minute || sinceStart > 51*time.Minute {
			t.Errorf("101 reports took %s", sinceStart)
		}
	})
}

// A gateway that pings and never answers is alive too.
func TestPingsOfTheGateway(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		pongs := 0
		g.ws.SetPingHandler(func(string) error { return nil })
		g.ws.SetPongHandler(func(string) error { pongs++; return nil })
		messages := g.listen()
		for range 10 {
			time.Sleep(time.Minute)
			if err := g.ws.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		select {
		case m, open := <-messages:
			t.Errorf("got %q, open %t", m, open)
		default:
		}
		g.ws.Close()
		<-messages
		if pongs != 10 {
			t.Errorf("%d of 10 pings were answered", pongs)
		}
	})
}

// A gateway that reads but is dead above TCP is let go, and so is one that
// does not even read; downlinks that wait on it fail.
func TestSilentGateway(t *testing.T) {
	for name, tt := range map[string]struct {
		reads bool
		after time.Duration
	}{
		"reads":         {true, readTimeout},
		"does not read": {false, pingInterval + writeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
				began := time.Now()
				gone := make(chan struct{})
				if tt.reads {
					go func() { _, _ = io.Copy(io.Discard, g.ws.NetConn()); close(gone) }()
				} else {
					go func() { time.Sleep(tt.after); close(gone) }()
				}
				<-gone
				synctest.Wait()
				if _, err := s.Send(t.Context(), reply()); !errors.Is(err, ErrNoGateway) || time.Since(began) != tt.after {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}

// A gateway whose downlinks nobody takes fails the Send, which is not held up
// for longer than a write may last.
func TestWriteTimeout(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		began := time.Now()
		_, err := s.Send(t.Context(), reply())
		if err == nil || errors.Is(err, ErrNoGateway) || time.Since(began) != writeTimeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait()
		if _, err := s.Send(t.Context(), reply()); !errors.Is(err, ErrNoGateway) {
			t.Errorf("got %v, want ErrNoGateway", err)
		}
	})
}

// The receiver is told once a second of a gateway that is not allowed, however
// often it asks.
func TestPersistentStranger(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		g.listen()
		d := s.listener.(*pipes).station(t, "/router-info")
		for range 5 {
			for range 3 {
				d.send(`{"router":"a84041ffff1eec21"}`)
				d.text()
			}
			time.Sleep(time.Second)
		}
		if len(r.dropped) != 15 || len(r.unknown) != 5 {
			t.Errorf("%d drops, told of %d times, want 15 and 5", len(r.dropped), len(r.unknown))
		}
		if got := <-r.unknown; got != "a84041ffff1eec21 pipe" {
			t.Errorf("told of %s", got)
		}
	})
}

// A gateway that sends more than its radios can hear is not listened to while
// it does.
func TestRate(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		messages := g.listen()
		rejected := func(n int, want string) {
			t.Helper()
			for range n {
				if reason := <-r.dropped; reason != want {
					t.Fatalf("dropped as %s, want %s", reason, want)
				}
			}
		}
		const flood = maxBurst + 10
		for range flood {
			g.send(`{"msgtype":"rejoin"}`)
		}
		rejected(maxBurst-1, DropKind) // the version was one, too
		rejected(11, DropRate)
		time.Sleep(time.Second)
		for range maxRate + 10 {
			g.send(`{"msgtype":"rejoin"}`)
		}
		rejected(maxRate, DropKind)
		rejected(10, DropRate)
		time.Sleep(10 * time.Millisecond)
		sent := sending(s, reply())
		g.send(transmit(t, <-messages))
		if got := <-sent; got.err != nil {
			t.Error(got.err)
		}
	})
}

// A receiver without room costs frames once the queue is full, but neither
// the word about a downlink nor the connection.
func TestSlowReceiver(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, s *Server, r *receiver, g station) {
		messages := g.listen()
		phy := vectors(t)[0]
		for range queueLength + 1 + 10 { // one is in the hands of the receiver
			g.send(written(phy, here))
		}
		sent := sending(s, reply())
		g.send(transmit(t, <-messages))
		if got := <-sent; got.err != nil {
			t.Error(got.err)
		}
		for range 10 {
			if reason := <-r.dropped; reason != DropBusy {
				t.Errorf("dropped as %s", reason)
			}
		}
		for range queueLength + 1 {
			<-r.frames
		}
		synctest.Wait()
		if len(r.dropped) != 0 || len(r.frames) != 0 {
			t.Errorf("%d more drops, %d more frames", len(r.dropped), len(r.frames))
		}
	})
}

// A server that does not know the time does not tell it. The clock of the
// bubble begins in the year 2000.
func TestTimesyncWithoutClock(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		messages := g.listen()
		g.send(`{"msgtype":"timesync","txtime":1}`)
		synctest.Wait()
		if len(messages) != 0 {
			t.Errorf("got %s", <-messages)
		}
	})
}

// Strangers that hold a connection open are let go after 10 s, whatever they
// have said.
func TestStrangers(t *testing.T) {
	const upgrade = "GET /router-info HTTP/1.1\r\nHost: lns:8887\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	for name, said := range map[string]string{
		"nothing":            "",
		"half a request":     "GET /router-info HTTP/1.1\r\nHost: lns",
		"a request to 404":   "GET / HTTP/1.1\r\nHost: lns\r\n\r\n",
		"a body without end": "GET /gateway/x HTTP/1.1\r\nHost: lns\r\nContent-Length: 99\r\n\r\nx",
		"discovery, no word": upgrade,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
				g.listen()
				began := time.Now()
				c := s.listener.(*pipes).dial()
				go io.WriteString(c, said) // the server may close it before the end
				if _, err := io.Copy(io.Discard, c); err != nil || time.Since(began) != helloWithin {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}
