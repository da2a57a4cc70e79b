package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// seriesAnswer is a table in columns: Channels[i].Values[j] belongs to the
// window that begins at Times[j].
type seriesAnswer struct {
	Station  string        `json:"station"`
	Quantity string        `json:"quantity"`
	Unit     string        `json:"unit"` // UCUM
	Window   string        `json:"window"`
	WindowS  int           `json:"window_s"` // of a day: 86400, also when the clocks change
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Shown    shownJSON     `json:"shown"`
	Times    []int64       `json:"times"` // Unix seconds, every window of the span
	Channels []channelJSON `json:"channels"`
}

// shownJSON says how the page shows the values: times Factor, with Decimals
// and Unit; a category by its texts. Amount is set where a value grows while
// its window runs.
type shownJSON struct {
	Factor     float64  `json:"factor"`
	Decimals   int      `json:"decimals"`
	Unit       string   `json:"unit"`
	Amount     bool     `json:"amount"`
	Categories []string `json:"categories,omitempty"`
}

// channelJSON has null where a window is missing. Min and Max are there for
// gauges in windows that are not the shortest of the dataset.
type channelJSON struct {
	Channel  string     `json:"channel"`
	Name     string     `json:"name"`
	Values   []*float64 `json:"values"`
	Coverage []*float64 `json:"coverage"`
	Min      []*float64 `json:"min,omitempty"`
	Max      []*float64 `json:"max,omitempty"`
}

// seriesJSON answers with the windows of one quantity of one station, as
// parseAsked reads it.
func (p *portal) seriesJSON(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	a, err := p.parseAsked(query, maxWindows)
	if err != nil {
		refuseSeries(w, err)
		return
	}
	rows, err := p.read(r.Context(), &a)
	if err != nil {
		p.failSeries(w, r, &a, err)
		return
	}
	if !a.given {
		a.span = begun(a.span, a.window, rows)
	}
	age := 5 * time.Second
	if p.Latest.Newest(a.set.ID).Sub(a.span.End) > settled {
		age = time.Hour
	}
	answerFor(w, r, columns(&a, rows, textsOf(query.Get("lang")).Lang), age)
}

// settled is how old windows are that hardly ever change.
const settled = 7 * 24 * time.Hour

// refuseSeries answers what parseAsked has found wrong.
func refuseSeries(w http.ResponseWriter, err error) {
	if errors.Is(err, errNoSeries) {
		refuse(w, http.StatusNotFound, "%s", err)
		return
	}
	refuse(w, http.StatusBadRequest, "%s", err)
}

// failSeries answers that the store cannot be read.
func (p *portal) failSeries(w http.ResponseWriter, r *http.Request, a *asked, err error) {
	if r.Context().Err() == nil {
		p.Log.Warn("series cannot be answered", "station", a.site.ID, "err", err)
	}
	w.Header().Set("Retry-After", "10")
	refuse(w, http.StatusServiceUnavailable, "the series cannot be read now")
}

// read returns the windows that are asked for, channel by channel, in order of
// time, without those of which nothing may be told.
func (p *portal) read(ctx context.Context, a *asked) ([]devices.Aggregate, error) {
	var all []devices.Aggregate
	err := p.parts(ctx, a, func(rows []devices.Aggregate) error {
		all = append(all, rows...)
		return nil
	})
	slices.SortFunc(all, opendata.Compare)
	return all, err
}

// parts calls take with the windows that are asked for in parts, the earliest
// first, so that a long span neither holds the store up nor memory.
func (p *portal) parts(ctx context.Context, a *asked, take func([]devices.Aggregate) error) error {
	length := maxPart * time.Duration(a.window)
	for begin := a.span.Start; begin.Before(a.span.End); {
		part := devices.Span{Start: begin, End: a.window.Begin(begin.Add(length))}
		if part.End.After(a.span.End) {
			part.End = a.span.End
		}
		var rows []devices.Aggregate
		err := p.query(ctx, func(ctx context.Context) (err error) {
			rows, err = p.Reader.Windows(ctx, a.set.ID, time.Duration(a.window), part, a.site.ID, a.q)
			return err
		})
		if err != nil {
			return fmt.Errorf("read windows of station %s: %w", a.site.ID, err)
		}
		rows = slices.DeleteFunc(rows, func(one devices.Aggregate) bool {
			return one.Suppressed || one.Window != time.Duration(a.window) || a.channel != nil && one.Channel != *a.channel
		})
		if err := take(rows); err != nil {
			return err
		}
		begin = part.End
	}
	return nil
}

// columns lays out rows, which are ordered as by opendata.Compare.
func columns(a *asked, rows []devices.Aggregate, lang string) seriesAnswer {
	s := scaleOf(a.q)
	out := seriesAnswer{
		Station: a.site.ID, Quantity: a.q.Name, Unit: a.q.Unit, Window: a.window.String(), WindowS: int(time.Duration(a.window) / time.Second),
		From: a.span.Start, To: a.span.End, Times: []int64{}, Channels: []channelJSON{},
		Shown: shownJSON{Factor: s.factor, Decimals: s.decimals, Unit: s.unit, Amount: amounts(a.q)},
	}
	for _, c := range a.q.Categories {
		out.Shown.Categories = append(out.Shown.Categories, categoryText(c, lang))
	}
	for t := a.span.Start; t.Before(a.span.End); t = a.window.End(t) {
		out.Times = append(out.Times, t.Unix())
	}
	n := len(out.Times)
	ranges := a.q.Kind == devices.Gauge && a.window != a.set.Base()
	for i := range rows {
		row := &rows[i]
		at, ok := slices.BinarySearch(out.Times, row.Start.Unix())
		if !ok {
			continue
		}
		if n := len(out.Channels); n == 0 || out.Channels[n-1].Channel != row.Channel {
			out.Channels = append(out.Channels, channelJSON{Channel: row.Channel, Name: channelName(row.Channel, lang),
				Values: make([]*float64, len(out.Times)), Coverage: make([]*float64, len(out.Times))})
		}
		c := &out.Channels[len(out.Channels)-1]
		v := row.Value()
		c.Values[at], c.Coverage[at] = &v, &row.Coverage
		if ranges {
			if c.Min == nil {
				c.Min, c.Max = make([]*float64, n), make([]*float64, n)
			}
			c.Min[at], c.Max[at] = &row.Min, &row.Max
		}
	}
	return out
}

// amounts reports whether the values of a quantity grow while a window runs.
func amounts(q *devices.Quantity) bool { return q.Kind == devices.Count || q.Kind == devices.Meter }
