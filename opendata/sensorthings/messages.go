package sensorthings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"modellregion/devices"
)

// Publisher is where messages go: a broker whose readers have no login.
type Publisher interface {
	// Publish sends a message to those who want the topic. Retained is kept for
	// those who come later, while anybody wants it. It does not wait for readers,
	// and keeps the payload.
	Publish(topic string, payload []byte, retained bool) error
}

// Messages tells subscribers what is new (OGC 18-088 §14.2). It makes messages
// of those topics alone that somebody wants.
//
// Observations are told as they are stored, so that one of a window that still
// runs is told again and again; of one Datastream the newest is retained, and so
// are single entities and their properties. Sets of other entities tell what is
// new in them or called otherwise.
type Messages struct {
	service *Service
	to      Publisher
	seed    maphash.Seed

	// sending makes what is published of a topic come in order. It is locked
	// before mu.
	sending sync.Mutex

	mu      sync.Mutex
	topics  map[string]*topic
	broad   int                               // of them with a selection of many entities
	streams map[seriesKey]map[*topic]struct{} // who wants to be told of a series
	waiting map[pendingKey]pending            // windows that are to be told

	// What follows belongs to whoever holds sending.

	seen *catalog             // whose entities have been told
	told map[entityKey]uint64 // hash of each of its entities

	changed map[seriesKey]time.Time // series of which there was something to tell; of Run alone

	sent, lost, failed atomic.Uint64
}

// MessageStats are counters since the start; Topics is the number now.
type MessageStats struct {
	Topics int    // that are wanted, and mean something here
	Sent   uint64 // messages handed to the broker
	Lost   uint64 // windows that were not told, since too many waited
	Failed uint64 // messages that the broker did not take
}

type entityKey struct {
	of *entityType
	id int64
}

// pendingKey is a window of a series.
type pendingKey struct {
	series seriesKey
	begin  int64 // Unix milliseconds
}

// pending is a window that is to be told, at the latest state.
type pending struct {
	row   devices.Aggregate
	since time.Time
}

const (
	tellEvery  = 500 * time.Millisecond // between two rounds of messages
	knownAfter = 10 * time.Second       // that a new series may take to have its number
	timesAfter = 3 * time.Second        // that a Datastream may take to know of a window
	mostTold   = 100_000                // windows that wait; more are lost
	// mostBroad is how many selections of topics that speak of many entities are
	// served at once: readers invent them, and each costs as much as all
	// entities. The whole entities are always served.
	mostBroad = 32
)

// NewMessages returns the messages of the service, which needs a BaseURL: they
// are for nobody in particular, and have addresses in them. Run makes them.
func (s *Service) NewMessages(to Publisher) (*Messages, error) {
	if s.base == "" {
		return nil, errors.New("SensorThings over MQTT: want a base URL")
	}
	m := &Messages{
		service: s, to: to, seed: maphash.MakeSeed(), topics: map[string]*topic{}, waiting: map[pendingKey]pending{},
		streams: map[seriesKey]map[*topic]struct{}{}, seen: &catalog{}, changed: map[seriesKey]time.Time{},
	}
	s.cfg.Latest.Watch(m.take)
	return m, nil
}

// take notes windows that are stored now. Those that a privacy rule suppresses
// are as if they were not there; what was told of one before is taken back by
// the next round.
func (m *Messages) take(dataset string, rows []devices.Aggregate) {
	d := m.service.dataset(dataset)
	if d == nil { // of households
		return
	}
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.streams) == 0 {
		return
	}
	everything := m.streams[everySeries] != nil
	for i := range rows {
		row := &rows[i]
		key := seriesKey{dataset, row.Station, row.Quantity, row.Channel}
		if row.Window != time.Duration(d.Base()) || row.Start.UnixMilli() < epoch || !everything && m.streams[key] == nil {
			continue
		}
		at := pendingKey{key, row.Start.UnixMilli()}
		if _, there := m.waiting[at]; !there && len(m.waiting) >= mostTold {
			m.lost.Add(1)
			continue
		}
		m.waiting[at] = pending{*row, now}
	}
}

// Run makes messages until ctx ends, then returns nil.
func (m *Messages) Run(ctx context.Context) error {
	for {
		began := time.Now()
		m.round()
		select {
		case <-ctx.Done():
			return nil
		// At most a fifth of the time, however much there is to tell.
		case <-time.After(max(tellEvery, 4*time.Since(began))):
		}
	}
}

// round tells what is new. Nobody else changes what is seen.
func (m *Messages) round() {
	if now := m.service.catalog.Load(); now != m.seen {
		m.sending.Lock()
		m.follow(now)
		m.sending.Unlock()
	}
	m.mu.Lock()
	waiting := m.waiting
	m.waiting = map[pendingKey]pending{}
	m.mu.Unlock()
	if len(waiting)+len(m.changed) == 0 {
		return
	}
	byKey := make(map[seriesKey]*datastream, len(m.seen.streams))
	for _, d := range m.seen.streams {
		byKey[d.key] = d
	}
	m.tell(waiting, byKey)
	m.renewChanged(byKey)
}

// renewChanged tells of Datastreams which have got windows: their times follow a
// moment later.
func (m *Messages) renewChanged(byKey map[seriesKey]*datastream) {
	for key, at := range m.changed {
		if time.Since(at) >= timesAfter {
			delete(m.changed, key)
		}
		d := byKey[key]
		if d == nil {
			continue
		}
		m.sending.Lock()
		for _, t := range m.of(d) {
			if !t.observations() {
				m.renew(t)
			}
		}
		m.sending.Unlock()
	}
}

// tell makes messages of windows. Whoever wants a topic meanwhile waits for one
// window and not for all.
func (m *Messages) tell(waiting map[pendingKey]pending, byKey map[seriesKey]*datastream) {
	inOrder := slices.SortedFunc(maps.Keys(waiting), func(a, b pendingKey) int { return cmp.Compare(a.begin, b.begin) })
	for _, at := range inOrder {
		d, p := byKey[at.series], waiting[at]
		switch {
		case d == nil: // it may have no number yet
			m.later(at, p)
		case p.row.Suppressed:
			m.takeBack(d, at.begin)
			m.later(at, p) // the Datastream learns it after a moment
			m.changed[at.series] = p.since
		default:
			m.observe(d, &p.row)
			m.changed[at.series] = p.since
		}
	}
}

// later has a window looked at again, unless it is known to be of no use.
func (m *Messages) later(at pendingKey, p pending) {
	if time.Since(p.since) >= knownAfter {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, newer := m.waiting[at]; !newer {
		m.waiting[at] = p
	}
}

// observe tells of one window those who want all of its Datastream. The newest
// is retained where there is one to retain.
func (m *Messages) observe(d *datastream, row *devices.Aggregate) {
	m.sending.Lock()
	defer m.sending.Unlock()
	begin := row.Start.UnixMilli()
	newest := begin >= d.series.load().last
	for _, t := range m.of(d) {
		if !t.observations() {
			continue
		}
		payload, ok := m.encode(t, &observation{d, *row})
		switch {
		case !ok:
		case t.retains() && newest && begin >= t.begin:
			t.begin = begin
			m.keep(t, payload)
		default:
			m.send(t, payload, false)
		}
	}
}

// takeBack clears what is retained of a window that must not be told any more.
func (m *Messages) takeBack(d *datastream, begin int64) {
	m.sending.Lock()
	defer m.sending.Unlock()
	for _, t := range m.of(d) {
		if t.observations() && t.begin == begin {
			m.clear(t)
		}
	}
}

// renew brings what is retained of a topic up to date.
func (m *Messages) renew(t *topic) {
	if !t.retains() {
		return
	}
	if payload, ok := m.current(t); ok {
		m.keep(t, payload)
		return
	}
	m.clear(t)
}

// keep publishes a message that is retained, unless it is the one that is.
func (m *Messages) keep(t *topic, payload []byte) {
	if sum := maphash.Bytes(m.seed, payload) | 1; sum != t.kept {
		t.kept = sum
		m.send(t, payload, true)
	}
}

// clear takes back what is retained: an empty message does (MQTT 3.1.1
// §3.3.1.3).
func (m *Messages) clear(t *topic) {
	if t.kept != 0 {
		t.kept, t.begin = 0, 0
		m.send(t, nil, true)
	}
}

func (m *Messages) send(t *topic, payload []byte, retained bool) {
	if err := m.to.Publish(t.name, payload, retained); err != nil {
		if m.failed.Add(1) == 1 { // the others are counted
			m.service.cfg.Log.Warn("SensorThings message was not published", "topic", t.name, "err", err)
		}
		return
	}
	m.sent.Add(1)
}

// Stats returns the counters.
func (m *Messages) Stats() MessageStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return MessageStats{Topics: len(m.topics), Sent: m.sent.Load(), Lost: m.lost.Load(), Failed: m.failed.Load()}
}

// follow goes on to another catalogue: topics may mean something else now, or
// something for the first time, and entities may be new.
func (m *Messages) follow(now *catalog) {
	before := m.told
	m.seen, m.told = now, make(map[entityKey]uint64, len(before))
	m.mu.Lock()
	topics := slices.Collect(maps.Values(m.topics))
	m.mu.Unlock()
	for _, t := range topics {
		m.resolve(t)
		m.renew(t)
	}
	m.index(topics)
	var sets []*topic
	for _, t := range topics {
		if t.target != nil && t.target.many() && !t.observations() {
			sets = append(sets, t)
		}
	}
	for _, of := range entityTypes {
		for _, e := range now.sets[of] {
			m.introduce(entityKey{of, e.id()}, e, sets, before)
		}
	}
}

// introduce tells the topics of sets of an entity that is new or called
// otherwise. The times of Datastreams, which change with each window, are told
// by the topics of single ones.
func (m *Messages) introduce(key entityKey, e entity, sets []*topic, before map[entityKey]uint64) {
	b, err := m.request().appendEntity(nil, key.of, e, &options{selected: lasting(key.of)})
	if err != nil {
		return
	}
	m.told[key] = maphash.Bytes(m.seed, b)
	if before == nil || before[key] == m.told[key] { // nil: all that there was at the start
		return
	}
	for _, t := range sets {
		if t.target.of != key.of || !t.has(e) {
			continue
		}
		if payload, ok := m.encode(t, e); ok {
			m.send(t, payload, false)
		}
	}
}

// lasting are the properties that do not follow from windows.
func lasting(of *entityType) (all []selection) {
	for _, p := range of.properties {
		if p.kind != interval && p.kind != instant {
			all = append(all, selection{property: p})
		}
	}
	return all
}

func (m *Messages) request() *request {
	r := m.service.newRequest(context.Background(), m.service.base)
	r.catalog = m.seen
	return r
}

// encode writes an entity as a topic wants it.
func (m *Messages) encode(t *topic, e entity) ([]byte, bool) {
	b, err := m.request().appendEntity(nil, t.target.of, e, t.options)
	if err != nil {
		m.service.cfg.Log.Debug("SensorThings message cannot be written", "topic", t.name, "err", fmt.Sprint(err))
		return nil, false
	}
	return b, true
}
