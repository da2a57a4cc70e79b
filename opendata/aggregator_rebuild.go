package opendata

import (
	"context"
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// maxRounds is how often Rebuild goes back to a day for readings that arrive
// meanwhile. Where so many do, those that follow have an aggregator store the
// windows again.
const maxRounds = 20

// Rebuild computes and publishes all windows of all datasets anew that began
// in the span and are over, a day after the other. It is for what a new
// version computes otherwise, and after bucket open was lost. What bucket raw
// may have lost is left as it is, and so is what runs, which the next step
// computes in any case.
//
// It may run beside Run, in this process or another. Progress, which may be
// nil, is called with the number of days that are done.
func (a *Aggregator) Rebuild(ctx context.Context, span devices.Span, progress func(done, total int)) error {
	over := time.Now().Add(-settle)
	begin, end := span.Start, earlier(span.End, over)
	if oldest := a.oldest(); begin.Before(oldest) {
		begin = oldest
	}
	var days []Day
	for day := DayOf(begin); day.Span().Start.Before(end); day = DayOf(day.Span().End) {
		days = append(days, day)
	}
	sites := siteCache{}
	for i, day := range days {
		if err := a.rebuildDay(ctx, day, i == len(days)-1, over, sites); err != nil {
			return fmt.Errorf("rebuild %s: %w", day, err)
		}
		if progress != nil {
			progress(i+1, len(days))
		}
	}
	return nil
}

// rebuildDay computes the windows that begin on a day and are over, and with
// the last day of a week or of all the week.
func (a *Aggregator) rebuildDay(ctx context.Context, day Day, last bool, over time.Time, sites siteCache) error {
	g, oldest := newAgenda(len(a.cfg.Datasets)), a.oldest()
	mine := func(w Window, begin time.Time) bool { // whether the day has to compute it
		if begin.Before(oldest) || w.End(begin).After(over) {
			return false
		}
		if w == Week {
			return last || w.End(begin).Equal(day.Span().End)
		}
		return day.Span().Contains(begin)
	}
	for i := range a.cfg.Datasets {
		if a.cfg.Datasets[i].Households != nil {
			continue
		}
		for _, w := range a.cfg.Datasets[i].Windows {
			for begin := w.Begin(day.Span().Start); begin.Before(day.Span().End); begin = w.End(begin) {
				if mine(w, begin) {
					note(g.dirty[i], windowKey{w, begin.UnixMilli()}, over)
				}
			}
		}
	}
	// Readings that arrive between our reading and our storing are seen by an
	// aggregator beside us, and what it stored then is replaced by what we
	// read before. So what has got new marks is computed once more.
	known := map[mark]bool{}
	since := time.Now().Add(-Overlap)
	if _, err := a.news(ctx, since, known); err != nil {
		return err
	}
	for range maxRounds {
		if err := a.computeAll(ctx, &g, sites); err != nil {
			return err
		}
		marks, err := a.news(ctx, since, known)
		if err != nil {
			return err
		}
		for _, m := range marks {
			for i := range a.cfg.Datasets {
				for _, k := range a.touched(&a.cfg.Datasets[i], m, over.Add(settle)) {
					if mine(k.window, time.UnixMilli(k.begin)) {
						note(g.dirty[i], k, over)
					}
				}
			}
		}
		if g.done() {
			break
		}
	}
	return a.publishAll(ctx, &g)
}

// publishAll writes the files of all pending days.
func (a *Aggregator) publishAll(ctx context.Context, g *agenda) error {
	for i := range a.cfg.Datasets {
		var pending []Day
		for k := range g.pending {
			if k.dataset == i {
				pending = append(pending, k.day)
			}
		}
		if err := a.publishDays(ctx, g, i, pending); err != nil {
			return err
		}
	}
	return nil
}

// done reports whether no window is dirty.
func (g *agenda) done() bool {
	return !slices.ContainsFunc(g.dirty, func(dirty map[windowKey]time.Time) bool { return len(dirty) > 0 })
}

// computeAll computes all that is dirty.
func (a *Aggregator) computeAll(ctx context.Context, g *agenda, sites siteCache) error {
	for _, domain := range uplink.Domains() {
		if err := a.computeShort(ctx, g, domain, true, sites); err != nil {
			return err
		}
	}
	due := slices.Repeat([]bool{true}, len(a.cfg.Datasets))
	return a.computeLong(ctx, g, due, sites)
}

// news returns the marks that have arrived since and are not known, and then
// knows them.
func (a *Aggregator) news(ctx context.Context, since time.Time, known map[mark]bool) ([]devices.DirtyMark, error) {
	marks, err := a.cfg.Raw.Dirty(ctx, devices.Span{Start: since, End: time.Now().Add(Overlap)})
	if err != nil {
		return nil, fmt.Errorf("read dirty marks: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(marks), func(m devices.DirtyMark) bool {
		key := mark{string(m.Domain), m.Window.UnixNano(), m.Arrived.UnixNano()}
		old := known[key]
		known[key] = true
		return old
	}), nil
}
