package derived

import (
	"math"
	"testing"
	"time"

	"modellregion/devices"
)

// monday is the begin of a week in Germany; the weeks of 2026-03-23 and
// 2026-10-19 have an hour less and more.
var monday = time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)

func hours(begin time.Time, n int) devices.Span {
	return devices.Span{Start: begin, End: begin.Add(time.Duration(n) * time.Hour)}
}

// fill returns rows of 10 minutes from interval first on, n of each value.
type run struct {
	n     int
	value float64
}

func fill(quantity, channel string, begin time.Time, runs ...run) []devices.Aggregate {
	var rows []devices.Aggregate
	i := 0
	for _, r := range runs {
		for range r.n {
			if r.value != skip {
				row := a(quantity, channel, r.value)
				row.Start, row.Window, row.Count = begin.Add(time.Duration(i)*tenMinutes), tenMinutes, 10
				rows = append(rows, row)
			}
			i++
		}
	}
	return rows
}

const skip = -1 // nothing was measured

// verdicts returns share and verdict of each channel of a quantity.
func verdicts(t *testing.T, quantity string, span devices.Span, rows []devices.Aggregate, now time.Time) (share map[string]float64, verdict map[string]string, out []devices.Aggregate) {
	t.Helper()
	share, verdict = map[string]float64{}, map[string]string{}
	out = Week(span, rows, now, func(q string) bool { return q == quantity+"_within" || q == quantity+"_quality" })
	for _, row := range out {
		if row.Station != "s" || !row.Start.Equal(span.Start) || row.Window != 7*24*time.Hour {
			t.Fatalf("row %+v, want one of the week", row)
		}
		if row.Quantity.Name == quantity+"_within" {
			share[row.Channel] = row.Mean
		} else {
			verdict[row.Channel] = row.Quantity.Text(row.Mode)
		}
	}
	return share, verdict, out
}

func TestWeekOfVoltage(t *testing.T) {
	for name, c := range map[string]struct {
		runs    []run
		share   float64 // -1: none
		verdict string
	}{
		"good":            {[]run{{1008, 230}}, 100, "met"},
		"on the limits":   {[]run{{504, 207}, {504, 253}}, 100, "met"},
		"one outside":     {[]run{{1007, 230}, {1, 206.9}}, 99.900794, "met"},
		"50 of 1008":      {[]run{{50, 206}, {958, 230}}, 95.039683, "met"},
		"51 of 1008":      {[]run{{51, 206}, {957, 230}}, 94.940476, "missed"},
		"50 of 1000":      {[]run{{50, 206}, {950, 230}, {8, skip}}, 95, "met"}, // exactly 5 %
		"51 of 1000":      {[]run{{51, 206}, {949, 230}, {8, skip}}, 94.9, "missed"},
		"195.5 once":      {[]run{{1, 195.5}, {1007, 230}}, 99.900794, "met"},
		"195.4 once":      {[]run{{1, 195.4}, {1007, 230}}, 99.900794, "missed"},
		"253.1 once":      {[]run{{1, 253.1}, {1007, 230}}, 99.900794, "missed"},
		"interrupted":     {[]run{{6, 0}, {1002, 230}}, 100, "met"}, // an hour: no measure of the voltage
		"908 measured":    {[]run{{908, 230}, {100, skip}}, 100, "met"},
		"907 measured":    {[]run{{907, 230}, {101, skip}}, 100, "unknown"},
		"off for a day":   {[]run{{144, 0}, {864, 230}}, 100, "unknown"},
		"gaps and 254 V":  {[]run{{1, 254}, {99, 230}, {908, skip}}, 99, "missed"},
		"gaps and 51 low": {[]run{{51, 206}, {49, 230}, {908, skip}}, 49, "missed"},
		"gaps and 50 low": {[]run{{50, 206}, {50, 230}, {908, skip}}, 50, "unknown"},
		"an unused input": {[]run{{1008, 0}}, -1, "unknown"},
		"NaN":             {[]run{{8, nan}, {1000, 230}}, 100, "met"},
	} {
		span := hours(monday, 168)
		share, verdict, out := verdicts(t, "voltage", span, fill("voltage", "l1", monday, c.runs...), span.End)
		got, ok := share["l1"]
		if ok != (c.share >= 0) || ok && !near6(got, c.share) || verdict["l1"] != c.verdict {
			t.Errorf("%s: %v %% and %s, want %v and %s", name, got, verdict["l1"], c.share, c.verdict)
		}
		for _, row := range out {
			measured := 0
			for _, r := range c.runs {
				if r.value > 100 {
					measured += r.n
				}
			}
			if row.Count != measured || !near6(row.Coverage, float64(measured)/1008) {
				t.Errorf("%s: %d intervals, coverage %v, want %d of 1008", name, row.Count, row.Coverage, measured)
			}
		}
	}
}

func TestRunningWeek(t *testing.T) {
	span := hours(monday, 168)
	for name, c := range map[string]struct {
		runs    []run
		elapsed int // intervals
		verdict string
	}{
		"begins":                  {[]run{{1, 230}}, 0, ""},
		"first interval":          {[]run{{1, 230}}, 1, "preliminary_met"},
		"first one low":           {[]run{{1, 206}}, 1, "preliminary_met"}, // 1 of at least 144
		"7 low at once":           {[]run{{7, 206}}, 7, "preliminary_met"},
		"8 low at once":           {[]run{{8, 206}}, 8, "preliminary_missed"},
		"8 low, recovered":        {[]run{{8, 206}, {152, 230}}, 160, "preliminary_met"},
		"254 V":                   {[]run{{1, 254}, {200, 230}}, 201, "preliminary_missed"},
		"9 of 10":                 {[]run{{9, 230}, {1, skip}}, 10, "preliminary_met"},
		"8 of 10":                 {[]run{{8, 230}, {2, skip}}, 10, "unknown"},
		"100 of 144":              {[]run{{100, 230}, {44, skip}}, 144, "unknown"},
		"lost, whatever comes":    {[]run{{51, 206}, {49, 230}, {900, skip}}, 1000, "preliminary_missed"},
		"not yet lost, with gaps": {[]run{{50, 206}, {50, 230}, {900, skip}}, 1000, "unknown"},
		"good until now":          {[]run{{1007, 230}}, 1007, "preliminary_met"},
		"not over at now":         {[]run{{10, 230}, {1, 254}}, 10, "preliminary_met"},
	} {
		rows := fill("voltage", "", monday, c.runs...)
		// A second before the next interval is over.
		now := monday.Add(time.Duration(c.elapsed+1)*tenMinutes - time.Second)
		if _, verdict, _ := verdicts(t, "voltage", span, rows, now); verdict[""] != c.verdict {
			t.Errorf("%s: %q, want %q", name, verdict[""], c.verdict)
		}
	}
	rows := fill("voltage", "", monday, run{1008, 230})
	if _, verdict, _ := verdicts(t, "voltage", span, rows, span.End.Add(-time.Nanosecond)); verdict[""] != "preliminary_met" {
		t.Errorf("just before its end the week is %s", verdict[""])
	}
	if out := Week(span, rows, monday.Add(-time.Hour), all); out != nil {
		t.Errorf("before its begin the week has rows %+v", out)
	}
}

func TestWeekWithSummerTime(t *testing.T) {
	for begin, n := range map[time.Time]int{
		time.Date(2026, 3, 22, 23, 0, 0, 0, time.UTC):  167,
		time.Date(2026, 10, 18, 22, 0, 0, 0, time.UTC): 169,
	} {
		span := hours(begin, n)
		// 5 % of 1002 and of 1014 are 50.1 and 50.7.
		for low, want := range map[int]string{50: "met", 51: "missed"} {
			rows := fill("voltage", "l1", begin, run{low, 206}, run{6*n - low, 230})
			if _, verdict, out := verdicts(t, "voltage", span, rows, span.End); verdict["l1"] != want || out[0].Count != 6*n || out[0].Coverage != 1 {
				t.Errorf("%d h with %d low: %s of %d intervals", n, low, verdict["l1"], out[0].Count)
			}
		}
	}
}

func TestPhasesAreJudgedApart(t *testing.T) {
	span := hours(monday, 168)
	rows := fill("voltage", "l1", monday, run{1008, 230})
	rows = append(rows, fill("voltage", "l2", monday, run{51, 254}, run{957, 230})...)
	rows = append(rows, fill("voltage", "l3", monday, run{500, 230})...)
	share, verdict, out := verdicts(t, "voltage", span, rows, span.End)
	if len(out) != 6 || verdict["l1"] != "met" || verdict["l2"] != "missed" || verdict["l3"] != "unknown" || share["l3"] != 100 {
		t.Errorf("shares %v, verdicts %v", share, verdict)
	}
	for i, channel := range []string{"l1", "l1", "l2", "l2", "l3", "l3"} {
		if out[i].Channel != channel {
			t.Errorf("row %d is of %s, want %s", i, out[i].Channel, channel)
		}
	}
}

func TestWeekOfUnbalance(t *testing.T) {
	span := hours(monday, 168)
	for name, c := range map[string]struct {
		rows    []devices.Aggregate
		share   float64
		verdict string
	}{
		"on the limit": {fill("voltage_unbalance", "", monday, run{1008, 2}), 100, "met"},
		"50 above":     {fill("voltage_unbalance", "", monday, run{50, 9}, run{958, 1}), 95.039683, "met"},
		"51 above":     {fill("voltage_unbalance", "", monday, run{51, 2.01}, run{957, 1}), 94.940476, "missed"},
		// 14 ÷ 700 is 2 %, 17 ÷ 697 is 2.4 %.
		"of voltages": {append(append(fill("voltage", "l1", monday, run{1008, 238}), fill("voltage", "l2", monday, run{957, 224}, run{51, 221})...),
			fill("voltage", "l3", monday, run{1008, 238})...), 94.940476, "missed"},
		"a phase missing": {append(fill("voltage", "l1", monday, run{1008, 238}), fill("voltage", "l2", monday, run{1008, 221})...), 0, ""},
	} {
		share, verdict, _ := verdicts(t, "voltage_unbalance", span, c.rows, span.End)
		if !near6(share[""], c.share) || verdict[""] != c.verdict {
			t.Errorf("%s: %v %% and %s, want %v and %s", name, share[""], verdict[""], c.share, c.verdict)
		}
	}
}

func TestWeekOfFrequency(t *testing.T) {
	span := hours(monday, 168)
	with := func(count int, low, mean, high float64) devices.Aggregate {
		row := fill("frequency", "", monday, run{1, mean})[0]
		row.Count, row.Min, row.Max = count, low, high
		return row
	}
	for name, c := range map[string]struct {
		first   devices.Aggregate // the other 999 intervals are good, 8 missing
		outside float64           // intervals
		verdict string
	}{
		"on the limits":      {with(60, 49.5, 50, 50.5), 0, "met"},
		"a reading low":      {with(60, 49.4, 50, 50.1), 1. / 60, "met"},
		"both ends":          {with(60, 49.4, 50, 50.6), 2. / 60, "met"},
		"the mean low":       {with(60, 49.3, 49.4, 49.6), 1, "met"},
		"one reading, low":   {with(1, 49.4, 49.4, 49.4), 1, "met"},
		"two, one low":       {with(2, 49.4, 49.9, 50.4), 0.5, "met"},
		"52 Hz":              {with(60, 50, 50.2, 52), 1. / 60, "met"},
		"52.1 Hz of 60":      {with(60, 50, 50.2, 52.1), 1. / 60, "missed"},
		"46.9 Hz of 54":      {with(54, 46.9, 50, 50.1), 1. / 54, "missed"},
		"46.9 Hz of 53":      {with(53, 46.9, 50, 50.1), 1. / 53, "met"}, // not the 10-second means
		"a mean of 46.9 Hz":  {with(5, 46, 46.9, 47.5), 1, "missed"},
		"no extremes":        {with(10, 0, 50, 0), 0, "met"},
		"extremes are NaN":   {with(10, nan, 50, nan), 0, "met"},
		"readings not known": {with(0, 49.4, 50, 50), 0, "met"},
	} {
		rows := append(fill("frequency", "", monday, run{1, skip}, run{999, 50}), c.first)
		share, verdict, _ := verdicts(t, "frequency", span, rows, span.End)
		if want := 100 * (1 - c.outside/1000); !near6(share[""], want) || verdict[""] != c.verdict {
			t.Errorf("%s: %v %% and %s, want %v and %s", name, share[""], verdict[""], want, c.verdict)
		}
	}
	for outside, want := range map[int]string{5: "met", 6: "missed"} { // of 1000, 99.5 %
		rows := fill("frequency", "", monday, run{outside, 49.4}, run{1000 - outside, 50})
		if _, verdict, _ := verdicts(t, "frequency", span, rows, span.End); verdict[""] != want {
			t.Errorf("%d of 1000 intervals outside are %s, want %s", outside, verdict[""], want)
		}
	}
}

// TestWeekPassesOver what is not an interval of ten minutes of the week.
func TestWeekPassesOver(t *testing.T) {
	span := hours(monday, 168)
	good := fill("voltage", "", monday, run{1008, 230})
	bad := fill("voltage", "", monday, run{4, 300})
	bad[0].Start = monday.Add(-tenMinutes)
	bad[1].Start = span.End
	bad[2].Start = monday.Add(5 * time.Minute)
	bad[3].Window = time.Hour
	thin := fill("voltage", "thin", monday, run{1008, 230})
	for i := range thin {
		thin[i].Coverage = 0.49
	}
	hidden := fill("voltage", "hidden", monday, run{1008, 300})
	for i := range hidden {
		hidden[i].Suppressed = true
	}
	rows := append(append(append(bad, good...), thin...), hidden...)
	share, verdict, out := verdicts(t, "voltage", span, rows, span.End)
	if len(out) != 3 || share[""] != 100 || verdict[""] != "met" || verdict["thin"] != "unknown" {
		t.Errorf("shares %v, verdicts %v", share, verdict)
	}
	if out := Week(span, good, span.End, func(q string) bool { return q == "voltage_quality" }); len(out) != 1 || out[0].Quantity.Name != "voltage_quality" {
		t.Errorf("rows %+v, want the verdict alone", out)
	}
	if out := Week(devices.Span{Start: span.End, End: span.Start}, good, span.End, all); out != nil {
		t.Errorf("a week that ends before it begins has rows %+v", out)
	}
	interrupted := good[0]
	interrupted.Min, interrupted.Mean, interrupted.Max = 0, 150, 231
	if share, verdict, _ := verdicts(t, "voltage", span, append(good[1:], interrupted), span.End); share[""] != 100 || verdict[""] != "met" {
		t.Errorf("an interval with an interruption is judged: %v %v", share, verdict)
	}
	if math.Abs(interruption-11.5) > 1e-12 {
		t.Errorf("a voltage below %v V is an interruption, want 11.5", interruption)
	}
}
