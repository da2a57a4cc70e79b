package sensorthings

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

const (
	manySeries = 20    // from which on one query of all is better than one of each
	chunk      = 5_000 // windows of one query when conditions are evaluated here
)

// page is a part of the Observations that a plan gives.
type page struct {
	rows []observation
	more bool
	last int64 // number of the last that was looked at
}

// ask sends one query to the database, of those that an answer may cost.
func (r *request) ask(q devices.WindowQuery) ([]devices.Aggregate, error) {
	if err := r.query(); err != nil {
		return nil, err
	}
	q.Limit = min(q.Limit, max(r.rows, 1))
	var rows []devices.Aggregate
	err := r.service.gate.ask(r.ctx, func() (err error) {
		rows, err = r.service.cfg.Observations.SelectWindows(r.ctx, q)
		return err
	})
	if err != nil {
		return nil, r.failed(err)
	}
	r.rows -= len(rows)
	return rows, nil
}

func (r *request) query() error {
	if r.depth > 0 {
		r.queries--
	}
	if r.queries < 0 {
		if !r.service.filled.Load() { // then more would be at hand
			return busy(loadTime, "der Katalog wird noch geladen", "the catalogue is still being loaded")
		}
		return fail(http.StatusBadRequest,
			"die Antwort bräuchte mehr als %d Abfragen der Datenbank: bitte weniger Datastreams, oder in $expand nur den neuesten Wert, Observations($top=1;$orderby=phenomenonTime desc)",
			"the answer would take more than %d queries of the database: ask for fewer Datastreams, or in $expand for the newest value alone, Observations($top=1;$orderby=phenomenonTime desc)",
			r.limits().Queries)
	}
	return r.alive()
}

// failed tells an answer that comes too late from a database that is away.
func (r *request) failed(err error) error {
	if r.ctx.Err() == context.DeadlineExceeded {
		return r.late()
	}
	return err
}

func (r *request) tooMany() error {
	return fail(http.StatusBadRequest,
		"dafür müssten mehr als %d Observations gelesen werden: bitte mit phenomenonTime, resultTime, result oder einem Datastream einschränken, oder nextLink folgen statt $skip",
		"more than %d Observations would have to be read for it: narrow it by phenomenonTime, resultTime, result or a Datastream, or follow nextLink instead of $skip",
		r.limits().Rows)
}

// everything returns all Observations of a plan, ordered by number.
func (r *request) everything(p *plan) ([]observation, error) {
	got, err := r.byNumber(p, 0, 0, r.limits().Rows, false)
	if err == nil && got.more {
		err = r.tooMany()
	}
	return got.rows, err
}

// byNumber returns Observations in order of their numbers, which is that of
// Datastream and time, or the other way round. After is the number of the one
// that the page before has ended with, 0 for none.
func (r *request) byNumber(p *plan, after int64, skip, want int, descending bool) (out page, err error) {
	streams := p.streams
	if after > 0 {
		limited := *p
		if descending {
			limited.top = min(p.top, after-1)
		} else {
			limited.low = max(p.low, after+1)
		}
		p = &limited
	}
	if streams, err = r.worthIt(p, streams); err != nil {
		return out, err
	}
	if descending {
		streams = slices.Clone(streams)
		slices.Reverse(streams)
	}
	for i, d := range streams {
		if n := d.series.load().count; skip >= n && p.whole(d) {
			skip -= n
			continue
		}
		if err := r.ofStream(p, d, &skip, want+1, descending, &out); err != nil {
			return out, err
		}
		if len(out.rows) > want {
			out.rows, out.more = out.rows[:want], true
			break
		}
		if i%64 == 0 {
			if err := r.alive(); err != nil {
				return out, err
			}
		}
	}
	if len(out.rows) > 0 {
		out.last = out.rows[len(out.rows)-1].id()
	}
	return out, nil
}

// worthIt leaves out the streams that have nothing for the plan, where it is
// cheaper to learn of them together.
func (r *request) worthIt(p *plan, streams []*datastream) ([]*datastream, error) {
	if len(streams) <= manySeries || len(p.results) == 0 && len(p.times) == 0 {
		return streams, nil
	}
	counts, err := r.counts(p, streams)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(streams), func(d *datastream) bool { return counts[d] == 0 }), nil
}

// ofStream adds rows of one stream until there are want of them.
func (r *request) ofStream(p *plan, d *datastream, skip *int, want int, newest bool, out *page) error {
	q, rest, possible := p.query(d)
	if !possible {
		return nil
	}
	q.Newest = newest
	exact := len(p.rest)+len(rest) == 0
	for len(out.rows) < want {
		if exact {
			q.Offset, q.Limit = *skip, want-len(out.rows)
		} else {
			q.Offset, q.Limit = 0, chunk
		}
		limit := q.Limit
		if r.rows <= 0 {
			return r.tooMany()
		}
		rows, err := r.ask(q)
		if err != nil {
			return err
		}
		if exact && len(rows) > 0 {
			*skip = 0
		}
		for i := range rows {
			o := observation{d, rows[i]}
			if ok, err := r.keeps(p, &o, rest); err != nil {
				return err
			} else if !ok {
				continue
			}
			if *skip > 0 && !exact {
				*skip--
				continue
			}
			if out.rows = append(out.rows, o); len(out.rows) == want {
				return nil
			}
		}
		if len(rows) == 0 && exact && *skip > 0 {
			return r.countSkipped(p, d, skip)
		}
		if len(rows) < limit && r.rows > 0 {
			return nil
		}
		if last := rows[len(rows)-1].Start; newest {
			q.Span.End = last
		} else {
			q.Span.Start = last.Add(time.Millisecond)
		}
	}
	return nil
}

// countSkipped takes off what a stream had that was skipped as a whole.
func (r *request) countSkipped(p *plan, d *datastream, skip *int) error {
	counts, err := r.counts(p, []*datastream{d})
	if err == nil {
		*skip -= min(*skip, counts[d])
	}
	return err
}

// group is the streams of one quantity of a dataset.
type group struct {
	set     *opendata.Dataset
	of      *devices.Quantity
	streams map[devices.StationSeries]*datastream
}

func groups(streams []*datastream) (out []*group) {
	byKey := map[*sensor]*group{} // a Sensor stands for dataset and quantity
	for _, d := range streams {
		g := byKey[d.sensor]
		if g == nil {
			g = &group{d.set, d.quantity, map[devices.StationSeries]*datastream{}}
			byKey[d.sensor] = g
			out = append(out, g)
		}
		g.streams[devices.StationSeries{Station: d.key.station, Channel: d.key.channel}] = d
	}
	return out
}

// query asks for windows of all streams of the group in a span.
func (g *group) query(span devices.Span) devices.WindowQuery {
	q := devices.WindowQuery{Dataset: g.set.ID, Window: time.Duration(g.set.Base()), Quantity: g.of, Percentiles: g.set.Percentiles, Span: span}
	if len(g.streams) == 1 {
		for of := range g.streams {
			q.Of = &of
		}
	}
	return q
}

// span is what the plan wants of any stream of the group.
func (g *group) span(p *plan) (out devices.Span, any bool) {
	for _, d := range g.streams {
		s, ok := p.span(d)
		if !ok {
			continue
		}
		if !any || s.Start.Before(out.Start) {
			out.Start = s.Start
		}
		if !any || s.End.After(out.End) {
			out.End = s.End
		}
		any = true
	}
	return out, any
}

// byTime returns Observations of several streams by the begin of their windows,
// those of one time by number. It reads all of a span of time and goes on with
// the next, which is longer when there was little.
func (r *request) byTime(p *plan, after *position, skip, want int, newest bool) (out page, err error) {
	all := groups(p.streams)
	from, until := int64(1<<62), int64(0)
	for _, g := range all {
		if s, ok := g.span(p); ok {
			from, until = min(from, s.Start.UnixMilli()), max(until, s.End.UnixMilli())
		}
	}
	if after != nil && newest {
		until = min(until, after.begin+1)
	} else if after != nil {
		from = max(from, after.begin)
	}
	first, last, longest := reach(p.streams)
	from, until = max(from, first), min(until, last+1)
	for width := longest.Milliseconds(); from < until; {
		part := *p
		if newest {
			part.from, part.to = max(from, until-width), until
			until = part.from
		} else {
			part.from, part.to = from, min(until, from+width)
			from = part.to
		}
		rows, err := r.slice(&part, all)
		if err != nil {
			return out, err
		}
		if len(rows) < want {
			width *= 2
		}
		slices.SortFunc(rows, func(a, b observation) int { return timeOrder(&a, &b, newest) })
		for _, o := range rows {
			if after != nil && !after.before(&o, newest) {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if len(out.rows) == want {
				out.more = true
				return out, nil
			}
			out.rows = append(out.rows, o)
		}
	}
	return out, nil
}

func timeOrder(a, b *observation, newest bool) int {
	order := cmp.Compare(a.begin(), b.begin())
	if newest {
		order = -order
	}
	return cmp.Or(order, cmp.Compare(a.id(), b.id()))
}

// position is where a page by time has ended.
type position struct{ begin, id int64 }

// before reports whether an Observation comes after the position in the order.
func (at *position) before(o *observation, newest bool) bool {
	if o.begin() != at.begin {
		return o.begin() > at.begin != newest
	}
	return o.id() > at.id
}

// slice reads all windows of the plan.
func (r *request) slice(p *plan, all []*group) (out []observation, err error) {
	for _, g := range all {
		span, ok := g.span(p)
		if !ok {
			continue
		}
		q := g.query(span)
		bounds, possible, rest := p.bounds(g.of)
		if !possible {
			continue
		}
		q.Bounds, q.Limit = bounds, r.rows+1
		if r.rows <= 0 {
			return nil, r.tooMany()
		}
		before := r.rows
		rows, err := r.ask(q)
		if err != nil {
			return nil, err
		}
		if len(rows) >= before {
			return nil, r.tooMany()
		}
		for i := range rows {
			d := g.streams[devices.StationSeries{Station: rows[i].Station, Channel: rows[i].Channel}]
			if d == nil {
				continue // no number yet, or not asked for
			}
			o := observation{d, rows[i]}
			if s, ok := p.span(d); !ok || !s.Contains(rows[i].Start) {
				continue
			}
			if ok, err := r.keeps(p, &o, rest); err != nil {
				return nil, err
			} else if ok {
				out = append(out, o)
			}
		}
	}
	return out, nil
}
