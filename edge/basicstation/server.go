package basicstation

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
	"github.com/gorilla/websocket"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"modellregion/edge/radio"
)

// Receiver is what the server hands its work to.
type Receiver interface {
	// Frame takes one reception. It may block while the receiver has no
	// room; meanwhile a bounded queue fills. An error ends the server.
	Frame(ctx context.Context, f radio.Frame) error
	// Stats takes what the server counted of a gateway in the last 30
	// seconds, for gateways of this protocol report nothing themselves. It
	// may be called by several goroutines at once.
	Stats(ctx context.Context, s radio.Stats)
	// Dropped tells of a connection or a message that was not used. The
	// reason is one of the Drop words. It may be called by several
	// goroutines at once.
	Dropped(reason string, err error)
	// Unknown tells, in addition to Dropped, of a gateway that is not on
	// the allow-list and of the address, host:port, that it came from: at
	// most once a second for each gateway, and of 1024 gateways a second. It
	// may be called by several goroutines at once.
	Unknown(gateway lorawan.EUI64, from string)
}

// Options are the choices of an operator.
type Options struct {
	Band band.Name // the radio plan gateways are told: band.EU868, also when empty, or band.US915

	// TLS is required outside loopback. When it verifies client
	// certificates, their common name must be the gateway's EUI.
	TLS *tls.Config
	// Token returns the token of a gateway, which it has to send as its
	// Authorization header, with or without "Bearer"; empty: it may not
	// connect. Nil: no token is asked for. It may be called by several
	// goroutines at once.
	Token func(gateway lorawan.EUI64) string
	Allow []lorawan.EUI64 // the gateways that are served; empty: every gateway
	Log   *slog.Logger    // nil: none
}

const (
	maxGateways = 4096
	maxConns    = maxGateways + 256 // strangers and gateways that ask where to go included
	queueLength = 512               // frames waiting for the receiver
	helloWithin = 10 * time.Second  // for a request, and for all of discovery
	maxHeader   = 16 << 10          // bytes
)

// Server is the network's end of the protocol on one TCP port. Its methods may
// be used by several goroutines at once.
type Server struct {
	listener net.Listener
	plan     *plan
	opts     Options
	log      *slog.Logger
	allow    map[lorawan.EUI64]bool

	strangers strangers

	mu        sync.Mutex
	closed    bool
	handlers  sync.WaitGroup // added to under mu while not closed
	gateways  map[lorawan.EUI64]*conn
	downlinks int64 // the diid used last
}

// Listen opens the port at addr, host:port; port 0 takes a free one. Run must
// follow, it closes the port.
func Listen(addr string, opts Options) (*Server, error) {
	s, err := newServer(opts)
	if err != nil {
		return nil, fmt.Errorf("basicstation: %w", err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("basicstation: %w", err)
	}
	if opts.TLS == nil && !l.Addr().(*net.TCPAddr).IP.IsLoopback() { // the only type a TCP listener has
		l.Close()
		return nil, fmt.Errorf("basicstation: address %s is not loopback: anybody could pretend to be a gateway there, TLS is required", addr)
	}
	if opts.TLS != nil && opts.TLS.ClientAuth == tls.NoClientCert && opts.Token == nil {
		s.log.Warn("gateways are not authenticated, neither by certificate nor by token", "addr", addr)
	}
	s.listener = l
	return s, nil
}

// newServer returns a server without a port.
func newServer(opts Options) (*Server, error) {
	p, err := newPlan(opts.Band)
	if err != nil {
		return nil, err
	}
	if t := opts.TLS; t != nil {
		switch t.ClientAuth {
		case tls.RequestClientCert, tls.RequireAnyClientCert:
			return nil, errors.New("TLS asks for client certificates without verifying them")
		}
		opts.TLS = t.Clone()
		opts.TLS.NextProtos = []string{"http/1.1"} // a WebSocket cannot be had from HTTP/2
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		plan: p, opts: opts, log: opts.Log,
		gateways: make(map[lorawan.EUI64]*conn),
		// So that a dntxed for a downlink of an earlier run is not mistaken
		// for that of a new one.
		downlinks: time.Now().UnixMilli(),
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
	return s.listener.Addr().(*net.TCPAddr).AddrPort() // the only type a TCP listener has
}

// Run serves until ctx ends, then closes the port and all connections and
// returns nil. It returns an error when the receiver does, or when the port
// fails. It can be called once.
func (s *Server) Run(ctx context.Context, r Receiver) error {
	g, running := errgroup.WithContext(ctx)
	frames := make(chan radio.Frame, queueLength)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /router-info", s.handler(func(w http.ResponseWriter, req *http.Request) { s.discover(w, req, r) }))
	mux.HandleFunc("GET /gateway/{eui}", s.handler(func(w http.ResponseWriter, req *http.Request) { s.station(w, req, r, frames) }))
	server := &http.Server{
		Handler:        mux,
		ReadTimeout:    helloWithin, // these two end when a request becomes a WebSocket
		WriteTimeout:   helloWithin,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // of strangers' handshakes
		BaseContext:    func(net.Listener) context.Context { return running },
	}
	g.Go(func() error {
		<-running.Done()
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		return server.Close()
	})
	g.Go(func() error {
		l := netutil.LimitListener(s.listener, maxConns)
		if s.opts.TLS != nil {
			l = tls.NewListener(l, s.opts.TLS)
		}
		err := server.Serve(l)
		if running.Err() != nil {
			return running.Err()
		}
		return fmt.Errorf("basicstation: serving: %w", err)
	})
	g.Go(func() error { return handOver(running, r, frames) })
	err := g.Wait()
	s.handlers.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// handOver gives the frames to the receiver.
func handOver(ctx context.Context, r Receiver, frames <-chan radio.Frame) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-frames:
			if err := r.Frame(ctx, f); err != nil {
				return fmt.Errorf("basicstation: handing over a frame of gateway %s: %w", f.Gateway, err)
			}
		}
	}
}

// handler lets Run wait for h, which the HTTP server does not once h has taken
// its connection over.
func (s *Server) handler(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.handlers.Add(1)
		s.mu.Unlock()
		defer s.handlers.Done()
		h(w, req)
	}
}

// admit says whether the sender of a request may be that gateway, and tells
// the receiver of one that is not allowed.
func (s *Server) admit(req *http.Request, gateway lorawan.EUI64, r Receiver) error {
	if s.allow != nil && !s.allow[gateway] {
		if s.strangers.due(gateway, time.Now()) {
			r.Unknown(gateway, req.RemoteAddr)
		}
		return dropf(DropGateway, "gateway %s is not allowed", gateway)
	}
	if req.TLS != nil && len(req.TLS.VerifiedChains) > 0 {
		name := req.TLS.VerifiedChains[0][0].Subject.CommonName
		if eui, err := parseEUI(name); err != nil || eui != gateway {
			return dropf(DropAuth, "gateway %s has the certificate of %.64q", gateway, name)
		}
	}
	if s.opts.Token == nil {
		return nil
	}
	want, got := s.opts.Token(gateway), strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if want == "" || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return dropf(DropAuth, "gateway %s has a wrong token or none", gateway)
	}
	return nil
}

// station serves a gateway on its own endpoint.
func (s *Server) station(w http.ResponseWriter, req *http.Request, r Receiver, frames chan<- radio.Frame) {
	gateway, err := parseEUI(req.PathValue("eui"))
	if err == nil {
		err = s.admit(req, gateway, r)
	}
	if err != nil {
		r.Dropped(dropReason(err), fmt.Errorf("from %s: %w", req.RemoteAddr, err))
		http.Error(w, "not a gateway of this network", http.StatusForbidden)
		return
	}
	ws, err := upgrade(w, req)
	if err != nil {
		r.Dropped(DropMalformed, fmt.Errorf("from %s: gateway %s: %w", req.RemoteAddr, gateway, err))
		return
	}
	defer ws.Close()
	ctx, stop := context.WithCancel(req.Context())
	defer stop()
	c := &conn{
		gateway: gateway, plan: s.plan, ws: ws, log: s.log, stop: stop,
		gone: make(chan struct{}), waiting: make(map[int64]chan<- int64),
	}
	defer close(c.gone)
	if err := s.register(c); err != nil {
		r.Dropped(dropReason(err), fmt.Errorf("from %s: %w", req.RemoteAddr, err))
		return
	}
	defer s.unregister(c)
	s.log.Info("gateway connected", "gateway", gateway, "addr", req.RemoteAddr)
	err = c.run(ctx, r, frames)
	s.log.Info("gateway disconnected", "gateway", gateway, "addr", req.RemoteAddr, "err", err)
}

// register makes c the connection of its gateway. An earlier one is closed:
// most likely the gateway has noticed its end before the server.
func (s *Server) register(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.gateways[c.gateway]
	if old != nil {
		old.stop()
	} else if len(s.gateways) >= maxGateways {
		return dropf(DropGateway, "gateway %s is one more than the %d that are served", c.gateway, maxGateways)
	}
	s.gateways[c.gateway] = c
	return nil
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gateways[c.gateway] == c {
		delete(s.gateways, c.gateway)
	}
}

// upgrade makes a WebSocket of a request. It refuses the pages of other
// origins, should a browser be where the server is. On an error the request
// is answered.
func upgrade(w http.ResponseWriter, req *http.Request) (*websocket.Conn, error) {
	u := websocket.Upgrader{HandshakeTimeout: helloWithin}
	return u.Upgrade(w, req, nil)
}
