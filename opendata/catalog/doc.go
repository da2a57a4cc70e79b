// Package catalog describes the region's datasets for other catalogues:
// DCAT-AP.de 3.0 (https://www.dcat-ap.de/def/dcatde/3.0/spec/) as Turtle,
// RDF/XML and JSON-LD, as Open.NRW and GovData harvest it.
//
// It knows the vocabulary, the graph and its three forms, paging and which form
// a client wants. It leaves to opendata what a dataset is, and to whoever
// implements Files which files there are. It is told of stations only where
// they are and never what they measured, so that nothing a privacy rule
// suppresses can be in it.
package catalog
