package broker

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

const (
	maxConns     = 1024             // at the same time, strangers included
	maxStrangers = 64               // of these from one address at the port for other machines; of IPv6 from one network of 64 bits
	loginTimeout = 10 * time.Second // from the first byte of TCP to CONNECT
)

// listener accepts connections for the library. The library's own listeners
// end for ever at the first failed accept, wait for CONNECT without a limit,
// and do not wait for their connections.
type listener struct {
	net.Listener
	id      string
	hook    *hook
	log     *slog.Logger
	tls     *tls.Config // nil: none
	readers *readers    // nil: nobody without a login

	mu        sync.Mutex
	conns     map[*conn]struct{}
	strangers map[netip.Addr]int // connections that have not logged in, at the port for other machines
	done      sync.WaitGroup     // the goroutines of all connections

	rejected atomic.Uint64 // closed before a login was tried, or over maxConns
}

func newListener(id string, l net.Listener, h *hook) *listener {
	return &listener{Listener: l, id: id, hook: h, log: h.log, conns: map[*conn]struct{}{}, strangers: map[netip.Addr]int{}}
}

// Init implements listeners.Listener; the port is open already.
func (l *listener) Init(*slog.Logger) error { return nil }

// ID implements listeners.Listener.
func (l *listener) ID() string { return l.id }

// Protocol implements listeners.Listener.
func (l *listener) Protocol() string { return l.id }

// Address implements listeners.Listener.
func (l *listener) Address() string { return l.Addr().String() }

// Serve implements listeners.Listener: it accepts until the listener closes.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, most likely: it passes
			l.log.Error("MQTT connection could not be accepted", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if c := l.add(nc); c != nil {
			go l.serve(c, func(c *conn) error { return l.establish(c, establish) })
		}
	}
}

// add registers a connection that serve will run, or closes it and returns nil
// when there are too many or the listener is closing.
func (l *listener) add(nc net.Conn) *conn {
	c := &conn{Conn: nc, onClose: l.remove, onLogin: l.admit}
	if l.tls != nil {
		c.Conn, c.stranger = secured{tls.Server(nc, l.tls)}, network(nc.RemoteAddr())
	}
	c.limit.Store(maxStranger)
	_ = nc.SetDeadline(time.Now().Add(loginTimeout)) // the library sets the keep-alive's after CONNECT
	l.mu.Lock()
	defer l.mu.Unlock()
	room := maxConns
	if l.readers != nil {
		room += l.readers.most // whom readers must not crowd out
	}
	if l.conns == nil || len(l.conns) >= room || l.strangers[c.stranger] >= maxStrangers {
		nc.Close()
		l.rejected.Add(1)
		return nil
	}
	l.conns[c] = struct{}{}
	if c.stranger.IsValid() {
		l.strangers[c.stranger]++
	}
	l.done.Add(1)
	return c
}

func (l *listener) remove(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	l.admit(c)
	l.hook.leave(c)
	if l.readers != nil {
		l.readers.leave(c)
	}
}

// admit counts a connection no more among the strangers of its address.
func (l *listener) admit(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.strangers[c.stranger]--; l.strangers[c.stranger] <= 0 {
		delete(l.strangers, c.stranger)
	}
	c.stranger = netip.Addr{}
}

// serve runs one connection to its end. A fault of the library in reading one
// client's bytes must not end the platform.
func (l *listener) serve(c *conn, run func(*conn) error) {
	defer l.done.Done()
	defer c.Close()
	defer func() {
		if fault := recover(); fault != nil {
			l.log.Error("MQTT connection failed inside the broker", "remote", c.RemoteAddr().String(), "fault", fault)
		}
	}()
	err := run(c)
	if !c.known.Load() && !c.warned.Load() {
		l.rejected.Add(1)
		l.log.Debug("MQTT connection without a login", "remote", c.RemoteAddr().String(), "err", err)
	}
}

// establish hands a connection to the broker for its kind of client.
func (l *listener) establish(c *conn, login listeners.EstablishFn) error {
	if s, ok := c.Conn.(secured); ok {
		if err := s.Handshake(); err != nil { // within loginTimeout
			l.hook.handshakeFailed(c, err)
			return err
		}
		c.cert = s.verified()
	}
	if l.readers == nil {
		return login(l.ID(), c)
	}
	anonymous, err := c.peek()
	switch {
	case err != nil:
		return err
	case !anonymous:
		return login(l.ID(), c)
	}
	return l.read(c, network(c.RemoteAddr()))
}

// errTooMany ends the connection of a reader for whom there is no place.
var errTooMany = errors.New("too many anonymous readers")

// read serves an anonymous reader.
func (l *listener) read(c *conn, addr netip.Addr) error {
	c.limit.Store(publicPacket)
	if !l.readers.enter(c, addr) {
		c.warned.Store(true) // it is counted
		return errTooMany
	}
	return l.readers.server.EstablishConnection(l.ID(), c)
}

// Close implements listeners.Listener: it closes the port and every
// connection and waits for them. The library's goodbye to each client is left
// out, since a client that does not read would block it.
func (l *listener) Close(listeners.CloseFn) {
	l.Listener.Close()
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for c := range conns {
		c.Conn.Close()
	}
	l.done.Wait()
}
