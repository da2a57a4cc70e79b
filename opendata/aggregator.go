package opendata

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"modellregion/devices"
)

const (
	// Overlap is how long after its time of arrival a dirty mark may become
	// visible and still be dealt with: writes that are retried land late.
	Overlap = 2 * time.Minute

	history    = 90 * 24 * time.Hour // read when there is no cursor: what bucket raw keeps
	maxRead    = 24 * time.Hour      // of arrival times in one call of Raw.Dirty
	maxWindows = 96                  // in one call of Raw.Aggregate: a day of 15 minutes
	maxPause   = time.Minute         // between two attempts while something fails
)

// Config is what an Aggregator works with. All of it is required.
type Config struct {
	Datasets  []Dataset
	Raw       Raw
	Open      Store
	Directory Directory
	Publisher Publisher
	Latest    *Latest
	Log       *slog.Logger

	Every        time.Duration // between two looks for new readings; 5 s is good
	PublishEvery time.Duration // between two times that files are written; 1 min is good
}

// Aggregator keeps bucket open up to date: it recomputes the windows that got
// readings and replaces what was stored of them. What it does depends on
// bucket raw alone, so any order of arrival, a crash at any instant and a
// second aggregator beside it lead to the same windows.
//
// The stored cursor moves only when nothing dirty is left and the files are
// written, so that a crash in between repeats work and loses none.
type Aggregator struct {
	cfg Config

	mu        sync.Mutex               // held by a step
	position  time.Time                // marks that arrived before it have been read; zero before the first step
	saved     time.Time                // the position in the store
	handled   map[mark]struct{}        // marks read already that may be read again
	dirty     []map[time.Time]struct{} // by dataset, begins of the windows to recompute, UTC
	pending   map[dayKey]struct{}      // days whose files are older than their windows
	published time.Time                // when nothing was pending last
}

// mark is a DirtyMark that can be a key of a map.
type mark struct {
	domain          string
	window, arrived int64
}

type dayKey struct {
	dataset int // index
	day     Day
}

// NewAggregator checks the datasets.
func NewAggregator(c Config) (*Aggregator, error) {
	if err := CheckAll(c.Datasets); err != nil {
		return nil, err
	}
	if c.Every <= 0 || c.PublishEvery <= 0 {
		return nil, fmt.Errorf("aggregator: a step every %s and files every %s, want both above zero", c.Every, c.PublishEvery)
	}
	a := &Aggregator{cfg: c, handled: map[mark]struct{}{}, pending: map[dayKey]struct{}{}}
	for range c.Datasets {
		a.dirty = append(a.dirty, map[time.Time]struct{}{})
	}
	return a, nil
}

// Run aggregates until ctx ends, then returns nil. What fails is tried again:
// nothing is skipped.
func (a *Aggregator) Run(ctx context.Context) error {
	pause := a.cfg.Every
	for failing := false; ; {
		err := a.step(ctx, false)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !failing {
				a.cfg.Log.Error("aggregation fails and is tried again", "error", err)
			}
			failing, pause = true, min(2*pause, max(maxPause, a.cfg.Every))
		default:
			if failing {
				a.cfg.Log.Info("aggregation works again")
			}
			failing, pause = false, a.cfg.Every
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// Step deals with all marks there are, publishes the days they touch and saves
// the cursor. It may be called while Run runs.
func (a *Aggregator) Step(ctx context.Context) error { return a.step(ctx, true) }

func (a *Aggregator) step(ctx context.Context, publish bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.advance(ctx); err != nil {
		return err
	}
	if !publish && time.Since(a.published) < a.cfg.PublishEvery {
		return nil
	}
	if err := a.publish(ctx); err != nil {
		return err
	}
	a.published = time.Now()
	return nil
}

// advance reads the marks since position, recomputes what they name and moves
// position to the present.
func (a *Aggregator) advance(ctx context.Context) error {
	now := time.Now().UTC()
	if a.position.IsZero() {
		cursor, err := a.cfg.Open.Cursor(ctx)
		if err != nil {
			return fmt.Errorf("read cursor: %w", err)
		}
		a.saved = cursor
		if cursor.IsZero() {
			cursor = now.Add(-history)
		}
		a.position = cursor.UTC()
	}
	if a.position.After(now) { // the clock was set back
		a.position = now
	}
	for {
		end := a.position.Add(maxRead)
		last := !end.Before(now)
		if last {
			end = now
		}
		// A mark may also be ahead, by the difference of two clocks.
		span := devices.Span{Start: a.position.Add(-Overlap), End: end.Add(Overlap)}
		marks, err := a.cfg.Raw.Dirty(ctx, span)
		if err != nil {
			return fmt.Errorf("read dirty marks since %s: %w", span.Start.Format(time.RFC3339), err)
		}
		a.take(marks)
		a.position = end
		a.forget()
		if err := a.compute(ctx); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

// take makes the windows dirty that new marks touch.
func (a *Aggregator) take(marks []devices.DirtyMark) {
	for _, m := range marks {
		key := mark{string(m.Domain), m.Window.UnixNano(), m.Arrived.UnixNano()}
		if _, done := a.handled[key]; done {
			continue
		}
		a.handled[key] = struct{}{}
		end := m.Window.Add(devices.DirtyWindow)
		for i := range a.cfg.Datasets {
			d := &a.cfg.Datasets[i]
			if d.Domain != m.Domain {
				continue
			}
			for start := m.Window.UTC().Truncate(time.Duration(d.Base())); start.Before(end); start = start.Add(time.Duration(d.Base())) {
				a.dirty[i][start] = struct{}{}
			}
		}
	}
}

// forget drops handled marks that will not be read again.
func (a *Aggregator) forget() {
	from := a.position.Add(-Overlap).UnixNano()
	for m := range a.handled {
		if m.arrived < from {
			delete(a.handled, m)
		}
	}
}

// compute recomputes the dirty windows. One that fails stays dirty.
func (a *Aggregator) compute(ctx context.Context) error {
	for i := range a.cfg.Datasets {
		window := time.Duration(a.cfg.Datasets[i].Base())
		starts := slices.SortedFunc(maps.Keys(a.dirty[i]), time.Time.Compare)
		for _, span := range batches(starts, window) {
			if err := a.recompute(ctx, i, span); err != nil {
				return err
			}
			for start := span.Start; start.Before(span.End); start = start.Add(window) {
				delete(a.dirty[i], start)
			}
		}
	}
	return nil
}

// batches joins neighbouring windows into spans of at most maxWindows.
func batches(starts []time.Time, window time.Duration) []devices.Span {
	var spans []devices.Span
	for _, s := range starts {
		if n := len(spans); n > 0 && spans[n-1].End.Equal(s) && s.Sub(spans[n-1].Start) < maxWindows*window {
			spans[n-1].End = s.Add(window)
			continue
		}
		spans = append(spans, devices.Span{Start: s, End: s.Add(window)})
	}
	return spans
}

// recompute replaces the windows of a dataset in the span by what bucket raw
// says now.
func (a *Aggregator) recompute(ctx context.Context, dataset int, span devices.Span) error {
	d := &a.cfg.Datasets[dataset]
	rows, err := a.cfg.Raw.Aggregate(ctx, d.Domain, span, time.Duration(d.Base()))
	if err != nil {
		return fmt.Errorf("aggregate dataset %s from %s to %s: %w", d.ID, span.Start.Format(time.RFC3339), span.End.Format(time.RFC3339), err)
	}
	rows = a.publishable(d, rows)
	if len(rows) == 0 {
		return nil
	}
	// Before the rows are stored, so that a failure half way forgets no day.
	for i := range rows {
		a.pending[dayKey{dataset, DayOf(rows[i].Start)}] = struct{}{}
	}
	if err := a.cfg.Open.Put(ctx, d.ID, time.Duration(d.Base()), rows); err != nil {
		return fmt.Errorf("store %d windows of dataset %s: %w", len(rows), d.ID, err)
	}
	a.cfg.Latest.Put(d.ID, rows, time.Now())
	return nil
}

// publishable returns the rows that the dataset may show, in order, with their
// coverage.
func (a *Aggregator) publishable(d *Dataset, rows []devices.Aggregate) []devices.Aggregate {
	public := map[string]bool{}
	for _, s := range a.cfg.Directory.Stations() {
		public[s.ID] = true
	}
	kept := make([]devices.Aggregate, 0, len(rows))
	for _, row := range rows {
		if !public[row.Station] || !d.Has(row.Quantity) || row.Count == 0 {
			continue
		}
		row.Coverage = coverage(row.Count, time.Duration(d.Base()), a.cfg.Directory.Interval(row.Station, row.Quantity))
		kept = append(kept, row)
	}
	slices.SortFunc(kept, Compare)
	return kept
}

// coverage is received ÷ expected readings of the whole window, so that a
// window that is still running shows by it that it is preliminary. It is 0
// when nobody knows what to expect.
func coverage(count int, window, interval time.Duration) float64 {
	if interval <= 0 {
		return 0
	}
	expected := max(1, float64(window)/float64(interval))
	return min(1, float64(count)/expected)
}

// publish brings the files of the pending days up to date, then saves the
// position.
func (a *Aggregator) publish(ctx context.Context) error {
	if err := a.cfg.Publisher.Retract(ctx); err != nil {
		return fmt.Errorf("retract stations: %w", err)
	}
	for i := range a.cfg.Datasets {
		var days []Day
		for k := range a.pending {
			if k.dataset == i {
				days = append(days, k.day)
			}
		}
		if len(days) == 0 {
			continue
		}
		slices.SortFunc(days, func(x, y Day) int { return x.Span().Start.Compare(y.Span().Start) })
		if err := a.cfg.Publisher.Publish(ctx, &a.cfg.Datasets[i], days); err != nil {
			return fmt.Errorf("publish dataset %s: %w", a.cfg.Datasets[i].ID, err)
		}
		for _, day := range days {
			delete(a.pending, dayKey{i, day})
		}
	}
	if a.position.Equal(a.saved) {
		return nil
	}
	if err := a.cfg.Open.SetCursor(ctx, a.position); err != nil {
		return fmt.Errorf("save cursor: %w", err)
	}
	a.saved = a.position
	return nil
}
