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
	Addr       string // host:port of loopback, without TLS; port 0 takes a free one
	Identities []Identity

	// TLSAddr is where clients of other machines connect; empty: nowhere. TLS
	// has the certificate, and as ClientCAs the authority of clients that log in
	// with one of theirs.
	TLSAddr string
	TLS     *tls.Config

	Log *slog.Logger

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
	Certificates     CertificateStats
	DeniedPublishes  uint64 // on a topic the client may not use
	DeniedSubscribes uint64
	Received         int64 // messages from clients
	Sent             int64 // messages to clients
	Dropped          int64 // messages to clients that did not keep up
	Retained         int64 // retained messages now
	Public           PublicStats
}

// CertificateStats count since the start what came of certificates of clients
// that are no good.
type CertificateStats struct {
	Untrusted uint64 // connections refused: of another authority, or not for a client
	Expired   uint64 // likewise: its time is over, or that of the credential
	Revoked   uint64 // likewise: not among those of its identity, or not any more
	OtherUser uint64 // likewise: with a user name that is not in the certificate
	Cut       uint64 // connections ended later, since what they logged in with counts no more
}

// Broker is an MQTT 3.1.1 and 5 broker without a disk.
type Broker struct {
	server   *mochi.Server
	listener *listener // of loopback
	secure   *listener // of other machines, or nil
	hook     *hook
	readers  *readers // nil: nobody without a login
	log      *slog.Logger
}

// Listen opens the ports. Clients are served by Run.
func Listen(cfg Config) (*Broker, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	as, err := newAccounts(cfg.Identities)
	if err != nil {
		return nil, err
	}
	b := &Broker{hook: &hook{log: cfg.Log, current: map[string]*conn{}}, log: cfg.Log}
	b.hook.accounts.Store(&as)
	if err := b.open(cfg); err != nil {
		return nil, errors.Join(err, b.closePorts())
	}
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
	err = errors.Join(err, b.server.AddHook(b.hook, nil), b.server.AddListener(b.listener))
	if b.secure != nil {
		err = errors.Join(err, b.server.AddListener(b.secure))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare MQTT broker: %w", err), b.closePorts())
	}
	return b, nil
}

// open opens the ports.
func (b *Broker) open(cfg Config) error {
	tcp, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("open MQTT port: %w", err)
	}
	b.listener = newListener("tcp", tcp, b.hook)
	if !tcp.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return fmt.Errorf("MQTT address %s is not loopback: passwords and keys cross the network there, want TLS", cfg.Addr)
	}
	if cfg.TLSAddr == "" {
		return nil
	}
	if cfg.TLS == nil {
		return fmt.Errorf("MQTT address %s is for TLS, and there is no certificate", cfg.TLSAddr)
	}
	tcp, err = net.Listen("tcp", cfg.TLSAddr)
	if err != nil {
		return fmt.Errorf("open MQTT port for TLS: %w", err)
	}
	b.secure = newListener("tls", tcp, b.hook)
	b.secure.tls = cfg.TLS.Clone()
	b.secure.tls.MinVersion = max(b.secure.tls.MinVersion, tls.VersionTLS12)
	b.secure.tls.SessionTicketsDisabled = true // what a ticket remembers nobody has verified again
	if b.secure.tls.ClientCAs != nil {
		b.secure.tls.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return nil
}

// closePorts closes what open has opened.
func (b *Broker) closePorts() (err error) {
	for _, l := range b.listeners() {
		err = errors.Join(err, l.Listener.Close())
	}
	return err
}

// listeners are those that there are.
func (b *Broker) listeners() (all []*listener) {
	for _, l := range []*listener{b.listener, b.secure} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
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

// TLSAddr returns the address for other machines in use, or nil.
func (b *Broker) TLSAddr() net.Addr {
	if b.secure == nil {
		return nil
	}
	return b.secure.Addr()
}

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
	facts := []any{"addr", b.Addr().String()}
	if b.secure != nil {
		facts = append(facts, "tls_addr", b.secure.Addr().String())
	}
	b.log.Info("MQTT broker ready", facts...)
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
// identity is gone, has other rights, or has not any more what they logged in
// with, are disconnected.
func (b *Broker) SetIdentities(ids []Identity) error {
	as, err := newAccounts(ids)
	if err != nil {
		return err
	}
	b.hook.replace(as)
	return nil
}

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	info := b.server.Info
	s := Stats{
		Connected: atomic.LoadInt64(&info.ClientsConnected),
		BadLogins: b.hook.badLogins.Load(),
		Certificates: CertificateStats{
			Untrusted: b.hook.untrusted.Load(), Expired: b.hook.expired.Load(), Revoked: b.hook.revoked.Load(),
			OtherUser: b.hook.otherUser.Load(), Cut: b.hook.cut.Load(),
		},
		DeniedPublishes:  b.hook.deniedPublishes.Load(),
		DeniedSubscribes: b.hook.deniedSubscribes.Load(),
		Received:         atomic.LoadInt64(&info.MessagesReceived),
		Sent:             atomic.LoadInt64(&info.MessagesSent),
		Dropped:          atomic.LoadInt64(&info.MessagesDropped) + atomic.LoadInt64(&info.InflightDropped),
		Retained:         atomic.LoadInt64(&info.Retained),
	}
	for _, l := range b.listeners() {
		s.Rejected += l.rejected.Load()
	}
	if b.readers != nil {
		s.Public = b.readers.stats()
	}
	return s
}
