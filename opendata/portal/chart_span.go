package portal

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// chartSpan is how much time a chart shows, as in an address: "week".
type chartSpan string

const (
	spanHour  chartSpan = "hour"
	spanDay   chartSpan = "day"
	spanWeek  chartSpan = "week"
	spanMonth chartSpan = "month"
	spanYear  chartSpan = "year"
)

func chartSpans() []chartSpan { return []chartSpan{spanHour, spanDay, spanWeek, spanMonth, spanYear} }

// length is how long a span lasts, or 0 when there is none of that name.
func (s chartSpan) length() time.Duration {
	const day = 24 * time.Hour
	return map[chartSpan]time.Duration{spanHour: time.Hour, spanDay: day, spanWeek: 7 * day, spanMonth: 30 * day, spanYear: 365 * day}[s]
}

const (
	// fitting is how many windows a chart shows without being asked for finer
	// ones: more than one in a pixel or two only costs.
	fitting = 1000
	// maxWindows bounds one answer in JSON: a quarter of a year of 15 minutes.
	maxWindows = 10_000
	// maxStreamed bounds what is streamed: a year of 15 minutes, or more of
	// what is coarser.
	maxStreamed = 366 * 96
	// maxAgo bounds how long a span may be at all.
	maxAgo = 20 * 366 * 24 * time.Hour
	// maxPart is the most that the store is asked for at once.
	maxPart = 3000
)

// fine returns the shortest windows of a dataset of which not too many make up
// a length of time, or the longest that it has.
func fine(d *opendata.Dataset, length time.Duration) opendata.Window {
	for _, w := range d.Windows {
		if length <= fitting*time.Duration(w) {
			return w
		}
	}
	return d.Windows[len(d.Windows)-1]
}

// asked is a part of one series: a quantity of a station, and the windows of it.
type asked struct {
	site    *site
	set     *opendata.Dataset
	q       *devices.Quantity
	window  opendata.Window
	span    devices.Span // from the begin of a window to the end of one
	given   bool         // by from: the time before the first value is wanted, too
	channel *string      // nil: all
}

// errNoSeries says that there is no such station or quantity, errBadSpan that
// what is asked of it makes no sense.
var (
	errNoSeries = errors.New("there is no such series")
	errBadSpan  = errors.New("no such part of a series")
)

// parseAsked reads what is asked for: station, quantity, channel, and either
// span or from and to, and window. Without a time it is the last day. It is at
// most so many windows.
func (p *portal) parseAsked(query url.Values, most int) (asked, error) {
	a := asked{site: p.stations().byID[query.Get("station")]}
	if a.site == nil {
		return a, fmt.Errorf("%w: there is no public station %.64q", errNoSeries, query.Get("station"))
	}
	if a.set, a.q = p.offered(a.site, query.Get("quantity")); a.q == nil {
		return a, fmt.Errorf("%w: no dataset of station %s has the quantity %.64q", errNoSeries, a.site.ID, query.Get("quantity"))
	}
	if query.Has("channel") {
		channel := query.Get("channel")
		a.channel = &channel
	}
	if err := a.parseTime(query, p.Latest.Newest(a.set.ID)); err != nil {
		return a, err
	}
	return a, a.bound(most)
}

// parseTime reads when, and of how long windows.
func (a *asked) parseTime(query url.Values, newest time.Time) error {
	name := chartSpan(query.Get("span"))
	if name == "" {
		name = spanDay
	}
	if name.length() == 0 {
		return fmt.Errorf("%w: span=%.40q: want one of %v", errBadSpan, name, chartSpans())
	}
	a.span = lastOf(a.set, newest, name.length())
	a.given = query.Get("from") != ""
	for name, to := range map[string]*time.Time{"from": &a.span.Start, "to": &a.span.End} {
		if text := query.Get(name); text != "" {
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return fmt.Errorf("%w: %s=%.40q: want a time like 2026-11-23T10:00:00Z", errBadSpan, name, text)
			}
			*to = t.UTC()
		}
	}
	length := a.span.End.Sub(a.span.Start)
	if length <= 0 || length > maxAgo {
		return fmt.Errorf("%w: from %s to %s: want to after from, and at most 20 years", errBadSpan, a.span.Start.Format(time.RFC3339), a.span.End.Format(time.RFC3339))
	}
	a.window = fine(a.set, length)
	if text := query.Get("window"); text != "" {
		if err := a.window.UnmarshalText([]byte(text)); err != nil || !slices.Contains(a.set.Windows, a.window) {
			return fmt.Errorf("%w: window=%.40q: dataset %s has %v", errBadSpan, text, a.set.ID, a.set.Windows)
		}
	}
	return nil
}

// bound widens the span to whole windows, of which there are to be at most so
// many.
func (a *asked) bound(most int) error {
	if n := int(a.span.End.Sub(a.span.Start) / time.Duration(a.window)); n > most {
		return fmt.Errorf("%w: %d windows of %s: want at most %d at once, or longer windows", errBadSpan, n, a.window, most)
	}
	a.span.Start = a.window.Begin(a.span.Start)
	if begin := a.window.Begin(a.span.End); begin.Before(a.span.End) {
		a.span.End = a.window.End(begin)
	}
	return nil
}

// lastOf returns the length of time that ends with the newest window of a
// dataset, or with the present when there is none.
func lastOf(d *opendata.Dataset, newest time.Time, length time.Duration) devices.Span {
	base := d.Base()
	if newest.IsZero() {
		newest = base.Begin(time.Now())
	}
	end := base.End(newest)
	return devices.Span{Start: end.Add(-length), End: end}
}

// offered returns the quantity of that name and the dataset in which a station
// has it, or nil: the one that its newest windows are from, and else the first
// one of what it measures.
func (p *portal) offered(s *site, name string) (*opendata.Dataset, *devices.Quantity) {
	q, ok := devices.Lookup(name)
	if !ok {
		return nil, nil
	}
	for i := range s.Rows {
		if s.Rows[i].Quantity == q {
			return s.Rows[i].set, q
		}
	}
	for i := range p.Datasets {
		if d := &p.Datasets[i]; s.Measures(d.Domain) && d.Has(q) && d.Households == nil {
			return d, q
		}
	}
	return nil, nil
}
