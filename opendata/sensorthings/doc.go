// Package sensorthings shows open data by the OGC SensorThings API 1.1 (OGC
// 18-088), for reading: entities, paths, query options and result formats.
//
// It knows the standard's data model, its language of filters, and how they
// map to datasets, sites and published windows; the catalogue of entities is
// in memory, and only Observations are asked for. It leaves the database to
// whoever implements Observations, what may be public to package opendata, and
// the listener to the program. Datasets of households are not in it, and
// windows that a privacy rule suppresses are as if they were not there.
package sensorthings
