package mqtt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/c", false},
		{"a/b", "a/b/c", false},
		{"a/b/c", "a/b", false},
		{"a/+", "a/b", true},
		{"a/+", "a/", true},
		{"a/+", "a", false},
		{"+/b", "a/b", true},
		{"a/#", "a/b/c", true},
		{"a/#", "a", true},
		{"a/b/#", "a", false},
		{"#", "a/b", true},
		{"$share/group/a/+/c", "a/b/c", true},
		{"$share/group/a/+/c", "a/b/d", false},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("%s matches %s: %v", c.filter, c.topic, got)
		}
	}
}

// sessionBroker is a broker with one message for whoever connects. It hands
// over the CONNECT packets and what follows them.
func sessionBroker(t *testing.T) (addr string, connects, packets <-chan []byte) {
	t.Helper()
	first, later := make(chan []byte, 16), make(chan []byte, 64)
	addr = badBroker(t, func(c net.Conn) {
		defer c.Close()
		read := func() []byte {
			head := make([]byte, 2)
			if _, err := io.ReadFull(c, head); err != nil {
				return nil
			}
			body := make([]byte, head[1])
			if _, err := io.ReadFull(c, body); err != nil {
				return nil
			}
			return append(head, body...)
		}
		first <- read()
		// Accepted, with a session, whose message comes before anything is asked.
		c.Write([]byte{0x20, 2, 1, 0, 0x32, 7, 0, 1, 'a', 0, 7, 'h', 'i'})
		for p := read(); p != nil; p = read() {
			later <- p
		}
	})
	return addr, first, later
}

// A message of a session is acknowledged when its receiver says so, however
// long the subscription is not answered; and comes again after Redeliver.
func TestSession(t *testing.T) {
	addr, connects, packets := sessionBroker(t)
	c, changes := newClient(t, Config{URL: "tcp://" + addr, Session: true})
	messages := collect(c, "$share/group/+")
	stop := goRun(t, c.Run)
	defer stop()
	expect(t, changes, "up")
	if connect := receive(t, connects); connect[9]&2 != 0 {
		t.Errorf("CONNECT % x asks for a clean session", connect)
	}
	m := receive(t, messages)
	if subscribe := receive(t, packets); subscribe[0]>>4 != 8 {
		t.Errorf("the first packet is % x, want a SUBSCRIBE", subscribe)
	}
	select {
	case p := <-packets:
		t.Fatalf("% x was sent before the message was acknowledged", p)
	default:
	}
	m.Ack()
	if puback := receive(t, packets); !bytes.Equal(puback, []byte{0x40, 2, 0, 7}) {
		t.Errorf("the acknowledgement is % x", puback)
	}

	c.Redeliver()
	expect(t, changes, "down")
	expect(t, changes, "up")
	again := receive(t, messages)
	m.Ack() // of a connection that is gone: nothing
	again.Ack()
	for p := range packets {
		if p[0]>>4 == 4 { // after DISCONNECT and SUBSCRIBE
			break
		}
	}
}

// pipe returns both ends of a TCP connection, ours as paho gets it.
func pipe(t *testing.T) (ours *conn, theirs net.Conn) {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	addr := badBroker(t, func(c net.Conn) { accepted <- c })
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs = newConn(raw, 0), receive(t, accepted)
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return ours, theirs
}

// Everything that was written arrives in order, the last of it although the
// connection is closed at once.
func TestConnSendsAllBeforeItCloses(t *testing.T) {
	ours, theirs := pipe(t)
	var want bytes.Buffer
	done := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(theirs)
		done <- all
	}()
	for n := range 20_000 {
		p := bytes.Repeat([]byte{byte(n)}, 1+n%97)
		want.Write(p)
		if _, err := ours.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := ours.Close(); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(receive(t, done), want.Bytes()) {
		t.Error("something else arrived than was written")
	}
	if _, err := ours.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
}

// A peer that reads nothing holds writers up, and breaking the connection lets
// them go.
func TestConnHoldsUpWriters(t *testing.T) {
	ours, theirs := pipe(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := ours.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	}()
	ours.mu.Lock()
	for len(ours.unsent) <= maxUnsent {
		ours.changed.Wait()
	}
	ours.mu.Unlock()
	theirs.(*net.TCPConn).SetLinger(0)
	theirs.Close()
	if err := receive(t, failed); err == nil {
		t.Error("writing to a connection that is gone went well")
	}
}
