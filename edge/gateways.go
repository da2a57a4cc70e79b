package edge

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/uplink"
)

// strangers are the gateways that spoke and are not served, for the operator to
// see: most likely one of them is new and was forgotten on the list.
type strangers struct {
	mu sync.Mutex
	by map[lorawan.EUI64]uplink.UnknownGateway
}

const maxStrangers = 256

// note takes one more word of a gateway that is not served.
func (s *strangers) note(gateway lorawan.EUI64, from string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[lorawan.EUI64]uplink.UnknownGateway{}
	}
	g, known := s.by[gateway]
	if !known && len(s.by) >= maxStrangers {
		var oldest lorawan.EUI64
		first := now
		for eui, o := range s.by {
			if !o.Time.After(first) {
				oldest, first = eui, o.Time
			}
		}
		delete(s.by, oldest)
	}
	g.Gateway, g.From, g.Time = uplink.EUI(gateway), from, now.UTC().Truncate(time.Millisecond)
	g.Count++
	s.by[gateway] = g
}

// list returns those heard last, as many as fit a status.
func (s *strangers) list() []uplink.UnknownGateway {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]uplink.UnknownGateway, 0, len(s.by))
	for _, g := range s.by {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b uplink.UnknownGateway) int {
		return cmp.Or(b.Time.Compare(a.Time), slices.Compare(a.Gateway[:], b.Gateway[:]))
	})
	return out[:min(len(out), uplink.MaxUnknownGateways)]
}
