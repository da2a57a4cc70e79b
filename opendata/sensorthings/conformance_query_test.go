package sensorthings

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Capability3.readEntitiesWithTopQO: as many as are wanted or there are, and a
// nextLink if and only if there are more.
func TestTop(t *testing.T) {
	r := conformant(t, database(t))
	check := func(address string, count int) {
		t.Helper()
		for _, top := range []int{1, 2, 3, 4, 5, 12, 13} {
			page := r.get(fmt.Sprintf("%s?$top=%d", address, top))
			if n := len(entries(page)); n != min(top, count) {
				t.Errorf("%s?$top=%d has %d, want %d", address, top, n, min(top, count))
			}
			if _, more := page["@iot.nextLink"]; more != (top < count) {
				t.Errorf("%s?$top=%d: nextLink is there: %v, want %v", address, top, more, top < count)
			}
		}
		if page := r.get(address + "?$top=0"); len(entries(page)) != 0 || page["@iot.nextLink"] != nil {
			t.Errorf("%s?$top=0 is %v", address, page)
		}
	}
	for _, s := range sets {
		check("/"+s.name, s.count)
	}
	for relation, count := range relationCounts() {
		check(relation, count)
	}
}

// relationCounts are how many entities the relations of the first entities
// lead to.
func relationCounts() map[string]int {
	return map[string]int{
		"/Things(1)/Locations": 1, "/Things(1)/HistoricalLocations": 1, "/Things(1)/Datastreams": 2, "/Locations(1)/Things": 1, "/Locations(1)/HistoricalLocations": 1,
		"/HistoricalLocations(1)/Locations": 1, "/Datastreams(1)/Observations": 3, "/Sensors(1)/Datastreams": 1, "/ObservedProperties(1)/Datastreams": 2,
		"/FeaturesOfInterest(1)/Observations": 6, fmt.Sprintf("/Observations(%d)/Datastream/Observations", observationID(1, day(1).UnixMilli())): 3,
	}
}

// Capability3.readEntitiesWithSkipQO and readEntitiesWithCountQO.
func TestSkipAndCount(t *testing.T) {
	r := conformant(t, database(t))
	check := func(address string, count int) {
		t.Helper()
		for _, skip := range []int{0, 1, 2, 3, 4, 11, 12, 13} {
			page := r.get(fmt.Sprintf("%s?$skip=%d", address, skip))
			if n := len(entries(page)); n != max(0, count-skip) || page["@iot.nextLink"] != nil {
				t.Errorf("%s?$skip=%d has %d and nextLink %v, want %d and none", address, skip, n, page["@iot.nextLink"], max(0, count-skip))
			}
		}
		if page := r.get(address + "?$count=true&$top=1&$skip=1"); page["@iot.count"] != float64(count) {
			t.Errorf("count of %s is %v, want %d", address, page["@iot.count"], count)
		}
		for _, without := range []string{"", "?$count=false"} {
			if page := r.get(address + without); page["@iot.count"] != nil {
				t.Errorf("%s%s has a count", address, without)
			}
		}
		if got := r.do(http.MethodGet, address+"/$count"); got.body != fmt.Sprint(count) {
			t.Errorf("%s/$count is %s, want %d", address, got.body, count)
		}
	}
	for _, s := range sets {
		check("/"+s.name, s.count)
	}
	for relation, count := range relationCounts() {
		check(relation, count)
	}
	for _, bad := range []string{"$count=yes", "$top=-1", "$top=x", "$skip=-1", "$skip=1.5", "$top=", "$top=1&$top=2"} {
		if got := r.do(http.MethodGet, "/Things?"+bad); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", bad, got.status)
		}
	}
}

// Capability3.readEntitiesWithOrderbyQO: each property alone, and all of them
// one after the other.
func TestOrderby(t *testing.T) {
	r := conformant(t, &memory{})
	number := observations.property("result")
	check := func(address string, set int) {
		t.Helper()
		var names, directions []string
		for _, p := range sets[set].properties {
			for _, direction := range []string{"", " asc", " desc"} {
				ordered(t, r, address, []string{p}, []string{direction}, p == number.name)
			}
			names, directions = append(names, p), append(directions, []string{"", " desc"}[len(names)%2])
			ordered(t, r, address, names, directions, p == number.name)
		}
	}
	for i, s := range sets {
		check("/"+s.name, i)
	}
	for relation := range relationCounts() {
		check(relation, setOf(relation[strings.LastIndexByte(relation, '/')+1:]))
	}
	if got := results(r.get("/Observations?$orderby=Datastream/ObservedProperty/name desc,result desc&$top=4")); got != "12 11 10 9" {
		t.Errorf("by the name of the property, then result: %s", got)
	}
	if got := results(r.get("/Observations?$orderby=id desc&$top=4&$filter=result lt 6")); got != "5 4 3 2" {
		t.Errorf("by id: %s", got)
	}
}

func orderOf(a, b any, numeric bool) int {
	if x, ok := a.(float64); ok && numeric {
		return int(x - b.(float64))
	}
	if _, isText := a.(string); !isText {
		return 0 // JSON objects: any order that is stable
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func termsOf(names, directions []string) string {
	var terms []string
	for i := range names {
		terms = append(terms, names[i]+directions[i])
	}
	return strings.Join(terms, ",")
}

func ordered(t *testing.T, r *region, address string, names, directions []string, numeric bool) {
	t.Helper()
	address += "?$orderby=" + termsOf(names, directions)
	all := r.all(address + "&$top=3")
	for i := 1; i < len(all); i++ {
		for j, name := range names {
			order := orderOf(all[i-1][name], all[i][name], numeric)
			if directions[j] == " desc" {
				order = -order
			}
			if order > 0 {
				t.Errorf("%s: %v before %v", address, all[i-1][name], all[i][name])
			}
			if order != 0 {
				break
			}
		}
	}
}

// Capability3.readEntitiesWithFilterQO: each operator on each property.
func TestFilterOnProperties(t *testing.T) {
	r := conformant(t, database(t))
	skip := []string{"unitOfMeasurement", "location", "feature"}
	for _, s := range sets {
		all := entries(r.get("/" + s.name))
		for _, p := range append([]string{"id"}, s.properties...) {
			if slices.Contains(skip, p) {
				continue
			}
			key := p
			if p == "id" {
				key = "@iot.id"
			}
			pivot := all[len(all)/2][key]
			literal := fmt.Sprintf("'%s'", strings.ReplaceAll(fmt.Sprint(pivot), "'", "''"))
			if f, ok := pivot.(float64); ok {
				literal = fmt.Sprintf("%.0f", f)
			}
			if p == "phenomenonTime" || p == "resultTime" || p == "time" {
				literal = fmt.Sprint(pivot)
			}
			for _, op := range []string{"lt", "le", "eq", "ne", "ge", "gt"} {
				want := 0
				for _, e := range all {
					if holdsHere(op, e[key], pivot, p == "phenomenonTime") {
						want++
					}
				}
				page := r.get("/" + s.name + "?$count=true&$filter=" + p + " " + op + " " + literal)
				if len(entries(page)) != want || page["@iot.count"] != float64(want) {
					t.Errorf("%s: %s %s %s gives %d, count %v, want %d", s.name, p, op, literal, len(entries(page)), page["@iot.count"], want)
				}
			}
		}
	}
}

// holdsHere compares as the suite does, texts by their characters; windows do
// not overlap, so that those of one length compare by their begins.
func holdsHere(op string, a, b any, _ bool) bool {
	order := strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	if x, ok := a.(float64); ok {
		order = int(x - b.(float64))
	}
	return map[string]bool{"lt": order < 0, "le": order <= 0, "eq": order == 0, "ne": order != 0, "ge": order >= 0, "gt": order > 0}[op]
}

// The suite compares results with quoted numbers, as texts.
func TestFilterOnResultAsText(t *testing.T) {
	r := conformant(t, database(t))
	for filter, want := range map[string]string{
		"result eq '2'":                    "2",
		"result gt '3'":                    "4 5 6 7 8 9",
		"result lt '2'":                    "1 10 11 12",
		"result ge '8'":                    "8 9",
		"result ne '2' and result le 3":    "1 3",
		"result eq '2.0'":                  "",
		"result eq 2.0":                    "2",
		"result gt 10":                     "11 12",
		"10 lt result":                     "11 12",
		"result gt 2 and result lt 5":      "3 4",
		"result in (1,3,77)":               "1 3",
		"not (result gt 2)":                "1 2",
		"result mul 2 eq 6 or result eq 1": "1 3",
		"result sub 1 gt 9 add 1":          "12",
		"result mod 5 eq 0":                "5 10",
		"-result lt -11":                   "12",
		"parameters/min ge 10":             "11 12",
		"Datastream/id eq 2":               "4 5 6",
		"Datastream/ObservedProperty/name eq 'Lufttemperatur' and result ne 7":                  "1 2 3 8 9",
		"FeatureOfInterest/name eq 'O''Neill-Platz' and phenomenonTime ge 2026-03-12T00:00:00Z": "12",
		"phenomenonTime ge 2026-03-02T00:00:00Z and phenomenonTime lt 2026-03-04T00:15:00Z":     "2 3 4",
		"phenomenonTime lt 2026-03-04T00:14:00Z":                                                "1 2 3",
		"phenomenonTime gt 2026-03-11T00:00:00+01:00":                                           "11 12",
		"resultTime eq 2026-03-05T00:15:00Z":                                                    "5",
		"day(phenomenonTime) eq 7 or day(resultTime) eq 8":                                      "7 8",
		"during(phenomenonTime,2026-03-02T00:00:00Z/2026-03-03T00:15:00Z)":                      "2 3",
	} {
		page := r.get("/Observations?$count=true&$filter=" + filter)
		n := len(strings.Fields(want))
		if got := results(page); got != want || page["@iot.count"] != float64(n) {
			t.Errorf("%s gives %s, count %v, want %s", filter, got, page["@iot.count"], want)
		}
	}
}

// Capability3.checkQueriesPriorityOrdering.
func TestOrderOfEvaluation(t *testing.T) {
	r := conformant(t, database(t))
	page := r.get("/Observations?$count=true&$top=1&$skip=2&$orderby=phenomenonTime asc&$filter=result gt '3'")
	if page["@iot.count"] != 6. || results(page) != "6" {
		t.Errorf("count %v, results %s; want 6 and 6", page["@iot.count"], results(page))
	}
}

// The GeoTests of the suite, over WKT as FROST has it.
func TestGeometry(t *testing.T) {
	r := conformant(t, &memory{})
	const box = "geography'POLYGON((8.7 52.6, 8.9 52.6, 8.9 52.75, 8.7 52.75, 8.7 52.6))'"
	for filter, want := range map[string]string{
		"geo.distance(location, geography'POINT(8.75 51.8)') lt 0.5":                       "[1]",
		"geo.distance(location, geography'POINT(8.75 51.8)') gt 0.5":                       "[2]",
		"geo.intersects(location, geography'LINESTRING(8.6 52.75, 8.9 52.75)')":            "[2]",
		"geo.length(location) gt 0.1":                                                      "[2]",
		"geo.length(location) eq 0":                                                        "[1]",
		"st_contains(geography'POLYGON((8 51, 9 51, 9 52, 8 52, 8 51))', location)":        "[1]",
		"st_within(location, geography'POLYGON((8 51, 9 51, 9 54, 8 54, 8 51))')":          "[1 2]",
		"st_within(location, geography'POLYGON((8.75 51, 9 51, 9 52, 8.75 52, 8.75 51))')": "[]",
		"st_crosses(location, geography'LINESTRING(8.6 52.75, 8.9 52.75)')":                "[2]",
		"st_crosses(location, " + box + ")":                                                "[2]",
		"st_disjoint(location, " + box + ")":                                               "[1]",
		"st_equals(location, geography'POINT(8.75 51.7)')":                                 "[1]",
		"st_equals(location, geography'LINESTRING(8.85 52.8, 8.75 52.7)')":                 "[2]",
		"st_intersects(location, " + box + ")":                                             "[2]",
		"st_overlaps(location, geography'LINESTRING(8.8 52.75, 8.9 52.85)')":               "[2]",
		"st_touches(location, geography'LINESTRING(8.85 52.8, 9 53)')":                     "[2]",
		"st_relate(location, " + box + ", 'T*T***T**')":                                    "[2]",
		"st_relate(location, " + box + ", 'FF*FF****')":                                    "[1]",
		"st_intersects(location, geography'SRID=4326;POINT(8.75 51.7)')":                   "[1]",
	} {
		if got := fmt.Sprint(ids(entries(r.get("/Locations?$filter=" + filter)))); got != want {
			t.Errorf("%s gives %s, want %s", filter, got, want)
		}
	}
	if got := fmt.Sprint(ids(entries(r.get("/Things?$filter=st_within(Locations/location, geography'POLYGON((8 51, 9 51, 9 52, 8 52, 8 51))')")))); got != "[1]" {
		t.Errorf("Things within: %s", got)
	}
	if got := results(r.get("/Observations?$filter=st_equals(FeatureOfInterest/feature, geography'POINT(8.75 51.7)') and result lt 3")); got != "1 2" {
		t.Errorf("Observations at a point: %s", got)
	}
}
