package guard

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// connections counts those that are open.
type connections struct {
	mu     sync.Mutex
	all    int
	of     map[netip.Addr]int
	turned atomic.Uint64
}

func newConnections() *connections { return &connections{of: map[netip.Addr]int{}} }

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// Listen returns a listener that closes connections which are too many: each
// costs a goroutine and buffers before its first request is read.
func (g *Guard) Listen(l net.Listener) net.Listener { return &listener{l, g} }

type listener struct {
	net.Listener
	guard *Guard
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.guard.admit(nc); c != nil {
			return c, nil
		}
		_ = nc.Close()
	}
}

func (g *Guard) admit(nc net.Conn) net.Conn {
	peer := nc.RemoteAddr().String()
	key, addr := clientOf(peer, nil, nil), parseAddr(peer)
	proxy := slices.ContainsFunc(g.cfg.Trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
	c := g.connections
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= g.cfg.Connections || !proxy && c.of[key] >= g.cfg.ConnectionsPerClient {
		c.turned.Add(1)
		return nil
	}
	c.all++
	c.of[key]++
	return &conn{Conn: nc, close: sync.OnceFunc(func() { c.leave(key) })}
}

func (c *connections) leave(key netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.of[key]--; c.of[key] == 0 {
		delete(c.of, key)
	}
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	close func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.close()
	return c.Conn.Close()
}

// ReadFrom hands on to the connection, which may send a file without reading
// it.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
