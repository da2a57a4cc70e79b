package portal

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

const (
	maxCompared  = 12               // stations that stand for a domain
	compareFor   = 5 * time.Minute  // that a comparison is kept
	compareAgain = 15 * time.Second // until it is tried again after an error; what was read by then is kept
	comparers    = 4                // stations that are read at one time
)

// situation is the course of a domain today and what is usual, as the mean of
// its stations. A count is of a station with all its channels.
type situation struct {
	measure  *measure
	quantity *devices.Quantity
	hour     time.Time   // begin of the newest hour that is over; zero: there is none
	stations int         // compared with the past or not
	all      int         // that could be
	today    [24]float64 // NaN where nothing is known
	usual    [24]usualHour
}

// situations keeps the comparison of each domain.
type situations struct {
	mu   sync.Mutex
	kept map[uplink.Domain]*keptSituation
}

type keptSituation struct {
	turn  chan struct{} // one page asks the store, the others wait for it
	until time.Time
	last  *situation
	err   error
	limit time.Duration // within which there was an error: who waits longer may have more luck
}

// situation compares a domain with what is usual, within a time; nil where it
// has nothing to compare.
func (p *portal) situation(ctx context.Context, domain uplink.Domain, limit time.Duration) (*situation, error) {
	p.situations.mu.Lock()
	if p.situations.kept == nil {
		p.situations.kept = map[uplink.Domain]*keptSituation{}
	}
	kept := p.situations.kept[domain]
	if kept == nil {
		kept = &keptSituation{turn: make(chan struct{}, 1)}
		p.situations.kept[domain] = kept
	}
	p.situations.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case kept.turn <- struct{}{}:
		defer func() { <-kept.turn }()
	case <-within.Done():
		return nil, errBusy
	}
	now := time.Now()
	if now.Before(kept.until) && (kept.err == nil || limit <= kept.limit) {
		return kept.last, kept.err
	}
	s, err := p.compare(within, domain, now)
	if ctx.Err() != nil {
		return nil, ctx.Err() // the reader has left: that says nothing of the store
	}
	kept.last, kept.err, kept.limit, kept.until = s, err, limit, now.Add(compareFor)
	if err != nil {
		p.Log.Warn("domain cannot be compared with what is usual", "domain", domain, "err", err)
		kept.until = now.Add(compareAgain)
	}
	return s, err
}

// compare reads the hours of today and of the past of at most maxCompared
// stations, evenly chosen from all that have the first measure of the domain.
func (p *portal) compare(ctx context.Context, domain uplink.Domain, now time.Time) (*situation, error) {
	for i := range measures[domain] {
		m := &measures[domain][i]
		d, q, ok := p.published(domain, m.quantity)
		if !ok || !slices.Contains(d.Windows, opendata.Hour) || d.Households != nil {
			continue
		}
		var stations []string
		for _, s := range p.stations().stations {
			if slices.ContainsFunc(s.Rows, func(r row) bool { return r.set == d && r.Quantity == q && !r.Suppressed }) {
				stations = append(stations, s.ID)
			}
		}
		if len(stations) == 0 {
			continue
		}
		s := &situation{measure: m, quantity: q, all: len(stations), hour: p.lastHour(d, now)}
		chosen := sample(stations, maxCompared)
		s.stations = len(chosen)
		return s, p.fill(ctx, s, d, chosen)
	}
	return nil, nil
}

// sample returns n of all, evenly spread, or all of fewer.
func sample(all []string, n int) []string {
	if len(all) <= n {
		return all
	}
	out := make([]string, n)
	for i := range out {
		out[i] = all[i*len(all)/n]
	}
	return out
}

// lastHour returns when the newest hour began of which all windows are over.
func (p *portal) lastHour(d *opendata.Dataset, now time.Time) time.Time {
	end := p.Latest.Newest(d.ID)
	if after := end.Add(time.Duration(d.Base())); !after.After(now) {
		end = after
	}
	return end.Truncate(time.Hour).Add(-time.Hour)
}

// fill adds the hours of the stations.
func (p *portal) fill(ctx context.Context, s *situation, d *opendata.Dataset, stations []string) error {
	day := opendata.DayOf(s.hour)
	courses := make([]stationCourse, len(stations))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(comparers)
	for i, station := range stations {
		group.Go(func() error {
			rows, err := p.hours(ctx, d, station, devices.Span{Start: day.Span().Start, End: s.hour.Add(time.Hour)})
			if err != nil {
				return err
			}
			past, err := p.past(ctx, d, station, day)
			if err != nil {
				return err
			}
			courses[i] = courseOf(s.quantity, rows, past)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for hour := range s.today {
		s.today[hour], s.usual[hour] = meanHour(courses, hour, hour <= s.hour.In(opendata.Berlin()).Hour())
	}
	return nil
}

// stationCourse is what a station measured by hour: [0] today, then the weeks
// before.
type stationCourse [1 + usualWeeks][24]float64

// courseOf puts the channels of a station together: their sum of a count, their
// mean of anything else.
func courseOf(q *devices.Quantity, today []devices.Aggregate, past *pastDays) stationCourse {
	var c stationCourse
	var n [1 + usualWeeks][24]int
	add := func(day, hour int, v float64) {
		if !math.IsNaN(v) {
			c[day][hour] += v
			n[day][hour]++
		}
	}
	var seen [24][]string // channels: the hour that comes twice counts once
	for i := range today {
		a := &today[i]
		hour := a.Start.In(opendata.Berlin()).Hour()
		if a.Quantity == q && !slices.Contains(seen[hour], a.Channel) {
			seen[hour] = append(seen[hour], a.Channel)
			add(0, hour, a.Value())
		}
	}
	for key, u := range past.series {
		if key.quantity != q {
			continue
		}
		for week := range u.weeks {
			for hour, v := range u.weeks[week] {
				add(week+1, hour, v)
			}
		}
	}
	for day := range c {
		for hour := range c[day] {
			switch {
			case n[day][hour] == 0:
				c[day][hour] = math.NaN()
			case q.Kind != devices.Count:
				c[day][hour] /= float64(n[day][hour])
			}
		}
	}
	return c
}

// meanHour returns the mean of the stations in an hour today, and what is usual
// of it. Where there is something usual, both are of those stations alone that
// have a past and, of an hour that is over, a present: a new one at a busy road
// does not make the traffic heavy.
func meanHour(courses []stationCourse, hour int, over bool) (float64, usualHour) {
	var weeks [usualWeeks]float64
	all, old := average{}, average{}
	var past [usualWeeks]average
	for i := range courses {
		c := &courses[i]
		known := 0
		for week := range usualWeeks {
			if !math.IsNaN(c[week+1][hour]) {
				known++
			}
		}
		all.add(c[0][hour])
		if known < leastWeeks || over && math.IsNaN(c[0][hour]) {
			continue
		}
		old.add(c[0][hour])
		for week := range usualWeeks {
			past[week].add(c[week+1][hour])
		}
	}
	for week := range weeks {
		weeks[week] = past[week].value()
	}
	u := usualOf(weeks[:])
	if u.Known() {
		return old.value(), u
	}
	return all.value(), u
}

// average of what is known.
type average struct {
	sum float64
	n   int
}

func (m *average) add(v float64) {
	if !math.IsNaN(v) {
		m.sum += v
		m.n++
	}
}

func (m *average) value() float64 {
	if m.n == 0 {
		return math.NaN()
	}
	return m.sum / float64(m.n)
}
