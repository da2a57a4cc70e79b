package devices

import (
	"fmt"
	"strconv"
	"time"

	"modellregion/uplink"
)

// Entry is what has to be known of a device to store what it says.
type Entry struct {
	Number       int // small and dense; another device never gets it while the program runs
	Station      string
	Municipality string
	Domain       uplink.Domain
	Edge         string // or the name of the source, for a device of another network
	Profile      string
	Interval     time.Duration // expected between two uplinks; 0 when the profile does not say
	Disabled     bool
}

// WriteFault says what can be done about a write that failed.
type WriteFault int

// The faults of a WriteError.
const (
	FaultBusy     WriteFault = iota // the store is away, overloaded or broken: try again later
	FaultDenied                     // the login is not accepted, or the bucket is not there: somebody has to act; try again later
	FaultTooLarge                   // the same in smaller parts may be taken
	FaultRefused                    // something in it can never be stored; parts of it may have been
)

// WriteError is why a store did not take something.
type WriteError struct {
	Fault      WriteFault
	RetryAfter time.Duration // what the store asks for; 0 when it does not
	Internal   bool          // the store reports a fault of its own (HTTP 500), which may be one of the data all the same
	Lost       int           // dead letters that it refuses whatever is tried, of a FaultRefused; it has all others
	Err        error
}

// Error implements error.
func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap implements the errors package's interface.
func (e *WriteError) Unwrap() error { return e.Err }

// Mark is a doubt about something that is stored all the same.
type Mark string

// The marks. All but MarkGap and MarkClock are about one reading.
const (
	MarkStuck    Mark = "stuck"     // the same value for longer than the quantity ever stands still
	MarkJump     Mark = "jump"      // changed faster than is physically possible
	MarkBackward Mark = "backwards" // a meter that counts down
	MarkGap      Mark = "gap"       // frames are missing before this one; Value is how many
	MarkClock    Mark = "clock"     // the time was reconstructed, the edge's clock was not set
)

// Doubt is a Mark with what it is about.
type Doubt struct {
	Mark     Mark
	Quantity *Quantity // nil for MarkGap and MarkClock
	Channel  string
	Value    float64
	Previous float64 // the value before, of MarkJump and MarkBackward
}

// ID names a dead letter that was read from a store.
func (l *DeadLetter) ID() string { return strconv.FormatInt(l.Time.UnixNano(), 36) }

// ParseDeadLetterID returns the time of the dead letter with that ID.
func ParseDeadLetterID(id string) (time.Time, error) {
	ns, err := strconv.ParseInt(id, 36, 64)
	if err != nil || ns <= 0 {
		return time.Time{}, fmt.Errorf("dead letter %.32q: want an id as it is listed, like dhv1pcs2tp1n", id)
	}
	return time.Unix(0, ns).UTC(), nil
}

// Settled says what was done about a dead letter.
type Settled int

// What can be done about a dead letter.
const (
	Unsettled Settled = iota
	Replayed          // stored at last
	Dropped           // given up; its message is gone
)

// String returns "", "replayed" or "dropped".
func (s Settled) String() string { return [...]string{"", "replayed", "dropped"}[s] }

// LetterFilter chooses dead letters. Empty fields choose all.
type LetterFilter struct {
	ID           string
	Since, Until time.Time // of the uplink, or of arrival: DeadLetter.Time; [Since, Until)
	Edge, Reason string
	Device       string // DevEUI
	Settled      bool   // also those about which something was done
	Limit        int    // the newest; 0: all
}

// Sender is a kind of thing that may fall silent.
type Sender string

// The senders.
const (
	SenderDevice  Sender = "device"
	SenderGateway Sender = "gateway"
	SenderEdge    Sender = "edge"
)

// SenderState says that a sender has fallen silent, or speaks again.
type SenderState struct {
	Time         time.Time // when it counted as silent; when it was heard again
	Sender       Sender
	ID           string        // DevEUI, gateway EUI or name of the edge
	Edge         string        // that serves it; may be empty
	Domain       uplink.Domain // of a device
	Station      string        // of a device
	Municipality string        // of a device
	Silent       bool
	LastHeard    time.Time     // zero when that is not known
	Interval     time.Duration // at which it should be heard
}
