package sensorthings

import "modellregion/devices"

// counts returns how many Observations each stream has for the plan, where
// nothing is left to be evaluated.
func (r *request) counts(p *plan, streams []*datastream) (map[*datastream]int, error) {
	out := map[*datastream]int{}
	var ask []*datastream
	for _, d := range streams {
		if p.whole(d) {
			out[d] = d.series.load().count
		} else if _, ok := p.span(d); ok {
			ask = append(ask, d)
		}
	}
	for _, g := range groups(ask) {
		if err := r.countGroup(p, g, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *request) countGroup(p *plan, g *group, out map[*datastream]int) error {
	span, _ := g.span(p)
	q := g.query(span)
	var possible bool
	if q.Bounds, possible, _ = p.bounds(g.of); !possible {
		return nil
	}
	if err := r.query(); err != nil {
		return err
	}
	var found []devices.WindowCount
	err := r.service.gate.ask(r.ctx, func() (err error) {
		found, err = r.service.cfg.Observations.CountWindows(r.ctx, q)
		return err
	})
	if err != nil {
		return r.failed(err)
	}
	for _, n := range found {
		if d := g.streams[n.StationSeries]; d != nil {
			out[d] += n.Count
		}
	}
	return nil
}

// countOf returns how many Observations a plan gives.
func (r *request) countOf(p *plan) (int, error) {
	exact := len(p.rest) == 0 && p.low == 0 && (p.top == 1<<63-1)
	for _, g := range groups(p.streams) {
		_, possible, rest := p.bounds(g.of)
		exact = exact && (len(rest) == 0 || !possible)
	}
	total := 0
	if !exact {
		rows, err := r.everything(p)
		return len(rows), err
	}
	counts, err := r.counts(p, p.streams)
	for _, n := range counts {
		total += n
	}
	return total, err
}
