package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// pending is a message that was handed to the network and is not yet
// acknowledged.
type pending struct {
	topic    string
	token    paho.Token
	down     <-chan struct{} // of its connection
	deadline time.Time
	done     func(error)
}

// Publish sends a message and waits until the broker has acknowledged it (QoS
// 1) or it is written to the connection (QoS 0), until ctx ends, or for 30 s.
// Without a connection it returns ErrNotConnected at once. After an error the
// message may have arrived nevertheless.
//
// When the link dies in the middle of a write, it can outlast ctx by 10 s.
func (c *Client) Publish(ctx context.Context, m Message) error {
	if ctx.Value(handling{}) != nil {
		return errors.New("publish in an MQTT handler: the acknowledgement may wait behind the message that is being handled; use PublishAsync")
	}
	done := make(chan error, 1)
	if err := c.PublishAsync(ctx, m, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for acknowledgement of MQTT message on %s: %w", m.Topic, ctx.Err())
	}
}

// PublishAsync sends a message and returns; done is called exactly once, with
// nil when the broker has acknowledged it. When PublishAsync itself returns an
// error the message was not sent and done is not called.
//
// While Window messages are unacknowledged it waits, until ctx ends, or in a
// Handler returns ErrBusy. All done functions are called one after the other
// on a goroutine of the Client: they must return soon and not publish.
func (c *Client) PublishAsync(ctx context.Context, m Message, done func(error)) error {
	if err := check(m); err != nil {
		return err
	}
	l := c.link.Load()
	if l == nil {
		return ErrNotConnected
	}
	if err := c.acquire(ctx); err != nil {
		return fmt.Errorf("publish on %s: %w", m.Topic, err)
	}
	p := pending{
		topic:    m.Topic,
		token:    l.publish(m),
		down:     l.down,
		deadline: time.Now().Add(ackTimeout),
		done:     done,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != running {
		<-c.window
		return ErrNotConnected
	}
	c.pending <- p // has room for the whole window
	return nil
}

// acquire takes a place in the window.
func (c *Client) acquire(ctx context.Context) error {
	select {
	case c.window <- struct{}{}:
		return nil
	default:
	}
	if ctx.Value(handling{}) != nil {
		return ErrBusy
	}
	select {
	case c.window <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finishPending reports the outcome of every message in the order of sending,
// in which brokers acknowledge, until Run has ended.
func (c *Client) finishPending() {
	for p := range c.pending {
		err := p.wait()
		<-c.window
		p.done(err)
	}
}

func (p pending) wait() error {
	timeout := time.NewTimer(time.Until(p.deadline))
	defer timeout.Stop()
	select {
	case <-p.token.Done():
	case <-p.down:
		select {
		case <-p.token.Done(): // it was acknowledged before
		default:
			return fmt.Errorf("publish on %s: connection lost before the acknowledgement", p.topic)
		}
	case <-timeout.C:
		return fmt.Errorf("publish on %s: no acknowledgement within %v", p.topic, ackTimeout)
	}
	if err := p.token.Error(); err != nil {
		return fmt.Errorf("publish on %s: %w", p.topic, err)
	}
	return nil
}
