package openapi

import (
	"net/url"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// description is the interface as it is described.
type description struct {
	cfg        *Config
	operations []operation
	schemas    map[string]schema
}

// operation is one way to ask, always by GET.
type operation struct {
	group    group
	path     string // with {parameters}
	id       string // for generated clients
	title    opendata.Text
	text     opendata.Text // more about it; may be empty
	params   []param
	answers  []content
	statuses []int    // beside 200
	examples []string // addresses below the host
}

// group is a part of the interface.
type group struct {
	name  string // for programs
	title opendata.Text
	text  opendata.Text
}

// param is a parameter of a path, or of a query.
type param struct {
	name     string
	in       string // path, query or header
	required bool
	schema   schema
	text     opendata.Text
}

// content is one form of an answer.
type content struct {
	kind   string // media type
	schema schema // nil: not JSON
	title  string // for people; empty: the media type
}

func text(de, en string) opendata.Text { return opendata.Text{De: de, En: en} }

// sample is what examples speak of.
type sample struct {
	dataset  *opendata.Dataset // nil: there is none to speak of
	station  string
	quantity string
	today    opendata.Day
}

// sampleOf finds a dataset with a station, of those that are for everybody.
func (c *Config) sampleOf(now time.Time) sample {
	s := sample{today: opendata.DayOf(now)}
	for i := range c.Datasets {
		d := &c.Datasets[i]
		if d.Households != nil || len(d.Quantities) == 0 {
			continue
		}
		sites := d.Sites(c.Directory)
		byStation := d.Grouping == "" || d.Grouping == opendata.ByStation
		if s.dataset == nil || s.station == "" && byStation && len(sites) > 0 {
			s.dataset, s.quantity = d, d.Quantities[0]
			if byStation && len(sites) > 0 {
				s.station = sites[0].ID
			}
		}
	}
	return s
}

func query(path string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + values.Encode()
}

// describe puts all together.
func (c *Config) describe(now time.Time) *description {
	d := &description{cfg: c, schemas: map[string]schema{}}
	s := c.sampleOf(now)
	d.portal(s)
	d.files(s)
	d.live(s)
	d.sensorThings(s)
	if c.Catalogue {
		d.catalogue(s)
	}
	d.itself()
	d.schemas["Error"] = errorSchema()
	return d
}

// errorSchema is that of SensorThings, of the live stream and of the limits
// which are before all.
func errorSchema() schema {
	return shape(map[string]schema{"code": typed("integer"), "type": {"const": "error"}, "message": typed("string")}, nil)
}

func (d *description) add(o operation) { d.operations = append(d.operations, o) }

// datasetIDs are the ids of all datasets, or of those that are live.
func (d *description) datasetIDs(live bool) schema {
	ids := []string{}
	for i := range d.cfg.Datasets {
		if set := &d.cfg.Datasets[i]; !live || set.Households == nil {
			ids = append(ids, set.ID)
		}
	}
	return oneOf(ids)
}

// oneOf is a text out of a list; an empty list says nothing about it.
func oneOf(names []string) schema {
	if len(names) == 0 {
		return typed("string")
	}
	return schema{"type": "string", "enum": names}
}

// windows are those of all datasets, the shortest first.
func (d *description) windows() []string {
	var all []opendata.Window
	for i := range d.cfg.Datasets {
		all = append(all, d.cfg.Datasets[i].Windows...)
	}
	slices.Sort(all)
	var names []string
	for _, w := range slices.Compact(all) {
		names = append(names, w.String())
	}
	return names
}

// quantities are those of all datasets that are published at once.
func (d *description) quantities() schema {
	var names []string
	for i := range d.cfg.Datasets {
		if d.cfg.Datasets[i].Households == nil {
			for _, name := range d.cfg.Datasets[i].Quantities {
				if _, known := devices.Lookup(name); known {
					names = append(names, name)
				}
			}
		}
	}
	return oneOf(sorted(names))
}

// sorted returns names in order, each once.
func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
