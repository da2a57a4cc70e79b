package household

import (
	"cmp"
	"slices"

	"modellregion/opendata"
)

// rule is what a dataset demands before something of a day is published.
type rule struct {
	k       int               // least number of connection users in a cell, 5 or more
	total   bool              // also the day's sum of each municipality
	windows []opendata.Window // that the dataset has, the shortest first, a day the last
}

// least is the number of connection users from which on a group is published
// by a window.
func (r rule) least(w opendata.Window) int {
	switch w {
	case opendata.Quarter:
		return max(r.k, 50)
	case opendata.Hour:
		return max(r.k, 10)
	default:
		return r.k
	}
}

// quartersIn is the number of quarter hours in a window of a day of some
// quarter hours.
func quartersIn(w opendata.Window, day int) int {
	switch w {
	case opendata.Quarter:
		return 1
	case opendata.Hour:
		return 4
	default:
		return day
	}
}

// group is what the complete connection users of a group counted in a day of
// one quantity. Who has no such register is not among them.
type group struct {
	id           string // published
	municipality string
	members      [][]float64 // Wh, by connection user, then by quarter hour
}

// series is what becomes public of a group or municipality, a day and a
// quantity: the sums of all windows of the day, or that they are suppressed.
type series struct {
	station string
	window  opendata.Window
	sums    []float64 // whole Wh; nil when suppressed
}

// decide says what becomes public of a day of some quarter hours of one
// quantity: one series for each group and, with totals, for each municipality.
// Each household is in one group and each group has one window, so that no
// cell is a part of another but of the total, which protect sees to.
func (r rule) decide(groups []group, quarters int) []series {
	groups = slices.SortedFunc(slices.Values(groups), func(a, b group) int { return cmp.Compare(a.id, b.id) })
	out := make([]series, len(groups))
	byMunicipality := map[string][]int{}
	for i := range groups {
		out[i] = r.one(&groups[i], quarters)
		byMunicipality[groups[i].municipality] = append(byMunicipality[groups[i].municipality], i)
	}
	if !r.total {
		return out
	}
	var totals []series
	for m, members := range byMunicipality {
		totals = append(totals, r.protect(m, groups, members, out))
	}
	slices.SortFunc(totals, func(a, b series) int { return cmp.Compare(a.station, b.station) })
	return append(out, totals...)
}

// one decides about a group alone: the shortest window that it is large enough
// for and in whose every cell everybody is safe, or suppression.
func (r rule) one(g *group, quarters int) series {
	n := 0
	for _, m := range g.members {
		if sum(m) > 0 {
			n++
		}
	}
	for _, w := range r.windows {
		if n < r.least(w) {
			continue
		}
		if sums := r.cells(g, quartersIn(w, quarters), quarters); sums != nil {
			return series{g.id, w, sums}
		}
	}
	return suppressed(g.id)
}

// cells returns the sums of a group over cells of some quarter hours, or nil
// when one of them is not safe.
func (r rule) cells(g *group, length, quarters int) []float64 {
	var sums []float64
	for from := 0; from < quarters; from += length {
		amounts := make([]float64, len(g.members))
		for i, m := range g.members {
			amounts[i] = sum(m[from : from+length])
		}
		if !safe(amounts, r.k) {
			return nil
		}
		sums = append(sums, whole(sum(amounts)))
	}
	return sums
}

// protect decides about the day's sum of a municipality, given its groups and
// what was decided of them. The sum less the published groups is the sum of the
// suppressed ones, so these have to be safe together. While they are not, the
// smallest published group is suppressed with them; when all of that does not
// help, the sum is suppressed and the groups remain as they were.
func (r rule) protect(municipality string, groups []group, members []int, decided []series) series {
	var all, hidden []float64
	var shown []int
	for _, i := range members {
		days := groups[i].days()
		all = append(all, days...)
		if decided[i].sums == nil {
			hidden = append(hidden, days...)
		} else {
			shown = append(shown, i)
		}
	}
	if !safe(all, r.k) {
		return suppressed(municipality)
	}
	slices.SortStableFunc(shown, func(a, b int) int { return cmp.Compare(len(groups[a].members), len(groups[b].members)) })
	taken := 0
	for len(hidden) > 0 && !safe(hidden, r.k) {
		if taken == len(shown) {
			return suppressed(municipality)
		}
		hidden = append(hidden, groups[shown[taken]].days()...)
		taken++
	}
	for _, i := range shown[:taken] {
		decided[i] = suppressed(groups[i].id)
	}
	return series{municipality, opendata.Day24, []float64{whole(sum(all))}}
}

// days returns what each member counted in the whole day, Wh.
func (g *group) days() []float64 {
	out := make([]float64, len(g.members))
	for i, m := range g.members {
		out[i] = sum(m)
	}
	return out
}

func suppressed(station string) series { return series{station: station, window: opendata.Day24} }

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}
