package opendata

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // gateways and containers often have no zone database

	"modellregion/devices"
)

// Berlin is the zone in which the region counts its days and shows its times.
var Berlin = sync.OnceValue(func() *time.Location {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(fmt.Sprintf("the zone database in this program lacks Europe/Berlin: %v", err))
	}
	return loc
})

// Day is a calendar day in Berlin. It is comparable.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// DayOf returns the day that t falls on in Berlin.
func DayOf(t time.Time) Day {
	var d Day
	d.Year, d.Month, d.Day = t.In(Berlin()).Date()
	return d
}

// ParseDay reads a day as Day.String writes it.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}, fmt.Errorf("day %.32q: want a date like 2026-11-23", s)
	}
	return Day{t.Year(), t.Month(), t.Day()}, nil
}

// Span returns the day from midnight to midnight: 24 hours, 23 when summer
// time begins on it, 25 when it ends.
func (d Day) Span() devices.Span {
	return devices.Span{
		Start: time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, Berlin()).UTC(),
		End:   time.Date(d.Year, d.Month, d.Day+1, 0, 0, 0, 0, Berlin()).UTC(),
	}
}

// String returns the day as in ISO 8601: "2026-11-23".
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }
