package codec

import (
	"maps"
	"slices"

	"modellregion/devices"
)

// outputMap maps what a script returned.
type outputMap struct {
	explicit, normalized fieldMap
	named                bool // without a map, fields at the top that bear a quantity's name are taken
}

func compileOutputMap(src []devices.Mapping) (*outputMap, error) {
	explicit, err := compileFieldMap(src)
	if err != nil {
		return nil, err
	}
	rest, err := normalizedMap(src)
	if err != nil {
		return nil, err
	}
	return &outputMap{explicit: explicit, normalized: rest, named: len(src) == 0}, nil
}

// apply adds the readings in the data of a script and in what it normalized
// them to, which may be nil. taken is told of every field that is mapped.
func (m *outputMap) apply(data, norm any, out *Output, taken func(place string)) {
	m.explicit.apply(data, "", out, taken)
	switch {
	case norm != nil:
		m.normalized.applyNormalized(norm, "normalized", out, taken)
	case isNormalized(data):
		m.normalized.applyMeasurement(data, "", out, taken)
	}
	if m.named {
		applyNamed(data, out, taken)
	}
}

// explain is apply with the data as fields, and a warning for each field that
// no mapping takes: of the normalized ones where these are what is mapped.
func (m *outputMap) explain(data, norm any, out *Output) {
	places := map[string]bool{}
	m.apply(data, norm, out, func(place string) { places[place] = true })
	out.Fields = plain(data, 0)
	root, place := data, ""
	if m.named && norm != nil {
		root, place = norm, "normalized"
	}
	leaves(root, place, 0, func(place string) {
		if !places[place] {
			out.warn(notMapped, place)
		}
	})
}

// applyNamed maps the fields at the top that bear the name of a quantity and
// are no reading yet.
func applyNamed(v any, out *Output, taken func(place string)) {
	fields, _ := v.(map[string]any)
	before := len(out.Readings)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		q, ok := devices.Lookup(name)
		if !ok || slices.ContainsFunc(out.Readings[:before], func(r devices.Reading) bool { return r.Quantity == q }) {
			continue
		}
		taken(name)
		m := mapping{quantity: q, linear: linear{multiply: 1, divide: 1}}
		m.take(name, "", fields[name], out)
	}
}
