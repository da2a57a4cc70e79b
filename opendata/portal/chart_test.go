package portal

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// addWindows adds longer windows of what a fixture has of a station for so many
// days before, one value a window.
func addWindows(f *fixture, station, quantity string, w opendata.Window, days int, until time.Time, v func(time.Time) float64) {
	q, _ := devices.Lookup(quantity)
	d := f.setOf(q)
	for start := w.Begin(until.AddDate(0, 0, -days)); start.Before(until); start = w.End(start) {
		a := devices.Aggregate{Station: station, Quantity: q, Start: start, Window: time.Duration(w), Count: 4, Coverage: 1}
		x := v(start)
		if math.IsNaN(x) {
			continue
		}
		switch q.Kind {
		case devices.Count:
			a.Sum = x
		case devices.Category:
			a.Mode = x
		default:
			a.Mean, a.Min, a.Max = x, x-1, x+2
		}
		f.rows[d.ID] = append(f.rows[d.ID], a)
	}
}

func (f *fixture) setOf(q *devices.Quantity) *opendata.Dataset {
	for i := range f.datasets {
		if f.datasets[i].Has(q) {
			return &f.datasets[i]
		}
	}
	return nil
}

// stationOf returns the first station of a domain.
func (f *fixture) stationOf(domain string) devices.Station {
	return f.places[slices.IndexFunc(f.places, func(s devices.Station) bool { return string(s.Domain) == domain })]
}

func TestSeriesFits(t *testing.T) {
	now := midWindow()
	f := newFixture(t, 5, now)
	s := f.stationOf("environment")
	for _, w := range []opendata.Window{opendata.Hour, opendata.Day24} {
		addWindows(f, s.ID, "air_temperature", w, 400, now, func(at time.Time) float64 { return float64(at.Day()) })
	}
	h := f.handler(t, BaseMap{})
	for _, c := range []struct {
		query, window string
		least, most   int // windows
	}{
		{"&span=hour", "15m", 4, 4},
		{"", "15m", 96, 96}, {"&span=week", "15m", 96, 96}, // a day is all that there is: the time before it is left out
		{"&span=month", "1h", 720, 721}, {"&span=year", "1d", 365, 367},
		{"&from=2026-10-25T00:00:00%2B02:00&to=2026-10-26T00:00:00%2B01:00&window=1d", "1d", 1, 1},
		{"&from=2026-10-24T22:00:00Z&to=2026-10-25T23:00:00Z&window=1h", "1h", 25, 25},
	} {
		var got seriesAnswer
		r := get(h, "GET", "/api/v1/series?station="+s.ID+"&quantity=air_temperature"+c.query)
		if err := json.Unmarshal([]byte(body(t, r)), &got); err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: %d, %v", c.query, r.StatusCode, err)
		}
		if got.Window != c.window || len(got.Times) < c.least || len(got.Times) > c.most {
			t.Errorf("%q: %d windows of %s, want %d to %d of %s", c.query, len(got.Times), got.Window, c.least, c.most, c.window)
		}
		for _, one := range got.Channels {
			if (one.Min != nil) != (c.window != "15m") {
				t.Errorf("%q: least readings %v in windows of %s", c.query, one.Min != nil, c.window)
			}
			if len(one.Values) != len(got.Times) {
				t.Errorf("%q: %d values at %d times", c.query, len(one.Values), len(got.Times))
			}
		}
	}
}

func TestSeriesRefused(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	h := f.handler(t, BaseMap{})
	station := f.stationOf("traffic").ID
	for query, want := range map[string]int{
		"quantity=vehicle_count&window=1w": 400, "quantity=vehicle_count&window=15": 400, "quantity=vehicle_count&span=decade": 400, "quantity=voltage": 404,
		"quantity=vehicle_count&from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z&window=15m": 400,
		"quantity=vehicle_count&from=1926-01-01T00:00:00Z&to=2026-12-01T00:00:00Z":            400,
		"quantity=vehicle_count&from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z":            400,
		"quantity=vehicle_count&from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z&window=1h":  200,
		"quantity=vehicle_count&from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z":            200,
		"quantity=vehicle_count&from=" + strings.Repeat("9", 5000):                            400,
	} {
		if r := get(h, "GET", "/api/v1/series?station="+station+"&"+query); r.StatusCode != want {
			t.Errorf("%.80s: %d, want %d: %.200s", query, r.StatusCode, want, body(t, r))
		}
	}
	f.most = 0
	if r := get(h, "GET", "/api/v1/series.csv?station="+station+"&quantity=vehicle_count&from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z&window=15m"); r.StatusCode != 200 {
		t.Errorf("most of a year as CSV: %d", r.StatusCode)
	}
	if f.most > maxPart {
		t.Errorf("the store is asked for %d windows at once, want at most %d", f.most, maxPart)
	}
	if r := get(h, "GET", "/api/v1/series.csv?station="+station+"&quantity=vehicle_count&format=xls"); r.StatusCode != 400 {
		t.Errorf("an unknown format: %d", r.StatusCode)
	}
}

func TestSeriesCaching(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	h := f.handler(t, BaseMap{})
	path := "/api/v1/series?station=" + f.stationOf("traffic").ID + "&quantity=vehicle_count"
	for query, want := range map[string]string{"": "public, max-age=5", "&from=2026-01-01T00:00:00Z&to=2026-01-31T00:00:00Z": "public, max-age=3600"} {
		r := get(h, "GET", path+query)
		if got := r.Header.Get("Cache-Control"); got != want {
			t.Errorf("%q: Cache-Control %q, want %q", query, got, want)
		}
		if again := get(h, "GET", path+query, "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%q: %d for whoever has it", query, again.StatusCode)
		}
	}
}

// TestSeriesCSV compares each line with the store, in both dialects.
func TestSeriesCSV(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	h := f.handler(t, BaseMap{})
	s := f.stationOf("road")
	for _, quantity := range []string{"surface_temperature", "surface_state"} {
		q, _ := devices.Lookup(quantity)
		want := map[string]devices.Aggregate{}
		for _, a := range f.rows["strassenzustand"] {
			if a.Station == s.ID && a.Quantity == q {
				want[a.Start.Format(time.RFC3339)] = a
			}
		}
		for format, d := range map[string]dialect{"": {separator: ",", layout: time.RFC3339, zone: time.UTC}, "excel-de": {bom: "\ufeff", separator: ";", layout: "02.01.2006 15:04", zone: opendata.Berlin()}} {
			r := get(h, "GET", "/api/v1/series.csv?station="+s.ID+"&quantity="+quantity+"&format="+format)
			text := body(t, r)
			if !strings.HasPrefix(text, d.bom+"station") || !strings.Contains(r.Header.Get("Content-Disposition"), s.ID+"_"+quantity+"_15m_") {
				t.Errorf("%s %q begins %.30q and is called %q", quantity, format, text, r.Header.Get("Content-Disposition"))
			}
			c := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, d.bom)))
			c.Comma = rune(d.separator[0])
			lines, err := c.ReadAll()
			if err != nil || len(lines) != len(want)+1 {
				t.Fatalf("%s %q: %d lines, %v; want %d", quantity, format, len(lines), err, len(want)+1)
			}
			for _, line := range lines[1:] {
				at, err := time.ParseInLocation(d.layout, line[4], d.zone)
				a, ok := want[at.UTC().Format(time.RFC3339)]
				if err != nil || !ok {
					t.Fatalf("%s %q: %v, %v", quantity, format, line, err)
				}
				value := strconv.FormatFloat(a.Mean, 'f', -1, 64)
				if format != "" {
					value = strings.Replace(value, ".", ",", 1)
				}
				if q.Kind == devices.Category && line[10] != q.Text(a.Mode) || q.Kind == devices.Gauge && line[7] != value {
					t.Errorf("%s %q: %v, want %s", quantity, format, line, value)
				}
			}
		}
	}
}

func TestCSVText(t *testing.T) {
	d, _ := dialectOf("")
	for text, want := range map[string]string{"=1+1": "'=1+1", "@a": "'@a", "a,b": `"a,b"`, `a"b`: `"a""b"`, "lane1": "lane1", "": ""} {
		if got := d.text(text); got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
}

// TestFigures reckons with windows of which two are missing.
func TestFigures(t *testing.T) {
	q, _ := devices.Lookup("vehicle_count")
	sets := opendata.Defaults()
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	a := &asked{set: &sets[0], q: q, window: opendata.Quarter, span: devices.Span{Start: start, End: start.Add(2 * time.Hour)}}
	var rows []devices.Aggregate
	for i, v := range []float64{10, 30, -1, -1, 20, 40, -1, 1} {
		if v >= 0 {
			rows = append(rows, devices.Aggregate{Quantity: q, Start: start.Add(time.Duration(i) * 15 * time.Minute), Window: 15 * time.Minute, Sum: v, Coverage: 1})
		}
	}
	f := figuresOf(a, rows, &german, start.Add(2*time.Hour-time.Minute)) // the last one runs
	if len(f.Rows) != 1 || !f.Preliminary {
		t.Fatalf("figures %+v", f)
	}
	r := f.Rows[0]
	if r.Least != "10" || r.Greatest != "40" || r.Mean != "25" || r.Sum != "100" || r.Coverage != "57"+thin+"%" || !strings.HasPrefix(r.Gaps, "2 Lücken, die längste 30 Minuten ab Mo 23.11.2026, 11:30") {
		t.Errorf("figures %+v", r)
	}
	if r := figuresOf(a, rows, &english, start.Add(3*time.Hour)).Rows[0]; r.Least != "1" || r.Coverage != "63"+thin+"%" || !strings.HasPrefix(r.Gaps, "2 gaps, the longest 30 minutes from") {
		t.Errorf("when all is over: %+v", r)
	}
}

// TestDrawnGaps: a missing window breaks the line, and one alone is a dot.
func TestDrawnGaps(t *testing.T) {
	q, _ := devices.Lookup("air_temperature")
	sets := opendata.Defaults()
	start := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC) // two days, of which one has 25 hours
	a := &asked{set: &sets[3], q: q, window: opendata.Day24, span: devices.Span{Start: start, End: start.Add(97 * time.Hour)}}
	row := func(day int) devices.Aggregate {
		s := opendata.Day{Year: 2026, Month: 10, Day: day}.Span()
		return devices.Aggregate{Quantity: q, Start: s.Start, Window: 24 * time.Hour, Mean: float64(day), Min: 1, Max: 40}
	}
	c := draw(a, []devices.Aggregate{row(25), row(26), row(28)}, ranges(a, []devices.Aggregate{row(25), row(26), row(28)}), "de")
	if got := c.Lines[0].Segments; len(got) != 2 || len(strings.Fields(got[0])) != 3 || len(strings.Fields(got[1])) != 2 {
		t.Errorf("segments %q, want one of two days and a dot", got)
	}
	if got := c.Bands[0].Segments; len(got) != 2 {
		t.Errorf("bands %q, want two", got)
	}
	if draw(a, nil, nil, "de") != nil {
		t.Error("nothing is drawn as something")
	}
}

func TestTimeTicks(t *testing.T) {
	begin := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		length      time.Duration
		lang        string
		first       string
		least, most int
	}{
		{time.Hour, "de", "00:00", 4, 4}, {24 * time.Hour, "de", "00:00", 4, 5}, {7 * 24 * time.Hour, "de", "So 29.", 8, 8}, {7 * 24 * time.Hour, "en", "Sun 29", 8, 8},
		{30 * 24 * time.Hour, "de", "29.03.", 6, 9}, {365 * 24 * time.Hour, "de", "Mai 26", 6, 7}, {365 * 24 * time.Hour, "en", "May 26", 6, 7}, {200 * 24 * time.Hour, "de", "Apr 26", 6, 7},
	} {
		span := devices.Span{Start: begin, End: begin.Add(c.length)}
		ticks := timeTicks(span, &canvas{span: span}, c.lang)
		if len(ticks) < c.least || len(ticks) > c.most || ticks[0].Label != c.first {
			t.Errorf("%s: ticks %v, want %d to %d from %s", c.length, ticks, c.least, c.most, c.first)
		}
	}
}
