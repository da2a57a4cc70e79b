package opendata

import (
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreValid(t *testing.T) {
	if err := CheckAll(Defaults()); err != nil {
		t.Fatal(err)
	}
	for _, d := range Defaults() {
		for _, text := range []Text{d.Title, d.Description} {
			if text.In("de") == "" || text.In("en") == "" {
				t.Errorf("dataset %s lacks a text: %+v", d.ID, text)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	for want, spoil := range map[string]func(*Dataset){
		"id":               func(d *Dataset) { d.ID = "../verkehr" },
		"domain":           func(d *Dataset) { d.Domain = "health" },
		"window":           func(d *Dataset) { d.Windows = nil },
		"no quantities":    func(d *Dataset) { d.Quantities = nil },
		"unknown quantity": func(d *Dataset) { d.Quantities = []string{"luck"} },
		"belongs to":       func(d *Dataset) { d.Quantities = []string{"voltage"} },
	} {
		d := Defaults()[0]
		spoil(&d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
	if err := CheckAll(append(Defaults(), Defaults()[0])); err == nil {
		t.Error("two datasets with one id pass")
	}
}

func TestDays(t *testing.T) {
	for day, hours := range map[string]int{"2026-03-29": 23, "2026-10-25": 25, "2026-11-23": 24} {
		d, err := ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		span := d.Span()
		if got := span.End.Sub(span.Start); got != time.Duration(hours)*time.Hour {
			t.Errorf("%s has %s, want %d h", day, got, hours)
		}
		if DayOf(span.Start) != d || DayOf(span.End.Add(-time.Nanosecond)) != d || DayOf(span.End) == d {
			t.Errorf("%s: DayOf disagrees with Span %v", day, span)
		}
		if d.String() != day {
			t.Errorf("%s prints as %s", day, d)
		}
	}
	if _, err := ParseDay("23.11.2026"); err == nil {
		t.Error("a German date passes as a day")
	}
}

func TestDataLicenceZeroIsNamed(t *testing.T) {
	if l := DataLicenceZero(); l.ID == "" || l.Name == "" || !strings.HasPrefix(l.URL, "https://") {
		t.Errorf("licence %+v lacks something", l)
	}
}
