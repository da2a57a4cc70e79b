package portal

import "reflect"

// Answers are the types of the JSON below /api/v1/, for a description of the
// interface that is made from them.
type Answers struct{ Stations, Series reflect.Type }

// JSON returns the types of what is answered.
func JSON() Answers {
	return Answers{reflect.TypeFor[stationsAnswer](), reflect.TypeFor[seriesAnswer]()}
}
