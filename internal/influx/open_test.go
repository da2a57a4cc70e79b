package influx_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

func TestAggregate(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		const w = devices.DirtyWindow
		var batch []devices.Report
		for i, v := range []struct {
			at             time.Duration
			voltage, meter float64
		}{
			{0, 230, 100}, {5 * time.Minute, 232, 110}, {10 * time.Minute, 234, 120},
			{w, 228, 130}, {w + 10*time.Minute, 230, 150},
			{2 * w, 231, 5}, {2*w + 5*time.Minute, 231, 9}, // the meter was swapped
		} {
			r := report(t, 1, window0.Add(v.at), map[string]float64{"voltage l1": v.voltage, "energy_import": v.meter})
			r.FCnt = uint32(i)
			batch = append(batch, r)
		}
		if err := c.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		all, err := c.Aggregate(t.Context(), uplink.Energy, devices.Span{Start: window0.Add(w), End: window0.Add(3 * w)}, w)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b devices.Aggregate) int {
			return strings.Compare(a.Quantity.Name+a.Start.String(), b.Quantity.Name+b.Start.String())
		})
		row := func(name, channel string, start time.Time, a devices.Aggregate) devices.Aggregate {
			a.Station, a.Quantity, a.Channel, a.Start, a.Window = "stadt-netz-1", quantity(t, name), channel, start, w
			return a
		}
		want := []devices.Aggregate{
			// 130 begins where 120 of the window before ended.
			row("energy_import", "", window0.Add(w), devices.Aggregate{Count: 2, First: 130, Last: 150, Sum: 30}),
			row("energy_import", "", window0.Add(2*w), devices.Aggregate{Count: 2, First: 5, Last: 9, Sum: 4}),
			row("voltage", "l1", window0.Add(w), devices.Aggregate{Count: 2, Mean: 229, Min: 228, Max: 230}),
			row("voltage", "l1", window0.Add(2*w), devices.Aggregate{Count: 2, Mean: 231, Min: 231, Max: 231}),
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Error(diff)
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
		if got, err := public.Readings(t.Context(), uplink.Energy, uplink.EUI{1}, span); err == nil && len(got) > 0 {
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
