package live

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// place is a place in the stream, the id of an event: "1795428000-1795429212345678".
type place struct {
	begin time.Time // of the window, whole seconds

	// number grows from event to event, over all datasets and restarts: it is
	// the time at which the event was made, in microseconds since 1970, or one
	// more than that of the event before where that is greater.
	number int64
}

// here is the place after the event of that number.
func here(number int64) place { return place{time.UnixMicro(number), number} }

// made is about when the event was made, not after now.
func (p place) made(now time.Time) time.Time {
	if t := time.UnixMicro(p.number); t.Before(now) {
		return t
	}
	return now
}

func (p place) append(b []byte) []byte {
	b = strconv.AppendInt(b, p.begin.Unix(), 10)
	b = append(b, '-')
	return strconv.AppendInt(b, p.number, 10)
}

// maxSeconds is in the year 2286, when a number gets one more digit.
const maxSeconds = 9_999_999_999

// parsePlace reads what append writes.
func parsePlace(text string) (place, error) {
	first, second, found := strings.Cut(text, "-")
	begin, err := strconv.ParseUint(first, 10, 63)
	number, err2 := strconv.ParseUint(second, 10, 63)
	if !found || err != nil || err2 != nil || begin > maxSeconds || number > maxSeconds*1_000_000 || strings.HasPrefix(text, "+") {
		return place{}, fmt.Errorf("%.64q: want the id of an event, like 1795428000-1795429212345678", text)
	}
	return place{time.Unix(int64(begin), 0), int64(number)}, nil
}
