package history

import (
	"math"
	"time"

	"modellregion/opendata"
)

const (
	quarter = 15 * time.Minute

	// lead is how many quarters before a day its weather is known: water on a
	// road is what fell in two days and neither ran off nor dried.
	lead = 2 * 96
)

// Holiday returns the name of the public holiday of North Rhine-Westphalia that
// a day is, in German, or "". Feiertagsgesetz NW §2.
func Holiday(day opendata.Day) string {
	type date struct {
		month time.Month
		day   int
	}
	fixed := map[date]string{
		{time.January, 1}: "Neujahr", {time.May, 1}: "Tag der Arbeit", {time.October, 3}: "Tag der Deutschen Einheit",
		{time.November, 1}: "Allerheiligen", {time.December, 25}: "1. Weihnachtstag", {time.December, 26}: "2. Weihnachtstag",
	}
	if name, ok := fixed[date{day.Month, day.Day}]; ok {
		return name
	}
	easter := easterSunday(day.Year)
	at := time.Date(day.Year, day.Month, day.Day, 0, 0, 0, 0, time.UTC)
	switch int(at.Sub(easter).Hours()) / 24 {
	case -2:
		return "Karfreitag"
	case 1:
		return "Ostermontag"
	case 39:
		return "Christi Himmelfahrt"
	case 50:
		return "Pfingstmontag"
	case 60:
		return "Fronleichnam"
	}
	return ""
}

// easterSunday returns the day in the Gregorian calendar, by the rule of
// Meeus, Jones and Butcher.
func easterSunday(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e, f := b/4, b%4, (b+8)/25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// weekday returns which course a day has: public holidays are Sundays, the
// days before Christmas and New Year are Saturdays.
func weekday(day opendata.Day) time.Weekday {
	switch {
	case Holiday(day) != "":
		return time.Sunday
	case day.Month == time.December && (day.Day == 24 || day.Day == 31):
		return time.Saturday
	}
	return time.Date(day.Year, day.Month, day.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

// calendar is what all stations of the region share on a day, by quarter.
type calendar struct {
	day      opendata.Day
	start    time.Time
	quarters int   // 96; 92 and 100 when summer time begins and ends
	first    int64 // number of the first quarter since 1970
	season   float64

	hour, sun []float64 // with the lead: local time of day in hours; height of the sun, 0 to 1

	morning, evening, noon []float64 // shares of the traffic
	household              []float64 // kW that one takes on average
	frequency              []float64 // Hz, of the whole grid
}

func (c *calendar) set(day opendata.Day, seed noise) {
	span := day.Span()
	c.day, c.start = day, span.Start
	c.quarters = int(span.End.Sub(span.Start) / quarter)
	c.first = span.Start.Unix() / int64(quarter/time.Second)
	c.season = season(span.Start)
	c.hour, c.sun = c.hour[:0], c.sun[:0]
	for q := -lead; q < c.quarters; q++ {
		at := span.Start.Add(time.Duration(q)*quarter + quarter/2)
		local := at.In(opendata.Berlin())
		c.hour = append(c.hour, float64(local.Hour())+float64(local.Minute())/60)
		c.sun = append(c.sun, sun(at))
	}
	c.morning, c.evening, c.noon, c.household, c.frequency = c.morning[:0], c.evening[:0], c.noon[:0], c.household[:0], c.frequency[:0]
	as, grid := weekday(day), seed.with(forGrid)
	for q := range c.quarters {
		hour, h := c.hour[lead+q], c.hours(q)
		morning, evening, noon := rhythm(as, hour)
		c.morning, c.evening, c.noon = append(c.morning, morning), append(c.evening, evening), append(c.noon, noon)
		c.household = append(c.household, household(as, hour, c.season))
		c.frequency = append(c.frequency, 50+0.02*grid.with(1).smooth(h*8)+0.009*grid.with(2).smooth(h*90))
	}
}

// hours is the time of a quarter in hours since 1970, for noise.
func (c *calendar) hours(q int) float64 { return float64(c.first+int64(q)) / 4 }

// season is -1 in the third week of January and 1 in that of July.
func season(t time.Time) float64 {
	return -math.Cos(2 * math.Pi * (float64(t.YearDay()) - 20) / 365.25)
}

// sun is how strongly the sun shines on the ground under a clear sky, 0 to 1,
// around 51.4° north and 7.3° east.
func sun(t time.Time) float64 {
	t = t.UTC()
	declination := 23.44 * math.Pi / 180 * math.Sin(2*math.Pi*(float64(t.YearDay())-81)/365.25)
	angle := (float64(t.Hour()) + float64(t.Minute())/60 + 7.3/15 - 12) * math.Pi / 12
	const latitude = 51.4 * math.Pi / 180
	return max(0, math.Sin(latitude)*math.Sin(declination)+math.Cos(latitude)*math.Cos(declination)*math.Cos(angle))
}

// rhythm is the traffic of an hour as a share of the most there is: the way to
// work, the way home and the rest.
func rhythm(day time.Weekday, hour float64) (morning, evening, noon float64) {
	switch day {
	case time.Saturday:
		return 0, 0.10 * hump(hour, 22.5, 1.5), 0.55 * hump(hour, 13.5, 3.2)
	case time.Sunday:
		return 0, 0, 0.42 * hump(hour, 15.5, 3.4)
	case time.Friday:
		return 0.62 * hump(hour, 7.7, 1.0), 0.55 * hump(hour, 15.4, 1.7), 0.36 * hump(hour, 12, 3.6)
	default:
		return 0.66 * hump(hour, 7.7, 1.0), 0.62 * hump(hour, 16.8, 1.5), 0.36 * hump(hour, 12.3, 3.8)
	}
}

// household is what one household takes on average, kW.
func household(day time.Weekday, hour, season float64) float64 {
	late := 0.0
	if day == time.Saturday || day == time.Sunday {
		late = 1.5
	}
	load := 0.20 + 0.24*hump(hour, 7.2+late, 1.3) + 0.18*hump(hour, 12.5+late/2, 1.6) + 0.5*hump(hour, 19.2, 2.1)
	return load * (1 - 0.18*season)
}
