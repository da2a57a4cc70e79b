package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// link is one connection. Every connection has a paho client of its own:
// paho's own reconnect keeps messages and tokens of the old connection, loses
// their order and forgets errors, and a paho client that was disconnected
// must not be used again.
type link struct {
	paho paho.Client
	lost chan error    // receives the reason when the connection breaks
	down chan struct{} // closed when no acknowledgement can come any more
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
		return &guard{Conn: conn, filters: len(c.filters())}, nil
	})
	opts.SetConnectionLostHandler(func(_ paho.Client, err error) {
		select {
		case l.lost <- err:
		default:
		}
	})
	l.paho = paho.NewClient(opts)
	// Routes exist before the connection does, so that no retained message
	// arrives without a handler.
	hctx := context.WithValue(ctx, handling{}, true)
	for _, s := range c.subs {
		l.paho.AddRoute(s.filter, func(_ paho.Client, m paho.Message) {
			s.handle(hctx, Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retained: m.Retained()})
		})
	}

	token := l.paho.Connect()
	<-token.Done() // bounded by connectTimeout and ctx
	release()
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to MQTT broker %s: %w", c.address, err)
	}
	if err := c.subscribe(ctx, l); err != nil {
		l.close()
		return nil, fmt.Errorf("subscribe at MQTT broker %s: %w", c.address, err)
	}
	return l, nil
}

func (c *Client) options() *paho.ClientOptions {
	opts := paho.NewClientOptions().
		AddBroker("tcp://" + c.address).
		SetClientID(c.cfg.ClientID).
		SetProtocolVersion(4).
		SetCleanSession(true).
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

func (c *Client) subscribe(ctx context.Context, l *link) error {
	if len(c.subs) == 0 {
		return nil
	}
	token := l.paho.SubscribeMultiple(c.filters(), nil).(*paho.SubscribeToken)
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	select {
	case <-token.Done():
	case err := <-l.lost:
		return err
	case <-timeout.C:
		return errors.New("the broker does not answer")
	case <-ctx.Done():
		return ctx.Err()
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

// close ends the connection, if it is still up, and waits for its goroutines.
func (l *link) close() {
	close(l.down)
	l.paho.Disconnect(uint(closeTimeout.Milliseconds()))
}
