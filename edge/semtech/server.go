package semtech

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/valyala/fastjson"
	"golang.org/x/sync/errgroup"

	"modellregion/edge/radio"
)

// Receiver is what the server hands its work to.
type Receiver interface {
	// Frame takes one reception. It blocks while the receiver has no room,
	// which slows forwarders that wait for acknowledgements. An error ends the
	// server. When the server's context ends, what is acknowledged is still
	// handed over, with a context that ends a second later.
	Frame(ctx context.Context, f radio.Frame) error
	// Stats takes the counters of a gateway.
	Stats(ctx context.Context, s radio.Stats)
	// Dropped tells of a datagram or a frame that was not used. The reason is
	// one of the Drop words. A stranger can cause thousands per second: the
	// error's text costs time only when it is asked for. It may be called by
	// several goroutines at once.
	Dropped(reason string, err error)
	// Unknown tells, in addition to Dropped, of a gateway that is not on the
	// allow-list, or not there with the network it was heard from, and of the
	// address it was heard from. Whoever sends a datagram can make up both. A
	// gateway is told of at most once, and 1024 are at most, in a second.
	Unknown(gateway lorawan.EUI64, from string)
}

// Options are the choices of an operator.
type Options struct {
	Allow []Allowed // the gateways that are served; empty: every gateway

	// Rate bounds how many datagrams per second of one source, an address with
	// its port, are looked at; the sources that are new share as much between
	// them. A datagram of n bytes counts as 1+n/1024, and after a pause there
	// may be twice as many. Zero is 500. Below zero there is no bound, as a
	// simulator needs it, or a multiplexer in front of many gateways.
	Rate int

	Log *slog.Logger // nil: none
}

const (
	readBuffer  = 4 << 20     // bytes; the system may give less
	drainWithin = time.Second // after the end, for handing over what was acknowledged
)

// Server is the network's end of the protocol on one UDP socket. Its methods
// may be used by several goroutines at once.
type Server struct {
	conn     *net.UDPConn
	log      *slog.Logger
	allow    map[lorawan.EUI64][]netip.Prefix // nil: every gateway
	gateways registry
	queue    *queue
	now      func() time.Time

	// Of the goroutine that reads.
	limit   *limiter // nil: no bound
	unknown unknowns

	mu      sync.Mutex
	waiting map[waiter]chan<- error
}

// Listen opens the UDP socket at addr, host:port; port 0 takes a free one.
// Run must follow, it closes the socket.
func Listen(addr string, opts Options) (*Server, error) {
	allow, err := allowed(opts.Allow)
	if err != nil {
		return nil, fmt.Errorf("semtech: %w", err)
	}
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
		allow:    allow,
		gateways: registry{peers: make(map[lorawan.EUI64]peer)},
		queue:    newQueue(),
		now:      time.Now,
		waiting:  make(map[waiter]chan<- error),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if opts.Rate >= 0 {
		s.limit = newLimiter(cmp.Or(opts.Rate, defaultRate))
	}
	if err := conn.SetReadBuffer(readBuffer); err != nil {
		s.log.Warn("UDP read buffer stays small", "bytes", readBuffer, "err", err)
	}
	return s, nil
}

// Addr returns the address the server listens on.
func (s *Server) Addr() netip.AddrPort {
	return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() // the only type a UDPConn has
}

// Run serves until ctx ends, then closes the socket, hands over what it has
// acknowledged and returns nil. It returns an error when the receiver does, or
// when the socket fails. It can be called once.
func (s *Server) Run(ctx context.Context, r Receiver) error {
	g, running := errgroup.WithContext(ctx)
	handing, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	g.Go(func() error {
		<-running.Done()
		time.AfterFunc(drainWithin, cut)
		return s.conn.Close()
	})
	g.Go(func() error {
		defer close(s.queue.pushes)
		return s.read(running, r)
	})
	g.Go(func() error { return s.handOver(handing, r) })
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// read takes datagrams from the socket. It never waits for the receiver: a
// TX_ACK behind a queue of frames would come too late.
func (s *Server) read(ctx context.Context, r Receiver) error {
	buf := make([]byte, MaxDatagram+1)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("semtech: reading: %w", err)
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if err := s.datagram(r, buf[:n], from, s.now()); err != nil {
			r.Dropped(dropReason(err), dropf(dropReason(err), "from %s: %w", from, err))
		}
	}
}

// datagram handles one datagram, or says why it is dropped. What is refused by
// its header comes before the rate: it costs no more than to be refused by
// that, and takes no token from gateways that are new.
func (s *Server) datagram(r Receiver, data []byte, from netip.AddrPort, now time.Time) error {
	p, err := Parse(data)
	if err != nil {
		return err
	}
	if !p.Kind.hasGateway() {
		return dropf(DropKind, "datagram has kind %d, which only servers send", p.Kind)
	}
	if !s.serves(p.Gateway, from.Addr()) {
		if s.unknown.tell(p.Gateway, now) {
			r.Unknown(p.Gateway, from.String())
		}
		return dropf(DropGateway, "gateway %s is not allowed, or not from there", p.Gateway)
	}
	account := from
	if s.limit != nil {
		var ok bool
		if account, ok = s.limit.admit(from, len(data), now); !ok {
			return dropf(DropRate, "datagram of gateway %s: too many from there, or from all that are new", p.Gateway)
		}
	}
	switch p.Kind {
	case PushData:
		return s.pushData(push{packet: p, from: from, account: account, at: now})
	case PullData:
		return s.pullData(p, from, now)
	default: // TXAck
		return s.txAck(p)
	}
}

// pushData queues a PUSH_DATA and acknowledges it when it has its place there,
// before it is looked at, as the protocol demands: forwarders wait for it
// before they send the next, and report the share that came in time. What is
// dropped is not acknowledged.
//
// Only behind several others the acknowledgement waits for the receiver. A
// forwarder that sends as fast as it is acknowledged, as the simulator does, is
// slowed so; else it would learn that it is too fast from lost datagrams alone.
// And a kill takes few frames that were acknowledged. The order of frames does
// not depend on it: the queue keeps it.
func (s *Server) pushData(p push) error {
	ack, err := s.queue.put(p)
	if err != nil {
		return err
	}
	if ack {
		s.answer(p.packet, PushAck, p.from)
	}
	return nil
}

// pullData remembers where the gateway is and acknowledges.
func (s *Server) pullData(p Packet, from netip.AddrPort, now time.Time) error {
	before, err := s.gateways.pull(p, from, now)
	if err != nil {
		return err
	}
	switch {
	case !before.IsValid():
		s.log.Info("gateway connected", "gateway", p.Gateway, "addr", from)
	case before != from:
		s.log.Info("gateway moved", "gateway", p.Gateway, "addr", from, "before", before)
	}
	s.answer(p, PullAck, from)
	return nil
}

// handOver gives what is queued to the receiver, until the queue is closed.
func (s *Server) handOver(ctx context.Context, r Receiver) error {
	var parser fastjson.Parser
	for p := range s.queue.pushes {
		s.queue.taken(p)
		frames, stats := decodePush(p.packet, &parser, r.Dropped)
		for _, f := range frames {
			f.Heard = p.at
			if err := r.Frame(ctx, f); err != nil {
				return fmt.Errorf("semtech: handing over a frame of gateway %s: %w", f.Gateway, err)
			}
		}
		if stats != nil {
			r.Stats(ctx, *stats)
		}
		if !p.acked {
			s.answer(p.packet, PushAck, p.from)
		}
	}
	return nil
}

// answer acknowledges a datagram. A lost acknowledgement and one that could
// not be sent are the same to a gateway: it goes on.
func (s *Server) answer(p Packet, kind Kind, to netip.AddrPort) {
	data := Packet{Version: p.Version, Token: p.Token, Kind: kind}.Append(make([]byte, 0, 4))
	if _, err := s.conn.WriteToUDPAddrPort(data, to); err != nil {
		s.log.Debug("acknowledgement not sent", "gateway", p.Gateway, "addr", to, "err", err)
	}
}
