package sensorthings

import (
	"net/http"
	"sync/atomic"
)

// counters count answers since the start.
type counters struct{ answered, wrong, busy, failed atomic.Uint64 }

func (c *counters) refused(status int) {
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		c.busy.Add(1)
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		c.failed.Add(1)
	default:
		c.wrong.Add(1)
	}
}

// Stats are counters since the start; Things, Datastreams and Inside are the
// numbers now.
type Stats struct {
	Things, Datastreams int    // that are shown
	Inside              int    // requests that are worked on or wait
	Answered            uint64 // requests
	Wrong               uint64 // requests that cannot be answered: 400, 404, 405, 413, 414, 501
	Busy                uint64 // requests that cannot be answered now: 429, 503
	Failed              uint64 // requests that should have been answered: 500
	Queries             uint64 // of the database, for requests
}

// Stats returns the counters.
func (s *Service) Stats() Stats {
	c := s.catalog.Load()
	s.gate.mu.Lock()
	inside := s.gate.inside
	s.gate.mu.Unlock()
	return Stats{
		Things: len(c.sets[things]), Datastreams: len(c.streams), Inside: inside,
		Answered: s.counts.answered.Load(), Wrong: s.counts.wrong.Load(), Busy: s.counts.busy.Load(), Failed: s.counts.failed.Load(),
		Queries: s.gate.queries.Load(),
	}
}
