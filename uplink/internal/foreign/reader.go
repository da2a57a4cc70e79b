package foreign

import (
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"modellregion/uplink"
)

// MaxMessage is the longest message in bytes. One with a hundred gateways has
// some 60,000.
const MaxMessage = 256 << 10

// usual is the length in bytes of a message whose memory is kept for the next
// one. A parsed message can take a hundred times its length.
const usual = 16 << 10

// Reader reads one message after the other. It keeps the first error of each
// and reuses memory: what it returned of a message is valid until the next
// Parse. It must not be used by two goroutines at once.
type Reader struct {
	parser  fastjson.Parser
	large   bool // the parser holds more memory than is usual
	err     error
	rx      []uplink.Reception
	payload []byte
	object  []byte
}

// Parse begins with a message. When it is no JSON object or longer than
// MaxMessage, Err says so and the Object is empty.
func (r *Reader) Parse(message []byte) Object {
	r.err, r.rx = nil, r.rx[:0]
	if r.large {
		r.parser = fastjson.Parser{}
	}
	o := Object{r: r}
	if len(message) > MaxMessage {
		r.Fail("message has %d bytes, at most %d are allowed", len(message), MaxMessage)
		return o
	}
	r.large = len(message) > usual
	v, err := r.parser.ParseBytes(message)
	switch {
	case err != nil:
		r.Fail("message: %s", end(err.Error()))
	case v.Type() != fastjson.TypeObject:
		r.Fail("message is a JSON %s, want an object", v.Type())
	default:
		o.v = v
	}
	return o
}

// end returns the end of a parser's error, which says what is wrong; it begins
// with every object and list around it.
func end(text string) string {
	const most = 240
	if len(text) <= most {
		return text
	}
	return "…" + strings.ToValidUTF8(text[len(text)-most:], "")
}

// Err returns the first error since Parse.
func (r *Reader) Err() error { return r.err }

// Fail remembers an error if it is the first since Parse.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// Moment returns a time as an Uplink has it: UTC, whole milliseconds. No time,
// or a year that no message of ours can hold, is an error that names field.
func (r *Reader) Moment(t time.Time, field string) time.Time {
	t = t.UTC()
	switch year := t.Year(); {
	case t.IsZero():
		r.Fail("%s is missing", field)
	case year < 1970 || year > 9999:
		r.Fail("%s is in the year %d, want 1970 to 9999", field, year)
	}
	return t.Truncate(time.Millisecond)
}

// Hear adds how a gateway heard the frame, and reports whether it is the best
// so far. Of a gateway that heard it with several antennas only the best one
// counts, of many gateways the uplink.MaxReceptions best.
func (r *Reader) Hear(rx uplink.Reception) (best bool) {
	at, from := len(r.rx), len(r.rx)
	for i := range r.rx {
		if at == len(r.rx) && rx.SNRdB > r.rx[i].SNRdB {
			at = i
		}
		if r.rx[i].Gateway == rx.Gateway {
			from = i
		}
	}
	switch {
	case from < len(r.rx) && at > from: // the better antenna is there
		return false
	case from < len(r.rx): // its place is free
	case len(r.rx) < uplink.MaxReceptions:
		r.rx = append(r.rx, uplink.Reception{})
	case at == len(r.rx): // worse than all
		return false
	default: // the worst one goes
		from--
	}
	copy(r.rx[at+1:from+1], r.rx[at:from])
	r.rx[at] = rx
	return at == 0
}

// Receptions returns what was heard, best SNR first; nil when nothing was.
func (r *Reader) Receptions() []uplink.Reception {
	if len(r.rx) == 0 {
		return nil
	}
	return r.rx
}
