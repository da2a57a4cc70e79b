package feedback

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// Kind is what an entry may be about.
type Kind string

// The kinds.
const (
	KindDataset Kind = "dataset"
	KindStation Kind = "station"
	KindPortal  Kind = "portal" // the page itself; it has no id
)

// About is what an entry is about.
type About struct {
	Kind Kind
	ID   string // as in addresses: 1 to 64 of a-z, 0-9 and -; empty for KindPortal
}

// String is "dataset/verkehr", "station/paderborn-verkehr-003" or "portal".
func (a About) String() string {
	if a.Kind == KindPortal {
		return string(KindPortal)
	}
	return string(a.Kind) + "/" + a.ID
}

// ParseAbout reads what String writes. Whether there is such a dataset or
// station is not known here.
func ParseAbout(s string) (About, error) {
	kind, id, _ := strings.Cut(s, "/")
	a := About{Kind(kind), id}
	if a.String() != s || !a.valid() {
		return About{}, fmt.Errorf("about %.80q: want dataset/ID, station/ID or portal, like station/paderborn-verkehr-003", s)
	}
	return a, nil
}

func (a About) valid() bool {
	switch a.Kind {
	case KindPortal:
		return a.ID == ""
	case KindDataset, KindStation:
		return len(a.ID) >= 1 && len(a.ID) <= 64 && strings.Trim(a.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	return false
}

// State is how far an entry is.
type State string

// The states.
const (
	StateNew      State = "new"      // the operator has not looked at it
	StateRead     State = "read"     // he has
	StateAnswered State = "answered" // and has answered
	StateHidden   State = "hidden"   // put aside without one, or after: as spam is
)

// ParseState reads a state.
func ParseState(s string) (State, error) {
	switch state := State(s); state {
	case StateNew, StateRead, StateAnswered, StateHidden:
		return state, nil
	}
	return "", fmt.Errorf("state %.40q: want new, read, answered or hidden", s)
}

// Entry is what somebody said, and what the operator answered.
type Entry struct {
	Code     string // 10 characters of Crockford's base32, see ParseCode; empty where all may read
	About    About
	Lang     string    // of the page it was written on: "de" or "en"
	Time     time.Time // when it was written, UTC, cut to the hour
	Text     string    // MinText to MaxText characters, lines end with \n
	Contact  string    // mail address or empty; for the operator alone
	State    State
	Answer   string    // empty unless there is one
	Answered time.Time // when it was answered last, UTC; zero unless it was
	Public   bool      // the operator lets all read text and answer
}

const (
	codeLength   = 10 // of 5 bits
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// newCode draws a code.
func newCode() string {
	var b [codeLength]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = codeAlphabet[b[i]%32]
	}
	return string(b[:])
}

// ParseCode reads a code as people write it: in small letters, with spaces and
// hyphens, with O for 0 and I or L for 1, as Crockford's base32 allows.
func ParseCode(s string) (string, error) {
	wrong := fmt.Errorf("code %.40q: want 10 letters and digits, like 7K3M9QX2TV", s)
	if len(s) > 4*codeLength {
		return "", wrong
	}
	code := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(s))
	if len(code) != codeLength || strings.Trim(code, codeAlphabet) != "" {
		return "", wrong
	}
	return code, nil
}
