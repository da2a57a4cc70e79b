package influx_test

import (
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
)

func TestForget(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		if err := c.Forget(t.Context(), ""); err == nil {
			t.Error("without a prefix everything would go")
		}
		if err := c.Forget(t.Context(), "historie-"); err != nil { // nothing is there
			t.Fatal(err)
		}
		stations := []string{"historie-netz-001", "historie-netz-002", "historie", "xhistorie-1", "stadt-netz-1", "h/x.y-1"}
		at := func(n int) time.Time { return window0.Add(time.Duration(n) * 20 * 24 * time.Hour) } // several shards
		for _, station := range stations {
			for n := range 3 {
				for _, dataset := range []string{"energienetz", "anderes"} {
					for _, window := range []time.Duration{15 * time.Minute, 24 * time.Hour} {
						putVoltage(t, c, dataset, station, at(n), window)
					}
				}
			}
		}
		count := func() map[string]int {
			n := map[string]int{}
			for _, dataset := range []string{"energienetz", "anderes"} {
				for _, window := range []time.Duration{15 * time.Minute, 24 * time.Hour} {
					rows, err := c.Windows(t.Context(), dataset, window, devices.Span{Start: at(0), End: at(3)}, "")
					if err != nil {
						t.Fatal(err)
					}
					for _, a := range rows {
						n[a.Station]++
					}
				}
			}
			return n
		}
		if n := count(); n["historie-netz-001"] != 12 {
			t.Fatalf("%v", n)
		}
		for _, prefix := range []string{"historie-", "h/x."} {
			if err := c.Forget(t.Context(), prefix); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n["historie-netz-001"]+n["historie-netz-002"]+n["h/x.y-1"] != 0 || n["historie"] != 12 || n["xhistorie-1"] != 12 || n["stadt-netz-1"] != 12 {
			t.Errorf("left: %v", n)
		}
		// What was taken away can be written again.
		putVoltage(t, c, "energienetz", stations[0], at(0), 15*time.Minute)
		if n := count(); n[stations[0]] != 1 {
			t.Errorf("written again: %v", n)
		}
	})
}

func putVoltage(t *testing.T, c *influx.Client, dataset, station string, at time.Time, window time.Duration) {
	t.Helper()
	row := devices.Aggregate{Station: station, Quantity: quantity(t, "voltage"), Channel: "l1", Start: at, Window: window, Count: 1, Mean: 230, Coverage: 1}
	if err := c.Put(t.Context(), dataset, window, []devices.Aggregate{row}); err != nil {
		t.Fatal(err)
	}
}
