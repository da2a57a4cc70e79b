package household

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"modellregion/opendata"
)

func TestSafe(t *testing.T) {
	for name, tc := range map[string]struct {
		amounts []float64
		k       int
		want    bool
	}{
		"nobody":                         {nil, 5, false},
		"four":                           {[]float64{1, 1, 1, 1}, 5, false},
		"five":                           {[]float64{1, 1, 1, 1, 1}, 5, true},
		"five where six are wanted":      {[]float64{1, 1, 1, 1, 1}, 6, false},
		"one has half":                   {[]float64{10, 4, 3, 2, 1}, 5, true},
		"one has more":                   {[]float64{10.1, 4, 3, 2, 1}, 5, false},
		"two have 80 %":                  {[]float64{40, 40, 7, 7, 6}, 5, true},
		"two have more":                  {[]float64{40, 40.1, 7, 7, 6}, 5, false},
		"all away":                       {[]float64{0, 0, 0, 0, 0, 0}, 5, false},
		"all but four away":              {[]float64{5, 5, 5, 5, 0, 0, 0, 0, 0}, 5, false},
		"all but four nearly away":       {[]float64{50, 50, 50, 50, 1, 1, 1, 1, 1}, 5, false},
		"all but four with fridges on":   {[]float64{50, 50, 50, 50, 6, 3, 3, 3, 3}, 5, true},
		"less than half a Wh in all":     {[]float64{.09, .09, .09, .09, .09}, 5, false},
		"one of five takes little":       {[]float64{5, 5, 5, 5, 1}, 5, false},
		"one of five takes a quarter":    {[]float64{5, 5, 5, 5, 1.25}, 5, true},
		"twelve alike, twelve are asked": {slices.Repeat([]float64{3}, 12), 12, true},
	} {
		if got := safe(tc.amounts, tc.k); got != tc.want {
			t.Errorf("%s: safe is %t, want %t", name, got, tc.want)
		}
	}
}

// alike returns a group whose members consume the same in every quarter hour.
func alike(id string, n int, change func(member, quarter int) float64) group {
	g := group{id: id, municipality: "paderborn"}
	for m := range n {
		row := make([]float64, 96)
		for i := range row {
			row[i] = 100
			if change != nil {
				row[i] = change(m, i)
			}
		}
		g.members = append(g.members, row)
	}
	return g
}

func TestWindowOfAGroup(t *testing.T) {
	all := []opendata.Window{opendata.Quarter, opendata.Hour, opendata.Day24}
	at := func(quarter int) func(int, int) float64 { // nobody consumes anything in it
		return func(_, i int) float64 {
			if i == quarter {
				return 0
			}
			return 100
		}
	}
	bakery := func(from, to int, v float64) func(int, int) float64 {
		return func(m, i int) float64 {
			if m == 0 && i >= from && i < to {
				return v
			}
			return 100
		}
	}
	for name, tc := range map[string]struct {
		n       int
		change  func(member, quarter int) float64
		k       int
		windows []opendata.Window
		want    opendata.Window // 0: suppressed
	}{
		"4":                         {n: 4, k: 5, want: 0},
		"5":                         {n: 5, k: 5, want: opendata.Day24},
		"9":                         {n: 9, k: 5, want: opendata.Day24},
		"10":                        {n: 10, k: 5, want: opendata.Hour},
		"49":                        {n: 49, k: 5, want: opendata.Hour},
		"50":                        {n: 50, k: 5, want: opendata.Quarter},
		"11 where 12 are wanted":    {n: 11, k: 12, want: 0},
		"12 where 12 are wanted":    {n: 12, k: 12, want: opendata.Hour},
		"50 by hour and day":        {n: 50, k: 5, windows: all[1:], want: opendata.Hour},
		"50 by day":                 {n: 50, k: 5, windows: all[2:], want: opendata.Day24},
		"a quarter hour of nothing": {n: 50, k: 5, change: at(40), want: opendata.Hour},
		"a bakery in one":           {n: 50, k: 5, change: bakery(20, 21, 1e4), want: opendata.Hour},
		"a bakery for an hour":      {n: 50, k: 5, change: bakery(20, 24, 1e4), want: opendata.Day24},
		"a bakery all day":          {n: 50, k: 5, change: bakery(0, 96, 1e4), want: 0},
		"the sun, in a few":         {n: 80, k: 5, change: func(m, i int) float64 { return map[bool]float64{true: 100}[m < 4] }, want: 0},
		"the sun, by day":           {n: 80, k: 5, change: func(m, i int) float64 { return map[bool]float64{true: 100}[m < 60 && i > 30 && i < 70] }, want: opendata.Day24},
		"60 of whom 9 consume":      {n: 60, k: 5, change: func(m, i int) float64 { return map[bool]float64{true: 100}[m < 9] }, want: opendata.Day24},
	} {
		t.Run(name, func(t *testing.T) {
			windows := tc.windows
			if windows == nil {
				windows = all
			}
			g := alike("g-2026", tc.n, tc.change)
			got := rule{k: tc.k, windows: windows}.decide([]group{g}, 96)
			if len(got) != 1 || got[0].station != "g-2026" {
				t.Fatalf("decided %v, want one series of the group", got)
			}
			if tc.want == 0 {
				if got[0].sums != nil || got[0].window != opendata.Day24 {
					t.Errorf("published by %s, want one suppressed day", got[0].window)
				}
				return
			}
			if want := 96 / quartersIn(tc.want, 96); got[0].window != tc.want || len(got[0].sums) != want {
				t.Errorf("%d sums by %s, want %d by %s", len(got[0].sums), got[0].window, want, tc.want)
			}
			if total := sum(g.days()); sum(got[0].sums) != total {
				t.Errorf("sums make %v Wh, want %v", sum(got[0].sums), total)
			}
		})
	}
}

func TestTotals(t *testing.T) {
	big := func(id string, n int) group { // one of them dominates
		return alike(id, n, func(m, _ int) float64 { return map[bool]float64{true: 5000, false: 100}[m == 0] })
	}
	for name, tc := range map[string]struct {
		groups []group
		want   string // series that are published, a total last
	}{
		"all published":                  {[]group{alike("a", 5, nil), alike("b", 7, nil)}, "[a b paderborn]"},
		"the rest is enough":             {[]group{alike("a", 3, nil), alike("b", 7, nil), alike("c", 4, nil)}, "[b paderborn]"},
		"the smallest goes too":          {[]group{alike("a", 3, nil), alike("b", 9, nil), alike("c", 6, nil), alike("d", 60, nil)}, "[b d paderborn]"},
		"two go":                         {[]group{alike("a", 1, func(int, int) float64 { return 700 }), alike("b", 5, nil), alike("c", 6, nil), alike("d", 60, nil)}, "[d paderborn]"},
		"nothing helps":                  {[]group{big("a", 5), alike("b", 6, nil), alike("c", 5, nil)}, "[b c]"},
		"nobody complete in one":         {[]group{alike("a", 0, nil), alike("b", 6, nil)}, "[b paderborn]"},
		"everybody away in one":          {[]group{alike("a", 6, func(int, int) float64 { return 0 }), alike("b", 6, nil), alike("c", 7, nil)}, "[c paderborn]"},
		"four in all":                    {[]group{alike("a", 2, nil), alike("b", 2, nil)}, "[]"},
		"small ones make one":            {[]group{alike("a", 3, nil), alike("b", 3, nil)}, "[paderborn]"},
		"of two municipalities the same": {[]group{alike("a", 5, nil), {id: "b", municipality: "hoexter", members: alike("", 3, nil).members}}, "[a paderborn]"},
	} {
		t.Run(name, func(t *testing.T) {
			decided := rule{k: 5, total: true, windows: []opendata.Window{opendata.Day24}}.decide(tc.groups, 96)
			var shown []string
			for _, s := range decided {
				if s.sums != nil {
					shown = append(shown, s.station)
				}
			}
			if fmt.Sprint(shown) != tc.want {
				t.Errorf("published %v, want %s", shown, tc.want)
			}
			slices.Reverse(tc.groups)
			again := rule{k: 5, total: true, windows: []opendata.Window{opendata.Day24}}.decide(tc.groups, 96)
			if !reflect.DeepEqual(again, decided) {
				t.Error("in another order of groups something else is decided")
			}
		})
	}
}
