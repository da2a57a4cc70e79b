package sensorthings

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
)

// kind says what a value is.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	instant  // at
	interval // [at, until)
	duration // at, in milliseconds
	clock    // time of the day: at, in milliseconds
	geometry // shape
	object
	list
	anything // in types of expressions alone: known only when it is there
)

// value is what a property has and an expression gives. Times are Unix
// milliseconds: windows begin with whole minutes.
type value struct {
	kind      kind
	num       float64 // boolean: 0 or 1
	str       string
	at, until int64
	shape     *shape
	members   []member // object
	items     []value  // list
}

// member is a named part of an object.
type member struct {
	name  string
	value value
}

func ofBool(b bool) value {
	if b {
		return value{kind: boolean, num: 1}
	}
	return value{kind: boolean}
}

func ofNumber(f float64) value { return value{kind: number, num: f} }
func ofText(s string) value    { return value{kind: text, str: s} }
func ofInstant(ms int64) value { return value{kind: instant, at: ms} }

func ofInterval(from, until int64) value { return value{kind: interval, at: from, until: until} }

func ofObject(members ...member) value { return value{kind: object, members: members} }

// field returns a part of an object or, by its index, of a list.
func (v value) field(name string) value {
	for i := range v.members {
		if v.members[i].name == name {
			return v.members[i].value
		}
	}
	if i, err := strconv.Atoi(name); v.kind == list && err == nil && i >= 0 && i < len(v.items) {
		return v.items[i]
	}
	if v.kind == geometry && (name == "type" || name == "coordinates") {
		return v.shape.field(name)
	}
	return value{}
}

// isTrue is what a filter asks in the end: null is not true.
func (v value) isTrue() bool { return v.kind == boolean && v.num != 0 }

// appendText adds the value as text/plain has it (OGC 18-088 §9.2.5).
func (v value) appendText(b []byte) []byte {
	if v.kind == text {
		return append(b, v.str...)
	}
	quoted := v.appendJSON(nil)
	if v.kind == instant || v.kind == interval || v.kind == duration || v.kind == clock {
		quoted = quoted[1 : len(quoted)-1]
	}
	return append(b, quoted...)
}

// appendJSON adds the value as JSON.
func (v value) appendJSON(b []byte) []byte {
	switch v.kind {
	case boolean:
		return strconv.AppendBool(b, v.num != 0)
	case number:
		return appendNumber(b, v.num)
	case text:
		return appendQuoted(b, v.str)
	case instant:
		return append(appendTime(append(b, '"'), v.at), '"')
	case interval:
		b = append(appendTime(append(b, '"'), v.at), '/')
		return append(appendTime(b, v.until), '"')
	case duration:
		return append(appendDuration(append(b, '"'), v.at), '"')
	case clock:
		return append(time.UnixMilli(v.at).UTC().AppendFormat(append(b, '"'), "15:04:05.999"), '"')
	case geometry:
		return v.shape.appendJSON(b)
	case object:
		b = append(b, '{')
		for i := range v.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, v.members[i].name), ':')
			b = v.members[i].value.appendJSON(b)
		}
		return append(b, '}')
	case list:
		b = append(b, '[')
		for i := range v.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.items[i].appendJSON(b)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

func appendNumber(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

const hexDigits = "0123456789abcdef"

// appendQuoted adds a JSON string (RFC 8259 §7). It is what most of an answer
// is made of, hence by hand.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}

func appendTime(b []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(b, "2006-01-02T15:04:05.999Z07:00")
}

// compare orders two values and says whether they can be compared. The null
// value cannot, whatever the other is.
func compare(a, b value) (order int, ok bool) {
	if a.kind == number && b.kind == text || a.kind == text && b.kind == number {
		return compareMixed(a, b)
	}
	if a.kind != b.kind {
		return 0, false
	}
	switch a.kind {
	case boolean, number:
		return cmp.Compare(a.num, b.num), true
	case text:
		return strings.Compare(a.str, b.str), true
	case instant, duration, clock:
		return cmp.Compare(a.at, b.at), true
	case interval:
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.until, b.until)), true
	case geometry, object, list:
		return strings.Compare(string(a.appendJSON(nil)), string(b.appendJSON(nil))), true
	}
	return 0, false
}

// compareMixed compares a number as the text that it is written as: a client
// who puts quotes around a number wants a text, of a result that may be either
// (so the conformance suite: result gt '3' holds for 4, not for 10).
func compareMixed(a, b value) (order int, ok bool) {
	return strings.Compare(string(a.appendText(nil)), string(b.appendText(nil))), true
}

// rank orders values for $orderby: null before everything (OData 4.0 part 1
// §11.2.5.2), and values that do not compare by what they are.
func rank(a, b value) int {
	if order, ok := compare(a, b); ok {
		return order
	}
	return cmp.Compare(a.kind, b.kind)
}
