// Package load is the load that the platform is measured with: virtual edges
// without radio that publish uplinks by the contract of package uplink, or as
// ChirpStack does, at a given rate or as fast as they are confirmed.
//
// It knows what such an edge owes: every uplink is kept until the platform has
// said stored, sent again with the same sequence number and time while it has
// not, and at most a window of them is unconfirmed. It knows what was sent, in
// a ledger that survives the end of the process, and compares it with what is
// stored. What an uplink says follows from the seed, the device, its number and
// its time, so that none of it has to be kept.
//
// It leaves the broker, the platform and the database to others and imports
// none of them: the fleet with radio is package simulate's.
package load
