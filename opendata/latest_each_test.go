package opendata

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

// TestLatestEach: Each has the rows of Rows.
func TestLatestEach(t *testing.T) {
	l := NewLatest()
	t0 := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	q, count := quantity("speed_mean"), quantity("vehicle_count")
	l.Put("verkehr", []devices.Aggregate{
		{Station: "a", Quantity: q, Start: t0, Window: time.Minute, Mean: 1, Percentiles: []devices.Percentile{{P: 85, Value: 2}}},
		{Station: "a", Quantity: q, Start: t0.Add(time.Minute), Window: time.Minute, Mean: 3},
		{Station: "b", Quantity: count, Channel: "l1", Start: t0, Window: time.Minute, Sum: 4, Coverage: 1},
		{Station: "silent", Quantity: q, Start: t0.Add(-Recent - time.Hour), Window: time.Minute, Mean: 5},
	}, t0)
	var got []devices.Aggregate
	l.Each("verkehr", func(a *devices.Aggregate) { got = append(got, *a) })
	slices.SortFunc(got, Compare)
	if diff := cmp.Diff(l.Rows("verkehr"), got); diff != "" || len(got) != 2 {
		t.Errorf("%d rows, want 2; %s", len(got), diff)
	}
	l.Each("fremd", func(*devices.Aggregate) { t.Error("a dataset that is not there has rows") })
}
