package broker

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"modellregion/internal/mqttframe"
)

// Packet sizes in bytes, without the fixed header.
const (
	maxStranger = 64 << 10        // before login: CONNECT with a will
	maxPacket   = 1 << 20         // edges and readers: a batch has 128 KiB
	maxPlatform = 16<<20 + 64<<10 // device lists of 16 MiB and their topic
)

var errPacketTooLarge = errors.New("MQTT packet is larger than this client may send")

// conn is a client's connection that follows the framing of the packets it
// receives and breaks before a packet that is too large reaches the library,
// which would allocate whatever length a stranger announces.
type conn struct {
	net.Conn
	limit  atomic.Int64 // largest packet allowed now
	known  atomic.Bool  // logged in
	warned atomic.Bool  // something was denied and logged; one line per connection is enough

	closing sync.Once
	onClose func(*conn)

	head []byte     // read already, and to be read again; used by the reading goroutine only
	addr netip.Addr // of a reader, as it is counted

	frame mqttframe.Follower // used by the reading goroutine only
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.read(p)
	if wrong := c.frame.Follow(p[:n], c.check); wrong != nil {
		return 0, wrong
	}
	return n, err
}

func (c *conn) read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	return n, nil
}

func (c *conn) check(_ byte, length int) error {
	if int64(length) > c.limit.Load() {
		return errPacketTooLarge
	}
	return nil
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() { c.onClose(c) })
	return err
}
