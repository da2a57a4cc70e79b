package basicstation

import (
	"errors"
	"fmt"
)

// Why a connection or a message was not used: the words that Receiver.Dropped
// is given.
const (
	DropMalformed  = "malformed"  // not a message of this protocol
	DropKind       = "kind"       // a binary message, or one of a type that is not used
	DropGateway    = "gateway"    // the gateway is not allowed, or one too many
	DropAuth       = "auth"       // a wrong token, or the certificate of another gateway
	DropOversize   = "oversize"   // a message of more than 64 KiB, or a frame of more than 255 bytes
	DropModulation = "modulation" // neither LoRa nor FSK
	DropBusy       = "busy"       // the receiver was too slow and the queue is full
	DropRate       = "rate"       // more messages of a gateway than its radios can be the cause of
	DropUnexpected = "unexpected" // a dntxed that nobody waits for
)

// dropError is an error that knows its reason among the Drop words.
type dropError struct {
	reason string
	err    error
}

func (e *dropError) Error() string { return e.err.Error() }
func (e *dropError) Unwrap() error { return e.err }

func dropf(reason, format string, args ...any) error {
	return &dropError{reason, fmt.Errorf(format, args...)}
}

// dropReason returns the reason of an error made by dropf, else "malformed".
func dropReason(err error) string {
	if d, ok := errors.AsType[*dropError](err); ok {
		return d.reason
	}
	return DropMalformed
}
