package opendata

import (
	"context"
	"maps"
	"slices"
	"time"

	"modellregion/uplink"
)

const (
	maxHours = 24      // of windows in one pass
	maxCells = 1 << 25 // bytes, about, that the areas of a pass may take
)

// compute recomputes the dirty windows. What fails stays dirty. Windows that
// are over wait for their time unless forced, days and weeks also for the last
// part of what has to be read.
func (a *Aggregator) compute(ctx context.Context, g *agenda, last, force bool) error {
	for _, domain := range uplink.Domains() {
		// In a long absence's parts one reading serves hours and quarters.
		all := !last || force || !time.Now().Before(a.shortDue[domain])
		if err := a.computeShort(ctx, g, domain, all, a.sites); err != nil {
			return err
		}
		if all {
			a.shortDue[domain] = time.Now().Add(shortEvery)
		}
	}
	if !last {
		return nil
	}
	now := time.Now()
	due := make([]bool, len(a.cfg.Datasets))
	for i := range due {
		// What is still dirty is a day or a week.
		due[i] = len(g.dirty[i]) > 0 && (force || !now.Before(a.longDue[i]))
	}
	if err := a.computeLong(ctx, g, due, a.sites); err != nil {
		return err
	}
	for i := range due {
		if due[i] {
			a.longDue[i] = time.Now().Add(longEvery)
		}
	}
	return a.runningWeeks(ctx, g, force)
}

// computeShort recomputes the dirty windows up to an hour: all, or only those
// that do not wait for their end.
func (a *Aggregator) computeShort(ctx context.Context, g *agenda, domain uplink.Domain, all bool, sites siteCache) error {
	mine := func(dataset int, w Window) bool { return w <= Hour && (all || !a.cfg.Datasets[dataset].waits(w)) }
	hours := map[int64]bool{} // since 1970, in which windows are dirty; all of them lie within one
	for i, dirty := range g.dirty {
		if a.cfg.Datasets[i].Domain != domain {
			continue
		}
		for k := range dirty {
			if mine(i, k.window) {
				hours[k.begin/time.Hour.Milliseconds()] = true
			}
		}
	}
	limit := a.hours(domain, sites)
	for _, run := range runs(slices.Sorted(maps.Keys(hours)), limit) {
		wanted := make([]map[windowKey]time.Time, len(g.dirty))
		for i, dirty := range g.dirty {
			wanted[i] = map[windowKey]time.Time{}
			for k, since := range dirty {
				if hour := k.begin / time.Hour.Milliseconds(); mine(i, k.window) && hour >= run.first && hour <= run.last {
					wanted[i][k] = since
				}
			}
		}
		if err := a.pass(ctx, g, domain, wanted, sites); err != nil {
			return err
		}
	}
	return nil
}

// pass computes windows of a domain and takes them off the agenda.
func (a *Aggregator) pass(ctx context.Context, g *agenda, domain uplink.Domain, wanted []map[windowKey]time.Time, sites siteCache) error {
	p := a.newPass(domain, wanted, sites)
	err := p.run(ctx, func(dataset int, day Day, since time.Time) { note(g.pending, dayKey{dataset, day}, since) })
	if err != nil {
		return err
	}
	for _, s := range p.sets {
		for k := range wanted[s.index] {
			delete(g.dirty[s.index], k)
		}
	}
	return nil
}

// run is a number of hours without a gap.
type run struct{ first, last int64 }

func runs(hours []int64, limit int64) []run {
	var out []run
	for _, h := range hours {
		if n := len(out); n > 0 && out[n-1].last == h-1 && h-out[n-1].first < limit {
			out[n-1].last = h
			continue
		}
		out = append(out, run{h, h})
	}
	return out
}

// hours is how many hours a pass may compute at once: the areas of datasets
// that are grouped have to be held for all of them.
func (a *Aggregator) hours(domain uplink.Domain, sites siteCache) int64 {
	cells := 0
	for i := range a.cfg.Datasets {
		d := &a.cfg.Datasets[i]
		if d.Domain != domain || !d.grouped() {
			continue
		}
		stations, areas := 0, sites.get(d, a.cfg.Directory)
		for j := range areas {
			stations += len(areas[j].Stations)
		}
		for _, w := range d.Windows {
			if w <= Hour {
				cells += int(Hour/w) * len(d.Quantities) * (len(areas)*256 + stations)
			}
		}
	}
	return int64(min(maxHours, max(1, maxCells/max(1, cells))))
}

// computeLong recomputes the dirty days and weeks of the datasets that are
// due. One reading of bucket raw serves the same day of all of a domain.
func (a *Aggregator) computeLong(ctx context.Context, g *agenda, due []bool, sites siteCache) error {
	type key struct {
		domain uplink.Domain
		begin  int64
	}
	days := map[key][]map[windowKey]time.Time{}
	for i, dirty := range g.dirty {
		for k, since := range dirty {
			if k.window != Day24 || !due[i] {
				continue
			}
			at := key{a.cfg.Datasets[i].Domain, k.begin}
			if days[at] == nil {
				days[at] = make([]map[windowKey]time.Time, len(g.dirty))
			}
			days[at][i] = map[windowKey]time.Time{k: since}
		}
	}
	inOrder := slices.SortedFunc(maps.Keys(days), func(x, y key) int { return int((x.begin - y.begin) / 1000) })
	for _, k := range inOrder {
		if err := a.pass(ctx, g, k.domain, days[k], sites); err != nil {
			return err
		}
	}
	for i, dirty := range g.dirty {
		for k, since := range dirty {
			if k.window != Week || !due[i] {
				continue
			}
			if err := a.week(ctx, g, i, time.UnixMilli(k.begin), since, sites); err != nil {
				return err
			}
			delete(dirty, k)
		}
	}
	return nil
}
