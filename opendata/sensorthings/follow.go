package sensorthings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// follow takes over what is new: windows, stations, numbers.
func (s *Service) follow(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var doubtful []seriesKey
	if updated := s.cfg.Latest.Updated(); !updated.Equal(s.followed) || time.Since(updated) < settleTime {
		for i := range s.cfg.Datasets {
			doubtful = append(doubtful, s.followDataset(&s.cfg.Datasets[i])...)
		}
		s.followed = updated
	}
	err := s.recheck(ctx, doubtful)
	return errors.Join(err, s.publish())
}

// followDataset takes over the newest windows of a dataset and returns the
// series whose newest is now suppressed.
func (s *Service) followDataset(d *opendata.Dataset) (doubtful []seriesKey) {
	rows := s.cfg.Latest.Rows(d.ID)
	for i := range rows {
		row := &rows[i]
		if row.Window != time.Duration(d.Base()) || row.Start.UnixMilli() < epoch {
			continue
		}
		key := seriesKey{d.ID, row.Station, row.Quantity, row.Channel}
		one := s.series[key]
		if row.Suppressed {
			if one != nil && one.load().last == row.Start.UnixMilli() {
				doubtful = append(doubtful, key)
			}
			continue
		}
		if one == nil {
			one = &series{}
			s.series[key] = one
		}
		next := one.load().add(row)
		s.set(one, next)
	}
	return doubtful
}

// recheck asks the database for series that told what they must no longer
// tell. Until it has answered they are not there.
func (s *Service) recheck(ctx context.Context, doubtful []seriesKey) error {
	for i := range doubtful {
		s.set(s.series[doubtful[i]], state{})
	}
	for i, key := range doubtful {
		next := state{}
		for _, recent := range []bool{false, true} {
			q := key.query(s.dataset(key.dataset))
			q.Edges = true
			q.Span = devices.Span{Start: msTime(epoch), End: s.boundary}
			if recent {
				q.Span = devices.Span{Start: s.boundary, End: farAway()}
			}
			n, err := s.cfg.Observations.CountWindows(ctx, q)
			if err != nil {
				s.followed = time.Time{}
				return fmt.Errorf("count windows of %d series again: %w", len(doubtful)-i, err)
			}
			next = next.withCounts(append(n, devices.WindowCount{})[0], recent)
		}
		s.set(s.series[key], next)
	}
	return nil
}

func (s *Service) dataset(id string) *opendata.Dataset {
	for i := range s.cfg.Datasets {
		if s.cfg.Datasets[i].ID == id {
			return &s.cfg.Datasets[i]
		}
	}
	return nil
}

// farAway is after every window.
func farAway() time.Time { return time.Now().AddDate(0, 0, 8) }

// countAll counts all windows.
func (s *Service) countAll(ctx context.Context) error {
	boundary := time.Now().Add(-recentSpan).UTC().Truncate(24 * time.Hour)
	for i := range s.cfg.Datasets {
		d := &s.cfg.Datasets[i]
		for _, q := range quantities(d) {
			total := map[devices.StationSeries]devices.WindowCount{}
			for from := msTime(epoch); from.Before(boundary); from = from.Add(countedSpan) {
				until := from.Add(countedSpan)
				if until.After(boundary) {
					until = boundary
				}
				found, err := s.count(ctx, d, q, devices.Span{Start: from, End: until})
				if err != nil {
					return err
				}
				for _, n := range found {
					t, known := total[n.StationSeries]
					if !known {
						t = n
					} else {
						t.Count, t.Last = t.Count+n.Count, n.Last
					}
					total[n.StationSeries] = t
				}
			}
			if err := s.countRecentOf(ctx, d, q, boundary, total); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	s.boundary = boundary
	s.mu.Unlock()
	s.counted.Store(true)
	if err := s.follow(ctx); err != nil {
		return err
	}
	return s.fill(ctx)
}

func quantities(d *opendata.Dataset) (out []*devices.Quantity) {
	for _, name := range d.Quantities {
		if q, ok := devices.Lookup(name); ok {
			out = append(out, q)
		}
	}
	return out
}

func (s *Service) count(ctx context.Context, d *opendata.Dataset, q *devices.Quantity, span devices.Span) ([]devices.WindowCount, error) {
	found, err := s.cfg.Observations.CountWindows(ctx, devices.WindowQuery{Dataset: d.ID, Window: time.Duration(d.Base()), Quantity: q, Span: span, Edges: true})
	if err != nil {
		return nil, fmt.Errorf("count windows of dataset %s: %w", d.ID, err)
	}
	return found, nil
}

// countRecent counts the windows since the boundary.
func (s *Service) countRecent(ctx context.Context) error {
	s.mu.Lock()
	boundary := s.boundary
	s.mu.Unlock()
	for i := range s.cfg.Datasets {
		for _, q := range quantities(&s.cfg.Datasets[i]) {
			if err := s.countRecentOf(ctx, &s.cfg.Datasets[i], q, boundary, nil); err != nil {
				return err
			}
		}
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	return s.fill(ctx)
}

// fill reads the newest windows that are not at hand: those of series that are
// silent for longer than Latest remembers.
func (s *Service) fill(ctx context.Context) error {
	s.mu.Lock()
	var missing []seriesKey
	for key, one := range s.series {
		if now := one.load(); now.row == nil && now.shown() {
			missing = append(missing, key)
		}
	}
	s.mu.Unlock()
	for _, key := range missing {
		q := key.query(s.dataset(key.dataset))
		q.Span, q.Newest, q.Limit = devices.Span{Start: msTime(epoch), End: farAway()}, true, 1
		rows, err := s.cfg.Observations.SelectWindows(ctx, q)
		if err != nil {
			return fmt.Errorf("read newest window of a series of dataset %s: %w", key.dataset, err)
		}
		s.mu.Lock()
		one := s.series[key]
		if now := one.load(); len(rows) == 1 && now.row == nil && rows[0].Start.UnixMilli() >= now.last {
			s.set(one, now.add(&rows[0]))
		}
		s.mu.Unlock()
	}
	s.filled.Store(true)
	return nil
}

// countRecentOf counts the windows of a quantity since the boundary. Settled
// are those before it, where they have been counted again.
func (s *Service) countRecentOf(ctx context.Context, d *opendata.Dataset, q *devices.Quantity, boundary time.Time, settled map[devices.StationSeries]devices.WindowCount) error {
	found, err := s.count(ctx, d, q, devices.Span{Start: boundary, End: farAway()})
	if err != nil {
		return err
	}
	recent := map[devices.StationSeries]devices.WindowCount{}
	for _, n := range found {
		recent[n.StationSeries] = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, counts := range []map[devices.StationSeries]devices.WindowCount{settled, recent} {
		for of := range counts {
			if key := (seriesKey{d.ID, of.Station, q, of.Channel}); s.series[key] == nil {
				s.series[key] = &series{}
			}
		}
	}
	for key, one := range s.series {
		if key.dataset != d.ID || key.quantity != q {
			continue
		}
		of, now := devices.StationSeries{Station: key.station, Channel: key.channel}, one.load()
		if settled != nil {
			now = now.withCounts(settled[of], false)
		}
		s.set(one, now.withCounts(recent[of], true))
	}
	return nil
}

// shown reports whether a series has something to tell.
func (s state) shown() bool { return s.count > 0 || s.row != nil }

// set notes a new state of a series.
func (s *Service) set(one *series, now state) {
	if one.load().shown() != now.shown() {
		s.changed = true
	}
	one.state.Store(&now)
}

// publish makes a new catalogue when what is in it has changed.
func (s *Service) publish() error {
	stations := s.cfg.Directory.Stations()
	same := len(stations) == len(s.stations) && (len(stations) == 0 || &stations[0] == &s.stations[0])
	if err := s.cfg.Ids.refresh(); err != nil {
		return err
	}
	if same && !s.changed && s.numbered == s.cfg.Ids.version() {
		return nil
	}
	b := s.newBuilder()
	if s.cfg.Assign {
		if err := s.cfg.Ids.assign(b.wanted()); err != nil {
			return err
		}
	}
	c, err := b.build()
	if err != nil {
		return err
	}
	s.catalog.Store(c)
	s.stations, s.changed, s.numbered = stations, false, s.cfg.Ids.version()
	return nil
}

// sorted returns the keys of the series that are shown, in an order that
// depends on them alone.
func (s *Service) sorted() []seriesKey {
	var keys []seriesKey
	for key, one := range s.series {
		if one.load().shown() {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b seriesKey) int {
		return strings.Compare(a.words(), b.words())
	})
	return keys
}

func (k *seriesKey) words() string {
	return k.dataset + "\t" + k.station + "\t" + k.quantity.Name + "\t" + k.channel
}
