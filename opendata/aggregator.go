package opendata

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

const (
	// Overlap is how long after its time of arrival a dirty mark may become
	// visible and still be dealt with: writes that are retried land late.
	Overlap = 2 * time.Minute

	history    = 90 * 24 * time.Hour // what bucket raw keeps, where Config does not say
	maxRead    = 6 * time.Hour       // of arrival times in one call of Raw.Dirty
	maxPause   = time.Minute         // between two attempts while something fails, and two steps that take long
	settle     = 5 * time.Minute     // after the end of a window that waits for it until it is computed: its last readings travel
	shortEvery = 5 * time.Minute     // between two times that hours, and what is shorter and waits, are computed again
	longEvery  = 15 * time.Minute    // between two times that days that are over are computed again
	weekEvery  = time.Hour           // between two times that the running week is judged
	maxShare   = 20                  // one in so many seconds may go into the files of the running day
)

// Config is what an Aggregator works with. All of it is required but
// Retention.
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

	// Retention is how long bucket raw keeps readings. What began before is
	// never computed again, since a part of it may be gone. 0: 90 days.
	Retention time.Duration
}

// Aggregator keeps bucket open up to date: it recomputes the windows that got
// readings and replaces what was stored of them. What it does depends on
// bucket raw alone, so any order of arrival, a crash at any instant and a
// second aggregator beside it lead to the same windows.
//
// The shortest windows of a dataset are computed at once, also while they run;
// longer ones, and days, when they are over. The stored cursor never passes a mark whose windows are not
// stored or whose files are not written, so that a crash in between repeats
// work and loses none.
type Aggregator struct {
	cfg   Config
	sites siteCache

	mu        sync.Mutex        // held by a step
	position  time.Time         // marks that arrived before it have been read; zero before the first step
	saved     time.Time         // the cursor in the store
	handled   map[mark]struct{} // marks read already that may be read again
	agenda    agenda
	published time.Time // when files were written last

	shortDue   map[uplink.Domain]time.Time // when its hours that are over may be computed again
	longDue    []time.Time                 // by dataset: when its days that are over may be computed again
	weekDue    []time.Time                 // by dataset: when its running week is judged again
	runningDue []time.Time                 // by dataset: when the files of the running day may be written again
}

// mark is a DirtyMark that can be a key of a map.
type mark struct {
	domain          string
	window, arrived int64
}

// dayKey is a day of a dataset.
type dayKey struct {
	dataset int // index
	day     Day
}

// windowKey is a window in time; milliseconds since 1970.
type windowKey struct {
	window Window
	begin  int64
}

// agenda is what is to be done. Beside each thing stands the position from
// which marks must be read to learn of it again.
type agenda struct {
	dirty   []map[windowKey]time.Time // by dataset: windows to recompute
	pending map[dayKey]time.Time      // days whose files are older than their windows
}

func newAgenda(datasets int) agenda {
	g := agenda{pending: map[dayKey]time.Time{}}
	for range datasets {
		g.dirty = append(g.dirty, map[windowKey]time.Time{})
	}
	return g
}

// note adds a thing to be done, which may be there since an earlier position.
func note[Key comparable](list map[Key]time.Time, key Key, since time.Time) {
	if old, ok := list[key]; !ok || since.Before(old) {
		list[key] = since
	}
}

// since returns the position from which everything on the agenda is learnt
// again, or else when it is empty.
func (g *agenda) since(empty time.Time) time.Time {
	low := empty
	for _, dirty := range g.dirty {
		for _, since := range dirty {
			low = earlier(low, since)
		}
	}
	for _, since := range g.pending {
		low = earlier(low, since)
	}
	return low
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// NewAggregator checks the datasets. Those of households are left to package
// opendata/household.
func NewAggregator(c Config) (*Aggregator, error) {
	if err := CheckAll(c.Datasets); err != nil {
		return nil, err
	}
	if c.Every <= 0 || c.PublishEvery <= 0 {
		return nil, fmt.Errorf("aggregator: a step every %s and files every %s, want both above zero", c.Every, c.PublishEvery)
	}
	if c.Retention == 0 {
		c.Retention = history
	}
	n := len(c.Datasets)
	return &Aggregator{
		cfg: c, sites: siteCache{}, handled: map[mark]struct{}{}, agenda: newAgenda(n),
		shortDue: map[uplink.Domain]time.Time{}, longDue: make([]time.Time, n), weekDue: make([]time.Time, n), runningDue: make([]time.Time, n),
	}, nil
}

// Run aggregates until ctx ends, then returns nil. What fails is tried again:
// nothing is skipped.
func (a *Aggregator) Run(ctx context.Context) error {
	pause := a.cfg.Every
	for failing := false; ; {
		began := time.Now()
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
			// A large region must not keep the database busy all the time.
			failing, pause = false, max(a.cfg.Every, min(2*time.Since(began), maxPause))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// Step deals with all marks there are, publishes the days they touch and saves
// the cursor, without the pauses that Run makes. It may be called while Run
// runs.
func (a *Aggregator) Step(ctx context.Context) error { return a.step(ctx, true) }

func (a *Aggregator) step(ctx context.Context, force bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.advance(ctx, force); err != nil {
		return err
	}
	if !force && time.Since(a.published) < a.cfg.PublishEvery {
		return nil
	}
	if err := a.publish(ctx, force); err != nil {
		return err
	}
	a.published = time.Now()
	return nil
}

// oldest is the begin of the first window that may be computed: of what is
// older, bucket raw may have lost a part.
func (a *Aggregator) oldest() time.Time { return time.Now().Add(-a.cfg.Retention) }

// siteCache keeps the sites of the datasets while the directory is the same.
type siteCache map[string]cachedSites

type cachedSites struct {
	of    []devices.Station
	sites []Site
}

// get returns the sites of a dataset. A directory that has not changed returns
// the same list of stations.
func (c siteCache) get(d *Dataset, dir Directory) []Site {
	stations, old := dir.Stations(), c[d.ID]
	if len(stations) > 0 && len(stations) == len(old.of) && &stations[0] == &old.of[0] {
		return old.sites
	}
	c[d.ID] = cachedSites{stations, d.Sites(dir)}
	return c[d.ID].sites
}
