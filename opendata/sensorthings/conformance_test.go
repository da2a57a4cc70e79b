package sensorthings

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The tests of this file are those of the conformance suite ets-sta10, classes
// sensingCore and filteringExtension, on its fixture; each says which. The
// suite writes its fixture itself, which is not possible here.

// sets are the sets with how many entities the fixture has, their mandatory
// properties and their relations (OGC 18-088 §8.2). Things of ours do not
// move, so that there is one HistoricalLocation of each, where the suite makes
// two.
var sets = []struct {
	name       string
	count      int
	properties []string
	relations  []string
}{
	{"Things", 2, []string{"name", "description"}, []string{"Datastreams", "HistoricalLocations", "Locations"}},
	{"Locations", 2, []string{"name", "description", "encodingType", "location"}, []string{"HistoricalLocations", "Things"}},
	{"HistoricalLocations", 2, []string{"time"}, []string{"Locations", "Thing"}},
	{"Datastreams", 4, []string{"name", "description", "unitOfMeasurement", "observationType"}, []string{"Observations", "ObservedProperty", "Sensor", "Thing"}},
	{"Sensors", 4, []string{"name", "description", "encodingType", "metadata"}, []string{"Datastreams"}},
	{"ObservedProperties", 3, []string{"name", "definition", "description"}, []string{"Datastreams"}},
	{"Observations", 12, []string{"phenomenonTime", "result", "resultTime"}, []string{"Datastream", "FeatureOfInterest"}},
	{"FeaturesOfInterest", 2, []string{"name", "description", "encodingType", "feature"}, []string{"Observations"}},
}

// setOf returns the set that a relation leads to.
func setOf(relation string) int {
	return slices.IndexFunc(sets, func(s struct {
		name       string
		count      int
		properties []string
		relations  []string
	}) bool {
		return s.name == relation || typeOf(s.name).single == relation
	})
}

func toManyName(relation string) bool { return typeOf(relation) != nil }

// Capability1.checkServiceRootUri; 1.1: serverSettings.
func TestRoot(t *testing.T) {
	r := conformant(t, &memory{})
	root := r.get("")
	if len(entries(root)) != len(sets) {
		t.Errorf("%d sets, want %d and no other", len(entries(root)), len(sets))
	}
	for i, s := range entries(root) {
		if s["name"] != sets[i].name || s["url"] != testBase+"/"+sets[i].name {
			t.Errorf("set %v", s)
		}
	}
	settings := root["serverSettings"].(map[string]any)
	got := fmt.Sprint(settings["conformance"])
	for _, class := range []string{"datamodel", "resource-path", "request-data"} {
		if !strings.Contains(got, "http://www.opengis.net/spec/iot_sensing/1.1/req/"+class) {
			t.Errorf("conformance lacks %s: %s", class, got)
		}
	}
	if strings.Contains(got, "create-update-delete") || strings.Contains(got, "mqtt") {
		t.Errorf("conformance claims too much: %s", got)
	}
	r.open(func(c *Config) { c.MQTT = []string{"mqtts://h:8883"} })
	settings = r.get("/")["serverSettings"].(map[string]any)
	updates := settings["http://www.opengis.net/spec/iot_sensing/1.1/req/receive-updates-via-mqtt/receive-updates"]
	if fmt.Sprint(updates) != "map[endpoints:[mqtts://h:8883]]" {
		t.Errorf("MQTT endpoints %v", updates)
	}
}

// Capability1.readEntitiesAndCheckResponse, readEntityAndCheckResponse.
func TestEntitiesHaveWhatIsMandatory(t *testing.T) {
	r := conformant(t, database(t))
	for _, s := range sets {
		page := r.get("/" + s.name)
		if n := len(entries(page)); n != s.count {
			t.Errorf("%d %s, want %d", n, s.name, s.count)
		}
		for _, e := range entries(page) {
			id := int(e["@iot.id"].(float64))
			self := fmt.Sprintf("%s/%s(%d)", testBase, s.name, id)
			if e["@iot.selfLink"] != self {
				t.Errorf("selfLink %v, want %s", e["@iot.selfLink"], self)
			}
			for _, p := range s.properties {
				if e[p] == nil {
					t.Errorf("%s lacks %s", self, p)
				}
			}
			for _, rel := range s.relations {
				if e[rel+"@iot.navigationLink"] != self+"/"+rel {
					t.Errorf("%s: link to %s is %v", self, rel, e[rel+"@iot.navigationLink"])
				}
			}
			if one := r.get(self); fmt.Sprint(one) != fmt.Sprint(e) {
				t.Errorf("%s alone is %v, among others %v", self, one, e)
			}
		}
	}
}

// Capability1.readNonexistentEntity.
func TestNonexistentEntities(t *testing.T) {
	r := conformant(t, &memory{})
	for _, s := range sets {
		for _, id := range []string{"9223372036854775807", "0", "-1", "99999999999999999999", "'a''b'", "x", ""} {
			if got := r.do(http.MethodGet, "/"+s.name+"("+id+")"); got.status != http.StatusNotFound {
				t.Errorf("%s(%s): %d, want 404", s.name, id, got.status)
			}
		}
	}
}

// Capability1.readPropertyOfEntityAndCheckResponse.
func TestProperties(t *testing.T) {
	r := conformant(t, &memory{})
	for _, s := range sets {
		e := entries(r.get("/" + s.name))[0]
		self := strings.TrimPrefix(e["@iot.selfLink"].(string), testBase)
		for _, p := range s.properties {
			one := r.get(self + "/" + p)
			if len(one) != 1 || fmt.Sprint(one[p]) != fmt.Sprint(e[p]) {
				t.Errorf("%s/%s is %v", self, p, one)
			}
			raw := r.do(http.MethodGet, self+"/"+p+"/$value")
			isObject := p == "location" || p == "feature" || p == "unitOfMeasurement"
			if raw.status != http.StatusOK || !strings.HasPrefix(raw.header.Get("Content-Type"), "text/plain") || strings.HasPrefix(raw.body, "{") != isObject {
				t.Errorf("%s/%s/$value: %d %s %s", self, p, raw.status, raw.header.Get("Content-Type"), raw.body)
			}
			if text, ok := e[p].(string); ok && raw.body != text {
				t.Errorf("%s/%s/$value is %q, want %q", self, p, raw.body, text)
			}
		}
		if got := r.do(http.MethodGet, self+"/nothing"); got.status != http.StatusNotFound {
			t.Errorf("%s/nothing: %d, want 404", self, got.status)
		}
	}
}

// Capability1.checkResourcePaths, to depth 4.
func TestResourcePaths(t *testing.T) {
	r := conformant(t, &memory{})
	asked := 0
	var follow func(address, set string, depth int)
	follow = func(address, set string, depth int) {
		var one map[string]any
		if page := r.get(address); toManyName(set) {
			if len(entries(page)) == 0 {
				t.Fatalf("%s is empty", address)
			}
			for _, ref := range entries(r.get(address + "/$ref")) {
				if sortedKeys(ref) != "@iot.selfLink" {
					t.Errorf("%s/$ref has %s", address, sortedKeys(ref))
				}
			}
			one = entries(page)[0]
			address += fmt.Sprintf("(%d)", int(one["@iot.id"].(float64)))
			if got := r.get(address); got["@iot.selfLink"] != one["@iot.selfLink"] {
				t.Errorf("%s is %v", address, got)
			}
		} else if ref := r.get(address + "/$ref"); sortedKeys(ref) != "@iot.selfLink" {
			t.Errorf("%s/$ref has %s", address, sortedKeys(ref))
		}
		asked++
		if depth == 4 {
			return
		}
		for _, rel := range sets[setOf(set)].relations {
			follow(address+"/"+rel, rel, depth+1)
		}
	}
	for _, s := range sets {
		follow("/"+s.name, s.name, 1)
	}
	if asked < 150 {
		t.Errorf("only %d paths", asked)
	}
	if got := r.get("/Datastreams(1)/Observations")["value"].([]any)[0].(map[string]any); got["result"] != 1. {
		t.Errorf("first Observation %v", got)
	}
	for _, bad := range []string{"/Things/Datastreams", "/Things(1)/Thing", "/Things(2)/Datastreams(1)", "/Nothing", "/Things(1)(2)", "/Things(1",
		"/Things//x", "/Things(1)/Locations(2)", "/Observations(1)/Datastream(1)", "/Things(1)/name/x", "/Things(1)/$ref/x"} {
		if got := r.do(http.MethodGet, bad); got.status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404: %s", bad, got.status, got.body)
		}
	}
}

// Capability3.readEntitiesWithSelectQO.
func TestSelect(t *testing.T) {
	r := conformant(t, &memory{})
	for _, s := range sets {
		first := int(entries(r.get("/" + s.name))[0]["@iot.id"].(float64))
		check := func(prefix string, s struct {
			name       string
			count      int
			properties []string
			relations  []string
		}) {
			var selected []string
			for _, p := range append([]string{"id"}, s.properties...) {
				selected = append(selected, p)
				want := strings.Replace(strings.Join(selected, " "), "id", "@iot.id", 1)
				page := r.get(prefix + "?$select=" + strings.Join(selected, ","))
				for _, e := range entitiesOf(page) {
					keys := strings.Fields(want)
					slices.Sort(keys)
					if sortedKeys(e) != strings.Join(keys, " ") {
						t.Errorf("%s?$select=%s has %s", prefix, strings.Join(selected, ","), sortedKeys(e))
					}
				}
			}
			for _, rel := range s.relations {
				for _, e := range entitiesOf(r.get(prefix + "?$select=" + rel)) {
					if sortedKeys(e) != rel+"@iot.navigationLink" {
						t.Errorf("%s?$select=%s has %s", prefix, rel, sortedKeys(e))
					}
				}
			}
		}
		check("/"+s.name, s)
		for _, rel := range s.relations {
			check(fmt.Sprintf("/%s(%d)/%s", s.name, first, rel), sets[setOf(rel)])
		}
	}
}

// entitiesOf are those of a page, or the one that there is.
func entitiesOf(page map[string]any) []map[string]any {
	if _, ok := page["value"].([]any); ok {
		return entries(page)
	}
	return []map[string]any{page}
}

// Capability3.readEntitiesWithExpandQO.
func TestExpand(t *testing.T) {
	r := conformant(t, &memory{})
	check := func(e map[string]any, set int, path []string) {
		t.Helper()
		for i, rel := range path {
			inner := e[rel]
			if e[rel+"@iot.navigationLink"] != nil {
				t.Errorf("%v is expanded and has a link", path[:i+1])
			}
			for _, other := range sets[set].relations {
				if other != rel && e[other] != nil {
					t.Errorf("%s is expanded without being asked for", other)
				}
				if other != rel && e[other+"@iot.navigationLink"] == nil {
					t.Errorf("%s is not expanded and has no link", other)
				}
			}
			set = setOf(rel)
			if toManyName(rel) {
				if len(inner.([]any)) == 0 {
					t.Fatalf("%v is empty", path)
				}
				inner = inner.([]any)[0]
			}
			e = inner.(map[string]any)
			for _, p := range sets[set].properties {
				if e[p] == nil {
					t.Errorf("%v lacks %s", path, p)
				}
			}
		}
	}
	for i, s := range sets {
		for _, rel := range s.relations {
			for _, e := range entries(r.get("/" + s.name + "?$expand=" + rel)) {
				check(e, i, []string{rel})
			}
			for _, rel2 := range sets[setOf(rel)].relations {
				for _, query := range []string{rel + "/" + rel2, rel + "($expand=" + rel2 + ")"} {
					for _, e := range entries(r.get("/" + s.name + "?$expand=" + query)) {
						check(e, i, []string{rel, rel2})
					}
				}
			}
		}
		all := r.get("/" + s.name + "?$expand=" + strings.Join(s.relations, ","))
		for _, e := range entries(all) {
			for _, rel := range s.relations {
				if e[rel] == nil {
					t.Errorf("%s lacks %s", s.name, rel)
				}
			}
		}
	}
	things := entries(r.get("/Things?$expand=Datastreams($select=id,name;$filter=ObservedProperty/name eq 'Lufttemperatur';$expand=Observations($top=1;$orderby=result desc;$select=result;$count=true),Sensor($select=name))"))
	streams := things[0]["Datastreams"].([]any)
	if len(streams) != 1 {
		t.Fatalf("%d Datastreams, want that of the temperature", len(streams))
	}
	d := streams[0].(map[string]any)
	if sortedKeys(d) != "@iot.id Observations Observations@iot.count Observations@iot.nextLink Sensor name" || d["Observations@iot.count"] != 3. ||
		fmt.Sprint(d["Observations"]) != "[map[result:3]]" {
		t.Errorf("nested options give %v", d)
	}
}
