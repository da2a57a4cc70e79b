package household

import (
	"math"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

var (
	plain  = opendata.Day{Year: 2026, Month: 11, Day: 23}.Span()
	spring = opendata.Day{Year: 2026, Month: 3, Day: 29}.Span()
	autumn = opendata.Day{Year: 2026, Month: 10, Day: 25}.Span()
)

// readings are those of a meter at the given minutes after midnight, at a
// steady power, W, from 7 MWh on.
func readings(day devices.Span, watt float64, minutes ...int) (times []int64, values []float64) {
	for _, m := range minutes {
		times = append(times, day.Start.Add(time.Duration(m)*time.Minute).UnixMilli())
		values = append(values, 7e6+watt*float64(m)/60)
	}
	return times, values
}

func every15(from, to int) (minutes []int) {
	for m := from; m <= to; m += 15 {
		minutes = append(minutes, m)
	}
	return minutes
}

func TestConsume(t *testing.T) {
	whole := every15(0, 24*60)
	without := func(from, to int) (kept []int) { // minutes strictly between are missing
		for _, m := range whole {
			if m <= from || m >= to {
				kept = append(kept, m)
			}
		}
		return kept
	}
	for name, tc := range map[string]struct {
		day     devices.Span
		minutes []int
		change  func(times []int64, values []float64)
		broken  bool
	}{
		"every quarter":           {day: plain, minutes: whole},
		"shifted by 7 minutes":    {day: plain, minutes: every15(-8, 24*60+7)},
		"every 2 hours":           {day: plain, minutes: []int{-60, 60, 180, 300, 420, 540, 660, 780, 900, 1020, 1140, 1260, 1380, 1500}},
		"a gap of 2 hours":        {day: plain, minutes: without(600, 720)},
		"a longer gap":            {day: plain, minutes: without(600, 735), broken: true},
		"begins late":             {day: plain, minutes: every15(15, 24*60), broken: true},
		"ends early":              {day: plain, minutes: every15(0, 24*60-15), broken: true},
		"one reading":             {day: plain, minutes: []int{600}, broken: true},
		"summer time begins":      {day: spring, minutes: every15(0, 23*60)},
		"summer time ends":        {day: autumn, minutes: every15(0, 25*60)},
		"an hour short of that":   {day: autumn, minutes: every15(0, 24*60), broken: true},
		"a report without it":     {day: plain, minutes: whole, change: func(_ []int64, v []float64) { v[40], v[41] = math.NaN(), math.Inf(1) }},
		"said twice":              {day: plain, minutes: whole, change: func(ts []int64, v []float64) { ts[40], v[40] = ts[39], v[39] }},
		"two at one time":         {day: plain, minutes: whole, change: func(ts []int64, _ []float64) { ts[40] = ts[39] }, broken: true},
		"not in order":            {day: plain, minutes: whole, change: func(ts []int64, _ []float64) { ts[40], ts[41] = ts[41], ts[40] }, broken: true},
		"set back":                {day: plain, minutes: whole, broken: true, change: func(_ []int64, v []float64) { subtract(v[50:], 7e6) }},
		"exchanged for more":      {day: plain, minutes: whole, broken: true, change: func(_ []int64, v []float64) { subtract(v[50:], -1e5) }},
		"set back after midnight": {day: plain, minutes: every15(-120, 24*60), change: func(_ []int64, v []float64) { subtract(v[9:], 7e6) }, broken: true},
		"set back before it":      {day: plain, minutes: every15(-120, 24*60), change: func(_ []int64, v []float64) { subtract(v[8:], 7e6) }},
	} {
		t.Run(name, func(t *testing.T) {
			const watt = 1200
			times, values := readings(tc.day, watt, tc.minutes...)
			if tc.change != nil {
				tc.change(times, values)
			}
			got := consume(times, values, tc.day)
			if got.broken != tc.broken || got.amounts == nil {
				t.Fatalf("broken %t, want %t", got.broken, tc.broken)
			}
			if got.broken {
				return
			}
			if want := tc.day.End.Sub(tc.day.Start).Minutes() / 15; len(got.amounts) != int(want) {
				t.Errorf("%d quarter hours, want %v", len(got.amounts), want)
			}
			for i, v := range got.amounts {
				if math.Abs(v-watt/4) > 1e-6 {
					t.Errorf("quarter hour %d has %v Wh, want %d", i, v, watt/4)
				}
			}
		})
	}
	// The meter that was exchanged the evening before is none of the day.
	for _, minutes := range [][]int{nil, every15(-120, -15), every15(24*60, 25*60)} {
		times, values := readings(plain, 1200, minutes...)
		if got := consume(times, values, plain); got.amounts != nil || got.broken {
			t.Errorf("a register without readings in the day is %+v", got)
		}
	}
}

func subtract(values []float64, v float64) {
	for i := range values {
		values[i] -= v
	}
}

// TestConsumeSpreads: what is counted over a boundary is shared by time, and
// nothing gets lost.
func TestConsumeSpreads(t *testing.T) {
	times, values := readings(plain, 0, every15(-10, 24*60+5)...)
	for i := 1; i < len(values); i++ {
		values[i] = values[i-1] + float64(i)
	}
	got := consume(times, values, plain)
	// Reading i is at 15·i-10 minutes: of the difference up to reading 1, the
	// last 5 of 15 minutes are in the first quarter hour, with 10 of the next.
	if want := 1*5.0/15 + 2*10.0/15; got.broken || math.Abs(got.amounts[0]-want) > 1e-9 {
		t.Errorf("first quarter hour has %v Wh, want %v (broken %t)", got.amounts[0], want, got.broken)
	}
	first, last := values[0]+1*10.0/15, values[96]-0 // interpolated at both midnights
	last += (values[97] - values[96]) * 10.0 / 15
	if day := sum(got.amounts); math.Abs(day-(last-first)) > 1e-6 {
		t.Errorf("the day has %v Wh, the meter counted %v", day, last-first)
	}
}

func TestIntake(t *testing.T) {
	whole, half := every15(0, 24*60), every15(0, 12*60)
	series := func(station, channel string, watt float64, minutes []int) devices.Series {
		times, values := readings(plain, watt, minutes...)
		nothing := make([]float64, len(values))
		for i := range nothing {
			nothing[i] = math.NaN()
		}
		return devices.Series{Station: station, Channel: channel, Times: times, Values: [][]float64{values, nothing}}
	}
	two := series("m1", "", 400, append(append([]int{}, whole...), whole...)) // of two devices
	two.Devices = make([]uint16, len(two.Times))
	for i := len(whole); i < len(two.Devices); i++ {
		two.Devices[i] = 1
	}
	swapped := series("m1", "", 400, whole)
	swapped.Devices = make([]uint16, len(whole))
	for i := 50; i < len(whole); i++ {
		swapped.Devices[i] = 3
	}
	one := []devices.Household{{Station: "m1"}}
	both := []devices.Household{{Station: "m1"}, {Station: "m2"}}
	for name, tc := range map[string]struct {
		meters []devices.Household
		series []devices.Series
		want   float64 // Wh a day; 0: not complete
	}{
		"one meter":             {one, []devices.Series{series("m1", "", 100, whole)}, 2400},
		"two meters":            {both, []devices.Series{series("m1", "", 100, whole), series("m2", "", 200, whole)}, 7200},
		"the second is silent":  {both, []devices.Series{series("m1", "", 100, whole)}, 0},
		"the second stops":      {both, []devices.Series{series("m1", "", 100, whole), series("m2", "", 200, half)}, 0},
		"phases add up":         {one, []devices.Series{series("m1", "l1", 100, whole), series("m1", "l2", 200, whole)}, 7200},
		"a phase stops":         {one, []devices.Series{series("m1", "l1", 100, whole), series("m1", "l2", 200, half)}, 0},
		"phases of a whole":     {one, []devices.Series{series("m1", "l1", 100, half), series("m1", "", 300, whole)}, 7200},
		"two devices add up":    {one, []devices.Series{two}, 19200},
		"exchanged at noon":     {one, []devices.Series{swapped}, 0},
		"others' are not taken": {one, []devices.Series{series("m1", "", 100, whole), series("x", "", 9e5, whole)}, 2400},
	} {
		t.Run(name, func(t *testing.T) {
			stations, err := read(t.Context(), seriesList(tc.series), "energy", make([]*devices.Quantity, 2), tc.meters, plain)
			if err != nil {
				t.Fatal(err)
			}
			got := total(tc.meters, stations, 2)
			if tc.want == 0 {
				if got != nil {
					t.Errorf("is complete, with %v Wh", sum(got[0]))
				}
				return
			}
			if got == nil || math.Abs(sum(got[0])-tc.want) > 1e-6 || got[1] != nil {
				t.Errorf("is %v, want %v Wh of the first quantity alone", got, tc.want)
			}
		})
	}
}
