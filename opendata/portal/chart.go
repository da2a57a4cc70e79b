package portal

import (
	"fmt"
	"math"
	"slices"
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
	Bands       []chartLine // areas behind the lines, one of each line or none
	BandText    string      // what they mean
	YTicks      []tick
	XTicks      []tick
	Left, Right string // edges of the plotting area
	Top, Bottom string
	Rows        []chartRow // the table behind it, newest first
	Columns     []string
	Between     string // the time that it shows
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

// shortest is the least that a chart spans, unless less is asked for.
const shortest = 3 * time.Hour

// begun returns the span without the time before the first of rows, which is
// empty at a new station and says nothing.
func begun(span devices.Span, window opendata.Window, rows []devices.Aggregate) devices.Span {
	first := window.Begin(span.End.Add(-shortest))
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

// canvas turns time and values into places of the drawing.
type canvas struct {
	span      devices.Span
	low, high float64 // in shown units
}

func (c *canvas) x(t time.Time) float64 {
	return marginLeft + (chartWidth-marginLeft-marginRight)*float64(t.Sub(c.span.Start))/float64(c.span.End.Sub(c.span.Start))
}

func (c *canvas) y(v float64) float64 {
	return chartHeight - marginBottom - (chartHeight-marginTop-marginBottom)*(v-c.low)/(c.high-c.low)
}

// draw lays out the rows of one quantity, ordered as by opendata.Compare, with
// bands behind them; nil without rows.
func draw(a *asked, rows []devices.Aggregate, bands []band, lang string) *chart {
	if len(rows) == 0 {
		return nil
	}
	q := a.q
	low, high := extent(q, rows, bands)
	ticks := niceTicks(low, high)
	if q.Kind == devices.Category {
		ticks = categoryTicks(low, high)
	}
	on := &canvas{a.span, min(low, ticks[0]), max(high, ticks[len(ticks)-1])}
	if q.Kind == devices.Category { // room above and below, so that no line lies on the edge
		on.low, on.high = on.low-0.5, on.high+0.5
	}
	c := &chart{
		Unit: scaleOf(q).unit,
		Left: point(marginLeft), Right: point(chartWidth - marginRight), Top: point(marginTop), Bottom: point(chartHeight - marginBottom),
		Between: between(a.span.Start, a.span.End, lang),
		XTicks:  timeTicks(a.span, on, lang),
	}
	for _, v := range ticks {
		c.YTicks = append(c.YTicks, tick{point(on.y(v)), tickLabel(q, v, ticks, lang)})
	}
	c.Lines = drawnLines(a, rows, on, lang)
	for i := range bands {
		c.Bands = append(c.Bands, chartLine{Index: bands[i].index, Segments: bands[i].polygons(on)})
	}
	c.table(a, rows, lang)
	return c
}

func point(v float64) string { return fmt.Sprintf("%.1f", v) }

// extent returns the range of what is drawn, never empty, in shown units.
func extent(q *devices.Quantity, rows []devices.Aggregate, bands []band) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	f := scaleOf(q).factor
	for i := range rows {
		v := rows[i].Value() * f
		low, high = min(low, v), max(high, v)
	}
	for i := range bands {
		for _, one := range bands[i].pieces {
			low, high = min(low, one.low), max(high, one.high)
		}
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

// timeTicks marks what a reader of the clock and the calendar in Germany looks
// for, four to nine times.
func timeTicks(span devices.Span, on *canvas, lang string) []tick {
	length, berlin := span.End.Sub(span.Start), opendata.Berlin()
	var ticks []tick
	begin := span.Start.In(berlin)
	year, month, day := begin.Date()
	mark := func(t time.Time, label string) bool {
		if !t.Before(span.End) {
			return false
		}
		if !t.Before(span.Start) {
			ticks = append(ticks, tick{point(on.x(t)), label})
		}
		return true
	}
	switch {
	case length <= 2*time.Hour:
		for t := span.Start.Truncate(15 * time.Minute); mark(t, clock(t)); t = t.Add(15 * time.Minute) {
		}
	case length <= 36*time.Hour:
		every := 6
		if length <= 9*time.Hour {
			every = 1
		}
		for t := span.Start.Truncate(time.Hour); t.Before(span.End); t = t.Add(time.Hour) {
			if t.In(berlin).Hour()%every == 0 {
				mark(t, clock(t))
			}
		}
	case length <= 80*24*time.Hour:
		step := 1
		if length > 9*24*time.Hour {
			step = 1 + int(length/(8*24*time.Hour))
		}
		for i := 0; ; i += step {
			t := time.Date(year, month, day+i, 0, 0, 0, 0, berlin)
			if !mark(t, dayLabel(t, step == 1, lang)) {
				break
			}
		}
	default:
		step := 1 + int(length/(260*24*time.Hour))
		for i := 0; ; i += step {
			t := time.Date(year, month+time.Month(i), 1, 0, 0, 0, 0, berlin)
			if !mark(t, monthLabel(t, lang)) {
				break
			}
		}
	}
	return ticks
}

func dayLabel(t time.Time, weekday bool, lang string) string {
	switch {
	case lang == "en" && weekday:
		return t.Format("Mon 2")
	case lang == "en":
		return t.Format("2 Jan")
	case weekday:
		return weekdays[t.Weekday()] + t.Format(" 02.")
	}
	return t.Format("02.01.")
}

func monthLabel(t time.Time, lang string) string {
	name := []rune(monthName(t.Month(), lang))
	return string(name[:min(3, len(name))]) + t.Format(" 06")
}

// drawnLines are one line for each channel, broken where windows are missing. An
// amount of a window that still runs is left out: it looks like a fall.
func drawnLines(a *asked, rows []devices.Aggregate, on *canvas, lang string) []chartLine {
	var out []chartLine
	var last time.Time
	f, now := scaleOf(a.q).factor, time.Now()
	for i := range rows {
		row := &rows[i]
		fresh := i == 0 || rows[i-1].Channel != row.Channel
		if fresh {
			out = append(out, chartLine{Index: len(out) % 4, Name: channelName(row.Channel, lang)})
		}
		end := a.window.End(row.Start)
		if amounts(a.q) && end.After(now) {
			continue
		}
		line := &out[len(out)-1]
		at := point(on.x(row.Start.Add(end.Sub(row.Start)/2))) + "," + point(on.y(row.Value()*f))
		if n := len(line.Segments); n == 0 || fresh || row.Start.After(a.window.End(last)) {
			line.Segments = append(line.Segments, at+" "+at) // twice, so that a window alone is a dot
		} else {
			line.Segments[n-1] += " " + at
		}
		last = row.Start
	}
	return out
}

// table fills the rows behind the drawing.
func (c *chart) table(of *asked, rows []devices.Aggregate, lang string) {
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
		row := chartRow{Window: windowText(of.window, t, lang), Values: make([]string, len(channels))}
		for _, a := range byStart[t] {
			row.Values[slices.Index(channels, a.Channel)] = value(of.q, a.Value(), lang)
		}
		c.Rows = append(c.Rows, row)
	}
}

// windowText says which window begins at t: a day, or a time of one.
func windowText(w opendata.Window, t time.Time, lang string) string {
	if w >= opendata.Day24 {
		return date(t, lang)
	}
	return date(t, lang) + ", " + interval(t, time.Duration(w))
}
