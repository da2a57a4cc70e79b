package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
)

// Config says where a Broker listens and who may use it.
type Config struct {
	Addr       string      // host:port; port 0 takes a free one
	TLS        *tls.Config // required outside loopback
	Identities []Identity
	Log        *slog.Logger

	// Public lets clients without a user name read topics below PublicRoot, and
	// do nothing else: no will, no publish, no wildcard, QoS 0.
	Public        bool
	PublicClients int // at once; 0: 500
	// OnPublicTopic is told when somebody wants a topic that nobody did, and
	// when nobody does any more, one call at a time and in order. It may call
	// Publish, even so that the message is there for who has come; it must not
	// wait. nil: nobody is told.
	OnPublicTopic func(topic string, wanted bool)
}

// Stats are counters since the start; Connected is the number now.
type Stats struct {
	Connected        int64  // clients logged in
	Rejected         uint64 // connections closed before a login was tried: garbage, silence, too many
	BadLogins        uint64 // wrong user or password, or a will on a topic of others
	DeniedPublishes  uint64 // on a topic the client may not use
	DeniedSubscribes uint64
	Received         int64 // messages from clients
	Sent             int64 // messages to clients
	Dropped          int64 // messages to clients that did not keep up
	Retained         int64 // retained messages now
	Public           PublicStats
}

// Broker is an MQTT 3.1.1 and 5 broker without a disk.
type Broker struct {
	server   *mochi.Server
	listener *listener
	hook     *hook
	readers  *readers // nil: nobody without a login
	log      *slog.Logger
}

// Listen opens the port. Clients are served by Run.
func Listen(cfg Config) (*Broker, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	as, err := newAccounts(cfg.Identities)
	if err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("open MQTT port: %w", err)
	}
	if cfg.TLS == nil && !tcp.Addr().(*net.TCPAddr).IP.IsLoopback() {
		tcp.Close()
		return nil, fmt.Errorf("MQTT address %s is not loopback: passwords and keys cross the network there, TLS is required", cfg.Addr)
	}
	if cfg.TLS != nil {
		tcp = tls.NewListener(tcp, cfg.TLS)
	}
	b := &Broker{listener: newListener(tcp, cfg.Log), hook: &hook{log: cfg.Log, current: map[string]*conn{}}, log: cfg.Log}
	b.hook.accounts.Store(&as)
	b.server = mochi.New(&mochi.Options{
		Capabilities: capabilities(),
		Logger:       slog.New(slog.DiscardHandler), // it logs packets with their contents
		// $SYS topics, which nobody may read: each round stops the world.
		SysTopicResendInterval: math.MaxInt32,
	})
	if cfg.Public {
		b.readers, err = newReaders(cfg)
		b.listener.readers = b.readers
	}
	if err := errors.Join(err, b.server.AddHook(b.hook, nil), b.server.AddListener(b.listener)); err != nil {
		tcp.Close()
		return nil, fmt.Errorf("prepare MQTT broker: %w", err)
	}
	return b, nil
}

// capabilities are the library's limits.
func capabilities() *mochi.Capabilities {
	c := mochi.NewDefaultServerCapabilities()
	// By default everything is deleted after 24 h, retained device lists too.
	c.MaximumMessageExpiryInterval = 0
	// Messages waiting for one client, beyond which they are dropped and
	// counted: four edges with a full window of single uplinks. It costs 8
	// bytes each per connection.
	c.MaximumClientWritesPending = 16 << 10
	c.MaximumInflight = math.MaxUint16
	c.MaximumSessionExpiryInterval = 0
	c.MaximumPacketSize = maxPlatform
	c.MaximumQos = 1 // the contract has no QoS 2
	// A topic alias is resolved after the access check.
	c.TopicAliasMaximum = 0
	return c
}

// Addr returns the address in use, with the real port.
func (b *Broker) Addr() net.Addr { return b.listener.Addr() }

// Run serves until ctx ends; then it closes all connections, waits for them
// and returns nil. It must be called once.
func (b *Broker) Run(ctx context.Context) error {
	if b.readers != nil {
		if err := b.readers.server.Serve(); err != nil {
			return fmt.Errorf("serve MQTT for readers: %w", err)
		}
	}
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("serve MQTT: %w", err)
	}
	b.log.Info("MQTT broker ready", "addr", b.Addr().String())
	<-ctx.Done()
	err := b.server.Close() // with the connections of readers
	if b.readers != nil {
		err = errors.Join(err, b.readers.server.Close())
	}
	if err != nil {
		return fmt.Errorf("close MQTT broker: %w", err)
	}
	return nil
}

// SetIdentities replaces all identities while the broker runs. Clients whose
// identity is gone, or has another password or other rights, are disconnected.
func (b *Broker) SetIdentities(ids []Identity) error {
	as, err := newAccounts(ids)
	if err != nil {
		return err
	}
	old := *b.hook.accounts.Swap(&as)
	for _, cl := range b.server.Clients.GetAll() {
		user := cl.Properties.Username
		if now, still := as[string(user)]; !still || now != old[string(user)] {
			// Not cl.Stop: when that comes while a packet is dealt with, mochi takes
			// the end for an orderly one and keeps the will to itself.
			if cl.Net.Conn != nil {
				_ = cl.Net.Conn.Close()
			}
		}
	}
	return nil
}

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	info := b.server.Info
	s := Stats{
		Connected:        atomic.LoadInt64(&info.ClientsConnected),
		Rejected:         b.listener.rejected.Load(),
		BadLogins:        b.hook.badLogins.Load(),
		DeniedPublishes:  b.hook.deniedPublishes.Load(),
		DeniedSubscribes: b.hook.deniedSubscribes.Load(),
		Received:         atomic.LoadInt64(&info.MessagesReceived),
		Sent:             atomic.LoadInt64(&info.MessagesSent),
		Dropped:          atomic.LoadInt64(&info.MessagesDropped) + atomic.LoadInt64(&info.InflightDropped),
		Retained:         atomic.LoadInt64(&info.Retained),
	}
	if b.readers != nil {
		s.Public = b.readers.stats()
	}
	return s
}
