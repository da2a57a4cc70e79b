package portal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// Size of the drawing, in its own units, and of the margins for the labels.
const (
	chartWidth, chartHeight                          = 720.0, 280.0
	marginLeft, marginRight, marginTop, marginBottom = 56.0, 12.0, 12.0, 28.0
)

// chart is the course of one quantity of one station as the server draws it.
type chart struct {
	Name        string // for readers who do not see it
	Unit        string
	Lines       []chartLine
	YTicks      []tick
	XTicks      []tick
	Left, Right string // edges of the plotting area
	Top, Bottom string
	Rows        []chartRow // the table behind it, newest first
	Columns     []string
	From, Until string
	SeriesURL   string // where the script fetches the same values
}

type chartLine struct {
	Index    int // of the colour and the dashes
	Name     string
	Segments []string // points of unbroken pieces
}

type tick struct{ At, Label string }

type chartRow struct {
	Window string
	Values []string
}

// chartSpan returns the 24 hours that end with the newest window of a dataset,
// or with the present when there is none.
func (p *portal) chartSpan(d *opendata.Dataset) devices.Span {
	end := p.Latest.Newest(d.ID)
	if end.IsZero() {
		end = time.Now().UTC().Truncate(time.Duration(d.Base()))
	}
	end = end.Add(time.Duration(d.Base()))
	return devices.Span{Start: end.Add(-24 * time.Hour), End: end}
}

// shortest is the least that a chart spans.
const shortest = 3 * time.Hour

// begun returns the span without the time before the first of rows, which is
// empty at a new station and says nothing.
func begun(span devices.Span, rows []devices.Aggregate) devices.Span {
	first := span.End.Add(-shortest)
	for i := range rows {
		if rows[i].Start.Before(first) {
			first = rows[i].Start
		}
	}
	if first.After(span.Start) {
		span.Start = first
	}
	return span
}

// rows reads the windows of one quantity of one station, in order, without
// those of which nothing may be told.
func (p *portal) rows(ctx context.Context, d *opendata.Dataset, q *devices.Quantity, station string, span devices.Span) ([]devices.Aggregate, error) {
	var rows []devices.Aggregate
	err := p.query(ctx, func(ctx context.Context) (err error) {
		rows, err = p.Reader.Windows(ctx, d.ID, time.Duration(d.Base()), span, station)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read windows of station %s: %w", station, err)
	}
	rows = slices.DeleteFunc(rows, func(a devices.Aggregate) bool { return a.Quantity != q || a.Suppressed })
	slices.SortFunc(rows, opendata.Compare)
	return rows, nil
}

// draw lays out the rows of one quantity, ordered as by opendata.Compare.
func draw(q *devices.Quantity, rows []devices.Aggregate, span devices.Span, window time.Duration, lang string) *chart {
	if len(rows) == 0 {
		return nil
	}
	low, high := extent(q, rows)
	ticks := niceTicks(low, high)
	if q.Kind == devices.Category {
		ticks = categoryTicks(low, high)
	}
	low, high = min(low, ticks[0]), max(high, ticks[len(ticks)-1])
	x := func(t time.Time) float64 {
		return marginLeft + (chartWidth-marginLeft-marginRight)*float64(t.Sub(span.Start))/float64(span.End.Sub(span.Start))
	}
	y := func(v float64) float64 {
		return chartHeight - marginBottom - (chartHeight-marginTop-marginBottom)*(v-low)/(high-low)
	}
	c := &chart{
		Unit: scaleOf(q).unit,
		Left: point(marginLeft), Right: point(chartWidth - marginRight), Top: point(marginTop), Bottom: point(chartHeight - marginBottom),
		From: instant(span.Start, lang), Until: instant(span.End, lang),
	}
	for _, v := range ticks {
		c.YTicks = append(c.YTicks, tick{point(y(v)), tickLabel(q, v, ticks, lang)})
	}
	c.XTicks = hourTicks(span, x)
	c.Lines = lines(rows, window, lang, x, y, q)
	c.table(q, rows, window, lang)
	return c
}

func point(v float64) string { return fmt.Sprintf("%.1f", v) }

// extent returns the range of what is drawn, never empty, in shown units.
func extent(q *devices.Quantity, rows []devices.Aggregate) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	f := scaleOf(q).factor
	for i := range rows {
		v := rows[i].Value() * f
		low, high = min(low, v), max(high, v)
	}
	if q.Kind == devices.Count || q.Kind == devices.Meter {
		low = min(low, 0) // amounts are read against nothing
	}
	if high-low < 1e-9 {
		pad := max(math.Abs(high)*0.01, 0.5)
		if low != 0 {
			low -= pad
		}
		high += pad
	}
	return low, high
}

// niceTicks returns 3 to 7 round numbers that enclose the range.
func niceTicks(low, high float64) []float64 {
	step := math.Pow10(int(math.Floor(math.Log10((high - low) / 4))))
	for _, m := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if (high-low)/step <= 5 {
			break
		}
		step *= m
	}
	var ticks []float64
	for i := math.Floor(low / step); ; i++ {
		ticks = append(ticks, i*step)
		if i*step >= high {
			return ticks
		}
	}
}

func categoryTicks(low, high float64) []float64 {
	var ticks []float64
	for v := math.Floor(low); v <= math.Ceil(high); v++ {
		ticks = append(ticks, v)
	}
	return ticks
}

// tickLabel prints a tick with as many decimals as its distance to the next
// one needs.
func tickLabel(q *devices.Quantity, v float64, ticks []float64, lang string) string {
	if q.Kind == devices.Category {
		return categoryText(q.Text(v), lang)
	}
	decimals := 0
	if step := ticks[1] - ticks[0]; step < 1 {
		decimals = int(math.Ceil(-math.Log10(step) - 1e-9))
	}
	return number(v, decimals, lang)
}

// hourTicks marks every sixth hour of the day in Berlin, or every hour of a
// short span.
func hourTicks(span devices.Span, x func(time.Time) float64) []tick {
	var ticks []tick
	every := 6
	if span.End.Sub(span.Start) <= 9*time.Hour {
		every = 1
	}
	for t := span.Start.Truncate(time.Hour); t.Before(span.End); t = t.Add(time.Hour) {
		if !t.Before(span.Start) && t.In(opendata.Berlin()).Hour()%every == 0 {
			ticks = append(ticks, tick{point(x(t)), clock(t)})
		}
	}
	return ticks
}

// lines draws one line for each channel, broken where windows are missing.
func lines(rows []devices.Aggregate, window time.Duration, lang string, x func(time.Time) float64, y func(float64) float64, q *devices.Quantity) []chartLine {
	var out []chartLine
	var last time.Time
	f := scaleOf(q).factor
	for i := range rows {
		a := &rows[i]
		fresh := i == 0 || rows[i-1].Channel != a.Channel
		if fresh {
			out = append(out, chartLine{Index: len(out) % 4, Name: channelName(a.Channel, lang)})
		}
		line := &out[len(out)-1]
		if fresh || a.Start.Sub(last) > window {
			line.Segments = append(line.Segments, "")
		}
		last = a.Start
		px, py := x(a.Start.Add(window/2)), y(a.Value()*f)
		segment := &line.Segments[len(line.Segments)-1]
		*segment = strings.TrimLeft(*segment+" "+point(px)+","+point(py), " ")
	}
	return out
}

// table fills the rows behind the drawing.
func (c *chart) table(q *devices.Quantity, rows []devices.Aggregate, window time.Duration, lang string) {
	var channels []string
	byStart := map[time.Time][]devices.Aggregate{}
	for _, a := range rows {
		if !slices.Contains(channels, a.Channel) {
			channels = append(channels, a.Channel)
			c.Columns = append(c.Columns, channelName(a.Channel, lang))
		}
		start := a.Start.UTC()
		byStart[start] = append(byStart[start], a)
	}
	starts := make([]time.Time, 0, len(byStart))
	for t := range byStart {
		starts = append(starts, t)
	}
	slices.SortFunc(starts, func(a, b time.Time) int { return b.Compare(a) })
	for _, t := range starts {
		row := chartRow{Window: date(t, lang) + ", " + interval(t, window), Values: make([]string, len(channels))}
		for _, a := range byStart[t] {
			row.Values[slices.Index(channels, a.Channel)] = value(q, a.Value(), lang)
		}
		c.Rows = append(c.Rows, row)
	}
}
