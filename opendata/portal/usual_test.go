package portal

import (
	"math"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

func TestUsualOf(t *testing.T) {
	no := math.NaN()
	for _, c := range []struct {
		name   string
		values []float64
		want   usualHour
	}{
		{"nothing", nil, usualHour{}},
		{"two weeks are too few", []float64{10, 20, no}, usualHour{Weeks: 2}},
		{"three weeks", []float64{30, 10, no, 20}, usualHour{Weeks: 3, Median: 20, Low: 15, High: 25, Lowest: 10, Highest: 30}},
		// At 0, 1, 2 and 3: the quartiles lie at .75 and 2.25, the median at 1.5.
		{"four weeks", []float64{40, 10, 30, 20}, usualHour{Weeks: 4, Median: 25, Low: 17.5, High: 32.5, Lowest: 10, Highest: 40}},
		// At 0 to 7: the quartiles lie at 1.75 and 5.25, the median at 3.5.
		{"eight weeks, one of them mad", []float64{1, 2, 3, 4, 5, 6, 7, 1000}, usualHour{Weeks: 8, Median: 4.5, Low: 2.75, High: 6.25, Lowest: 1, Highest: 1000}},
	} {
		if got := usualOf(c.values); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// hourly puts windows of an hour into a fixture that has no stations.
func hourly(f *fixture, station string, q *devices.Quantity, start time.Time, value, coverage float64) {
	a := devices.Aggregate{Station: station, Quantity: q, Start: start.UTC(), Window: time.Hour, Coverage: coverage}
	switch q.Kind {
	case devices.Count:
		a.Sum = value
	case devices.Category:
		a.Mode = value
	default:
		a.Mean = value
	}
	f.rows["verkehr"] = append(f.rows["verkehr"], a)
}

func quantityOf(t *testing.T, name string) *devices.Quantity {
	t.Helper()
	q, ok := devices.Lookup(name)
	if !ok {
		t.Fatalf("there is no quantity %s", name)
	}
	return q
}

func TestUsual(t *testing.T) {
	berlin := opendata.Berlin()
	at := time.Date(2026, 11, 23, 8, 30, 0, 0, berlin) // a Monday
	f := newFixture(t, 0, at)
	vehicles, lage := quantityOf(t, "vehicle_count"), quantityOf(t, "traffic_state")
	for week := 1; week <= 9; week++ {
		// Summer time ended on 25 October: 8 o'clock is 8 o'clock all the same.
		hourly(f, "a", vehicles, time.Date(2026, 11, 23-7*week, 8, 0, 0, 0, berlin), float64(100*week), 1)
		hourly(f, "a", vehicles, time.Date(2026, 11, 24-7*week, 8, 0, 0, 0, berlin), 5, 1) // Tuesdays
		hourly(f, "a", lage, time.Date(2026, 11, 23-7*week, 8, 0, 0, 0, berlin), 1, 1)
		hourly(f, "b", vehicles, time.Date(2026, 11, 23-7*week, 8, 0, 0, 0, berlin), 7, .4) // half of it is missing
	}
	hourly(f, "a", vehicles, time.Date(2026, 11, 16, 9, 0, 0, 0, berlin), 1, 1)
	p := &portal{Config: Config{Datasets: f.datasets, Reader: f}, queries: make(chan struct{}, maxQueries)}
	d := &f.datasets[0]
	u, err := p.usual(t.Context(), d, "a", vehicles, "", at)
	// 100 to 800: the ninth week is too long ago.
	if want := (usualHour{Weeks: 8, Median: 450, Low: 275, High: 625, Lowest: 100, Highest: 800}); err != nil || u.Hours[8] != want {
		t.Errorf("at eight: %+v, %v; want %+v", u.Hours[8], err, want)
	}
	if u.Hours[9].Weeks != 1 || u.Hours[9].Known() || u.Hours[7] != (usualHour{}) {
		t.Errorf("at nine %+v, at seven %+v; want one week and none", u.Hours[9], u.Hours[7])
	}
	asked := len(f.spans)
	if _, err := p.usual(t.Context(), d, "a", vehicles, "", at); err != nil || asked != usualWeeks || len(f.spans) != asked {
		t.Errorf("the store was asked %d times, then %d (%v); want %d and no more", asked, len(f.spans), err, usualWeeks)
	}
	for name, other := range map[string]func() (usual, error){
		"a category":  func() (usual, error) { return p.usual(t.Context(), d, "a", lage, "", at) },
		"half a past": func() (usual, error) { return p.usual(t.Context(), d, "b", vehicles, "", at) },
		"nobody":      func() (usual, error) { return p.usual(t.Context(), d, "nobody", vehicles, "", at) },
		"no hours": func() (usual, error) {
			return p.usual(t.Context(), &opendata.Dataset{ID: "verkehr", Windows: []opendata.Window{opendata.TenMinutes}}, "a", vehicles, "", at)
		},
	} {
		if u, err := other(); err != nil || u.Hours[8].Known() {
			t.Errorf("%s: %+v, %v; want nothing usual", name, u.Hours[8], err)
		}
	}
	f.err = errAway
	if _, err := p.usual(t.Context(), d, "c", vehicles, "", at); err == nil {
		t.Error("without a database there is no error")
	}
}

// TestUsualClocks: the hour that comes twice counts once.
func TestUsualClocks(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	vehicles := quantityOf(t, "vehicle_count")
	for week := range 4 {
		hourly(f, "a", vehicles, time.Date(2026, 10, 25-7*week, 0, 0, 0, 0, time.UTC), 10, 1) // 2:00, on the 25th in summer time
	}
	hourly(f, "a", vehicles, time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), 1000, 1) // 2:00 once more
	p := &portal{Config: Config{Datasets: f.datasets, Reader: f}, queries: make(chan struct{}, maxQueries)}
	u, err := p.usual(t.Context(), &f.datasets[0], "a", vehicles, "", time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	if err != nil || u.Hours[2].Weeks != 4 || u.Hours[2].Highest != 10 {
		t.Errorf("at two: %+v, %v; want four weeks of 10", u.Hours[2], err)
	}
}

func TestPastsAreBounded(t *testing.T) {
	var c pasts
	now := time.Now()
	for i := range 3 * maxUsual {
		c.put(time.Unix(int64(i), 0).String(), &pastDays{read: now}, now)
		if len(c.days) > maxUsual {
			t.Fatalf("%d days are kept, want at most %d", len(c.days), maxUsual)
		}
	}
	c.put("old", &pastDays{read: now.Add(-usualFor)}, now)
	if c.get("old", now) != nil {
		t.Error("what was read an hour ago is still believed")
	}
}
