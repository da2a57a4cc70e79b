package household

import (
	"cmp"
	"math"
	"slices"
)

const (
	// Dominance, as official statistics judge it (BStatG §16): what one member
	// and what two may have of a cell at most. With them, a member who takes
	// his own part off the sum still misses any other by half or more.
	maxOne = 0.5
	maxTwo = 0.8
)

// safe reports whether the sum of what some connection users consumed, Wh each
// and none negative, may become public as one cell. It may not when
//
//   - there are fewer than k;
//   - it is 0 in whole Wh, for then everybody's is;
//   - one dominates it, or two;
//   - all but k-1 of them together have less than a quarter of a fair share,
//     sum/k: who knows that these are away knows the sum of less than k. So
//     who consumed nothing hides nobody.
func safe(amounts []float64, k int) bool {
	if len(amounts) < k {
		return false
	}
	sorted := slices.SortedFunc(slices.Values(amounts), func(a, b float64) int { return cmp.Compare(b, a) })
	sum, rest := 0.0, 0.0
	for i, v := range sorted {
		sum += v
		if i >= k-1 {
			rest += v
		}
	}
	return whole(sum) > 0 &&
		sorted[0] <= maxOne*sum &&
		sorted[0]+sorted[1] <= maxTwo*sum &&
		rest >= sum/float64(4*k)
}

// whole rounds to whole Wh. More digits would say nothing of the consumption
// and something of when the meters reported.
func whole(wh float64) float64 { return math.Round(wh) }
