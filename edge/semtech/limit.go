package semtech

import (
	"net/netip"
	"time"
)

const (
	// defaultRate is Options.Rate when it is zero: a gateway with eight
	// channels hears at most some hundred frames a second.
	defaultRate = 500
	costPer     = 1024 // bytes that cost a token, in addition to the one of each datagram

	// knownAfter is how long a source must have been heard before it has a
	// bucket of its own. Who sends from ever new ports never gets there.
	knownAfter = 5 * time.Second
	// A source is forgotten after this silence. A forwarder sends PULL_DATA
	// every few seconds, but from its other socket PUSH_DATA alone, with
	// statistics every half minute and, at some, every few minutes.
	forgetNew   = time.Minute
	forgetKnown = 10 * time.Minute

	maxSources = 16_384 // remembered, some 2 MB; one more stays unknown
	sweepEvery = 10 * time.Second
)

// limiter bounds the work that each source of datagrams can cause, so that one
// that sends without end leaves time for the others. It is for one goroutine.
type limiter struct {
	rate, burst float64 // tokens per second, and at most
	sources     map[netip.AddrPort]*source
	unknown     bucket // of all sources that are not yet known, together
	swept       time.Time
}

// source is where datagrams come from, an address with its port: behind one
// address of a VPN's router there are many gateways.
type source struct {
	bucket
	first time.Time
	known bool
}

func newLimiter(rate int) *limiter {
	const largest = 1 + float64(MaxDatagram)/costPer // its cost: even it must get through at a small rate
	return &limiter{
		rate:    float64(rate),
		burst:   max(2*float64(rate), largest),
		sources: make(map[netip.AddrPort]*source),
	}
}

// admit reports whether a datagram of that size may cause work. Account is the
// source it is to be counted as: the zero value stands for all unknown ones.
func (l *limiter) admit(from netip.AddrPort, size int, now time.Time) (account netip.AddrPort, ok bool) {
	if now.Sub(l.swept) >= sweepEvery {
		l.sweep(now)
	}
	cost := 1 + float64(size)/costPer
	s := l.sources[from]
	if s != nil && (s.known || now.Sub(s.first) >= knownAfter) {
		l.fill(&s.bucket, now)
		if s.tokens < cost {
			return from, false
		}
		s.known = true
		s.tokens -= cost
		return from, true
	}
	l.fill(&l.unknown, now)
	if l.unknown.tokens < cost {
		return netip.AddrPort{}, false
	}
	// It is remembered from the first datagram on that was admitted, so that
	// filling the table takes time.
	if s == nil && len(l.sources) < maxSources {
		s = &source{first: now}
		l.sources[from] = s
	}
	if s != nil {
		l.fill(&s.bucket, now)
		if s.tokens < cost {
			return netip.AddrPort{}, false
		}
		s.tokens -= cost
	}
	l.unknown.tokens -= cost
	return netip.AddrPort{}, true
}

// bucket holds the tokens that may be spent; its zero value is full.
type bucket struct {
	tokens float64
	at     time.Time
}

func (l *limiter) fill(b *bucket, now time.Time) {
	b.tokens = min(l.burst, b.tokens+l.rate*now.Sub(b.at).Seconds())
	b.at = now
}

// sweep forgets sources that have been silent.
func (l *limiter) sweep(now time.Time) {
	l.swept = now
	for from, s := range l.sources {
		silence := now.Sub(s.at)
		if silence > forgetKnown || !s.known && silence > forgetNew {
			delete(l.sources, from)
		}
	}
}
