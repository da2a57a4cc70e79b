package derived

import (
	"math"
	"testing"
	"time"

	"modellregion/devices"
)

var (
	t0  = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	nan = math.NaN()
)

func all(string) bool                { return true }
func nothing(string) (float64, bool) { return 0, false }

func facts(known map[string]float64) func(string) (float64, bool) {
	return func(name string) (float64, bool) {
		v, ok := known[name]
		return v, ok
	}
}

// a returns a row of a window of 15 minutes that is fully covered by 15
// readings. The value is the sum of a count, the mean of a gauge, the code of
// a category.
func a(quantity, channel string, value float64) devices.Aggregate {
	q, ok := devices.Lookup(quantity)
	if !ok {
		panic("no quantity " + quantity)
	}
	row := devices.Aggregate{Station: "s", Quantity: q, Channel: channel, Start: t0, Window: 15 * time.Minute, Count: 15, Coverage: 1}
	switch q.Kind {
	case devices.Count:
		row.Sum = value
	case devices.Category:
		row.Mode = value
	default:
		row.Mean, row.Min, row.Max = value, value, value
	}
	return row
}

// covered returns the row with another coverage.
func covered(row devices.Aggregate, coverage float64) devices.Aggregate {
	row.Coverage, row.Count = coverage, int(15*coverage)
	return row
}

// derive returns the value of the only row that is derived for a quantity, a
// category's as text, or "none".
func derive(t *testing.T, quantity string, rows []devices.Aggregate, known map[string]float64) (devices.Aggregate, string) {
	t.Helper()
	out := Window("s", rows, func(q string) bool { return q == quantity }, facts(known))
	if len(out) == 0 {
		return devices.Aggregate{}, "none"
	}
	row := out[0]
	if len(out) != 1 || row.Quantity.Name != quantity || row.Station != "s" || !row.Start.Equal(t0) || row.Window != rows[0].Window {
		t.Fatalf("rows %+v, want one of %s as the inputs are", out, quantity)
	}
	return row, row.Quantity.Text(row.Mode)
}

func near6(got, want float64) bool { return math.Abs(got-want) < 5e-7 }
