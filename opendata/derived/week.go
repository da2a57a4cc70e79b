package derived

import (
	"maps"
	"slices"
	"time"

	"modellregion/devices"
)

const (
	tenMinutes = 10 * time.Minute
	sevenDays  = 7 * 24 * time.Hour // names the window; a week with a change of summer time has an hour more or less

	// measuredWell is the share of a week's intervals that must be measured for
	// a verdict. Our choice; EN 50160 does not say.
	measuredWell = 0.9

	// firstDay is how many intervals the share outside is taken of at least
	// while a week is running: else the first one outside would be a breach.
	firstDay = int(24 * time.Hour / tenMinutes)
)

// weekly are the quantities that a week tells, each from one that is judged.
var weekly = []struct {
	judged          string
	within, quality string
	inputs          []string
	oneIn           int // of so many intervals one may be outside of the limits
	judge           func(*devices.Aggregate) judgement
}{
	{"voltage", "voltage_within", "voltage_quality", []string{"voltage"}, 20, judgeVoltage},
	{"voltage_unbalance", "voltage_unbalance_within", "voltage_unbalance_quality", []string{"voltage_unbalance", "voltage"}, 20, judgeUnbalance},
	{"frequency", "frequency_within", "frequency_quality", []string{"frequency"}, 200, judgeFrequency},
}

// judgement is what an interval of ten minutes says of the limits of EN 50160.
type judgement struct {
	measured bool
	outside  float64 // share of the interval outside of the limits for most of the time, 0 to 1
	beyond   bool    // outside of the limits for all of the time
}

// judgeVoltage: EN 50160 §4.2.2, low voltage: of the 10-minute means of a week
// 95 % within ±10 % of 230 V, and all within −15 % and +10 %. Means in which
// the supply was interrupted are not judged.
func judgeVoltage(a *devices.Aggregate) judgement {
	j := judgement{measured: !interrupted(a), beyond: a.Mean < 195.5 || a.Mean > 253}
	if a.Mean < 207 || a.Mean > 253 {
		j.outside = 1
	}
	return j
}

// judgeUnbalance: EN 50160 §4.2.4: of the 10-minute means of a week 95 % up to
// 2 %. Some areas have 3 % (§4.2.4, note). There is no limit for all of them.
func judgeUnbalance(a *devices.Aggregate) judgement {
	j := judgement{measured: true}
	if a.Mean > 2 {
		j.outside = 1
	}
	return j
}

// judgeFrequency: EN 50160 §4.2.1, interconnected grid: of the 10-second means
// 99.5 % within 50 Hz ±1 %, of a year, and all within −6 % and +4 %. We judge
// the week, as many instruments do.
//
// Of the 10-second means a row has the number, mean, minimum and maximum. With
// the mean outside the whole interval is. With the mean inside an extreme that
// is not is at least one reading, and no more is certain: this is the least
// share outside. A reading is taken for a 10-second mean where there is nearly
// one for each 10 seconds; else an extreme does not break the limits for all
// of the time, and the mean alone does.
func judgeFrequency(a *devices.Aggregate) judgement {
	const low, high, lowest, highest = 49.5, 50.5, 47, 52
	j := judgement{measured: true, beyond: a.Mean < lowest || a.Mean > highest}
	switch {
	case a.Mean < low || a.Mean > high:
		j.outside = 1
	case extremes(a) && a.Count > 0:
		outside := 0
		if a.Min < low {
			outside++
		}
		if a.Max > high {
			outside++
		}
		j.outside = min(float64(outside)/float64(a.Count), 1)
	}
	nearlyAll := float64(a.Count) >= measuredWell*float64(tenMinutes/(10*time.Second))
	if extremes(a) && nearlyAll && (a.Min < lowest || a.Max > highest) {
		j.beyond = true
	}
	return j
}

// Week returns what want wants of what a week of a station's 10-minute rows
// says of the limits of EN 50160: for each channel that has rows the share
// within the limits that hold for most of the time, in percent of what was
// measured, and the verdict. The rows may be in any order; those of other
// lengths or outside of the span are passed over, and so are intervals that
// are not over at now. Where voltage_unbalance has no row it is derived from
// the rows of voltage.
//
// Count is the number of intervals measured, Coverage their share of all of
// the week's.
func Week(span devices.Span, rows []devices.Aggregate, now time.Time, want func(string) bool) []devices.Aggregate {
	total := int(span.End.Sub(span.Start) / tenMinutes)
	over := !now.Before(span.End)
	elapsed := total
	if !over {
		elapsed = min(int(now.Sub(span.Start)/tenMinutes), total)
	}
	if len(rows) == 0 || elapsed <= 0 {
		return nil
	}
	wk := &week{span: span, total: total, elapsed: elapsed, over: over, intervals: make([][]devices.Aggregate, elapsed)}
	for _, a := range rows {
		since := a.Start.Sub(span.Start)
		if i := int(since / tenMinutes); a.Quantity != nil && a.Window == tenMinutes && since >= 0 && since%tenMinutes == 0 && i < elapsed {
			wk.intervals[i] = append(wk.intervals[i], a)
		}
	}
	var out []devices.Aggregate
	for _, r := range weekly {
		if !want(r.within) && !want(r.quality) {
			continue
		}
		scores := wk.tally(r.judged, r.judge)
		for _, channel := range slices.Sorted(maps.Keys(scores)) {
			s := scores[channel]
			w := window{station: rows[0].Station, start: span.Start, length: sevenDays}
			from := evidence{s.measured, float64(s.measured) / float64(total)}
			if want(r.within) && s.measured > 0 {
				share := 100 * (1 - s.outside/float64(s.measured))
				out = append(out, w.gauge(r.within, channel, from, share, share, share)...)
			}
			if want(r.quality) {
				out = append(out, w.category(r.quality, channel, from, wk.verdict(s, r.oneIn)))
			}
		}
	}
	return out
}

// week is the rows of a week by the interval they are of, as far as it is over.
type week struct {
	span           devices.Span
	total, elapsed int // intervals of the week, and those that are over
	over           bool
	intervals      [][]devices.Aggregate
}

// score sums up judgements.
type score struct {
	measured int
	outside  float64 // intervals, of which some count in part
	beyond   bool
}

// tally judges each interval of each channel with rows of the quantity.
func (wk *week) tally(quantity string, judge func(*devices.Aggregate) judgement) map[string]score {
	scores := map[string]score{}
	for _, rows := range wk.intervals {
		w := &window{rows: rows}
		judged := w.of(quantity)
		if quantity == "voltage_unbalance" && !w.reported(quantity) {
			judged = voltageUnbalance(w)
		}
		for i := range judged {
			a := &judged[i]
			s := scores[a.Channel]
			if j := judge(a); j.measured && a.Coverage >= Enough {
				s = score{s.measured + 1, s.outside + j.outside, s.beyond || j.beyond}
			}
			scores[a.Channel] = s
		}
	}
	return scores
}

// verdict says whether at most one in so many intervals was outside. What a
// gap hides may change a verdict, but not one that what was measured has
// decided: a value beyond what holds for all of the time, or more intervals
// outside than the whole week may have.
func (wk *week) verdict(s score, oneIn int) string {
	may := func(intervals int) bool { return s.outside*float64(oneIn) <= float64(intervals) }
	met, of := "met", s.measured
	missed := "missed"
	if !wk.over {
		met, missed, of = "preliminary_met", "preliminary_missed", max(s.measured, firstDay)
	}
	switch {
	case s.beyond || !may(wk.total):
		return missed
	case float64(s.measured) < measuredWell*float64(wk.elapsed):
		return "unknown"
	case !may(of):
		return missed
	default:
		return met
	}
}
