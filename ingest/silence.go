package ingest

import (
	"maps"
	"math"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

const (
	// A sender is silent when nothing was heard of it for two intervals and a
	// tenth of one, which is for a frame that is late.
	intervals   = 2.1
	edgeEvery   = time.Minute         // how often an edge says at least its status
	edgeLate    = 11 * edgeEvery / 10 // after which nobody can tell what is behind it
	lookEvery   = time.Second         // for senders that are silent; for each 100,000 devices a second more
	knownEvery  = 30 * time.Second
	askAtOnce   = 500 // devices of one question to the store
	learnAfter  = 4   // gaps between uplinks from which an interval is learned
	shortestGap = time.Second
)

// silence notices who is not heard any more. What it knows is of this process;
// before it says of a device that it is silent it asks the store, in which
// replicas and earlier processes have left their traces.
type silence struct {
	ingest *Ingest

	mu       sync.Mutex
	devices  []heard // by devices.Entry.Number
	others   map[other]*heardOther
	former   map[string]bool                                   // edges that are none any more
	silent   map[devices.Sender]map[string]devices.SenderState // by ID: those that are silent
	hearing  time.Time                                         // since when edges are heard; zero: they are not
	sources  map[string]time.Time                              // the same of sources, by name
	returned []devices.SenderState                             // that are to be noted
	refresh  bool                                              // the directory has other devices
}

// heard is what is known of a device. It is small, for there may be a million.
type heard struct {
	eui       uplink.EUI
	last      uint32  // Unix seconds; 0: no such device
	declared  float32 // seconds between uplinks by its profile; 0: not known
	mean, dev float32 // of the gaps between its uplinks, in seconds
	gaps      uint8   // of which these were learned, at most learnAfter
}

// other is a gateway or an edge.
type other struct {
	sender devices.Sender
	id     string
}

type heardOther struct {
	last  time.Time
	since time.Time // it is heard after it was silent
	edge  string
	gone  bool  // it, or its broker, has said so
	gaps  heard // between its messages: a gateway may tell of itself less often
}

func (o *heardOther) interval() time.Duration { return o.gaps.interval() }

// maxOthers bounds the gateways that are remembered: it is edges that tell of
// them.
const maxOthers = 100_000

func newSilence(i *Ingest) *silence {
	s := &silence{ingest: i, others: map[other]*heardOther{}, sources: map[string]time.Time{}, silent: map[devices.Sender]map[string]devices.SenderState{}, refresh: true}
	for _, sender := range []devices.Sender{devices.SenderDevice, devices.SenderGateway, devices.SenderEdge} {
		s.silent[sender] = map[string]devices.SenderState{}
	}
	s.expect(i.cfg.Edges, i.cfg.Former)
	return s
}

// expect notes edges that have to be heard, now or soon, and forgets former ones
// with their gateways.
func (s *silence) expect(edges, former []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.former = map[string]bool{}
	for _, edge := range former {
		s.former[edge] = true
	}
	maps.DeleteFunc(s.others, func(_ other, o *heardOther) bool { return s.former[o.edge] })
	for _, edge := range edges {
		if o := s.know(devices.SenderEdge, edge, edge); o != nil && o.last.IsZero() {
			o.last = time.Now()
		}
	}
}

func (s *silence) devicesChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh = true
}

// count returns how many senders of a kind are silent.
func (s *silence) count(sender devices.Sender) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.silent[sender])
}

// heardDevice notes an uplink, and that lost ones were sent before it.
func (s *silence) heardDevice(number int, eui uplink.EUI, at time.Time, lost uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number >= len(s.devices) { // until the next look at the directory
		return
	}
	if h := &s.devices[number]; h.last != 0 && h.hear(at, lost) && len(s.silent[devices.SenderDevice]) > 0 {
		s.back(devices.SenderDevice, eui.String(), at)
	}
}

// hear notes a message, before which lost ones were sent, and reports whether it
// is a new one.
func (h *heard) hear(at time.Time, lost uint32) bool {
	second := uint32(at.Unix())
	if second <= h.last {
		return false
	}
	if h.gaps > 0 { // the first gap is since the start of this process
		gap := float32(second-h.last) / float32(lost+1)
		if usual := h.interval(); usual > 0 { // a silence says little of it
			gap = min(gap, float32(intervals*usual.Seconds()))
		}
		h.learn(gap)
	} else {
		h.gaps = 1
	}
	h.last = second
	return true
}

// learn takes a gap into the mean and its deviation, as RFC 6298 §2 does for
// round trips.
func (h *heard) learn(gap float32) {
	if gap < float32(shortestGap.Seconds()) {
		return
	}
	if h.mean == 0 {
		h.mean, h.dev = gap, gap/2
	} else {
		h.dev += (float32(math.Abs(float64(gap-h.mean))) - h.dev) / 4
		h.mean += (gap - h.mean) / 8
	}
	h.gaps = min(h.gaps+1, learnAfter)
}

// interval is how often the device should be heard, or 0. A device may be set to
// report less often than its profile says.
func (h *heard) interval() time.Duration {
	learned := float32(0)
	if h.gaps >= learnAfter {
		learned = h.mean
		if h.declared == 0 { // one that reports events has none; then it is long
			learned += 4 * h.dev
		}
	}
	return time.Duration(float64(max(h.declared, learned)) * float64(time.Second))
}

// heardEdge and heardGateway note that something came from there.
func (s *silence) heardEdge(edge string, at time.Time) {
	s.heardOther(devices.SenderEdge, edge, edge, at)
}

func (s *silence) heardOther(sender devices.Sender, id, edge string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.former[edge] { // by a broker that does not know it yet
		return
	}
	o := s.know(sender, id, edge)
	if o == nil {
		return
	}
	o.edge, o.gone = edge, false
	if due := o.last.Add(time.Duration(intervals * float64(o.interval()))); !at.Before(due) {
		o.since = at
	}
	o.gaps.hear(at, 0)
	if at.After(o.last) {
		o.last = at
	}
	s.back(sender, id, at)
}

// know returns what is known of a gateway or edge, or nil when there are too many
// to know another.
func (s *silence) know(sender devices.Sender, id, edge string) *heardOther {
	o, ok := s.others[other{sender, id}]
	if !ok && len(s.others) < maxOthers {
		o = &heardOther{edge: edge, gaps: heard{declared: float32(edgeEvery.Seconds())}}
		s.others[other{sender, id}] = o
	}
	return o
}

// excuse ends the silence of former edges and of their gateways, which will never
// be heard again.
func (s *silence) excuse(at time.Time) {
	for _, sender := range []devices.Sender{devices.SenderEdge, devices.SenderGateway} {
		for id, state := range s.silent[sender] {
			if s.former[state.Edge] {
				delete(s.silent[sender], id)
				state.Time, state.Silent = at, false
				s.returned = append(s.returned, state)
			}
		}
	}
}

// back ends a silence.
func (s *silence) back(sender devices.Sender, id string, at time.Time) {
	state, ok := s.silent[sender][id]
	if !ok || !at.After(state.LastHeard) {
		return
	}
	delete(s.silent[sender], id)
	if !at.After(state.Time) { // it was heard while it counted as silent: a late message
		at = state.Time.Add(time.Millisecond)
	}
	state.Time, state.LastHeard, state.Silent = at, at, false
	s.returned = append(s.returned, state)
}

// Status takes a message from the status topic of an edge.
func (i *Ingest) Status(topic uplink.Topic, online bool) {
	now := time.Now()
	if online {
		i.silence.heardEdge(topic.Edge, now)
		return
	}
	i.silence.mu.Lock()
	defer i.silence.mu.Unlock()
	if o, ok := i.silence.others[other{devices.SenderEdge, topic.Edge}]; ok {
		o.gone = true
	}
}

// Gateway takes note of a message from a gateway topic.
func (i *Ingest) Gateway(topic uplink.Topic) {
	now := time.Now()
	i.silence.heardEdge(topic.Edge, now)
	i.silence.heardOther(devices.SenderGateway, topic.EUI.String(), topic.Edge, now)
}
