package sensorthings

// EntityType is one of the eight types of OGC 18-088 §8.2 as this service has
// it, for a description of the interface that is made from it.
type EntityType struct {
	Set, Single string // "Things", "Thing"
	Properties  []EntityProperty
	Relations   []EntityRelation
}

// EntityProperty is a property of all entities of a type.
type EntityProperty struct {
	Name     string // as in answers: "@iot.id", "name"
	Kind     string // number, text, instant, interval, geometry, object, any
	Optional bool   // left out when there is nothing to tell
}

// EntityRelation leads to one entity or to many.
type EntityRelation struct {
	Name string // "Datastreams"
	To   string // type: "Datastream"
	Many bool
}

// EntityTypes returns the types in the order of the root.
func EntityTypes() []EntityType {
	names := map[kind]string{number: "number", text: "text", instant: "instant", interval: "interval", geometry: "geometry", object: "object", anything: "any"}
	var all []EntityType
	for _, t := range entityTypes {
		e := EntityType{Set: t.set, Single: t.single}
		for i, p := range t.properties {
			name := p.name
			if i < 2 {
				name = "@iot." + name
			}
			e.Properties = append(e.Properties, EntityProperty{name, names[p.kind], p.optional})
		}
		for _, r := range t.relations {
			e.Relations = append(e.Relations, EntityRelation{r.name, r.to.single, r.many})
		}
		all = append(all, e)
	}
	return all
}
