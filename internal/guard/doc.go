// Package guard keeps what the public asks for within bounds, so that no client
// takes the platform, or the others, with it: so many requests at once and so
// many of one client, each with a limit of time and size; what is too much gets
// 413, 414, 429 or 503, the latter two with Retry-After.
//
// It knows requests and their cost by path, and clients by their address. It
// leaves the limits of a query to whoever answers it: its context ends in time.
package guard
