package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MaxPayload is the largest payload in bytes that a Client sends: a list of
// some 50,000 devices, and far more than any batch. A broker that sends more
// loses the connection.
const MaxPayload = 16 << 20

// Window is how many messages of one Client can be waiting for their
// acknowledgement at the same time.
const Window = 64

const (
	connectTimeout = 10 * time.Second // name lookup, TCP, TLS and CONNACK together
	keepAlive      = 30 * time.Second
	pingTimeout    = 10 * time.Second
	writeTimeout   = 10 * time.Second // one packet, or waiting for the one before it
	ackTimeout     = 30 * time.Second // PUBACK, which may wait behind large messages of both sides
	closeTimeout   = 2 * time.Second  // farewell and DISCONNECT
	firstBackoff   = time.Second
	lastBackoff    = 30 * time.Second
)

// ErrNotConnected is returned for a message that was not sent because there
// is no connection at the moment.
var ErrNotConnected = errors.New("no connection to the MQTT broker")

// ErrBusy is returned to a Handler that publishes while Window messages are
// unacknowledged: waiting there could last for ever.
var ErrBusy = errors.New("too many unacknowledged MQTT messages")

// Message is one MQTT application message. A received one belongs to the
// receiver; one that is being published must not change until it is done.
type Message struct {
	Topic    string
	Payload  []byte
	QoS      byte // 0 or 1
	Retained bool

	// Connection is the number, from 1, of the connection on which a message
	// came.
	Connection uint64

	// Ack tells the broker that a message was dealt with, in a Session alone.
	// It may be called later and by any goroutine; messages are acknowledged in
	// the order in which they came (MQTT 3.1.1 §4.6). After the connection is
	// lost it does nothing: the broker sends the message again.
	Ack func()
}

// Handler receives the messages of one subscription, one at a time and in the
// order in which the broker sent them.
//
// While it runs, nothing else is received, acknowledgements and answers to
// pings included: it hands the message to a queue of its own. Blocking for a
// moment is back-pressure, blocking for longer than 30 s loses the connection.
// It returns when ctx ends. With ctx it may call PublishAsync, which then
// never waits; Publish refuses ctx.
type Handler func(ctx context.Context, m Message)

// Config says how to reach a broker and as whom.
type Config struct {
	URL      string // tcp://host[:1883] or mqtt://…, with TLS ssl://host[:8883] or mqtts://…
	Username string
	Password string

	// ClientID names the connection. Two clients with the same id at the same
	// broker throw each other out for ever; the caller makes it unique.
	ClientID string

	// Session asks the broker to keep the subscriptions and unacknowledged
	// messages of ClientID while this client is away, for sources that do not
	// send again by themselves. Handlers then call Message.Ack when a message is
	// safe. Without it, messages are acknowledged when their handler returns.
	Session bool

	// TLS is used with ssl:// and mqtts://; nil trusts the roots of the host.
	TLS *tls.Config

	// Will is published by the broker when the connection breaks, and by the
	// Client itself when Run ends in order, so that its reader is always told.
	Will *Message

	// OnUp is called after each connect, when all subscriptions are in place
	// and Publish works; retained messages may have arrived before. Its ctx
	// ends with that connection, and OnDown waits for it to return.
	OnUp func(ctx context.Context)

	// OnDown is called once after each OnUp with the reason, which is nil when
	// Run was asked to end. It must return soon.
	OnDown func(err error)

	Log *slog.Logger
}

// Client is a connection to a broker that is made again whenever it breaks.
// Its methods may be called from several goroutines.
type Client struct {
	cfg     Config
	address string // host:port
	secure  bool
	subs    []subscription
	backoff func(attempt int) time.Duration

	link   atomic.Pointer[link] // nil while there is no usable connection
	links  uint64               // made so far
	window chan struct{}        // one element per unacknowledged message

	mu      sync.Mutex
	state   runState
	pending chan pending // closed when state becomes ended; sent to under mu
}

type subscription struct {
	filter string
	qos    byte
	handle Handler
}

type runState int

const (
	fresh runState = iota
	running
	ended
)

// New checks cfg and returns a Client that does nothing until Run.
func New(cfg Config) (*Client, error) {
	c := &Client{
		cfg:     cfg,
		backoff: jitteredBackoff,
		window:  make(chan struct{}, Window),
		pending: make(chan pending, Window),
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("MQTT broker URL: %w", err)
	}
	port := "1883"
	switch u.Scheme {
	case "tcp", "mqtt":
	case "ssl", "tls", "mqtts":
		c.secure, port = true, "8883"
	default:
		return nil, fmt.Errorf("MQTT broker URL %q: scheme is %q, want tcp, mqtt, ssl or mqtts like mqtts://broker.example:8883", u.Redacted(), u.Scheme)
	}
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("MQTT broker URL %q: no host", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("MQTT broker URL %q: user and password have their own settings", u.Redacted())
	case cfg.ClientID == "":
		return nil, errors.New("MQTT client id is empty")
	}
	if cfg.Will != nil {
		if err := check(*cfg.Will); err != nil {
			return nil, fmt.Errorf("MQTT will: %w", err)
		}
	}
	if u.Port() != "" {
		port = u.Port()
	}
	c.address = net.JoinHostPort(u.Hostname(), port)
	if c.cfg.Log == nil {
		c.cfg.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Subscribe registers h for the messages that match filter, now and after
// every reconnect. It must be called before Run, with filters that do not
// overlap: a message that matches two of them is handled twice.
func (c *Client) Subscribe(filter string, qos byte, h Handler) {
	c.subs = append(c.subs, subscription{filter: filter, qos: qos, handle: h})
}

// Connected reports whether there is a connection with all subscriptions in
// place. It may break at the next moment.
func (c *Client) Connected() bool {
	l := c.link.Load()
	return l != nil && l.paho.IsConnectionOpen()
}

// errRedeliver ends a connection for the sake of the next one.
var errRedeliver = errors.New("unacknowledged messages are wanted again")

// Redeliver makes a new connection, upon which the broker sends again what a
// Session has not acknowledged. It does nothing while there is no connection.
func (c *Client) Redeliver() {
	if l := c.link.Load(); l != nil {
		l.fail(errRedeliver)
	}
}

// Run connects and stays connected until ctx ends; then it publishes the will,
// disconnects, waits for what it started and returns nil. The broker may be
// away at the start and at any time. An error is returned only for a second
// call: a Client runs once.
func (c *Client) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.state != fresh {
		c.mu.Unlock()
		return errors.New("MQTT client was already run")
	}
	c.state = running
	c.mu.Unlock()

	var acks sync.WaitGroup
	acks.Go(c.finishPending)
	defer acks.Wait()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state = ended
		close(c.pending)
	}()

	for attempt := 0; ctx.Err() == nil; attempt++ {
		began := time.Now()
		err := c.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > lastBackoff {
			attempt = 0 // it worked for a while: whatever broke is new
		}
		delay := c.backoff(attempt)
		if errors.Is(err, errRedeliver) {
			attempt = 0
			c.cfg.Log.Info("connecting again for what is unacknowledged", "broker", c.address, "client_id", c.cfg.ClientID)
			continue
		}
		c.cfg.Log.Warn("no connection to the MQTT broker", "broker", c.address, "client_id", c.cfg.ClientID,
			"err", err, "attempt", attempt+1, "retry_in", delay)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
	return nil
}

// connection makes one connection and returns why there is none any more.
func (c *Client) connection(ctx context.Context) error {
	l, err := c.connect(ctx)
	if err != nil {
		return err
	}
	c.cfg.Log.Info("connected to the MQTT broker", "broker", c.address, "client_id", c.cfg.ClientID)
	c.link.Store(l)

	upCtx, upDone := context.WithCancel(ctx)
	var up sync.WaitGroup
	if c.cfg.OnUp != nil {
		up.Go(func() { c.cfg.OnUp(upCtx) })
	}
	select {
	case err = <-l.lost:
	case <-ctx.Done():
		if c.cfg.Will != nil {
			l.publish(*c.cfg.Will).WaitTimeout(closeTimeout)
		}
	}
	c.link.Store(nil)
	upDone()
	l.close()
	up.Wait()
	if c.cfg.OnDown != nil {
		c.cfg.OnDown(err)
	}
	return err
}

// jitteredBackoff returns how long to wait before trying again: 1 s, doubling
// to 30 s, of which up to a half is left out at random so that a thousand
// edges do not come back in the same instant.
func jitteredBackoff(attempt int) time.Duration {
	d := lastBackoff
	if attempt < 5 {
		d = firstBackoff << attempt
	}
	return d - rand.N(d/2)
}

// check explains why a message cannot be published.
func check(m Message) error {
	switch {
	case m.Topic == "" || strings.ContainsAny(m.Topic, "+#\x00") || len(m.Topic) > 65535:
		return fmt.Errorf("MQTT topic %.128q: want a name without + and #", m.Topic)
	case m.QoS > 1:
		return fmt.Errorf("MQTT message on %s has QoS %d, want 0 or 1", m.Topic, m.QoS)
	case len(m.Payload) > MaxPayload:
		return fmt.Errorf("MQTT message on %s has %d bytes, at most %d are allowed", m.Topic, len(m.Payload), MaxPayload)
	}
	return nil
}
