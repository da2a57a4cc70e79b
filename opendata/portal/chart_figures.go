package portal

import (
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// figures is what a chart comes to, one channel a row.
type figures struct {
	Amount, Category bool // which columns there are
	Rows             []figureRow
	Preliminary      bool // the last window still runs
}

// figureRow is what the windows of a channel come to.
type figureRow struct {
	Channel              string
	Least, LeastAt       string
	Mean                 string // of a category: the most frequent one, with its share
	Greatest, GreatestAt string
	Sum                  string // of an amount
	Coverage             string // share of the readings that were expected
	Gaps                 string // in words; empty: none
}

// figuresOf reckons up rows, which are ordered as by opendata.Compare. An
// amount of a window that still runs is left out.
func figuresOf(a *asked, rows []devices.Aggregate, t *texts, now time.Time) figures {
	f := figures{Amount: amounts(a.q), Category: a.q.Kind == devices.Category}
	for i := 0; i < len(rows); {
		end := i + 1
		for end < len(rows) && rows[end].Channel == rows[i].Channel {
			end++
		}
		one := rows[i:end]
		if a.window.End(one[len(one)-1].Start).After(now) {
			f.Preliminary = true
			if f.Amount {
				one = one[:len(one)-1]
			}
		}
		if len(one) > 0 {
			f.Rows = append(f.Rows, figureOf(a, one, t, now))
		}
		i = end
	}
	return f
}

func figureOf(a *asked, rows []devices.Aggregate, t *texts, now time.Time) figureRow {
	r := figureRow{Channel: channelName(rows[0].Channel, t.Lang)}
	low, high := &rows[0], &rows[0]
	least := func(one *devices.Aggregate) float64 { return one.Value() }
	greatest := least
	if a.q.Kind == devices.Gauge {
		least = func(one *devices.Aggregate) float64 { return one.Min }
		greatest = func(one *devices.Aggregate) float64 { return one.Max }
	}
	sum, weight := 0.0, 0.0
	var often [256]int
	for i := range rows {
		one := &rows[i]
		if least(one) < least(low) {
			low = one
		}
		if greatest(one) > greatest(high) {
			high = one
		}
		w := 1.0
		if a.q.Kind == devices.Gauge && one.Count > 0 {
			w = float64(one.Count) // a mean of means counts each reading once
		}
		sum, weight = sum+w*one.Value(), weight+w
		if code := int(one.Value()); code >= 0 && code < len(often) {
			often[code]++
		}
	}
	if a.q.Kind == devices.Category {
		code := slices.Index(often[:], slices.Max(often[:]))
		r.Mean = value(a.q, float64(code), t.Lang) + " (" + number(100*float64(often[code])/float64(len(rows)), 0, t.Lang) + thin + "%)"
	} else {
		r.Least, r.LeastAt = value(a.q, least(low), t.Lang), windowText(a.window, low.Start, t.Lang)
		r.Greatest, r.GreatestAt = value(a.q, greatest(high), t.Lang), windowText(a.window, high.Start, t.Lang)
		r.Mean = value(a.q, sum/weight, t.Lang)
	}
	if amounts(a.q) {
		r.Sum = value(a.q, sum, t.Lang)
	}
	r.quality(a, rows, t, now)
	return r
}

// quality adds how much of what was expected is there. A window that still runs
// is not missing.
func (r *figureRow) quality(a *asked, rows []devices.Aggregate, t *texts, now time.Time) {
	expected, gaps, at := 0, 0, 0
	covered := 0.0
	var gap, longest devices.Span
	for begin := a.span.Start; begin.Before(a.span.End); begin = a.window.End(begin) {
		end := a.window.End(begin)
		if end.After(now) {
			break
		}
		expected++
		if at < len(rows) && rows[at].Start.Equal(begin) {
			covered += min(rows[at].Coverage, 1)
			at++
			continue
		}
		if gap.End.Equal(begin) {
			gap.End = end
		} else {
			gaps++
			gap = devices.Span{Start: begin, End: end}
		}
		if gap.End.Sub(gap.Start) > longest.End.Sub(longest.Start) {
			longest = gap
		}
	}
	if expected == 0 {
		return
	}
	share := 100 * covered / float64(expected)
	decimals := 0
	if share > 99 && share < 100 { // not complete: 99.6 % is no 100
		decimals, share = 1, min(share, 99.9)
	}
	r.Coverage = number(share, decimals, t.Lang) + thin + "%"
	switch {
	case gaps == 1:
		r.Gaps = fmt.Sprintf(t.Station.OneGap, lasting(longest.End.Sub(longest.Start), t.Lang), instant(longest.Start, t.Lang))
	case gaps > 1:
		r.Gaps = fmt.Sprintf(t.Station.Gaps, gaps, lasting(longest.End.Sub(longest.Start), t.Lang), instant(longest.Start, t.Lang))
	}
}

// lasting prints a length of time: "45 Minuten", "3,5 Stunden", "2 Tage".
func lasting(d time.Duration, lang string) string {
	say := func(n float64, decimals int, one, many opendata.Text) string {
		text := number(n, decimals, lang)
		if text == "1" {
			return text + " " + one.In(lang)
		}
		return text + " " + many.In(lang)
	}
	switch {
	case d < 2*time.Hour:
		return say(d.Minutes(), 0, opendata.Text{De: "Minute", En: "minute"}, opendata.Text{De: "Minuten", En: "minutes"})
	case d < 48*time.Hour:
		decimals := 1
		if d%time.Hour == 0 {
			decimals = 0
		}
		return say(d.Hours(), decimals, opendata.Text{De: "Stunde", En: "hour"}, opendata.Text{De: "Stunden", En: "hours"})
	}
	return say(d.Hours()/24, 0, opendata.Text{De: "Tag", En: "day"}, opendata.Text{De: "Tage", En: "days"})
}
