package devices

import (
	"slices"
	"time"

	"modellregion/uplink"
)

// Reading is one decoded value of a known quantity.
type Reading struct {
	Quantity *Quantity
	Channel  string // lane, phase, direction or depth; empty when there is one
	Value    float64
}

// Report is what one uplink said, checked and placed: ready to be stored. The
// readings and the reception of one report share its time.
type Report struct {
	Device       uplink.EUI
	Station      string // where the device stands, as in Device.Station
	Municipality string
	Domain       uplink.Domain
	Time         time.Time // UTC, whole milliseconds
	Readings     []Reading
	FCnt         uint32
	Lost         uint32 // frames missed before this one
	DR           uint8
	RX           []uplink.Reception
	Doubts       []Doubt // it is stored with them
}

// DeadLetter is a message, or a part of one, that can never be stored as it
// is, kept with the reason so that it can be looked at and replayed.
type DeadLetter struct {
	Time    time.Time // of the uplink where it is known, else of arrival, or the day of it; a store changes the part below a second
	Edge    string    // or the name of the source; may be empty
	Reason  string    // a short fixed word: "codec", "range", "unknown_device"
	Why     string    // the same in words, with the values
	Topic   string    // that it came on
	Device  string    // DevEUI; empty when it is not known
	Message string    // an uplink as JSON (uplink.Uplink) where there is one, else what arrived
	Cut     bool      // Message was longer; it cannot be replayed
	Settled Settled
}

// Span is a half-open interval of time, [Start, End).
type Span struct{ Start, End time.Time }

// Contains reports whether t lies in the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// DirtyMark says that readings for a window of a domain have arrived, so that
// what is computed from the window is out of date.
type DirtyMark struct {
	Domain  uplink.Domain
	Window  time.Time // begin of the window of DirtyWindow, UTC
	Arrived time.Time // when the readings were written, by the platform's clock
}

// DirtyWindow is the length of the windows that a DirtyMark names.
const DirtyWindow = 15 * time.Minute

// Series is what one channel of one station reported in a span of time: a
// column of values for each quantity asked for. It must not be changed, and is
// valid only until the function that was given it returns.
type Series struct {
	Station, Channel string
	Times            []int64     // Unix milliseconds, ascending; two devices may have reported at one
	Values           [][]float64 // by quantity as asked for, then by time; NaN where a report has none

	// Devices numbers the device of each report, by time: a meter's differences
	// are taken between readings of one device. Nil when all are of one.
	Devices []uint16
}

// Aggregate is what a window of time says of one quantity on one channel of
// one station. Which of the numbers are meaningful depends on the quantity's
// kind.
type Aggregate struct {
	Station  string
	Quantity *Quantity
	Channel  string
	Start    time.Time     // of the window, UTC
	Window   time.Duration // length of the window

	Count    int     // readings in the window
	Mean     float64 // of a gauge
	Min, Max float64 // of a gauge
	Sum      float64 // of a count; of a meter what it has counted
	Mode     float64 // of a category: the code that took most of the time

	Percentiles []Percentile // of a gauge, those that its dataset wants
	Shares      []float64    // of a category: share of the time that each code took, 0 to 1, by code; nil where not known
	Suppressed  bool         // a privacy rule forbids to tell: no number is set
	Coverage    float64      // received ÷ expected readings, 0 to 1
}

// Percentile is the value that P percent of the readings do not exceed.
type Percentile struct {
	P     int // 1 to 99
	Value float64
}

// Value returns the one number that stands for the window: the mean of a
// gauge, the sum of a count, the difference of a meter, the most frequent
// code of a category.
func (a *Aggregate) Value() float64 {
	switch a.Quantity.Kind {
	case Count, Meter:
		return a.Sum
	case Category:
		return a.Mode
	default:
		return a.Mean
	}
}

// Station is a public place where something is measured. It says nothing of
// the device that stands there.
type Station struct {
	ID           string
	Name         string
	Municipality string
	District     string // of the municipality; may be empty
	Road         string // or stretch of it, as its authority calls it; may be empty
	Domain       uplink.Domain
	Place        Place
	Segment      Segment         // the stretch of road that is watched; may be empty
	Also         []uplink.Domain // other domains that are measured at it; mostly none
}

// Measures reports whether devices of a domain stand at the station.
func (s *Station) Measures(d uplink.Domain) bool {
	return s.Domain == d || slices.Contains(s.Also, d)
}
