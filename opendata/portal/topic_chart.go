package portal

import (
	"fmt"
	"math"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// todayChart is the course of a day by hour beside the usual one, as the server
// draws it.
type todayChart struct {
	Name   string // for readers who do not see it
	Label  string // what is drawn, with its unit
	Day    string
	Note   string       // of which stations it is
	Shapes []todayShape // the same twice, one of which is shown: for wide screens, and for phones
	Rows   []todayRow
}

// todayShape is a drawing. Pieces of lines and areas are points, unbroken.
type todayShape struct {
	Class  string
	YTicks []tick
	XTicks []tick
	Band   []string // between the quartiles
	Usual  []string
	Today  []string
	Dots   [][2]string
	Width, Height, Left, Right,
	Bottom string
}

// todayRow is an hour of the table behind it; "–" is what is not known.
type todayRow struct{ Hour, Today, Usual, Half string }

// todaySize is the size of a drawing, in its own units.
type todaySize struct {
	class         string
	width, height float64
}

// todaySizes are a wide drawing, and one for phones, which would show the wide
// one too flat to read.
var todaySizes = []todaySize{{"wide-day", 720, 260}, {"narrow-day", 360, 250}}

// Margins of a drawing, for the labels.
const todayLeft, todayRight, todayTop, todayLow = 56.0, 12.0, 12.0, 28.0

// drawToday lays out a situation; nil where nothing is known of the day.
func drawToday(s *situation, t *texts) *todayChart {
	if s == nil || s.hour.IsZero() {
		return nil
	}
	low, high, any := s.extent()
	if !any {
		return nil
	}
	c := &todayChart{Label: label(s.quantity, t.Lang), Day: date(s.hour, t.Lang), Note: s.note(t)}
	if unit := scaleOf(s.quantity).unit; s.quantity.Kind == devices.Count {
		c.Label = fmt.Sprintf(t.Topic.PerHour, c.Label)
	} else if unit != "" {
		c.Label += " (" + unit + ")"
	}
	c.Name = c.Label + ", " + c.Day
	for _, size := range todaySizes {
		c.Shapes = append(c.Shapes, size.draw(s, niceTicks(low, high), t.Lang))
	}
	c.table(s, t)
	return c
}

// draw lays out the drawing of one size, between the outer ticks.
func (size todaySize) draw(s *situation, ticks []float64, lang string) todayShape {
	f := scaleOf(s.quantity)
	low, high := ticks[0], ticks[len(ticks)-1]
	x := func(hour int) float64 {
		return todayLeft + (size.width-todayLeft-todayRight)*(float64(hour)+.5)/24
	}
	y := func(v float64) float64 {
		return size.height - todayLow - (size.height-todayTop-todayLow)*(v*f.factor-low)/(high-low)
	}
	c := todayShape{
		Class: size.class, Width: at(size.width), Height: at(size.height), Left: at(todayLeft), Right: at(size.width - todayRight), Bottom: at(size.height - todayLow),
	}
	for _, v := range ticks {
		c.YTicks = append(c.YTicks, tick{at(y(v / f.factor)), tickLabel(s.quantity, v, ticks, lang)})
	}
	for hour := 0; hour < 24; hour += 6 {
		c.XTicks = append(c.XTicks, tick{at(x(hour) - (x(1)-x(0))/2), fmt.Sprintf("%02d:00", hour)})
	}
	c.lines(s, x, y)
	return c
}

func at(v float64) string { return fmt.Sprintf("%.1f", v) }

// extent returns the range of what is drawn in shown units, false for nothing.
func (s *situation) extent() (low, high float64, any bool) {
	low, high = math.Inf(1), math.Inf(-1)
	f := scaleOf(s.quantity).factor
	take := func(v float64) { low, high = min(low, v*f), max(high, v*f) }
	for hour, v := range s.today {
		if !math.IsNaN(v) {
			any = true
			take(v)
		}
		if u := s.usual[hour]; u.Known() {
			take(u.Low)
			take(u.High)
		}
	}
	if s.quantity.Kind == devices.Count || s.measure.relative {
		low = min(low, 0) // amounts are read against nothing
	}
	if high-low < 1e-9 {
		high = low + 1
	}
	return low, high, any
}

func (s *situation) note(t *texts) string {
	if s.stations < s.all {
		return fmt.Sprintf(t.Topic.OfSome, number(float64(s.stations), 0, t.Lang), number(float64(s.all), 0, t.Lang))
	}
	if s.all == 1 {
		return t.Topic.OfOne
	}
	return fmt.Sprintf(t.Topic.OfAll, number(float64(s.all), 0, t.Lang))
}

// lines adds the pieces of what is drawn, which end where an hour is missing.
func (c *todayShape) lines(s *situation, x func(int) float64, y func(float64) float64) {
	pieces := func(known func(int) bool, add func(from, to int)) {
		for from := 0; from < 24; from++ {
			if !known(from) {
				continue
			}
			to := from
			for to+1 < 24 && known(to+1) {
				to++
			}
			add(from, to)
			from = to
		}
	}
	path := func(from, to int, v func(int) float64) string {
		var points []string
		for hour := from; hour <= to; hour++ {
			points = append(points, at(x(hour))+","+at(y(v(hour))))
		}
		return strings.Join(points, " ")
	}
	usual := func(hour int) bool { return s.usual[hour].Known() }
	pieces(usual, func(from, to int) {
		c.Usual = append(c.Usual, path(from, to, func(h int) float64 { return s.usual[h].Median }))
		area := path(from, to, func(h int) float64 { return s.usual[h].Low })
		for hour := to; hour >= from; hour-- {
			area += " " + at(x(hour)) + "," + at(y(s.usual[hour].High))
		}
		c.Band = append(c.Band, area)
	})
	pieces(func(hour int) bool { return !math.IsNaN(s.today[hour]) }, func(from, to int) {
		c.Today = append(c.Today, path(from, to, func(h int) float64 { return s.today[h] }))
		for hour := from; hour <= to; hour++ {
			c.Dots = append(c.Dots, [2]string{at(x(hour)), at(y(s.today[hour]))})
		}
	})
}

// table fills the rows behind the drawing, hours of which nothing is known left
// out.
func (c *todayChart) table(s *situation, t *texts) {
	for hour, v := range s.today {
		u := s.usual[hour]
		if math.IsNaN(v) && !u.Known() {
			continue
		}
		row := todayRow{Hour: fmt.Sprintf("%02d:00–%02d:00", hour, hour+1), Today: "–", Usual: "–", Half: "–"}
		if !math.IsNaN(v) {
			row.Today = value(s.quantity, v, t.Lang)
		}
		if u.Known() {
			row.Usual = value(s.quantity, u.Median, t.Lang)
			row.Half = fmt.Sprintf(t.Topic.Between, value(s.quantity, u.Low, t.Lang), value(s.quantity, u.High, t.Lang))
		}
		c.Rows = append(c.Rows, row)
	}
}

// dayTitle says of which day a page speaks: today, unless the data end before.
func dayTitle(s *situation, now time.Time, t *texts) string {
	if s == nil || s.hour.IsZero() || opendata.DayOf(s.hour) == opendata.DayOf(now) {
		return t.Topic.Today
	}
	return fmt.Sprintf(t.Topic.DayOf, date(s.hour, t.Lang))
}
