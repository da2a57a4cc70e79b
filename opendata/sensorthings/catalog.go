package sensorthings

import (
	"cmp"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/opendata"
)

// catalog holds all entities but Observations, each list by number. It is
// never changed once it is made.
type catalog struct {
	sets    map[*entityType][]entity
	streams []*datastream // as in sets
}

// builder makes a catalogue.
type builder struct {
	*Service
	keys  []seriesKey                                // of series that are shown and have a site
	sites map[*opendata.Dataset]map[string]*siteInfo // by id

	things     map[string]*thing
	sensors    map[[2]string]*sensor
	properties map[string]*observed
}

// siteInfo is a site with what its thing is known by.
type siteInfo struct {
	opendata.Site
	kind opendata.Grouping
	sets []string // ids of the datasets that it is in
}

// newBuilder finds the series that may be shown: those of sites that are
// public and of quantities that are published.
func (s *Service) newBuilder() *builder {
	b := &builder{Service: s, sites: map[*opendata.Dataset]map[string]*siteInfo{},
		things: map[string]*thing{}, sensors: map[[2]string]*sensor{}, properties: map[string]*observed{}}
	all := map[string]*siteInfo{} // a site is once, in however many datasets
	for i := range s.cfg.Datasets {
		d := &s.cfg.Datasets[i]
		b.sites[d] = map[string]*siteInfo{}
		kind := cmp.Or(d.Grouping, opendata.ByStation)
		for _, site := range d.Sites(s.cfg.Directory) {
			key := string(kind) + "\t" + site.ID
			if all[key] == nil {
				all[key] = &siteInfo{Site: site, kind: kind}
			}
			b.sites[d][site.ID] = all[key]
			all[key].sets = append(all[key].sets, d.ID)
		}
	}
	for _, key := range s.sorted() {
		d := s.dataset(key.dataset)
		if b.sites[d][key.station] != nil && d.Has(key.quantity) {
			b.keys = append(b.keys, key)
		}
	}
	return b
}

func (b *builder) idKeys(key seriesKey) (thing, stream, sensor, property idKey) {
	site := b.sites[b.dataset(key.dataset)][key.station]
	return keyOf(idThing, string(site.kind), site.ID),
		keyOf(idStream, key.dataset, string(site.kind), key.station, key.quantity.Name, key.channel),
		keyOf(idSensor, key.dataset, key.quantity.Name),
		keyOf(idProperty, key.quantity.Name)
}

// wanted lists what must have a number.
func (b *builder) wanted() (keys []idKey) {
	for _, key := range b.keys {
		thing, stream, sensor, property := b.idKeys(key)
		keys = append(keys, thing, sensor, property, stream)
	}
	return keys
}

// build makes the catalogue of what has a number.
func (b *builder) build() (*catalog, error) {
	c := &catalog{sets: map[*entityType][]entity{}}
	for _, key := range b.keys {
		stream, err := b.stream(key)
		if err != nil {
			return nil, err
		}
		if stream != nil {
			c.streams = append(c.streams, stream)
		}
	}
	slices.SortFunc(c.streams, func(x, y *datastream) int { return cmp.Compare(x.number, y.number) })
	for _, d := range c.streams {
		c.sets[datastreams] = append(c.sets[datastreams], d)
		d.thing.streams = append(d.thing.streams, d)
		d.thing.datastreams = append(d.thing.datastreams, d)
		d.sensor.datastreams = append(d.sensor.datastreams, d)
		d.property.datastreams = append(d.property.datastreams, d)
		if first := d.series.load().first; first != 0 && (d.thing.since == 0 || first < d.thing.since) {
			d.thing.since = first
		}
	}
	for _, t := range b.things {
		if len(t.streams) == 0 {
			continue
		}
		c.sets[things] = append(c.sets[things], t)
		c.sets[locations] = append(c.sets[locations], (*location)(t))
		c.sets[historicals] = append(c.sets[historicals], (*historical)(t))
		c.sets[features] = append(c.sets[features], (*feature)(t))
	}
	for _, s := range b.sensors {
		c.sets[sensors] = append(c.sets[sensors], s)
	}
	for _, p := range b.properties {
		c.sets[observedProperties] = append(c.sets[observedProperties], p)
	}
	for _, all := range c.sets {
		slices.SortFunc(all, func(x, y entity) int { return cmp.Compare(x.id(), y.id()) })
	}
	return c, nil
}

// stream makes a Datastream with what it belongs to, or nil when one of them
// has no number yet.
func (b *builder) stream(key seriesKey) (*datastream, error) {
	thingKey, streamKey, sensorKey, propertyKey := b.idKeys(key)
	number, ok1 := b.cfg.Ids.lookup(streamKey)
	thingNumber, ok2 := b.cfg.Ids.lookup(thingKey)
	sensorNumber, ok3 := b.cfg.Ids.lookup(sensorKey)
	propertyNumber, ok4 := b.cfg.Ids.lookup(propertyKey)
	if !ok1 || !ok2 || !ok3 || !ok4 || number >= maxStreams {
		return nil, nil
	}
	d := b.dataset(key.dataset)
	site := b.sites[d][key.station]
	t := b.things[thingKey.name]
	if t == nil {
		var err error
		if t, err = b.thing(thingNumber, site); err != nil {
			return nil, err
		}
		b.things[thingKey.name] = t
	}
	of := [2]string{d.ID, key.quantity.Name}
	if b.sensors[of] == nil {
		b.sensors[of] = newSensor(sensorNumber, d, key.quantity)
	}
	if b.properties[key.quantity.Name] == nil {
		b.properties[key.quantity.Name] = newObserved(propertyNumber, key.quantity)
	}
	stream := &datastream{
		number: number, set: d, quantity: key.quantity, key: key, thing: t, sensor: b.sensors[of],
		property: b.properties[key.quantity.Name], unit: unitOf(key.quantity), area: t.shape.area(), series: b.series[key],
	}
	stream.describe()
	return stream, nil
}

func (b *builder) thing(number int64, site *siteInfo) (*thing, error) {
	s, err := shapeOf(site.Place, site.Line)
	if err != nil {
		return nil, err
	}
	t := &thing{number: number, shape: s, name: site.Name}
	if name := b.cfg.Municipalities[site.ID]; site.kind == opendata.ByMunicipality && name != "" {
		t.name = name
	}
	t.name = cmp.Or(t.name, site.ID)
	in := cmp.Or(b.cfg.Municipalities[site.Municipality], site.Municipality)
	t.describe(site, in)
	t.selves, t.locations, t.histories = []entity{t}, []entity{(*location)(t)}, []entity{(*historical)(t)}
	return t, nil
}

// texts makes a list of texts.
func texts(all []string) value {
	v := value{kind: list}
	for _, one := range all {
		v.items = append(v.items, ofText(one))
	}
	return v
}

// quantityText is a quantity in both languages.
func quantityText(q *devices.Quantity) string { return q.De + " / " + q.En }

func upper(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[0])) + string(r[1:])
}
