package opendata

import (
	"context"
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata/derived"
)

// runningWeeks judges the week that runs, which is preliminary. After a start
// it is judged in any case, so that nothing need be remembered of it.
func (a *Aggregator) runningWeeks(ctx context.Context, g *agenda, force bool) error {
	now := time.Now()
	for i := range a.cfg.Datasets {
		d := &a.cfg.Datasets[i]
		if !slices.Contains(d.Windows, Week) || !force && now.Before(a.weekDue[i]) {
			continue
		}
		// Until it has settled, the week before is not final either.
		begins := []time.Time{Week.Begin(now.Add(-settle)), Week.Begin(now)}
		for _, begin := range slices.Compact(begins) {
			if err := a.week(ctx, g, i, begin, a.position, a.sites); err != nil {
				return err
			}
		}
		a.weekDue[i] = now.Add(weekEvery)
	}
	return nil
}

// week judges a week of the sites of a dataset by its 10-minute windows in
// bucket open, a site at a time.
func (a *Aggregator) week(ctx context.Context, g *agenda, dataset int, begin, since time.Time, sites siteCache) error {
	d := &a.cfg.Datasets[dataset]
	span, now := Week.Span(begin), time.Now()
	want := func(quantity string) bool { return slices.Contains(d.Quantities, quantity) }
	var out []devices.Aggregate
	store := func() error {
		if len(out) == 0 {
			return nil
		}
		note(g.pending, dayKey{dataset, DayOf(span.Start)}, since)
		if err := a.cfg.Open.Put(ctx, d.ID, time.Duration(Week), out); err != nil {
			return fmt.Errorf("store %d weeks of dataset %s: %w", len(out), d.ID, err)
		}
		out = nil
		return nil
	}
	for _, site := range sites.get(d, a.cfg.Directory) {
		rows, err := a.cfg.Open.Windows(ctx, d.ID, time.Duration(TenMinutes), span, site.ID)
		if err != nil {
			return fmt.Errorf("read a week of station %s: %w", site.ID, err)
		}
		slices.SortFunc(rows, Compare)
		if out = append(out, derived.Week(span, rows, now, want)...); len(out) >= putRows {
			if err := store(); err != nil {
				return err
			}
		}
	}
	return store()
}
