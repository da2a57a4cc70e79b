package load

import (
	"math"
	"time"
)

// tick is how often what is due goes out, when there is a rate.
const tick = 50 * time.Millisecond

// schedule says when the uplinks of one edge are due, and their times.
type schedule struct {
	plan *plan
	edge int
	time func(device, n int) time.Time // Config.Time

	// A backlog has times of its own: start, and interval between two uplinks
	// of a device. Without one, start is zero.
	start    time.Time
	interval time.Duration

	rate   float64   // of this edge, uplinks a second; 0: none
	origin time.Time // of the ticks; zero until the edge may send
	first  uint64    // uplinks that were sent in earlier runs
	latest []int64   // time of the last uplink of each device, in ms, by its place in the order of sending
}

// newSchedule returns the schedule of an edge that goes on from a book.
func newSchedule(p *plan, edge int, cfg *Config, b *book, now time.Time) *schedule {
	s := &schedule{plan: p, edge: edge, time: cfg.Time, first: b.sent, latest: b.latest(p.served(edge))}
	s.rate = cfg.Rate * float64(p.served(edge)) / float64(p.devices)
	if cfg.Start.IsZero() && (cfg.Uplinks == 0 || cfg.Rate > 0 && !cfg.Prepare) {
		return s // no backlog
	}
	rounds := (cfg.Uplinks + p.devices - 1) / p.devices
	s.start, s.interval = cfg.Start, Interval
	if s.start.IsZero() {
		s.interval = max(min(Interval, maxBacklog/time.Duration(rounds+1)).Truncate(time.Millisecond), time.Millisecond)
		s.start = now.Add(-s.interval * time.Duration(rounds+1))
	}
	s.start = s.start.Truncate(time.Millisecond)
	return s
}

// begin lets the edge send from now on. Edges tick one after the other, so that
// they do not all send at the same moment.
func (s *schedule) begin(now time.Time) {
	s.origin = now.Add(tick * time.Duration(s.edge) / time.Duration(s.plan.edges))
}

// at returns when, after the origin, uplink number k of this run is due.
func (s *schedule) at(k uint64) time.Duration {
	return time.Duration((float64(k) + float64(s.edge)/float64(s.plan.edges)) / s.rate * float64(time.Second))
}

// due returns up to which uplink all are due at a time.
func (s *schedule) due(now time.Time) uint64 {
	switch {
	case s.origin.IsZero():
		return 0
	case s.rate == 0:
		return math.MaxUint64
	}
	since := now.Sub(s.origin).Truncate(tick)
	if since < 0 {
		return 0
	}
	// Rounding may take the quotient for one too many or too few.
	k := uint64(max(since.Seconds()*s.rate-float64(s.edge)/float64(s.plan.edges), 0))
	for k > 0 && s.at(k-1) > since {
		k--
	}
	for s.at(k) <= since {
		k++
	}
	return s.first + k
}

// next returns when the uplink that follows so many goes out, if there is a
// rate.
func (s *schedule) next(sent uint64) (time.Time, bool) {
	if s.origin.IsZero() || s.rate == 0 {
		return time.Time{}, false
	}
	ticks := (s.at(sent-s.first) + tick - 1) / tick
	return s.origin.Add(ticks * tick), true
}

// stamp returns the time of an uplink, in Unix milliseconds, that is being made
// now. Each uplink is asked for once, in order.
func (s *schedule) stamp(seq uint64, now time.Time) int64 {
	device, n := s.plan.of(s.edge, seq)
	if s.time != nil {
		if t := s.time(device, int(n)); !t.IsZero() {
			return t.UnixMilli()
		}
	}
	switch {
	case !s.start.IsZero():
		shift := s.plan.chance(forShift, uint64(device)) % uint64(s.interval/time.Millisecond)
		now = s.start.Add(time.Duration(n) * s.interval).Add(time.Duration(shift) * time.Millisecond)
	case s.rate > 0:
		now = s.origin.Add(s.at(seq - 1 - s.first))
	}
	latest := &s.latest[device/s.plan.edges]
	*latest = max(now.UnixMilli(), *latest+1)
	return *latest
}
