package basicstation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/gorilla/websocket"

	"modellregion/edge/radio"
)

const (
	maxMessage   = 64 << 10         // bytes
	pingInterval = 30 * time.Second // also of the statistics
	readTimeout  = 75 * time.Second // two pings were not answered
	writeTimeout = 5 * time.Second
)

// conn is the connection of one gateway.
type conn struct {
	gateway lorawan.EUI64
	plan    *plan
	ws      *websocket.Conn
	log     *slog.Logger
	stop    context.CancelFunc
	gone    chan struct{} // closed at the end

	writing sync.Mutex // of messages; ws may be read and pinged meanwhile

	mu      sync.Mutex
	waiting map[int64]chan<- int64 // downlinks without their dntxed; gets its xtime

	heard, forwarded, sent atomic.Uint32 // since the last statistics
}

// run reads until the connection or ctx, which c.stop ends, is at its end and
// returns why. Frames go to the queue.
func (c *conn) run(ctx context.Context, r Receiver, frames chan<- radio.Frame) error {
	var pinging sync.WaitGroup
	pinging.Go(func() { c.ping(ctx, r) })
	defer pinging.Wait()
	defer c.stop()

	c.ws.SetReadLimit(maxMessage)
	c.ws.SetPongHandler(func(string) error { return c.alive() })
	c.ws.SetPingHandler(func(data string) error {
		_ = c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout)) // a broken connection is found by reading
		return c.alive()
	})
	var rate bucket
	for {
		if err := c.alive(); err != nil {
			return err
		}
		kind, data, err := c.ws.ReadMessage()
		if errors.Is(err, websocket.ErrReadLimit) {
			r.Dropped(DropOversize, fmt.Errorf("gateway %s: message of more than %d bytes", c.gateway, maxMessage))
		}
		if err != nil {
			return err
		}
		if !rate.take(time.Now()) {
			r.Dropped(DropRate, fmt.Errorf("gateway %s: more than %d messages/s", c.gateway, maxRate))
			continue
		}
		if kind != websocket.TextMessage {
			r.Dropped(DropKind, fmt.Errorf("gateway %s: binary message of %d bytes", c.gateway, len(data)))
			continue
		}
		answer, err := c.handle(data, frames)
		if err != nil {
			r.Dropped(dropReason(err), fmt.Errorf("gateway %s: %w", c.gateway, err))
			continue
		}
		if answer == nil {
			continue
		}
		if err := c.write(answer); err != nil {
			return err
		}
	}
}

func (c *conn) alive() error { return c.ws.SetReadDeadline(time.Now().Add(readTimeout)) }

// ping keeps the connection alive and tells the receiver what was counted,
// until ctx ends; then it closes the connection, which ends the reading.
func (c *conn) ping(ctx context.Context, r Receiver) {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	defer c.ws.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)); err != nil {
			return
		}
		heard := c.heard.Swap(0)
		r.Stats(ctx, radio.Stats{
			Gateway: c.gateway, Received: heard, ReceivedOK: heard,
			Forwarded: c.forwarded.Swap(0), AckedPct: 100, Sent: c.sent.Swap(0),
		})
	}
}

// handle takes one message and returns what to answer, or nil.
func (c *conn) handle(data []byte, frames chan<- radio.Frame) (answer any, err error) {
	var head struct {
		MsgType string `json:"msgtype"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	switch head.MsgType {
	case "version":
		c.version(data)
		return c.plan.routerConfig(time.Now()), nil
	case "jreq", "updf", "propdf":
		err = c.frame(head.MsgType, data, frames)
	case "dntxed":
		err = c.dntxed(data)
	case "timesync":
		return timesync(data, time.Now())
	default:
		return nil, dropf(DropKind, "message of type %.32q", head.MsgType)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", head.MsgType, err)
	}
	return nil, nil
}

// version logs what the gateway says it is.
func (c *conn) version(data []byte) {
	var v struct {
		Station  string `json:"station"`
		Firmware string `json:"firmware"`
		Model    string `json:"model"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		c.log.Debug("gateway's version cannot be read", "gateway", c.gateway, "err", err)
	}
	c.log.Info("gateway configured", "gateway", c.gateway, "region", c.plan.region,
		"station", short(v.Station), "firmware", short(v.Firmware), "model", short(v.Model))
}

func short(s string) string { return s[:min(len(s), 64)] }

func (c *conn) frame(msgtype string, data []byte, frames chan<- radio.Frame) error {
	f, err := c.plan.decodeFrame(msgtype, data)
	if err != nil {
		return err
	}
	f.Gateway, f.Heard = c.gateway, time.Now()
	c.heard.Add(1)
	// Not waiting for the receiver: a dntxed behind this frame would come
	// too late.
	select {
	case frames <- f:
		c.forwarded.Add(1)
		return nil
	default:
		return dropf(DropBusy, "%d frames are waiting already", cap(frames))
	}
}

// timesync answers with the GPS time, from which a gateway learns which second
// a pulse of its receiver began.
func timesync(data []byte, now time.Time) (answer any, err error) {
	var m struct {
		MsgType string `json:"msgtype"`
		TXTime  int64  `json:"txtime"`  // µs of the gateway's clock, echoed
		GPSTime int64  `json:"gpstime"` // µs
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("timesync: %w", err)
	}
	if now.Before(earliest) {
		return nil, nil // a wrong time is worse than none; it asks again
	}
	m.GPSTime = now.Sub(gpsEpoch).Microseconds()
	return m, nil
}

// write sends a message. After an error the connection is of no use any more.
func (c *conn) write(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := c.ws.WriteMessage(websocket.TextMessage, data); err != nil {
		c.ws.Close()
		return err
	}
	return nil
}
