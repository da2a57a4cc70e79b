package basicstation

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"modellregion/edge/radio"
)

// dnmsg asks a gateway to put a frame on the air, RxDelay after the uplink
// with that xtime. The second receive window is left out: which one is used is
// for the edge to choose, and each is a first one to the gateway.
type dnmsg struct {
	MsgType  string `json:"msgtype"`
	DevEui   string `json:"DevEui"`
	Class    int    `json:"dC"` // 0: class A
	ID       int64  `json:"diid"`
	PDU      string `json:"pdu"`     // hex
	RxDelay  int    `json:"RxDelay"` // s
	RX1DR    int    `json:"RX1DR"`
	RX1Freq  uint32 `json:"RX1Freq"`  // Hz
	Priority int    `json:"priority"` // 0 to 255, higher first
	XTime    int64  `json:"xtime"`
	RCtx     int64  `json:"rctx"`
}

const (
	// placeholderDevEui stands for every device: a downlink need not tell
	// the gateway for whom it is, but for the EUI 0 no dntxed comes.
	placeholderDevEui = "00-00-00-00-00-00-00-01"
	downlinkPriority  = 1 // all are alike

	// sentMargin is how long after the receive window the dntxed may come. A
	// gateway says nothing when it cannot send.
	sentMargin = 2 * time.Second
)

// ErrNoGateway is returned for a downlink to a gateway that is not connected.
var ErrNoGateway = errors.New("gateway is not connected")

var errGone = errors.New("gateway has disconnected")

// downlink returns the message for d.
func (p *plan) downlink(id int64, d radio.Downlink) (dnmsg, error) {
	dr, err := p.downlinkDR(d.DataRate)
	switch {
	case err != nil:
		return dnmsg{}, err
	case d.Delay < time.Second || d.Delay > 15*time.Second || d.Delay%time.Second != 0:
		return dnmsg{}, fmt.Errorf("delay is %s, want whole seconds, 1 to 15", d.Delay)
	case d.FreqHz < p.limits[0] || d.FreqHz > p.limits[1]:
		return dnmsg{}, fmt.Errorf("frequency is %d Hz, which gateways of %s refuse", d.FreqHz, p.region)
	}
	return dnmsg{
		MsgType: "dnmsg", DevEui: placeholderDevEui, ID: id,
		PDU:     hex.EncodeToString(d.PHYPayload),
		RxDelay: int(d.Delay / time.Second), RX1DR: dr, RX1Freq: d.FreqHz,
		Priority: downlinkPriority,
		XTime:    int64(d.Counter), RCtx: d.Antenna,
	}, nil
}

// Send asks the gateway to put d on the air and waits for its word that it
// has, at most until two seconds after the receive window. The error is
// ErrNoGateway when the gateway is not connected. The protocol has no word for
// a refusal: it is a time-out, as a lost connection in the wrong moment leaves
// open whether the frame was sent. The power d.PowerDBm is the gateway's
// choice.
func (s *Server) Send(ctx context.Context, d radio.Downlink) error {
	if err := s.send(ctx, d); err != nil {
		return fmt.Errorf("downlink to gateway %s: %w", d.Gateway, err)
	}
	return nil
}

func (s *Server) send(ctx context.Context, d radio.Downlink) error {
	s.mu.Lock()
	c := s.gateways[d.Gateway]
	s.downlinks++
	id := s.downlinks
	s.mu.Unlock()
	if c == nil {
		return ErrNoGateway
	}
	m, err := s.plan.downlink(id, d)
	if err != nil {
		return err
	}
	done := c.expect(id)
	defer c.forget(id)
	if err := c.write(m); err != nil {
		return err
	}
	within := d.Delay + sentMargin
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case <-done:
		return nil
	case <-c.gone:
		return errGone
	case <-timeout.C:
		return fmt.Errorf("no dntxed within %s", within)
	case <-ctx.Done():
		return ctx.Err()
	}
}
