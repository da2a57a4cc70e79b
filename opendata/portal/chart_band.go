package portal

import (
	"context"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// band is an area behind a line: what is usual, or what was between the least
// and the greatest reading. Values are in shown units.
type band struct {
	channel string
	index   int // of the line
	pieces  []piece
}

// piece is a band at one length of time.
type piece struct {
	span      devices.Span
	low, high float64
}

// maxBands is how many of them one can tell apart behind a chart.
const maxBands = 2

// polygons returns the outlines of what belongs together.
func (b *band) polygons(on *canvas) []string {
	var out []string
	for i := 0; i < len(b.pieces); {
		end := i + 1
		for end < len(b.pieces) && b.pieces[end].span.Start.Equal(b.pieces[end-1].span.End) {
			end++
		}
		there, back := "", ""
		for _, one := range b.pieces[i:end] {
			left, right := point(on.x(one.span.Start)), point(on.x(one.span.End))
			there += left + "," + point(on.y(one.high)) + " " + right + "," + point(on.y(one.high)) + " "
			back = right + "," + point(on.y(one.low)) + " " + left + "," + point(on.y(one.low)) + " " + back
		}
		out = append(out, (there + back)[:len(there)+len(back)-1])
		i = end
	}
	return out
}

// channelsOf returns the channels of rows, which are ordered.
func channelsOf(rows []devices.Aggregate) []string {
	var out []string
	for i := range rows {
		if i == 0 || rows[i].Channel != rows[i-1].Channel {
			out = append(out, rows[i].Channel)
		}
	}
	return out
}

// ranges are the least and greatest readings of a gauge with one channel, where
// windows hold more than their mean tells.
func ranges(a *asked, rows []devices.Aggregate) []band {
	if a.q.Kind != devices.Gauge || a.window == a.set.Base() || len(channelsOf(rows)) != 1 {
		return nil
	}
	b := band{channel: rows[0].Channel}
	f := scaleOf(a.q).factor
	for i := range rows {
		row := &rows[i]
		b.pieces = append(b.pieces, piece{a.window.Span(row.Start), row.Min * f, row.Max * f})
	}
	return []band{b}
}

// usualShare is what part of an hour's usual value a window has: all of a mean,
// and of an amount as much as it lasts.
func usualShare(q *devices.Quantity, w opendata.Window) float64 {
	if amounts(q) {
		return float64(w) / float64(opendata.Hour)
	}
	return 1
}

// usuals are what is usual on the days of a span, hour by hour.
func (p *portal) usuals(ctx context.Context, a *asked, channels []string) ([]band, error) {
	if a.q.Kind == devices.Category || a.window > opendata.Hour || a.span.End.Sub(a.span.Start) > 25*time.Hour || len(channels) > maxBands {
		return nil, nil
	}
	f := scaleOf(a.q).factor * usualShare(a.q, a.window)
	var out []band
	for i, channel := range channels {
		b := band{channel: channel, index: i}
		for t := opendata.Hour.Begin(a.span.Start); t.Before(a.span.End); t = t.Add(time.Hour) {
			u, err := p.usual(ctx, a.set, a.site.ID, a.q, channel, t)
			if err != nil {
				return nil, err
			}
			hour := u.Hours[t.In(opendata.Berlin()).Hour()]
			one := piece{clip(opendata.Hour.Span(t), a.span), hour.Low * f, hour.High * f}
			if hour.Known() && one.span.Start.Before(one.span.End) {
				b.pieces = append(b.pieces, one)
			}
		}
		if len(b.pieces) > 0 {
			out = append(out, b)
		}
	}
	return out, nil
}

// clip returns what of a span lies in another one.
func clip(span, in devices.Span) devices.Span {
	if span.Start.Before(in.Start) {
		span.Start = in.Start
	}
	if span.End.After(in.End) {
		span.End = in.End
	}
	return span
}
