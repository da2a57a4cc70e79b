package sensorthings

import (
	"math"
	"slices"
	"strconv"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// plan is a query for Observations: what of it the database answers, and what
// is left to be looked at in each row.
type plan struct {
	streams  []*datastream // ordered by number
	from, to int64         // begins of windows, [from, to), Unix milliseconds; the same for all streams
	low, top int64         // numbers of Observations, [low, top]
	times    []timeBound   // what of phenomenonTime and resultTime depends on the windows of a stream
	results  []resultBound
	rest     []*node // conditions that must be evaluated
}

// timeBound is a condition on one of the times of an Observation.
type timeBound struct {
	result bool // of resultTime, else of phenomenonTime
	op     string
	is     value
}

// resultBound is a condition on the result.
type resultBound struct {
	op string
	is value
}

func (r *request) newPlan(streams []*datastream) *plan {
	return &plan{streams: streams, from: epoch, to: farAway().UnixMilli(), low: 0, top: math.MaxInt64}
}

// planFor splits a filter: conditions joined by and are pushed to the database
// where it can answer them, and those of the Datastream alone choose among
// them.
func (r *request) planFor(streams []*datastream, filter *node) (*plan, error) {
	p := r.newPlan(streams)
	for _, condition := range conjuncts(filter, nil) {
		pushed, err := r.push(p, condition)
		if err != nil {
			return nil, err
		}
		switch {
		case pushed:
		case ofStreamAlone(condition):
			if err := r.choose(p, condition); err != nil {
				return nil, err
			}
		default:
			p.rest = append(p.rest, condition)
		}
	}
	return p, nil
}

func conjuncts(n *node, found []*node) []*node {
	switch {
	case n == nil:
		return found
	case n.op == "and":
		return conjuncts(n.args[1], conjuncts(n.args[0], found))
	}
	return append(found, n)
}

// choose keeps the Datastreams for which a condition on an Observation holds
// that is the same for all Observations of one.
func (r *request) choose(p *plan, condition *node) error {
	var kept []*datastream
	for i, d := range p.streams {
		if i%256 == 0 {
			if err := r.alive(); err != nil {
				return err
			}
		}
		ok, err := r.holds(condition, &observation{stream: d})
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, d)
		}
	}
	p.streams = kept
	return nil
}

// ofStreamAlone reports whether all paths of a condition lead to what is in
// memory by way of the Datastream or the FeatureOfInterest.
func ofStreamAlone(n *node) bool {
	if n.op == "path" || n.op == "any" || n.op == "all" {
		if n.op == "path" && n.name != "" {
			return true // a variable: its any has been looked at
		}
		if len(n.steps) == 0 || n.steps[0].relation == nil || n.op != "path" && n.names[0] != "" {
			return false
		}
		for _, s := range n.steps {
			if s.relation != nil && s.relation.streams != nil {
				return false
			}
		}
	}
	return !slices.ContainsFunc(n.args, func(arg *node) bool { return !ofStreamAlone(arg) })
}

// push takes a condition over into the plan if it compares a time, the result
// or the id with what is known.
func (r *request) push(p *plan, n *node) (bool, error) {
	flip := map[string]string{"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
	if flip[n.op] == "" {
		return false, nil
	}
	op, name, other := n.op, own(n.args[0]), n.args[1]
	if name == "" {
		op, name, other = flip[n.op], own(n.args[1]), n.args[0]
	}
	if name == "" || !constant(other) {
		return false, nil
	}
	f := frame{request: r}
	is, err := f.eval(other)
	if err != nil {
		return false, err
	}
	switch name {
	case "phenomenonTime", "resultTime":
		if op == "ne" || !temporal(is) {
			return false, nil
		}
		p.times = append(p.times, timeBound{name == "resultTime", op, is})
		return true, nil
	case "result":
		if is.kind != number && is.kind != text || math.IsNaN(is.num) {
			return false, nil
		}
		p.results = append(p.results, resultBound{op, is})
		return true, nil
	case "id":
		return p.pushID(op, is), nil
	}
	return false, nil
}

// own returns the property of the Observation that a path is, or "".
func own(n *node) string {
	if n.op != "path" || n.name != "" || len(n.steps) != 1 || n.steps[0].property == nil {
		return ""
	}
	return n.steps[0].property.name
}

func constant(n *node) bool {
	return n.op != "path" && n.op != "any" && n.op != "all" && !slices.ContainsFunc(n.args, func(arg *node) bool { return !constant(arg) })
}

func (p *plan) pushID(op string, is value) bool {
	f := is.num
	if is.kind != number || math.IsNaN(f) || math.Abs(f) > 1<<53 || f != math.Trunc(f) {
		return false
	}
	id := int64(f)
	switch op {
	case "eq":
		p.low, p.top = max(p.low, id), min(p.top, id)
	case "lt":
		p.top = min(p.top, id-1)
	case "le":
		p.top = min(p.top, id)
	case "gt":
		p.low = max(p.low, id+1)
	case "ge":
		p.low = max(p.low, id)
	default:
		return false
	}
	return true
}

// span returns in which span the windows of a stream begin that the plan
// wants, and false when there are none.
func (p *plan) span(d *datastream) (devices.Span, bool) {
	from, to := p.from, p.to
	base := d.set.Base()
	for _, t := range p.times {
		lo, hi := t.begins(base)
		from, to = max(from, lo), min(to, hi)
	}
	if p.low > 0 || p.top < math.MaxInt64 {
		first, last := observationID(d.number, epoch), observationID(d.number+1, epoch)-1
		if p.top < first || p.low > last {
			return devices.Span{}, false
		}
		if p.low > first {
			_, begin := splitID(p.low)
			from = max(from, begin)
		}
		if p.top < last {
			_, begin := splitID(p.top)
			to = min(to, begin+1)
		}
	}
	return devices.Span{Start: msTime(from), End: msTime(to)}, from < to
}

// begins returns the begins, [lo, hi), of the windows that the condition holds
// for; see relateTimes for what it means.
func (t timeBound) begins(w opendata.Window) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	first := func(ms int64) int64 { return w.Begin(msTime(ms)).UnixMilli() } // of the window that holds ms
	from, until := t.is.at, t.is.at
	if t.is.kind == interval {
		until = t.is.until
	}
	switch {
	case t.result:
		lo, hi = resultBegins(t.op, t.is.kind == interval, from, until, first)
	case t.op == "eq":
		if t.is.kind != interval || w.End(msTime(from)).UnixMilli() != until || first(from) != from {
			return 0, 0
		}
		lo, hi = from, from+1
	case t.op == "lt":
		hi = first(from) // its end is at most from
	case t.op == "le" && t.is.kind == interval:
		hi = max(first(from), min(from+1, first(until)))
	case t.op == "le":
		hi = first(from)
	case t.op == "gt" && t.is.kind == interval:
		lo = until
	case t.op == "gt":
		lo = from + 1
	case t.op == "ge" && t.is.kind == interval:
		// Its begin and its end are not before those, or it begins after them.
		lo = min(until, max(from, first(until-1)))
	default:
		lo = from
	}
	return lo, hi
}

// resultBegins is begins for the instant at which a window ends.
func resultBegins(op string, isInterval bool, from, until int64, first func(int64) int64) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	after := func(ms int64) int64 { return first(ms) }         // begins of windows that end after ms
	notBefore := func(ms int64) int64 { return first(ms - 1) } // at or after ms
	switch {
	case op == "eq" && isInterval:
		return 0, 0
	case op == "eq":
		return notBefore(from), after(from)
	case op == "lt":
		hi = notBefore(from)
	case op == "le":
		hi = after(from)
	case op == "gt" && !isInterval:
		lo = after(from)
	default: // an instant at the end of an interval is after it
		lo = notBefore(until)
	}
	return lo, hi
}

// bounds returns what the plan wants of the values of a quantity, and false
// when none can be so.
func (p *plan) bounds(q *devices.Quantity) (out []devices.ValueBound, possible bool, rest []resultBound) {
	ops := map[string]string{"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
	for _, b := range p.results {
		is := b.is
		if q.Kind == devices.Category {
			code, known := q.Code(is.str)
			switch {
			case is.kind != text || b.op != "eq" && b.op != "ne":
				rest = append(rest, b) // by the alphabet, which codes are not in
			case known:
				out = append(out, devices.ValueBound{Op: ops[b.op], Value: code})
			case b.op == "eq":
				return nil, false, nil
			}
			continue
		}
		if is.kind == text {
			// As texts: pushed down where that is the same as numbers.
			f, err := strconv.ParseFloat(is.str, 64)
			same := err == nil && string(ofNumber(f).appendText(nil)) == is.str
			switch {
			case b.op != "eq" && b.op != "ne":
				rest = append(rest, b)
				continue
			case !same && b.op == "eq":
				return nil, false, nil
			case !same:
				continue
			}
			is.num = f
		}
		if math.IsInf(is.num, 0) || math.Abs(is.num) > 1e15 {
			rest = append(rest, b)
			continue
		}
		out = append(out, devices.ValueBound{Op: ops[b.op], Value: is.num})
	}
	return out, true, rest
}

// keeps evaluates what the database could not.
func (r *request) keeps(p *plan, o *observation, rest []resultBound) (bool, error) {
	for _, b := range rest {
		if !relate(b.op, result(o), b.is).isTrue() {
			return false, nil
		}
	}
	for _, condition := range p.rest {
		if ok, err := r.holds(condition, o); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// query asks for what the plan wants of a stream.
func (p *plan) query(d *datastream) (q devices.WindowQuery, rest []resultBound, possible bool) {
	q = d.key.query(d.set)
	var inTime bool
	if q.Span, inTime = p.span(d); !inTime {
		return q, nil, false
	}
	q.Bounds, possible, rest = p.bounds(d.quantity)
	return q, rest, possible
}

// whole reports whether the plan wants every window of a stream.
func (p *plan) whole(d *datastream) bool {
	if len(p.times)+len(p.results)+len(p.rest) > 0 || p.low > 0 || p.top < math.MaxInt64 {
		return false
	}
	known := d.series.load()
	return known.counted && p.from <= known.first && p.to > known.last
}

func sameWindow(streams []*datastream) bool {
	return !slices.ContainsFunc(streams, func(d *datastream) bool { return d.set.Base() != streams[0].set.Base() })
}

// inOrder reports whether begins and ends of windows come in the same order.
func inOrder(streams []*datastream) bool { return len(streams) == 0 || sameWindow(streams) }

// reach is when the streams have windows, as far as it is known, and how long
// the longest is.
func reach(streams []*datastream) (first, last int64, longest time.Duration) {
	first, last = epoch, farAway().UnixMilli()
	for i, d := range streams {
		longest = max(longest, time.Duration(d.set.Base()))
		known := d.series.load()
		switch {
		case !known.counted:
			return epoch, farAway().UnixMilli(), longest
		case i == 0:
			first, last = known.first, known.last
		default:
			first, last = min(first, known.first), max(last, known.last)
		}
	}
	return first, last, longest
}
