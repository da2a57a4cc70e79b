package semtech

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
)

// ackTimeout is how long a TX_ACK is waited for; a downlink that is not
// acknowledged by then has missed its window.
const ackTimeout = time.Second

var (
	// ErrNoGateway is returned for a downlink to a gateway that never asked
	// for one.
	ErrNoGateway = errors.New("gateway has not sent PULL_DATA")
	// ErrNoAck is returned for a downlink that may have been sent: the gateway
	// says neither that it will nor that it will not.
	ErrNoAck = errors.New("no TX_ACK")
)

// waiter is a downlink whose TX_ACK has not come. The acknowledgement may
// come from another socket than the PULL_DATA, so its address says nothing.
type waiter struct {
	gateway lorawan.EUI64
	token   uint16
}

// Send asks the gateway to put d on the air in the first of its windows and
// waits, at most one second, for its word that it will. When the gateway
// refuses, the next window is tried. It returns the index of the window that
// was taken.
//
// The error is ErrNoGateway when the gateway never asked for downlinks, and
// has a Refusal for each window that was refused. A gateway that says nothing
// is not asked again, as it may have sent the frame: the error is ErrNoAck. One
// of protocol version 1 has no word for it; then Send returns when the first
// window is on its way.
func (s *Server) Send(ctx context.Context, d radio.Downlink) (used int, err error) {
	if len(d.Windows) == 0 {
		return -1, fmt.Errorf("downlink to gateway %s: it has no window", d.Gateway)
	}
	var before error // why earlier windows were refused
	for i, w := range d.Windows {
		err = s.sendIn(ctx, d, w)
		if err == nil {
			return i, nil
		}
		_, refused := errors.AsType[Refusal](err)
		err = fmt.Errorf("window %d of %d: %w", i+1, len(d.Windows), err)
		if before != nil {
			err = fmt.Errorf("%w; %w", before, err)
		}
		if !refused {
			break // it may have been sent
		}
		before = err
	}
	return -1, fmt.Errorf("downlink to gateway %s: %w", d.Gateway, err)
}

// sendIn asks the gateway for one window and waits for its word.
func (s *Server) sendIn(ctx context.Context, d radio.Downlink, w radio.Window) error {
	to, ok := s.gateways.find(d.Gateway)
	if !ok {
		return ErrNoGateway
	}
	token, word := s.await(d.Gateway)
	defer s.forget(waiter{d.Gateway, token})
	if _, err := s.conn.WriteToUDPAddrPort(appendPullResp(nil, to.version, token, d, w), to.addr); err != nil {
		return err
	}
	if to.version == 1 {
		return nil
	}
	timeout := time.NewTimer(ackTimeout)
	defer timeout.Stop()
	select {
	case refusal := <-word:
		return refusal
	case <-timeout.C:
		return fmt.Errorf("%w within %s", ErrNoAck, ackTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await chooses the token of a downlink; the channel gives the gateway's word
// for it. The token is random: the TX_ACK is believed for it, and who has not
// seen the downlink must not be able to tell the next.
func (s *Server) await(gateway lorawan.EUI64) (token uint16, word <-chan error) {
	c := make(chan error, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := waiter{gateway, uint16(rand.Uint32())}
	for s.waiting[key] != nil { // ends: nobody sends 65,536 downlinks to a gateway in a second
		key.token++
	}
	s.waiting[key] = c
	return key.token, c
}

func (s *Server) forget(key waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, key)
}

// txAck hands an acknowledgement to the Send that waits for it.
func (s *Server) txAck(p Packet) error {
	refusal, err := decodeTXAck(p.JSON)
	if err != nil {
		return dropf(DropMalformed, "TX_ACK of gateway %s: %w", p.Gateway, err)
	}
	key := waiter{p.Gateway, p.Token}
	s.mu.Lock()
	word, ok := s.waiting[key]
	delete(s.waiting, key)
	s.mu.Unlock()
	if !ok {
		return dropf(DropUnexpected, "TX_ACK of gateway %s with token %d, which nobody waits for", p.Gateway, p.Token)
	}
	word <- refusal // has room for one, and is sent to once
	return nil
}
