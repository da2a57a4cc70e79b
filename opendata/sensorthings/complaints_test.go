package sensorthings

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// The tests of this file are the complaints that users of other servers have;
// each names where it was made.

// large is a region with n stations of one quantity and windows of some hours.
func large(t testing.TB, s store, n, windows int) *region {
	t.Helper()
	r := &region{t: t, latest: opendata.NewLatest(), store: s, base: testBase}
	d := opendata.Dataset{
		ID: datasetID(), Domain: uplink.Environment, Quantities: []string{"air_temperature"}, Windows: []opendata.Window{opendata.Quarter},
		Title: opendata.Text{De: "Luft", En: "Air"}, Licence: opendata.DataLicenceZero(),
	}
	r.datasets = []opendata.Dataset{d}
	for i := range n {
		r.stations = append(r.stations, devices.Station{
			ID: fmt.Sprintf("s-%04d", i), Name: fmt.Sprintf("Station %d", i), Municipality: "paderborn", Domain: uplink.Environment,
			Place: devices.Place{Lat: 51 + float64(i)/1000, Lon: 8},
		})
	}
	var rows []devices.Aggregate
	for k := range windows {
		for i := range n {
			rows = append(rows, gauge(t, r.stations[i].ID, "air_temperature", day(1).Add(time.Duration(k)*15*time.Minute), float64(i+k)))
		}
	}
	r.put(&d, rows...)
	r.open(nil)
	return r
}

const masterportal = "/Things?$expand=Datastreams($expand=Observations($top=1;$orderby=phenomenonTime desc))&$top=1000"

// FROST-Server #287, #1262, hydroserver #350: the latest observation of every
// Thing times out. FROST-Server #2096, gost #145: so does a count.
func TestTheLatestAndCountsAskNoDatabase(t *testing.T) {
	m := &memory{}
	r := large(t, m, 30, 8)
	m.asked = 0
	things := entries(r.get(masterportal))
	if len(things) != 30 {
		t.Fatalf("%d things, want 30", len(things))
	}
	for i, thing := range things {
		d := thing["Datastreams"].([]any)[0].(map[string]any)
		o := d["Observations"].([]any)[0].(map[string]any)
		if o["result"] != float64(i+7) || d["Observations@iot.nextLink"] == nil {
			t.Errorf("the latest of %s is %v, more: %v", thing["name"], o["result"], d["Observations@iot.nextLink"])
		}
	}
	for _, address := range []string{
		"/Datastreams(1)/Observations?$top=1&$orderby=phenomenonTime desc", "/Datastreams(1)/Observations?$top=1&$orderby=resultTime desc&$count=true",
		"/Observations?$count=true&$top=0", "/Datastreams?$expand=Observations($count=true;$top=0)", "/Datastreams(3)/phenomenonTime",
		"/Things?$filter=st_within(Locations/location,geography'POLYGON((7 50,9 50,9 52,7 52,7 50))')&$count=true",
	} {
		r.get(address)
	}
	if m.asked != 0 {
		t.Errorf("the database was asked %d times", m.asked)
	}
	if got := r.get("/Observations?$count=true&$top=1"); got["@iot.count"] != 240. {
		t.Errorf("count %v, want 240", got["@iot.count"])
	}
	if m.asked != 1 {
		t.Errorf("one Observation took %d queries", m.asked)
	}
}

// A new window counts and is shown without a query, also in a series that was
// silent.
func TestNewWindowsAreSeen(t *testing.T) {
	m := &memory{}
	r := large(t, m, 2, 3)
	m.asked = 0
	r.put(&r.datasets[0], gauge(t, "s-0001", "air_temperature", day(2), 99))
	if err := r.service.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := r.get("/Datastreams(2)/Observations?$top=1&$orderby=phenomenonTime desc&$count=true")
	if results(page) != "99" || page["@iot.count"] != 4. || m.asked != 0 {
		t.Errorf("newest %s, count %v, %d queries", results(page), page["@iot.count"], m.asked)
	}
	if got := r.get("/Datastreams(2)/phenomenonTime")["phenomenonTime"]; got != "2026-03-01T00:00:00Z/2026-03-02T00:15:00Z" {
		t.Errorf("phenomenonTime %v", got)
	}
	if err := r.service.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.get("/Datastreams(2)/Observations/$ref?$count=true")["@iot.count"]; got != 4. {
		t.Errorf("count after all were counted: %v, want 4", got)
	}
}

// FROST-Server #1554, gost #146 #182, mozilla-sensorweb #244, hydroserver #18,
// sensorweb-server-sta #304: nextLink loses the path or options, is wrong with
// $expand or $count, or is there on the last page. grafana-sensorthings #3:
// pages are left out. context.Orion-LD #1407: deep pages are empty.
func TestPagesAreComplete(t *testing.T) {
	r := large(t, database(t), 7, 5)
	for _, c := range []struct {
		address string
		want    int
	}{
		{"/Things?$top=2", 7},
		{"/Things?$top=7", 7},
		{"/Things?$top=3&$skip=1&$orderby=name desc", 6},
		{"/Things?$top=1&$filter=id gt 2 and not endswith(name,'ß + %26 %23')&$select=id,name&$expand=Datastreams($select=id;$filter=name ne 'a%26b;c,d')&$count=true", 5},
		{"/Things(3)/Datastreams?$top=1", 1},
		{"/Observations?$top=4", 35},
		{"/Observations?$top=4&$count=true&$orderby=phenomenonTime desc", 35},
		{"/Observations?$top=4&$orderby=phenomenonTime asc,id", 35},
		{"/Observations?$top=6&$orderby=resultTime desc&$filter=result gt 5", 15},
		{"/Observations?$top=4&$orderby=result desc", 35},
		{"/Observations?$top=4&$orderby=id desc", 35},
		{"/Observations?$top=3&$skip=30", 5},
		{"/Observations?$top=3&$skip=30&$orderby=phenomenonTime desc", 5},
		{"/Observations?$top=2&$filter=result mod 2 eq 0", 18},
		{"/Datastreams(2)/Observations?$top=2&$expand=Datastream($select=name)&$select=id,result", 5},
		{"/Datastreams(2)/Observations?$top=2&$orderby=phenomenonTime desc&$skip=1", 4},
		{"/Things(2)/Datastreams(2)/Observations?$top=2&$filter=result ge 2", 4},
		{"/FeaturesOfInterest(2)/Observations?$top=2", 5},
	} {
		all := r.all(c.address)
		seen := map[string]bool{}
		for i, e := range all {
			key := fmt.Sprint(e["@iot.id"], e["@iot.selfLink"])
			if seen[key] {
				t.Errorf("%s: %s twice", c.address, key)
			}
			seen[key] = true
			if sortedKeys(e) != sortedKeys(all[0]) || i > 0 && strings.Contains(c.address, "$expand") && e["Datastream"] == nil && e["Datastreams"] == nil {
				t.Errorf("%s: entity %d has %s, the first %s", c.address, i, sortedKeys(e), sortedKeys(all[0]))
			}
		}
		if len(seen) != c.want || len(all) != c.want {
			t.Errorf("%s: %d entities, want %d", c.address, len(all), c.want)
		}
	}
	// The order over all pages is that of one page.
	r = large(t, &memory{}, 7, 5)
	for _, order := range []string{"phenomenonTime desc", "phenomenonTime", "result desc", "id desc", "id", "resultTime desc", "Datastream/id desc,phenomenonTime"} {
		whole := ids(entries(r.get("/Observations?$top=1000&$orderby=" + order)))
		for _, top := range []int{1, 4, 34, 35} {
			if pages := ids(r.all(fmt.Sprintf("/Observations?$top=%d&$orderby=%s", top, order))); !slices.Equal(pages, whole) {
				t.Errorf("%s by %d: %v\nwant %v", order, top, pages, whole)
			}
		}
	}
}

// The nextLink of something expanded leads to the rest of it, with its options.
func TestNestedNextLink(t *testing.T) {
	r := large(t, database(t), 2, 5)
	thing := r.get("/Things(2)?$expand=Datastreams($expand=Observations($top=2;$orderby=phenomenonTime desc;$select=result;$filter=result gt 1;$count=true))")
	d := thing["Datastreams"].([]any)[0].(map[string]any)
	if d["Observations@iot.count"] != 4. {
		t.Errorf("count %v", d["Observations@iot.count"])
	}
	next := d["Observations@iot.nextLink"].(string)
	if !strings.HasPrefix(next, testBase+"/Datastreams(2)/Observations?$top=2&$skip=2&") {
		t.Errorf("nextLink %s", next)
	}
	page := r.get(next)
	if results(page) != "3 2" || page["@iot.count"] != 4. || page["@iot.nextLink"] != nil || sortedKeys(entries(page)[0]) != "result" {
		t.Errorf("the rest is %v", page)
	}
}

// openSenseMap-API #114, #325, openSenseMap #162: limits that nobody tells of.
// What is asked above a limit is answered with what the limit allows and a
// link, or refused with its name; the root tells all of them.
func TestLimitsAreTold(t *testing.T) {
	m := &memory{}
	r := large(t, m, 30, 4)
	r.open(func(c *Config) {
		c.Limits = Limits{Top: 10, Default: 5, Rows: 50, Queries: 8, Entities: 45, Query: 300}
	})
	if page := r.get("/Things?$top=1000"); len(entries(page)) != 10 || page["@iot.nextLink"] == nil {
		t.Errorf("%d things above the limit, link %v", len(entries(page)), page["@iot.nextLink"])
	}
	if page := r.get("/Things"); len(entries(page)) != 5 || page["@iot.nextLink"] == nil {
		t.Errorf("%d things by default", len(entries(page)))
	}
	if n := len(r.all("/Things?$top=100000")); n != 30 {
		t.Errorf("%d things over all pages, want 30", n)
	}
	for address, want := range map[string]string{
		"/Things?$top=10&$expand=Datastreams($expand=Observations($top=1))":            "8 Abfragen",
		"/Things?$top=10&$expand=Datastreams($expand=Sensor,Thing($expand=Locations))": "45 Entitäten",
		"/Observations?$filter=result mod 100 eq 77":                                   "50 Observations",
		"/Observations?$orderby=result":                                                "50 Observations",
		"/Observations?$orderby=phenomenonTime&$skip=100":                              "50 Observations",
		"/Observations?$count=true&$filter=minute(phenomenonTime) eq 15":               "50 Observations",
		"/Things?$filter=Datastreams/Observations/result gt 1000":                      "Observations",
		"/Things?$filter=" + strings.Repeat("name eq 'a' or ", 30) + "true":            "300 Zeichen",
	} {
		got := r.do(http.MethodGet, address)
		if got.status != http.StatusBadRequest && got.status != http.StatusRequestURITooLong || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s, want an error that names the limit: %s", address, got.status, got.body, want)
		}
	}
	limits := fmt.Sprint(r.get("/")["serverSettings"].(map[string]any)["limits"])
	for _, want := range []string{"$top:10", "observations read:50", "database queries:8", "entities:45", "seconds:10"} {
		if !strings.Contains(limits, want) {
			t.Errorf("limits %s lack %s", limits, want)
		}
	}
}

// openSenseMap #162: JSON is asked for and CSV comes. thingsboard #286, #4046:
// no CSV.
func TestFormats(t *testing.T) {
	r := conformant(t, database(t))
	got := r.do(http.MethodGet, "/Observations?$resultFormat=CSV&$top=2&$select=id,result,phenomenonTime&$expand=Datastream($select=name,unitOfMeasurement)")
	lines := strings.Split(got.body, "\r\n")
	if got.header.Get("Content-Type") != csvType || len(lines) != 4 ||
		lines[0] != "id,phenomenonTime,result,Datastream/name,Datastream/unitOfMeasurement/name,Datastream/unitOfMeasurement/symbol,Datastream/unitOfMeasurement/definition" ||
		!strings.HasSuffix(lines[1], "1,Bahnhofstraße 1: Lufttemperatur,Grad Celsius / degree Celsius,Cel,http://qudt.org/vocab/unit/DEG_C") {
		t.Errorf("CSV is %q", got.body)
	}
	if link := got.header.Get("Link"); !strings.Contains(link, `rel="next"`) || !strings.Contains(link, "$resultFormat=CSV") {
		t.Errorf("Link %q", link)
	}
	if got := r.do(http.MethodGet, "/Things?$resultFormat=CSV&$expand=Datastreams"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "$top=1") {
		t.Errorf("many in a row of CSV: %d %s", got.status, got.body)
	}
	got = r.do(http.MethodGet, "/Things?$resultFormat=CSV&$expand=Datastreams($top=1;$select=name)&$select=name,properties/municipality")
	if !strings.HasPrefix(got.body, "name,properties/municipality,Datastreams/0/name\r\nBahnhofstraße 1,paderborn,Bahnhofstraße 1: Lufttemperatur\r\n") {
		t.Errorf("CSV of Things is %q", got.body)
	}

	array := r.get("/Observations?$resultFormat=dataArray&$count=true&$top=5&$orderby=phenomenonTime desc")
	groups := entries(array)
	if array["@iot.count"] != 12. || array["@iot.nextLink"] == nil || len(groups) != 2 ||
		groups[0]["Datastream@iot.navigationLink"] != testBase+"/Datastreams(4)" ||
		fmt.Sprint(groups[0]["components"]) != "[id phenomenonTime resultTime result]" || groups[0]["dataArray@iot.count"] != 3. ||
		groups[0]["dataArray"].([]any)[0].([]any)[3] != 12. {
		t.Errorf("dataArray is %v", array)
	}
	array = r.get("/Datastreams(1)/Observations?$resultFormat=dataArray&$select=result,parameters/max")
	if fmt.Sprint(entries(array)[0]["dataArray"]) != "[[1 2] [2 3] [3 4]]" || fmt.Sprint(entries(array)[0]["components"]) != "[result parameters/max]" {
		t.Errorf("dataArray with $select is %v", array)
	}
	for _, bad := range []string{"/Things?$resultFormat=dataArray", "/Observations?$resultFormat=dataArray&$expand=Datastream", "/Things?$resultFormat=XML"} {
		if got := r.do(http.MethodGet, bad); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", bad, got.status)
		}
	}

	geo := r.get("/Things?$resultFormat=GeoJSON&$expand=Datastreams($select=name)&$top=1&$count=true")
	feature := geo["features"].([]any)[0].(map[string]any)
	if geo["type"] != "FeatureCollection" || geo["@iot.count"] != 2. || geo["@iot.nextLink"] == nil || fmt.Sprint(feature["geometry"]) != "map[coordinates:[8.75 51.7] type:Point]" ||
		feature["properties"].(map[string]any)["Datastreams/1/name"] != "Bahnhofstraße 1: Feinstaub PM10" {
		t.Errorf("GeoJSON is %v", geo)
	}
	if got := r.do(http.MethodGet, "/Things(1)?$resultFormat=GeoJSON"); !strings.HasPrefix(got.body, `{"type":"FeatureCollection"`) {
		t.Errorf("GeoJSON of one: %s", got.body)
	}
}

// FROST-Server #26, context.Orion-LD #1784: averages on the server. Here they
// are what there is, with how they came about.
func TestWindowsTellWhatTheyAre(t *testing.T) {
	r := conformant(t, database(t))
	o := entries(r.get("/Datastreams(1)/Observations?$top=1&$expand=Datastream($expand=Sensor)"))[0]
	if o["phenomenonTime"] != "2026-03-01T00:00:00Z/2026-03-01T00:15:00Z" || o["resultTime"] != "2026-03-01T00:15:00Z" ||
		fmt.Sprint(o["parameters"]) != "map[count:15 coverage:1 max:2 min:0]" {
		t.Errorf("Observation %v", o)
	}
	sensor := o["Datastream"].(map[string]any)["Sensor"].(map[string]any)
	if sensor["name"] != "Mittel über 15 Minuten: Lufttemperatur (Luft)" || sensor["metadata"] != "https://daten.example.de/data/"+r.datasets[0].ID+"/" {
		t.Errorf("Sensor %v", sensor)
	}
}

// ngsi-timeseries-api #398: empty answers where something is wrong. A database
// that is away is told, not an empty page.
func TestADatabaseThatIsAway(t *testing.T) {
	m := &memory{}
	r := large(t, m, 2, 3)
	m.err = fmt.Errorf("the database at secret.example is away")
	got := r.do(http.MethodGet, "/Observations")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "secret") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(entries(r.get(masterportal))) != 2 {
		t.Error("what is in memory does not come")
	}
}
