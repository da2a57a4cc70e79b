package sensorthings

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// segment is one part of a path: a name, perhaps with an id.
type segment struct {
	name  string
	id    string
	hasID bool
}

// maxSegments bounds how long a path may be.
const maxSegments = 24

// parsePath cuts a path below the service into segments. Slashes in quoted ids
// do not cut.
func parsePath(path string) (out []segment, err error) {
	wrong := func() error { return notFound("den Pfad %.200q gibt es nicht", "there is no path %.200q", path) }
	rest := strings.Trim(path, "/")
	for rest != "" {
		if len(out) == maxSegments {
			return nil, wrong()
		}
		end := strings.IndexAny(rest, "/(")
		if end < 0 {
			end = len(rest)
		}
		s := segment{name: rest[:end]}
		rest = rest[end:]
		if strings.HasPrefix(rest, "(") {
			var ok bool
			if s.id, rest, ok = cutID(rest[1:]); !ok {
				return nil, wrong()
			}
			s.hasID = true
		}
		if s.name == "" || rest != "" && rest[0] != '/' {
			return nil, wrong()
		}
		rest = strings.TrimPrefix(rest, "/")
		out = append(out, s)
	}
	return out, nil
}

// cutID reads an id up to its bracket: 12, 'a”b', or id=12.
func cutID(s string) (id, rest string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		id, rest, ok = strings.Cut(s, ")")
		return id, rest, ok
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			i++
			continue
		}
		return s[:i+1], strings.TrimPrefix(s[i+1:], ")"), strings.HasPrefix(s[i+1:], ")")
	}
	return "", "", false
}

// target is what a path leads to.
type target struct {
	of      *entityType
	entity  entity        // one entity, or that whose property is meant
	list    []entity      // a set in memory
	streams []*datastream // a set of Observations
	address string        // of it

	property        *property
	parts           []string // of the property's value
	raw, ref, count bool     // /$value, /$ref, /$count
}

func (t *target) many() bool { return t.entity == nil }

// resolve follows a path.
func (r *request) resolve(path string) (*target, error) {
	segments, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	first := segments[0]
	of := typeOf(first.name)
	if of == nil {
		return nil, notFound("es gibt kein %.60q, nur %s", "there is no %.60q, only %s", first.name, setNames())
	}
	t := &target{of: of, address: r.base + "/" + of.set, list: r.sets[of]}
	if of == observations {
		t.streams = r.catalog.streams
	}
	if first.hasID {
		if err := r.pick(t, first.id); err != nil {
			return nil, err
		}
	}
	for i, s := range segments[1:] {
		if done, err := r.advance(t, s, segments[i+2:]); done || err != nil {
			return t, err
		}
	}
	return t, nil
}

func setNames() string {
	var names []string
	for _, t := range entityTypes {
		names = append(names, t.set)
	}
	return strings.Join(names, ", ")
}

// pick goes from a set to one of its entities.
func (r *request) pick(t *target, id string) error {
	gone := notFound("%s(%.60s) gibt es hier nicht", "there is no %s(%.60s) here", t.of.set, id)
	n, err := strconv.ParseInt(strings.TrimPrefix(id, "id="), 10, 64)
	if err != nil {
		return gone
	}
	if t.of != observations {
		i, ok := slices.BinarySearchFunc(t.list, n, func(e entity, id int64) int { return cmp.Compare(e.id(), id) })
		if !ok {
			return r.perhapsLater(gone)
		}
		t.entity = t.list[i]
	} else {
		found, err := r.observation(t.streams, n)
		if err != nil {
			return err
		}
		if found == nil {
			return r.perhapsLater(gone)
		}
		t.entity = found
	}
	t.address = r.selfLink(t.of, t.entity)
	t.list, t.streams = nil, nil
	return nil
}

// perhapsLater says of what is not there that it may be, as long as the
// catalogue is not complete after a start.
func (r *request) perhapsLater(gone error) error {
	if r.service.counted.Load() {
		return gone
	}
	return busy(loadTime, "der Katalog wird noch geladen", "the catalogue is still being loaded")
}

// advance goes one segment on; done when the rest of the path is dealt with.
func (r *request) advance(t *target, s segment, rest []segment) (done bool, err error) {
	last := len(rest) == 0
	if !s.hasID && last && s.name == "$ref" {
		t.ref = true
		return true, nil
	}
	if t.many() {
		if !s.hasID && last && s.name == "$count" {
			t.count = true
			return true, nil
		}
		return true, notFound("nach %s wird eine Nummer in Klammern erwartet", "a number in brackets is expected after %s", t.of.set)
	}
	if p := t.of.property(s.name); p != nil && !s.hasID {
		t.property = p
		return true, t.within(rest)
	}
	rel := t.of.relation(s.name)
	if rel == nil || s.hasID && !rel.many {
		return true, notFound("%s hat kein %.60q", "%s has no %.60q", t.of.single, s.name)
	}
	from := t.entity
	t.of = rel.to
	if !rel.many {
		t.entity = rel.one(from)
		t.address = r.selfLink(t.of, t.entity)
		return false, nil
	}
	t.address += "/" + rel.name
	t.entity = nil
	if rel.list != nil {
		t.list = rel.list(from)
	} else {
		t.streams = rel.streams(from)
	}
	if s.hasID {
		return false, r.pick(t, s.id)
	}
	return false, nil
}

// within reads what follows a property: parts of its value, and $value.
func (t *target) within(rest []segment) error {
	for i, s := range rest {
		switch {
		case s.hasID:
			return notFound("%s hat keine Teile mit Nummern", "%s has no numbered parts", t.property.name)
		case s.name == "$value" && i == len(rest)-1:
			t.raw = true
		default:
			t.parts = append(t.parts, s.name)
		}
	}
	if k := t.property.kind; len(t.parts) > 0 && k != object && k != geometry {
		return notFound("%s hat keine Teile", "%s has no parts", t.property.name)
	}
	return nil
}

// value of the property that is meant.
func (r *request) valueOf(t *target) (value, error) {
	v := t.property.get(r, t.entity)
	for i, part := range t.parts {
		if v = v.field(part); v.kind == null && i < len(t.parts)-1 {
			break
		}
	}
	if v.kind == null && len(t.parts) > 0 {
		return v, fail(http.StatusNotFound, "%s hat keinen Teil %s", "%s has no part %s", t.property.name, strings.Join(t.parts, "/"))
	}
	return v, nil
}
