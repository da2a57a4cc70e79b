package openapi

import (
	"maps"
	"net/http"

	"modellregion/opendata"
	"modellregion/opendata/sensorthings"
)

// sensorThings describes the main paths of OGC SensorThings 1.1 (OGC 18-088).
func (d *description) sensorThings(s sample) {
	g := group{"SensorThings", text("SensorThings", "SensorThings"), text("OGC SensorThings API 1.1, nur lesend: Messstellen (Things), Messreihen (Datastreams) und Zeitfenster (Observations), mit allen Pfaden und Optionen des Standards. Haushalte gibt es nur als Dateien.",
		"OGC SensorThings API 1.1, for reading: stations (Things), series (Datastreams) and windows (Observations), with all paths and options of the standard. Households are there as files alone.")}
	d.entities()
	d.add(operation{
		group: g, path: sensorthings.Path, id: "getRoot", title: text("Entitätsmengen, Konformität und Grenzen", "Entity sets, conformance and limits"),
		answers: []content{{jsonType, ref("StaRoot"), ""}}, examples: []string{sensorthings.Path},
	})
	for _, e := range sensorthings.EntityTypes() {
		set := operation{
			group: g, path: sensorthings.Path + "/" + e.Set, id: "list" + e.Set, params: options(true), statuses: []int{http.StatusBadRequest, http.StatusNotImplemented},
			title: text("Alle "+e.Set, "All "+e.Set), answers: pages(e.Set),
		}
		one := operation{
			group: g, path: sensorthings.Path + "/" + e.Set + "({id})", id: "get" + e.Single, params: append([]param{number()}, options(false)...),
			title: text(e.Single+" mit einer Nummer", e.Single+" of a number"), answers: []content{{jsonType, ref(e.Single), ""}}, statuses: []int{http.StatusBadRequest, http.StatusNotFound},
		}
		if s.station != "" {
			set.examples = append([]string{set.path + "?$top=2&$count=true"}, setExamples[e.Set]...)
			if e.Set != "Observations" { // whose numbers carry a time
				one.examples = []string{sensorthings.Path + "/" + e.Set + "(1)"}
			}
		}
		d.add(set)
		d.add(one)
	}
	last := operation{
		group: g, path: sensorthings.Path + "/Datastreams({id})/Observations", id: "listObservationsOfDatastream",
		params: append([]param{number()}, options(true)...), statuses: []int{http.StatusBadRequest, http.StatusNotFound},
		title: text("Die Zeitfenster einer Messreihe", "The windows of a series"), answers: pages("Observations"),
	}
	if s.station != "" {
		last.examples = []string{
			sensorthings.Path + "/Datastreams(1)/Observations?$orderby=phenomenonTime%20desc&$top=1",
			sensorthings.Path + "/Datastreams(1)/Observations?$filter=phenomenonTime%20ge%20" + s.today.Span().Start.Format("2006-01-02T15:04:05Z") + "&$top=5",
			sensorthings.Path + "/Datastreams(1)/Observations?$resultFormat=CSV&$top=5",
		}
	}
	d.add(last)
}

// setExamples are questions that maps and programs ask.
var setExamples = map[string][]string{
	"Things":      {sensorthings.Path + "/Things?$top=5&$expand=Datastreams($expand=Observations($orderby=phenomenonTime%20desc;$top=1))"},
	"Locations":   {sensorthings.Path + "/Locations?$filter=st_within(location,geography'POLYGON((5.8%2050.3,9.5%2050.3,9.5%2052.6,5.8%2052.6,5.8%2050.3))')&$top=3", sensorthings.Path + "/Locations?$resultFormat=GeoJSON&$top=3"},
	"Datastreams": {sensorthings.Path + "/Datastreams?$filter=substringof('e',ObservedProperty/name)&$select=name,unitOfMeasurement&$top=3"},
}

func number() param {
	return param{"id", "path", true, schema{"type": "integer", "minimum": 1}, text("Nummer (@iot.id)", "number (@iot.id)")}
}

// options are the query options of OGC 18-088 §9.3.
func options(many bool) []param {
	all := []param{
		{"$expand", "query", false, typed("string"), text("verbundene Entitäten, geschachtelt, mit eigenen Optionen", "related entities, nested, with options of their own")},
		{"$select", "query", false, typed("string"), text("nur diese Eigenschaften", "these properties alone")},
	}
	if !many {
		return all
	}
	whole := schema{"type": "integer", "minimum": 0}
	return append(all,
		param{"$filter", "query", false, typed("string"), text("Bedingung, wie result gt 30 and phenomenonTime ge 2026-11-01T00:00:00Z", "condition, like result gt 30 and phenomenonTime ge 2026-11-01T00:00:00Z")},
		param{"$orderby", "query", false, typed("string"), text("Reihenfolge, wie phenomenonTime desc", "order, like phenomenonTime desc")},
		param{"$top", "query", false, whole, text("Anzahl auf einer Seite; @iot.nextLink führt weiter", "number on a page; @iot.nextLink leads on")},
		param{"$skip", "query", false, whole, text("so viele auslassen", "leave out so many")},
		param{"$count", "query", false, typed("boolean"), text("auch die Anzahl aller", "also the number of all")},
		param{"$resultFormat", "query", false, oneOf([]string{"dataArray", "CSV", "GeoJSON"}), text("dataArray (Observations), CSV oder GeoJSON", "dataArray (Observations), CSV or GeoJSON")},
	)
}

func pages(set string) []content {
	return []content{{jsonType, ref(set), ""}, {"text/csv", nil, "CSV"}, {"application/geo+json", typed("object"), "GeoJSON"}}
}

// entities makes the schemas of all entities and their sets. With $select
// everything may be missing, so that nothing but the form is required.
func (d *description) entities() {
	kinds := map[string]schema{
		"number": typed("number"), "text": typed("string"), "instant": instantSchema(), "geometry": typed("object"), "object": typed("object"),
		"interval": {"type": "string", "description": "Beginn/Ende, ISO 8601 / begin/end, ISO 8601"}, "any": {"type": []string{"number", "string"}},
	}
	for _, e := range sensorthings.EntityTypes() {
		members := map[string]schema{}
		for _, p := range e.Properties {
			members[p.Name] = maps.Clone(kinds[p.Kind])
			if p.Name == "@iot.id" {
				members[p.Name] = typed("integer")
			}
		}
		for _, r := range e.Relations {
			members[r.Name+"@iot.navigationLink"] = typed("string")
			members[r.Name] = ref(r.To)
			if r.Many {
				members[r.Name] = listOf(ref(r.To))
				members[r.Name+"@iot.count"], members[r.Name+"@iot.nextLink"] = typed("integer"), typed("string")
			}
		}
		d.schemas[e.Single] = object(members, nil)
		rows := shape(map[string]schema{"value": listOf(ref(e.Single))}, map[string]schema{"@iot.count": typed("integer"), "@iot.nextLink": typed("string")})
		if e.Set == "Observations" {
			array := shape(map[string]schema{"components": listOf(typed("string")), "dataArray": listOf(listOf(schema{}))}, map[string]schema{
				"Datastream@iot.navigationLink": typed("string"), "dataArray@iot.count": typed("integer"),
			})
			rows = schema{"anyOf": []schema{rows, shape(map[string]schema{"value": listOf(array)}, map[string]schema{"@iot.count": typed("integer"), "@iot.nextLink": typed("string")})}}
		}
		d.schemas[e.Set] = rows
	}
	d.schemas["StaRoot"] = shape(map[string]schema{
		"value":          listOf(shape(map[string]schema{"name": typed("string"), "url": typed("string")}, nil)),
		"serverSettings": {"type": "object", "required": []string{"conformance"}, "properties": schema{"conformance": listOf(typed("string"))}, "additionalProperties": true},
	}, nil)
}

// both is a text in both languages, for descriptions that are read by programs.
func both(t opendata.Text) string { return t.De + " / " + t.En }
