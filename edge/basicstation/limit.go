package basicstation

import (
	"maps"
	"sync"
	"time"

	"github.com/brocaar/lorawan"
)

const (
	// maxRate and maxBurst are of the messages of one gateway. A chip hears
	// at most about 510 frames a second, if all are of 12 bytes and without
	// a gap: 8 × 24 with SF7 on 125 kHz, 48 with SF7 on 250 kHz and 270
	// with FSK. What is above is no radio. The burst is two seconds of that,
	// when a connection was stuck.
	maxRate  = 500 // messages/s
	maxBurst = 1000

	// tellEvery is how often the receiver is told of the same stranger, and
	// maxStrangers how many can be told of in that time: anybody can invent
	// any number of EUIs.
	tellEvery    = time.Second
	maxStrangers = 1024
)

// bucket lets maxRate messages a second pass; the zero value is full.
type bucket struct {
	tokens float64
	last   time.Time
}

// take reports whether a message may pass.
func (b *bucket) take(now time.Time) bool {
	b.tokens = min(maxBurst, b.tokens+now.Sub(b.last).Seconds()*maxRate)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// strangers remembers which gateways that are not allowed the receiver was
// told of just now.
type strangers struct {
	mu   sync.Mutex
	told map[lorawan.EUI64]time.Time
}

// due reports whether to tell of the gateway now.
func (s *strangers) due(gateway lorawan.EUI64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.told[gateway]; ok && now.Sub(last) < tellEvery {
		return false
	}
	if len(s.told) >= maxStrangers {
		maps.DeleteFunc(s.told, func(_ lorawan.EUI64, last time.Time) bool { return now.Sub(last) >= tellEvery })
	}
	if len(s.told) >= maxStrangers {
		return false
	}
	if s.told == nil {
		s.told = make(map[lorawan.EUI64]time.Time)
	}
	s.told[gateway] = now
	return true
}
