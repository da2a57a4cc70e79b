package influx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
)

// TestStream reads a span of many parts and of two shards, which begin on
// Mondays: every row comes once, by its begin.
func TestStream(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		const (
			w     = 15 * time.Minute
			sites = 500
			n     = 50 // windows: 25,000 points, of which a part of an answer has 10,000
		)
		first := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC) // a Sunday
		want := map[time.Time]map[string]float64{}
		var rows []devices.Aggregate
		for i := range n * sites {
			start, site := first.Add(time.Duration(i/sites)*w), fmt.Sprintf("s-%03d", i%sites)
			for k, name := range []string{"speed_mean", "vehicle_count"} {
				a := devices.Aggregate{Station: site, Quantity: quantity(t, name), Start: start, Window: w, Count: 3, Coverage: 1}
				if v := float64(2*i + k); k == 0 {
					a.Mean, a.Min, a.Max = v, v-1, v+1
				} else {
					a.Sum = v
				}
				rows = append(rows, a)
				if want[start] == nil {
					want[start] = map[string]float64{}
				}
				want[start][site+" "+name] = a.Value()
			}
		}
		if err := errors.Join(c.Put(t.Context(), "verkehr", w, rows), c.Put(t.Context(), "verkehr", time.Hour, hours(rows))); err != nil {
			t.Fatal(err)
		}
		var starts []time.Time
		span := devices.Span{Start: first, End: first.Add(n * w)}
		err := c.Stream(t.Context(), "verkehr", w, span, func(part []devices.Aggregate) error {
			for i := range part {
				a := &part[i]
				key := a.Station + " " + a.Quantity.Name
				if v, ok := want[a.Start][key]; !ok || v != a.Value() {
					t.Fatalf("row %+v, want the value %g and once", a, v)
				}
				delete(want[a.Start], key)
				if len(starts) == 0 || !starts[len(starts)-1].Equal(a.Start) {
					starts = append(starts, a.Start)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(starts) != n || !slices.IsSortedFunc(starts, time.Time.Compare) {
			t.Errorf("%d begins in the order %v, want %d", len(starts), starts, n)
		}
		for start, left := range want {
			if len(left) > 0 {
				t.Errorf("%d rows of %s are missing", len(left), start)
			}
		}
		stop := errors.New("stop")
		if err := c.Stream(t.Context(), "verkehr", w, span, func([]devices.Aggregate) error { return stop }); !errors.Is(err, stop) || strings.Count(err.Error(), "stop") != 1 {
			t.Errorf("error of take becomes %v", err)
		}
		for _, span := range []devices.Span{{Start: span.End, End: span.Start}, {Start: span.End, End: span.End.Add(w)}} {
			if err := c.Stream(t.Context(), "verkehr", w, span, func([]devices.Aggregate) error { return stop }); err != nil {
				t.Errorf("a span without windows: %v", err)
			}
		}
	})
}

// hours returns the rows that begin with an hour, as windows of an hour.
func hours(rows []devices.Aggregate) (out []devices.Aggregate) {
	for _, a := range rows {
		if a.Start.Minute() == 0 {
			a.Window = time.Hour
			out = append(out, a)
		}
	}
	return out
}
