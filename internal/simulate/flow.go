package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

// What the forwarders hold themselves to.
const (
	maxUnacked = 32              // datagrams without PUSH_ACK
	maxShared  = 8               // frames in one datagram
	patience   = 2 * time.Second // before a datagram is sent again
	maxTries   = 30
)

// flow keeps the datagrams that the edge has not acknowledged, bounds their
// number and sends them again. UDP and the protocol promise nothing; the
// ledger needs every frame to arrive, and those of one sensor in their order.
type flow struct {
	log     *slog.Logger
	slots   chan struct{} // one element per datagram on its way
	changed chan struct{} // has an element after an acknowledgement

	mu     sync.Mutex
	flying map[flight]*datagram
	busy   map[int]int // datagrams on their way, by sensor
	token  uint16
}

type flight struct {
	gateway int
	token   uint16
}

type datagram struct {
	gateway *gateway
	data    []byte
	sensors []int
	sent    time.Time
	tries   int
}

func newFlow(log *slog.Logger) *flow {
	return &flow{
		log:     log,
		slots:   make(chan struct{}, maxUnacked),
		changed: make(chan struct{}, 1),
		flying:  make(map[flight]*datagram),
		busy:    make(map[int]int),
	}
}

// send forwards frames of sensors in one PUSH_DATA. It waits while there are
// maxUnacked others on their way.
func (fl *flow) send(ctx context.Context, g *gateway, frames []radio.Frame, sensors []int) error {
	select {
	case fl.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	token := fl.newToken()
	d := &datagram{
		gateway: g,
		data:    semtech.AppendPushData(nil, token, g.eui, frames, nil),
		sensors: sensors,
		sent:    time.Now(),
		tries:   1,
	}
	fl.mu.Lock()
	fl.flying[flight{g.index, token}] = d
	for _, s := range sensors {
		fl.busy[s]++
	}
	fl.mu.Unlock()
	g.write(d.data, fl.log)
	return nil
}

// newToken returns the token of a PUSH_DATA. It comes round again after 65,536
// others, when the one before has long been acknowledged.
func (fl *flow) newToken() uint16 {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.token++
	return fl.token
}

// acked takes a PUSH_ACK.
func (fl *flow) acked(g *gateway, token uint16) {
	fl.mu.Lock()
	d, ok := fl.flying[flight{g.index, token}]
	if ok {
		delete(fl.flying, flight{g.index, token})
		for _, s := range d.sensors {
			if fl.busy[s]--; fl.busy[s] == 0 {
				delete(fl.busy, s)
			}
		}
	}
	fl.mu.Unlock()
	if !ok {
		return // the answer to a report, or to a datagram that was sent twice
	}
	<-fl.slots
	select {
	case fl.changed <- struct{}{}:
	default:
	}
}

// idle waits until everything of the sensor has been acknowledged. It and
// drain are for one goroutine.
func (fl *flow) idle(ctx context.Context, sensor int) error {
	return fl.wait(ctx, func() bool { return fl.busy[sensor] == 0 })
}

// drain waits until everything has been acknowledged.
func (fl *flow) drain(ctx context.Context) error {
	return fl.wait(ctx, func() bool { return len(fl.flying) == 0 })
}

func (fl *flow) wait(ctx context.Context, done func() bool) error {
	for {
		fl.mu.Lock()
		ok := done()
		fl.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-fl.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// repeat sends again what is not acknowledged in time, until ctx ends. An edge
// that does not answer for a minute is an error.
func (fl *flow) repeat(ctx context.Context) error {
	ticker := time.NewTicker(patience / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for token, d := range fl.overdue(time.Now()) {
			if d.tries > maxTries {
				return fmt.Errorf("simulate: gateway %s: no PUSH_ACK for a datagram that was sent %d times", d.gateway.eui, maxTries)
			}
			fl.log.Warn("no PUSH_ACK, sending again", "gateway", d.gateway.eui, "token", token.token, "try", d.tries)
			d.gateway.write(d.data, fl.log)
		}
	}
}

// overdue returns copies of the datagrams that are to be sent again and marks
// them as sent now.
func (fl *flow) overdue(now time.Time) map[flight]datagram {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	out := make(map[flight]datagram)
	for token, d := range fl.flying {
		if now.Sub(d.sent) >= patience {
			d.sent = now
			d.tries++
			out[token] = *d
		}
	}
	return out
}
