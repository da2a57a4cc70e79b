package household

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

const lifeDays = 4

// life is a world over some days, with what was true when each was decided.
type life struct {
	*world
	k       int
	days    []opendata.Day
	who     map[opendata.Day]map[string][]int // by published id, homes
	numbers map[string]bool                   // in logs, errors and decisions
	sums    map[float64]bool                  // public
}

// settleAll makes groups of many sizes. Some homes come later, and some leave.
func settleAll(rnd *rand.Rand, w *world, first opendata.Day) {
	begin := first.Span().Start
	for g, n := range []int{1 + rnd.IntN(4), 5 + rnd.IntN(5), 10 + rnd.IntN(12), 84 + rnd.IntN(12), 5 + rnd.IntN(6)}[rnd.IntN(2):] {
		for i := range n {
			h := &home{second: rnd.IntN(6) == 0, solar: rnd.IntN(3) > 0, from: begin}
			h.Household = devices.Household{
				Station: fmt.Sprintf("meter-%d-%d", g, i), Connection: fmt.Sprintf("pseudonym-%d-%d", g, i),
				Group: fmt.Sprintf("group%d", g), Municipality: "paderborn",
			}
			switch rnd.IntN(12) {
			case 0:
				h.from = begin.Add(60 * time.Hour) // after the members are frozen
			case 1:
				h.until = begin.Add(time.Duration(rnd.IntN(120)) * time.Hour)
			}
			w.settle(rnd, h, first, lifeDays+1)
		}
	}
}

// live runs the world's days with restarts and faults, and notes who was
// complete when each day was decided.
func live(t *testing.T, seed uint64) *life {
	rnd := rand.New(rand.NewPCG(seed, 11))
	l := &life{world: newWorld(), k: 5 + rnd.IntN(3), who: map[opendata.Day]map[string][]int{}}
	day := opendata.DayOf(time.Now())
	settleAll(rnd, l.world, day)
	l.faults = rnd
	for range lifeDays {
		l.days = append(l.days, day)
		day = opendata.DayOf(day.Span().End)
	}
	dir := t.TempDir()
	declared := dataset(l.k, seed%2 == 0)
	r := l.release(t, dir, declared)
	var frozen map[string]bool // pseudonyms
	for range 4 * (lifeDays + 6) {
		time.Sleep(6 * time.Hour)
		if rnd.IntN(4) == 0 {
			r = l.release(t, dir, declared) // killed and started again
		}
		for range 1 + rnd.IntN(3) {
			before := l.snapshot(frozen)
			if err := r.Step(t.Context()); err != nil {
				fmt.Fprintln(&l.text, err)
			}
			if m, _ := r.readMembers(2000); frozen == nil && len(m) > 0 {
				frozen = l.present() // groups that were too small then stay out
				before = l.snapshot(frozen)
			}
			for d, who := range before {
				if rec, err := r.load(d); err != nil {
					t.Fatal(err)
				} else if rec != nil && l.who[d] == nil {
					l.who[d] = who
				}
			}
		}
	}
	l.faults = nil
	if err := r.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.checkFolder(t, dir)
	l.numbers, l.sums = map[string]bool{}, map[float64]bool{}
	for _, n := range strings.FieldsFunc(l.text.String(), func(r rune) bool { return r < '0' || r > '9' }) {
		l.numbers[n] = true
	}
	for _, row := range l.puts {
		l.sums[row.Sum] = true
	}
	return l
}

// present returns the pseudonyms of who may be frozen now: those in groups of
// k.
func (l *life) present() map[string]bool {
	groups := map[string]map[string]bool{}
	for _, h := range l.Households() {
		if groups[h.Group] == nil {
			groups[h.Group] = map[string]bool{}
		}
		groups[h.Group][h.Connection] = true
	}
	out := map[string]bool{}
	for _, g := range groups {
		for c := range g {
			out[c] = len(g) >= l.k
		}
	}
	return out
}

// snapshot returns who would be counted if a day were decided now.
func (l *life) snapshot(frozen map[string]bool) map[opendata.Day]map[string][]int {
	out := map[opendata.Day]map[string][]int{}
	for d, day := range l.days {
		out[day] = map[string][]int{}
		for i, h := range l.homes {
			if frozen[h.Connection] && h.complete(day, d) {
				id := h.Group + "-2000"
				out[day][id] = append(out[day][id], i)
				out[day]["paderborn"] = append(out[day]["paderborn"], i)
			}
		}
	}
	return out
}

// checkFolder: only the owner can read, and pseudonyms are with the members
// alone.
func (l *life) checkFolder(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		if e.IsDir() || strings.Contains(path, "/members/") {
			return nil
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "pseudonym") || strings.Contains(string(data), "meter-") {
			t.Errorf("%s tells who is in it", path)
		}
		fmt.Fprintf(&l.text, "%s\n", data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sumOf is what homes truly consumed.
func (l *life) sumOf(who []int, day, quantity, from, to int) (total float64) {
	for _, i := range who {
		total += sum(l.homes[i].truth[day][quantity][from:to])
	}
	return total
}

// claims returns everything that was ever public of a day and a quantity.
func (l *life) claims(t *testing.T, day, quantity int, name string) (claims []claim) {
	span := l.days[day].Span()
	type said struct {
		station string
		window  time.Duration
		start   int64
		sum     float64
	}
	seen := map[said]bool{}
	for _, row := range l.puts {
		id := said{row.Station, row.Window, row.Start.Unix(), row.Sum}
		if row.Quantity.Name != name || !span.Contains(row.Start) || seen[id] {
			continue
		}
		seen[id] = true
		c := claim{name: row.Station, sum: row.Sum, hidden: row.Suppressed, from: int(row.Start.Sub(span.Start) / quarter)}
		c.to = c.from + quartersIn(opendata.Window(row.Window), quarters(l.days[day]))
		for _, i := range l.who[l.days[day]][row.Station] {
			if quantity == 0 || l.homes[i].solar {
				c.who = append(c.who, i)
			}
		}
		truth := l.sumOf(c.who, day, quantity, c.from, c.to)
		if d := truth - row.Sum; !row.Suppressed && max(d, -d) > 0.51 {
			t.Errorf("%s of %s from %s has %v Wh, want %v", name, row.Station, row.Start, row.Sum, truth)
		}
		if row.Suppressed {
			l.checkSuppressed(t, &row, truth)
		}
		claims = append(claims, c)
	}
	return claims
}

// checkSuppressed looks for a suppressed sum in all that was written.
func (l *life) checkSuppressed(t *testing.T, row *devices.Aggregate, truth float64) {
	bare := devices.Aggregate{Station: row.Station, Quantity: row.Quantity, Start: row.Start, Window: row.Window, Suppressed: true}
	if got, _ := json.Marshal(row); string(got) != string(must(json.Marshal(bare))) {
		t.Errorf("a suppressed row says %s", got)
	}
	if truth < 1 {
		return
	}
	if number := fmt.Sprintf("%.0f", truth); l.numbers[number] || l.sums[whole(truth)] {
		t.Errorf("the suppressed sum %s of %s is written somewhere", number, row.Station)
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// TestLives: over whole lives, with late readings, exchanged meters, faults,
// crashes and people who come and go, everything that was ever public is true
// and tells nothing of anybody.
func TestLives(t *testing.T) {
	shown := map[time.Duration]int{}
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			l := live(t, seed)
			for d, day := range l.days {
				if l.who[day] == nil || l.files[day] == 0 {
					t.Fatalf("seed %d: day %s was not decided and published", seed, day)
				}
				for q, name := range []string{"energy_import", "energy_export"} {
					truth := make([][]float64, len(l.homes))
					for i, h := range l.homes {
						truth[i] = h.truth[d][q]
					}
					if leaks := attack(l.claims(t, d, q, name), truth, l.k); len(leaks) > 0 {
						t.Errorf("seed %d, day %s, %s: the attacker finds\n%s", seed, day, name, strings.Join(leaks, "\n"))
					}
				}
			}
			for _, row := range l.puts {
				if !l.days[0].Span().Contains(row.Start) && row.Start.Before(l.days[0].Span().Start) {
					t.Errorf("seed %d: something is public of a day before the first reading: %+v", seed, row)
				}
				if row.Count != 0 || row.Coverage != 0 || row.Min != 0 || row.Max != 0 || row.Mean != 0 || row.Channel != "" {
					t.Errorf("seed %d: a row says more than it may: %+v", seed, row)
				}
				if !row.Suppressed {
					shown[row.Window]++
				}
			}
			public := l.text.String() + string(must(json.Marshal(l.puts)))
			if strings.Contains(public, "pseudonym") || strings.Contains(public, "meter-") {
				t.Errorf("seed %d: who is in it was written outside the private folder", seed)
			}
		})
	}
	if len(shown) != 3 {
		t.Errorf("published %v: the lives do not show every window", shown)
	}
}
