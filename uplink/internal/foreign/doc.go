// Package foreign reads what the messages of other networks' application
// servers have in common: JSON after the mapping of Protocol Buffers, where a
// field that is missing has the value zero, times of RFC 3339, and a list of
// gateways that heard a frame.
//
// It leaves topics, the names of fields and what they mean to uplink/chirpstack
// and uplink/thethings.
package foreign
