package opendata

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// sleepUntil lets the clock of a bubble go on.
func sleepUntil(t time.Time) { time.Sleep(time.Until(t)) }

func counted(station string, at time.Time, n float64) reading {
	return reading{station, "lane1", quantity("vehicle_count"), at, n}
}

// TestDay follows a dataset over midnight: the day's window and its last file
// come when it is over, and late readings have it computed again, not too
// often.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		today := DayOf(time.Now())
		end := today.Span().End
		sleepUntil(end.Add(-time.Hour))
		a := newTestAggregator(f)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()

		arrive := func(n float64, at time.Time) {
			f.arrive(counted("pb-1", at, n), time.Now())
		}
		arrive(3, end.Add(-50*time.Minute))
		sleepUntil(end.Add(4 * time.Minute))
		synctest.Wait()
		if got := f.only(Day24); len(got) != 0 {
			t.Fatalf("a day that is not settled has %+v", got)
		}
		f.mu.Lock()
		f.days = nil
		f.mu.Unlock()
		sleepUntil(end.Add(7 * time.Minute))
		synctest.Wait()
		if got := f.only(Day24); len(got) != 1 || got[0].Sum != 3 || !got[0].Start.Equal(today.Span().Start) || got[0].Coverage != 1.0/1440 {
			t.Fatalf("a day that is over has %+v", got)
		}
		if !slices.Contains(f.days, "verkehr/"+today.String()) {
			t.Errorf("its files are not written once more, only %v", f.days)
		}
		// Late readings: the quarter hour at once, the day after a while.
		reads := func() (n int) {
			for _, s := range f.spans {
				if s.End.Sub(s.Start) >= 23*time.Hour {
					n++
				}
			}
			return n
		}
		before := reads()
		for i := range 60 {
			arrive(1, end.Add(-time.Duration(i)*time.Minute))
			time.Sleep(30 * time.Second)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		// The one at the end belongs to the next day.
		if got := f.only(Day24); len(got) != 1 || got[0].Sum != 3+59 {
			t.Errorf("the day has %+v after late readings, want a sum of 62", got)
		}
		if n := reads() - before; n > 4 {
			t.Errorf("the day is computed %d times in 50 minutes of late readings", n)
		}
		if !f.cursor.After(end.Add(40 * time.Minute)) {
			t.Errorf("the cursor is at %s, %s after midnight", f.cursor, f.cursor.Sub(end))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestFilesTakeAFewPercent: the files of the running day are written the less
// often the longer they take, those of a day that is over at once.
func TestFilesTakeAFewPercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.slow = 30 * time.Second
		sleepUntil(DayOf(time.Now()).Span().End.Add(3 * time.Hour))
		a := newTestAggregator(f)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		today := "verkehr/" + DayOf(time.Now()).String()
		yesterday := time.Now().AddDate(0, 0, -1)
		for range 4 * 60 {
			f.arrive(counted("pb-1", time.Now(), 1), time.Now())
			time.Sleep(30 * time.Second)
		}
		f.arrive(counted("pb-1", yesterday, 1), time.Now())
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		n := 0
		for _, day := range f.days {
			if day == today {
				n++
			}
		}
		if n < 8 || n > 14 {
			t.Errorf("files that take 30 s are written %d times in two hours, want about 12", n)
		}
		if !slices.Contains(f.days, "verkehr/"+DayOf(yesterday).String()) {
			t.Error("those of a day that is over are not written")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestCursorMovesUnderLoad: with new readings at every step there is never a
// moment without work, and the cursor follows all the same.
func TestCursorMovesUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.slow = 10 * time.Second
		sleepUntil(DayOf(time.Now()).Span().End.Add(3 * time.Hour))
		a := newTestAggregator(f)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		for i := range 60 * 12 {
			f.arrive(counted("pb-1", time.Now(), 1), time.Now())
			f.arrive(counted("pb-1", time.Now().Add(-time.Duration(20+i%5)*time.Hour), 1), time.Now())
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		f.mu.Lock()
		behind := time.Since(f.cursor)
		f.mu.Unlock()
		if behind > 25*time.Minute {
			t.Errorf("the cursor is %s behind", behind)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestNothingLeaks: what is not public, what is of a household, and datasets
// of households leave nothing in bucket open.
func TestNothingLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		datasets := append(everyKind(), Defaults()[5])
		now := time.Now()
		for i := range 10 {
			// A household meter is no station of Directory.Stations, whatever
			// its readings look like.
			for _, r := range []reading{
				{"haushalt-1", "", quantity("energy_import"), now, float64(1000 + i)},
				{"haushalt-1", "", quantity("voltage"), now, 230},
				{"haushalt-1", "lane1", quantity("vehicle_count"), now, 3},
			} {
				r.time = now.Add(time.Duration(i) * time.Minute)
				f.arrive(r, time.Now())
			}
			time.Sleep(time.Second)
		}
		a := newAggregatorOf(f, datasets)
		for range 3 {
			if err := a.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(25 * time.Hour)
		}
		if len(f.rows) != 0 || len(f.days) != 0 {
			t.Errorf("stored %v, published %v", f.rows, f.days)
		}
		// A public meter is not in the dataset of households either.
		f.arrive(reading{"pb-2", "", quantity("energy_import"), time.Now(), 5}, time.Now())
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Hour)
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Rebuild(t.Context(), devices.Span{Start: now, End: time.Now()}, nil); err != nil {
			t.Fatal(err)
		}
		if len(f.rows) == 0 {
			t.Error("the public meter is not published: the test is broken")
		}
		for key := range f.rows {
			if strings.HasPrefix(key, "stromverbrauch") || strings.Contains(key, "haushalt") {
				t.Errorf("stored %s", key)
			}
		}
		for _, day := range f.days {
			if strings.HasPrefix(day, "stromverbrauch") {
				t.Errorf("published %s", day)
			}
		}
	})
}

// TestAreas: what stations have together, and what they owed.
func TestAreas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		now := time.Now().UTC().Truncate(time.Hour)
		for i := range 15 {
			at := now.Add(time.Duration(i) * time.Minute)
			f.arrive(reading{"pb-1", "lane1", quantity("vehicle_count"), at, 2}, time.Now())
			f.arrive(reading{"pb-1", "lane2", quantity("vehicle_count"), at, 1}, time.Now())
			f.arrive(reading{"pb-1", "lane1", quantity("speed_mean"), at, float64(40 + i)}, time.Now())
			if i < 5 {
				f.arrive(reading{"pb-3", "", quantity("vehicle_count"), at, 10}, time.Now())
				f.arrive(reading{"pb-3", "", quantity("speed_mean"), at, 20}, time.Now())
			}
		}
		if err := newAggregatorOf(f, everyKind()).Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows := map[string]devices.Aggregate{}
		for _, dataset := range []string{"strassen", "stadtteile"} {
			for _, r := range f.windows(dataset, devices.Span{Start: now, End: now.Add(time.Minute)}, "") {
				if r.Window == 15*time.Minute {
					rows[dataset+" "+r.Station+" "+r.Quantity.Name+r.Channel] = r
				}
			}
		}
		count, speed, state := rows["strassen B 64 vehicle_count"], rows["strassen B 64 speed_mean"], rows["strassen B 64 traffic_state"]
		if count.Sum != 95 || count.Count != 35 || count.Coverage != 35.0/45 { // three channels
			t.Errorf("count of the road is %+v", count)
		}
		if speed.Count != 20 || speed.Mean != (47.0*15+20*5)/20 || speed.Min != 20 || speed.Max != 54 || speed.Coverage != 20.0/30 ||
			!reflect.DeepEqual(speed.Percentiles, []devices.Percentile{{P: 15, Value: 20}, {P: 50, Value: 44}, {P: 85, Value: 51}}) {
			t.Errorf("speed of the road is %+v", speed)
		}
		if state.Quantity == nil || state.Quantity.Text(state.Mode) != "free" { // 40 of 50 km/h
			t.Errorf("state of the road is %+v", state)
		}
		if area := rows["stadtteile paderborn/Kern speed_mean"]; area.Mean != speed.Mean || len(rows) != 4 {
			t.Errorf("the district has %+v, all are %v", area, slices.Sorted(maps.Keys(rows)))
		}
	})
}

// TestWeek: the running week is judged again each hour, and finally when it is
// over.
func TestWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		sleepUntil(Week.End(Week.Begin(time.Now())))
		begin := Week.Begin(time.Now())
		a := newAggregatorOf(f, everyKind())
		verdict := func() string {
			for _, r := range f.only(Week) {
				if r.Quantity.Name == "voltage_quality" && r.Start.Equal(begin) {
					return fmt.Sprint(r.Channel, " ", r.Quantity.Text(r.Mode))
				}
			}
			return "none"
		}
		for at := begin; at.Before(Week.End(begin)); at = at.Add(time.Minute) {
			f.readings = append(f.readings, reading{"pb-2", "l1", quantity("voltage"), at, 231})
			if at.Minute()%15 == 0 {
				f.marks = append(f.marks, devices.DirtyMark{Domain: uplink.Energy, Window: at, Arrived: at.Add(15 * time.Minute)})
			}
		}
		sleepUntil(begin.Add(50 * time.Hour))
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := verdict(); got != "l1 preliminary_met" {
			t.Errorf("after two days the verdict is %q", got)
		}
		sleepUntil(Week.End(begin).Add(time.Minute))
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		sleepUntil(Week.End(begin).Add(16 * time.Minute))
		if err := a.step(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if got := verdict(); got != "l1 met" {
			t.Errorf("after the week the verdict is %q", got)
		}
	})
}

// TestRebuild: what was lost or spoilt comes back, day by day.
func TestRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 24 * time.Hour)
		f := newFake()
		rnd := rand.New(rand.NewPCG(9, 9))
		now := time.Now().UTC().Truncate(time.Hour)
		for _, r := range randomReadings(rnd, now) {
			f.arrive(r, time.Now())
			time.Sleep(time.Nanosecond)
		}
		time.Sleep(9 * 24 * time.Hour) // weeks are over too
		a := newAggregatorOf(f, everyKind())
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		want, files := maps.Clone(f.rows), maps.Clone(f.files)
		for key, row := range f.rows {
			row.Mean, row.Sum, row.Count = 1e6, 1e6, 1e6
			f.rows[key] = row
			if rnd.IntN(2) == 0 {
				delete(f.rows, key)
			}
		}
		clear(f.files)
		var steps []int
		span := devices.Span{Start: now.Add(-80 * time.Hour), End: now.Add(8 * 24 * time.Hour)}
		if err := newAggregatorOf(f, everyKind()).Rebuild(t.Context(), span, func(done, total int) { steps = append(steps, done, total) }); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(f.rows, want) || !reflect.DeepEqual(f.files, files) {
			t.Errorf("%d windows and %d files are rebuilt, want %d and %d", len(f.rows), len(f.files), len(want), len(files))
		}
		if n := len(steps); n < 20 || steps[n-1] != n/2 || steps[n-2] != n/2 || steps[0] != 1 {
			t.Errorf("progress is %v", steps)
		}
		f.down = errCrash
		if err := a.Rebuild(t.Context(), span, nil); err == nil {
			t.Error("a rebuild without a database succeeds")
		}
	})
}

// TestRebuildSeesWhatArrives: a reading that comes while a day is rebuilt is
// in its windows, also when another aggregator has dealt with its mark.
func TestRebuildSeesWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(48 * time.Hour)
		f := newFake()
		day := DayOf(time.Now().Add(-24 * time.Hour))
		at := day.Span().Start.Add(12 * time.Hour)
		f.arrive(counted("pb-1", at, 1), at)
		store := &between{fakeStore: f}
		store.before = sync.OnceFunc(func() { f.arrive(counted("pb-1", at.Add(time.Minute), 2), time.Now()) })
		a := newTestAggregator(f)
		a.cfg.Open = store
		if err := a.Rebuild(t.Context(), day.Span(), nil); err != nil {
			t.Fatal(err)
		}
		for _, w := range []Window{Quarter, Hour, Day24} {
			if got := f.only(w); len(got) != 1 || got[0].Sum != 3 {
				t.Errorf("%s has %+v, want a sum of 3", w, got)
			}
		}
	})
}

// between does something before the first thing is stored.
type between struct {
	*fakeStore
	before func()
}

func (b *between) Put(ctx context.Context, dataset string, w time.Duration, rows []devices.Aggregate) error {
	b.before()
	return b.fakeStore.Put(ctx, dataset, w, rows)
}
