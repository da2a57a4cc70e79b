package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

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

	cert   *x509.Certificate // that the client showed and our authority vouches for; nil: none
	name   string            // of the client, with its user; of hook.mu, as the next three
	user   string            // who logged in
	shown  Credential        // what with
	expiry *time.Timer       // ends the connection with the credential; nil: nothing does

	closing  sync.Once
	onClose  func(*conn)
	onLogin  func(*conn)
	stranger netip.Addr // as it is counted before its login; of listener.mu

	head []byte     // read already, and to be read again; used by the reading goroutine only
	addr netip.Addr // of a reader, as it is counted

	frame     mqttframe.Follower // used by the reading goroutine only
	lookingUp bool               // holds retains.index; likewise
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

// secured is a connection with TLS. Its Close does not say goodbye first, for
// which a peer that does not read could make it wait five seconds.
type secured struct{ *tls.Conn }

// Close implements net.Conn.
func (s secured) Close() error { return s.NetConn().Close() }

// verified returns the client's certificate when our authority has issued it.
func (s secured) verified() *x509.Certificate {
	if chains := s.ConnectionState().VerifiedChains; len(chains) > 0 {
		return chains[0][0]
	}
	return nil
}
