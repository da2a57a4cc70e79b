package sensorthings

import (
	"strconv"

	"modellregion/devices"
)

// omPrefix begins the types of observations (OGC 18-088 table 12).
const omPrefix = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"

func observationType(q *devices.Quantity) string {
	switch {
	case q.Kind == devices.Category:
		return omPrefix + "OM_CategoryObservation"
	case q.Unit == "{#}":
		return omPrefix + "OM_CountObservation"
	}
	return omPrefix + "OM_Measurement"
}

func streamProperties(observed *entityType) []*property {
	times := func(d *datastream, result bool) value {
		known := d.series.load()
		if known.count <= 0 && known.row == nil {
			return value{}
		}
		base := d.set.Base()
		if result {
			return ofInterval(base.End(msTime(known.first)).UnixMilli(), base.End(msTime(known.last)).UnixMilli())
		}
		return ofInterval(known.first, base.End(msTime(known.last)).UnixMilli())
	}
	return []*property{
		has("name", text, func(d *datastream) value { return ofText(d.name) }),
		has("description", text, func(d *datastream) value { return ofText(d.description) }),
		has("observationType", text, func(d *datastream) value { return ofText(observationType(d.quantity)) }),
		has("unitOfMeasurement", object, func(d *datastream) value { return d.unit }),
		may("observedArea", geometry, func(d *datastream) value {
			if d.area == nil {
				return value{}
			}
			return value{kind: geometry, shape: d.area}
		}),
		may("phenomenonTime", interval, func(d *datastream) value { return times(d, false) }),
		may("resultTime", interval, func(d *datastream) value { return times(d, true) }),
		{name: "properties", kind: object, optional: true, get: func(r *request, of entity) value {
			d := of.(*datastream)
			if d.quantity.Kind != devices.Category {
				return d.properties
			}
			// The values have addresses below that of the property.
			v := d.properties
			self := r.selfLink(observed, d.property) + "/properties/values/"
			var values []member
			for _, name := range d.quantity.Categories {
				values = append(values, member{name, ofText(self + name)})
			}
			v.members = append(v.members[:len(v.members):len(v.members)], member{"values", ofObject(values...)})
			return v
		}},
	}
}

func observationProperties() []*property {
	return []*property{
		has("phenomenonTime", interval, func(o *observation) value { return ofInterval(o.begin(), o.end()) }),
		has("resultTime", instant, func(o *observation) value { return ofInstant(o.end()) }),
		has("result", anything, result),
		may("parameters", object, parameters),
	}
}

// result is a number, or the name of a category.
func result(o *observation) value {
	if o.row.Quantity.Kind == devices.Category {
		return ofText(o.row.Quantity.Text(o.row.Value()))
	}
	return ofNumber(o.row.Value())
}

// parameters is what else a window says.
func parameters(o *observation) value {
	a := &o.row
	members := []member{{"count", ofNumber(float64(a.Count))}}
	if a.Quantity.Kind == devices.Gauge {
		members = append(members, member{"min", ofNumber(a.Min)}, member{"max", ofNumber(a.Max)})
	}
	members = append(members, member{"coverage", ofNumber(a.Coverage)})
	if len(a.Percentiles) > 0 {
		var all []member
		for _, p := range a.Percentiles {
			all = append(all, member{"p" + strconv.Itoa(p.P), ofNumber(p.Value)})
		}
		members = append(members, member{"percentiles", ofObject(all...)})
	}
	if len(a.Shares) > 0 {
		var all []member
		for code, share := range a.Shares {
			all = append(all, member{a.Quantity.Text(float64(code)), ofNumber(share)})
		}
		members = append(members, member{"shares", ofObject(all...)})
	}
	return ofObject(members...)
}
