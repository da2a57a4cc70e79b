package opendata

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"modellregion/devices"
)

// Recent is how far behind the newest window of its dataset a series may be
// and still count as live.
const Recent = 24 * time.Hour

// Latest holds the newest windows of every series in memory, so that showing
// the last values asks no database. It may be used by several goroutines.
type Latest struct {
	mu      sync.RWMutex
	sets    map[string]*latestSet // by dataset id
	updated time.Time

	watchers watchers
}

type latestSet struct {
	newest time.Time // begin of the newest window of all series
	window time.Duration
	series map[seriesKey]pair
}

type seriesKey struct {
	station  string
	quantity *devices.Quantity
	channel  string
}

// pair is the newest window of a series and, where there is one, the newest
// before it: while a window is running, the one before it is the complete one.
type pair struct {
	last, before packed
	hasBefore    bool
}

// packed is a row without what its series and dataset know: a third of its
// size, since a region may have a million series.
type packed struct {
	begin    int64 // Unix milliseconds
	count    int32
	mean     float64 // or the sum, or the mode
	min, max float64 // of a gauge
	coverage float64
	rare     *rare // nil: nothing of it
}

// rare is what few rows have.
type rare struct {
	percentiles []devices.Percentile
	shares      []float64
	suppressed  bool
}

func pack(a *devices.Aggregate) packed {
	p := packed{begin: a.Start.UnixMilli(), count: int32(a.Count), mean: a.Value(), min: a.Min, max: a.Max, coverage: a.Coverage}
	if a.Percentiles != nil || a.Shares != nil || a.Suppressed {
		p.rare = &rare{a.Percentiles, a.Shares, a.Suppressed}
	}
	return p
}

func (p *packed) unpack(key seriesKey, window time.Duration) devices.Aggregate {
	a := devices.Aggregate{
		Station: key.station, Quantity: key.quantity, Channel: key.channel, Start: time.UnixMilli(p.begin).UTC(), Window: window,
		Count: int(p.count), Min: p.min, Max: p.max, Coverage: p.coverage,
	}
	switch key.quantity.Kind {
	case devices.Count, devices.Meter:
		a.Sum = p.mean
	case devices.Category:
		a.Mode = p.mean
	default:
		a.Mean = p.mean
	}
	if p.rare != nil {
		a.Percentiles, a.Shares, a.Suppressed = p.rare.percentiles, p.rare.shares, p.rare.suppressed
	}
	return a
}

// NewLatest returns an empty cache.
func NewLatest() *Latest { return &Latest{sets: map[string]*latestSet{}} }

// maxLoad is the number of rows after which Load goes no further back: those
// of a large region take minutes, and the series whose last is older are few.
const maxLoad = 2_000_000

// Load fills the cache with what the store has of the datasets since Recent
// before now, the newest first, in parts.
func (l *Latest) Load(ctx context.Context, r Reader, datasets []Dataset, now time.Time) error {
	for i := range datasets {
		if err := l.load(ctx, r, &datasets[i], now); err != nil {
			return fmt.Errorf("read last windows of dataset %s: %w", datasets[i].ID, err)
		}
	}
	return nil
}

func (l *Latest) load(ctx context.Context, r Reader, d *Dataset, now time.Time) error {
	base, loaded := d.Base(), 0
	end := base.End(base.Begin(now))
	for first := base.Begin(now.Add(-Recent)); end.After(first) && loaded < maxLoad; {
		begin := base.Begin(end.Add(-max(time.Duration(base), time.Hour)))
		rows, err := r.Windows(ctx, d.ID, time.Duration(base), devices.Span{Start: begin, End: end}, "")
		if err != nil {
			return err
		}
		// What was stored before is as old as its newest window.
		var newest time.Time
		for i := range rows {
			if e := base.End(rows[i].Start); e.After(newest) {
				newest = e
			}
		}
		l.Put(d.ID, rows, earlier(newest, now))
		loaded, end = loaded+len(rows), begin
	}
	return nil
}

// Put takes rows of a dataset that are now stored. It keeps copies.
func (l *Latest) Put(dataset string, rows []devices.Aggregate, now time.Time) {
	if len(rows) == 0 {
		return
	}
	defer l.watchers.tell(dataset, rows) // after Unlock
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.After(l.updated) {
		l.updated = now
	}
	set := l.sets[dataset]
	if set == nil {
		set = &latestSet{window: rows[0].Window, series: map[seriesKey]pair{}}
		l.sets[dataset] = set
	}
	for i := range rows {
		row := &rows[i]
		key := seriesKey{row.Station, row.Quantity, row.Channel}
		p, known := set.series[key]
		set.series[key] = p.with(pack(row), known)
		if row.Start.After(set.newest) {
			set.newest = row.Start
		}
	}
}

func (p pair) with(row packed, known bool) pair {
	switch {
	case !known || row.begin == p.last.begin:
		p.last = row
	case row.begin > p.last.begin:
		p.last, p.before, p.hasBefore = row, p.last, true
	case !p.hasBefore || row.begin >= p.before.begin:
		p.before, p.hasBefore = row, true
	}
	return p
}

// Rows returns the newest window of each live series of a dataset, ordered by
// station, quantity and channel.
func (l *Latest) Rows(dataset string) []devices.Aggregate {
	return l.collect(dataset, func(p *pair) (*packed, bool) { return &p.last, true })
}

// At returns the rows of a dataset whose window begins at start, of those that
// the cache still holds, in the order of Rows.
func (l *Latest) At(dataset string, start time.Time) []devices.Aggregate {
	begin := start.UnixMilli()
	return l.collect(dataset, func(p *pair) (*packed, bool) {
		if p.hasBefore && p.before.begin == begin {
			return &p.before, true
		}
		return &p.last, p.last.begin == begin
	})
}

func (l *Latest) collect(dataset string, pick func(*pair) (*packed, bool)) []devices.Aggregate {
	l.mu.RLock()
	defer l.mu.RUnlock()
	set := l.sets[dataset]
	if set == nil {
		return nil
	}
	var rows []devices.Aggregate
	live := set.newest.Add(-Recent).UnixMilli()
	for key, p := range set.series {
		if row, ok := pick(&p); ok && row.begin > live {
			rows = append(rows, row.unpack(key, set.window))
		}
	}
	slices.SortFunc(rows, Compare)
	return rows
}

// Newest returns the begin of the newest window of a dataset, or the zero time
// when there is none.
func (l *Latest) Newest(dataset string) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if set := l.sets[dataset]; set != nil {
		return set.newest
	}
	return time.Time{}
}

// Updated returns when rows were last put, or the zero time.
func (l *Latest) Updated() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.updated
}

// Compare orders rows by station, quantity, channel and start.
func Compare(a, b devices.Aggregate) int {
	if c := strings.Compare(a.Station, b.Station); c != 0 {
		return c
	}
	if c := strings.Compare(a.Quantity.Name, b.Quantity.Name); c != 0 {
		return c
	}
	if c := strings.Compare(a.Channel, b.Channel); c != 0 {
		return c
	}
	return a.Start.Compare(b.Start)
}
