package household

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// TestTwoInstances: of two that see different readings at the same time, one
// decides.
func TestTwoInstances(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			w, day := village(12)
			other := &world{homes: w.homes, raw: map[string][]reading{}, rows: w.rows, files: w.files}
			for name, list := range w.raw {
				if name != fmt.Sprintf("meter-%d", seed%12) {
					other.raw[name] = list
				}
			}
			dir := t.TempDir()
			time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
			var wait sync.WaitGroup
			for _, one := range []*world{w, other} {
				r := one.release(t, dir, dataset(5, false))
				r.cfg.Store, r.cfg.Publisher = w, w
				wait.Go(func() {
					if err := r.Step(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			for _, row := range w.puts {
				if now := w.rows[key(&row)]; now.Sum != row.Sum {
					t.Errorf("two sums of one cell: %v and %v", row.Sum, now.Sum)
				}
			}
			if len(w.rows) == 0 {
				t.Error("nothing is public")
			}
		})
	}
}

// quicker lets another instance decide about a day while this one reads its
// readings.
type quicker struct {
	*world
	noon  time.Time
	other func()
}

func (q *quicker) Readings(ctx context.Context, domain uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error {
	if span.Contains(q.noon) {
		q.other()
	}
	return q.world.Readings(ctx, domain, span, quantities, take)
}

// TestAnotherIsQuicker: what another instance has published meanwhile is no
// sign of a lost folder.
func TestAnotherIsQuicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		dir := t.TempDir()
		r, other := w.release(t, dir, dataset(5, false)), w.release(t, dir, dataset(5, false))
		r.cfg.Readings = &quicker{w, day.Span().Start.Add(12 * time.Hour), func() {
			if err := other.Step(context.Background()); err != nil {
				t.Error(err)
			}
		}}
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		if err := r.Step(t.Context()); err != nil || w.files[day] != 1 {
			t.Errorf("published %d times (%v)", w.files[day], err)
		}
		if strings.Contains(w.text.String(), "left as it is") {
			t.Errorf("the log says\n%s", w.text.String())
		}
	})
}

// between lets another instance decide after this one has looked whether
// somebody did.
type between struct {
	*world
	other func()
}

func (b *between) Windows(ctx context.Context, dataset string, window time.Duration, span devices.Span, station string, only ...*devices.Quantity) ([]devices.Aggregate, error) {
	rows, err := b.world.Windows(ctx, dataset, window, span, station, only...)
	if station == "" && window == 24*time.Hour {
		b.other()
	}
	return rows, err
}

// TestFirstDecisionStays: of two that decide at one time, on different
// readings, the first is published by both.
func TestFirstDecisionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		less := &world{homes: w.homes, raw: maps.Clone(w.raw)}
		delete(less.raw, "meter-3")
		dir := t.TempDir()
		r, other := less.release(t, dir, dataset(5, false)), w.release(t, dir, dataset(5, false))
		r.cfg.Publisher, r.cfg.Store = w, &between{w, func() {
			if err := other.Step(context.Background()); err != nil {
				t.Error(err)
			}
		}}
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		if err := r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		rec, err := r.load(day)
		if err != nil || len(w.puts) == 0 {
			t.Fatalf("%d rows are public (%v)", len(w.puts), err)
		}
		for _, row := range rec.rows(day)[opendata.Hour] {
			if got := w.rows[key(&row)]; got.Sum != row.Sum {
				t.Errorf("decided %v Wh, public are %v", row.Sum, got.Sum)
			}
		}
		for _, row := range w.puts {
			if now := w.rows[key(&row)]; now.Sum != row.Sum {
				t.Errorf("two sums of one cell: %v and %v", row.Sum, now.Sum)
			}
		}
	})
}
