package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// link is one connection. Every connection has a paho client of its own:
// paho's own reconnect keeps messages and tokens of the old connection, loses
// their order and forgets errors, and a paho client that was disconnected
// must not be used again.
type link struct {
	paho paho.Client
	conn *conn
	lost chan error     // receives the reason when the connection breaks
	down chan struct{}  // closed when no acknowledgement can come any more
	work sync.WaitGroup // waits for a SUBACK
}

// handling marks the context of a Handler.
type handling struct{}

// connect dials, logs in and subscribes. When it fails nothing is left behind.
func (c *Client) connect(ctx context.Context) (*link, error) {
	l := &link{lost: make(chan error, 1), down: make(chan struct{})}
	release := func() bool { return true }
	opts := c.options()
	opts.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		conn, err := c.dial(ctx)
		if err != nil {
			return nil, err
		}
		// paho knows no context: the end of ours ends the handshake.
		release = context.AfterFunc(ctx, func() { conn.Close() })
		l.conn = newConn(conn, len(c.filters()))
		return l.conn, nil
	})
	opts.SetConnectionLostHandler(func(_ paho.Client, err error) { l.fail(err) })
	// There is a handler before there is a connection, so that no message that
	// is retained, or that a session kept, arrives without one.
	c.links++
	hctx, number := context.WithValue(ctx, handling{}, true), c.links
	opts.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { c.dispatch(hctx, l, number, m) })
	l.paho = paho.NewClient(opts)

	token := l.paho.Connect()
	<-token.Done() // bounded by connectTimeout and ctx
	release()
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to MQTT broker %s: %w", c.address, err)
	}
	if c.cfg.Session && len(c.subs) > 0 {
		// The SUBACK comes behind all that the session has kept, which may be
		// taken only after something else works again.
		l.work.Go(func() {
			if err := c.subscribed(l.subscribe(c), l.down); err != nil {
				l.fail(fmt.Errorf("subscribe at MQTT broker %s: %w", c.address, err))
			}
		})
		return l, nil
	}
	if err := c.subscribe(ctx, l); err != nil {
		l.close()
		return nil, fmt.Errorf("subscribe at MQTT broker %s: %w", c.address, err)
	}
	return l, nil
}

// dispatch gives a message to its handlers. Paho's own routes take each topic
// apart for each filter.
func (c *Client) dispatch(ctx context.Context, l *link, connection uint64, m paho.Message) {
	message := Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retained: m.Retained(), Connection: connection}
	if c.cfg.Session {
		// Paho's Ack would keep the whole message until it is called, and hands
		// each from goroutine to goroutine.
		id, conn := m.MessageID(), l.conn
		message.Ack = func() { conn.acknowledge(id) }
		if m.Qos() == 0 {
			message.Ack = func() {}
		}
	}
	for i := range c.subs {
		if s := &c.subs[i]; len(c.subs) == 1 || matches(s.filter, message.Topic) {
			s.handle(ctx, message)
		}
	}
}

// matches reports whether a topic is among those that a filter names (MQTT
// 3.1.1 §4.7); of a shared subscription ($share/group/filter) the last part is
// the filter.
func matches(filter, topic string) bool {
	if shared, ok := strings.CutPrefix(filter, "$share/"); ok {
		_, filter, _ = strings.Cut(shared, "/")
	}
	for {
		want, filterRest, moreFilter := strings.Cut(filter, "/")
		level, topicRest, moreTopic := strings.Cut(topic, "/")
		switch {
		case want == "#":
			return true
		case want != "+" && want != level:
			return false
		case !moreTopic:
			return !moreFilter || filterRest == "#"
		case !moreFilter:
			return false
		}
		filter, topic = filterRest, topicRest
	}
}

func (c *Client) options() *paho.ClientOptions {
	opts := paho.NewClientOptions().
		AddBroker("tcp://" + c.address).
		SetClientID(c.cfg.ClientID).
		SetProtocolVersion(4).
		SetCleanSession(!c.cfg.Session).
		SetAutoAckDisabled(c.cfg.Session).
		SetStore(noStore{}).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetConnectTimeout(connectTimeout).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingTimeout).
		SetWriteTimeout(writeTimeout)
	if c.cfg.Username != "" {
		opts.SetUsername(c.cfg.Username).SetPassword(c.cfg.Password)
	}
	if w := c.cfg.Will; w != nil {
		opts.SetBinaryWill(w.Topic, w.Payload, w.QoS, w.Retained)
	}
	return opts
}

// noStore keeps nothing: what paho would keep until it is acknowledged is for a
// client that connects again, which ours never do.
type noStore struct{}

// Open implements paho.Store.
func (noStore) Open() {}

// Put implements paho.Store.
func (noStore) Put(string, packets.ControlPacket) {}

// Get implements paho.Store.
func (noStore) Get(string) packets.ControlPacket { return nil }

// All implements paho.Store.
func (noStore) All() []string { return nil }

// Del implements paho.Store.
func (noStore) Del(string) {}

// Close implements paho.Store.
func (noStore) Close() {}

// Reset implements paho.Store.
func (noStore) Reset() {}

// dial opens the network connection. The name is looked up anew every time: a
// broker that moved is found.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil || !c.secure {
		return conn, err
	}
	cfg := &tls.Config{}
	if c.cfg.TLS != nil {
		cfg = c.cfg.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(c.address)
	}
	tlsConn := tls.Client(conn, cfg)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return tlsConn, nil
}

// subscribe subscribes and waits for the answer.
func (c *Client) subscribe(ctx context.Context, l *link) error {
	if len(c.subs) == 0 {
		return nil
	}
	giveUp := make(chan struct{})
	timeout := time.AfterFunc(connectTimeout, func() { close(giveUp) })
	defer timeout.Stop()
	token := l.subscribe(c)
	select {
	case <-token.Done():
		return c.subscribed(token, giveUp)
	case err := <-l.lost:
		return err
	case <-giveUp:
		return errors.New("the broker does not answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *link) subscribe(c *Client) *paho.SubscribeToken {
	return l.paho.SubscribeMultiple(c.filters(), nil).(*paho.SubscribeToken)
}

// subscribed waits for the answer to a SUBSCRIBE until giveUp is closed, and
// says what was refused.
func (c *Client) subscribed(token *paho.SubscribeToken, giveUp <-chan struct{}) error {
	select {
	case <-token.Done():
	case <-giveUp:
		return nil
	}
	if err := token.Error(); err != nil {
		return err
	}
	for filter, code := range token.Result() {
		if code > 2 { // MQTT 3.1.1 §3.9.3: 0x80 is failure
			return fmt.Errorf("the broker refuses %q to user %q", filter, c.cfg.Username)
		}
	}
	return nil
}

// filters returns all subscriptions with their QoS.
func (c *Client) filters() map[string]byte {
	filters := make(map[string]byte, len(c.subs))
	for _, s := range c.subs {
		filters[s.filter] = s.qos
	}
	return filters
}

func (l *link) publish(m Message) paho.Token {
	return l.paho.Publish(m.Topic, m.QoS, m.Retained, m.Payload)
}

// fail says why the connection is over, unless that was said before.
func (l *link) fail(err error) {
	select {
	case l.lost <- err:
	default:
	}
}

// close ends the connection, if it is still up, and waits for its goroutines.
func (l *link) close() {
	close(l.down)
	l.paho.Disconnect(uint(closeTimeout.Milliseconds()))
	l.work.Wait()
}
