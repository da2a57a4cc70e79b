package sensorthings

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// collected is a page of entities of one type.
type collected struct {
	entities []entity
	count    int    // $count; below 0: not asked for
	next     string // address of the next page; empty: this is the last
}

// collect evaluates $filter, $count, $orderby, $skip and $top, in this order
// (OGC 18-088 §9.3.1).
func (r *request) collect(t *target, o *options) (collected, error) {
	if t.of == observations {
		return r.collectObservations(t, o)
	}
	out := collected{count: -1}
	all, err := r.filtered(t.list, o.filter)
	if err != nil {
		return out, err
	}
	if o.count {
		out.count = len(all)
	}
	if len(o.order) > 0 {
		if all, err = r.sorted(all, o.order); err != nil {
			return out, err
		}
	}
	top := r.top(o)
	skip := min(o.skip, len(all))
	out.entities = all[skip:min(skip+top, len(all))]
	if skip+top < len(all) && top > 0 {
		out.next = nextLink(t.address, o, top, o.skip+top, "")
	}
	return out, r.spend(len(out.entities))
}

// top is the number of entities of a page.
func (r *request) top(o *options) int {
	l := r.limits()
	most := l.Top
	if o.format == "dataArray" || o.format == "CSV" {
		most = l.ArrayTop
	}
	if o.top < 0 {
		return min(l.Default, most)
	}
	return min(o.top, most)
}

func (r *request) filtered(all []entity, filter *node) ([]entity, error) {
	if filter == nil {
		return all, nil
	}
	var kept []entity
	for i, e := range all {
		if i%256 == 0 {
			if err := r.alive(); err != nil {
				return nil, err
			}
		}
		ok, err := r.holds(filter, e)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// sorted orders entities by terms; those that are alike stay as they are, by
// number.
func (r *request) sorted(all []entity, terms []orderTerm) ([]entity, error) {
	type keyed struct {
		entity
		keys []value
	}
	list := make([]keyed, len(all))
	for i, e := range all {
		if i%256 == 0 {
			if err := r.alive(); err != nil {
				return nil, err
			}
		}
		list[i] = keyed{e, make([]value, len(terms))}
		for j, t := range terms {
			f := frame{request: r, it: e}
			v, err := f.eval(t.node)
			if err != nil {
				return nil, err
			}
			list[i].keys[j] = v
		}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for j, t := range terms {
			order := rank(a.keys[j], b.keys[j])
			if t.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return cmp.Compare(a.id(), b.id())
	})
	out := make([]entity, len(all))
	for i := range list {
		out[i] = list[i].entity
	}
	return out, nil
}

// timeTerm reports whether Observations are ordered by their time, and how.
func timeTerm(o *options, streams []*datastream) (newest, ok bool) {
	if len(o.order) == 0 {
		return false, false
	}
	first := o.order[0]
	name := own(first.node)
	if name != "phenomenonTime" && (name != "resultTime" || !inOrder(streams)) {
		return false, false
	}
	if name == "phenomenonTime" && !inOrder(streams) {
		return false, false // by the end, where the begins are the same
	}
	for _, more := range o.order[1:] {
		if len(streams) > 1 && (own(more.node) != "id" || more.descending) {
			return false, false
		}
	}
	return first.descending, true
}

// collectObservations chooses how the database is asked.
func (r *request) collectObservations(t *target, o *options) (collected, error) {
	out := collected{count: -1}
	if latest := r.latest(t, o); latest != nil {
		return *latest, r.spend(1)
	}
	p, err := r.planFor(t.streams, o.filter)
	if err != nil {
		return out, err
	}
	if o.count {
		if out.count, err = r.countOf(p); err != nil {
			return out, err
		}
	}
	top := r.top(o)
	if top == 0 {
		return out, nil
	}
	got, after, err := r.pageOf(p, o, top)
	if err != nil {
		return out, err
	}
	for i := range got.rows {
		out.entities = append(out.entities, &got.rows[i])
	}
	if got.more {
		out.next = nextLink(t.address, o, top, o.skip+len(got.rows), after)
	}
	return out, r.spend(len(got.rows))
}

// pageOf reads one page in the order that is asked for, and says where it ends.
func (r *request) pageOf(p *plan, o *options, top int) (got page, after string, err error) {
	at, err := parsePosition(o.after)
	if err != nil {
		return got, "", err
	}
	skip := o.skip
	if at != nil {
		skip = 0
	}
	newest, byTime := timeTerm(o, p.streams)
	byNumber := len(o.order) == 0 || len(o.order) == 1 && own(o.order[0].node) == "id"
	if byNumber && len(o.order) == 1 {
		newest = o.order[0].descending
	}
	switch {
	case byNumber, byTime && len(p.streams) == 1:
		number := int64(0)
		if at != nil {
			number = at.id
		}
		got, err = r.byNumber(p, number, skip, top, newest)
	case byTime:
		got, err = r.byTime(p, at, skip, top, newest)
	default:
		return r.byAnything(p, o, top)
	}
	if err == nil && len(got.rows) > 0 {
		last := &got.rows[len(got.rows)-1]
		after = strconv.FormatInt(last.begin(), 36) + "." + strconv.FormatInt(last.id(), 36)
	}
	return got, after, err
}

// parsePosition reads $skiptoken.
func parsePosition(s string) (*position, error) {
	if s == "" {
		return nil, nil
	}
	begin, id, ok := strings.Cut(s, ".")
	at, err1 := strconv.ParseInt(begin, 36, 64)
	number, err2 := strconv.ParseInt(id, 36, 64)
	if !ok || errors.Join(err1, err2) != nil || number <= 0 {
		return nil, source{option: "$skiptoken", text: s}.wrong(0, "erwartet wird, was in einem nextLink stand", "what was in a nextLink is expected")
	}
	return &position{at, number}, nil
}

// byAnything reads all and sorts it here. Its pages are told by $skip.
func (r *request) byAnything(p *plan, o *options, top int) (got page, after string, err error) {
	if len(p.results)+len(p.rest)+len(p.times) == 0 {
		total := 0
		for _, d := range p.streams {
			total += d.series.load().count
		}
		if total > r.limits().Rows {
			return got, "", r.tooMany()
		}
	}
	rows, err := r.everything(p)
	if err != nil {
		return got, "", err
	}
	all := make([]entity, len(rows))
	for i := range rows {
		all[i] = &rows[i]
	}
	if all, err = r.sorted(all, o.order); err != nil {
		return got, "", err
	}
	all = all[min(o.skip, len(all)):]
	got.more = len(all) > top
	for _, e := range all[:min(top, len(all))] {
		got.rows = append(got.rows, *e.(*observation))
	}
	return got, "", nil
}

// latest answers from memory what is asked most: the newest Observation of a
// Datastream.
func (r *request) latest(t *target, o *options) *collected {
	if len(t.streams) != 1 || o.top != 1 || o.skip != 0 || o.after != "" || o.filter != nil {
		return nil
	}
	newest, ok := timeTerm(o, t.streams)
	known := t.streams[0].series.load()
	if !ok || !newest || known.row == nil || o.count && !known.counted {
		return nil
	}
	out := &collected{entities: []entity{&observation{t.streams[0], *known.row}}, count: -1}
	if o.count {
		out.count = known.count
	}
	if known.before || known.count > 1 {
		id := out.entities[0].id()
		out.next = nextLink(t.address, o, 1, 1, strconv.FormatInt(known.row.Start.UnixMilli(), 36)+"."+strconv.FormatInt(id, 36))
	}
	return out
}

// observation returns one Observation by its number, or nil when it is not
// among those of the streams.
func (r *request) observation(streams []*datastream, id int64) (*observation, error) {
	number, begin := splitID(id)
	i, ok := slices.BinarySearchFunc(streams, number, func(d *datastream, n int64) int { return cmp.Compare(d.number, n) })
	if !ok || id < 0 {
		return nil, nil
	}
	d := streams[i]
	if d.set.Base().Begin(msTime(begin)).UnixMilli() != begin {
		return nil, nil
	}
	if known := d.series.load(); known.row != nil && known.row.Start.UnixMilli() == begin {
		return &observation{d, *known.row}, nil
	}
	p := r.newPlan([]*datastream{d})
	p.low, p.top = id, id
	rows, err := r.everything(p)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}
