package basicstation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"modellregion/edge/radio"
)

// ErrNoGateway is returned for a downlink to a gateway that is not connected.
var ErrNoGateway = errors.New("gateway is not connected")

var (
	errGone   = errors.New("gateway has disconnected")
	errSilent = errors.New("no dntxed")
)

// Send asks the gateway to put d on the air and waits for its word that it
// has. It returns which of the windows the gateway used, the first when that
// cannot be told.
//
// A window at once is tried when those before it gave no such word until two
// seconds after the last of them. A gateway that has sent, but did not say so,
// then sends the same frame again, which its counter makes harmless to the
// device. The other windows after the first are offered to the gateway when
// they are a second behind it, else left out.
//
// The error is ErrNoGateway when the gateway is not connected. The protocol
// has no word for a refusal: it is a time-out, as a lost connection in the
// wrong moment leaves open whether the frame was sent. The power is the
// gateway's choice.
func (s *Server) Send(ctx context.Context, d radio.Downlink) (used int, err error) {
	used, err = s.send(ctx, d)
	if err != nil {
		return 0, fmt.Errorf("downlink to gateway %s: %w", d.Gateway, err)
	}
	return used, nil
}

func (s *Server) send(ctx context.Context, d radio.Downlink) (used int, err error) {
	s.mu.Lock()
	c := s.gateways[d.Gateway]
	s.mu.Unlock()
	if c == nil {
		return 0, ErrNoGateway
	}
	attempts, err := s.plan.attempts(d)
	if err != nil {
		return 0, err
	}
	for _, a := range attempts {
		s.mu.Lock()
		s.downlinks++
		a.message.ID = s.downlinks
		s.mu.Unlock()
		used, err = c.try(ctx, a)
		if !errors.Is(err, errSilent) {
			break
		}
	}
	return used, err
}

// try sends one message and waits for its dntxed.
func (c *conn) try(ctx context.Context, a attempt) (used int, err error) {
	done := c.expect(a.message.ID)
	defer c.forget(a.message.ID)
	if err := c.write(a.message); err != nil {
		return 0, err
	}
	timeout := time.NewTimer(a.within())
	defer timeout.Stop()
	select {
	case xtime := <-done:
		return a.used(xtime), nil
	case <-c.gone:
		return 0, errGone
	case <-timeout.C:
		return 0, fmt.Errorf("%w within %s", errSilent, a.within())
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// expect returns a channel that gets the xtime of the downlink's dntxed.
func (c *conn) expect(id int64) <-chan int64 {
	done := make(chan int64, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[id] = done
	return done
}

func (c *conn) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// dntxed tells the Send that waits for it.
func (c *conn) dntxed(data []byte) error {
	var m struct {
		ID    int64 `json:"diid"`
		XTime int64 `json:"xtime"` // of the beginning of the transmission
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	c.mu.Lock()
	done, ok := c.waiting[m.ID]
	delete(c.waiting, m.ID)
	c.mu.Unlock()
	if !ok {
		return dropf(DropUnexpected, "diid is %d, which nobody waits for", m.ID)
	}
	c.sent.Add(1)
	done <- m.XTime // has room: it is sent to once
	return nil
}
