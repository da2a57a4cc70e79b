package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// courseView is the course of one quantity over a span. Drawn is nil where there
// is none.
type courseView struct {
	Label, Meaning string
	Span           string // "letzte 7 Tage"
	Points         string // of how long windows
	Failed         bool
	Drawn          *chart
	Figures        figures
	Compared       []string // with the usual, a sentence a channel
	Script         scriptView

	asked asked
}

// scriptView is what the script needs to draw the chart itself.
type scriptView struct {
	Series       string // path and query, to which it adds from, to and window
	From, To     string // RFC 3339
	Window       string
	Windows      []option // that there are
	Usual        string   // JSON: a list of usualJSON
	Minimum, CSV string   // seconds of the shortest window; path of the same as CSV
}

// usualJSON is what is usual on one channel: begin (Unix seconds), length (s),
// low and high in shown units.
type usualJSON struct {
	Channel string       `json:"channel"`
	Pieces  [][4]float64 `json:"pieces"`
}

// parseCourse reads quantity and span of a page about a station. Without a
// quantity it is the first one that the station has; nil when it has none.
func (p *portal) parseCourse(s *site, query url.Values) (*asked, chartSpan, error) {
	span := chartSpan(query.Get("span"))
	if span == "" {
		span = spanDay
	}
	quantity := query.Get("quantity")
	if span.length() == 0 {
		return nil, span, errNoSuch
	}
	if quantity == "" {
		if len(s.Rows) == 0 {
			return nil, span, nil
		}
		quantity = s.Rows[0].Quantity.Name
	}
	a, err := p.parseAsked(url.Values{"station": {s.ID}, "quantity": {quantity}, "span": {string(span)}}, maxWindows)
	if err != nil {
		return nil, span, errNoSuch
	}
	return &a, span, nil
}

// course reads and draws what is asked for. A store that fails is told on the
// page, whose other parts do not need it.
func (p *portal) course(ctx context.Context, a *asked, span chartSpan, t *texts, now time.Time) *courseView {
	c := &courseView{Label: label(a.q, t.Lang), Meaning: meaning(a.q, t.Lang), Span: t.Station.lastSpan(span), Points: windowName(a.window, t.Lang)}
	rows, err := p.read(ctx, a)
	if err != nil {
		if ctx.Err() == nil {
			p.Log.Warn("course cannot be shown", "station", a.site.ID, "err", err)
		}
		c.Failed, c.asked = true, *a
		return c
	}
	if span.length() >= shortest {
		a.span = begun(a.span, a.window, rows)
	}
	c.asked = *a
	bands := ranges(a, rows)
	text := t.Station.Ranges
	if len(bands) == 0 {
		if bands, err = p.usuals(ctx, a, channelsOf(rows)); err != nil && ctx.Err() == nil {
			p.Log.Warn("the usual cannot be shown", "station", a.site.ID, "err", err)
		}
		text = t.Station.Usual
		c.Compared = compared(a, rows, bands, t, now)
	}
	if c.Drawn = draw(a, rows, bands, t.Lang); c.Drawn == nil {
		return c
	}
	if len(bands) > 0 {
		c.Drawn.BandText = text
	}
	c.Figures = figuresOf(a, rows, t, now)
	c.Drawn.Name = c.Label + ", " + a.site.Name + ": " + c.Drawn.Between + c.Figures.summary(t)
	c.Script = scriptOf(a, bands, text == t.Station.Usual, t.Lang)
	return c
}

// summary tells the figures to whoever does not see the chart.
func (f *figures) summary(t *texts) string {
	var out strings.Builder
	for _, r := range f.Rows {
		out.WriteString(". ")
		if r.Channel != "" {
			out.WriteString(r.Channel + ": ")
		}
		if f.Category {
			fmt.Fprintf(&out, t.Station.SummaryCategory, r.Mean)
		} else {
			fmt.Fprintf(&out, t.Station.Summary, r.Least, r.Mean, r.Greatest)
		}
	}
	return out.String()
}

// compared says of the newest complete window of each channel whether it is
// usual.
func compared(a *asked, rows []devices.Aggregate, usual []band, t *texts, now time.Time) []string {
	var out []string
	f := scaleOf(a.q).factor
	for _, b := range usual {
		for i := len(rows) - 1; i >= 0; i-- {
			row := &rows[i]
			if row.Channel != b.channel || a.window.End(row.Start).After(now) {
				continue
			}
			if at := slices.IndexFunc(b.pieces, func(one piece) bool { return one.span.Contains(row.Start) }); at >= 0 {
				one := b.pieces[at]
				text := t.Station.Normal
				switch v := row.Value() * f; {
				case v < one.low:
					text = t.Station.Less
				case v > one.high:
					text = t.Station.More
				}
				subject := joined(", ", channelName(b.channel, t.Lang), interval(row.Start, row.Window))
				out = append(out, fmt.Sprintf(text, subject, value(a.q, row.Value(), t.Lang), number(one.low, scaleOf(a.q).decimals, t.Lang), value(a.q, one.high/f, t.Lang)))
			}
			break
		}
	}
	return out
}

func scriptOf(a *asked, bands []band, usual bool, lang string) scriptView {
	s := scriptView{
		Series: "/api/v1/series?" + url.Values{"station": {a.site.ID}, "quantity": {a.q.Name}, "lang": {lang}}.Encode(),
		From:   a.span.Start.Format(time.RFC3339), To: a.span.End.Format(time.RFC3339), Window: a.window.String(),
		Minimum: fmt.Sprint(int(time.Duration(a.set.Base()) / time.Second)), CSV: a.path(".csv", nil),
	}
	for _, w := range a.set.Windows {
		s.Windows = append(s.Windows, option{Value: w.String(), Name: windowName(w, lang)})
	}
	if !usual || len(bands) == 0 {
		return s
	}
	out := make([]usualJSON, len(bands))
	for i, b := range bands {
		out[i].Channel = b.channel
		for _, one := range b.pieces {
			out[i].Pieces = append(out[i].Pieces, [4]float64{float64(one.span.Start.Unix()), one.span.End.Sub(one.span.Start).Seconds(), one.low, one.high})
		}
	}
	if text, err := json.Marshal(out); err == nil { // finite numbers always are JSON
		s.Usual = string(text)
	}
	return s
}

// courseQuery names a course in an address; what is not said is the first
// quantity and the last day.
func courseQuery(quantity string, span chartSpan) string {
	q := url.Values{}
	if quantity != "" {
		q.Set("quantity", quantity)
	}
	if span != spanDay && span != "" {
		q.Set("span", string(span))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// tabs are the choices of a course: its quantity, and its span.
func tabs(s *site, a *asked, span chartSpan, t *texts) (quantities, spans []option) {
	to := func(quantity string, span chartSpan) string {
		return t.To(stationPath(s.ID)) + courseQuery(quantity, span) + "#verlauf"
	}
	chosen := ""
	if a != nil {
		chosen = a.q.Name
	}
	for i := range s.Rows {
		q := s.Rows[i].Quantity
		if i == 0 || s.Rows[i-1].Quantity != q {
			quantities = append(quantities, option{to(q.Name, span), label(q, t.Lang), q.Name == chosen})
		}
	}
	if a == nil {
		return quantities, nil
	}
	for _, one := range chartSpans() {
		if one == spanHour && a.set.Base() >= opendata.Hour {
			continue // one point is no course
		}
		spans = append(spans, option{to(chosen, one), t.Station.spanName(one), one == span})
	}
	return quantities, spans
}
