package files

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/opendata"
)

// streaming is a fake that can stream.
type streaming struct {
	*fake
	streamed int
}

func (s *streaming) Stream(ctx context.Context, dataset string, w time.Duration, span devices.Span, take func([]devices.Aggregate) error) error {
	s.streamed++
	rows, err := s.Windows(ctx, dataset, w, span, "")
	if err != nil {
		return err
	}
	byStart := map[time.Time][]devices.Aggregate{}
	for _, r := range rows {
		byStart[r.Start] = append(byStart[r.Start], r)
	}
	for _, start := range slices.SortedFunc(func(yield func(time.Time) bool) {
		for start := range byStart {
			if !yield(start) {
				return
			}
		}
	}, time.Time.Compare) {
		part := byStart[start]
		slices.Reverse(part) // any order
		for i := range part {
			if err := take(part[i : i+1]); err != nil {
				return err
			}
		}
		clear(part) // nobody may keep it
	}
	return nil
}

// TestStreamed: what is read as a stream makes the same files, with one look at
// the database for a window of a day.
func TestStreamed(t *testing.T) {
	f := newFake(t)
	files, dir := open(t, f)
	publish(t, files)
	want := told(t, dir)

	s := &streaming{fake: newFake(t)}
	other, dir := open(t, s.fake)
	other.cfg.Reader = s
	publish(t, other)
	if diff := cmp.Diff(want, told(t, dir)); diff != "" {
		t.Error(diff)
	}
	if days, months := 2, 2*5; s.streamed != days+months { // a month by weeks
		t.Errorf("%d looks at the database, want %d", s.streamed, days+months)
	}
	s.err = os.ErrDeadlineExceeded
	if err := other.Publish(t.Context(), &other.cfg.Datasets[0], []opendata.Day{day0}); err == nil {
		t.Error("an error of the stream is lost")
	}
}

// TestLiveLimits: a running day and the latest values of a large region are
// CSV alone; when the day is over, it has what fits. A running day that is far
// too large is not written again before.
func TestLiveLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today := opendata.DayOf(time.Now())
		f := newFake(t)
		for i := range f.rows {
			f.rows[i].Start = time.Now().Truncate(time.Hour).Add(f.rows[i].Start.Sub(t0))
		}
		files, dir := open(t, f)
		files.mostRows = 4 // the latest values have 5, and all limits are it
		formats := func(e *entry) (names []string) {
			for _, file := range e.Files {
				names = append(names, file.Format)
			}
			return names
		}
		publish(t, files, today)
		e, latest := entryOf(t, files, "15m", today), files.sets["alles"].latest
		for _, e := range []*entry{e, latest} {
			if diff := cmp.Diff([]string{"csv"}, formats(e)); diff != "" || len(e.Missing) != 5 {
				t.Errorf("%s has %v and lacks %+v", e.Period, formats(e), e.Missing)
			}
		}
		// Fewer rows than sites and quantities let expect: everything is made.
		if e := entryOf(t, files, "1h", today); len(e.Files) != 6 || len(e.Missing) != 0 {
			t.Errorf("a window of one row has %v and lacks %+v", formats(e), e.Missing)
		}

		time.Sleep(time.Minute)
		f.rows[3].Sum = 43
		publish(t, files, today)
		if e := entryOf(t, files, "15m", today); !e.Last.Equal(e.First) {
			t.Error("a running day that is too large is written again")
		}
		time.Sleep(time.Until(today.Span().End) + grace)
		if err := files.Retract(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := entryOf(t, files, "15m", today); !e.Complete || !slices.Equal(formats(e), []string{"csv", "parquet"}) || e.Rows != 6 {
			t.Errorf("the day that is over is %+v", e)
		}
		if hidden := temporaries(t, dir); len(hidden) > 0 {
			t.Errorf("temporary files are left: %v", hidden)
		}
		if _, err := os.Stat(filepath.Join(dir, "alles", "latest.json")); err == nil {
			t.Error("latest.json is made")
		}
	})
}

// TestLiveRetract: a running day that is too large is written again where a
// station leaves it.
func TestLiveRetract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		for i := range f.rows {
			f.rows[i].Start = time.Now().Truncate(time.Hour)
		}
		files, dir := open(t, f)
		files.mostRows = 4
		publish(t, files, opendata.DayOf(time.Now()))
		f.stations = f.stations[1:]
		if err := files.Retract(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := naming(t, dir, "pb-1"); len(got) != 0 {
			t.Errorf("pb-1 is still named in %v", got)
		}
	})
}

// TestPackersAreUsedAgain: an encoder that was left in the middle of a file
// begins the next one as if it were new.
func TestPackersAreUsedAgain(t *testing.T) {
	files, dir := open(t, newFake(t))
	for _, e := range []effort{thorough, quick} {
		for range 3 {
			o, err := files.create("alles/left.csv", true, e)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.Write(make([]byte, 300_000)); err != nil {
				t.Fatal(err)
			}
			if err := o.abort(); err != nil {
				t.Fatal(err)
			}
			o, err = files.create("alles/whole.csv", true, e)
			if err != nil {
				t.Fatal(err)
			}
			_, err = o.Write([]byte("whole"))
			if err == nil {
				err = o.end(time.Now())
			}
			if err == nil {
				err = syncAll(o)
			}
			if err == nil {
				err = o.place()
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, ending := range []string{"", ".gz", ".zst"} {
				if got := unpack(t, filepath.Join(dir, "alles", "whole.csv"+ending)); got != "whole" {
					t.Errorf("%q in whole.csv%s", got, ending)
				}
			}
		}
	}
}
