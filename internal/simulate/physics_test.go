package simulate

import (
	"math"
	"testing"
	"time"

	"modellregion/devices"
)

var january = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func testWorld(t *testing.T) *world {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return &world{seed: 1, zone: zone}
}

// A year of every kind of sensor: all values are possible, and what should
// happen in a year does.
func TestYear(t *testing.T) {
	w := testWorld(t)
	sensors, _ := build(1, 20)
	seen := map[string][2]float64{} // least and greatest of each quantity
	states := map[float64]int{}
	for _, s := range sensors {
		interval := kinds[s.kind].interval
		step := uint32(5*time.Hour/interval) + 7 // so that all hours of the day come
		if s.kind == grid {
			step = uint32(53 * time.Minute / interval)
		}
		var bought, given float64
		for n := uint32(0); n < uint32(365*24*time.Hour/interval); n += step {
			at := january.Add(time.Duration(n) * interval)
			for _, r := range formats[s.kind].readings(w.sample(s, n, at, january)) {
				q, ok := devices.Lookup(r.Quantity)
				if !ok || !q.Valid(r.Value) {
					t.Fatalf("%s at %s: %+v is not possible", s.device.Station, at, r)
				}
				lo, ok := seen[r.Quantity]
				if !ok {
					lo = [2]float64{math.Inf(1), math.Inf(-1)}
				}
				seen[r.Quantity] = [2]float64{min(lo[0], r.Value), max(lo[1], r.Value)}
				switch r.Quantity {
				case "surface_state":
					states[r.Value]++
				case "energy_import":
					if r.Value < bought {
						t.Fatalf("%s at %s: meter went back from %v to %v", s.device.Station, at, bought, r.Value)
					}
					bought = r.Value
				case "energy_export":
					if r.Value < given {
						t.Fatalf("%s at %s: meter went back from %v to %v", s.device.Station, at, given, r.Value)
					}
					given = r.Value
				}
			}
		}
	}
	for quantity, want := range map[string][2][2]float64{ // least and greatest, each from to
		"vehicle_count":       {{1, 1}, {10, 60}},
		"vehicle_count_truck": {{0, 0}, {1, 12}},
		"speed_mean":          {{4, 45}, {50, 90}},
		"occupancy":           {{0, 0.03}, {0.1, 1}},
		"battery_voltage":     {{3.5, 3.6}, {3.5, 3.7}},
		"voltage":             {{190, 232}, {235, 240}},
		"frequency":           {{49.97, 49.99}, {50.01, 50.03}},
		"power_active":        {{-60e3, -3e3}, {10e3, 200e3}},
		"load":                {{0, 20}, {30, 150}},
		"surface_temperature": {{-20, -3}, {30, 65}},
		"water_film":          {{0, 0}, {200, 4000}},
		"ice_fraction":        {{0, 0}, {0.5, 1}},
		"friction":            {{0.05, 0.4}, {0.8, 0.95}},
		"air_temperature":     {{-18, -2}, {24, 39}},
		"relative_humidity":   {{25, 60}, {95, 100}},
		"air_pressure":        {{960, 1010}, {1010, 1040}},
		"pm10":                {{1, 12}, {25, 120}},
		"pm2_5":               {{0.5, 8}, {15, 80}},
		"no2":                 {{2, 20}, {30, 120}},
		"noise_laeq":          {{38, 55}, {60, 85}},
		"wind_speed":          {{0, 1}, {5, 20}},
		"precipitation":       {{0, 0}, {0.1, 5}},
	} {
		got := seen[quantity]
		for i, name := range []string{"least", "greatest"} {
			if got[i] < want[i][0] || got[i] > want[i][1] {
				t.Errorf("%s %s is %v, want %v to %v", name, quantity, got[i], want[i][0], want[i][1])
			}
		}
	}
	for _, state := range []float64{stateDry, stateMoist, stateWet, stateIce, stateHoarfrost} {
		if states[state] == 0 {
			t.Errorf("surface state %v never came: %v", state, states)
		}
	}
	if states[stateDry] < states[stateIce] {
		t.Errorf("more ice than dry roads: %v", states)
	}
}

func TestRhythm(t *testing.T) {
	w := testWorld(t)
	demand := func(s string) float64 {
		at, err := time.ParseInLocation("2006-01-02 15:04", s, w.zone)
		if err != nil {
			t.Fatal(err)
		}
		return w.demand(at)
	}
	monday, night, sunday := demand("2026-11-23 07:45"), demand("2026-11-23 03:00"), demand("2026-11-22 07:45")
	if monday < 5*night || monday < 3*sunday {
		t.Errorf("monday morning %v, night %v, sunday morning %v", monday, night, sunday)
	}
	// The rush follows the clocks, not the sun.
	if summer := demand("2026-06-22 07:45"); math.Abs(summer-monday) > 1e-9 {
		t.Errorf("summer %v, winter %v", summer, monday)
	}
}

// The stand of a meter is what its power adds up to, however it is asked.
func TestMeter(t *testing.T) {
	w := testWorld(t)
	sensors, _ := build(1, 20)
	s := sensors[1]
	if s.kind != grid {
		t.Fatal("not a grid meter")
	}
	start := january.AddDate(0, 5, 0)
	stand := func(n uint32) (imported, exported, power float64) {
		r := formats[grid].readings(w.sample(s, n, start.Add(time.Duration(n)*5*time.Minute), start))
		return r[10].Value, r[11].Value, r[6].Value + r[7].Value + r[8].Value
	}
	b0, g0, _ := stand(0)
	sum := 0.0
	for n := uint32(1); n <= 288; n++ {
		_, _, p := stand(n)
		sum += p / 12
	}
	b1, g1, _ := stand(288)
	if moved := (b1 - b0) - (g1 - g0); math.Abs(moved-sum) > 200 {
		t.Errorf("the stands moved by %v Wh, the power by %v Wh", moved, sum)
	}
	if g1 == g0 || b1 == b0 {
		t.Errorf("a day in June: %v Wh bought, %v Wh given", b1-b0, g1-g0)
	}
	s.meter = meter{}
	if b, g, _ := stand(288); b != b1 || g != g1 {
		t.Errorf("asked at once: %v and %v, step by step: %v and %v", b, g, b1, g1)
	}
	if b, g, _ := stand(0); b != b0 || g != g0 {
		t.Errorf("asked back: %v and %v, before: %v and %v", b, g, b0, g0)
	}
}
