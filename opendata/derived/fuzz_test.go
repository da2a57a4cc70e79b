package derived

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"modellregion/devices"
)

// strange are values at the borders of the rules and far beyond what is
// possible.
var strange = []float64{
	0, 1, 2, 5, 10, 15, 25, 35, 50, 200, 207, 195.5, 230, 253, 11.5, 0.1, 0.3, 0.5, -1, -5, 49.5, 50.5, 47, 52, 1e3, 5e7, 1e15,
	nan, math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1),
}

// randomRows returns rows of any quantity with strange values in the intervals
// from begin on.
func randomRows(rnd *rand.Rand, n int, begin time.Time, length time.Duration, intervals int) []devices.Aggregate {
	names := []string{"luck"}
	for _, q := range []string{"traffic_state", "load", "surface_state", "voltage_unbalance_quality", "frequency_quality"} {
		names = append(names, Inputs(q)...)
	}
	names = append(names, "surface_state", "load")
	channels := []string{"", "l1", "l2", "l3", "lane1"}
	value := func() float64 {
		if rnd.IntN(2) == 0 {
			return strange[rnd.IntN(len(strange))]
		}
		return 300 * rnd.Float64()
	}
	rows := make([]devices.Aggregate, n)
	for i := range rows {
		q, _ := devices.Lookup(names[rnd.IntN(len(names))])
		rows[i] = devices.Aggregate{
			Station: "s", Quantity: q, Channel: channels[rnd.IntN(len(channels))], Start: begin.Add(time.Duration(rnd.IntN(intervals)) * length), Window: length,
			Count: []int{0, 1, 2, 10, 54, 60, -1}[rnd.IntN(7)], Mean: value(), Min: value(), Max: value(), Sum: value(), Mode: value(),
			Coverage: []float64{1, 1, 0.9, 0.5, 0.4, nan, -1, math.Inf(1)}[rnd.IntN(8)], Suppressed: rnd.IntN(20) == 0,
		}
	}
	return rows
}

// check wants possible numbers, and each series once.
func check(t *testing.T, rows []devices.Aggregate) {
	t.Helper()
	seen := map[[2]string]bool{}
	for _, r := range rows {
		key := [2]string{r.Quantity.Name, r.Channel}
		if seen[key] {
			t.Errorf("two rows of %s on %q", r.Quantity.Name, r.Channel)
		}
		seen[key] = true
		if !r.Quantity.Valid(r.Value()) || !(r.Coverage >= 0 && r.Coverage <= 1) {
			t.Errorf("row %+v of %s has an impossible value", r, r.Quantity.Name)
		}
		if r.Quantity.Kind == devices.Gauge && !(r.Min <= r.Mean && r.Mean <= r.Max && r.Quantity.Valid(r.Min) && r.Quantity.Valid(r.Max)) {
			t.Errorf("row %+v of %s has impossible extremes", r, r.Quantity.Name)
		}
		if r.Sum != 0 {
			t.Errorf("row %+v of %s has a number that it does not mean", r, r.Quantity.Name)
		}
	}
}

func shuffled(rnd *rand.Rand, rows []devices.Aggregate) []devices.Aggregate {
	out := append([]devices.Aggregate(nil), rows...)
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func FuzzWindow(f *testing.F) {
	f.Add(uint64(1), uint8(5), uint8(1), 50.0)
	f.Add(uint64(2), uint8(60), uint8(15), 630e3)
	f.Add(uint64(3), uint8(200), uint8(60), 0.3)
	f.Add(uint64(4), uint8(60), uint8(10), math.SmallestNonzeroFloat64)
	f.Add(uint64(5), uint8(60), uint8(10), math.Inf(1))
	f.Fuzz(func(t *testing.T, seed uint64, n, minutes uint8, known float64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		rows := randomRows(rnd, int(n), t0, time.Duration(minutes)*time.Minute, 1)
		fact := func(string) (float64, bool) { return known, true }
		want := Window("s", rows, all, fact)
		check(t, want)
		if got := Window("s", shuffled(rnd, rows), all, fact); !reflect.DeepEqual(got, want) {
			t.Errorf("in another order %+v, want %+v", got, want)
		}
	})
}

func FuzzWeek(f *testing.F) {
	for seed, now := range []int{0, 1, 7, 100, 167, 168, 169, 1000, -5} {
		f.Add(uint64(seed), uint16(300*seed), int16(now), int16(168))
	}
	f.Add(uint64(9), uint16(50), int16(3), int16(0))
	f.Add(uint64(10), uint16(50), int16(3), int16(-168))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, now, length int16) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		rows := randomRows(rnd, int(n%3000), monday, tenMinutes, 1+int(n)%1100)
		span := hours(monday, int(length)%1000)
		at := monday.Add(time.Duration(now) * time.Hour)
		want := Week(span, rows, at, all)
		check(t, want)
		if got := Week(span, shuffled(rnd, rows), at, all); !reflect.DeepEqual(got, want) {
			t.Errorf("in another order %+v, want %+v", got, want)
		}
	})
}

// TestMany runs the same properties over more seeds than the fuzz tests have.
func TestMany(t *testing.T) {
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, binary.BigEndian.Uint64([]byte("derived!"))))
		rows := randomRows(rnd, rnd.IntN(40), t0, 10*time.Minute, 1)
		known := strange[rnd.IntN(len(strange))]
		fact := func(string) (float64, bool) { return known, known != 1 }
		want := Window("s", rows, all, fact)
		check(t, want)
		if got := Window("s", shuffled(rnd, rows), all, fact); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order %+v, want %+v", got, want)
		}
	}
}
