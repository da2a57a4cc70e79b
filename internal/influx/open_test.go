package influx_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/uplink"
)

// collected is a series as a test keeps it.
type collected struct {
	Station, Channel string
	Times            []int64
	Values           [][]float64
	Devices          []uint16
}

func collect(t *testing.T, c *influx.Client, domain uplink.Domain, span devices.Span, names ...string) []collected {
	t.Helper()
	var quantities []*devices.Quantity
	for _, name := range names {
		quantities = append(quantities, quantity(t, name))
	}
	var out []collected
	err := c.Readings(t.Context(), domain, span, quantities, func(s devices.Series) error {
		one := collected{s.Station, s.Channel, slices.Clone(s.Times), nil, slices.Clone(s.Devices)}
		for _, column := range s.Values {
			one.Values = append(one.Values, slices.Clone(column))
		}
		out = append(out, one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadings(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		at := func(n int) time.Time { return window0.Add(time.Duration(n) * time.Second) }
		ms := func(n int) int64 { return at(n).UnixMilli() }
		alone := report(t, 3, at(2), map[string]float64{"voltage l1": 240})
		alone.Station = "stadt-netz-2"
		if err := c.Write(t.Context(), []devices.Report{
			report(t, 1, at(0), map[string]float64{"voltage l1": 230, "voltage l2": 231, "energy_import": 100}),
			report(t, 1, at(4), map[string]float64{"voltage l1": 232, "energy_import": 110}),
			report(t, 2, at(3), map[string]float64{"energy_import": 7}), // a second meter on the same channel
			report(t, 2, at(4), map[string]float64{"energy_import": 8}),
			report(t, 1, at(9), map[string]float64{"voltage l1": 999}), // after the span
			alone,
		}); err != nil {
			t.Fatal(err)
		}
		nan := math.NaN()
		span := devices.Span{Start: at(0), End: at(9)}
		want := []collected{
			{"stadt-netz-1", "", []int64{ms(0), ms(3), ms(4), ms(4)}, [][]float64{{nan, nan, nan, nan}, {100, 7, 110, 8}}, []uint16{0, 1, 0, 1}},
			{"stadt-netz-1", "l1", []int64{ms(0), ms(4)}, [][]float64{{230, 232}, {nan, nan}}, nil},
			{"stadt-netz-1", "l2", []int64{ms(0)}, [][]float64{{231}, {nan}}, nil},
			{"stadt-netz-2", "l1", []int64{ms(2)}, [][]float64{{240}, {nan}}, nil},
		}
		for _, before := range []time.Duration{0, 24 * time.Hour} { // a long span is read station by station
			got := collect(t, c, uplink.Energy, devices.Span{Start: span.Start.Add(-before), End: span.End}, "voltage", "energy_import")
			slices.SortStableFunc(got, func(a, b collected) int { return strings.Compare(a.Station+a.Channel, b.Station+b.Channel) })
			if len(got) == 4 && len(got[0].Values[1]) == 4 && got[0].Values[1][2] == 8 { // at one time in any order
				got[0].Values[1][2], got[0].Values[1][3] = got[0].Values[1][3], got[0].Values[1][2]
				got[0].Devices[2], got[0].Devices[3] = got[0].Devices[3], got[0].Devices[2]
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("from %s before: %s", before, diff)
			}
		}
		if got := collect(t, c, uplink.Traffic, span, "speed_mean"); len(got) != 0 {
			t.Errorf("a domain without readings has %v", got)
		}
		stop := errors.New("stop")
		if err := c.Readings(t.Context(), uplink.Energy, span, []*devices.Quantity{quantity(t, "voltage")}, func(devices.Series) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("error of take becomes %v", err)
		}
	})
}

// TestReadingsOverChunks reads a series longer than one part of an answer,
// which is 10,000 rows.
func TestReadingsOverChunks(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		const n = 25_000
		var batch []devices.Report
		for i := range n {
			r := report(t, 1, window0.Add(time.Duration(i)*time.Millisecond), map[string]float64{[]string{"voltage l1", "voltage l2"}[i%2]: float64(i % 300)})
			r.RX = nil
			batch = append(batch, r)
		}
		if err := c.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		for _, length := range []time.Duration{time.Hour, 24 * time.Hour} { // the second is read station by station
			got := collect(t, c, uplink.Energy, devices.Span{Start: window0, End: window0.Add(length)}, "voltage")
			if len(got) != 2 {
				t.Fatalf("%d series, want one for each channel", len(got))
			}
			for _, s := range got {
				if len(s.Times) != n/2 || len(s.Values[0]) != n/2 || !slices.IsSorted(s.Times) {
					t.Errorf("channel %s has %d times and %d values, want %d in order", s.Channel, len(s.Times), len(s.Values[0]), n/2)
				}
			}
		}
	})
}

func TestOpenHoldsEveryKind(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		day := 24 * time.Hour
		row := func(name, channel string, a devices.Aggregate) devices.Aggregate {
			a.Station, a.Quantity, a.Channel, a.Start, a.Window = "stadt/Ost, Nord=1", quantity(t, name), channel, window0, day
			return a
		}
		rows := []devices.Aggregate{
			// Quantities of one point that were counted alike, and of one that were not.
			row("voltage", "l1", devices.Aggregate{Count: 1, Mean: 230, Min: 230, Max: 230, Coverage: 0.5, Percentiles: []devices.Percentile{{P: 5, Value: 230}, {P: 85, Value: 230}}}),
			row("current", "l1", devices.Aggregate{Count: 1, Mean: -2.5, Min: -2.5, Max: -2.5, Coverage: 0.5}),
			row("voltage", "", devices.Aggregate{Count: 7, Mean: 230, Min: 229, Max: 231, Coverage: 0.5}),
			row("energy_import", "", devices.Aggregate{Count: 2, Sum: 0, Coverage: 0.25}),
			row("pulse_count", "t1", devices.Aggregate{Sum: 12.5}), // as of households
			row("energy_export", "t2", devices.Aggregate{Suppressed: true}),
			row("surface_state", "", devices.Aggregate{Count: 7, Mode: 3, Coverage: 0.5, Shares: []float64{0, 0.25, 0, 0.75, 0, 0, 0, 0}}),
		}
		for range 2 {
			if err := c.Put(t.Context(), "alles", day, rows); err != nil {
				t.Fatal(err)
			}
		}
		sort := func(rows []devices.Aggregate) {
			slices.SortFunc(rows, func(a, b devices.Aggregate) int {
				return strings.Compare(a.Quantity.Name+a.Channel, b.Quantity.Name+b.Channel)
			})
		}
		check := func(want []devices.Aggregate) {
			t.Helper()
			got, err := c.Windows(t.Context(), "alles", day, devices.Span{Start: window0, End: window0.Add(time.Second)}, rows[0].Station)
			if err != nil {
				t.Fatal(err)
			}
			sort(want)
			sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			// One quantity has the same rows as among all.
			for _, one := range want {
				q := one.Quantity
				alone, err := c.Windows(t.Context(), "alles", day, devices.Span{Start: window0, End: window0.Add(time.Second)}, rows[0].Station, q)
				if err != nil {
					t.Fatal(err)
				}
				sort(alone)
				others := func(a devices.Aggregate) bool { return a.Quantity != q }
				if diff := cmp.Diff(slices.DeleteFunc(slices.Clone(want), others), alone); diff != "" {
					t.Errorf("%s alone: %s", q.Name, diff)
				}
			}
		}
		check(slices.Clone(rows))
		// What differed becomes alike and what was alike differs: nothing of
		// before remains.
		for i := range rows {
			switch rows[i].Channel {
			case "":
				rows[i].Count, rows[i].Coverage = 9, 1
			case "l1":
				rows[i].Count, rows[i].Max, rows[i].Min = i+2, 300, -300
			}
		}
		if err := c.Put(t.Context(), "alles", day, rows); err != nil {
			t.Fatal(err)
		}
		check(slices.Clone(rows))
		for w, want := range map[time.Duration]int{time.Hour: 0, 7 * day: 0, day: len(rows)} {
			if got, err := c.Windows(t.Context(), "alles", w, devices.Span{Start: window0, End: window0.Add(day)}, ""); err != nil || len(got) != want {
				t.Errorf("%d windows of %s (%v), want %d", len(got), w, err, want)
			}
		}
	})
}

func TestOpenIsUpsertedAndPublic(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		platform, public := s.client(t), connect(t, s.public)
		if err := platform.Write(t.Context(), []devices.Report{report(t, 1, window0, map[string]float64{"frequency": 50})}); err != nil {
			t.Fatal(err)
		}
		const w = 15 * time.Minute
		rows := []devices.Aggregate{
			{Station: "a", Quantity: quantity(t, "voltage"), Channel: "l1", Start: window0, Window: w, Count: 3, Mean: 230, Min: 229, Max: 231, Coverage: 1},
			{Station: "b", Quantity: quantity(t, "surface_state"), Start: window0, Window: w, Count: 1, Mode: 3, Coverage: 0.5},
		}
		if err := platform.Put(t.Context(), "netz", w, rows); err != nil {
			t.Fatal(err)
		}
		rows[0].Mean = 230.5
		if err := platform.Put(t.Context(), "netz", w, rows[:1]); err != nil {
			t.Fatal(err)
		}
		span := devices.Span{Start: window0, End: window0.Add(w)}
		got, err := public.Windows(t.Context(), "netz", w, span, "")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b devices.Aggregate) int { return strings.Compare(a.Station, b.Station) })
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Error(diff)
		}
		if got, err := public.Windows(t.Context(), "netz", w, span, "b' OR 'x'='x"); err != nil || len(got) != 0 {
			t.Errorf("a station that does not exist: %v, %v", got, err)
		}
		// 1.8 refuses, 2.x shows nothing.
		if got, err := public.DeviceReadings(t.Context(), uplink.Energy, uplink.EUI{1}, span); err == nil && len(got) > 0 {
			t.Error("the public login reads bucket raw")
		}
		if err := public.Put(t.Context(), "netz", w, rows); err == nil {
			t.Error("the public login writes to bucket open")
		}
	})
}

func TestCursor(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		if got, err := c.Cursor(t.Context()); err != nil || !got.IsZero() {
			t.Errorf("cursor of a new database is %v (%v), want none", got, err)
		}
		want := time.Now().UTC().Truncate(time.Microsecond)
		for _, at := range []time.Time{want.Add(-time.Hour), want} {
			if err := c.SetCursor(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.Cursor(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("cursor is %v (%v), want %v", got, err, want)
		}
	})
}

func TestPlaces(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		list := []devices.Device{{EUI: uplink.EUI{1}, Name: "Markt, Ecke = 1", Station: "s", Municipality: "stadt", Domain: uplink.Energy, Place: devices.Place{Lat: 51.5, Lon: 8.1}}}
		if err := c.PlaceDevices(t.Context(), list, window0); err != nil {
			t.Fatal(err)
		}
		q := `SELECT lat, lon FROM place WHERE "name" = 'Markt, Ecke = 1' AND device = '0100000000000000' AND station = 's' AND lat = 51.5 AND lon = 8.1`
		if n, err := c.CountRows(t.Context(), q); err != nil || n != 1 {
			t.Errorf("%d places (%v), want 1", n, err)
		}
	})
}
