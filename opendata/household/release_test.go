package household

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// village is a world of one group of n steady homes, and its first day.
func village(n int) (*world, opendata.Day) {
	w, rnd, day := newWorld(), rand.New(rand.NewPCG(3, 3)), opendata.DayOf(time.Now())
	for i := range n {
		h := &home{steady: true, from: day.Span().Start, Household: devices.Household{
			Station: fmt.Sprintf("meter-%d", i), Connection: fmt.Sprintf("pseudonym-%d", i), Group: "dorf", Municipality: "hoexter",
		}}
		w.settle(rnd, h, day, 4)
	}
	return w, day
}

// TestWhenADayIsDecided: not before the delay, at once then, and from Run.
func TestWhenADayIsDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.release(t, t.TempDir(), dataset(5, true)).Run(ctx) }()
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)) - time.Second)
		synctest.Wait()
		if rows, _ := w.published(); rows != 0 {
			t.Errorf("%d rows are public before the delay is over", rows)
		}
		time.Sleep(every)
		synctest.Wait()
		if rows, files := w.published(); rows == 0 || files[day] != 1 || len(files) != 1 {
			t.Errorf("%d rows and files of %v after it, want those of %s", rows, files, day)
		}
		time.Sleep(7 * 24 * time.Hour)
		synctest.Wait()
		_, files := w.published()
		for d, n := range files {
			if n != 1 {
				t.Errorf("day %s was published %d times", d, n)
			}
		}
		if len(files) < 4 {
			t.Errorf("files of %v, want four days", files)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		for _, word := range []string{"pseudonym", "meter-", "ERROR"} {
			if strings.Contains(w.text.String(), word) {
				t.Errorf("the log says %s:\n%s", word, w.text.String())
			}
		}
	})
}

// TestDecidedOnce: neither late readings nor another rule change what is
// public, nor does publishing again from the private folder.
func TestDecidedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		late := w.raw["meter-0"]
		delete(w.raw, "meter-0")
		dir := t.TempDir()
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		step := func(k int) {
			t.Helper()
			if err := w.release(t, dir, dataset(k, false)).Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		step(5)
		first := w.sorted()
		if len(first) == 0 || len(w.puts) != len(first) {
			t.Fatalf("%d rows public, %d put", len(first), len(w.puts))
		}
		w.raw["meter-0"] = late
		step(5)
		step(11)
		if len(w.puts) != len(first) {
			t.Error("something was put again")
		}
		// A store that was lost is filled from the decisions.
		if err := os.Remove(filepath.Join(dir, "haushalte", "days", day.String()+".published")); err != nil {
			t.Fatal(err)
		}
		clear(w.rows)
		time.Sleep(2 * 24 * time.Hour)
		step(5)
		again := w.sorted()
		if len(again) <= len(first) {
			t.Fatalf("%d rows public, want those of later days too", len(again))
		}
		for _, row := range first {
			if got := w.rows[key(&row)]; !reflect.DeepEqual(got, row) {
				t.Errorf("row %+v became %+v", row, got)
			}
		}
	})
}

// TestLostFolder: what is public is not decided again with a new folder.
func TestLostFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		dir := t.TempDir()
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		if err := w.release(t, dir, dataset(5, false)).Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := len(w.puts)
		for _, suffix := range []string{".json", ".published"} { // the folder is older than what is public
			if err := os.Remove(filepath.Join(dir, "haushalte", "days", day.String()+suffix)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.release(t, dir, dataset(5, false)).Step(t.Context()); err != nil || len(w.puts) != n {
			t.Errorf("with an old folder %d rows were put (%v)", len(w.puts)-n, err)
		}
		if !strings.Contains(w.text.String(), "left as it is") {
			t.Errorf("the log does not tell:\n%s", w.text.String())
		}
		empty := w.release(t, t.TempDir(), dataset(5, false))
		for range 3 {
			if err := empty.Step(t.Context()); err != nil || len(w.puts) != n {
				t.Errorf("with an empty folder %d rows were put (%v)", len(w.puts)-n, err)
			}
			time.Sleep(24 * time.Hour)
		}
		if got := strings.Count(w.text.String(), "restore the folder"); got != 1 {
			t.Errorf("the log tells %d times of the group, want once:\n%s", got, w.text.String())
		}
	})
}

// TestDamaged: one damaged decision stops neither the others nor says what is
// in it.
func TestDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		dir := t.TempDir()
		r := w.release(t, dir, dataset(5, false))
		if err := os.WriteFile(r.path(day), []byte(`{"v":1,"series":[{"pseudonym-1"`), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay + 24*time.Hour)))
		err := r.Step(t.Context())
		if !errors.Is(err, errRecord) || strings.Contains(err.Error(), "pseudonym") {
			t.Errorf("error %v", err)
		}
		if w.files[opendata.DayOf(day.Span().End)] != 1 {
			t.Error("the next day was not published")
		}
	})
}

func TestRunRetriesAndSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		r := w.release(t, t.TempDir(), dataset(5, false))
		broken := &brokenPublisher{world: w, until: time.Now().Add(time.Hour)}
		r.cfg.Publisher = broken
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		time.Sleep(2 * time.Hour)
		cancel()
		<-done
		if n := strings.Count(w.text.String(), "is tried again"); n != 1 || broken.failed < 10 || w.files[day] != 1 {
			t.Errorf("%d errors logged of %d, published %d times, want 1, 12 and 1", n, broken.failed, w.files[day])
		}
		if n := strings.Count(w.text.String(), "works again"); n != 1 {
			t.Errorf("recovery is logged %d times", n)
		}
	})
}

// brokenPublisher fails for a time.
type brokenPublisher struct {
	*world
	until  time.Time
	failed int
}

func (b *brokenPublisher) Publish(ctx context.Context, d *opendata.Dataset, days []opendata.Day) error {
	if time.Now().Before(b.until) {
		b.failed++
		return errFault
	}
	return b.world.Publish(ctx, d, days)
}

// TestCrashBeforeALongPause: what was decided and not published is published
// when readings of the day are gone.
func TestCrashBeforeALongPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		dir := t.TempDir()
		r := w.release(t, dir, dataset(5, false))
		r.cfg.Publisher = &brokenPublisher{world: w, until: time.Now().Add(retention)}
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		if err := r.Step(t.Context()); !errors.Is(err, errFault) {
			t.Fatalf("error %v", err)
		}
		time.Sleep(3 * retention)
		clear(w.raw)
		if err := w.release(t, dir, dataset(5, false)).Step(t.Context()); err != nil || w.files[day] != 1 || len(w.files) != 1 {
			t.Errorf("files of %v (%v), want those of %s", w.files, err, day)
		}
	})
}

// TestMovedUser: who has moved to another group within a year is in neither,
// and nothing else changes.
func TestMovedUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		dir := t.TempDir()
		r := w.release(t, dir, dataset(5, false))
		next := opendata.DayOf(day.Span().End)
		time.Sleep(time.Until(day.Span().End.Add(opendata.LeastDelay)))
		if err := r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.homes[3].Group = "weiler"
		time.Sleep(24 * time.Hour)
		if err := r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		for d, at := range map[int]opendata.Day{0: day, 1: next} {
			var got, want float64
			for _, row := range w.puts {
				if at.Span().Contains(row.Start) && row.Quantity.Name == "energy_import" {
					got += row.Sum
				}
			}
			for i, h := range w.homes {
				if d == 0 || i != 3 {
					want += sum(h.truth[d][0])
				}
			}
			if diff := got - want; max(diff, -diff) > 13 { // rounded hours
				t.Errorf("day %s has %v Wh, want %v", at, got, want)
			}
		}
	})
}

// TestMembersAreForgotten: pseudonyms go when no day of their year can be
// decided any more.
func TestMembersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, day := village(12)
		r := w.release(t, t.TempDir(), dataset(5, false))
		for _, tc := range []struct {
			at   time.Time
			want int
		}{
			{day.Span().End.Add(opendata.LeastDelay), 1},
			{opendata.Day{Year: day.Year + 1, Month: 1, Day: 5}.Span().Start, 1},
			{opendata.Day{Year: day.Year + 1, Month: 1, Day: 20}.Span().Start, 0},
		} {
			time.Sleep(time.Until(tc.at))
			if err := r.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if known, err := r.readMembers(day.Year); err != nil || len(known) != tc.want {
				t.Errorf("at %s members of %d groups are kept (%v), want %d", tc.at, len(known), err, tc.want)
			}
		}
	})
}
