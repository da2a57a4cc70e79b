package live

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// set is a dataset that is live.
type set struct {
	*opendata.Dataset
	base opendata.Window

	// What follows belongs to whoever holds Hub.taking.

	// next is the begin of the window that is complete next. Rows of windows
	// before it are sent as they come.
	next   time.Time
	sent   map[int64]map[uint64]uint64 // by begin of window and series: hash of what was sent
	states map[uint64]state            // by series of a category
	sites  sites

	// What follows belongs to whoever holds Hub.mu.

	ring    []*batch
	bytes   int
	dropped int64 // number of the last event that is not in the ring any more
}

// state is what listeners were told last of a category.
type state struct {
	begin int64 // of the window, Unix milliseconds
	code  float64
}

// item is an event to be made.
type item struct {
	kind kind
	row  *devices.Aggregate
}

// take is told of rows that are stored now. They may be of windows that still
// run, and they may be the same as before.
func (h *Hub) take(dataset string, rows []devices.Aggregate) {
	s := h.set(dataset)
	if s == nil {
		return
	}
	h.taking.Lock()
	defer h.taking.Unlock()
	now := time.Now()
	public := s.sites.public(s.Dataset, h.cfg.Directory)
	var items []item
	for i := range rows {
		row := &rows[i]
		if !s.tells(row, public) {
			continue
		}
		end := s.base.End(row.Start)
		switch {
		case row.Start.Before(s.next):
			if now.Before(end.Add(max(late, time.Duration(s.base)))) && s.news(h.seed, row) {
				items = append(items, item{complete, row})
			}
		case row.Quantity.Kind == devices.Category && !row.Start.After(now) && now.Before(end) && s.changed(h.seed, row):
			items = append(items, item{preliminary, row})
		}
	}
	h.send(s, items, now)
}

// complete sends the windows that are complete now. It reads them anew, since
// the last that was put of a window may have come while it ran.
func (h *Hub) complete(now time.Time) {
	h.taking.Lock()
	defer h.taking.Unlock()
	for _, s := range h.sets {
		for !s.base.End(s.next).Add(h.cfg.Settle).After(now) {
			begin := s.next
			s.next = s.base.End(begin)
			if !s.base.End(s.next).Add(h.cfg.Settle).After(now) {
				h.interrupt(s)
			}
			rows := h.cfg.Latest.At(s.ID, begin)
			public := s.sites.public(s.Dataset, h.cfg.Directory)
			items := make([]item, 0, len(rows))
			for i := range rows {
				if row := &rows[i]; s.tells(row, public) && s.news(h.seed, row) {
					items = append(items, item{complete, row})
				}
			}
			h.send(s, items, now)
		}
		s.forget(now)
	}
}

// interrupt makes every listener of a dataset come again and be told of a gap:
// this process stood still for so long that the latest values may have lost
// windows which were not sent.
func (h *Hub) interrupt(s *set) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest++
	s.ring, s.bytes, s.dropped = nil, 0, h.newest
}

// tells reports whether a row may be told at all.
func (s *set) tells(row *devices.Aggregate, public map[string]struct{}) bool {
	_, known := public[row.Station]
	return known && !row.Suppressed && opendata.Window(row.Window) == s.base && s.Has(row.Quantity)
}

// news reports whether a row of a complete window says something else than
// what was sent of it, and takes it as sent.
func (s *set) news(seed maphash.Seed, row *devices.Aggregate) bool {
	begin := row.Start.UnixMilli()
	of := s.sent[begin]
	if of == nil {
		of = map[uint64]uint64{}
		s.sent[begin] = of
	}
	key, content := series(seed, row), contentOf(seed, row)
	if old, ok := of[key]; ok && old == content {
		return false
	}
	of[key] = content
	if row.Quantity.Kind == devices.Category && s.states[key].begin <= begin {
		s.states[key] = state{begin, row.Mode}
	}
	return true
}

// changed reports whether a row of a running window has another category than
// listeners know of, and takes it as told.
func (s *set) changed(seed maphash.Seed, row *devices.Aggregate) bool {
	begin, key := row.Start.UnixMilli(), series(seed, row)
	old, known := s.states[key]
	if known && (begin < old.begin || row.Mode == old.code) {
		return false
	}
	s.states[key] = state{begin, row.Mode}
	return true
}

// forget drops what is too old to be sent again.
func (s *set) forget(now time.Time) {
	for begin := range s.sent {
		if end := s.base.End(time.UnixMilli(begin)); !now.Before(end.Add(max(late, time.Duration(s.base)))) {
			delete(s.sent, begin)
		}
	}
	for key, told := range s.states {
		if now.Sub(time.UnixMilli(told.begin)) > opendata.Recent+time.Duration(s.base) {
			delete(s.states, key)
		}
	}
}

// series and contentOf are hashes, since a region may have a million series:
// what a row is about, and what it says.
func series(seed maphash.Seed, row *devices.Aggregate) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range []string{row.Station, row.Quantity.Name, row.Channel} {
		_, _ = h.WriteString(s) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

func contentOf(seed maphash.Seed, row *devices.Aggregate) uint64 {
	b := make([]byte, 0, 256)
	b = binary.LittleEndian.AppendUint64(b, uint64(row.Count))
	for _, v := range []float64{row.Value(), row.Min, row.Max, row.Coverage} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, p := range row.Percentiles {
		b = append(b, byte(p.P))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Value))
	}
	for _, v := range row.Shares {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return maphash.Bytes(seed, b)
}
