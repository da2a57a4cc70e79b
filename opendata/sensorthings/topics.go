package sensorthings

import (
	"slices"
	"strings"

	"modellregion/devices"
)

// topicRoot begins all topics: the version of the standard.
const topicRoot = "v1.1/"

// topic is one that somebody wants: the path of an entity, of one of its
// properties, or of a set of them, perhaps with $select.
type topic struct {
	name    string
	path    string
	options *options
	target  *target // what it leads to now; nil: nothing

	// Of what is retained: a hash, 0 for nothing, and of an Observation the begin
	// of its window in Unix milliseconds.
	kept  uint64
	begin int64
}

// everySeries is the key of those who want to be told of every series, also of
// one that is not there yet.
var everySeries seriesKey

// observations reports whether it is a set of Observations.
func (t *topic) observations() bool {
	return t.target != nil && t.target.of == observations && t.target.many()
}

// retains reports whether there is one message that says how things are: of an
// entity, a property, or the newest Observation of one Datastream.
func (t *topic) retains() bool {
	return t.target == nil || !t.target.many() || t.observations() && len(t.target.streams) == 1
}

// broad reports whether it speaks of all entities of a type.
func (t *topic) broad() bool { return !strings.Contains(t.path, "(") }

// has reports whether an entity is in the set.
func (t *topic) has(e entity) bool {
	return t.broad() || slices.Contains(t.target.list, e)
}

// selects reports whether it is one of those of which so many are served.
func (t *topic) selects() bool { return t.broad() && t.options.selected != nil }

// parseTopic reads the name of a topic. What is none of ours is not an error:
// there is nobody to tell it to, and nothing is ever said on it.
func parseTopic(name string) *topic {
	path, selects, hasSelect := strings.Cut(strings.TrimPrefix(name, topicRoot), "?")
	if !strings.HasPrefix(name, topicRoot) || strings.Contains(path, "$") {
		return nil
	}
	segments, err := parsePath(path)
	if err != nil || len(segments) == 0 || typeOf(segments[0].name) == nil {
		return nil
	}
	for _, s := range segments {
		// Asking for a single Observation would ask the database.
		if s.hasID && s.name == observations.set {
			return nil
		}
	}
	t := &topic{name: name, path: path, options: &options{top: -1}}
	if hasSelect {
		of := typeAt(segments)
		text, ok := strings.CutPrefix(selects, "$select=")
		if of == nil || !ok || strings.Contains(text, "&") {
			return nil
		}
		if t.options.selected, err = parseSelect(source{option: "$select", text: text}, of); err != nil {
			return nil
		}
	}
	return t
}

// typeAt is the type of the entities at the end of a path, nil when it ends
// with something else.
func typeAt(segments []segment) *entityType {
	of := typeOf(segments[0].name)
	for _, s := range segments[1:] {
		r := of.relation(s.name)
		if r == nil {
			return nil
		}
		of = r.to
	}
	return of
}

// Want is told when somebody wants a topic that nobody did, and when nobody does
// any more. What is retained of a topic is published before it returns.
func (m *Messages) Want(name string, wanted bool) {
	m.sending.Lock()
	defer m.sending.Unlock()
	if !wanted {
		m.forget(name)
		return
	}
	t := parseTopic(name)
	if t == nil || !m.remember(t) {
		return
	}
	m.resolve(t)
	m.mu.Lock()
	m.subscribe(t)
	m.mu.Unlock()
	m.renew(t)
}

// remember keeps a topic, and reports whether it is to be served.
func (m *Messages) remember(t *topic) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.selects() {
		if m.broad >= mostBroad {
			return false
		}
		m.broad++
	}
	m.topics[t.name] = t
	return true
}

func (m *Messages) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[name]
	if t == nil {
		return
	}
	delete(m.topics, name)
	if t.selects() {
		m.broad--
	}
	for _, key := range t.wants() {
		delete(m.streams[key], t)
		if len(m.streams[key]) == 0 {
			delete(m.streams, key)
		}
	}
}

// resolve finds out what a topic leads to. The caller holds sending.
func (m *Messages) resolve(t *topic) {
	t.target = nil
	r := m.request()
	if found, err := r.resolve(t.path); err == nil && !found.raw && !found.ref && !found.count {
		t.target = found
	}
}

// current is what there is to say on a topic now, of those that retain.
func (m *Messages) current(t *topic) ([]byte, bool) {
	switch {
	case t.target == nil:
		return nil, false
	case t.observations():
		d := t.target.streams[0]
		row := d.series.load().row
		if row == nil || m.suppressed(d, row) {
			return nil, false
		}
		t.begin = row.Start.UnixMilli()
		return m.encode(t, &observation{d, *row})
	case t.target.property != nil:
		a, err := m.request().propertyOf(t.target, &answer{})
		if err != nil || len(a.body) == 0 {
			return nil, false
		}
		return a.body, true
	default:
		return m.encode(t, t.target.entity)
	}
}

// suppressed reports whether a window must not be told, which its Datastream may
// not know yet.
func (m *Messages) suppressed(d *datastream, row *devices.Aggregate) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return row.Suppressed || m.waiting[pendingKey{d.key, row.Start.UnixMilli()}].row.Suppressed
}

// index notes anew which series the topics want to be told of.
func (m *Messages) index(topics []*topic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.streams)
	for _, t := range topics {
		m.subscribe(t)
	}
}

// subscribe notes which series a topic wants to be told of. The caller holds mu.
func (m *Messages) subscribe(t *topic) {
	for _, key := range t.wants() {
		if m.streams[key] == nil {
			m.streams[key] = map[*topic]struct{}{}
		}
		m.streams[key][t] = struct{}{}
	}
}

// wants are the series that a topic wants to be told of: that of a Datastream
// too, since each window changes its times.
func (t *topic) wants() (keys []seriesKey) {
	switch {
	case t.path == observations.set:
		return []seriesKey{everySeries}
	case t.observations():
		for _, d := range t.target.streams {
			keys = append(keys, d.key)
		}
	case t.target != nil && !t.target.many() && t.target.of == datastreams:
		keys = []seriesKey{t.target.entity.(*datastream).key}
	}
	return keys
}

// of returns the topics that want to be told of a series.
func (m *Messages) of(d *datastream) (all []*topic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range []seriesKey{d.key, everySeries} {
		for t := range m.streams[key] {
			all = append(all, t)
		}
	}
	return all
}
