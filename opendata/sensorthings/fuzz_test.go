package sensorthings

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// answers wants what every answer must be: never a failure of the server, JSON
// where it says so, and a next page that can be asked for.
func answers(t *testing.T, r *region, path, query string) {
	t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "http://test"+Path, nil)
	req.URL = &url.URL{Scheme: "http", Host: "test", Path: Path + path, RawQuery: query}
	r.service.ServeHTTP(rec, req)
	if rec.Code >= 500 && rec.Code != http.StatusNotImplemented && rec.Code != http.StatusServiceUnavailable {
		t.Fatalf("%s?%s: %d %s", path, query, rec.Code, rec.Body)
	}
	if rec.Code == http.StatusServiceUnavailable && !strings.Contains(rec.Body.String(), "longer than") {
		t.Fatalf("%s?%s: %d %s", path, query, rec.Code, rec.Body)
	}
	if rec.Header().Get("Content-Type") != jsonType {
		return
	}
	var out map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s?%s: %v in %q", path, query, err, rec.Body)
	}
	next, ok := out["@iot.nextLink"].(string)
	if !ok {
		return
	}
	u, err := url.Parse(next)
	if err != nil {
		t.Fatalf("%s?%s: nextLink %q: %v", path, query, next, err)
	}
	rec = httptest.NewRecorder()
	req.URL = &url.URL{Scheme: "http", Host: "test", Path: u.Path, RawQuery: u.RawQuery}
	r.service.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK && rec.Code != http.StatusRequestURITooLong && rec.Code != http.StatusBadRequest {
		t.Fatalf("%s?%s: nextLink %q: %d %s", path, query, next, rec.Code, rec.Body)
	}
}

var filterSeeds = []string{
	"name eq 'x'", "result gt 5 and phenomenonTime lt 2026-03-04T00:00:00Z", "st_within(Locations/location,geography'POLYGON((8 51,9 51,9 54,8 54,8 51))')",
	"not (substringof('a',tolower(name)) or id in (1,2,3))", "Datastreams/any(d:d/Observations/any(o:o/result ge 3))", "year(phenomenonTime) eq 2026",
	"phenomenonTime le 2026-03-01T00:00:00+01:00/P1D", "now() sub duration'PT1H' lt resultTime", "properties/a/b/c eq null", "-1 add 2 mul (3 div 4 mod 5) eq 1e300",
	"geo.distance(location,geography'POINT(8 51)') lt 1", "st_relate(location,geography'LINESTRING(0 0,1 1)','T********')", "result eq '1' or result ne null",
	"id ge 70000000 and @iot.id lt 900000000000", "concat(name,'''') ne 'ä'", "10:00 lt time(resultTime)", "st_touches(location,geography'GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,2 2))')",
	"Datastream/Thing/Locations/name eq Datastream/name", "length(substring(name,1,99)) mul 9 gt 3", "all eq any", "((((1))))", "d/x eq 1", "name in ()",
}

// FuzzFilter feeds conditions to sets of every type.
func FuzzFilter(f *testing.F) {
	for _, s := range filterSeeds {
		f.Add(s)
	}
	r := conformant(f, &memory{})
	f.Fuzz(func(t *testing.T, filter string) {
		for _, set := range sets {
			answers(t, r, "/"+set.name, "$top=2&$filter="+url.QueryEscape(filter))
		}
	})
}

// FuzzQuery feeds whole query strings.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"$expand=Datastreams($expand=Observations($top=1;$orderby=phenomenonTime desc))&$top=1", "$expand=Datastreams/Observations/FeatureOfInterest,Locations&$select=id,name",
		"$orderby=name desc,id&$skip=1&$count=true", "$filter=name eq 'a%26b'&$resultFormat=CSV", "$resultFormat=GeoJSON&$expand=Datastreams($top=1;$select=properties/channel)",
		"$select=*,properties/x/y,Datastreams", "$expand=Datastreams($filter=name eq 'x;)(';$count=true;$skip=1;$top=0)", "$skiptoken=mm.1z&$top=2", "a=b&&$top=01", "$expand=Thing,Datastream",
		"$expand=Datastreams($select=;$expand=)", "$top=999999999999", "$orderby=result mul -1 desc,phenomenonTime", "$resultFormat=dataArray&$select=id,parameters/max&$top=1",
		"$select=result&$orderby=phenomenonTime desc&$top=5&$count=true", "$expand=Observations($expand=Datastream/Thing($select=name);$filter=result gt 2)",
		"$orderby=A\xf6\xa8\xe4'00000", // lower case is longer
	} {
		f.Add(s)
	}
	r := conformant(f, &memory{})
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/Things", "/Observations", "/Datastreams(1)", "/Datastreams(1)/Observations"} {
			answers(t, r, path, query)
		}
	})
}

// FuzzPath feeds paths.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"/Things(1)/Datastreams(2)/ObservedProperty/name/$value", "/Things('a''b')", "/Datastreams(1)/Observations/$ref", "/Things/$count", "/Things(1)/Locations(1)/location/coordinates",
		"/Observations(70351104)/Datastream/Thing", "/Datastreams(1)/unitOfMeasurement/symbol", "/Things(9223372036854775807)", "/Things(id=1)", "//Things((1))", "/Things(1)/properties/stations/0", "/",
	} {
		f.Add(s)
	}
	r := conformant(f, &memory{})
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		answers(t, r, path, "")
	})
}

// FuzzIds reads files of numbers.
func FuzzIds(f *testing.F) {
	f.Add(string(appendID(nil, keyOf(idThing, "station", "a"), 1)))
	f.Add("00000000 thing 1 \"x\"\n")
	f.Fuzz(func(t *testing.T, line string) {
		if key, n, ok := parseID(strings.TrimSuffix(line, "\n")); ok {
			if k, m, ok := parseID(strings.TrimSuffix(string(appendID(nil, key, n)), "\n")); !ok || k != key || m != n {
				t.Errorf("%q is written as %q", line, appendID(nil, key, n))
			}
		}
	})
}
