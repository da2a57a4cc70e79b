package sensorthings

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
)

// appendDataArray adds Observations as OGC 18-088 §13.2 has it: an array for
// each Datastream.
func (r *request) appendDataArray(b []byte, c collected, o *options) ([]byte, error) {
	if len(o.expands) > 0 {
		return nil, fail(http.StatusBadRequest, "mit dataArray gibt es kein $expand", "there is no $expand with dataArray")
	}
	selected := o.selected
	if selected == nil {
		for _, name := range []string{"id", "phenomenonTime", "resultTime", "result"} {
			selected = append(selected, selection{property: observations.property(name)})
		}
	}
	var rows []selection
	var components []byte
	for _, s := range selected {
		if s.property == nil {
			continue
		}
		name := s.property.name
		for _, part := range s.path {
			name += "/" + part
		}
		if len(components) > 0 {
			components = append(components, ',')
		}
		components = appendQuoted(components, name)
		rows = append(rows, s)
	}
	b = append(b, '{')
	if c.count >= 0 {
		b = append(strconv.AppendInt(append(b, `"@iot.count":`...), int64(c.count), 10), ',')
	}
	if c.next != "" {
		b = append(appendQuoted(append(b, `"@iot.nextLink":`...), c.next), ',')
	}
	b = append(b, `"value":[`...)
	order, byStream := groupByStream(c.entities)
	for i, d := range order {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(r.appendSelfLink(append(b, `{"Datastream@iot.navigationLink":"`...), datastreams, d), `","components":[`...)
		b = append(append(b, components...), `],"dataArray@iot.count":`...)
		b = append(strconv.AppendInt(b, int64(len(byStream[d])), 10), `,"dataArray":[`...)
		for j, e := range byStream[d] {
			if j > 0 {
				b = append(b, ',')
			}
			b = r.appendRow(b, e, rows)
		}
		b = append(b, "]}"...)
	}
	return append(b, "]}"...), nil
}

func groupByStream(all []entity) (order []*datastream, byStream map[*datastream][]entity) {
	byStream = map[*datastream][]entity{}
	for _, e := range all {
		d := e.(*observation).stream
		if byStream[d] == nil {
			order = append(order, d)
		}
		byStream[d] = append(byStream[d], e)
	}
	return order, byStream
}

func (r *request) appendRow(b []byte, e entity, columns []selection) []byte {
	b = append(b, '[')
	for i, s := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		v := s.property.get(r, e)
		for _, part := range s.path {
			v = v.field(part)
		}
		b = v.appendJSON(b)
	}
	return append(b, ']')
}

// cell is a named value of a flat entity.
type cell struct {
	name  string
	value value
}

// flatten lists what an entity has with what is expanded of it, as FROST
// names it: Datastream/name, Datastreams/0/name. Objects that have few and
// known parts are several cells.
func (r *request) flatten(prefix string, of *entityType, e entity, o *options, out []cell) ([]cell, error) {
	for _, p := range of.properties {
		var v value
		if o.selected == nil {
			if p.name == "selfLink" {
				continue
			}
			v = p.get(r, e)
		} else {
			var ok bool
			if v, ok = r.chosen(p, e, o); !ok {
				continue
			}
		}
		if p.name == "unitOfMeasurement" || v.kind == object && o.selected != nil && p.name != "parameters" {
			for _, m := range v.members {
				out = append(out, cell{prefix + p.name + "/" + m.name, m.value})
			}
			continue
		}
		out = append(out, cell{prefix + p.name, v})
	}
	r.depth++
	defer func() { r.depth-- }()
	var err error
	for _, x := range o.expands {
		name := prefix + x.relation.name + "/"
		if !x.relation.many {
			if err := r.spend(1); err != nil {
				return nil, err
			}
			if out, err = r.flatten(name, x.relation.to, x.relation.one(e), &x.options, out); err != nil {
				return nil, err
			}
			continue
		}
		c, err := r.collect(r.expanded(of, e, x.relation), &x.options)
		if err != nil {
			return nil, err
		}
		for i, one := range c.entities {
			if out, err = r.flatten(name+strconv.Itoa(i)+"/", x.relation.to, one, &x.options, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// csv writes entities by RFC 4180. Columns are those of the first entity and
// what others have beyond it.
func (r *request) csv(of *entityType, all []entity, o *options) ([]byte, error) {
	if err := oneEach(o.expands); err != nil {
		return nil, err
	}
	columns := map[string]int{}
	var header []string
	rows := make([][]cell, len(all))
	for i, e := range all {
		var err error
		if rows[i], err = r.flatten("", of, e, o, nil); err != nil {
			return nil, err
		}
		for _, c := range rows[i] {
			if _, known := columns[c.name]; !known {
				columns[c.name] = len(header)
				header = append(header, c.name)
			}
		}
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	if len(header) == 0 {
		return nil, nil
	}
	if err := w.Write(header); err != nil {
		return nil, err
	}
	record := make([]string, len(header))
	for _, row := range rows {
		clear(record)
		for _, c := range row {
			if c.value.kind != null {
				record[columns[c.name]] = string(c.value.appendText(nil))
			}
		}
		if err := w.Write(record); err != nil {
			return nil, err
		}
		if out.Len() > r.limits().Bytes {
			return nil, fail(http.StatusRequestEntityTooLarge, "die Antwort wäre größer als %d MB", "the answer would be larger than %d MB", r.limits().Bytes>>20)
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// oneEach: a row has room for one entity of a relation to many.
func oneEach(all []*expand) error {
	for _, x := range all {
		if x.relation.many && x.options.top != 1 && x.options.top != 0 {
			return fail(http.StatusBadRequest, "in CSV hat %s nur mit $top=1 Platz: $expand=%[1]s($top=1)", "in CSV there is room for %s with $top=1 alone: $expand=%[1]s($top=1)", x.relation.name)
		}
		if err := oneEach(x.options.expands); err != nil {
			return err
		}
	}
	return nil
}

// appendGeoJSON adds entities as a FeatureCollection (RFC 7946 §3.3), whose
// paging is told by members that start with @iot.
func (r *request) appendGeoJSON(b []byte, of *entityType, c collected, o *options) ([]byte, error) {
	b = append(b, `{"type":"FeatureCollection",`...)
	if c.count >= 0 {
		b = append(strconv.AppendInt(append(b, `"@iot.count":`...), int64(c.count), 10), ',')
	}
	if c.next != "" {
		b = append(appendQuoted(append(b, `"@iot.nextLink":`...), c.next), ',')
	}
	b = append(b, `"features":[`...)
	for i, e := range c.entities {
		if i > 0 {
			b = append(b, ',')
		}
		cells, err := r.flatten("", of, e, o, nil)
		if err != nil {
			return nil, err
		}
		b = append(b, `{"type":"Feature","geometry":`...)
		if s := placeOf(e); s != nil {
			b = s.appendJSON(b)
		} else {
			b = append(b, "null"...)
		}
		b = append(b, `,"properties":{`...)
		for j, cell := range cells {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, cell.name), ':')
			b = cell.value.appendJSON(b)
		}
		b = append(b, "}}"...)
		if len(b) > r.limits().Bytes {
			return nil, fail(http.StatusRequestEntityTooLarge, "die Antwort wäre größer als %d MB", "the answer would be larger than %d MB", r.limits().Bytes>>20)
		}
	}
	return append(b, "]}"...), nil
}

// placeOf returns where an entity is; no $expand is needed for it.
func placeOf(e entity) *shape {
	switch e := e.(type) {
	case *thing:
		return e.shape
	case *location:
		return e.shape
	case *historical:
		return e.shape
	case *feature:
		return e.shape
	case *datastream:
		return e.thing.shape
	case *observation:
		return e.stream.thing.shape
	}
	return nil
}
