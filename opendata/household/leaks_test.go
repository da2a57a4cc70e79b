package household

import (
	"slices"
	"strings"
	"testing"
)

// day4 is a day of four quarter hours in which everybody consumes a thousand
// Wh in each, but for some.
func day4(n int, change map[int]float64) [][]float64 {
	truth := make([][]float64, n)
	for w := range truth {
		v := 1000.0
		if c, ok := change[w]; ok {
			v = c
		}
		truth[w] = []float64{v, v, v, v}
	}
	return truth
}

func people(from, to int) (who []int) {
	for w := from; w < to; w++ {
		who = append(who, w)
	}
	return who
}

// honest is a claim whose sum is true.
func honest(name string, truth [][]float64, who []int, from, to int) claim {
	c := claim{name: name, who: who, from: from, to: to}
	for _, w := range who {
		c.sum += sum(truth[w][from:to])
	}
	c.sum = whole(c.sum)
	return c
}

func without(c claim) claim {
	return claim{name: c.name, who: c.who, from: c.from, to: c.to, hidden: true}
}

// TestAttacker shows that the attacker of the other tests finds what there is
// to find: publications made by hand, each breaking one rule.
func TestAttacker(t *testing.T) {
	even := day4(30, nil)
	bakery := day4(10, map[int]float64{0: 20000})
	two := day4(10, map[int]float64{0: 20000, 1: 20000})
	away := day4(10, map[int]float64{0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0})
	standby := day4(10, map[int]float64{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1})
	chain := day4(26, nil)
	for w := 11; w < 26; w++ {
		chain[w] = slices.Repeat([]float64{map[bool]float64{true: 10, false: 50}[w < 21]}, 4)
	}
	night := day4(10, nil)
	for w := range night {
		night[w][2] = 0
	}
	for name, tc := range map[string]struct {
		truth  [][]float64
		claims []claim
		want   string // a part of a leak; empty: there is none
	}{
		"nothing":            {even, nil, ""},
		"ten by quarter":     {even, []claim{honest("a", even, people(0, 10), 0, 1), honest("b", even, people(0, 10), 1, 2)}, ""},
		"four":               {even, []claim{honest("a", even, people(0, 4), 0, 4)}, "the sum of 4 is known"},
		"a bakery":           {bakery, []claim{honest("a", bakery, people(0, 10), 0, 4)}, "an outsider knows one nearly"},
		"two bakeries":       {two, []claim{honest("a", two, people(0, 10), 0, 4)}, "a member knows another nearly"},
		"all but four away":  {away, []claim{honest("a", away, people(0, 10), 0, 4)}, "nearly the sum of less than k"},
		"they have a clock":  {standby, []claim{honest("a", standby, people(0, 10), 0, 4)}, "nearly the sum of less than k"},
		"a quarter of none":  {night, []claim{honest("a", night, people(0, 10), 2, 3)}, "nobody consumed anything"},
		"none by difference": {night, []claim{honest("a", night, people(0, 10), 0, 3), honest("b", night, people(0, 10), 0, 2)}, "nobody consumed anything"},
		"published again with late readings": {even, []claim{
			honest("a", even, people(0, 10), 0, 4), honest("b", even, people(0, 11), 0, 4)}, "the sum of 1 is known"},
		"the same again":    {even, []claim{honest("a", even, people(0, 10), 0, 4), honest("a", even, people(0, 10), 0, 4)}, ""},
		"corrected":         {even, []claim{honest("a", even, people(0, 10), 0, 4), {name: "a", who: people(0, 10), to: 4, sum: 39000}}, "two numbers"},
		"hours of some":     {even, []claim{honest("day", even, people(0, 10), 0, 4), honest("hour", even, people(0, 9), 0, 1)}, ""},
		"and of the others": {even, []claim{honest("day", even, people(0, 10), 0, 4), honest("h1", even, people(0, 9), 0, 1), honest("h2", even, people(0, 9), 1, 4)}, "the sum of 1 is known"},
		"overlapping groups": {even, []claim{
			honest("a", even, people(0, 10), 0, 4), honest("b", even, people(0, 6), 0, 4)}, "the sum of 4 is known"},
		"a total and four": {even, []claim{
			honest("total", even, people(0, 14), 0, 4), honest("a", even, people(0, 10), 0, 4), without(honest("b", even, people(10, 14), 0, 4))}, "the sum of 4 is known"},
		"a total over quarters": {even, []claim{
			honest("total", even, people(0, 14), 0, 4), honest("a1", even, people(0, 10), 0, 2), honest("a2", even, people(0, 10), 2, 4)}, "the sum of 4 is known"},
		"a total and six, of whom one dominates": {bakery, []claim{
			honest("total", append(bakery, even...), people(0, 20), 0, 4), honest("a", append(bakery, even...), people(10, 20), 0, 4)}, "an outsider knows one nearly"},
		"a total and one suppressed group of six": {even, []claim{
			honest("total", even, people(0, 16), 0, 4), honest("a", even, people(0, 10), 0, 4), without(honest("b", even, people(10, 16), 0, 4))}, "b is suppressed and can be told"},
		"a total and two suppressed groups": {even, []claim{
			honest("total", even, people(0, 16), 0, 4), honest("a", even, people(0, 10), 0, 4),
			without(honest("b", even, people(10, 13), 0, 4)), without(honest("c", even, people(13, 16), 0, 4))}, ""},
		"bounds over a chain of sums": {chain, []claim{
			honest("ab", chain, people(0, 11), 0, 4), honest("bc", chain, people(1, 21), 0, 4), honest("ce", chain, people(11, 26), 0, 4)}, "a bounded class: an outsider knows one nearly"},
	} {
		t.Run(name, func(t *testing.T) {
			truth := tc.truth
			if len(truth) < 20 {
				truth = append(slices.Clone(truth), even...)
			}
			leaks := attack(tc.claims, truth, 5)
			all := strings.Join(leaks, "\n")
			if tc.want == "" && all != "" || !strings.Contains(all, tc.want) {
				t.Errorf("the attacker finds\n%s\nwant %q", all, tc.want)
			}
		})
	}
}
