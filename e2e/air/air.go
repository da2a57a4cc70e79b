// Package air is one end device and the gateway that hears it: a radio without
// hardware, behind a packet forwarder that sends to the UDP port of an edge.
//
// It knows frames and datagrams; what a device measures is its caller's. It has
// a clock of its own for the receive windows: between two frames 16 s pass for
// the device, however soon the next one follows.
package air

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/enddevice"
)

// listen is how long the answers to a frame are awaited; an edge needs some 300 ms.
const listen = 700 * time.Millisecond

// between is the time between two frames by the counter of the gateway, µs.
const between = 16_000_000

// Air is not for two goroutines at once.
type Air struct {
	device  *enddevice.Device
	gateway lorawan.EUI64
	conn    net.Conn
	token   uint16
	counter uint32 // of the gateway when it heard the last frame, µs
	pulled  bool   // the edge answered a PULL_DATA
	joined  bool
	acked   bool // the edge has taken the last frame
}

// Dial returns a device as it leaves the factory, beside a gateway whose packet
// forwarder sends to an edge's UDP port.
func Dial(udp string, gateway lorawan.EUI64, cfg enddevice.Config) (*Air, error) {
	device, err := enddevice.New(cfg)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("udp", udp)
	if err != nil {
		return nil, fmt.Errorf("reach the edge at %s: %w", udp, err)
	}
	return &Air{device: device, gateway: gateway, conn: conn}, nil
}

// Close ends the packet forwarder.
func (a *Air) Close() error { return a.conn.Close() }

// Knock sends join requests until the edge knows the gateway, whether it answers
// them or not.
func (a *Air) Knock(ctx context.Context) error {
	return a.sendUntil(ctx, a.device.JoinRequest, func() bool { return a.pulled })
}

// Join sends join requests until one is accepted.
func (a *Air) Join(ctx context.Context) error {
	return a.sendUntil(ctx, a.device.JoinRequest, func() bool { return a.joined })
}

// Uplink sends an unconfirmed uplink, and the same frame again until the edge has
// taken it. It returns its counter.
func (a *Air) Uplink(ctx context.Context, port uint8, payload []byte) (fCnt uint32, err error) {
	tx, err := a.device.Uplink(port, payload, false)
	if err != nil {
		return 0, err
	}
	again := func() (enddevice.Transmission, error) { return tx, nil }
	return tx.FCnt, a.sendUntil(ctx, again, func() bool { return a.acked })
}

// sendUntil sends frames, a while apart, and gives the device what comes back,
// until done or the end of ctx.
func (a *Air) sendUntil(ctx context.Context, next func() (enddevice.Transmission, error), done func() bool) error {
	for first := true; first || !done(); first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		tx, err := next()
		if err != nil {
			return err
		}
		a.acked = false
		a.token++
		a.counter += between
		if err := errors.Join(
			a.write(semtech.AppendPullData(nil, a.token, a.gateway)),
			a.write(semtech.AppendPushData(nil, a.token, a.gateway, []radio.Frame{{
				PHYPayload: tx.PHYPayload, Counter: uint64(a.counter), FreqHz: tx.FreqHz, DataRate: tx.DataRate, RSSIdBm: -80, SNRdB: 7,
			}}, nil)),
			a.hear(time.Now().Add(listen)),
		); err != nil {
			return err
		}
	}
	return nil
}

// write sends a datagram. One that the edge's machine sends back, since nobody
// listens there, is a lost one.
func (a *Air) write(datagram []byte) error {
	if _, err := a.conn.Write(datagram); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("send to the edge: %w", err)
	}
	return nil
}

// hear takes what the edge sends until then.
func (a *Air) hear(until time.Time) error {
	if err := a.conn.SetReadDeadline(until); err != nil {
		return fmt.Errorf("listen to the edge: %w", err)
	}
	buf := make([]byte, semtech.MaxDatagram)
	for {
		n, err := a.conn.Read(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // an answer to an earlier datagram
		case err != nil:
			return fmt.Errorf("listen to the edge: %w", err)
		}
		p, err := semtech.Parse(buf[:n])
		if err != nil {
			return fmt.Errorf("read what the edge sent: %w", err)
		}
		switch p.Kind {
		case semtech.PullAck:
			a.pulled = true
		case semtech.PushAck:
			a.acked = a.acked || p.Token == a.token
		case semtech.PullResp:
			if err := a.transmit(p); err != nil {
				return err
			}
		}
	}
}

// transmit puts a downlink on the air. The device leaves out what is not for it.
func (a *Air) transmit(p semtech.Packet) error {
	o, err := semtech.ParsePullResp(p)
	if err != nil {
		return fmt.Errorf("read a downlink of the edge: %w", err)
	}
	window := radio.Window{Delay: time.Duration(o.Counter-a.counter) * time.Microsecond, FreqHz: o.FreqHz, DataRate: o.DataRate}
	if heard, err := a.device.Hear(o.PHYPayload, window); err == nil {
		a.joined = a.joined || heard.Join
	}
	return a.write(semtech.AppendTXAck(nil, p.Token, a.gateway, ""))
}
