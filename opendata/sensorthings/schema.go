package sensorthings

import "slices"

// entityType is a kind of entity: what it has and whom it knows.
type entityType struct {
	set, single string // "Things", "Thing"
	properties  []*property
	relations   []*relation
}

// property is one of OGC 18-088 §8.2.
type property struct {
	name     string
	kind     kind
	optional bool // left out of answers when it is null
	get      func(r *request, of entity) value
}

// relation leads to one entity or to many.
type relation struct {
	name string
	many bool
	to   *entityType
	one  func(of entity) entity
	list func(of entity) []entity // nil: to Observations
	// streams are the Datastreams whose Observations are meant.
	streams func(of entity) []*datastream
}

func (t *entityType) property(name string) *property {
	if name == "@iot.id" {
		name = "id"
	}
	for _, p := range t.properties {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (t *entityType) relation(name string) *relation {
	for _, r := range t.relations {
		if r.name == name {
			return r
		}
	}
	return nil
}

// names are those that a path may go on with, the properties first.
func (t *entityType) names() []string {
	var out []string
	for _, p := range t.properties {
		out = append(out, p.name)
	}
	for _, r := range t.relations {
		out = append(out, r.name)
	}
	return out
}

// The entity types. The first property of each is its id, the second its
// address; both are written with @iot. before their name.
var (
	things, locations, historicals, datastreams,
	sensors, observedProperties, observations, features = makeTypes()

	entityTypes = []*entityType{things, locations, historicals, datastreams, sensors, observedProperties, observations, features}
)

func typeOf(set string) *entityType {
	i := slices.IndexFunc(entityTypes, func(t *entityType) bool { return t.set == set })
	if i < 0 {
		return nil
	}
	return entityTypes[i]
}

func newType(set, single string, properties ...*property) *entityType {
	t := &entityType{set: set, single: single}
	t.properties = append([]*property{
		{name: "id", kind: number, get: func(_ *request, of entity) value { return ofNumber(float64(of.id())) }},
		{name: "selfLink", kind: text, get: func(r *request, of entity) value { return ofText(r.selfLink(t, of)) }},
	}, properties...)
	return t
}

// has is a property of one type of entity.
func has[E entity](name string, k kind, get func(of E) value) *property {
	return &property{name: name, kind: k, get: func(_ *request, of entity) value { return get(of.(E)) }}
}

func may[E entity](name string, k kind, get func(of E) value) *property {
	p := has(name, k, get)
	p.optional = true
	return p
}

// toOne and toMany are relations from entities of type E.
func toOne[E entity](to *entityType, get func(of E) entity) *relation {
	return &relation{name: to.single, to: to, one: func(of entity) entity { return get(of.(E)) }}
}

func toMany[E entity](to *entityType, get func(of E) []entity) *relation {
	return &relation{name: to.set, many: true, to: to, list: func(of entity) []entity { return get(of.(E)) }}
}

func toObservations[E entity](to *entityType, get func(of E) []*datastream) *relation {
	return &relation{name: to.set, many: true, to: to, streams: func(of entity) []*datastream { return get(of.(E)) }}
}

func makeTypes() (thing_, location_, historical_, stream_, sensor_, property_, observation_, feature_ *entityType) {
	thing_ = newType("Things", "Thing",
		has("name", text, func(t *thing) value { return ofText(t.name) }),
		has("description", text, func(t *thing) value { return ofText(t.description) }),
		may("properties", object, func(t *thing) value { return t.properties }))
	location_ = newType("Locations", "Location",
		has("name", text, func(l *location) value { return ofText(l.name) }),
		has("description", text, func(l *location) value { return ofText(l.kindText) }),
		has("encodingType", text, func(*location) value { return ofText(geoJSONType) }),
		has("location", geometry, func(l *location) value { return value{kind: geometry, shape: l.shape} }))
	historical_ = newType("HistoricalLocations", "HistoricalLocation",
		has("time", instant, func(h *historical) value { return ofInstant(h.since) }))
	sensor_ = newType("Sensors", "Sensor",
		has("name", text, func(s *sensor) value { return ofText(s.name) }),
		has("description", text, func(s *sensor) value { return ofText(s.description) }),
		has("encodingType", text, func(*sensor) value { return ofText("text/html") }),
		&property{name: "metadata", kind: text, get: func(r *request, of entity) value { return ofText(r.host + of.(*sensor).page) }},
		may("properties", object, func(s *sensor) value { return s.properties }))
	property_ = newType("ObservedProperties", "ObservedProperty",
		has("name", text, func(p *observed) value { return ofText(p.name) }),
		&property{name: "definition", kind: text, get: func(r *request, of entity) value {
			if p := of.(*observed); p.definition != "" {
				return ofText(p.definition)
			}
			return ofText(r.selfLink(property_, of))
		}},
		has("description", text, func(p *observed) value { return ofText(p.description) }),
		may("properties", object, func(p *observed) value { return p.properties }))
	stream_ = newType("Datastreams", "Datastream", streamProperties(property_)...)
	observation_ = newType("Observations", "Observation", observationProperties()...)
	feature_ = newType("FeaturesOfInterest", "FeatureOfInterest",
		has("name", text, func(f *feature) value { return ofText(f.name) }),
		has("description", text, func(f *feature) value { return ofText(f.kindText) }),
		has("encodingType", text, func(*feature) value { return ofText(geoJSONType) }),
		has("feature", geometry, func(f *feature) value { return value{kind: geometry, shape: f.shape} }))

	thing_.relations = []*relation{
		toMany(stream_, func(t *thing) []entity { return t.datastreams }),
		toMany(historical_, func(t *thing) []entity { return t.histories }),
		toMany(location_, func(t *thing) []entity { return t.locations }),
	}
	location_.relations = []*relation{
		toMany(historical_, func(l *location) []entity { return l.histories }),
		toMany(thing_, func(l *location) []entity { return l.selves }),
	}
	historical_.relations = []*relation{
		toMany(location_, func(h *historical) []entity { return h.locations }),
		toOne(thing_, func(h *historical) entity { return (*thing)(h) }),
	}
	stream_.relations = []*relation{
		toObservations(observation_, func(d *datastream) []*datastream { return []*datastream{d} }),
		toOne(property_, func(d *datastream) entity { return d.property }),
		toOne(sensor_, func(d *datastream) entity { return d.sensor }),
		toOne(thing_, func(d *datastream) entity { return d.thing }),
	}
	sensor_.relations = []*relation{toMany(stream_, func(s *sensor) []entity { return s.datastreams })}
	property_.relations = []*relation{toMany(stream_, func(p *observed) []entity { return p.datastreams })}
	observation_.relations = []*relation{
		toOne(stream_, func(o *observation) entity { return o.stream }),
		toOne(feature_, func(o *observation) entity { return (*feature)(o.stream.thing) }),
	}
	feature_.relations = []*relation{toObservations(observation_, func(f *feature) []*datastream { return f.streams })}
	return
}

// geoJSONType is the encoding of locations since 1.1.
const geoJSONType = "application/geo+json"
