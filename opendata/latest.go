package opendata

import (
	"context"
	"fmt"
	"maps"
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
}

type latestSet struct {
	newest time.Time // begin of the newest window of all series
	series map[seriesKey]pair
}

type seriesKey struct{ station, quantity, channel string }

// pair is the newest window of a series and, where there is one, the newest
// before it: while a window is running, the one before it is the complete one.
type pair struct {
	last, before devices.Aggregate
	hasBefore    bool
}

// NewLatest returns an empty cache.
func NewLatest() *Latest { return &Latest{sets: map[string]*latestSet{}} }

// Load fills the cache with what the store has of the datasets since Recent
// before now.
func (l *Latest) Load(ctx context.Context, r Reader, datasets []Dataset, now time.Time) error {
	for i := range datasets {
		d := &datasets[i]
		span := devices.Span{Start: now.Add(-Recent).Truncate(time.Duration(d.Base())).UTC(), End: now.Truncate(time.Duration(d.Base())).Add(time.Duration(d.Base())).UTC()}
		rows, err := r.Windows(ctx, d.ID, time.Duration(d.Base()), span, "")
		if err != nil {
			return fmt.Errorf("read last windows of dataset %s: %w", d.ID, err)
		}
		// What was stored before is as old as its newest window.
		var end time.Time
		for i := range rows {
			if e := rows[i].Start.Add(rows[i].Window); e.After(end) {
				end = e
			}
		}
		if end.After(now) {
			end = now
		}
		l.Put(d.ID, rows, end)
	}
	return nil
}

// Put takes rows of a dataset that are now stored. It keeps copies.
func (l *Latest) Put(dataset string, rows []devices.Aggregate, now time.Time) {
	if len(rows) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.After(l.updated) {
		l.updated = now
	}
	set := l.sets[dataset]
	if set == nil {
		set = &latestSet{series: map[seriesKey]pair{}}
		l.sets[dataset] = set
	}
	for _, row := range rows {
		key := seriesKey{row.Station, row.Quantity.Name, row.Channel}
		p, known := set.series[key]
		set.series[key] = p.with(row, known)
		if row.Start.After(set.newest) {
			set.newest = row.Start
		}
	}
}

func (p pair) with(row devices.Aggregate, known bool) pair {
	switch {
	case !known || row.Start.Equal(p.last.Start):
		p.last = row
	case row.Start.After(p.last.Start):
		p.last, p.before, p.hasBefore = row, p.last, true
	case !p.hasBefore || !row.Start.Before(p.before.Start):
		p.before, p.hasBefore = row, true
	}
	return p
}

// Rows returns the newest window of each live series of a dataset, ordered by
// station, quantity and channel.
func (l *Latest) Rows(dataset string) []devices.Aggregate {
	return l.collect(dataset, func(p pair) (devices.Aggregate, bool) { return p.last, true })
}

// At returns the rows of a dataset whose window begins at start, of those that
// the cache still holds, in the order of Rows.
func (l *Latest) At(dataset string, start time.Time) []devices.Aggregate {
	return l.collect(dataset, func(p pair) (devices.Aggregate, bool) {
		if p.hasBefore && p.before.Start.Equal(start) {
			return p.before, true
		}
		return p.last, p.last.Start.Equal(start)
	})
}

func (l *Latest) collect(dataset string, pick func(pair) (devices.Aggregate, bool)) []devices.Aggregate {
	l.mu.RLock()
	defer l.mu.RUnlock()
	set := l.sets[dataset]
	if set == nil {
		return nil
	}
	var rows []devices.Aggregate
	for p := range maps.Values(set.series) {
		if row, ok := pick(p); ok && row.Start.After(set.newest.Add(-Recent)) {
			rows = append(rows, row)
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
