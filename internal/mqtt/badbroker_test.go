package mqtt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

// connack is the answer to a CONNECT that was accepted.
var connack = []byte{0x20, 2, 0, 0}

// badBroker listens and hands every connection to serve, which owns it.
func badBroker(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

func TestBrokerThatNeverAnswersDoesNotDelayTheEnd(t *testing.T) {
	connected := make(chan struct{}, 16)
	addr := badBroker(t, func(c net.Conn) {
		defer c.Close()
		connected <- struct{}{}
		io.Copy(io.Discard, c)
	})
	c, _ := newClient(t, Config{URL: "tcp://" + addr})
	stop := goRun(t, c.Run)
	receive(t, connected)
	stop()
}

// Messages that the broker never acknowledges fail when the connection breaks,
// each once, and until then they fill the window.
func TestLostAcknowledgements(t *testing.T) {
	hangUp := make(chan struct{})
	addr := badBroker(t, func(c net.Conn) {
		defer c.Close()
		c.Write(connack)
		go io.Copy(io.Discard, c)
		<-hangUp
	})
	c, changes := newClient(t, Config{URL: "tcp://" + addr})
	stop := goRun(t, c.Run)
	expect(t, changes, "up")
	outcome := make(chan error, 2*Window)
	m := Message{Topic: "modellregion/v1/a/road/up", QoS: 1}
	for range Window {
		if err := c.PublishAsync(t.Context(), m, func(err error) { outcome <- err }); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.PublishAsync(ended, m, func(error) { t.Error("done of a message that was not sent") }); !errors.Is(err, context.Canceled) {
		t.Errorf("message beyond the window: %v, want that the context ended", err)
	}
	inHandler := context.WithValue(t.Context(), handling{}, true)
	if err := c.PublishAsync(inHandler, m, func(error) { t.Error("done of a message that was not sent") }); !errors.Is(err, ErrBusy) {
		t.Errorf("message of a handler beyond the window: %v, want ErrBusy", err)
	}
	close(hangUp)
	expect(t, changes, "down")
	for range Window {
		if err := receive(t, outcome); err == nil {
			t.Fatal("a message without an acknowledgement was reported as sent")
		}
	}
	stop()
	if len(outcome) > 0 || len(c.window) > 0 {
		t.Errorf("%d outcomes too many, %d places of the window still taken", len(outcome), len(c.window))
	}
}

func TestPublishRefusesWhatCannotBeSent(t *testing.T) {
	c, err := New(Config{URL: "tcp://broker", ClientID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]Message{
		"no topic":  {},
		"wildcard":  {Topic: "a/+/b"},
		"QoS 2":     {Topic: "a", QoS: 2},
		"too large": {Topic: "a", Payload: make([]byte, MaxPayload+1)},
	} {
		if err := c.Publish(t.Context(), m); err == nil || errors.Is(err, ErrNotConnected) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFromBroker: whatever a broker sends after CONNACK, the client survives
// and its Run ends in order.
func FuzzFromBroker(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x30, 0x05, 0, 1, 'a', 'h', 'i'})        // PUBLISH
	f.Add([]byte{0x32, 0x02, 0, 9})                       // topic longer than the packet
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01})     // length of five bytes
	f.Add([]byte{0x90, 0x03, 0, 1, 0x80})                 // refused
	f.Add([]byte{0x90, 0x04, 0, 1, 0x01, 0x01})           // answers two filters instead of one
	f.Add([]byte{0x40, 0x02, 0, 7, 0x40, 0x02, 0, 7, 40}) // PUBACK twice
	f.Add([]byte{0x00, 0x00, 0xf0, 0x00})                 // reserved types
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		addr := badBroker(t, func(c net.Conn) {
			defer c.Close()
			buf := make([]byte, 256)
			c.Read(buf) // CONNECT
			c.Write(connack)
			c.Read(buf) // SUBSCRIBE
			c.Write(data)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		})
		c, err := New(Config{URL: "tcp://" + addr, ClientID: "fuzz"})
		if err != nil {
			t.Fatal(err)
		}
		c.Subscribe("#", 1, func(_ context.Context, m Message) { bytes.Clone(m.Payload) })
		l, err := c.connect(t.Context())
		if err == nil {
			receive(t, l.lost)
			l.close()
		}
	})
}
