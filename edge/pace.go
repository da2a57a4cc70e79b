package edge

import (
	"sync"
	"time"
)

// pace bounds how many bytes of old uplinks are on their way to the broker, so
// that a new one never waits long behind them: all go through one connection,
// and what is handed to it is sent in that order. The bound follows the link:
// the time that the broker takes to acknowledge is kept between low and high.
type pace struct {
	mu       sync.Mutex
	limit    int // bytes
	bytes    int // under way
	messages int // under way
}

const (
	leastPace   = 4 << 10
	firstPace   = 32 << 10
	mostPace    = 4 << 20
	lowLatency  = 250 * time.Millisecond
	highLatency = 500 * time.Millisecond
	// maxPaced leaves most of the connection's places for unacknowledged
	// messages to new uplinks.
	maxPaced = 24
)

// room returns how many bytes may be sent now; 0 when it has to wait.
func (p *pace) room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit == 0 {
		p.limit = firstPace
	}
	if p.messages >= maxPaced || p.bytes >= p.limit {
		return 0
	}
	return p.limit - p.bytes
}

// sent notes a message and returns what is to be called when the broker has
// acknowledged it, or the connection is lost.
func (p *pace) sent(size int) (done func(error)) {
	began := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += size
	p.messages++
	return func(err error) {
		took := time.Since(began)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.bytes -= size
		p.messages--
		switch {
		case err != nil:
			p.limit = firstPace // the next connection may be another link
		case took > highLatency:
			p.limit = max(p.limit/2, leastPace)
		case took < lowLatency:
			p.limit = min(p.limit+size, mostPace)
		}
	}
}
