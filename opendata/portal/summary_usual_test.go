package portal

import (
	"math"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

func TestVerdict(t *testing.T) {
	traffic := measures[uplink.Traffic][0]
	road := measures[uplink.Road][0]
	u := usualHour{Weeks: 8, Median: 100, Low: 90, High: 120, Lowest: 60, Highest: 160}
	cold := usualHour{Weeks: 8, Median: 0, Low: -1, High: 1, Lowest: -4, Highest: 4}
	for _, c := range []struct {
		name    string
		m       measure
		v       float64
		u       usualHour
		verdict int
		known   bool
	}{
		{"the median", traffic, 100, u, 0, true},
		{"within the quartiles", traffic, 119, u, 0, true},
		{"outside them, but by less than a tenth", traffic, 91, usualHour{Weeks: 8, Median: 100, Low: 99, High: 101, Lowest: 98, Highest: 102}, 0, true},
		{"outside them, by more", traffic, 85, u, -1, true}, {"above", traffic, 130, u, 1, true},
		{"by half, but one week was like it", traffic, 155, u, 1, true},
		{"as no week was", traffic, 59, u, -2, true}, {"as no week was, above", traffic, 161, u, 2, true},
		{"as no week was, but by less than a third", traffic, 125, usualHour{Weeks: 8, Median: 100, Low: 99, High: 101, Lowest: 98, Highest: 102}, 1, true},
		{"two weeks", traffic, 100, usualHour{Weeks: 2}, 0, false}, {"usually nothing", traffic, 5, usualHour{Weeks: 8}, 0, false},
		{"degrees", road, -3, cold, -1, true}, {"a degree and a half", road, 1.5, cold, 0, true}, {"five degrees, as never", road, 5, cold, 2, true},
	} {
		if got, known := c.m.verdict(c.v, c.u); got != c.verdict || known != c.known {
			t.Errorf("%s: %d %v, want %d %v", c.name, got, known, c.verdict, c.known)
		}
	}
}

func TestVerdictWords(t *testing.T) {
	hour := time.Date(2026, 11, 23, 9, 0, 0, 0, opendata.Berlin()) // a Monday
	u := usualHour{Weeks: 8, Median: 100, Low: 90, High: 120, Lowest: 70, Highest: 160}
	cold := usualHour{Weeks: 8, Median: 2, Low: 1, High: 3, Lowest: -4, Highest: 4}
	for _, c := range []struct {
		domain uplink.Domain
		v      float64
		u      usualHour
		de, en string
	}{
		{uplink.Traffic, 62, u, "Der Verkehr ist für einen Montag ungewöhnlich ruhig: 38" + thin + "% weniger Fahrzeuge als sonst zwischen 9 und 10 Uhr.",
			"Traffic is unusually quiet for a Monday: 38" + thin + "% fewer vehicles than usual between 09:00 and 10:00."},
		{uplink.Traffic, 100.2, u, "Der Verkehr ist für einen Montag so dicht wie üblich: so viele Fahrzeuge wie sonst zwischen 9 und 10 Uhr.",
			"Traffic is as usual for a Monday: as many vehicles as usual between 09:00 and 10:00."},
		{uplink.Road, -4.5, cold, "Die Fahrbahnen sind gegenüber den letzten Wochen ungewöhnlich kalt: 6,5" + thin + "°C kälter als sonst zwischen 9 und 10 Uhr.",
			"Road surfaces are unusually cold compared with recent weeks: 6.5" + thin + "°C colder than usual between 09:00 and 10:00."},
		{uplink.Environment, 160, u, "Die Luft ist für einen Montag stärker belastet als üblich: 60" + thin + "% mehr Feinstaub PM2,5 als sonst zwischen 9 und 10 Uhr.",
			"The air is more polluted than usual for a Monday: 60" + thin + "% more PM2.5 than usual between 09:00 and 10:00."},
	} {
		m := &measures[c.domain][0]
		q := quantityOf(t, m.quantity)
		de, _ := m.sentence(q, c.v, c.u, hour, "de")
		en, _ := m.sentence(q, c.v, c.u, hour, "en")
		if de != c.de || en != c.en {
			t.Errorf("%s %v:\n%s\n%s\nwant\n%s\n%s", c.domain, c.v, de, en, c.de, c.en)
		}
	}
}

// past8 puts the same hour of the eight weeks before into a fixture.
func past8(f *fixture, station string, q *devices.Quantity, hour time.Time, values ...float64) {
	for i, v := range values {
		b := hour.In(opendata.Berlin())
		hourly(f, station, q, time.Date(b.Year(), b.Month(), b.Day()-7*(i+1), b.Hour(), 0, 0, 0, opendata.Berlin()), v, 1)
	}
}

func TestSituation(t *testing.T) {
	now := time.Now()
	f := newFixture(t, 10, now) // four stations of traffic
	p := testPortal(f)
	vehicles := quantityOf(t, "vehicle_count")
	hour := p.lastHour(&f.datasets[0], now)
	var traffic []string
	for _, s := range f.places {
		if s.Domain == uplink.Traffic {
			traffic = append(traffic, s.ID)
		}
	}
	// Three weeks before: 100, 200 and 300 at the first; 300, 200 and 100 at the
	// second, so that the mean of both is 200 each week. The third is new.
	past8(f, traffic[0], vehicles, hour, 100, 200, 300)
	past8(f, traffic[1], vehicles, hour, 300, 200, 100)
	hourly(f, traffic[0], vehicles, hour, 50, 1)
	hourly(f, traffic[1], vehicles, hour, 70, 1)
	hourly(f, traffic[2], vehicles, hour, 10_000, 1)
	s, err := p.situation(t.Context(), uplink.Traffic, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h := hour.In(opendata.Berlin()).Hour()
	if want := (usualHour{Weeks: 3, Median: 200, Low: 200, High: 200, Lowest: 200, Highest: 200}); s.usual[h] != want || s.today[h] != 60 || s.all != 4 {
		t.Errorf("%v now and %+v usual of %d stations, want 60, %+v and 4", s.today[h], s.usual[h], s.all, want)
	}
	if text, ok := s.words("de"); !ok || !strings.Contains(text, "ungewöhnlich ruhig: 70"+thin+"% weniger") {
		t.Errorf("%q", text)
	}
	asked := len(f.spans)
	if again, err := p.situation(t.Context(), uplink.Traffic, time.Minute); again != s || err != nil || len(f.spans) != asked {
		t.Errorf("a second page asks the store %d times more (%v)", len(f.spans)-asked, err)
	}
	if c := drawToday(s, &german); len(c.Rows) != 1 || c.Rows[0].Today != "60" || c.Rows[0].Usual != "200" || len(c.Shapes) != 2 || len(c.Shapes[1].Dots) != 1 {
		t.Errorf("the table has %+v, want 60 beside 200", c.Rows)
	}
}

// TestSituationUnknown: an error is not asked for again at once, and what is not
// known is not told.
func TestSituationUnknown(t *testing.T) {
	f := newFixture(t, 10, time.Now())
	f.err = errAway
	p := testPortal(f)
	if _, err := p.situation(t.Context(), uplink.Traffic, time.Minute); err == nil {
		t.Error("without a database there is no error")
	}
	asked := len(f.spans)
	if _, err := p.situation(t.Context(), uplink.Traffic, time.Minute); err == nil || len(f.spans) != asked {
		t.Errorf("after an error the store is asked %d times more", len(f.spans)-asked)
	}
	text := body(t, get(f.handler(t, BaseMap{}), "GET", "/topic/traffic"))
	if !strings.Contains(text, german.Topic.UsualFailed) {
		t.Error("the page does not say that the comparison cannot be read")
	}
	f.err = nil
	for i := range f.rows["verkehr"] {
		f.rows["verkehr"][i].Window = time.Hour // of today alone
	}
	text = body(t, get(f.handler(t, BaseMap{}), "GET", "/topic/traffic"))
	if !strings.Contains(text, german.Topic.NoUsual) || !strings.Contains(text, `class="now-line"`) {
		t.Error("without a past the page does not say so beside the course of the day")
	}
	if s, err := testPortal(newFixture(t, 0, time.Now())).situation(t.Context(), uplink.Traffic, time.Minute); s != nil || err != nil {
		t.Errorf("without stations: %+v, %v", s, err)
	}
}

func TestCourseOf(t *testing.T) {
	vehicles, speed := quantityOf(t, "vehicle_count"), quantityOf(t, "speed_mean")
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, opendata.Berlin())
	row := func(q *devices.Quantity, channel string, v float64) devices.Aggregate {
		return devices.Aggregate{Quantity: q, Channel: channel, Start: at, Sum: v, Mean: v}
	}
	today := []devices.Aggregate{row(vehicles, "lane1", 10), row(vehicles, "lane2", 30), row(speed, "lane1", 40), row(speed, "lane2", 60)}
	if c := courseOf(vehicles, today, &pastDays{}); c[0][9] != 40 || !math.IsNaN(c[0][10]) || !math.IsNaN(c[1][9]) {
		t.Errorf("vehicles at nine %v, want the 40 of both lanes", c[0][9])
	}
	if c := courseOf(speed, today, &pastDays{}); c[0][9] != 50 {
		t.Errorf("speed at nine %v, want 50, the mean of both lanes", c[0][9])
	}
}

func TestSample(t *testing.T) {
	all := strings.Split("abcdefghij", "")
	if got := strings.Join(sample(all, 4), ""); got != "acfh" {
		t.Errorf("4 of 10: %s, want acfh", got)
	}
	if got := strings.Join(sample(all, 10), ""); got != "abcdefghij" {
		t.Errorf("10 of 10: %s", got)
	}
}
