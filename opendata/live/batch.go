package live

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"modellregion/devices"
)

// batchBytes is about the most that goes to a listener in one piece.
const batchBytes = 64 << 10

// batch is some events of a dataset, encoded. It is never changed.
type batch struct {
	first, last int64 // numbers of its events, and of those that were taken out
	made        time.Time
	data        []byte
	events      []event
	runs        []run // ordered by station, then by place in events
}

// event is one event of a batch.
type event struct {
	number     int64
	begin, end int // in data
	quantity   *devices.Quantity
	station    string
}

// run is a number of events in a row that are of one station.
type run struct {
	station     string
	first, last int // in events, half-open
}

// index makes runs.
func (b *batch) index() {
	for i := range b.events {
		if n := len(b.runs); n > 0 && b.runs[n-1].station == b.events[i].station {
			b.runs[n-1].last = i + 1
			continue
		}
		b.runs = append(b.runs, run{b.events[i].station, i, i + 1})
	}
	slices.SortStableFunc(b.runs, func(x, y run) int { return strings.Compare(x.station, y.station) })
}

// without returns the batch without the events of some stations: itself, when
// it has none.
func (b *batch) without(gone map[string]struct{}) *batch {
	if !slices.ContainsFunc(b.runs, func(r run) bool { _, is := gone[r.station]; return is }) {
		return b
	}
	out := &batch{first: b.first, last: b.last, made: b.made}
	for _, e := range b.events {
		if _, is := gone[e.station]; is {
			continue
		}
		begin := len(out.data)
		out.data = append(out.data, b.data[e.begin:e.end]...)
		e.begin, e.end = begin, len(out.data)
		out.events = append(out.events, e)
	}
	out.index()
	return out
}

// send makes events, remembers them and tells Run that there are some. The
// caller holds h.taking.
func (h *Hub) send(s *set, items []item, now time.Time) {
	if len(items) == 0 {
		return
	}
	h.mu.RLock()
	number := max(h.newest, now.UnixMicro()-1)
	h.mu.RUnlock()
	var made []*batch
	var b *batch
	buf := make([]byte, 0, min(batchBytes+1024, 512*len(items)))
	end := func() {
		b.last, b.data = number, slices.Clone(buf)
		b.index()
		made, b, buf = append(made, b), nil, buf[:0]
	}
	for _, it := range items {
		number++
		if b == nil {
			b = &batch{first: number, made: now}
		}
		begin := len(buf)
		buf = appendEvent(buf, s, it, number)
		b.events = append(b.events, event{number, begin, len(buf), it.row.Quantity, it.row.Station})
		if len(buf) >= batchBytes {
			end()
		}
	}
	if b != nil {
		end()
	}
	h.events.Add(uint64(len(items)))
	h.remember(s, made, number, now)
	select {
	case h.wake <- struct{}{}:
	default: // it is told already
	}
}

// remember puts batches into the ring of a dataset.
func (h *Hub) remember(s *set, made []*batch, newest int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest = newest
	for _, b := range made {
		s.ring = append(s.ring, b)
		s.bytes += len(b.data)
	}
	s.trim(h.cfg.RingBytes, now)
}

// trim drops the oldest of a ring that is too large. The windows of a large
// region are complete all at once: listeners have a moment for them. The
// caller holds Hub.mu.
func (s *set) trim(most int, now time.Time) {
	drop := 0
	for drop < len(s.ring) && s.bytes > most && now.Sub(s.ring[drop].made) > moment {
		s.bytes -= len(s.ring[drop].data)
		s.dropped = s.ring[drop].last
		drop++
	}
	s.ring = slices.Delete(s.ring, 0, drop)
}

// after returns the first batch of the ring that has events after a number, or
// nil. The caller holds Hub.mu.
func (s *set) after(number int64) *batch {
	i := sort.Search(len(s.ring), func(i int) bool { return s.ring[i].last > number })
	if i == len(s.ring) {
		return nil
	}
	return s.ring[i]
}

// pick returns the events after a number that a selection wants, encoded, and
// how many they are: a part of the batch, or what it puts into buf.
func (b *batch) pick(sel *selection, number int64, buf *[]byte) (data []byte, n int) {
	from, _ := slices.BinarySearchFunc(b.events, number+1, func(e event, number int64) int { return cmp.Compare(e.number, number) })
	if from == len(b.events) {
		return nil, 0
	}
	if len(sel.stations) == 0 && len(sel.quantities) == 0 {
		return b.data[b.events[from].begin:], len(b.events) - from
	}
	out := (*buf)[:0]
	add := func(first, last int) {
		for i := max(first, from); i < last; i++ {
			if e := &b.events[i]; len(sel.quantities) == 0 || slices.Contains(sel.quantities, e.quantity) {
				out = append(out, b.data[e.begin:e.end]...)
				n++
			}
		}
	}
	if len(sel.stations) == 0 {
		add(from, len(b.events))
	}
	for _, r := range b.runsOf(sel.stations) {
		add(r.first, r.last)
	}
	*buf = out
	return out, n
}

// runsOf returns the runs of some stations, in the order of the events.
func (b *batch) runsOf(stations []string) []run {
	var found []run
	for _, station := range stations {
		i, _ := slices.BinarySearchFunc(b.runs, station, func(r run, station string) int { return strings.Compare(r.station, station) })
		for ; i < len(b.runs) && b.runs[i].station == station; i++ {
			found = append(found, b.runs[i])
		}
	}
	slices.SortFunc(found, func(x, y run) int { return x.first - y.first })
	return found
}
