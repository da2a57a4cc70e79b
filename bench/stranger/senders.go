package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

// roof is the EUI of the good gateway.
var roof = lorawan.EUI64{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, 0x20}

// pullEvery is how often a forwarder asks for downlinks.
const pullEvery = 5 * time.Second

// gateway is the good one, with one socket.
type gateway struct {
	conn   net.Conn
	sent   uint64 // frames; each has its number
	pulled time.Time
	last   []byte // datagram
}

// send sends frames one by one, perSecond of them, for that time.
func (g *gateway) send(ctx context.Context, perSecond int, during time.Duration) error {
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
		if due.Sub(began) >= during {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		now := time.Now()
		if now.Sub(g.pulled) >= pullEvery {
			g.pulled = now
			if _, err := g.conn.Write(semtech.AppendPullData(nil, 1, roof)); err != nil {
				return fmt.Errorf("send PULL_DATA: %w", err)
			}
		}
		g.last = semtech.AppendPushData(nil, uint16(g.sent), roof, []radio.Frame{{
			PHYPayload: stamp(g.sent, time.Now()), Counter: g.sent, FreqHz: 868_100_000,
			DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, RSSIdBm: -90, SNRdB: 5,
		}}, nil)
		if _, err := g.conn.Write(g.last); err != nil {
			return fmt.Errorf("send PUSH_DATA: %w", err)
		}
		g.sent++
	}
}

// flood sends what a stranger might, perSecond datagrams from all sockets
// together, until ctx ends. It returns how many it has sent.
func flood(ctx context.Context, conns []net.Conn, perSecond int, seed uint64, replay []byte) (sent int, err error) {
	const step = time.Millisecond // in which the datagrams that are due leave together
	rng := rand.New(rand.NewPCG(seed, 0))
	noise := make([]byte, 200)
	garbage := append(semtech.AppendPushData(nil, 1, roof, nil, nil)[:12], `{"rxpk":[{"tmst":1,"freq":868.1,"datr":"SF7BW125","data":"`...)
	pull := semtech.AppendPullData(nil, 1, roof)
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return sent, nil
		case <-ticker.C:
		}
		for due := int(time.Since(began).Seconds() * float64(perSecond)); sent < due; sent++ {
			datagram := replay
			switch sent % 4 {
			case 0:
				for i := range noise {
					noise[i] = byte(rng.Uint32())
				}
				datagram = noise
			case 1:
				datagram = garbage
			case 2:
				datagram = pull
			}
			// Each port sends some of each kind.
			if _, err := conns[sent/4%len(conns)].Write(datagram); err != nil {
				return sent, fmt.Errorf("send as a stranger: %w", err)
			}
		}
	}
}
