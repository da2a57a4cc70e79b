// Package opendata decides what the public gets: which quantities form a
// dataset, over which windows of time they are aggregated, and how complete a
// window is.
//
// It knows datasets, windows, coverage and days, and keeps bucket open up to
// date with bucket raw (Aggregator). It leaves queries and field names to the
// database behind Raw and Store, the arithmetic of a window to Raw.Aggregate,
// files to opendata/files and pages to opendata/portal. It never sees a
// DevEUI.
package opendata
