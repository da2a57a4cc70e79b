package opendata

import (
	"context"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Raw is bucket raw as the aggregator reads it.
type Raw interface {
	// Dirty returns the marks that arrived in the span, in any order. A mark
	// must become visible no earlier than the readings it tells of; it may
	// become visible up to Overlap after its time of arrival. The marks of two
	// writes differ in at least one field.
	Dirty(ctx context.Context, arrived devices.Span) ([]devices.DirtyMark, error)

	// Readings calls take with what the stations of a domain reported of the
	// quantities in the span: once for each station and channel, the channels
	// of a station one after the other. An error of take ends it and is
	// returned. It holds one station in memory at a time, however long the
	// span is.
	Readings(ctx context.Context, domain uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error
}

// Reader is bucket open as the public reads it. It is all that the public
// faces are given.
type Reader interface {
	// Windows returns the published windows of a dataset that begin in the
	// span, of one station or, when station is empty, of all of them, in any
	// order; with only those of these quantities alone, which costs less. A
	// dataset or station without windows gives none and no error.
	Windows(ctx context.Context, dataset string, window time.Duration, span devices.Span, station string, only ...*devices.Quantity) ([]devices.Aggregate, error)
}

// Store is bucket open as the aggregator writes it.
type Store interface {
	Reader

	// Put stores rows of one dataset and window length. A row with the station,
	// quantity, channel and start of an earlier one replaces it, so that
	// putting the same rows twice changes nothing. The rows of a station,
	// channel and start must come in one call: the quantities that an earlier
	// call had, and perhaps more. It must not keep the slice.
	Put(ctx context.Context, dataset string, window time.Duration, rows []devices.Aggregate) error

	// Cursor returns the time given to the last SetCursor that succeeded, or
	// the zero time when there was none. It survives a restart.
	Cursor(ctx context.Context) (time.Time, error)

	// SetCursor keeps until when marks have been dealt with. Its own write
	// must not be visible to Windows.
	SetCursor(ctx context.Context, until time.Time) error
}

// Directory knows the stations. Its methods are called often and from several
// goroutines; they answer from memory.
type Directory interface {
	// Stations returns the public stations, and only those, ordered by id. The
	// caller must not change them.
	Stations() []devices.Station

	// Interval returns the time expected between two readings of the quantity
	// on one channel of a station, or zero when that is not known.
	Interval(station string, q *devices.Quantity) time.Duration

	// Fact returns a number that is known of a public station beside what it
	// measures, such as the free speed of its road, and false where it is not.
	// The names are those of package opendata/derived.
	Fact(station, name string) (float64, bool)
}

// Publisher turns what is in a Store into something the public can fetch.
type Publisher interface {
	// Publish brings what is published of the days of a dataset up to date. A
	// nil error means that the result survives a crash; publishing again
	// without new windows changes nothing.
	Publish(ctx context.Context, dataset *Dataset, days []Day) error

	// Retract takes stations that are public no more out of everything that
	// was ever published. It is called often, and cheap when there are none.
	Retract(ctx context.Context) error
}
