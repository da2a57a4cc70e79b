package ingest

import (
	"context"
	"fmt"
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
	for _, edge := range i.cfg.Edges { // have to be heard, now or soon
		s.know(devices.SenderEdge, edge, edge).last = time.Now()
	}
	return s
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

// run looks for senders that have fallen silent until ctx ends.
func (s *silence) run(ctx context.Context) {
	s.update(time.Now())
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		if now.Sub(asked) >= knownEvery && s.known(ctx) {
			asked = now
		}
		if !asked.IsZero() {
			s.look(ctx, now)
		}
		s.mu.Lock()
		timer.Reset(lookEvery * time.Duration(1+len(s.devices)/100_000))
		s.mu.Unlock()
	}
}

// known takes over who is silent from the store, in which other replicas have
// noted it.
func (s *silence) known(ctx context.Context) bool {
	rows, err := s.ingest.cfg.Store.SilentNow(ctx)
	if err != nil {
		s.ingest.cfg.Log.Debug("who is silent is not known", "err", err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sender := range s.silent {
		clear(sender)
	}
	for _, r := range rows {
		if s.silent[r.Sender] != nil {
			s.silent[r.Sender][r.ID] = r
		}
	}
	for _, r := range s.returned { // noted by the next look
		delete(s.silent[r.Sender], r.ID)
	}
	for id := range s.silent[devices.SenderDevice] {
		switch h := s.device(id); {
		case h == nil:
			delete(s.silent[devices.SenderDevice], id)
		case h.gaps > 0: // heard by this process, perhaps before this was known
			s.back(devices.SenderDevice, id, time.Unix(int64(h.last), 0).UTC())
		}
	}
	return true
}

// device returns what is known of a device, or nil if it is not to be served.
func (s *silence) device(id string) *heard {
	eui, err := uplink.ParseEUI(id)
	if err != nil {
		return nil
	}
	d, ok := s.ingest.cfg.Directory.Find(eui)
	if !ok || d.Disabled || d.Number >= len(s.devices) {
		return nil
	}
	return &s.devices[d.Number]
}

// look notes and announces who fell silent and who is back.
func (s *silence) look(ctx context.Context, now time.Time) {
	s.update(now)
	suspects, others := s.suspects(now)
	suspects = s.confirmed(ctx, suspects)
	s.mu.Lock()
	rows := append(others, suspects...)
	for _, r := range rows {
		s.silent[r.Sender][r.ID] = r
	}
	returned := s.returned
	s.returned = nil
	s.mu.Unlock()
	rows = append(rows, returned...)
	if len(rows) == 0 {
		return
	}
	if err := s.ingest.cfg.Store.Note(ctx, rows); err != nil { // the next look finds them again
		s.ingest.cfg.Log.Warn("who fell silent and who is back could not be noted, trying again", "senders", len(rows), "err", err)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range rows {
			if r.Silent {
				delete(s.silent[r.Sender], r.ID)
			}
		}
		s.returned = append(returned, s.returned...)
		return
	}
	for _, r := range rows {
		s.announce(ctx, r)
	}
}

// update takes over devices from the directory, edges from the configuration,
// and whether edges are heard at all.
func (s *silence) update(now time.Time) {
	s.mu.Lock()
	refresh := s.refresh
	s.refresh = false
	storing := s.ingest.Ready() == nil
	s.hearing = since(s.hearing, now, storing && s.ingest.cfg.Voice.Hearing())
	for _, source := range s.ingest.sources {
		s.sources[source.cfg.Name] = since(s.sources[source.cfg.Name], now, storing && source.cfg.Hearing())
	}
	s.mu.Unlock()
	if !refresh {
		return
	}
	var here []bool
	s.ingest.cfg.Directory.Each(func(eui uplink.EUI, d devices.Entry) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for len(s.devices) <= d.Number {
			s.devices = append(s.devices, heard{})
		}
		h := &s.devices[d.Number]
		switch {
		case d.Disabled:
			*h = heard{}
			delete(s.silent[devices.SenderDevice], eui.String())
			return
		case h.last == 0:
			*h = heard{eui: eui, last: uint32(now.Unix())}
		}
		h.declared = float32(d.Interval.Seconds())
		for len(here) < len(s.devices) {
			here = append(here, false)
		}
		here[d.Number] = true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.devices {
		if n >= len(here) || !here[n] {
			s.devices[n] = heard{}
		}
	}
}

// since returns from when on something is: from then, from now, or not at all.
func since(then, now time.Time, is bool) time.Time {
	switch {
	case !is:
		return time.Time{}
	case then.IsZero():
		return now
	}
	return then
}

// suspects returns the devices of which this process has heard nothing for too
// long, and the gateways and edges that are silent.
func (s *silence) suspects(now time.Time) (suspects, others []devices.SenderState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hearing.IsZero() {
		return nil, nil
	}
	overdue := func(hearing, last time.Time, interval time.Duration) (time.Time, bool) {
		if last.Before(hearing) {
			last = hearing
		}
		due := last.Add(time.Duration(intervals * float64(interval)))
		return due, !due.After(now)
	}
	// behind is overdue for what an edge serves.
	behind := func(edge string, last time.Time, interval time.Duration) (time.Time, bool) {
		o, ok := s.others[other{devices.SenderEdge, edge}]
		if !ok { // another network, or an edge that was never heard here
			hearing, network := s.sources[edge]
			if !network {
				hearing = s.hearing
			}
			due, late := overdue(hearing, last, interval)
			return due, late && !hearing.IsZero() && !s.isSilent(devices.SenderEdge, edge)
		}
		if last.Before(o.since) {
			last = o.since
		}
		due, late := overdue(s.hearing, last, interval)
		return due, late && !o.gone && now.Sub(o.last) < edgeLate && !s.isSilent(devices.SenderEdge, edge)
	}
	for key, o := range s.others {
		due, late := overdue(s.hearing, o.last, o.interval())
		if key.sender == devices.SenderGateway {
			due, late = behind(o.edge, o.last, o.interval())
		}
		if !late && !o.gone || s.isSilent(key.sender, key.id) {
			continue
		}
		others = append(others, devices.SenderState{
			Time: earlier(due, now), Sender: key.sender, ID: key.id, Edge: o.edge, Silent: true, LastHeard: o.last, Interval: o.interval(),
		})
	}
	for n := range s.devices {
		h := &s.devices[n]
		interval := h.interval()
		if h.last == 0 || interval == 0 {
			continue
		}
		last := time.Unix(int64(h.last), 0)
		if _, late := overdue(time.Time{}, last, interval); !late || len(suspects) == askAtOnce || s.isSilent(devices.SenderDevice, h.eui.String()) {
			continue
		}
		d, ok := s.ingest.cfg.Directory.Find(h.eui)
		due, late := behind(d.Edge, last, interval)
		if !ok || !late {
			continue
		}
		suspects = append(suspects, devices.SenderState{
			Time: due, Sender: devices.SenderDevice, ID: h.eui.String(), Edge: d.Edge, Domain: d.Domain, Station: d.Station, Municipality: d.Municipality,
			Silent: true, LastHeard: last.UTC(), Interval: interval,
		})
	}
	return suspects, others
}

func (s *silence) isSilent(sender devices.Sender, id string) bool {
	_, silent := s.silent[sender][id]
	return silent
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// confirmed leaves out the devices that somebody else has heard.
func (s *silence) confirmed(ctx context.Context, suspects []devices.SenderState) []devices.SenderState {
	if len(suspects) == 0 {
		return nil
	}
	var list []uplink.EUI
	oldest := suspects[0].LastHeard
	for _, r := range suspects {
		eui, err := uplink.ParseEUI(r.ID)
		if err != nil {
			continue // it was made of one
		}
		list = append(list, eui)
		oldest = earlier(oldest, r.LastHeard)
	}
	stored, err := s.ingest.cfg.Store.LastHeard(ctx, list, oldest)
	if err != nil {
		s.ingest.cfg.Log.Debug("devices may be silent, the database does not say", "err", err)
		return nil
	}
	var out []devices.SenderState
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, r := range suspects {
		h := s.device(r.ID)
		if h == nil || int64(h.last) > r.LastHeard.Unix() { // it was heard meanwhile
			continue
		}
		if last, ok := stored[list[n]]; ok && last.Unix() > r.LastHeard.Unix() { // in whole seconds, as all that is known here
			h.last = uint32(last.Unix())
			continue
		}
		out = append(out, r)
	}
	return out
}

// announce tells those who listen, and the log.
func (s *silence) announce(ctx context.Context, r devices.SenderState) {
	e := uplink.Event{V: uplink.Version, Time: r.Time, Event: uplink.EventHeard}
	topic := uplink.Topic{Edge: r.Edge, Kind: uplink.KindEvent, Domain: r.Domain}
	if r.Silent {
		e.Event, e.Detail = uplink.EventSilent, fmt.Sprintf("last heard %s, expected every %v", r.LastHeard.UTC().Format(time.RFC3339), r.Interval.Round(time.Second))
		s.ingest.cfg.Log.Warn("silent", "sender", r.Sender, "id", r.ID, "edge", r.Edge, "last_heard", r.LastHeard, "interval", r.Interval)
	} else {
		s.ingest.cfg.Log.Info("heard again", "sender", r.Sender, "id", r.ID, "edge", r.Edge)
	}
	if eui, err := uplink.ParseEUI(r.ID); err == nil && r.Sender == devices.SenderDevice {
		e.DevEUI = eui
	} else if err == nil && r.Sender == devices.SenderGateway {
		e.Gateway = eui
	}
	if err := s.ingest.cfg.Voice.Announce(ctx, topic, e); err != nil {
		s.ingest.cfg.Log.Debug("event was not published", "event", e.Event, "id", r.ID, "err", err)
	}
}
