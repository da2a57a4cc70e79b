package mqtt

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"modellregion/internal/mqttframe"
)

const (
	readBuffer = 32 << 10 // bytes
	maxUnsent  = 64 << 10 // bytes that may wait for the network before a writer does
)

// conn is a connection that paho reads and writes in many small pieces, and
// that asks the system for few large ones: what is written while the network is
// busy leaves together. It breaks before a packet that paho would fail on.
type conn struct {
	net.Conn
	in *bufio.Reader

	mu      sync.Mutex
	changed sync.Cond // on mu: of all below
	unsent  []byte
	err     error // of the network; nothing is written after it
	closing bool
	ended   chan struct{} // closed when nothing will be written any more
}

// newConn takes over a connection on which filters are subscribed to.
func newConn(raw net.Conn, filters int) *conn {
	c := &conn{Conn: raw, in: bufio.NewReaderSize(&guard{conn: raw, filters: filters}, readBuffer), ended: make(chan struct{})}
	c.changed.L = &c.mu
	go c.send() // until Close, which paho calls whatever happens
	return c
}

// Read implements net.Conn. After a write has failed it returns that error:
// paho keeps quiet about a connection that it believes to have closed itself.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if errors.Is(err, net.ErrClosed) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err != nil && !c.closing {
			err = c.err
		}
	}
	return n, err
}

// Write implements net.Conn. A nil error means that p will be sent unless the
// network breaks, which the next call to Read or Write tells.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.unsent) > maxUnsent && c.err == nil && !c.closing {
		c.changed.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.closing:
		return 0, net.ErrClosed
	}
	c.unsent = append(c.unsent, p...)
	c.changed.Broadcast()
	return len(p), nil
}

// acknowledge sends a PUBACK (MQTT 3.1.1 §3.4). Packets do not mix: paho writes
// each of its own in one piece. After the connection is lost it does nothing.
func (c *conn) acknowledge(id uint16) {
	_, _ = c.Write([]byte{0x40, 2, byte(id >> 8), byte(id)})
}

// send writes what there is to the network until Close or an error.
func (c *conn) send() {
	defer close(c.ended)
	c.mu.Lock()
	defer c.mu.Unlock()
	var sending []byte
	for {
		for len(c.unsent) == 0 && !c.closing {
			c.changed.Wait()
		}
		if len(c.unsent) == 0 {
			return
		}
		sending, c.unsent = c.unsent, sending[:0]
		limit := writeTimeout
		if c.closing {
			limit = closeTimeout
		}
		c.mu.Unlock()
		err := c.Conn.SetWriteDeadline(time.Now().Add(limit))
		if err == nil {
			_, err = c.Conn.Write(sending)
		}
		c.mu.Lock()
		if cap(sending) > 4*maxUnsent { // a list of devices; such are rare
			sending = nil
		}
		c.changed.Broadcast()
		if err != nil {
			c.err = err
			_ = c.Conn.Close() // so that Read ends too
			return
		}
	}
}

// SetWriteDeadline implements net.Conn: send has deadlines of its own.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Close implements net.Conn. What was written before is sent, for a moment.
func (c *conn) Close() error {
	c.mu.Lock()
	if !c.closing {
		c.closing = true
		c.changed.Broadcast()
		_ = c.Conn.SetWriteDeadline(time.Now().Add(closeTimeout)) // of a write under way
	}
	c.mu.Unlock()
	<-c.ended
	return c.Conn.Close()
}

// guard breaks the connection before a packet that paho would fail on: it
// allocates any length that is announced, and panics when a SUBACK answers
// more filters than were asked for.
type guard struct {
	conn    net.Conn
	filters int
	frame   mqttframe.Follower
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.conn.Read(p)
	if wrong := g.frame.Follow(p[:n], g.check); wrong != nil {
		return 0, wrong
	}
	return n, err
}

func (g *guard) check(kind byte, length int) error {
	const topic = 2 + 65535 + 2 // with its length, and a packet identifier
	switch {
	case length > MaxPayload+topic:
		return fmt.Errorf("MQTT broker sends a packet of %d bytes", length)
	case kind == mqttframe.Suback && length != 2+g.filters: // MQTT 3.1.1 §3.9
		return fmt.Errorf("MQTT broker sends a SUBACK of %d bytes for %d filters", length, g.filters)
	}
	return nil
}
