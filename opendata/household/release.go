package household

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/internal/durable"
	"modellregion/opendata"
)

const (
	every     = 5 * time.Minute // between two looks for days that are due
	lookAgain = time.Hour       // for readings of a day that has none
)

// Config is what a Release works with. All of it is required.
type Config struct {
	Dataset   *opendata.Dataset // with Households, quantities that are meters in Wh, and windows of 1d and perhaps 15m and 1h; none stands for these
	Readings  Readings
	Directory Directory
	Store     Store
	Publisher Publisher
	Dir       string        // private, on a disk that survives; all datasets and instances share it
	Retention time.Duration // of bucket raw: older days are not looked at
	Log       *slog.Logger
}

// Release publishes one dataset of household meters. Each day of it is decided
// once, when its delay is over, and never again: with late readings somebody
// would be in a sum who was not in the one before, and the difference is his.
// The decision is on disk before anything of it is public, and from then on it
// is what is published, whatever the readings say by then.
type Release struct {
	cfg        Config
	rule       rule
	delay      time.Duration
	quantities []*devices.Quantity
	dir        string    // of this dataset
	restored   time.Time // see Restored; zero: never

	mu       sync.Mutex // held by a step
	done     map[opendata.Day]bool
	later    map[opendata.Day]time.Time // when to look again at days without readings
	toldLeft bool                       // the log has told of days that are left, see Restored
	lost     map[string]bool            // groups whose members are not known, by published id; the log has told
}

// New checks the declaration and takes hold of the dataset's quantities: two
// datasets about the same meters would be two decisions about the same days.
func New(c Config) (*Release, error) {
	d := c.Dataset
	if d.Households == nil {
		return nil, fmt.Errorf("dataset %s has no rule for households", d.ID)
	}
	r := &Release{
		cfg: c, delay: d.Households.Delay, dir: filepath.Join(c.Dir, d.ID),
		rule: rule{k: d.Households.K, total: d.Households.Total, windows: slices.Sorted(slices.Values(d.Windows))},
		done: map[opendata.Day]bool{}, later: map[opendata.Day]time.Time{}, lost: map[string]bool{},
	}
	if len(d.Windows) == 0 {
		r.rule.windows = []opendata.Window{opendata.Quarter, opendata.Hour, opendata.Day24}
	}
	if r.rule.k == 0 {
		r.rule.k = opendata.LeastHouseholds
	}
	if r.delay == 0 {
		r.delay = opendata.LeastDelay
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	for _, dir := range []string{c.Dir, filepath.Join(c.Dir, "quantities"), r.dir, r.daysDir(), filepath.Join(r.dir, "members")} {
		if err := makeDir(dir); err != nil {
			return nil, fmt.Errorf("private folder of dataset %s: %w", d.ID, err)
		}
	}
	var err error
	if r.restored, err = readRestored(c.Dir); err != nil {
		return nil, fmt.Errorf("private folder of dataset %s: %w", d.ID, err)
	}
	for _, q := range r.quantities {
		owner, err := keep(filepath.Join(c.Dir, "quantities", q.Name), []byte(d.ID))
		if err != nil {
			return nil, fmt.Errorf("private folder of dataset %s: %w", d.ID, err)
		}
		if string(owner) != d.ID {
			return nil, fmt.Errorf("dataset %s: %s of households is published by dataset %.64q; a second one would let the difference tell about single households, want one dataset, and its id for ever", d.ID, q.Name, owner)
		}
	}
	return r, nil
}

// check explains what is wrong with the declaration and looks up its quantities.
func (r *Release) check() error {
	d := r.cfg.Dataset
	switch {
	case r.rule.k < opendata.LeastHouseholds:
		return fmt.Errorf("dataset %s: k is %d, want at least %d (MsbG §52)", d.ID, r.rule.k, opendata.LeastHouseholds)
	case r.delay < opendata.LeastDelay:
		return fmt.Errorf("dataset %s: delay is %s, want at least %s", d.ID, r.delay, opendata.LeastDelay)
	case r.cfg.Retention <= r.delay:
		return fmt.Errorf("dataset %s: its delay of %s is longer than readings are kept", d.ID, r.delay)
	case !slices.Contains(r.rule.windows, opendata.Day24):
		return fmt.Errorf("dataset %s: small groups are published by day, want a window of 1d", d.ID)
	}
	for _, w := range r.rule.windows {
		if w != opendata.Quarter && w != opendata.Hour && w != opendata.Day24 {
			return fmt.Errorf("dataset %s: window %s of households, want 15m, 1h or 1d", d.ID, w)
		}
	}
	for _, name := range d.Quantities {
		q, ok := devices.Lookup(name)
		if !ok || q.Domain != d.Domain || q.Kind != devices.Meter || q.Unit != "W.h" {
			return fmt.Errorf("dataset %s: quantity %q of households, want energy_import or energy_export of domain energy", d.ID, name)
		}
		r.quantities = append(r.quantities, q)
	}
	if len(r.quantities) == 0 {
		return fmt.Errorf("dataset %s: no quantities", d.ID)
	}
	return nil
}

// Run decides and publishes the days that are due, at once and then every few
// minutes, until ctx ends; then it returns nil. What fails is tried again.
func (r *Release) Run(ctx context.Context) error {
	for failing := false; ; {
		err := r.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			r.cfg.Log.Error("publishing households fails and is tried again", "dataset", r.cfg.Dataset.ID, "error", err)
		case err == nil && failing:
			r.cfg.Log.Info("publishing households works again", "dataset", r.cfg.Dataset.ID)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// Step decides and publishes all days that are due, the oldest first. It may be
// called while Run runs.
func (r *Release) Step(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	days, err := r.unpublished()
	if err != nil {
		return err
	}
	now := time.Now()
	oldest := now.Add(maxGap - r.cfg.Retention) // readings that are about to go may be gone
	if err := r.forget(opendata.DayOf(oldest).Year); err != nil {
		return err
	}
	for day := opendata.DayOf(oldest); !day.Span().End.Add(r.delay).After(now); day = opendata.DayOf(day.Span().End) {
		if !fetched(day.Span()).Start.Before(oldest) && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, func(a, b opendata.Day) int { return a.Span().Start.Compare(b.Span().Start) })
	var damaged error
	for _, day := range days {
		if r.done[day] || now.Before(r.later[day]) {
			continue
		}
		err := r.deal(ctx, day)
		switch {
		case errors.Is(err, errRecord):
			damaged = fmt.Errorf("day %s of dataset %s: %w", day, r.cfg.Dataset.ID, err) // the others are not
		case err != nil:
			return fmt.Errorf("day %s of dataset %s: %w", day, r.cfg.Dataset.ID, err)
		}
	}
	return damaged
}

// deal decides about a day unless that was done, and publishes the decision
// unless that was done.
func (r *Release) deal(ctx context.Context, day opendata.Day) error {
	rec, err := r.load(day)
	if err != nil {
		return err
	}
	if due := day.Span().End.Add(r.delay); rec == nil && due.Before(r.restored) {
		if !r.toldLeft {
			r.toldLeft = true
			r.cfg.Log.Warn("days of households may have been decided after the backup that the private folder is of: those that were due before it came back are left as they are",
				"dataset", r.cfg.Dataset.ID, "first", day.String(), "came_back", r.restored)
		}
		r.done[day] = true
		return nil
	}
	if rec == nil {
		if rec, err = r.decide(ctx, day); err != nil {
			return err
		}
		if rec == nil {
			r.later[day] = time.Now().Add(lookAgain)
			return nil
		}
	}
	if err := r.publish(ctx, day, rec); err != nil {
		return err
	}
	r.done[day] = true
	delete(r.later, day)
	return nil
}

// publish makes a decision public and notes that it did. Doing so again, after
// a crash or beside another instance, changes nothing.
func (r *Release) publish(ctx context.Context, day opendata.Day, rec *record) error {
	if _, err := os.Stat(r.notePath(day)); err == nil {
		return nil
	}
	// The decision may be another's whose power is cut before it is on disk.
	if err := syncDir(r.daysDir()); err != nil {
		return err
	}
	rows := rec.rows(day)
	for _, w := range r.rule.windows {
		if len(rows[w]) == 0 {
			continue
		}
		if err := r.cfg.Store.Put(ctx, r.cfg.Dataset.ID, time.Duration(w), rows[w]); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	if err := r.cfg.Publisher.Publish(ctx, r.cfg.Dataset, []opendata.Day{day}); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return durable.WriteFile(r.notePath(day), nil, 0o600)
}
