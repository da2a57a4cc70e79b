package devices

import "time"

// WindowQuery asks a store of published windows for those of one quantity of a
// dataset.
type WindowQuery struct {
	Dataset     string
	Window      time.Duration // length of the windows
	Quantity    *Quantity
	Percentiles []int          // of a gauge, that its dataset has
	Of          *StationSeries // nil: of all stations and channels
	Span        Span           // in which the windows begin
	Bounds      []ValueBound   // all of them hold for Aggregate.Value
	Newest      bool           // the newest first, else the oldest
	Limit       int            // most rows of an answer; above 0
	Offset      int            // rows that are left out before; only with Of
	Edges       bool           // when counting: also find the oldest and the newest
}

// StationSeries names what the windows of a quantity are of.
type StationSeries struct{ Station, Channel string }

// ValueBound is a condition on a value: value Op Value.
type ValueBound struct {
	Op    string // "=", "!=", "<", "<=", ">" or ">="
	Value float64
}

// WindowCount is what a store has of a series: windows that a privacy rule
// suppresses count as if they were not there.
type WindowCount struct {
	StationSeries
	Count       int
	First, Last time.Time // begin of the oldest and of the newest window, UTC; with WindowQuery.Edges
}
