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

	gocmp "github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

// TestAnyOrderAnyCrash feeds the same readings in random order to an
// aggregator whose every call may fail and that is replaced by a new one now
// and then, and wants the windows and files of a single pass.
func TestAnyOrderAnyCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(25) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			time.Sleep(time.Duration(rnd.IntN(24*60)) * time.Minute)
			readings := randomReadings(rnd, time.Now().UTC().Truncate(time.Minute))
			start := time.Now().Add(-5 * 24 * time.Hour)
			once := newFake()
			once.cursor = start
			for _, r := range readings {
				once.arrive(r, time.Now())
				time.Sleep(time.Nanosecond) // marks differ
			}

			f := newFake()
			f.cursor, f.faults = start, rnd
			rnd.Shuffle(len(readings), func(i, j int) { readings[i], readings[j] = readings[j], readings[i] })
			a := newAggregatorOf(f, everyKind())
			for _, r := range readings {
				// A write that was retried lands with an old time of arrival.
				f.arrive(r, time.Now().Add(-time.Duration(rnd.Int64N(int64(Overlap-time.Second)))))
				switch rnd.IntN(10) {
				case 0:
					a = newAggregatorOf(f, everyKind()) // killed and started again
				case 1:
					_ = a.Step(t.Context()) // may fail; the next one repeats it
				case 2, 3:
					_ = a.step(t.Context(), false)
				}
				// Far enough apart that most marks are read once.
				time.Sleep(time.Duration(rnd.IntN(60)) * time.Second)
			}
			for a.Step(t.Context()) != nil {
				time.Sleep(time.Second)
			}
			if err := newAggregatorOf(once, everyKind()).Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(once.rows) == 0 || !reflect.DeepEqual(f.rows, once.rows) {
				t.Fatalf("seed %d: %d windows, a single pass gives %d: %s", seed, len(f.rows), len(once.rows), gocmp.Diff(once.rows, f.rows))
			}
			if !reflect.DeepEqual(f.files, once.files) {
				t.Fatalf("seed %d: files differ from those of a single pass: %s", seed, gocmp.Diff(once.files, f.files))
			}
		}
	})
}

// everyKind returns datasets with every window, grouping and kind.
func everyKind() []Dataset {
	set := func(id string, domain uplink.Domain, grouping Grouping, windows []Window, quantities ...string) Dataset {
		return Dataset{
			ID: id, Domain: domain, Grouping: grouping, Windows: windows, Quantities: quantities,
			Title: Text{id, id}, Licence: DataLicenceZero(), Percentiles: []int{15, 50, 85},
		}
	}
	usual := []Window{Quarter, Hour, Day24}
	return []Dataset{
		set("zaehlung", uplink.Traffic, ByStation, []Window{Minute, Quarter, Hour, Day24}, "vehicle_count", "speed_mean", "traffic_state"),
		set("strassen", uplink.Traffic, ByRoad, usual, "vehicle_count", "speed_mean", "traffic_state"),
		set("stadtteile", uplink.Traffic, ByDistrict, usual, "speed_mean"),
		set("netz", uplink.Energy, ByStation, usual, "voltage", "energy_import", "load"),
		set("stadt", uplink.Energy, ByMunicipality, usual, "energy_import", "voltage"),
		set("qualitaet", uplink.Energy, ByStation, []Window{TenMinutes, Week}, "voltage", "voltage_unbalance", "voltage_within", "voltage_quality"),
		set("fahrbahn", uplink.Road, ByStation, usual, "surface_state", "surface_temperature"),
	}
}

func randomReadings(rnd *rand.Rand, now time.Time) []reading {
	var out []reading
	for i := range 160 {
		r := reading{station: "pb-1", quantity: quantity("vehicle_count"), channel: "lane1", value: float64(rnd.IntN(30))}
		switch rnd.IntN(9) {
		case 0:
			r.quantity, r.channel = quantity("speed_mean"), "lane2"
		case 1:
			r.station, r.quantity, r.value = "pb-3", quantity("speed_mean"), rnd.Float64()*100
		case 2, 3:
			r.station, r.quantity, r.channel, r.value = "pb-2", quantity("voltage"), []string{"l1", "l2", "l3"}[rnd.IntN(3)], 200+rnd.Float64()*60
		case 4, 5:
			r.station, r.quantity, r.channel, r.value = "pb-2", quantity("energy_import"), "", rnd.Float64()*1e6
		case 6:
			r.station, r.quantity, r.channel, r.value = "road-1", quantity("surface_state"), "", float64(rnd.IntN(8))
		case 7:
			r.station, r.quantity, r.channel, r.value = "road-1", quantity("surface_temperature"), "", rnd.Float64()*20-5
		}
		// Some are close together: windows have many, and meters differences.
		r.time = now.Add(-time.Duration(rnd.IntN(50*60)) * time.Minute)
		if n := len(out); n > 0 && i%3 > 0 {
			value := r.value
			r = out[n-1]
			r.time = r.time.Add(time.Duration(rnd.IntN(50)) * time.Minute)
			if r.quantity.Kind == devices.Meter {
				r.value += rnd.Float64() * 100
			} else if r.quantity.Valid(value) && rnd.IntN(2) == 0 {
				r.value = value
			}
		}
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
		if rows := f.only(Quarter); len(rows) != 2 {
			t.Fatalf("published %v, want a count and a voltage", rows)
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
		if len(f.only(Quarter)) != 1 || len(f.files) != 1 {
			t.Errorf("%d windows and %d files after the database came back, want 1 and 1", len(f.only(Quarter)), len(f.files))
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
		if len(f.only(Quarter)) != 1 || len(f.files) != 0 || !f.cursor.Equal(before) {
			t.Fatalf("%d windows, %d files, cursor moved %s; want 1, 0, 0s", len(f.only(Quarter)), len(f.files), f.cursor.Sub(before))
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

// TestCursorWaitsForTheRunningDay: nor does it move while the files of the
// running day wait for their time.
func TestCursorWaitsForTheRunningDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.slow = time.Minute
		a := newTestAggregator(f)
		arrive := func() {
			f.arrive(reading{"pb-1", "lane1", quantity("vehicle_count"), time.Now(), 7}, time.Now())
			time.Sleep(2 * time.Minute)
			if err := a.step(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		arrive()
		before := f.cursor
		arrive() // the files took a minute, so that twenty have to pass
		if len(f.days) != 1 || !f.cursor.Equal(before) {
			t.Errorf("files are written %d times, the cursor moved %s, want 1 and 0s", len(f.days), f.cursor.Sub(before))
		}
		time.Sleep(20 * time.Minute)
		arrive()
		if len(f.days) != 2 || !f.cursor.After(before) {
			t.Errorf("files are written %d times, the cursor moved %s, want 2 and forward", len(f.days), f.cursor.Sub(before))
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
		if f.calls["dirty"] != 40 || len(f.only(Quarter)) != 10 || len(f.only(Day24)) < 9 || len(a.handled) > 1 {
			t.Errorf("%d reads, %d windows, %d days, %d marks remembered; want 40, 10, 9 or more, at most 1", f.calls["dirty"], len(f.only(Quarter)), len(f.only(Day24)), len(a.handled))
		}
	})
}

func TestRuns(t *testing.T) {
	for name, c := range map[string]struct {
		hours []int64
		limit int64
		want  []run
	}{
		"none":                {nil, 24, nil},
		"neighbours":          {[]int64{7, 8}, 24, []run{{7, 8}}},
		"a gap":               {[]int64{7, 9}, 24, []run{{7, 7}, {9, 9}}},
		"too many for a pass": {[]int64{1, 2, 3, 4, 5}, 2, []run{{1, 2}, {3, 4}, {5, 5}}},
	} {
		if got := runs(c.hours, c.limit); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMarksTouchWindows(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 45, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		windows    []Window
		quantities []string
		until      time.Time
		want       int
	}{
		{"minutes", []Window{Minute}, []string{"voltage"}, at, 15},
		{"two that it overlaps", []Window{TenMinutes}, []string{"voltage"}, at, 2},
		{"of several lengths", []Window{Quarter, Hour}, []string{"voltage"}, at.Add(2 * time.Hour), 2},
		{"an hour that runs waits", []Window{Quarter, Hour}, []string{"voltage"}, at, 1},
		{"but not the shortest", []Window{Hour, Day24}, []string{"voltage"}, at, 1},
		{"a meter looks back an hour", []Window{Quarter}, []string{"energy_import"}, at, 5},
		{"or a window", []Window{Hour}, []string{"energy_import"}, at, 2},
		{"a day that runs", []Window{Day24}, []string{"voltage"}, at, 0},
		{"a day that is over", []Window{Day24}, []string{"voltage"}, at.AddDate(0, 0, 2), 1},
		{"and the one that looks back at it", []Window{Day24}, []string{"energy_import"}, at.AddDate(0, 0, 3), 2},
		{"a week that runs", []Window{Week}, []string{"voltage"}, at.AddDate(0, 0, 3), 0},
		{"a week that is over", []Window{Week}, []string{"voltage"}, at.AddDate(0, 0, 7), 1},
	} {
		a := newTestAggregator(newFake())
		a.cfg.Retention = 100 * 365 * 24 * time.Hour
		d := Dataset{Domain: uplink.Energy, Windows: c.windows, Quantities: c.quantities}
		got := a.touched(&d, devices.DirtyMark{Domain: uplink.Energy, Window: at}, c.until)
		if len(got) != c.want {
			t.Errorf("%s: dirty %v, want %d", c.name, got, c.want)
		}
		if other := a.touched(&d, devices.DirtyMark{Domain: uplink.Road, Window: at}, c.until); len(other) != 0 {
			t.Errorf("%s: a mark of another domain makes %v dirty", c.name, other)
		}
	}
}
