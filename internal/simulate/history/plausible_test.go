package history_test

import (
	"math"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// seen collects the windows of a quantity by some property of theirs.
type seen struct {
	n        int
	sum      float64
	low, top float64
}

func (s *seen) add(v float64) {
	if s.n == 0 {
		s.low, s.top = v, v
	}
	s.n, s.sum, s.low, s.top = s.n+1, s.sum+v, min(s.low, v), max(s.top, v)
}

func (s *seen) mean() float64 { return s.sum / float64(s.n) }

// TestPlausible makes every ninth day of a year.
func TestPlausible(t *testing.T) {
	m := generator(t, config(40, true)).Maker()
	by := map[string]*seen{}
	add := func(a *devices.Aggregate, of string) {
		k := a.Quantity.Name + " " + of
		if by[k] == nil {
			by[k] = &seen{}
		}
		by[k].add(a.Value())
	}
	coverage, full := 0, 0
	begin := opendata.Day{Year: 2025, Month: 11, Day: 28}
	for n := 0; n < 365; n += 9 {
		day := opendata.DayOf(begin.Span().Start.AddDate(0, 0, n).Add(12 * time.Hour))
		as := day.Span().Start.Add(12 * time.Hour).Weekday()
		err := m.Day(day, func(_ *opendata.Dataset, w opendata.Window, rows []devices.Aggregate) error {
			for i := range rows {
				check(t, &rows[i])
				if w != opendata.Quarter {
					continue
				}
				coverage++
				if rows[i].Coverage == 1 {
					full++
				}
				part := partOf(rows[i].Start, as, day)
				add(&rows[i], part)
				add(&rows[i], seasonOf(day))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if share := float64(full) / float64(coverage); share < 0.95 || share > 0.998 {
		t.Errorf("%.4f of the windows are covered wholly", share)
	}
	compare(t, by)
}

// compare looks at means that differ, and at some that are known.
func compare(t *testing.T, by map[string]*seen) {
	t.Helper()
	mean := func(k string) float64 {
		if by[k] == nil {
			t.Fatalf("nothing of %s", k)
		}
		return by[k].mean()
	}
	for _, c := range []struct {
		more, less string
		times      float64 // at least
	}{
		{"vehicle_count rush", "vehicle_count night", 10},
		{"vehicle_count rush", "vehicle_count sunday morning", 5},
		{"speed_mean night", "speed_mean rush", 1.02},
		{"occupancy rush", "occupancy night", 5},
		{"o3 summer", "o3 winter", 1.3},
		{"pm10 winter", "pm10 summer", 1.1},
		{"no2 rush", "no2 night", 1.3},
		{"surface_temperature summer", "surface_temperature winter", 2},
		{"friction summer", "friction winter", 1.01},
		{"ice_fraction winter", "ice_fraction summer", math.Inf(1)},
		{"load winter", "load night", 1.05},
	} {
		if a, b := mean(c.more), mean(c.less); !(a >= c.times*b) && !(b == 0 && a > 0) {
			t.Errorf("%s is %.4g and %s %.4g, want %g times as much", c.more, a, c.less, b, c.times)
		}
	}
	for k, want := range map[string][2]float64{
		"air_temperature winter": {-3, 7}, "air_temperature summer": {14, 24}, "voltage rush": {226, 238}, "frequency rush": {49.98, 50.02},
		"relative_humidity winter": {60, 95}, "air_pressure summer": {980, 1030}, "precipitation winter": {0.005, 0.2},
	} {
		if got := mean(k); got < want[0] || got > want[1] {
			t.Errorf("%s is %.4g, want %v", k, got, want)
		}
	}
}

// check looks at what holds of every window.
func check(t *testing.T, a *devices.Aggregate) {
	t.Helper()
	q := a.Quantity
	bad := a.Count < 1 || a.Coverage <= 0 || a.Coverage > 1
	switch q.Kind {
	case devices.Gauge:
		bad = bad || !q.Valid(a.Min) || !q.Valid(a.Max) || a.Mean < a.Min || a.Mean > a.Max
	case devices.Category:
		bad = bad || !q.Valid(a.Mode)
		sum := 0.0
		for _, s := range a.Shares {
			sum += s
		}
		bad = bad || len(a.Shares) > 0 && (math.Abs(sum-1) > 1e-9 || a.Shares[int(a.Mode)] == 0)
	default:
		bad = bad || a.Sum < 0 || a.Sum > q.Max*float64(a.Count)
	}
	if bad {
		t.Fatalf("%+v", *a)
	}
}

func partOf(at time.Time, as time.Weekday, day opendata.Day) string {
	hour := at.In(opendata.Berlin()).Hour()
	weekend := as == time.Sunday
	switch {
	case hour < 4:
		return "night"
	case hour == 7 && weekend:
		return "sunday morning"
	case (hour == 7 || hour == 16) && as >= time.Monday && as <= time.Thursday && day.Month != time.December:
		return "rush"
	}
	return "else"
}

func seasonOf(day opendata.Day) string {
	switch day.Month {
	case 12, 1, 2:
		return "winter"
	case 6, 7, 8:
		return "summer"
	}
	return "between"
}

// TestWeatherIsShared compares stations of one and of two municipalities, and
// roads with the rain over them.
func TestWeatherIsShared(t *testing.T) {
	m := generator(t, config(20, true)).Maker()
	rain, states := map[time.Time]float64{}, map[string]*seen{}
	for day := 1; day < 60; day++ {
		type sample struct{ temperatures, rains seen }
		at := map[time.Time]*sample{}
		rows := make1(t, m, opendata.DayOf(time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC)))
		for _, a := range rows[key{"umwelt", opendata.Quarter}] {
			if at[a.Start] == nil {
				at[a.Start] = &sample{}
			}
			switch a.Quantity.Name {
			case "air_temperature":
				at[a.Start].temperatures.add(a.Mean)
			case "precipitation":
				at[a.Start].rains.add(a.Sum)
			}
		}
		for start, s := range at {
			if s.temperatures.top-s.temperatures.low > 5 {
				t.Fatalf("%s: temperatures from %.1f to %.1f °C", start, s.temperatures.low, s.temperatures.top)
			}
			rain[start] = s.rains.low // in both municipalities
		}
		temperatures := map[string]float64{}
		for _, a := range rows[key{"strassenzustand", opendata.Quarter}] {
			k := a.Station + a.Start.String()
			if a.Quantity.Name == "surface_temperature" {
				temperatures[k] = a.Mean
			}
		}
		for _, a := range rows[key{"strassenzustand", opendata.Quarter}] {
			if a.Quantity.Name != "surface_state" || a.Coverage < 1 {
				continue
			}
			state := a.Quantity.Text(a.Mode)
			if states[state] == nil {
				states[state] = &seen{}
			}
			states[state].add(temperatures[a.Station+a.Start.String()])
			if rain[a.Start] > 0.1 && state == "dry" {
				t.Fatalf("%s: it rains %.2f mm and the road at %s is dry", a.Start, rain[a.Start], a.Station)
			}
		}
	}
	for _, state := range []string{"dry", "moist", "wet", "ice"} {
		if states[state] == nil {
			t.Fatalf("no road is ever %s", state)
		}
	}
	for _, state := range []string{"ice", "snow", "slush", "hoarfrost"} {
		if s := states[state]; s != nil && s.top > 0.5 {
			t.Errorf("%s at %.1f °C", state, s.top)
		}
	}
	if s := states["wet"]; s.low < -6 {
		t.Errorf("wet at %.1f °C", s.low)
	}
}

// TestVoltageFollowsLoad correlates the two at each transformer over a week.
func TestVoltageFollowsLoad(t *testing.T) {
	m := generator(t, config(20, true)).Maker()
	type cell struct {
		station string
		start   time.Time
	}
	load, volts := map[cell]float64{}, map[cell]float64{}
	for day := 5; day < 12; day++ {
		for _, a := range make1(t, m, date(2026, 1, day))[key{"energienetz", opendata.Hour}] {
			switch k := (cell{a.Station, a.Start}); a.Quantity.Name {
			case "load":
				load[k] = a.Mean
			case "voltage":
				volts[k] += a.Mean / 3
			}
		}
	}
	var n, sx, sy, sxx, syy, sxy float64
	for k, x := range load {
		y := volts[k]
		n, sx, sy, sxx, syy, sxy = n+1, sx+x, sy+y, sxx+x*x, syy+y*y, sxy+x*y
	}
	r := (n*sxy - sx*sy) / math.Sqrt((n*sxx-sx*sx)*(n*syy-sy*sy))
	if r > -0.4 || math.IsNaN(r) {
		t.Errorf("load and voltage correlate with %.2f, want them to go against each other", r)
	}
}
