package semtech

import (
	"errors"
	"fmt"
)

// Why a datagram or a part of one was not used: the words that
// Receiver.Dropped is given.
const (
	DropMalformed  = "malformed"  // not a datagram, JSON or rxpk of this protocol
	DropVersion    = "version"    // neither version 1 nor 2
	DropKind       = "kind"       // a datagram that only servers send
	DropGateway    = "gateway"    // the gateway is not allowed, or not from there, or one too many
	DropContended  = "contended"  // PULL_DATA for a gateway whose downlinks go elsewhere
	DropRate       = "rate"       // more than Options.Rate allows
	DropOversize   = "oversize"   // more than MaxDatagram bytes, or a frame of more than 255
	DropCRC        = "crc"        // a frame with a bad CRC or none
	DropModulation = "modulation" // neither LoRa nor FSK
	DropBusy       = "busy"       // the receiver was too slow: the queue, or the source's share of it, is full
	DropUnexpected = "unexpected" // a TX_ACK that nobody waits for
)

// dropError is an error that knows its reason among the Drop words. It puts
// its text together when somebody reads it: a stranger can cause thousands
// per second, and most are only counted. So args must be values that nobody
// changes later.
type dropError struct {
	reason string
	format string
	args   []any
}

func (e *dropError) Error() string { return fmt.Errorf(e.format, e.args...).Error() }
func (e *dropError) Unwrap() error { return errors.Unwrap(fmt.Errorf(e.format, e.args...)) }

func dropf(reason, format string, args ...any) error {
	return &dropError{reason, format, args}
}

// dropReason returns the reason of an error made by dropf, else "malformed".
func dropReason(err error) string {
	if d, ok := errors.AsType[*dropError](err); ok {
		return d.reason
	}
	return DropMalformed
}
