package influx_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func TestWindowsOfOneQuantity(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		const w = 15 * time.Minute
		at := func(n int) time.Time { return window0.Add(time.Duration(n) * w) }
		voltage, state := quantity(t, "voltage"), quantity(t, "surface_state")
		gauge := func(station, channel string, n int, v float64) devices.Aggregate {
			return devices.Aggregate{Station: station, Quantity: voltage, Channel: channel, Start: at(n), Window: w, Count: 4, Mean: v, Min: v - 1, Max: v + 1,
				Coverage: 0.5, Percentiles: []devices.Percentile{{P: 5, Value: v}, {P: 95, Value: v + 0.5}}}
		}
		rows := []devices.Aggregate{
			gauge("a", "", 0, 230), gauge("a", "", 1, 231.5), gauge("a", "", 2, -5), gauge("a", "", 3, 233), gauge("a", "", 4, 234),
			gauge("a", "l1", 0, 240), gauge("b's", "", 2, 250),
			{Station: "a", Quantity: quantity(t, "current"), Start: at(9), Window: w, Count: 1, Mean: 1, Min: 1, Max: 1, Coverage: 1}, // a point without voltage
			{Station: "a", Quantity: state, Start: at(0), Window: w, Count: 4, Mode: 3, Coverage: 0.5, Shares: []float64{0, 0.25, 0, 0.75, 0, 0, 0, 0}},
		}
		if err := c.Put(t.Context(), "netz", w, rows); err != nil {
			t.Fatal(err)
		}
		// The newest of one series is suppressed, over what was stored.
		hidden := devices.Aggregate{Station: "a", Quantity: voltage, Start: at(4), Window: w, Suppressed: true}
		if err := c.Put(t.Context(), "netz", w, []devices.Aggregate{hidden}); err != nil {
			t.Fatal(err)
		}
		of := func(station, channel string) *devices.StationSeries {
			return &devices.StationSeries{Station: station, Channel: channel}
		}
		all := devices.WindowQuery{Dataset: "netz", Window: w, Quantity: voltage, Percentiles: []int{5, 95}, Span: devices.Span{Start: at(0), End: at(100)}, Limit: 100}
		for _, test := range []struct {
			name   string
			change func(q *devices.WindowQuery)
			want   []int // of rows
		}{
			{"one series", func(q *devices.WindowQuery) { q.Of = of("a", "") }, []int{0, 1, 2, 3}},
			{"the newest", func(q *devices.WindowQuery) { q.Of, q.Newest, q.Limit = of("a", ""), true, 2 }, []int{3, 2}},
			{"an offset over what is suppressed", func(q *devices.WindowQuery) { q.Of, q.Newest, q.Limit, q.Offset = of("a", ""), true, 2, 1 }, []int{2, 1}},
			{"an offset", func(q *devices.WindowQuery) { q.Of, q.Span.End, q.Offset = of("a", ""), at(4), 3 }, []int{3}},
			{"an offset beyond all", func(q *devices.WindowQuery) { q.Of, q.Offset = of("a", ""), 9 }, nil},
			{"another channel", func(q *devices.WindowQuery) { q.Of = of("a", "l1") }, []int{5}},
			{"a quote", func(q *devices.WindowQuery) { q.Of = of("b's", "") }, []int{6}},
			{"nobody", func(q *devices.WindowQuery) { q.Of = of("x' OR 'x'='x", "") }, nil},
			{"values", func(q *devices.WindowQuery) {
				q.Of, q.Bounds = of("a", ""), []devices.ValueBound{{Op: ">", Value: -5}, {Op: "!=", Value: 231.5}, {Op: "<=", Value: 233}}
			}, []int{0, 3}},
			{"a value that is suppressed", func(q *devices.WindowQuery) { q.Bounds = []devices.ValueBound{{Op: "=", Value: 234}} }, nil},
			{"all series", func(q *devices.WindowQuery) { q.Span = devices.Span{Start: at(2), End: at(4)} }, []int{2, 6, 3}},
			{"a category", func(q *devices.WindowQuery) {
				q.Quantity, q.Percentiles, q.Bounds = state, nil, []devices.ValueBound{{Op: "=", Value: 3}}
			}, []int{8}},
			{"another length", func(q *devices.WindowQuery) { q.Window = time.Hour }, nil},
		} {
			q := all
			test.change(&q)
			got, err := c.SelectWindows(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var want []devices.Aggregate
			for _, i := range test.want {
				want = append(want, rows[i])
			}
			if q.Of == nil {
				slices.SortFunc(got, func(a, b devices.Aggregate) int {
					return strings.Compare(a.Start.String()+a.Station+a.Channel, b.Start.String()+b.Station+b.Channel)
				})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", test.name, diff)
			}
		}
		counts := func(change func(q *devices.WindowQuery)) []devices.WindowCount {
			q := all
			q.Edges = true
			change(&q)
			got, err := c.CountWindows(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got, func(a, b devices.WindowCount) int { return strings.Compare(a.Station+a.Channel, b.Station+b.Channel) })
			return got
		}
		count := func(of *devices.StationSeries, n, first, last int) devices.WindowCount {
			return devices.WindowCount{StationSeries: *of, Count: n, First: at(first), Last: at(last)}
		}
		want := []devices.WindowCount{count(of("a", ""), 4, 0, 3), count(of("a", "l1"), 1, 0, 0), count(of("b's", ""), 1, 2, 2)}
		if diff := cmp.Diff(want, counts(func(*devices.WindowQuery) {})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]devices.WindowCount{count(of("a", ""), 1, 1, 1)}, counts(func(q *devices.WindowQuery) {
			q.Of, q.Bounds = of("a", ""), []devices.ValueBound{{Op: ">", Value: 231}, {Op: "<", Value: 232}}
		})); diff != "" {
			t.Error(diff)
		}
		if got := counts(func(q *devices.WindowQuery) { q.Edges, q.Of = false, of("a", "") }); len(got) != 1 || got[0].Count != 4 {
			t.Errorf("without edges: %v", got)
		}
		if got := counts(func(q *devices.WindowQuery) { q.Span.Start = at(4) }); len(got) != 0 {
			t.Errorf("of a span in which all is suppressed: %v", got)
		}
		for _, bad := range []devices.WindowQuery{{Dataset: "netz", Quantity: voltage, Window: w}, {Dataset: "netz", Quantity: voltage, Window: w, Limit: 1, Offset: 1}} {
			if _, err := c.SelectWindows(t.Context(), bad); err == nil {
				t.Errorf("%+v is answered", bad)
			}
		}
	})
}
