package household

import (
	"context"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// Readings is bucket raw as this package reads it.
type Readings interface {
	// Readings calls take with what the stations of a domain reported of the
	// quantities in the span: once for each station and channel, in any order.
	// An error of take ends it and is returned.
	Readings(ctx context.Context, domain uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error
}

// Directory knows the household meters. It answers from memory.
type Directory interface {
	// Households returns the household meters that are in use, one for each
	// station. The caller must not change them.
	Households() []devices.Household
}

// Store is bucket open as this package uses it: an opendata.Store without its
// cursor.
type Store interface {
	opendata.Reader

	// Put stores rows of one dataset and window length; the same rows again
	// change nothing. It must not keep the slice.
	Put(ctx context.Context, dataset string, window time.Duration, rows []devices.Aggregate) error
}

// Publisher makes files of what is in the Store.
type Publisher interface {
	// Publish brings what is published of the days of a dataset up to date. A
	// nil error means that the result survives a crash.
	Publish(ctx context.Context, dataset *opendata.Dataset, days []opendata.Day) error
}
