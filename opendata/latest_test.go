package opendata

import (
	"context"
	"reflect"
	"testing"
	"time"

	"modellregion/devices"
)

func window(station string, start time.Time, mean float64) devices.Aggregate {
	return devices.Aggregate{Station: station, Quantity: quantity("voltage"), Channel: "l1", Start: start, Window: 15 * time.Minute, Count: 3, Mean: mean}
}

func TestLatestKeepsTheTwoNewest(t *testing.T) {
	t0 := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return t0.Add(time.Duration(n) * 15 * time.Minute) }
	for name, order := range map[string][]int{
		"in order": {0, 1, 2}, "backwards": {2, 1, 0}, "late": {1, 2, 0}, "middle last": {0, 2, 1}, "twice": {0, 1, 2, 1, 2},
	} {
		l := NewLatest()
		for i, n := range order {
			l.Put("energienetz", []devices.Aggregate{window("a", at(n), float64(100*n+i))}, at(i))
		}
		last := map[int]float64{} // the value put last for each window
		for i, n := range order {
			last[n] = float64(100*n + i)
		}
		rows := l.Rows("energienetz")
		if len(rows) != 1 || !rows[0].Start.Equal(at(2)) || rows[0].Mean != last[2] {
			t.Errorf("%s: newest is %+v, want %v at %s", name, rows, last[2], at(2))
		}
		before := l.At("energienetz", at(1))
		if len(before) != 1 || before[0].Mean != last[1] {
			t.Errorf("%s: the window before is %+v, want %v", name, before, last[1])
		}
		if got := l.At("energienetz", at(0)); len(got) != 0 {
			t.Errorf("%s: a third window is kept: %+v", name, got)
		}
		if !l.Newest("energienetz").Equal(at(2)) || !l.Updated().Equal(at(len(order)-1)) {
			t.Errorf("%s: newest %s, updated %s", name, l.Newest("energienetz"), l.Updated())
		}
	}
}

// TestLatestKeepsAllOfARow: rows come out as they went in.
func TestLatestKeepsAllOfARow(t *testing.T) {
	t0 := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	row := func(name string, a devices.Aggregate) devices.Aggregate {
		a.Station, a.Quantity, a.Channel, a.Start, a.Window = "a", quantity(name), "l1", t0, time.Hour
		return a
	}
	rows := []devices.Aggregate{
		row("energy_export", devices.Aggregate{Suppressed: true}),
		row("energy_import", devices.Aggregate{Count: 2, Sum: 7.5, Coverage: 0.25}),
		row("surface_state", devices.Aggregate{Count: 2, Mode: 3, Shares: []float64{0, 0.25, 0, 0.75, 0, 0, 0, 0}}),
		row("vehicle_count", devices.Aggregate{Count: 1, Sum: 7}),
		row("voltage", devices.Aggregate{Count: 3, Mean: 230, Min: 229, Max: 231, Coverage: 1, Percentiles: []devices.Percentile{{P: 50, Value: 230}}}),
	}
	l := NewLatest()
	l.Put("x", rows, t0)
	if got := l.Rows("x"); !reflect.DeepEqual(got, rows) {
		t.Errorf("rows %+v, want %+v", got, rows)
	}
}

func TestLatestForgetsTheSilent(t *testing.T) {
	t0 := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	l := NewLatest()
	l.Put("energienetz", []devices.Aggregate{window("old", t0.Add(-Recent), 1), window("b", t0, 2), window("a", t0.Add(-Recent+time.Minute), 3)}, t0)
	rows := l.Rows("energienetz")
	if len(rows) != 2 || rows[0].Station != "a" || rows[1].Station != "b" {
		t.Errorf("rows %+v, want a and b in order", rows)
	}
	if l.Rows("nirgends") != nil || !l.Newest("nirgends").IsZero() {
		t.Error("an unknown dataset has rows")
	}
}

func TestLatestLoads(t *testing.T) {
	f := newFake()
	now := time.Date(2026, 11, 23, 10, 5, 0, 0, time.UTC)
	rows := []devices.Aggregate{window("a", now.Add(-35*time.Minute), 1), window("a", now.Add(-50*time.Minute), 2), window("b", now.Add(-30*time.Hour), 3)}
	if err := f.Put(context.Background(), "energienetz", 15*time.Minute, rows); err != nil {
		t.Fatal(err)
	}
	l := NewLatest()
	if err := l.Load(context.Background(), f, Defaults(), now); err != nil {
		t.Fatal(err)
	}
	if got := l.Rows("energienetz"); len(got) != 1 || got[0].Mean != 1 {
		t.Errorf("loaded %+v, want the newest window of a", got)
	}
	if want := now.Add(-20 * time.Minute); !l.Updated().Equal(want) {
		t.Errorf("updated %s, want the end of the newest window %s", l.Updated(), want)
	}
	f.down = errCrash
	if err := l.Load(context.Background(), f, Defaults(), now); err == nil {
		t.Error("a failing store loads without error")
	}
}
