package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

// How often a gateway speaks without having heard anything.
const (
	knockEvery  = time.Second // PULL_DATA until the edge answers
	pullEvery   = 5 * time.Second
	reportEvery = 30 * time.Second
)

// gateway is a virtual packet forwarder with a socket of its own.
type gateway struct {
	index  int
	eui    lorawan.EUI64
	place  devices.Place
	uptime time.Duration // at the start of the fleet

	conn     net.Conn
	pulled   chan struct{} // closed when the edge has answered a PULL_DATA
	pullOnce sync.Once

	heard, sent atomic.Uint32 // frames since the start of the process
}

// connect gives the gateway its socket.
func (g *gateway) connect(conn net.Conn) {
	g.conn, g.pulled = conn, make(chan struct{})
}

// write sends a datagram. One that cannot be sent is a lost one: what must
// arrive is sent again.
func (g *gateway) write(data []byte, log *slog.Logger) {
	if _, err := g.conn.Write(data); err != nil {
		log.Debug("datagram not sent", "gateway", g.eui, "err", err)
	}
}

// listen handles what the edge sends until ctx ends and the socket is closed.
func (f *Fleet) listen(ctx context.Context, g *gateway) error {
	buf := make([]byte, semtech.MaxDatagram)
	for {
		n, err := g.conn.Read(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // what the host says to an earlier datagram: nobody listens yet
		case err != nil:
			return fmt.Errorf("simulate: gateway %s: reading: %w", g.eui, err)
		}
		p, err := semtech.Parse(buf[:n])
		if err != nil {
			f.log.Warn("datagram not understood", "gateway", g.eui, "err", err)
			continue
		}
		switch p.Kind {
		case semtech.PushAck:
			f.flow.acked(g, p.Token)
		case semtech.PullAck:
			g.pullOnce.Do(func() { close(g.pulled) })
		case semtech.PullResp:
			if err := f.pullResp(g, p); err != nil {
				return err
			}
		}
	}
}

// pullResp puts a downlink on the air, if it is not too late, and answers.
func (f *Fleet) pullResp(g *gateway, p semtech.Packet) error {
	d, err := semtech.ParsePullResp(p)
	if err != nil {
		f.log.Warn("downlink not understood", "gateway", g.eui, "err", err)
		g.write(semtech.AppendTXAck(nil, p.Token, g.eui, "TX_FREQ"), f.log)
		return nil
	}
	inTime, err := f.deliver(g, d)
	if err != nil {
		return err
	}
	word := ""
	if !inTime {
		word = "TOO_LATE"
	} else {
		g.sent.Add(1)
	}
	g.write(semtech.AppendTXAck(nil, p.Token, g.eui, word), f.log)
	return nil
}

// keepAlive sends PULL_DATA and reports until ctx ends.
func (f *Fleet) keepAlive(ctx context.Context, g *gateway) error {
	knock, pull, report := time.NewTicker(knockEvery), time.NewTicker(pullEvery), time.NewTicker(reportEvery)
	defer knock.Stop()
	defer pull.Stop()
	defer report.Stop()
	answered := g.pulled
	var before radio.Stats
	for token := uint16(0); ; token++ {
		g.write(semtech.AppendPullData(nil, token, g.eui), f.log)
	wait:
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-answered:
				knock.Stop()
				answered = nil
			case <-knock.C:
				break wait
			case <-pull.C:
				break wait
			case <-report.C:
				before = f.report(g, before)
			}
		}
	}
}

// report sends what the gateway counted since the stand before and returns
// the stand now. Nobody waits for its acknowledgement: the next one follows.
func (f *Fleet) report(g *gateway, before radio.Stats) radio.Stats {
	heard, sent := g.heard.Load(), g.sent.Load()
	stats := radio.Stats{
		Time:     f.start.Add(time.Duration(f.now.Load())),
		Received: heard - before.Received, ReceivedOK: heard - before.Received, Forwarded: heard - before.Received,
		AckedPct: 100, Sent: sent - before.Sent,
	}
	g.write(semtech.AppendPushData(nil, f.flow.newToken(), g.eui, nil, &stats), f.log)
	return radio.Stats{Received: heard, Sent: sent}
}
