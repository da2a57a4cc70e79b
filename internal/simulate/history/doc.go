// Package history invents a past for a region to look at: windows as an
// aggregator would have stored them, of stations that there are not.
//
// It knows what such stations measure, hour by hour and season by season, and
// makes of it windows of 15 minutes, an hour and a day, a day of the region
// after the other, and the devices under whose names a registry shows them.
// Every reading is a hash of the seed, the station and the time: nothing is
// kept from one day to the next, so that any part of a past is the same as that
// part of a longer one. It leaves storing, publishing and taking away to its
// caller and imports nothing that could do it.
package history
