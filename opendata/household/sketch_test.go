package household

import (
	"cmp"
	"slices"

	"modellregion/opendata"
)

// flaw is a rule that a sketch does not follow.
type flaw string

const (
	none         flaw = ""
	fewer        flaw = "groups of k-1"
	oneDominates flaw = "one may have 90 %"
	twoDominate  flaw = "two may have 95 %"
	absent       flaw = "who consumes nothing counts"
	zeros        flaw = "a cell may be zero"
	someCells    flaw = "cells that are safe, and the day"
	looseTotal   flaw = "a total whatever the rest"
	countedTotal flaw = "a total when the rest is k"
	wholeRest    flaw = "of a suppressed group the total is safe"
)

func flaws() []flaw {
	return []flaw{fewer, oneDominates, twoDominate, absent, zeros, someCells, looseTotal, countedTotal, wholeRest}
}

// sketch is the rules written a second time, slowly and from their text: what
// rule.decide is compared with and, with a flaw, what the attacker has to find.
type sketch struct {
	k     int
	total bool
	flaw  flaw
}

// cell is one sum that a sketch publishes.
type cell struct {
	station  string
	from, to int
	sum      float64 // 0: suppressed
}

func (s sketch) fine(amounts []float64) bool {
	var n, all, first, second float64
	k := s.k
	if s.flaw == fewer {
		k--
	}
	for _, v := range amounts {
		all += v
		n++
		if v > first {
			first, second = v, first
		} else if v > second {
			second = v
		}
	}
	one, two := 0.5, 0.8
	if s.flaw == oneDominates {
		one, two = 0.9, 1
	}
	if s.flaw == twoDominate {
		two = 0.95
	}
	if n < float64(k) || first > one*all || first+second > two*all {
		return false
	}
	if whole(all) == 0 {
		return s.flaw == zeros
	}
	// Any k-1 leave a quarter of a fair share; the largest leave the least.
	down := slices.Clone(amounts)
	slices.SortFunc(down, func(a, b float64) int { return cmp.Compare(b, a) })
	return s.flaw == absent || sum(down[k-1:])*float64(4*k) >= all
}

// alone returns the cells of a group by itself, nil when it is suppressed.
func (s sketch) alone(g group, quarters int) []cell {
	users := 0
	for _, m := range g.members {
		if sum(m) > 0 {
			users++
		}
	}
	length := quarters
	if users >= 10 || s.flaw == zeros {
		length = 4
	}
	if users >= 50 {
		length = 1
	}
	for ; ; length = map[int]int{1: 4, 4: quarters}[length] {
		if length == 0 {
			return nil
		}
		var cells []cell
		all := true
		for from := 0; from < quarters; from += length {
			var amounts []float64
			for _, m := range g.members {
				amounts = append(amounts, sum(m[from:from+length]))
			}
			if s.fine(amounts) {
				cells = append(cells, cell{g.id, from, from + length, whole(sum(amounts))})
			} else {
				all = false
			}
		}
		switch {
		case all:
			return cells
		case s.flaw == someCells && len(cells) > 0 && s.fine(g.days()):
			return append(cells, cell{g.id, 0, quarters, whole(sum(g.days()))})
		}
	}
}

func (s sketch) decide(groups []group, quarters int) []cell {
	cells := map[string][]cell{}
	municipalities := map[string][]group{}
	for _, g := range groups {
		cells[g.id] = s.alone(g, quarters)
		municipalities[g.municipality] = append(municipalities[g.municipality], g)
	}
	var out []cell
	for m, list := range municipalities {
		if !s.total {
			break
		}
		t := s.protect(m, list, cells)
		t.to = quarters
		out = append(out, t)
	}
	for _, g := range groups {
		if cells[g.id] == nil {
			cells[g.id] = []cell{{g.id, 0, quarters, 0}}
		}
		out = append(out, cells[g.id]...)
	}
	return out
}

// protect returns the total of a municipality and takes cells away for it.
func (s sketch) protect(m string, list []group, cells map[string][]cell) cell {
	slices.SortFunc(list, func(a, b group) int {
		return cmp.Or(cmp.Compare(len(a.members), len(b.members)), cmp.Compare(a.id, b.id))
	})
	var all []float64
	for _, g := range list {
		all = append(all, g.days()...)
	}
	if !s.fine(all) {
		return cell{station: m}
	}
	for taken := 0; ; taken++ {
		var rest []float64
		shown := 0
		var away []string
		for _, g := range list {
			if cells[g.id] != nil {
				shown++
			}
			if cells[g.id] == nil || shown <= taken {
				rest, away = append(rest, g.days()...), append(away, g.id)
			}
		}
		if len(rest) == 0 || s.flaw == looseTotal || s.flaw == countedTotal && len(rest) >= s.k || s.fine(rest) || s.flaw == wholeRest && len(rest) > 2 {
			for _, id := range away {
				cells[id] = nil
			}
			return cell{station: m, sum: whole(sum(all))}
		}
		if taken >= shown {
			return cell{station: m}
		}
	}
}

// cellsOf returns what the rules publish as the sketch does.
func cellsOf(decided []series, quarters int) (out []cell) {
	for _, s := range decided {
		if s.sums == nil {
			out = append(out, cell{s.station, 0, quarters, 0})
		}
		n := quartersIn(s.window, quarters)
		for i, v := range s.sums {
			out = append(out, cell{s.station, i * n, (i + 1) * n, v})
		}
	}
	return out
}

func sortCells(cells []cell) []cell {
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.station, b.station), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	return cells
}

func rules(k int, total bool) rule {
	return rule{k: k, total: total, windows: []opendata.Window{opendata.Quarter, opendata.Hour, opendata.Day24}}
}
