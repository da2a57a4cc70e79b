package semtech

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/brocaar/lorawan"
	"golang.org/x/sync/errgroup"

	"modellregion/edge/radio"
)

// Receiver is what the server hands its work to.
type Receiver interface {
	// Frame takes one reception. It blocks while the receiver has no room;
	// the datagram is acknowledged afterwards, so a slow receiver slows a
	// forwarder that waits for acknowledgements. An error ends the server.
	Frame(ctx context.Context, f radio.Frame) error
	// Stats takes the counters of a gateway.
	Stats(ctx context.Context, s radio.Stats)
	// Dropped tells of a datagram or a frame that was not used. The reason is
	// one of the Drop words. It may be called by several goroutines at once.
	Dropped(reason string, err error)
}

// Options are the choices of an operator.
type Options struct {
	Allow []lorawan.EUI64 // the gateways that are served; empty: every gateway
	Log   *slog.Logger    // nil: none
}

// ErrNoGateway is returned for a downlink to a gateway that never asked for
// one.
var ErrNoGateway = errors.New("gateway has not sent PULL_DATA")

const (
	ackTimeout  = time.Second      // for a TX_ACK; a downlink not acknowledged by then has missed its window
	queueLength = 512              // PUSH_DATA waiting for the receiver: 32 MiB at the very worst
	maxGateways = 4096             // with a way for downlinks, so that invented EUIs cannot fill the memory
	readBuffer  = 4 << 20          // bytes; the system may give less
	silentFor   = 5 * time.Minute  // without PULL_DATA, which comes every few seconds: may be forgotten
	sweepEvery  = 10 * time.Second // when there are too many
)

// Server is the network's end of the protocol on one UDP socket. Its methods
// may be used by several goroutines at once.
type Server struct {
	conn  *net.UDPConn
	log   *slog.Logger
	allow map[lorawan.EUI64]bool

	mu       sync.Mutex
	gateways map[lorawan.EUI64]peer
	swept    time.Time // when silent gateways were looked for last
	waiting  map[waiter]chan<- error
	token    uint16
}

// peer is where a gateway last asked for downlinks from, and in which version
// of the protocol.
type peer struct {
	addr    netip.AddrPort
	version byte
	seen    time.Time
}

// waiter is a downlink whose TX_ACK has not come. The acknowledgement may
// come from another socket than the PULL_DATA, so its address says nothing.
type waiter struct {
	gateway lorawan.EUI64
	token   uint16
}

// push is a PUSH_DATA on its way to the receiver.
type push struct {
	packet Packet
	from   netip.AddrPort
	at     time.Time // of its arrival
}

// Listen opens the UDP socket at addr, host:port; port 0 takes a free one.
// Run must follow, it closes the socket.
func Listen(addr string, opts Options) (*Server, error) {
	local, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("semtech: address %q: %w", addr, err)
	}
	conn, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("semtech: %w", err)
	}
	s := &Server{
		conn:     conn,
		log:      opts.Log,
		gateways: make(map[lorawan.EUI64]peer),
		waiting:  make(map[waiter]chan<- error),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := conn.SetReadBuffer(readBuffer); err != nil {
		s.log.Warn("UDP read buffer stays small", "bytes", readBuffer, "err", err)
	}
	if len(opts.Allow) > 0 {
		s.allow = make(map[lorawan.EUI64]bool, len(opts.Allow))
		for _, eui := range opts.Allow {
			s.allow[eui] = true
		}
	}
	return s, nil
}

// Addr returns the address the server listens on.
func (s *Server) Addr() netip.AddrPort {
	return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() // the only type a UDPConn has
}

// Run serves until ctx ends, then closes the socket and returns nil. It
// returns an error when the receiver does, or when the socket fails. It can be
// called once.
func (s *Server) Run(ctx context.Context, r Receiver) error {
	g, running := errgroup.WithContext(ctx)
	pushes := make(chan push, queueLength)
	g.Go(func() error {
		<-running.Done()
		return s.conn.Close()
	})
	g.Go(func() error { return s.read(running, r, pushes) })
	g.Go(func() error { return s.handOver(running, r, pushes) })
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// read takes datagrams from the socket. It never waits for the receiver: a
// TX_ACK behind a queue of frames would come too late.
func (s *Server) read(ctx context.Context, r Receiver, pushes chan<- push) error {
	buf := make([]byte, MaxDatagram+1)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("semtech: reading: %w", err)
		}
		p, err := Parse(buf[:n])
		if err != nil {
			r.Dropped(dropReason(err), fmt.Errorf("from %s: %w", from, err))
			continue
		}
		if !p.Kind.hasGateway() {
			r.Dropped(DropKind, fmt.Errorf("from %s: datagram has kind %d, which only servers send", from, p.Kind))
			continue
		}
		if s.allow != nil && !s.allow[p.Gateway] {
			r.Dropped(DropGateway, fmt.Errorf("from %s: gateway %s is not allowed", from, p.Gateway))
			continue
		}
		switch p.Kind {
		case PushData:
			p.JSON = append([]byte(nil), p.JSON...)
			select {
			case pushes <- push{p, from, time.Now()}:
			default:
				r.Dropped(DropBusy, fmt.Errorf("from %s: PUSH_DATA of gateway %s: %d datagrams are waiting already", from, p.Gateway, queueLength))
			}
		case PullData:
			if err := s.pullData(p, from); err != nil {
				r.Dropped(DropGateway, fmt.Errorf("from %s: %w", from, err))
			}
		case TXAck:
			if err := s.txAck(p); err != nil {
				r.Dropped(dropReason(err), fmt.Errorf("from %s: %w", from, err))
			}
		}
	}
}

// handOver gives the frames to the receiver, in the order in which they came,
// and acknowledges their datagrams.
func (s *Server) handOver(ctx context.Context, r Receiver, pushes <-chan push) error {
	for {
		var p push
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p = <-pushes:
		}
		frames, stats := decodePush(p.packet, r.Dropped)
		for _, f := range frames {
			f.Heard = p.at
			if err := r.Frame(ctx, f); err != nil {
				return fmt.Errorf("semtech: handing over a frame of gateway %s: %w", f.Gateway, err)
			}
		}
		if stats != nil {
			r.Stats(ctx, *stats)
		}
		s.answer(p.packet, PushAck, p.from)
	}
}

// answer acknowledges a datagram. A lost acknowledgement and one that could
// not be sent are the same to a gateway: it goes on.
func (s *Server) answer(p Packet, kind Kind, to netip.AddrPort) {
	data := Packet{Version: p.Version, Token: p.Token, Kind: kind}.Append(make([]byte, 0, 4))
	if _, err := s.conn.WriteToUDPAddrPort(data, to); err != nil {
		s.log.Debug("acknowledgement not sent", "gateway", p.Gateway, "addr", to, "err", err)
	}
}

// pullData remembers where the gateway is and acknowledges.
func (s *Server) pullData(p Packet, from netip.AddrPort) error {
	s.mu.Lock()
	old, known := s.gateways[p.Gateway]
	full := !known && len(s.gateways) >= maxGateways
	if full && s.forgetSilent() {
		full = false
	}
	if !full {
		s.gateways[p.Gateway] = peer{from, p.Version, time.Now()}
	}
	s.mu.Unlock()
	switch {
	case full:
		return fmt.Errorf("gateway %s is one more than the %d that are served", p.Gateway, maxGateways)
	case !known:
		s.log.Info("gateway connected", "gateway", p.Gateway, "addr", from)
	case old.addr != from:
		s.log.Info("gateway moved", "gateway", p.Gateway, "addr", from, "before", old.addr)
	}
	s.answer(p, PullAck, from)
	return nil
}

// forgetSilent makes room among the gateways, so that invented ones cannot
// keep a real one out for good. s.mu is held.
func (s *Server) forgetSilent() bool {
	now := time.Now()
	if now.Sub(s.swept) < sweepEvery {
		return false // looking through all of them for each datagram would be an attack too
	}
	s.swept = now
	before := len(s.gateways)
	for eui, p := range s.gateways {
		if now.Sub(p.seen) > silentFor {
			delete(s.gateways, eui)
		}
	}
	return len(s.gateways) < before
}

// txAck hands an acknowledgement to the Send that waits for it.
func (s *Server) txAck(p Packet) error {
	refusal, err := decodeTXAck(p.JSON)
	if err != nil {
		return fmt.Errorf("TX_ACK of gateway %s: %w", p.Gateway, err)
	}
	key := waiter{p.Gateway, p.Token}
	s.mu.Lock()
	done, ok := s.waiting[key]
	delete(s.waiting, key)
	s.mu.Unlock()
	if !ok {
		return dropf(DropUnexpected, "TX_ACK of gateway %s with token %d, which nobody waits for", p.Gateway, p.Token)
	}
	done <- refusal // has room for one, and is sent to once
	return nil
}

// Send asks the gateway to put d on the air and waits, at most one second, for
// its word that it will. The error is ErrNoGateway when the gateway never
// asked for downlinks, and a Refusal when it says no. A gateway of protocol
// version 1 gives no word; then Send returns when the datagram is on its way.
func (s *Server) Send(ctx context.Context, d radio.Downlink) error {
	done := make(chan error, 1)
	s.mu.Lock()
	to, ok := s.gateways[d.Gateway]
	s.token++
	key := waiter{d.Gateway, s.token}
	if ok && to.version > 1 {
		s.waiting[key] = done
	}
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("downlink to gateway %s: %w", d.Gateway, ErrNoGateway)
	}
	defer func() {
		s.mu.Lock()
		delete(s.waiting, key)
		s.mu.Unlock()
	}()
	data := appendPullResp(nil, to.version, key.token, d)
	if _, err := s.conn.WriteToUDPAddrPort(data, to.addr); err != nil {
		return fmt.Errorf("downlink to gateway %s: %w", d.Gateway, err)
	}
	if to.version == 1 {
		return nil
	}
	timeout := time.NewTimer(ackTimeout)
	defer timeout.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("downlink to gateway %s: %w", d.Gateway, err)
		}
		return nil
	case <-timeout.C:
		return fmt.Errorf("downlink to gateway %s: no TX_ACK within %s", d.Gateway, ackTimeout)
	case <-ctx.Done():
		return fmt.Errorf("downlink to gateway %s: %w", d.Gateway, ctx.Err())
	}
}
