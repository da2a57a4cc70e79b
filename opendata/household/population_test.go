package household

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// population is the groups of a municipality on a day of 8 hours, and what the
// attacker's success is measured by.
type population struct {
	groups []group
	truth  [][]float64
	who    map[string][]int // by published id
}

const testDay = 32 // quarter hours

// draw makes groups: tenants who are away or have but a clock on, a bakery or
// two in some, a quantity that most have none of at night.
func draw(rnd *rand.Rand) population {
	p := population{who: map[string][]int{}}
	for g := range 1 + rnd.IntN(4) {
		id := fmt.Sprintf("g%d-2026", g)
		n := 1 + rnd.IntN(8)
		switch rnd.IntN(4) {
		case 0:
			n = 1 + rnd.IntN(80)
		case 1:
			n = 4 + rnd.IntN(4)
		}
		away, night := rnd.Float64()*rnd.Float64(), rnd.IntN(4) == 0
		if rnd.IntN(8) == 0 {
			away = 1
		}
		large, size := rnd.IntN(3)*rnd.IntN(2), 0.3+4*rnd.Float64()
		gr := group{id: id, municipality: "paderborn"}
		for m := range n {
			row := make([]float64, testDay)
			scale := math.Exp(rnd.NormFloat64() * 0.5)
			switch {
			case rnd.Float64() < away:
				scale = []float64{0, 0, 0.001}[rnd.IntN(3)]
			case m < large:
				scale = float64(n) * size * (0.95 + 0.1*rnd.Float64())
			}
			for t := range row {
				row[t] = 120 * scale * math.Exp(rnd.NormFloat64()*0.3)
				if night && t < 6 {
					row[t] = 0
				}
			}
			gr.members = append(gr.members, row)
			p.who[id] = append(p.who[id], len(p.truth))
			p.who["paderborn"] = append(p.who["paderborn"], len(p.truth))
			p.truth = append(p.truth, row)
		}
		p.groups = append(p.groups, gr)
	}
	return p
}

// claims is what the public sees of cells.
func (p population) claims(cells []cell) (claims []claim) {
	for _, c := range cells {
		claims = append(claims, claim{c.station, p.who[c.station], c.from, c.to, c.sum, c.sum == 0})
	}
	return claims
}

// TestNobodyIsTold: of many populations nothing can be told, and what is
// decided is what the rules say when they are written twice.
func TestNobodyIsTold(t *testing.T) {
	published, totals := map[int]int{}, 0
	for seed := range uint64(600) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		p := draw(rnd)
		k, total := 5+rnd.IntN(8), seed%2 == 0
		cells := sortCells(cellsOf(rules(k, total).decide(p.groups, testDay), testDay))
		if want := sortCells(sketch{k: k, total: total}.decide(p.groups, testDay)); !slices.Equal(cells, want) {
			t.Fatalf("seed %d: decided\n%v\nthe rules say\n%v", seed, cells, want)
		}
		if leaks := attack(p.claims(cells), p.truth, k); len(leaks) > 0 {
			t.Fatalf("seed %d, k %d: the attacker finds\n%s", seed, k, strings.Join(leaks, "\n"))
		}
		for _, c := range cells {
			switch {
			case c.sum > 0 && c.station == "paderborn":
				totals++
			case c.sum > 0:
				published[c.to-c.from]++
			}
		}
	}
	if published[1] == 0 || published[4] == 0 || published[testDay] == 0 || totals == 0 {
		t.Errorf("published %v and %d totals: the populations do not show every case", published, totals)
	}
}

// TestFlawsAreFound: what breaks one rule lets the attacker tell something.
func TestFlawsAreFound(t *testing.T) {
	for _, f := range flaws() {
		t.Run(string(f), func(t *testing.T) {
			for seed := range uint64(600) {
				rnd := rand.New(rand.NewPCG(seed, 7))
				p := draw(rnd)
				k := 5 + rnd.IntN(8)
				s := sketch{k: k, total: seed%2 == 0, flaw: f}
				if leaks := attack(p.claims(sanitize(s.decide(p.groups, testDay), f)), p.truth, k); len(leaks) > 0 {
					t.Logf("seed %d: %s", seed, kinds(leaks))
					return
				}
			}
			t.Error("the attacker finds nothing")
		})
	}
}

// sanitize keeps sums of zero apart from suppression where a flaw publishes
// them.
func sanitize(cells []cell, f flaw) []cell {
	if f == zeros {
		for i := range cells {
			if cells[i].to-cells[i].from < testDay && cells[i].sum == 0 {
				cells[i].sum = 1e-9
			}
		}
	}
	return cells
}
