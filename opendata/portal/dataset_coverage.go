package portal

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

const (
	coverageMonths = 12     // that the calendar shows, with the running one
	coverageRows   = 20_000 // of a month that are read; of what has more, some stations speak for all
	leastSample    = 5      // stations
	// coverageBudget is how long a page waits for days that nobody has read yet.
	// The rest is read for whoever asks next; the page asks again by itself.
	coverageBudget = 150 * time.Millisecond
	// What is older than this may be brought up to date: readings arrive late.
	coverageAge = time.Hour
)

// coverage remembers how complete the days of a dataset are. It reads a month at
// a time, the newest first, and never more than one for the same dataset at once.
type coverage struct {
	reading sync.Mutex // held by who reads

	mu     sync.Mutex
	months map[opendata.Day]monthRead // by the first day of the month
	known  map[coverageKey]lifetime   // series that have been seen
	sample int                        // stations that speak for all; 0: all
}

type coverageKey struct {
	station  string
	quantity *devices.Quantity
	channel  string
}

// lifetime is the first and last day of a series that have a row.
type lifetime struct{ first, last time.Time }

// monthRead is what the days of a month had when it was read.
type monthRead struct {
	at   time.Time
	days map[opendata.Day]float64 // sum of the shares of all series
}

// dayCoverage is what is told of a day.
type dayCoverage struct {
	Day   opendata.Day
	Share float64 // 0 to 1, of the readings that were expected
	Known bool    // that day has been read
	Begun bool    // a series had begun
}

// coverageWindow is the longest window of a dataset that lies in a day.
func coverageWindow(d *opendata.Dataset) opendata.Window {
	w := d.Base()
	for _, one := range d.Windows {
		if one <= opendata.Day24 {
			w = max(w, one)
		}
	}
	return w
}

// monthSpan returns a month from midnight to midnight.
func monthSpan(first opendata.Day) devices.Span {
	return devices.Span{Start: first.Span().Start, End: opendata.Day{Year: first.Year, Month: first.Month + 1, Day: 1}.Span().Start}
}

// calendarMonths are the first days of the months that are shown, oldest first.
func calendarMonths(now time.Time) []opendata.Day {
	var all []opendata.Day
	today := opendata.DayOf(now)
	for i := coverageMonths - 1; i >= 0; i-- {
		first := time.Date(today.Year, today.Month-time.Month(i), 1, 12, 0, 0, 0, time.UTC)
		all = append(all, opendata.Day{Year: first.Year(), Month: first.Month(), Day: 1})
	}
	return all
}

// days returns the days of the calendar, of which it reads what is not known or
// too old for as long as the budget lasts. What cannot be read stays unknown.
func (p *portal) coverageDays(ctx context.Context, d *opendata.Dataset, now time.Time) (days []dayCoverage, sample int) {
	c := p.coverages[d.ID]
	if c.reading.TryLock() {
		defer c.reading.Unlock()
		if err := p.readCoverage(ctx, c, d, now); err != nil && ctx.Err() == nil {
			p.Log.Warn("coverage of a dataset cannot be read", "dataset", d.ID, "err", err)
		}
	}
	return c.days(p.stations().byID, d, now)
}

func (p *portal) readCoverage(ctx context.Context, c *coverage, d *opendata.Dataset, now time.Time) error {
	began := time.Now()
	months := calendarMonths(now)
	slices.Reverse(months)
	stations := p.coverageSample(d)
	c.forget(months[len(months)-1])
	for _, first := range months {
		if !c.due(first, now) {
			continue
		}
		if time.Since(began) > coverageBudget {
			return nil
		}
		rows, err := p.coverageRows(ctx, d, stations, monthSpan(first))
		if err != nil {
			return err
		}
		c.take(first, rows, d, now, len(stations))
	}
	return nil
}

// due reports whether a month has to be read: it never was, or what is new in it
// is old. A month that was over is read daily, since gateways deliver late.
func (c *coverage) due(first opendata.Day, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, read := c.months[first]
	age := coverageAge
	if monthSpan(first).End.Before(now.Add(-opendata.Recent)) {
		age = 24 * time.Hour
	}
	return !read || now.Sub(m.at) > age
}

// forget lets go of the months before the oldest that is shown.
func (c *coverage) forget(oldest opendata.Day) {
	c.mu.Lock()
	defer c.mu.Unlock()
	begin := oldest.Span().Start
	maps.DeleteFunc(c.months, func(first opendata.Day, _ monthRead) bool { return first.Span().Start.Before(begin) })
	maps.DeleteFunc(c.known, func(_ coverageKey, l lifetime) bool { return l.last.Before(begin) })
}

// coverageSample are the stations that speak for all, every n-th of the list, or
// none when all can be read.
func (p *portal) coverageSample(d *opendata.Dataset) []string {
	if d.Households != nil || d.Grouping != "" && d.Grouping != opendata.ByStation {
		return nil
	}
	series := 0
	p.Latest.Each(d.ID, func(*devices.Aggregate) { series++ })
	var listed []string
	for _, s := range p.Directory.Stations() {
		if s.Measures(d.Domain) {
			listed = append(listed, s.ID)
		}
	}
	rows := series * 31 * int(24*time.Hour/time.Duration(coverageWindow(d)))
	if rows <= coverageRows || len(listed) <= leastSample {
		return nil
	}
	n := max(leastSample, len(listed)*coverageRows/rows)
	var sample []string
	for i := range n {
		sample = append(sample, listed[i*len(listed)/n])
	}
	return sample
}

// coverageRows reads the windows of a month, of all stations or some.
func (p *portal) coverageRows(ctx context.Context, d *opendata.Dataset, stations []string, span devices.Span) (rows []devices.Aggregate, err error) {
	if len(stations) == 0 {
		stations = []string{""}
	}
	for _, s := range stations {
		err := p.query(ctx, func(ctx context.Context) error {
			some, err := p.Reader.Windows(ctx, d.ID, time.Duration(coverageWindow(d)), span, s)
			rows = append(rows, some...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// take keeps what the rows of a month say. The share of a series on a day is the
// mean over the windows of that day; of households it is 1 where a value is
// told and 0 where privacy forbids it.
func (c *coverage) take(first opendata.Day, rows []devices.Aggregate, d *opendata.Dataset, now time.Time, sample int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	days, window := map[opendata.Day]float64{}, coverageWindow(d)
	for i := range rows {
		a := &rows[i]
		share := a.Coverage
		switch {
		case d.Households != nil:
			share = 1
			if a.Suppressed {
				share = 0
			}
		case a.Suppressed || a.Coverage <= 0: // nobody knows what to expect
			continue
		}
		day := opendata.DayOf(a.Start)
		days[day] += min(share, 1) / perDay(window, day)
		key := coverageKey{a.Station, a.Quantity, a.Channel}
		l, seen := c.known[key]
		if start := day.Span().Start; !seen || start.Before(l.first) {
			l.first = start
		}
		if start := day.Span().Start; start.After(l.last) {
			l.last = start
		}
		c.known[key] = l
	}
	c.months[first], c.sample = monthRead{now, days}, sample
}

// perDay is how many windows a day has, of which the clocks may make one of 23
// or 25 hours.
func perDay(w opendata.Window, day opendata.Day) float64 {
	if w == opendata.Day24 {
		return 1
	}
	span := day.Span()
	return float64(span.End.Sub(span.Start)) / float64(w)
}

// days divides what there was by what was to be expected: of each series from
// its first day on, until its last when its station is public no more.
func (c *coverage) days(public map[string]*site, d *opendata.Dataset, now time.Time) ([]dayCoverage, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	today := opendata.DayOf(now)
	months := calendarMonths(now)
	begin := months[0].Span().Start
	change := map[time.Time]int{} // of the number of series, on that day
	for key, l := range c.known {
		if l.first.Before(begin) {
			l.first = begin
		}
		change[l.first]++
		if d.Households != nil || public[key.station] == nil {
			next := opendata.DayOf(l.last)
			next.Day++
			change[next.Span().Start]--
		}
	}
	var all []dayCoverage
	expected := 0
	for _, first := range months {
		month, read := c.months[first]
		for day := first; day.Month == first.Month; day = opendata.DayOf(day.Span().End) {
			if day.Span().Start.After(today.Span().Start) {
				break
			}
			expected += change[day.Span().Start]
			one := dayCoverage{Day: day, Known: read, Begun: expected > 0}
			if expected > 0 {
				one.Share = min(1, month.days[day]/float64(expected))
			}
			all = append(all, one)
		}
	}
	return all, c.sample
}
