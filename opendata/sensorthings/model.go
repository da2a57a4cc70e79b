package sensorthings

import (
	"modellregion/devices"
	"modellregion/opendata"
)

// entity is one of the eight kinds of things that the standard knows.
type entity interface{ id() int64 }

// thing is a site of a dataset: a station, or a road or area. Its Location,
// HistoricalLocation and FeatureOfInterest are made of it and have its number.
type thing struct {
	number            int64
	name, description string
	kindText          string // of its location: "Standort von …"
	properties        value
	shape             *shape
	since             int64 // begin of its first window, Unix milliseconds

	streams []*datastream
	// Lists as relations give them, made once.
	datastreams, selves, locations, histories []entity
}

type (
	location   thing
	historical thing
	feature    thing
)

func (t *thing) id() int64      { return t.number }
func (l *location) id() int64   { return l.number }
func (h *historical) id() int64 { return h.number }
func (f *feature) id() int64    { return f.number }

// datastream is what a dataset says of one quantity on one channel of a site,
// in its base window.
type datastream struct {
	number            int64
	set               *opendata.Dataset
	quantity          *devices.Quantity
	key               seriesKey
	thing             *thing
	sensor            *sensor
	property          *observed
	name, description string
	unit, properties  value
	area              *shape
	series            *series
}

func (d *datastream) id() int64 { return d.number }

// sensor is the method by which windows of a quantity come about, never a
// device.
type sensor struct {
	number            int64
	name, description string
	page              string // path of what describes it, on the same host
	properties        value
	datastreams       []entity
}

func (s *sensor) id() int64 { return s.number }

// observed is an ObservedProperty: a quantity.
type observed struct {
	number            int64
	name, description string
	definition        string // URI; empty: its own address tells
	properties        value
	datastreams       []entity
}

func (p *observed) id() int64 { return p.number }

// observation is one window.
type observation struct {
	stream *datastream
	row    devices.Aggregate
}

func (o *observation) id() int64 { return observationID(o.stream.number, o.row.Start.UnixMilli()) }

// begin and end are Unix milliseconds.
func (o *observation) begin() int64 { return o.row.Start.UnixMilli() }

func (o *observation) end() int64 { return o.stream.set.Base().End(o.row.Start).UnixMilli() }

// An Observation's number is that of its Datastream times 2^26 plus the minutes
// from epoch to the begin of its window: no table of Observations is needed.
// It stays below 2^53 as long as there are fewer than 2^27 Datastreams, so that
// JavaScript keeps it, until the year 2147.
const (
	minuteBits = 26
	minute     = 60_000 // milliseconds
	maxStreams = 1 << 27
)

// epoch is 2020-01-01T00:00Z in Unix milliseconds. Windows before it are not
// shown.
const epoch = 1_577_836_800_000

func observationID(stream, begin int64) int64 { return stream<<minuteBits | (begin-epoch)/minute }

func splitID(id int64) (stream, begin int64) {
	return id >> minuteBits, id&(1<<minuteBits-1)*minute + epoch
}
