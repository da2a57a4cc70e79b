package basicstation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// inBubble runs a test in simulated time, with a server, a receiver with that
// much room, and one gateway.
func inBubble(t *testing.T, room int, test func(t *testing.T, s *Server, r *receiver, g station)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newServer(Options{})
		if err != nil {
			t.Fatal(err)
		}
		port := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		s.listener = port
		r := newReceiver(room)
		run(t, s, r)
		dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
			return port.dial(), nil
		}}
		ws, _, err := dialer.Dial("ws://"+s.Addr().String()+"/gateway/a84041ffff1eec20", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		g := station{t, ws}
		g.configure()
		_ = ws.SetReadDeadline(time.Time{}) // never fails
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

// No dntxed means that the frame was not sent, and it may come until two
// seconds after the receive window.
func TestNotSent(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		g.listen()
		for _, delay := range []time.Duration{time.Second, 6 * time.Second} {
			d := reply()
			d.Delay = delay
			began := time.Now()
			err := s.Send(t.Context(), d)
			if err == nil || !strings.Contains(err.Error(), "no dntxed") || time.Since(began) != delay+2*time.Second {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
		}
	})
}

// A gateway that answers pings stays connected and is reported on every 30 s.
func TestStats(t *testing.T) {
	inBubble(t, room, func(t *testing.T, s *Server, r *receiver, g station) {
		messages := g.listen()
		phy := vectors(t)[0]
		g.send(written(phy, here))
		g.send(written(phy, here))
		sent := sending(s, reply())
		var id int64
		if _, err := fmt.Sscanf((<-messages)[len(`{"msgtype":"dnmsg","DevEui":"00-00-00-00-00-00-00-01","dC":0,`):], `"diid":%d`, &id); err != nil {
			t.Fatal(err)
		}
		g.send(fmt.Sprintf(`{"msgtype":"dntxed","diid":%d}`, id))
		if err := <-sent; err != nil {
			t.Fatal(err)
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
				if err := s.Send(t.Context(), reply()); !errors.Is(err, ErrNoGateway) || time.Since(began) != tt.after {
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
		err := s.Send(t.Context(), reply())
		if err == nil || errors.Is(err, ErrNoGateway) || time.Since(began) != writeTimeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait()
		if err := s.Send(t.Context(), reply()); !errors.Is(err, ErrNoGateway) {
			t.Errorf("got %v, want ErrNoGateway", err)
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
		var id int64
		_, after, _ := strings.Cut(<-messages, `"diid":`)
		if _, err := fmt.Sscanf(after, "%d", &id); err != nil {
			t.Fatal(err)
		}
		g.send(fmt.Sprintf(`{"msgtype":"dntxed","diid":%d}`, id))
		if err := <-sent; err != nil {
			t.Error(err)
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
