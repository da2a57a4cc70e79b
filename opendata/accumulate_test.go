package opendata

import (
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"modellregion/devices"
)

// at is minute n of a test, in Unix milliseconds.
func at(minute float64) int64 {
	return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).UnixMilli() + int64(minute*60_000)
}

// said makes a series of one quantity; NaN stands for none.
func said(minutes, values []float64, numbers ...uint16) *devices.Series {
	s := &devices.Series{Station: "a", Values: [][]float64{values}, Devices: numbers}
	for _, m := range minutes {
		s.Times = append(s.Times, at(m))
	}
	return s
}

// window1 computes the quarter hour that begins at minute 0.
func window1(q *devices.Quantity, s *devices.Series, percentiles ...int) devices.Aggregate {
	var a accumulator
	var c column
	w := slot{at(0), at(15), time.Hour.Milliseconds()}
	switch q.Kind {
	case devices.Meter:
		c.fill(s, q, s.Values[0])
		a.differences(q, &c, w)
	case devices.Category:
		c.fill(s, q, s.Values[0])
		a.states(q, &c, w)
	default:
		lo, _ := slices.BinarySearch(s.Times, w.begin)
		hi, _ := slices.BinarySearch(s.Times, w.end)
		a.levels(q, s.Values[0][lo:hi], true)
	}
	if a.count == 0 {
		return devices.Aggregate{}
	}
	return a.row(q, percentiles)
}

func TestAccumulate(t *testing.T) {
	nan := math.NaN()
	voltage, count, meter, pulses := quantity("voltage"), quantity("vehicle_count"), quantity("energy_import"), quantity("pulse_count")
	parking := quantity("parking_occupied")
	for _, c := range []struct {
		name string
		q    *devices.Quantity
		s    *devices.Series
		want devices.Aggregate
	}{
		{"gauge", voltage, said([]float64{-1, 0, 5, 14.99, 15}, []float64{99, 230, 232, 228, 99}), devices.Aggregate{Count: 3, Mean: 230, Min: 228, Max: 232}},
		{"gauge: gaps and what cannot be", voltage, said([]float64{0, 1, 2, 3}, []float64{nan, 230, -5, 5000}), devices.Aggregate{Count: 1, Mean: 230, Min: 230, Max: 230}},
		{"gauge: nothing in it", voltage, said([]float64{-1, 15}, []float64{230, 230}), devices.Aggregate{}},
		{"count", count, said([]float64{0, 5, 15}, []float64{3, 4, 100}), devices.Aggregate{Count: 2, Sum: 7}},

		{"meter: from the reading before", meter, said([]float64{-10, 5, 10, 20}, []float64{100, 130, 150, 999}), devices.Aggregate{Count: 2, Sum: 50}},
		{"meter: which may be an hour before the window", meter, said([]float64{-60, 5}, []float64{100, 130}), devices.Aggregate{Count: 1, Sum: 30}},
		{"meter: and no more", meter, said([]float64{-60.1, 5}, []float64{100, 130}), devices.Aggregate{Count: 1}},
		{"meter: alone", meter, said([]float64{5}, []float64{130}), devices.Aggregate{Count: 1}},
		{"meter: nothing in it", meter, said([]float64{-5, 20}, []float64{100, 130}), devices.Aggregate{}},
		{"meter: reset", meter, said([]float64{-5, 5, 10}, []float64{100, 3, 8}), devices.Aggregate{Count: 2, Sum: 5}},
		{"meter: swapped for one with more", meter, said([]float64{-5, 5, 10}, []float64{100, 9e9, 9e9 + 8}), devices.Aggregate{Count: 2, Sum: 8}},
		{"meter: no limit is known", pulses, said([]float64{-5, 5}, []float64{100, 9e9}), devices.Aggregate{Count: 1, Sum: 9e9 - 100}},
		{"meter: two of them", meter, said([]float64{-5, -4, 5, 6, 10}, []float64{100, 7000, 110, 7001, 125}, 0, 1, 0, 1, 0), devices.Aggregate{Count: 3, Sum: 26}},
		{"meter: the other's is not the one before", meter, said([]float64{-4, 5}, []float64{7000, 7100}, 1, 0), devices.Aggregate{Count: 1}},

		{"category: held from before", parking, said([]float64{-5, 3}, []float64{1, 0}), devices.Aggregate{Count: 1, Mode: 0, Shares: []float64{0.8, 0.2}}},
		{"category: not for ever", parking, said([]float64{-50, 12}, []float64{1, 0}), devices.Aggregate{Count: 1, Mode: 1, Shares: []float64{3.0 / 13, 10.0 / 13}}},
		{"category: not at all", parking, said([]float64{-60, 12}, []float64{1, 0}), devices.Aggregate{Count: 1, Mode: 0, Shares: []float64{1, 0}}},
		{"category: until the next, which is not in it", parking, said([]float64{6, 18}, []float64{1, 0}), devices.Aggregate{Count: 1, Mode: 1, Shares: []float64{0, 1}}},
		{"category: the same time", parking, said([]float64{0, 7.5}, []float64{0, 1}), devices.Aggregate{Count: 2, Mode: 1, Shares: []float64{0.5, 0.5}}},
		{"category: two at once", parking, said([]float64{3, 3}, []float64{1, 0}), devices.Aggregate{Count: 2, Mode: 1, Shares: []float64{0, 1}}},
		{"category: a code that it has not", parking, said([]float64{3, 6, 9}, []float64{1, 7, 0.5}), devices.Aggregate{Count: 1, Mode: 1, Shares: []float64{0, 1}}},
		{"category: held only", parking, said([]float64{-3, 20}, []float64{1, 0}), devices.Aggregate{}},
	} {
		if c.want.Count > 0 {
			c.want.Quantity = c.q
		}
		if got := window1(c.q, c.s); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestMeterIsConserved: windows without a gap add up to the whole, wherever
// they are cut.
func TestMeterIsConserved(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s := &devices.Series{Values: [][]float64{nil}}
	for n, v := 0, 1000.0; n < 400; n++ {
		v += float64(rnd.IntN(50))
		s.Times, s.Values[0] = append(s.Times, at(float64(n))), append(s.Values[0], v)
	}
	q := quantity("energy_import")
	var c column
	c.fill(s, q, s.Values[0])
	for _, length := range []float64{1, 7, 15, 60, 400} {
		sum := 0.0
		for begin := 0.0; begin < 400; begin += length {
			var a accumulator
			a.differences(q, &c, slot{at(begin), at(begin + length), time.Hour.Milliseconds()})
			sum += a.sum.value()
		}
		if want := s.Values[0][399] - s.Values[0][0]; sum != want {
			t.Errorf("windows of %v minutes add up to %v, want %v", length, sum, want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	q := quantity("speed_mean")
	for _, c := range []struct {
		values []float64
		want   []float64 // 1, 50, 85, 99
	}{
		{[]float64{50}, []float64{50, 50, 50, 50}},
		{[]float64{30, 10, 20, 40}, []float64{10, 20, 40, 40}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, []float64{1, 10, 17, 20}},
	} {
		minutes := make([]float64, len(c.values))
		got := window1(q, said(minutes, c.values), 1, 50, 85, 99)
		for i, p := range []int{1, 50, 85, 99} {
			if got.Percentiles[i] != (devices.Percentile{P: p, Value: c.want[i]}) {
				t.Errorf("%v: percentile %+v, want %v", c.values, got.Percentiles[i], c.want[i])
			}
		}
	}
}

// TestManyReadings: above what is kept, percentiles are near, never above the
// highest, and do not depend on the order.
func TestManyReadings(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 3*exactly)
	for i := range values {
		values[i] = rnd.NormFloat64() * 20
	}
	var first []devices.Percentile
	for range 3 {
		var s sample
		for _, v := range values {
			s.add(v)
		}
		got := s.percentiles([]int{1, 50, 99})
		if first == nil {
			first = got
		}
		if !reflect.DeepEqual(got, first) {
			t.Fatalf("another order gives %v, not %v", got, first)
		}
		rnd.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	}
	slices.Sort(values)
	for _, p := range first {
		exact := values[(p.P*len(values)+99)/100-1]
		if p.Value < exact || p.Value > exact+math.Abs(exact)/500 {
			t.Errorf("percentile %d is %v, exactly %v", p.P, p.Value, exact)
		}
	}
}

// TestExactSum compares with rational numbers.
func TestExactSum(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 300 {
		var s exactSum
		exact := new(big.Rat)
		for range rnd.IntN(40) {
			v := rnd.NormFloat64() * math.Pow(2, float64(rnd.IntN(120)-60))
			s.add(v)
			exact.Add(exact, new(big.Rat).SetFloat64(v))
		}
		want, _ := exact.Float64()
		if got := s.value(); got != want {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
	}
	var s exactSum
	for _, v := range []float64{1e16, 1, -1e16, 1e-30} {
		s.add(v)
	}
	if got := s.value(); got != 1 {
		t.Errorf("1e16 + 1 − 1e16 + 1e-30 is %v", got)
	}
}

func TestDecimal(t *testing.T) {
	for v, want := range map[float64]float64{
		230.39999999999998: 230.4, 1016.6500000000001: 1016.65, -7.000000000000001: -7, 0.1 + 0.2: 0.3, 1.0 / 3: 0.333333333333,
		0: 0, 999_999_999_999.4: 999_999_999_999, 1e15 + 0.125: 1e15 + 0.125, 3e-11: 3e-11, 1.00000000000049e-5: 1e-5,
	} {
		if got := decimal(v); got != want {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
	// A second time changes nothing.
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		v := (random.Float64() - 0.5) * math.Pow10(random.IntN(24)-10)
		once := decimal(v)
		if twice := decimal(once); twice != once || math.Abs(once-v) > 1e-11*math.Abs(v) {
			t.Fatalf("%v: %v, then %v", v, once, twice)
		}
	}
}
