package influx

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
	"unicode/utf8"

	"modellregion/devices"
)

const (
	// A text field of InfluxDB holds 64 KB as it is written, that is with a
	// backslash before each quotation mark and backslash.
	maxMessage = 60 << 10 // bytes so written
	maxRemark  = 4 << 10  // of the other texts of a dead letter

	letterBatch = 1000    // letters of one request
	letterBytes = 4 << 20 // bytes of one request
)

// Bury stores dead letters. Storing one again changes nothing: its time within
// the second is drawn from what it says. A message is kept up to 60 KiB; one
// that is longer, or not UTF-8 and so kept in its quoted form, is marked as
// cut. A letter that the server refuses is tried again under the present time,
// and then quoted. Those refused even so are lost, and counted in a
// *devices.WriteError (FaultRefused) once all others are stored. After any
// other error, which wraps one too, all have to be stored again.
func (c *Client) Bury(ctx context.Context, letters []devices.DeadLetter) error {
	var lost devices.WriteError
	for len(letters) > 0 {
		n, size := 0, 0
		for n < min(len(letters), letterBatch) && size < letterBytes {
			size += sizeOf(&letters[n])
			n++
		}
		if err := c.buryPart(ctx, letters[:n], &lost); err != nil {
			return err
		}
		letters = letters[n:]
	}
	if lost.Lost == 0 {
		return nil
	}
	lost.Fault, lost.Err = devices.FaultRefused, fmt.Errorf("%d dead letters are refused even when quoted, the last: %w", lost.Lost, lost.Err)
	return &lost
}

func sizeOf(l *devices.DeadLetter) int {
	return min(len(l.Message), maxMessage) + min(len(l.Why), maxRemark) + min(len(l.Topic), maxRemark) + 200
}

// buryPart writes letters in one request and, when that is refused, its halves
// down to the letter at fault.
func (c *Client) buryPart(ctx context.Context, letters []devices.DeadLetter, lost *devices.WriteError) error {
	err := c.writeLetters(ctx, letters...)
	if !hopeless(err) {
		return err
	}
	if half := len(letters) / 2; half > 0 {
		if err := c.buryPart(ctx, letters[:half], lost); err != nil {
			return err
		}
		return c.buryPart(ctx, letters[half:], lost)
	}
	again := letters[0]
	again.Time = c.now()
	if err = c.writeLetters(ctx, again); hopeless(err) {
		err = c.writeLetters(ctx, quoted(again))
	}
	if hopeless(err) {
		lost.Lost++
		lost.Err = err
		return nil
	}
	return err
}

// quoted returns a letter of printable ASCII alone.
func quoted(l devices.DeadLetter) devices.DeadLetter {
	for _, s := range []*string{&l.Edge, &l.Reason, &l.Why, &l.Topic, &l.Device, &l.Message} {
		if q := strconv.QuoteToASCII(*s); q[1:len(q)-1] != *s {
			*s = q
		}
	}
	l.Cut = true
	return l
}

func (c *Client) writeLetters(ctx context.Context, letters ...devices.DeadLetter) error {
	var l lines
	for i := range letters {
		l.letter(&letters[i])
	}
	return c.send(ctx, Raw, &l)
}

func (l *lines) letter(d *devices.DeadLetter) {
	l.begin(MeasurementDeadLetter)
	l.tag(TagEdge, d.Edge)
	l.tag(TagReason, d.Reason)
	message, cut := fit(d.Message, maxMessage)
	if cut || d.Cut {
		l.number(FieldCut, 1)
	}
	for _, remark := range []struct{ name, value string }{{FieldDevice, d.Device}, {FieldTopic, d.Topic}, {FieldWhy, d.Why}} {
		if remark.value != "" {
			value, _ := fit(remark.value, maxRemark)
			l.text(remark.name, value)
		}
	}
	l.text(FieldMessage, message)
	l.end(letterTime(d))
}

// letterTime is the second of a letter plus a number drawn from what it says
// and who said it.
func letterTime(d *devices.DeadLetter) time.Time {
	hash := fnv.New64a()
	for _, s := range []string{d.Edge, "\x00", d.Reason, "\x00", d.Message} {
		_, _ = hash.Write([]byte(s)) // never fails
	}
	return d.Time.Truncate(time.Second).Add(time.Duration(hash.Sum64() % uint64(time.Second)))
}

// fit returns s as it can be a text field of at most size bytes, and whether
// that is not all of it or not in its own form.
func fit(s string, size int) (string, bool) {
	changed := false
	if !utf8.ValidString(s) {
		s, changed = strconv.QuoteToASCII(s[:min(len(s), size)]), true
	}
	end, room := 0, size
	for end < len(s) {
		_, n := utf8.DecodeRuneInString(s[end:])
		cost := n
		if s[end] == '"' || s[end] == '\\' {
			cost = 2
		}
		if room < cost {
			return s[:end], true
		}
		room -= cost
		end += n
	}
	return s, changed
}

// Settle says what was done about dead letters that were read from the
// server. Of one that was dropped, message and reason are emptied.
func (c *Client) Settle(ctx context.Context, letters []devices.DeadLetter, how devices.Settled) error {
	for len(letters) > 0 {
		n := min(len(letters), letterBatch)
		var l lines
		for i := range letters[:n] {
			// The same tags and the same time are the same point: these
			// fields take the place of what it had.
			l.begin(MeasurementDeadLetter)
			l.tag(TagEdge, letters[i].Edge)
			l.tag(TagReason, letters[i].Reason)
			if how == devices.Dropped {
				l.text(FieldMessage, "")
				l.text(FieldWhy, "")
			}
			l.number(FieldSettled, float64(how))
			l.end(letters[i].Time)
		}
		if err := c.send(ctx, Raw, &l); err != nil {
			return fmt.Errorf("settle dead letters from %s on: %w", letters[0].ID(), err)
		}
		letters = letters[n:]
	}
	return nil
}
