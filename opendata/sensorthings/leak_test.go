package sensorthings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// suppressed makes a row one that a privacy rule forbids to tell.
func suppressed(a devices.Aggregate) devices.Aggregate {
	return devices.Aggregate{Station: a.Station, Quantity: a.Quantity, Channel: a.Channel, Start: a.Start, Window: a.Window, Suppressed: true}
}

// everywhere are addresses that could tell of a series: by sets, counts, times,
// places, filters, orders and formats.
var everywhere = []string{
	"/Things?$top=1000", "/Locations", "/HistoricalLocations", "/FeaturesOfInterest", "/Datastreams", "/Sensors", "/ObservedProperties", "/Observations?$top=1000",
	"/Things?$count=true", "/Datastreams?$count=true", "/Observations?$count=true", "/Observations/$count", "/Datastreams?$select=phenomenonTime,resultTime,observedArea",
	"/Things?$expand=Datastreams($expand=Observations($count=true))", "/Observations?$filter=result gt 0&$count=true", "/Observations?$filter=result eq 77 or result eq 78&$count=true",
	"/Datastreams?$filter=Observations/result gt 76", "/Datastreams?$filter=Observations/any()&$count=true", "/Things?$filter=Datastreams/any(d:d/Observations/any(o:o/result ge 77))",
	"/Observations?$orderby=result desc&$top=1", "/Observations?$orderby=phenomenonTime desc&$top=1&$count=true", "/Observations?$orderby=phenomenonTime&$top=1&$count=true",
	"/Observations?$filter=phenomenonTime ge 2026-01-01T00:00:00Z&$count=true", "/Observations?$resultFormat=CSV", "/Observations?$resultFormat=dataArray",
	"/Things?$resultFormat=GeoJSON", "/Observations?$skip=6", "/Things(1)/Datastreams/$ref", "/FeaturesOfInterest(1)/Observations?$count=true",
	"/Locations?$filter=geo.distance(location,geography'POINT(8 51)') lt 10&$count=true", "/ObservedProperties(1)/Datastreams?$count=true",
	"/Observations?$orderby=phenomenonTime desc&$skip=2", "/Datastreams(1)/Observations?$orderby=phenomenonTime desc&$top=1&$count=true",
}

// TestSuppressedSeriesLeakNothing compares the answers of two regions that
// differ in nothing but suppressed windows, which have numbers below that an
// earlier write has left in the database.
func TestSuppressedSeriesLeakNothing(t *testing.T) {
	build := func(with bool) *region {
		db := database(t)
		r := &region{t: t, latest: opendata.NewLatest(), store: db, base: testBase}
		for i := range 3 {
			r.stations = append(r.stations, devices.Station{
				ID: fmt.Sprintf("s-%d", i), Name: fmt.Sprintf("Station %d", i), Municipality: "paderborn", Domain: uplink.Environment,
				Place: devices.Place{Lat: 51 + float64(i), Lon: 8},
			})
		}
		d := opendata.Dataset{
			ID: datasetID(), Domain: uplink.Environment, Quantities: []string{"air_temperature", "pm10"}, Windows: []opendata.Window{opendata.Quarter},
			Title: opendata.Text{De: "Luft", En: "Air"}, Licence: opendata.DataLicenceZero(),
		}
		r.datasets = []opendata.Dataset{d}
		at := func(k int) time.Time { return day(3).Add(time.Duration(k) * 15 * time.Minute) }
		r.put(&d, gauge(t, "s-0", "air_temperature", at(1), 1), gauge(t, "s-0", "air_temperature", at(2), 2), gauge(t, "s-1", "air_temperature", at(1), 3))
		if with {
			hidden := []devices.Aggregate{
				gauge(t, "s-0", "air_temperature", at(-9), 77), // the oldest of a series that is shown,
				gauge(t, "s-0", "air_temperature", at(40), 78), // and its newest
				gauge(t, "s-1", "pm10", at(1), 79),             // all of a quantity
				gauge(t, "s-2", "air_temperature", at(50), 77), // all of a station
			}
			for i := range hidden {
				hidden[i].Window = time.Duration(d.Base())
			}
			if err := db.Put(t.Context(), d.ID, time.Duration(d.Base()), hidden); err != nil {
				t.Fatal(err)
			}
			for i := range hidden {
				hidden[i] = suppressed(hidden[i])
			}
			r.put(&d, hidden...)
		}
		r.open(nil)
		return r
	}
	without, with := build(false), build(true)
	for _, address := range everywhere {
		a, b := without.do(http.MethodGet, address), with.do(http.MethodGet, address)
		if b.body = strings.ReplaceAll(b.body, with.datasets[0].ID, without.datasets[0].ID); a.body != b.body || a.status != b.status {
			t.Errorf("%s tells of what is suppressed:\n%d %s\n%d %s", address, a.status, a.body, b.status, b.body)
		}
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %s", address, a.status, a.body)
		}
	}
}

// TestWhatBecomesSuppressedIsGone: counts, times and the newest window follow
// when a rule comes to forbid what was shown.
func TestWhatBecomesSuppressedIsGone(t *testing.T) {
	r := large(t, database(t), 2, 3)
	d := &r.datasets[0]
	if n := r.get("/Observations?$count=true")["@iot.count"]; n != 6. {
		t.Fatalf("count %v", n)
	}
	last := gauge(t, "s-0001", "air_temperature", day(1).Add(30*time.Minute), 3)
	last.Window = 15 * time.Minute
	r.put(d, suppressed(last))
	if err := r.service.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := r.get("/Datastreams(2)/Observations?$orderby=phenomenonTime desc&$top=1&$count=true")
	if results(page) != "2" || page["@iot.count"] != 2. {
		t.Errorf("newest %s, count %v; want 2 and 2", results(page), page["@iot.count"])
	}
	if got := r.get("/Datastreams(2)/phenomenonTime")["phenomenonTime"]; got != "2026-03-01T00:00:00Z/2026-03-01T00:30:00Z" {
		t.Errorf("phenomenonTime %v", got)
	}
	id := observationID(2, last.Start.UnixMilli())
	if got := r.do(http.MethodGet, fmt.Sprintf("/Observations(%d)", id)); got.status != http.StatusNotFound {
		t.Errorf("the window alone: %d %s", got.status, got.body)
	}
	for k := range 2 {
		row := gauge(t, "s-0001", "air_temperature", day(1).Add(time.Duration(k)*15*time.Minute), 3)
		row.Window = 15 * time.Minute
		r.put(d, suppressed(row))
	}
	if err := r.service.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"/Datastreams(2)", "/Things(2)", "/Locations(2)", "/FeaturesOfInterest(2)", "/HistoricalLocations(2)"} {
		if got := r.do(http.MethodGet, gone); got.status != http.StatusNotFound {
			t.Errorf("%s of which all is suppressed: %d", gone, got.status)
		}
	}
}

// TestHouseholdsAreNotThere: their datasets are files alone.
func TestHouseholdsAreNotThere(t *testing.T) {
	m := &memory{}
	r := large(t, m, 1, 1)
	d := opendata.Dataset{ID: "haushalte", Domain: uplink.Environment, Quantities: []string{"air_temperature"}, Windows: []opendata.Window{opendata.Quarter}, Households: &opendata.Households{K: 5}}
	r.datasets = append(r.datasets, d)
	r.put(&d, gauge(t, "s-0000", "air_temperature", day(1), 77))
	r.open(nil)
	for _, address := range everywhere {
		if got := r.do(http.MethodGet, address); strings.Contains(got.body, "haushalte") || strings.Contains(got.body, "77") {
			t.Errorf("%s tells of households: %s", address, got.body)
		}
	}
}

// TestRetractedStationsAreGone: a station that is public no more is in nothing,
// its windows neither.
func TestRetractedStationsAreGone(t *testing.T) {
	r := large(t, &memory{}, 3, 2)
	r.stations = r.stations[:2:2]
	r.stations = append([]devices.Station{}, r.stations...)
	if err := r.service.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.get("/Observations?$count=true")["@iot.count"]; n != 4. {
		t.Errorf("count %v, want 4", n)
	}
	for _, gone := range []string{"/Things(3)", "/Datastreams(3)", fmt.Sprintf("/Observations(%d)", observationID(3, day(1).UnixMilli()))} {
		if got := r.do(http.MethodGet, gone); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", gone, got.status)
		}
	}
	if got := results(r.get("/Observations?$orderby=phenomenonTime desc")); got != "1 2 0 1" {
		t.Errorf("results %s", got)
	}
}
