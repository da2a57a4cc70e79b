package codec

import (
	"slices"
	"strconv"

	"modellregion/devices"
)

// normalized maps the payload that a normalizeUplink returns (The Things
// Stack, lib/payload.json of lorawan-devices). What has no quantity, like the
// acidity of soil, and what counts on for ever where the quantity is per
// interval, like rain.cumulative, is left out.
var normalized = []devices.Mapping{
	{Path: "air.temperature", Quantity: "air_temperature", Unit: "Cel"},
	{Path: "air.relativeHumidity", Quantity: "relative_humidity", Unit: "%"},
	{Path: "air.pressure", Quantity: "air_pressure", Unit: "hPa"},
	{Path: "air.co2", Quantity: "co2", Unit: "[ppm]"},
	{Path: "air.lightIntensity", Quantity: "illuminance", Unit: "lx"},
	{Path: "wind.speed", Quantity: "wind_speed", Unit: "m/s"},
	{Path: "wind.direction", Quantity: "wind_direction", Unit: "deg"},
	{Path: "soil.temperature", Quantity: "soil_temperature", Unit: "Cel"},
	{Path: "soil.moisture", Quantity: "soil_moisture", Unit: "%"},
	{Path: "battery", Quantity: "battery_voltage", Unit: "V"},
}

// normalizedMap returns the mapping of the normalized payload without the
// quantities that an explicit map gives.
func normalizedMap(explicit []devices.Mapping) (fieldMap, error) {
	return compileFieldMap(slices.DeleteFunc(slices.Clone(normalized), func(m devices.Mapping) bool {
		return slices.ContainsFunc(explicit, func(e devices.Mapping) bool { return e.Quantity == m.Quantity })
	}))
}

// applyNormalized maps a normalized payload: one measurement or a list of
// them. What lies in the ground has its depth for a channel: "10cm".
func (fm fieldMap) applyNormalized(v any, place string, out *Output, taken func(place string)) {
	list, ok := v.([]any)
	if !ok {
		fm.applyMeasurement(v, place, out, taken)
		return
	}
	for i := range list {
		fm.applyMeasurement(list[i], indexOf(place, i), out, taken)
	}
}

func (fm fieldMap) applyMeasurement(v any, place string, out *Output, taken func(place string)) {
	m, _ := v.(map[string]any)
	soil, _ := m["soil"].(map[string]any)
	depth, deep := soil["depth"].(float64)
	for i := range fm {
		f := &fm[i]
		channel := ""
		if deep && f.path[0].key == "soil" {
			channel = cleanChannel(strconv.FormatFloat(depth, 'g', 6, 64) + "cm")
		}
		f.each(v, place, nil, func(place string, _ []string, v any) {
			taken(place)
			f.take(place, channel, v, out)
		})
	}
	taken(placeOf(place, "time"))
	if deep {
		taken(placeOf(placeOf(place, "soil"), "depth"))
	}
}

// isNormalized reports whether the data of a script have that shape already:
// "battery" alone may be anything.
func isNormalized(v any) bool {
	m, _ := v.(map[string]any)
	for _, name := range []string{"air", "wind", "soil"} {
		if _, ok := m[name].(map[string]any); ok {
			return true
		}
	}
	return false
}
