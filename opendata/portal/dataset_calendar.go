package portal

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"modellregion/opendata"
)

// calendarView is how complete the days of a year are.
type calendarView struct {
	Months  []calendarMonth
	Mean    string // of all days that are known; empty without any
	Partial string // which stations speak for all; empty: all do
	Unread  bool   // some days have not been read yet
	Empty   bool   // nothing had begun
	Share   string // what the share is of
	Numbers []int  // of the days of a month
}

type calendarMonth struct {
	Name    string // "November 2026"
	Short   string // "Nov. 2026"
	Mean    string // empty: nothing is known
	Days    []calendarDay
	Missing string // how many days have less than they should
}

// calendarDay is drawn as a box that is filled as far as the day is complete.
type calendarDay struct {
	Number    int
	Date      string
	State     string // full, gaps, none, before, unread, running
	Text      string // "97 %", or the words for having none
	Short     string // the sign for having none
	Fill, Top string // of a box of 10, in tenths of its side
	X, Y      int    // column and row, in steps of 12
	CX, CY    int    // of its middle
	Cross     string // path of a cross in it
}

// fullDay is the share from which a day counts as complete.
const fullDay = 0.95

func (p *portal) calendar(ctx context.Context, d *opendata.Dataset, t *texts) calendarView {
	now := time.Now()
	days, sample := p.coverageDays(ctx, d, now)
	v := calendarView{Empty: true, Share: t.Dataset.CoverageShare}
	if d.Households != nil {
		v.Share = t.Dataset.CoverageTold
	}
	if sample > 0 {
		v.Partial = fmt.Sprintf(t.Dataset.CoverageSample, number(float64(sample), 0, t.Lang))
	}
	today := opendata.DayOf(now)
	days = fromBegin(days)
	sum, known := 0.0, 0
	for len(days) > 0 {
		n := slices.IndexFunc(days, func(c dayCoverage) bool { return c.Day.Month != days[0].Day.Month })
		if n < 0 {
			n = len(days)
		}
		m, monthSum, monthKnown := t.calendarMonth(days[:n], today)
		sum, known = sum+monthSum, known+monthKnown
		for _, one := range days[:n] {
			v.Unread = v.Unread || !one.Known
			v.Empty = v.Empty && !one.Begun
		}
		v.Months = append(v.Months, m)
		for len(v.Numbers) < n {
			v.Numbers = append(v.Numbers, len(v.Numbers)+1)
		}
		days = days[n:]
	}
	v.Empty = v.Empty && !v.Unread
	if known > 0 {
		v.Mean = percent(sum/float64(known), t.Lang)
	}
	return v
}

// fromBegin leaves out the months before the first in which something was
// measured or that nobody has read yet.
func fromBegin(days []dayCoverage) []dayCoverage {
	first := slices.IndexFunc(days, func(c dayCoverage) bool { return c.Begun || !c.Known })
	if first < 0 {
		return days
	}
	return days[first+1-days[first].Day.Day:]
}

// calendarMonth draws a month: a column for each day of the week, Monday first.
func (t *texts) calendarMonth(days []dayCoverage, today opendata.Day) (m calendarMonth, sum float64, known int) {
	first := days[0].Day
	m.Name = monthName(first.Month, t.Lang) + " " + strconv.Itoa(first.Year)
	m.Short = shortMonth(first.Month, t.Lang) + " " + strconv.Itoa(first.Year)
	offset := (int(time.Date(first.Year, first.Month, first.Day, 12, 0, 0, 0, time.UTC).Weekday()) + 6) % 7
	late := 0
	for i, one := range days {
		at := offset + i
		c := calendarDay{Number: one.Day.Day, Date: date(one.Day.Span().Start, t.Lang), X: at % 7 * 12, Y: at / 7 * 12}
		c.CX, c.CY = c.X+5, c.Y+5
		switch {
		case one.Day == today:
			c.State, c.Short, c.Text = "running", "…", t.Dataset.Running
		case !one.Known:
			c.State, c.Short, c.Text = "unread", "?", t.Dataset.CoverageUnread
		case !one.Begun:
			c.State, c.Short, c.Text = "before", "·", t.Dataset.CoverageBefore
		case one.Share <= 0:
			c.State, c.Short, c.Text = "none", "0", t.Dataset.CoverageNone
			c.Cross = fmt.Sprintf("M%d.5 %d.5l5 5m0-5l-5 5", c.X+2, c.Y+2)
		case one.Share < fullDay:
			c.State = "gaps"
		default:
			c.State = "full"
		}
		if c.State == "gaps" || c.State == "full" || c.State == "none" {
			sum, known = sum+one.Share, known+1
			if c.Text == "" {
				c.Text = percent(one.Share, t.Lang)
			}
			if c.State != "full" {
				late++
			}
		}
		if c.State == "gaps" || c.State == "full" {
			fill := one.Share * 10
			c.Fill, c.Top = strconv.FormatFloat(fill, 'f', 1, 64), strconv.FormatFloat(float64(c.Y)+10-fill, 'f', 1, 64)
		}
		m.Days = append(m.Days, c)
	}
	if known > 0 {
		m.Mean, m.Missing = percent(sum/float64(known), t.Lang), number(float64(late), 0, t.Lang)
	}
	return m, sum, known
}

// shortMonth is the name of a month where there is little room.
func shortMonth(m time.Month, lang string) string {
	name := []rune(monthName(m, lang))
	if len(name) <= 4 { // Mai, März, Juni, Juli
		return string(name)
	}
	return string(name[:3]) + opendata.Text{De: "."}.In(lang)
}

// percent prints a share, and 100 only for what is whole.
func percent(share float64, lang string) string {
	v := share * 100
	if v > 99 && v < 100 {
		v = 99
	}
	return number(v, 0, lang) + thin + "%"
}
