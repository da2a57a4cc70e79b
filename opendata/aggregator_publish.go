package opendata

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// publish brings the files of the pending days up to date, then saves the
// position up to which everything is dealt with. The files of the running day
// wait for their time unless forced.
func (a *Aggregator) publish(ctx context.Context, force bool) error {
	if err := a.cfg.Publisher.Retract(ctx); err != nil {
		return fmt.Errorf("retract stations: %w", err)
	}
	for i := range a.cfg.Datasets {
		var over, running []Day
		now := time.Now()
		for k := range a.agenda.pending {
			switch {
			case k.dataset != i:
			case !k.day.Span().End.After(now):
				over = append(over, k.day)
			default:
				running = append(running, k.day)
			}
		}
		if err := a.publishDays(ctx, &a.agenda, i, over); err != nil {
			return err
		}
		if len(running) == 0 || !force && now.Before(a.runningDue[i]) {
			continue
		}
		began := time.Now()
		if err := a.publishDays(ctx, &a.agenda, i, running); err != nil {
			return err
		}
		a.runningDue[i] = time.Now().Add(max(a.cfg.PublishEvery, maxShare*time.Since(began)))
	}
	cursor := a.agenda.since(a.position)
	if !cursor.After(a.saved) && !a.saved.IsZero() {
		return nil
	}
	if err := a.cfg.Open.SetCursor(ctx, cursor); err != nil {
		return fmt.Errorf("save cursor: %w", err)
	}
	a.saved = cursor
	return nil
}

// publishDays writes the files of days of a dataset and takes them off the
// agenda.
func (a *Aggregator) publishDays(ctx context.Context, g *agenda, dataset int, days []Day) error {
	if len(days) == 0 {
		return nil
	}
	slices.SortFunc(days, func(x, y Day) int { return x.Span().Start.Compare(y.Span().Start) })
	if err := a.cfg.Publisher.Publish(ctx, &a.cfg.Datasets[dataset], days); err != nil {
		return fmt.Errorf("publish dataset %s: %w", a.cfg.Datasets[dataset].ID, err)
	}
	for _, day := range days {
		delete(g.pending, dayKey{dataset, day})
	}
	return nil
}
