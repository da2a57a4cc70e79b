package portal

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		de, en   string
	}{
		{0, 0, "0", "0"}, {-0.04, 1, "0,0", "0.0"}, {999, 0, "999", "999"}, {1000, 0, "1.000", "1,000"},
		{1234567.891, 2, "1.234.567,89", "1,234,567.89"}, {-12345.6, 1, "−12.345,6", "−12,345.6"}, {0.05, 1, "0,1", "0.1"}, {99999.96, 1, "100.000,0", "100,000.0"},
	} {
		if de, en := number(c.v, c.decimals, "de"), number(c.v, c.decimals, "en"); de != c.de || en != c.en {
			t.Errorf("%v: %s and %s, want %s and %s", c.v, de, en, c.de, c.en)
		}
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		quantity string
		v        float64
		de, en   string
	}{
		{"vehicle_count", 1234, "1.234", "1,234"}, {"speed_mean", 47.26, "47,3" + thin + "km/h", "47.3" + thin + "km/h"},
		{"occupancy", .126, "13" + thin + "%", "13" + thin + "%"}, {"frequency", 50.012, "50,01" + thin + "Hz", "50.01" + thin + "Hz"},
		{"energy_import", 12345, "12,3" + thin + "kWh", "12.3" + thin + "kWh"}, {"power_active", -500, "−0,5" + thin + "kW", "−0.5" + thin + "kW"},
		{"surface_state", 6, "Eis", "ice"}, {"surface_state", 99, "", ""}, {"surface_temperature", -2.04, "−2,0" + thin + "°C", "−2.0" + thin + "°C"},
		{"friction", .684, "0,68", "0.68"},
	} {
		q, _ := devices.Lookup(c.quantity)
		if de, en := value(q, c.v, "de"), value(q, c.v, "en"); de != c.de || en != c.en {
			t.Errorf("%s %v: %q and %q, want %q and %q", c.quantity, c.v, de, en, c.de, c.en)
		}
	}
}

// TestEverythingPublishedHasAName wants short names for what the default
// datasets publish and German words for all categories.
func TestEverythingPublishedHasAName(t *testing.T) {
	for _, d := range opendata.Defaults() {
		if domainNames[d.Domain].In("en") == "" || domainLetters[d.Domain].In("de") == "" {
			t.Errorf("domain %s lacks a name or letter", d.Domain)
		}
		for _, name := range d.Quantities {
			if text, ok := labels[name]; !ok || text.De == "" || text.En == "" {
				t.Errorf("%s lacks a name", name)
			}
			q, _ := devices.Lookup(name)
			for _, c := range q.Categories {
				if categoryWords[c] == "" {
					t.Errorf("%s: %s lacks a German word", name, c)
				}
			}
		}
	}
}

func TestTimes(t *testing.T) {
	winter := time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)
	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range [][2]string{
		{instant(winter, "de"), "Di 24.11.2026, 00:30 Uhr (MEZ)"}, {instant(winter, "en"), "Tue 24 Nov 2026, 00:30 (CET)"},
		{instant(summer, "de"), "Mi 01.07.2026, 14:00 Uhr (MESZ)"}, {interval(summer, 15*time.Minute), "14:00–14:15"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}

func TestBetween(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 10, day, hour, 0, 0, 0, opendata.Berlin()) }
	for _, c := range []struct {
		from, until time.Time
		de, en      string
	}{
		{at(20, 14), at(20, 15), "Di 20.10.2026, 14:00–15:00 Uhr (MESZ)", "Tue 20 Oct 2026, 14:00–15:00 (CEST)"},
		{at(20, 14), at(21, 14), "Di 20.10.2026, 14:00 – Mi 21.10.2026, 14:00 Uhr (MESZ)", "Tue 20 Oct 2026, 14:00 – Wed 21 Oct 2026, 14:00 (CEST)"},
		{at(24, 14), at(25, 14), "Sa 24.10.2026, 14:00 Uhr (MESZ) – So 25.10.2026, 14:00 Uhr (MEZ)", "Sat 24 Oct 2026, 14:00 (CEST) – Sun 25 Oct 2026, 14:00 (CET)"},
	} {
		if de, en := between(c.from, c.until, "de"), between(c.from, c.until, "en"); de != c.de || en != c.en {
			t.Errorf("%v to %v is %q, %q; want %q, %q", c.from, c.until, de, en, c.de, c.en)
		}
	}
}

func TestNiceTicks(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 1}, {0, 187}, {226.3, 236.1}, {-3.2, 4.4}, {49.99, 50.02}, {0, 1e9}, {-1e-6, 1e-6}, {1e12, 1e12 + 1}} {
		ticks := niceTicks(c.low, c.high)
		if n := len(ticks); n < 2 || n > 9 || ticks[0] > c.low || ticks[n-1] < c.high {
			t.Errorf("%v to %v: ticks %v", c.low, c.high, ticks)
		}
	}
	if got := niceTicks(0, 187); !reflect.DeepEqual(got, []float64{0, 50, 100, 150, 200}) {
		t.Errorf("0 to 187: %v", got)
	}
}

func TestDraw(t *testing.T) {
	q, _ := devices.Lookup("voltage")
	span := devices.Span{Start: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	const w = 15 * time.Minute
	var rows []devices.Aggregate
	for _, k := range []int{0, 1, 2, 10, 95} {
		rows = append(rows, devices.Aggregate{Quantity: q, Channel: "l1", Start: span.Start.Add(time.Duration(k) * w), Mean: 230 + float64(k)/10})
	}
	rows = append(rows, devices.Aggregate{Quantity: q, Channel: "l2", Start: span.Start, Mean: 230})
	set := opendata.Defaults()[1]
	a := &asked{set: &set, q: q, window: opendata.Quarter, span: span}
	c := draw(a, rows, nil, "de")
	if len(c.Lines) != 2 || len(c.Lines[0].Segments) != 3 || c.Lines[0].Name != "L1" {
		t.Errorf("lines %+v, want two, the first in three pieces", c.Lines)
	}
	if len(c.Rows) != 5 || len(c.Rows[4].Values) != 2 || c.Rows[4].Values[1] != "230,0"+thin+"V" || c.Rows[0].Values[1] != "" {
		t.Errorf("table %+v, want five windows, the newest first", c.Rows)
	}
	if len(c.XTicks) != 4 || c.XTicks[0].Label != "18:00" {
		t.Errorf("hours %+v, want four from 18:00 in Berlin", c.XTicks)
	}
	for _, flat := range []float64{0, 230, -5, 1e15} {
		c := draw(a, []devices.Aggregate{{Quantity: q, Start: span.Start, Mean: flat}}, nil, "en")
		if text := strings.Join(c.Lines[0].Segments, ""); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("a flat line at %v is drawn at %s", flat, text)
		}
	}
	if draw(a, nil, nil, "de") != nil {
		t.Error("nothing is drawn")
	}
}
