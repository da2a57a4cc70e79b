package opendata

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
)

// TestAnyOrderAnyCrash feeds the same readings in random order to an
// aggregator whose every call may fail and that is replaced by a new one now
// and then, and wants the windows, files and last values of a single pass.
func TestAnyOrderAnyCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(60) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			readings := randomReadings(rnd, time.Now().UTC().Truncate(time.Minute))

			start := time.Now().Add(-5 * 24 * time.Hour)
			once := newFake()
			once.cursor = start
			for _, r := range readings {
				once.arrive(r, time.Now())
				time.Sleep(time.Nanosecond) // marks differ
			}
			if err := newTestAggregator(once).Step(t.Context()); err != nil {
				t.Fatal(err)
			}

			f := newFake()
			f.cursor, f.faults = start, rnd
			rnd.Shuffle(len(readings), func(i, j int) { readings[i], readings[j] = readings[j], readings[i] })
			a := newTestAggregator(f)
			for _, r := range readings {
				// A write that was retried lands with an old time of arrival.
				f.arrive(r, time.Now().Add(-time.Duration(rnd.Int64N(int64(Overlap-time.Second)))))
				switch rnd.IntN(10) {
				case 0:
					a = newTestAggregator(f) // killed and started again
				case 1:
					_ = a.Step(t.Context()) // may fail; the next one repeats it
				case 2, 3:
					_ = a.step(t.Context(), false)
				}
				time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			}
			for a.Step(t.Context()) != nil {
				time.Sleep(time.Second)
			}
			if len(once.rows) == 0 || !reflect.DeepEqual(f.rows, once.rows) {
				t.Fatalf("seed %d: %d windows, a single pass gives %d", seed, len(f.rows), len(once.rows))
			}
			if !reflect.DeepEqual(f.files, once.files) {
				t.Fatalf("seed %d: files differ from those of a single pass", seed)
			}
		}
	})
}

func randomReadings(rnd *rand.Rand, now time.Time) []reading {
	var out []reading
	for range 120 {
		r := reading{station: "pb-1", quantity: quantity("vehicle_count"), channel: "lane1", value: float64(rnd.IntN(30))}
		switch rnd.IntN(4) {
		case 0:
			r.quantity, r.channel = quantity("speed_mean"), "lane2"
		case 1:
			r.station, r.quantity, r.channel = "pb-2", quantity("voltage"), "l1"
		}
		r.time = now.Add(-time.Duration(rnd.IntN(50*60)) * time.Minute)
		out = append(out, r)
	}
	return out
}

func TestWhatIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, now := newFake(), time.Now().UTC().Truncate(15*time.Minute)
		for i := range 30 { // two readings a minute where one is expected
			f.arrive(reading{"pb-1", "lane1", quantity("vehicle_count"), now.Add(time.Duration(i) * 30 * time.Second), 2}, time.Now())
		}
		for i := range 5 {
			f.arrive(reading{"pb-2", "l1", quantity("voltage"), now.Add(time.Duration(i) * time.Minute), 230 + float64(i)}, time.Now())
			f.arrive(reading{"pb-2", "l1", quantity("power_active"), now.Add(time.Duration(i) * time.Minute), 1000}, time.Now())
			f.arrive(reading{"pb-9", "", quantity("load"), now, 50}, time.Now()) // not public
		}
		a := newTestAggregator(f)
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(f.rows) != 2 {
			t.Fatalf("published %v, want a count and a voltage", f.rows)
		}
		count := a.cfg.Latest.Rows("verkehr")[0]
		if count.Sum != 60 || count.Coverage != 1 {
			t.Errorf("count has sum %v and coverage %v, want 60 and the cap of 1", count.Sum, count.Coverage)
		}
		voltage := a.cfg.Latest.Rows("energienetz")[0]
		if voltage.Mean != 232 || voltage.Min != 230 || voltage.Max != 234 || voltage.Coverage != 5.0/15 {
			t.Errorf("voltage is %+v, want mean 232, 230 to 234, coverage a third", voltage)
		}
	})
}

func TestRunRetriesAndSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.down = errors.New("database is away")
		f.arrive(reading{"pb-1", "lane1", quantity("vehicle_count"), time.Now(), 7}, time.Now())
		a := newTestAggregator(f)
		var log bytes.Buffer
		a.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()

		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := f.calls["cursor"]; n < 10 || n > 40 {
			t.Errorf("%d attempts in 30 minutes, want about one a minute", n)
		}
		f.mu.Lock()
		f.down = nil
		f.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(f.rows) != 1 || len(f.files) != 1 {
			t.Errorf("%d windows and %d files after the database came back, want 1 and 1", len(f.rows), len(f.files))
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d errors in the log, want 1:\n%s", n, &log)
		}
		if n := strings.Count(log.String(), "works again"); n != 1 {
			t.Errorf("recovery is logged %d times, want once", n)
		}
	})
}

// TestCursorWaitsForFiles shows why a crash loses no file: the cursor stands
// still while days wait to be published.
func TestCursorWaitsForFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := newTestAggregator(f)
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := f.cursor
		time.Sleep(10 * time.Second)
		f.arrive(reading{"pb-1", "lane1", quantity("vehicle_count"), time.Now(), 7}, time.Now())
		if err := a.step(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if len(f.rows) != 1 || len(f.files) != 0 || !f.cursor.Equal(before) {
			t.Fatalf("%d windows, %d files, cursor moved %s; want 1, 0, 0s", len(f.rows), len(f.files), f.cursor.Sub(before))
		}
		b := newTestAggregator(f) // the first was killed
		if err := b.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(f.files) != 1 || !f.cursor.After(before) {
			t.Errorf("%d files, cursor moved %s; want 1 and forward", len(f.files), f.cursor.Sub(before))
		}
		// Nothing new, nothing to do.
		puts := f.calls["put"]
		time.Sleep(10 * time.Second)
		if err := b.Step(t.Context()); err != nil || f.calls["put"] != puts {
			t.Errorf("an idle step: error %v, %d puts", err, f.calls["put"]-puts)
		}
	})
}

func TestLongAbsenceIsReadInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.cursor = time.Now().Add(-10 * 24 * time.Hour)
		for day := range 10 {
			at := f.cursor.Add(time.Duration(day)*24*time.Hour + time.Hour)
			f.arrive(reading{"pb-1", "lane1", quantity("vehicle_count"), at, 1}, at)
		}
		a := newTestAggregator(f)
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.calls["dirty"] != 10 || len(f.rows) != 10 || len(a.handled) > 1 {
			t.Errorf("%d reads, %d windows, %d marks remembered; want 10, 10, at most 1", f.calls["dirty"], len(f.rows), len(a.handled))
		}
	})
}

func TestBatches(t *testing.T) {
	t0 := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	const w = 15 * time.Minute
	many := make([]time.Time, 200)
	for i := range many {
		many[i] = t0.Add(time.Duration(i) * w)
	}
	for name, c := range map[string]struct {
		starts []time.Time
		want   []devices.Span
	}{
		"none":       {nil, nil},
		"neighbours": {[]time.Time{t0, t0.Add(w)}, []devices.Span{{Start: t0, End: t0.Add(2 * w)}}},
		"a gap": {[]time.Time{t0, t0.Add(2 * w)}, []devices.Span{
			{Start: t0, End: t0.Add(w)}, {Start: t0.Add(2 * w), End: t0.Add(3 * w)}}},
		"too many for one query": {many, []devices.Span{
			{Start: t0, End: t0.Add(96 * w)}, {Start: t0.Add(96 * w), End: t0.Add(192 * w)}, {Start: t0.Add(192 * w), End: t0.Add(200 * w)}}},
	} {
		if got := batches(c.starts, w); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMarksTouchWindows(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 45, 0, 0, time.UTC)
	for window, want := range map[time.Duration]int{time.Minute: 15, 15 * time.Minute: 1, time.Hour: 1} {
		a := newTestAggregator(newFake())
		a.cfg.Datasets[0].Windows = []Window{Window(window)}
		mark := devices.DirtyMark{Domain: a.cfg.Datasets[0].Domain, Window: at}
		a.take([]devices.DirtyMark{mark, mark})
		_, ok := a.dirty[0][at.Truncate(window)]
		if len(a.dirty[0]) != want || !ok || len(a.dirty[1]) != 0 {
			t.Errorf("window %s: dirty %v, want %d from %s in the first dataset alone", window, a.dirty, want, at.Truncate(window))
		}
	}
}
