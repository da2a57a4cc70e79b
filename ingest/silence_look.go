package ingest

import (
	"context"
	"fmt"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

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
	s.excuse(time.Now())
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

// isFormer reports whether it is of an edge that is none any more, and not of a
// device, which has to be heard by another edge.
func (s *silence) isFormer(r devices.SenderState) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.Sender != devices.SenderDevice && s.former[r.Edge]
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
	if s.isFormer(r) {
		s.ingest.cfg.Log.Info("not missed any more", "sender", r.Sender, "id", r.ID, "edge", r.Edge)
		return
	}
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
