package portal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

const (
	usualWeeks = 8         // that a day is compared with
	leastWeeks = 3         // of which an hour must be known to be compared
	usualFor   = time.Hour // that what was read is kept
	maxUsual   = 400       // stations and days that are kept, each some 2 kB a series
)

// usual is how a quantity commonly runs at a station on a day of the week: by
// hour of the clock in Germany, the windows of an hour of the same weekday in
// the eight weeks before. An hour that is known of fewer than three of them has
// no usual. A day after the clocks went forward lacks an hour; of the hour that
// comes twice when they go back, the first counts. Public holidays are days like
// others: that a Monday is a holiday is one reason for it to be unusual.
type usual struct {
	Hours [24]usualHour

	// weeks has the values behind it: [0] of a week before, NaN where there is
	// none.
	weeks [usualWeeks][24]float64
}

// usualHour is what is usual in one hour: the median, and the quartiles between
// which half of the weeks lie. Each is interpolated between the two nearest
// weeks. With fewer than three Weeks there is no comparison, and they are 0.
type usualHour struct {
	Weeks             int
	Median, Low, High float64 // in the unit of the quantity
	Lowest, Highest   float64 // of all weeks
}

// Known reports whether there is something to compare with.
func (h usualHour) Known() bool { return h.Weeks >= leastWeeks }

// usualOf returns what is usual of values of one hour; NaN is none.
func usualOf(values []float64) usualHour {
	known := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	h := usualHour{Weeks: len(known)}
	if !h.Known() {
		return h
	}
	slices.Sort(known)
	h.Lowest, h.Low, h.Median, h.High, h.Highest = known[0], quantile(known, .25), quantile(known, .5), quantile(known, .75), known[len(known)-1]
	return h
}

// quantile interpolates between the values, which are ordered.
func quantile(ordered []float64, share float64) float64 {
	at := share * float64(len(ordered)-1)
	i := int(at)
	if i+1 >= len(ordered) {
		return ordered[len(ordered)-1]
	}
	return ordered[i] + (at-float64(i))*(ordered[i+1]-ordered[i])
}

// usualKey names one series of a station.
type usualKey struct {
	quantity *devices.Quantity
	channel  string
}

// pastDays are the windows of an hour of one station on the same weekday of the
// weeks before a day.
type pastDays struct {
	read   time.Time
	series map[usualKey]*usual
}

// pasts keeps what was read of the past for as long as it is likely to be asked
// for again.
type pasts struct {
	mu   sync.Mutex
	days map[string]*pastDays // by dataset, station and day
}

// usual returns what is usual of one channel of a quantity of a station on the
// weekday on which at falls in Germany. A dataset without windows of an hour,
// and a station that is too new, have nothing usual, and no error.
func (p *portal) usual(ctx context.Context, d *opendata.Dataset, station string, q *devices.Quantity, channel string, at time.Time) (usual, error) {
	past, err := p.past(ctx, d, station, opendata.DayOf(at))
	if err != nil {
		return usual{}, err
	}
	if u := past.series[usualKey{q, channel}]; u != nil {
		return *u, nil
	}
	return usual{}, nil
}

// past returns the past of a station, from memory or the store.
func (p *portal) past(ctx context.Context, d *opendata.Dataset, station string, day opendata.Day) (*pastDays, error) {
	if !slices.Contains(d.Windows, opendata.Hour) {
		return &pastDays{}, nil
	}
	key := strings.Join([]string{d.ID, station, day.String()}, "\x00")
	now := time.Now()
	if known := p.pasts.get(key, now); known != nil {
		return known, nil
	}
	past := &pastDays{read: now, series: map[usualKey]*usual{}}
	for week := range usualWeeks {
		before := opendata.Day{Year: day.Year, Month: day.Month, Day: day.Day - 7*(week+1)}
		if err := p.readPast(ctx, past, d, station, week, before); err != nil {
			return nil, err
		}
	}
	for _, u := range past.series {
		for hour := range u.Hours {
			var values [usualWeeks]float64
			for week := range values {
				values[week] = u.weeks[week][hour]
			}
			u.Hours[hour] = usualOf(values[:])
		}
	}
	p.pasts.put(key, past, now)
	return past, nil
}

// readPast adds a day of some weeks ago.
func (p *portal) readPast(ctx context.Context, past *pastDays, d *opendata.Dataset, station string, week int, day opendata.Day) error {
	rows, err := p.hours(ctx, d, station, day.Span())
	if err != nil {
		return err
	}
	for i := range rows {
		a := &rows[i]
		key := usualKey{a.Quantity, a.Channel}
		u := past.series[key]
		if u == nil {
			u = &usual{}
			for w := range u.weeks {
				for h := range u.weeks[w] {
					u.weeks[w][h] = math.NaN()
				}
			}
			past.series[key] = u
		}
		if hour := a.Start.In(opendata.Berlin()).Hour(); math.IsNaN(u.weeks[week][hour]) {
			u.weeks[week][hour] = a.Value()
		}
	}
	return nil
}

// leastCoverage is the share of its readings that an hour must have to be
// compared: half a count is not a quiet road.
const leastCoverage = 0.5

// hours reads the windows of an hour of a station that may be compared, in
// order: no categories, whose codes have no middle, and nothing that is mostly
// missing or must not be told.
func (p *portal) hours(ctx context.Context, d *opendata.Dataset, station string, span devices.Span) ([]devices.Aggregate, error) {
	var rows []devices.Aggregate
	err := p.query(ctx, func(ctx context.Context) (err error) {
		rows, err = p.Reader.Windows(ctx, d.ID, time.Duration(opendata.Hour), span, station)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read hours of station %s: %w", station, err)
	}
	rows = slices.DeleteFunc(rows, func(a devices.Aggregate) bool {
		return a.Suppressed || a.Quantity.Kind == devices.Category || a.Coverage < leastCoverage || a.Window != time.Duration(opendata.Hour)
	})
	slices.SortFunc(rows, opendata.Compare)
	return rows, nil
}

func (c *pasts) get(key string, now time.Time) *pastDays {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.days[key]; known != nil && now.Sub(known.read) < usualFor {
		return known
	}
	return nil
}

// put keeps what was read. Where it is too much, what is old goes, else all:
// stations are asked for anew one by one, which no reader notices.
func (c *pasts) put(key string, past *pastDays, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.days) >= maxUsual {
		for k, one := range c.days {
			if now.Sub(one.read) >= usualFor {
				delete(c.days, k)
			}
		}
	}
	if c.days == nil || len(c.days) >= maxUsual {
		c.days = map[string]*pastDays{}
	}
	c.days[key] = past
}
