package household

import (
	"maps"
	"math"
	"slices"
	"testing"
)

// program is the linear program of the attacker: the most (sign 1) or the least
// (sign -1) that some classes can have consumed together, given the equations
// and that nothing is below zero.
func (a *attacker) program(classes map[int]bool, sign float64) float64 {
	column := map[int]int{}
	for _, e := range a.equations {
		for _, c := range slices.Sorted(maps.Keys(e.classes)) {
			if _, ok := column[c]; !ok {
				column[c] = len(column)
			}
		}
	}
	rows := make([][]float64, len(a.equations))
	rhs := make([]float64, len(a.equations))
	for i, e := range a.equations {
		rows[i] = make([]float64, len(column))
		for c := range e.classes {
			rows[i][column[c]] = 1
		}
		rhs[i] = e.sum
	}
	cost := make([]float64, len(column))
	for c := range classes {
		if j, ok := column[c]; ok {
			cost[j] = sign
		}
	}
	return sign * maximize(cost, rows, rhs)
}

// maximize returns the most that cost·x can be with rows·x = rhs, x ≥ 0 and
// rhs ≥ 0, by the simplex method in two phases with Bland's rule. What no
// solution fits exactly, since published sums are rounded, is fitted as well as
// possible in the first phase.
func maximize(cost []float64, rows [][]float64, rhs []float64) float64 {
	m, n := len(rows), len(cost)
	table := make([][]float64, m)
	basis := make([]int, m)
	for i := range rows {
		table[i] = append(append(slices.Clone(rows[i]), make([]float64, m)...), rhs[i])
		table[i][n+i] = 1
		basis[i] = n + i
	}
	first := make([]float64, n+m)
	for j := n; j < n+m; j++ {
		first[j] = -1
	}
	pivot(table, basis, first, n+m)
	// A row whose artificial variable cannot leave says what others say.
	for i := range table {
		for j := 0; j < n && basis[i] >= n; j++ {
			if math.Abs(table[i][j]) > 1e-7 {
				table[i][n+m] = 0
				exchange(table, basis, i, j)
			}
		}
	}
	pivot(table, basis, append(slices.Clone(cost), make([]float64, m)...), n)
	var best float64
	for i, j := range basis {
		if j < n {
			best += cost[j] * table[i][n+m]
		}
	}
	return best
}

// pivot improves the basis until no column below most does.
func pivot(table [][]float64, basis []int, cost []float64, most int) {
	last := len(cost)
	for {
		enter := -1
		for j := 0; j < most && enter < 0; j++ {
			gain := cost[j]
			for i, b := range basis {
				gain -= cost[b] * table[i][j]
			}
			if gain > 1e-7 {
				enter = j
			}
		}
		if enter < 0 {
			return
		}
		leave, least := -1, math.Inf(1)
		for i := range table {
			if table[i][enter] <= 1e-7 {
				continue
			}
			ratio := table[i][last] / table[i][enter]
			if ratio < least-1e-9 || ratio < least+1e-9 && (leave < 0 || basis[i] < basis[leave]) {
				leave, least = i, ratio
			}
		}
		if leave < 0 {
			return // no limit: every class is in a sum, so this does not happen
		}
		exchange(table, basis, leave, enter)
	}
}

func exchange(table [][]float64, basis []int, row, column int) {
	by := table[row][column]
	for j := range table[row] {
		table[row][j] /= by
	}
	for i := range table {
		if f := table[i][column]; i != row && f != 0 {
			for j := range table[i] {
				table[i][j] -= f * table[row][j]
			}
		}
	}
	basis[row] = column
}

func TestMaximize(t *testing.T) {
	for name, tc := range map[string]struct {
		cost []float64
		rows [][]float64
		rhs  []float64
		want float64
	}{
		"one sum":               {[]float64{1, 0}, [][]float64{{1, 1}}, []float64{10}, 10},
		"the least of it":       {[]float64{-1, 0}, [][]float64{{1, 1}}, []float64{10}, 0},
		"a chain":               {[]float64{1, 0, 0, 0}, [][]float64{{1, 1, 0, 0}, {0, 1, 1, 0}, {0, 0, 1, 1}}, []float64{10, 8, 3}, 5},
		"the least of a chain":  {[]float64{-1, 0, 0, 0}, [][]float64{{1, 1, 0, 0}, {0, 1, 1, 0}, {0, 0, 1, 1}}, []float64{10, 8, 3}, -2},
		"a triangle":            {[]float64{1, 0, 0}, [][]float64{{1, 1, 0}, {0, 1, 1}, {1, 0, 1}}, []float64{5, 7, 6}, 2},
		"said twice":            {[]float64{1, 0}, [][]float64{{1, 1}, {1, 1}}, []float64{10, 10}, 10},
		"said twice, rounded":   {[]float64{1, 0}, [][]float64{{1, 1}, {1, 1}}, []float64{10, 10.5}, 10},
		"nothing but the first": {[]float64{0, 1}, [][]float64{{1, 1}, {1, 0}}, []float64{4, 4}, 0},
	} {
		if got := maximize(tc.cost, tc.rows, tc.rhs); math.Abs(got-tc.want) > 0.51 {
			t.Errorf("%s: at most %v, want %v", name, got, tc.want)
		}
	}
}
