// Package opendata decides what the public gets: which quantities form a
// dataset, over which windows of time they are aggregated, and how complete a
// window is.
//
// It knows datasets, windows, coverage and days, computes what the readings of
// a window say, and keeps bucket open up to date with bucket raw (Aggregator).
// It leaves queries and field names to the database behind Raw and Store, what
// is derived from other quantities to opendata/derived, the consumption of
// households to opendata/household, files to opendata/files and pages to
// opendata/portal. It never sees a DevEUI.
package opendata
