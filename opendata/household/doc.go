// Package household publishes what groups of households take from the grid and
// feed into it, so that nothing of a single one can be told (MsbG §52 (3):
// anonymised by aggregating at least five connection users).
//
// It knows the privacy rules: who is counted, how many it takes for a day, an
// hour and a quarter of an hour, what one member may not dominate, and that a
// day is decided once and for ever. What it decides it writes to a private
// folder first and then to the public store. It leaves the declaration of
// datasets to package opendata, the readings and the meters to whoever
// implements Readings and Directory, and files to a Publisher.
//
// The decision itself (rule, safe, consume) is pure: it sees numbers without
// names. Why the rules are what they are is in docs/adr/0020-household-meters.md.
package household
