package portal

import "reflect"

// Answers are the types of the JSON below /api/v1/, for a description of the
// interface that is made from them.
type Answers struct{ Stations, Map, Series, Status reflect.Type }

// JSON returns the types of what is answered.
func JSON() Answers {
	return Answers{
		Stations: reflect.TypeFor[stationsAnswer](), Map: reflect.TypeFor[mapAnswer](),
		Series: reflect.TypeFor[seriesAnswer](), Status: reflect.TypeFor[statusAnswer](),
	}
}
