package household

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What an attacker may not get: a limit to what one consumed that is so many
// times what he did. The rules promise 2 to an outsider and 1.5 to the largest
// other member, who takes his own part off.
const outsider, member = 1.95, 1.45

// claim is something public about a day and a quantity, with what the worst
// attacker knows of it beside: exactly who is in the sum.
type claim struct {
	name     string
	who      []int // connection users
	from, to int   // quarter hours of the day, [from, to)
	sum      float64
	hidden   bool // suppressed: there is no sum
}

// attack returns what an attacker can tell from the claims. He knows everything
// public, who is in each sum and that nobody consumes less than nothing; truth
// is what each connection user consumed in each quarter hour, Wh, by which his
// success is measured.
//
// He sees a linear system over unknowns (connection user, quarter hour).
// Unknowns that are in the same sums are told apart by nothing: they are one
// class, and all that can be told is sums of classes.
func attack(claims []claim, truth [][]float64, k int) []string {
	a := newAttacker(claims, truth)
	a.k = k
	a.solve()
	a.judgeKnown()
	a.judgeBounds()
	a.judgeHidden(claims)
	slices.Sort(a.leaks)
	return slices.Compact(a.leaks)
}

// class is the unknowns that are in the same sums.
type class struct {
	who map[int]float64 // truth by connection user, Wh
}

// equation says that some classes consumed sum, give or take slack, Wh.
type equation struct {
	name       string
	classes    map[int]bool
	sum, slack float64
}

type attacker struct {
	k         int
	classes   []class
	of        map[[2]int]int // class by connection user and quarter hour
	known     map[int]float64
	equations []equation // between classes that are not known
	leaks     []string
}

func (a *attacker) leak(format string, args ...any) {
	a.leaks = append(a.leaks, fmt.Sprintf(format, args...))
}

func newAttacker(claims []claim, truth [][]float64) *attacker {
	a := &attacker{of: map[[2]int]int{}, known: map[int]float64{}}
	of := make([][]int, len(truth)) // claims by connection user
	for i, c := range claims {
		if c.hidden {
			continue
		}
		for _, w := range c.who {
			of[w] = append(of[w], i)
		}
	}
	byPattern := map[string]int{}
	in := make([]map[int]bool, len(claims))
	for w, amounts := range truth {
		for t, v := range amounts {
			var pattern []byte
			for _, i := range of[w] {
				if claims[i].from <= t && t < claims[i].to {
					pattern = fmt.Appendf(pattern, "%d ", i)
				}
			}
			if pattern == nil {
				continue
			}
			id, ok := byPattern[string(pattern)]
			if !ok {
				id = len(a.classes)
				byPattern[string(pattern)] = id
				a.classes = append(a.classes, class{map[int]float64{}})
				for _, i := range of[w] {
					if claims[i].from <= t && t < claims[i].to {
						if in[i] == nil {
							in[i] = map[int]bool{}
						}
						in[i][id] = true
					}
				}
			}
			a.classes[id].who[w] += v
			a.of[[2]int{w, t}] = id
		}
	}
	for i, c := range claims {
		if !c.hidden {
			a.equations = append(a.equations, equation{c.name, in[i], c.sum, 0.5})
		}
	}
	return a
}

// solve takes known classes out of equations and equations out of each other
// until nothing changes.
func (a *attacker) solve() {
	for again := true; again; {
		again = false
		var left []equation
		seen := map[string]float64{}
		for _, e := range a.equations {
			e.classes = maps.Clone(e.classes)
			for c := range e.classes {
				if v, ok := a.known[c]; ok {
					delete(e.classes, c)
					e.sum, e.slack = e.sum-v, e.slack+0.5
				}
			}
			key := fmt.Sprint(slices.Sorted(maps.Keys(e.classes)))
			if old, ok := seen[key]; ok {
				if d := e.sum - old; max(d, -d) > e.slack+0.5 {
					a.leak("%s is public with two numbers", e.name)
				}
				continue
			}
			switch {
			case len(e.classes) == 0:
				if max(e.sum, -e.sum) > e.slack {
					a.leak("%s is public with two numbers", e.name)
				}
				again = true
				continue
			case len(e.classes) == 1 || e.sum <= e.slack: // a sum, or nothing for all
				for c := range e.classes {
					a.known[c] = max(0, e.sum)
				}
				again = true
				continue
			}
			seen[key] = e.sum
			left = append(left, e)
		}
		a.equations = left
		again = a.subtract() || again
	}
}

// subtract takes an equation whose classes are all in another out of that one.
func (a *attacker) subtract() bool {
	for i := range a.equations {
		for j := range a.equations {
			small, large := &a.equations[i], &a.equations[j]
			if i == j || len(small.classes) >= len(large.classes) {
				continue
			}
			within := true
			for c := range small.classes {
				within = within && large.classes[c]
			}
			if !within {
				continue
			}
			for c := range small.classes {
				delete(large.classes, c)
			}
			large.name += " - " + small.name
			large.sum, large.slack = large.sum-small.sum, large.slack+small.slack
			return true
		}
	}
	return false
}

// judgeKnown looks at each sum that is determined.
func (a *attacker) judgeKnown() {
	for c, v := range a.known {
		a.judge("a class", map[int]bool{c: true}, v)
	}
	for _, e := range a.equations {
		a.judge(e.name, e.classes, e.sum)
	}
}

// judge says what the sum of some classes tells when it is known: of one
// connection user to an outsider and to each other member, and of less than k.
func (a *attacker) judge(name string, classes map[int]bool, value float64) {
	who := map[int]float64{}
	for c := range classes {
		for w, v := range a.classes[c].who {
			who[w] += v
		}
	}
	amounts := slices.SortedFunc(maps.Values(who), func(x, y float64) int { return cmp.Compare(y, x) })
	var top float64
	for _, v := range amounts[:min(len(amounts), a.k-1)] {
		top += v
	}
	switch {
	case value < 0.5:
		a.leak("%s: nobody consumed anything", name)
	case len(amounts) < a.k:
		a.leak("%s: the sum of %d is known", name, len(amounts))
	case top > value*(1-1/float64(4*a.k))+1:
		a.leak("%s: it is nearly the sum of less than k", name)
	}
	if value+0.5 <= outsider*amounts[0] {
		a.leak("%s: an outsider knows one nearly", name)
	}
	if len(amounts) > 1 && value+0.5-amounts[0] <= member*amounts[1] {
		a.leak("%s: a member knows another nearly", name)
	}
}

// judgeBounds looks at classes that are not determined, and yet within limits.
func (a *attacker) judgeBounds() {
	for c := range a.classes {
		if _, ok := a.known[c]; ok {
			continue
		}
		low, high := a.bounds(map[int]bool{c: true})
		if high-low <= 0.1*high {
			a.judge("a bounded class", map[int]bool{c: true}, high)
		}
		for _, v := range a.classes[c].who {
			if high+0.5 <= outsider*v {
				a.leak("a bounded class: an outsider knows one nearly")
			}
		}
	}
}

// judgeHidden looks whether a suppressed sum can be told.
func (a *attacker) judgeHidden(claims []claim) {
	for _, h := range claims {
		if !h.hidden || len(h.who) == 0 {
			continue
		}
		members := map[int]bool{}
		for _, w := range h.who {
			members[w] = true
		}
		within, touching := map[int]bool{}, map[int]bool{}
		missing := false
		for _, w := range h.who {
			for t := h.from; t < h.to; t++ {
				c, ok := a.of[[2]int{w, t}]
				missing = missing || !ok
				if !ok {
					continue
				}
				touching[c] = true
				alone := true
				for other := range a.classes[c].who {
					alone = alone && members[other]
				}
				if alone {
					within[c] = true
				}
			}
		}
		if missing { // there is no limit to what nothing is said of
			continue
		}
		low, _ := a.bounds(within)
		_, high := a.bounds(touching)
		if high-low <= 0.1*high {
			a.leak("%s is suppressed and can be told", h.name)
		}
	}
}

// bounds returns the least and the most that some classes can have consumed
// together.
func (a *attacker) bounds(classes map[int]bool) (low, high float64) {
	var base float64
	unknown := map[int]bool{}
	for c := range classes {
		if v, ok := a.known[c]; ok {
			base += v
		} else {
			unknown[c] = true
		}
	}
	if len(unknown) == 0 {
		return base, base
	}
	return base + a.program(unknown, -1), base + a.program(unknown, 1)
}

// kinds counts leaks by what they say, for messages.
func kinds(leaks []string) string {
	seen := map[string]bool{}
	for _, l := range leaks {
		seen[l[strings.LastIndex(l, ":")+1:]] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), ";")
}
