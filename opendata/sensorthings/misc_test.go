package sensorthings

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/internal/openhttp"
)

func TestMethods(t *testing.T) {
	r := conformant(t, &memory{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		got := r.do(method, "/Things(1)")
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != openhttp.Methods || !strings.HasPrefix(got.body, `{"code":405,"type":"error","message":"`) {
			t.Errorf("%s: %d %v %s", method, got.status, got.header, got.body)
		}
	}
	if got := r.do(http.MethodOptions, "/Things"); got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Methods") != openhttp.Methods {
		t.Errorf("OPTIONS: %d %v", got.status, got.header)
	}
	get, head := r.do(http.MethodGet, "/Things"), r.do(http.MethodHead, "/Things")
	if head.body != "" || head.status != http.StatusOK || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) || head.header.Get("ETag") != get.header.Get("ETag") {
		t.Errorf("HEAD: %d %v %q", head.status, head.header, head.body)
	}
	if get.header.Get("Access-Control-Allow-Origin") != "*" || get.header.Get("Content-Type") != jsonType {
		t.Errorf("GET: %v", get.header)
	}
	if got := r.do(http.MethodGet, "/Things", "If-None-Match", get.header.Get("ETag")); got.status != http.StatusNotModified || got.body != "" {
		t.Errorf("with its ETag: %d %q", got.status, got.body)
	}
	get = r.do(http.MethodGet, "/Datastreams")
	zipped := r.do(http.MethodGet, "/Datastreams", "Accept-Encoding", "br, gzip;q=0.5")
	z, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || string(plain) != get.body || zipped.header.Get("Content-Encoding") != "gzip" || zipped.header.Get("ETag") == get.header.Get("ETag") {
		t.Errorf("gzip: %v %v", err, zipped.header)
	}
	if got := r.do(http.MethodGet, "/Datastreams", "Accept-Encoding", "gzip;q=0"); got.header.Get("Content-Encoding") != "" {
		t.Error("gzip is refused and comes")
	}
}

func TestUnknownOptions(t *testing.T) {
	r := conformant(t, &memory{})
	for query, want := range map[string]int{
		"$search=x": 501, "$apply=x": 501, "$batch": 501, "$format=json": 501, "unknown=1": 200, "": 200, "&": 200, "$expand=Datastreams($resultFormat=CSV)": 400,
		"$expand=Nothing": 400, "$expand=": 400, "$select=": 400, "$select=nothing": 400, "$select=*": 200, "$filter=": 400, "$orderby=": 400, "$filter=%zz": 400, "$skiptoken=x": 200,
		"$expand=Datastreams(": 400, "$expand=Datastreams()": 200, "$expand=Datastreams($top)": 400, "$expand=" + strings.Repeat("Datastreams/Thing/", 5) + "Datastreams": 400,
		"$expand=Datastreams,": 400, "$expand=Datastreams($top=1;$top=2)": 400,
	} {
		if got := r.do(http.MethodGet, "/Things?"+query); got.status != want {
			t.Errorf("%s: %d, want %d: %s", query, got.status, want, got.body)
		}
	}
	if got := r.do(http.MethodGet, "/Observations?$skiptoken=x"); got.status != http.StatusBadRequest {
		t.Errorf("a wrong token: %d", got.status)
	}
}

// Errors tell where in the query they are.
func TestErrorsHavePositions(t *testing.T) {
	r := conformant(t, &memory{})
	for query, want := range map[string]string{
		"$filter=name eq":                            "$filter, character 8: a value",
		"$filter=name eq 'a":                         "$filter, character 9: the text has no closing quote",
		"$filter=name eq 5":                          "$filter, character 9: name is a text",
		"$filter=nam eq 'x'":                         "$filter, character 1: Thing has no \\\"nam\\\", perhaps name is meant",
		"$filter=name eq 'x' x":                      "$filter, character 13: an operator",
		"$filter=substringof(name)":                  "$filter, character 1: substringof takes 2 arguments, here are 1",
		"$filter=strtswith(name,'x')":                "perhaps startswith is meant",
		"$filter=length(5) eq 1":                     "$filter, character 8: length expects text as argument 1, here is number",
		"$filter=name and true":                      "$filter, character 1: a condition is expected, here is text",
		"$filter=name":                               "a condition is expected",
		"$filter=(name eq 'x'":                       "$filter, character 13: \\\")\\\" is expected",
		"$filter=Datastreams eq 1":                   "is an entity",
		"$filter=name eq 'x' # 1":                    "$filter, character 13: unexpected character '#'",
		"$filter=id eq 5x":                           "$filter, character 8: a space is expected",
		"$filter=Locations/location eq geography'X'": "no geometry in WKT",
		"$filter=id eq " + strings.Repeat("(", 50) + "1" + strings.Repeat(")", 50): "deeper than 40 levels",
		"$filter=id eq 1" + strings.Repeat(" or id eq 1", 150):                     "more than 400 parts",
		"$expand=Datastreams($filter=name eq 'x';$orderby=nam)":                    "$expand, character 42: Datastream has no \\\"nam\\\"",
		"$expand=Datastreams($expand=Observations($top=x))":                        "$expand, character 39: a whole number",
		"$orderby=name up":             "$orderby, character 6: asc, desc or a comma",
		"$select=name,nothing":         "$select, character 6: Thing has no",
		"$filter=st_within(name,name)": "expects geometry",
		"$filter=name add 1 eq 2":      "cannot be computed",
		"$filter=st_relate(Locations/location,geography'POINT(1 1)','X')": "no DE-9IM mask",
	} {
		got := r.do(http.MethodGet, "/Things?"+query)
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s\nwant %s", query, got.status, got.body, want)
		}
	}
}

// Functions of the standard and of FROST, on the fixture.
func TestFunctions(t *testing.T) {
	r := conformant(t, &memory{})
	for filter, want := range map[string]bool{
		"substringof('straße',name)": true, "contains(name,'hof')": true, "startswith(name,'Bahn')": true, "endswith(name,' 1')": true, "endswith(name,'x')": false,
		"length('ä€') eq 2": true, "indexof('äbc','b') eq 1": true, "indexof('abc','x') eq -1": true, "substring('äbc',1) eq 'bc'": true, "substring('äbc',0,2) eq 'äb'": true,
		"substring('abc',7) eq ''": true, "tolower('ÄB') eq 'äb'": true, "toupper('ä') eq 'Ä'": true, "trim(' a ') eq 'a'": true, "concat('a','b') eq 'ab'": true,
		"year(2026-03-01T00:00:00Z) eq 2026": true, "month(2026-03-01) eq 3": true, "day(2026-03-01T23:00:00-02:00) eq 2": true, "hour(2026-03-01T10:11:12.5Z) eq 10": true,
		"minute(2026-03-01T10:11:12.5Z) eq 11": true, "second(2026-03-01T10:11:12.5Z) eq 12": true, "fractionalseconds(2026-03-01T10:11:12.5Z) eq 0.5": true,
		"date(2026-03-01T10:11:12.5Z) eq 2026-03-01": true, "time(2026-03-01T10:11:12Z) eq 10:11:12": true, "time(2026-03-01T10:11:12Z) gt 10:11": true,
		"totaloffsetminutes(2026-03-01T10:11:12+01:00) eq 0": true, "now() gt 2026-01-01T00:00:00Z": true, "mindatetime() lt now()": true, "maxdatetime() gt now()": true,
		"round(2.5) eq 3": true, "round(-2.5) eq -3": true, "floor(2.7) eq 2": true, "ceiling(2.2) eq 3": true, "7 div 2 eq 3.5": true, "7 mod 2 eq 1": true, "2 add 3 mul 4 eq 14": true,
		"(2 add 3) mul 4 eq 20": true, "-(2) eq -2": true, "2 sub 3 eq -1": true,
		"2026-03-01T00:00:00Z add duration'P1D' eq 2026-03-02": true, "2026-03-02 sub 2026-03-01 eq duration'PT24H'": true, "duration'PT1H' mul 2 eq duration'PT2H'": true,
		"2026-03-01T00:00:00Z/2026-03-01T01:00:00Z lt 2026-03-01T01:00:00Z": true, "2026-03-01T00:00:00Z/PT1H eq 2026-03-01T00:00:00Z/2026-03-01T01:00:00Z": true,
		"before(2026-03-01,2026-03-02)": true, "after(2026-03-01,2026-03-02)": false, "overlaps(2026-03-01/2026-03-03,2026-03-02/2026-03-04)": true,
		"meets(2026-03-01/2026-03-02,2026-03-02/2026-03-03)": true, "starts(2026-03-01/2026-03-02,2026-03-01/2026-03-03)": true, "finishes(2026-03-02/2026-03-03,2026-03-01/2026-03-03)": true,
		"during(2026-03-02,2026-03-01/2026-03-03)": true,
		// Logic with null: properties/nothing is there for no Thing.
		"properties/nothing eq null": true, "properties/nothing ne null": false, "properties/nothing eq 1": false, "properties/nothing ne 1": true, "properties/nothing gt 1": false,
		"not (properties/nothing gt 1)": true, "length(properties/nothing) eq null": true, "properties/nothing add 1 eq null": true, "null eq null": true, "null gt null": false,
		"properties/kind eq 'station'": true, "properties/stations/0 eq 'pb-1'": true, "true": true, "false": false, "not false": true, "true or false and false": true,
		"1 in (1,2)": true, "name in ('x','Bahnhofstraße 1')": true, "'O''Neill' eq 'O''Neill'": true,
		"Datastreams/name eq 'Bahnhofstraße 1: Feinstaub PM10'": true, "Datastreams/any(d:d/ObservedProperty/properties/quantity eq 'pm10')": true,
		"Datastreams/all(d:d/ObservedProperty/properties/quantity eq 'pm10')": false, "Datastreams/any()": true, "Datastreams/Observations/result eq 6": true, "Datastreams/Observations/result eq 7": false,
		"Datastreams/any(d:d/Observations/any(o:o/result gt 5))": true, "Datastreams/unitOfMeasurement/symbol eq 'ug/m3'": true,
		"Locations/location/type eq 'Point'": true, "Locations/location/coordinates/0 eq 8.75": true, "id eq '1'": true, "@iot.id eq 1": true, "HistoricalLocations/time eq 2026-03-01": true,
		"Datastreams/phenomenonTime gt 2026-03-03T23:00:00Z": true, "$it/id eq 1": true, "id eq 1L": true, "id lt 1.5e0": true,
	} {
		page := r.get("/Things?$filter=id eq 1 and (" + filter + ")")
		if got := len(entries(page)) == 1; got != want {
			t.Errorf("%s is %v, want %v", filter, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for in, want := range map[string]string{
		"2026-03-01T10:00:00Z": "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.123456+01:00": "2026-03-01T09:00:00.123Z", "2026-03-01": "2026-03-01T00:00:00Z", "2026-03-01T10:00Z": "2026-03-01T10:00:00Z",
		"2026-03-01/2026-03-02": "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z", "PT1H/2026-03-02": "2026-03-01T23:00:00Z/2026-03-02T00:00:00Z",
	} {
		if got, ok := parseTimes(in); !ok || string(got.appendText(nil)) != want {
			t.Errorf("%s is %s (%v), want %s", in, got.appendText(nil), ok, want)
		}
	}
	for in, want := range map[string]int64{"PT1H": 3600_000, "P1DT1M": 86_460_000, "-PT0.5S": -500, "P2W": 14 * 86_400_000, "PT1H30M": 5400_000} {
		if got, ok := parseDuration(in); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", in, got, ok, want)
		}
		if back, ok := parseDuration(string(appendDuration(nil, want))); !ok || back != want {
			t.Errorf("%s is written as %s", in, appendDuration(nil, want))
		}
	}
	for _, bad := range []string{"", "P", "PT", "P1", "P1Y", "1H", "PT1D", "P1H", "PTT1H", "2026-13-01", "2026-03-02/2026-03-01", "x/y"} {
		if _, ok := parseDuration(bad); ok {
			t.Errorf("duration %q is read", bad)
		}
		if _, ok := parseTimes(bad); ok {
			t.Errorf("time %q is read", bad)
		}
	}
}

// Categories are texts with an address for each of their values.
func TestCategories(t *testing.T) {
	r := large(t, &memory{}, 1, 1)
	q := known(t, "surface_state")
	r.datasets[0].Domain, r.stations[0].Domain, r.datasets[0].Quantities = q.Domain, q.Domain, []string{"surface_state"}
	at := day(1)
	shares := make([]float64, len(q.Categories))
	shares[1], shares[3] = 0.25, 0.75
	r.put(&r.datasets[0], devices.Aggregate{Station: "s-0000", Quantity: q, Channel: "lane1", Start: at, Count: 4, Mode: 3, Coverage: 0.5, Shares: shares})
	r.open(nil)
	d := entries(r.get("/Datastreams"))[0]
	dry := d["properties"].(map[string]any)["values"].(map[string]any)["dry"].(string)
	if d["observationType"] != omPrefix+"OM_CategoryObservation" || fmt.Sprint(d["unitOfMeasurement"]) != "map[definition:<nil> name:<nil> symbol:<nil>]" {
		t.Errorf("Datastream %v", d)
	}
	if got := r.get(dry); fmt.Sprint(got) != "map[dry:map[code:1 name:dry]]" {
		t.Errorf("%s is %v", dry, got)
	}
	o := entries(r.get("/Observations"))[0]
	if o["result"] != "wet" || o["parameters"].(map[string]any)["shares"].(map[string]any)["dry"] != 0.25 {
		t.Errorf("Observation %v", o)
	}
	for filter, want := range map[string]int{"result eq 'wet'": 1, "result ne 'wet'": 0, "result eq 'dry'": 0, "result ne 'dry'": 1, "result gt 'dry'": 1, "result eq 'x'": 0, "result ne 'x'": 1, "result gt 1": 1} {
		page := r.get("/Observations?$count=true&$filter=" + filter)
		if len(entries(page)) != want || page["@iot.count"] != float64(want) {
			if filter != "result gt 1" { // texts and numbers compare as texts
				t.Errorf("%s: %d, count %v, want %d", filter, len(entries(page)), page["@iot.count"], want)
			}
		}
	}
}

// Numbers stay what they are, over restarts, between processes, and after a
// crash in the middle of a line.
func TestIds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	open := func() *Ids {
		ids, err := OpenIds(path)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	key := func(n int) idKey { return keyOf(idThing, "station", fmt.Sprintf("s\n%d", n)) }
	writer, reader := open(), open()
	want := func(ids *Ids, n int, number int64) {
		t.Helper()
		if got, ok := ids.lookup(key(n)); got != number || ok != (number > 0) {
			t.Errorf("key %d has number %d, want %d", n, got, number)
		}
	}
	if err := writer.assign([]idKey{key(5), key(3), key(5), keyOf(idSensor, "a")}); err != nil {
		t.Fatal(err)
	}
	want(writer, 5, 1)
	want(writer, 3, 2)
	want(reader, 3, 0)
	if err := reader.refresh(); err != nil {
		t.Fatal(err)
	}
	want(reader, 3, 2)
	if err := reader.assign([]idKey{key(9)}); err != nil {
		t.Fatal(err)
	}
	if err := writer.assign([]idKey{key(8), key(9)}); err != nil {
		t.Fatal(err)
	}
	want(writer, 9, 3)
	want(writer, 8, 4)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole { // a crash at any byte, or what a disk makes of it
		for _, tail := range []string{"", "\x00\x00\x00", "\x00\n\x00\n"} {
			if err := os.WriteFile(path, append(bytes.Clone(whole[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			after := open()
			before, had := after.lookup(key(5))
			if err := after.assign([]idKey{key(77)}); err != nil {
				t.Fatal(err)
			}
			again := open()
			if n, ok := again.lookup(key(5)); had && (n != before || !ok) {
				t.Fatalf("cut at %d: number %d became %d", cut, before, n)
			}
			if _, ok := again.lookup(key(77)); !ok {
				t.Fatalf("cut at %d: what was assigned is lost", cut)
			}
		}
	}
	if err := os.WriteFile(path, bytes.Replace(whole, []byte("thing 2"), []byte("thing 7"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIds(path); err == nil {
		t.Error("a damaged file is read as if it were whole")
	}
}

// A process that does not aggregate shows what has been numbered, and that
// alone.
func TestAnotherProcessServes(t *testing.T) {
	r := large(t, &memory{}, 2, 2)
	path := r.service.cfg.Ids.path
	writer := r.service
	ids, err := OpenIds(path)
	if err != nil {
		t.Fatal(err)
	}
	r.open(func(c *Config) { c.Assign, c.Ids = false, ids })
	first := r.do(http.MethodGet, "/Things").body
	r.stations = append(r.stations, r.stations[1])
	r.stations[2].ID, r.stations[2].Name = "a-new-one", "Neu"
	r.put(&r.datasets[0], gauge(t, "a-new-one", "air_temperature", day(1), 5))
	if err := r.service.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.do(http.MethodGet, "/Things").body; got != first {
		t.Errorf("an entity without number is shown: %s", got)
	}
	for _, s := range []*Service{writer, r.service} {
		if err := s.follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := idsText(entries(r.get("/Things"))); got != "[1 2 3]" {
		t.Errorf("Things %s", got)
	}
	if got := r.get("/Things(3)/name")["name"]; got != "Neu" {
		t.Errorf("the new one is %v", got)
	}
}

func idsText(all []map[string]any) string { return fmt.Sprint(ids(all)) }

// Run keeps up, also after a database was away.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(day(5))) // the clock of a bubble begins in 2000
		m := &memory{}
		r := large(t, m, 1, 1)
		m.fail(fmt.Errorf("away"))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.service.Run(ctx) }()
		r.put(&r.datasets[0], gauge(t, "s-0000", "air_temperature", day(1).Add(15*time.Minute), 7))
		time.Sleep(2 * followEvery)
		if got := results(r.get("/Datastreams(1)/Observations?$orderby=phenomenonTime desc&$top=1")); got != "7" {
			t.Errorf("newest %s", got)
		}
		m.fail(nil)
		// A late window, which only a count of all tells of.
		late := gauge(t, "s-0000", "air_temperature", day(1).Add(-time.Hour), 7)
		late.Window = 15 * time.Minute
		if err := m.Put(ctx, r.datasets[0].ID, late.Window, []devices.Aggregate{late}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(allEvery + recentEvery)
		if n := r.get("/Observations?$count=true")["@iot.count"]; n != 3. {
			t.Errorf("count %v, want 3", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAddressFromTheRequest(t *testing.T) {
	r := conformant(t, &memory{})
	r.open(func(c *Config) { c.BaseURL = "" })
	req := httptest.NewRequest(http.MethodGet, "https://daten.example:8443"+Path+"/Things(1)", nil)
	rec := httptest.NewRecorder()
	r.service.ServeHTTP(rec, req)
	if !strings.Contains(rec.Body.String(), `"@iot.selfLink":"https://daten.example:8443/sta/v1.1/Things(1)"`) {
		t.Errorf("%s", rec.Body)
	}
	for _, bad := range []string{"daten.example.de", "ftp://x/sta/v1.1", "https://x/sta?y"} {
		cfg := r.service.cfg
		cfg.BaseURL = bad
		if _, err := New(cfg); err == nil {
			t.Errorf("base URL %q is taken", bad)
		}
	}
}
