package sensorthings

import (
	"net/http"
	"strconv"
)

// appendPage adds a set of entities as OGC 18-088 §9.2.2 has it.
func (r *request) appendPage(b []byte, of *entityType, c collected, o *options) (_ []byte, err error) {
	b = append(b, '{')
	if c.count >= 0 {
		b = append(strconv.AppendInt(append(b, `"@iot.count":`...), int64(c.count), 10), ',')
	}
	if c.next != "" {
		b = append(appendQuoted(append(b, `"@iot.nextLink":`...), c.next), ',')
	}
	b = append(b, `"value":`...)
	if b, err = r.appendEntities(b, of, c.entities, o); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (r *request) appendEntities(b []byte, of *entityType, all []entity, o *options) (_ []byte, err error) {
	b = append(b, '[')
	for i, e := range all {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = r.appendEntity(b, of, e, o); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendEntity adds an entity with what is selected and expanded of it.
func (r *request) appendEntity(b []byte, of *entityType, e entity, o *options) (_ []byte, err error) {
	if len(b) > r.limits().Bytes {
		return nil, fail(http.StatusRequestEntityTooLarge,
			"die Antwort wäre größer als %d MB: bitte $top verkleinern oder mit $select auswählen", "the answer would be larger than %d MB: make $top smaller or choose with $select", r.limits().Bytes>>20)
	}
	b = append(b, '{')
	begin := len(b)
	if o.selected == nil {
		b = r.appendAll(b, of, e, o)
	} else {
		b = r.appendSelected(b, of, e, o)
	}
	for _, x := range o.expands {
		if b, err = r.appendExpanded(b, of, e, x); err != nil {
			return nil, err
		}
	}
	if len(b) > begin {
		b = b[:len(b)-1] // the last comma
	}
	return append(b, '}'), nil
}

// appendAll adds all properties and links, each with a comma behind.
func (r *request) appendAll(b []byte, of *entityType, e entity, o *options) []byte {
	for i, p := range of.properties {
		v := p.get(r, e)
		if p.optional && v.kind == null {
			continue
		}
		b = append(b, '"')
		if i < 2 {
			b = append(b, "@iot."...)
		}
		b = append(append(b, p.name...), `":`...)
		b = append(v.appendJSON(b), ',')
	}
	for _, rel := range of.relations {
		if find(o.expands, rel) == nil {
			b = r.appendLink(b, of, e, rel)
		}
	}
	return b
}

func (r *request) appendLink(b []byte, of *entityType, e entity, rel *relation) []byte {
	b = append(append(append(b, '"'), rel.name...), `@iot.navigationLink":"`...)
	b = append(append(r.appendSelfLink(b, of, e), '/'), rel.name...)
	return append(b, `",`...)
}

// appendSelected adds what is selected, in the order of the entity type.
func (r *request) appendSelected(b []byte, of *entityType, e entity, o *options) []byte {
	for i, p := range of.properties {
		v, ok := r.chosen(p, e, o)
		if !ok || p.optional && v.kind == null {
			continue
		}
		b = append(b, '"')
		if i < 2 {
			b = append(b, "@iot."...)
		}
		b = append(append(b, p.name...), `":`...)
		b = append(v.appendJSON(b), ',')
	}
	for _, rel := range of.relations {
		for _, s := range o.selected {
			if s.relation == rel && find(o.expands, rel) == nil {
				b = r.appendLink(b, of, e, rel)
				break
			}
		}
	}
	return b
}

// chosen returns a property as far as it is selected.
func (r *request) chosen(p *property, e entity, o *options) (v value, ok bool) {
	var parts []member
	for _, s := range o.selected {
		switch {
		case s.property != p:
		case len(s.path) == 0:
			return p.get(r, e), true
		default:
			v := p.get(r, e)
			for _, name := range s.path {
				v = v.field(name)
			}
			if v.kind != null {
				parts = insert(parts, s.path, v)
			}
			ok = true
		}
	}
	if len(parts) == 0 {
		return value{}, ok
	}
	return ofObject(parts...), ok
}

// insert puts a value into nested objects.
func insert(members []member, path []string, v value) []member {
	for i := range members {
		if members[i].name == path[0] {
			if len(path) > 1 {
				members[i].value = ofObject(insert(members[i].value.members, path[1:], v)...)
			}
			return members
		}
	}
	if len(path) > 1 {
		v = ofObject(insert(nil, path[1:], v)...)
	}
	return append(members, member{path[0], v})
}

// appendExpanded adds the entities of a relation, with a comma behind.
func (r *request) appendExpanded(b []byte, of *entityType, e entity, x *expand) (_ []byte, err error) {
	r.depth++
	defer func() { r.depth-- }()
	name := x.relation.name
	if !x.relation.many {
		if err := r.spend(1); err != nil {
			return nil, err
		}
		one := x.relation.one(e)
		b = append(append(append(b, '"'), name...), `":`...)
		if ok, err := r.passes(x, one); err != nil {
			return nil, err
		} else if !ok {
			return append(b, "null,"...), nil
		}
		if b, err = r.appendEntity(b, x.relation.to, one, &x.options); err != nil {
			return nil, err
		}
		return append(b, ','), nil
	}
	c, err := r.collect(r.expanded(of, e, x.relation), &x.options)
	if err != nil {
		return nil, err
	}
	if c.count >= 0 {
		b = append(append(append(b, '"'), name...), `@iot.count":`...)
		b = append(strconv.AppendInt(b, int64(c.count), 10), ',')
	}
	b = append(append(append(b, '"'), name...), `":`...)
	if b, err = r.appendEntities(b, x.relation.to, c.entities, &x.options); err != nil {
		return nil, err
	}
	b = append(b, ',')
	if c.next != "" {
		b = append(append(append(b, '"'), name...), `@iot.nextLink":`...)
		b = append(appendQuoted(b, c.next), ',')
	}
	return b, nil
}

// passes evaluates a filter of a relation to one.
func (r *request) passes(x *expand, one entity) (bool, error) {
	if x.options.filter == nil {
		return true, nil
	}
	return r.holds(x.options.filter, one)
}

// expanded is the set that a relation to many leads to.
func (r *request) expanded(of *entityType, e entity, rel *relation) *target {
	b := append(r.appendSelfLink(nil, of, e), '/')
	t := &target{of: rel.to, address: string(append(b, rel.name...))}
	if rel.list != nil {
		t.list = rel.list(e)
	} else {
		t.streams = rel.streams(e)
	}
	return t
}
