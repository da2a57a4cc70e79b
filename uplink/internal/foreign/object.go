package foreign

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"modellregion/uplink"
)

// Object is a JSON object of the message that its Reader reads. Fields are
// named by their path in it. One that is missing, or null where no number is
// wanted, is zero or nil; of one that is wrong the Reader remembers the error.
type Object struct {
	r     *Reader
	v     *fastjson.Value // nil when the object itself is missing
	name  string          // its path in the message, for errors
	list  string          // the field of that path which it is in a list of
	index int             // in the list
}

// get returns the value of a field, or nil when it is missing, null or of
// another type, which is an error.
func (o Object) get(want fastjson.Type, path ...string) *fastjson.Value {
	v := o.v
	for i, key := range path {
		if v == nil || v.Type() == fastjson.TypeNull {
			return nil
		}
		parent, err := v.Object()
		if err != nil {
			o.fail(v, "an object", path[:i])
			return nil
		}
		v = parent.Get(key)
	}
	switch {
	case v == nil, v.Type() == fastjson.TypeNull && want != fastjson.TypeNumber:
		return nil
	case v.Type() == want:
		return v
	}
	o.fail(v, "a JSON "+want.String(), path)
	return nil
}

// fail remembers that a field is not what is wanted.
func (o Object) fail(v *fastjson.Value, want string, path []string) {
	if o.r.err == nil {
		o.r.Fail("%s is %.64s, want %s", o.place(path), v.MarshalTo(nil), want)
	}
}

// place is the path of a field in the message.
func (o Object) place(path []string) string {
	var steps []string
	if o.name != "" {
		steps = append(steps, o.name)
	}
	if o.list != "" {
		steps = append(steps, o.list+"["+strconv.Itoa(o.index)+"]")
	}
	return strings.Join(append(steps, path...), ".")
}

// Has reports whether a field, of whatever type, is there and not null.
func (o Object) Has(path ...string) bool {
	if o.v == nil {
		return false
	}
	v := o.v.Get(path...)
	return v != nil && v.Type() != fastjson.TypeNull
}

// Object returns the object in a field of the message itself.
func (o Object) Object(key string) Object {
	return Object{r: o.r, v: o.get(fastjson.TypeObject, key), name: key}
}

// Each calls take for every object in the list of a field.
func (o Object) Each(key string, take func(Object)) {
	list := o.get(fastjson.TypeArray, key)
	if list == nil {
		return
	}
	values, _ := list.Array() // its type is known
	for i, v := range values {
		element := Object{r: o.r, v: v, name: o.name, list: key, index: i}
		if v.Type() != fastjson.TypeObject {
			element.fail(v, "an object", nil)
			return
		}
		take(element)
	}
}

// Int returns a whole number from least to most.
func (o Object) Int(least, most int64, path ...string) int64 {
	v := o.get(fastjson.TypeNumber, path...)
	if v == nil {
		return 0
	}
	n, err := v.Int64()
	if err != nil || n < least || n > most {
		if o.r.err == nil {
			o.fail(v, fmt.Sprintf("a whole number from %d to %d", least, most), path)
		}
		return 0
	}
	return n
}

// Float returns a number from least to most.
func (o Object) Float(least, most float64, path ...string) float64 {
	v := o.get(fastjson.TypeNumber, path...)
	if v == nil {
		return 0
	}
	f, err := v.Float64()
	if err != nil || !(f >= least && f <= most) { // so is NaN refused
		if o.r.err == nil {
			o.fail(v, fmt.Sprintf("a number from %g to %g", least, most), path)
		}
		return 0
	}
	return f
}

// True reports whether a field is there and true.
func (o Object) True(key string) bool {
	if o.v == nil {
		return false
	}
	v := o.v.Get(key)
	if v == nil {
		return false
	}
	switch v.Type() {
	case fastjson.TypeTrue:
		return true
	case fastjson.TypeFalse, fastjson.TypeNull:
	default:
		o.fail(v, "true or false", []string{key})
	}
	return false
}

// Text returns the text of a field. It must not be changed.
func (o Object) Text(path ...string) []byte {
	v := o.get(fastjson.TypeString, path...)
	if v == nil {
		return nil
	}
	text, _ := v.StringBytes() // its type is known
	return text
}

// Time returns a time of RFC 3339, in whatever year; zero when it is missing.
func (o Object) Time(path ...string) time.Time {
	v := o.get(fastjson.TypeString, path...)
	if v == nil {
		return time.Time{}
	}
	text, _ := v.StringBytes() // its type is known
	var t time.Time
	if err := t.UnmarshalText(text); err != nil {
		o.fail(v, "a time like 2026-11-23T10:00:00.123Z", path)
		return time.Time{}
	}
	return t
}

// DevEUI returns the EUI of the device, which must not be missing or zero.
func (o Object) DevEUI(path ...string) uplink.EUI {
	var e uplink.EUI
	text := o.Text(path...)
	if len(text) == 0 {
		if o.r.err == nil {
			o.r.Fail("%s is missing", o.place(path))
		}
		return e
	}
	err := e.UnmarshalText(text)
	if err == nil && e == (uplink.EUI{}) {
		err = fmt.Errorf("EUI %s is no device's", e)
	}
	if err != nil && o.r.err == nil {
		o.r.Fail("%s: %w", o.place(path), err)
	}
	return e
}

// Hear is Reader.Hear with the fields rssi and snr, which both servers have.
// Gateways without an EUI are passed over.
func (o Object) Hear(gateway []byte) (best bool) {
	rx := uplink.Reception{
		RSSIdBm: int(math.Round(o.Float(-300, 300, "rssi"))),
		SNRdB:   o.Float(-100, 100, "snr"),
	}
	if len(gateway) != 16 || rx.Gateway.UnmarshalText(gateway) != nil || rx.Gateway == (uplink.EUI{}) {
		return false
	}
	return o.r.Hear(rx)
}

// Payload returns the bytes in a field in base64, at most those of a LoRa
// frame; nil when there are none.
func (o Object) Payload(key string) []byte {
	text := o.Text(key)
	if len(text) == 0 {
		return nil
	}
	data, err := base64.StdEncoding.AppendDecode(o.r.payload[:0], text)
	switch {
	case o.r.err != nil:
	case err != nil:
		o.r.Fail("%s: %w", o.place([]string{key}), err)
	case len(data) > uplink.MaxPHYPayload:
		o.r.Fail("%s has %d bytes, at most %d fit a frame", o.place([]string{key}), len(data), uplink.MaxPHYPayload)
	}
	if o.r.err != nil || len(data) == 0 {
		return nil
	}
	o.r.payload = data
	return data
}

// JSON returns the object in a field as JSON; nil when it is missing or empty.
func (o Object) JSON(key string) []byte {
	v := o.get(fastjson.TypeObject, key)
	if v == nil {
		return nil
	}
	if fields, _ := v.Object(); fields.Len() == 0 {
		return nil
	}
	o.r.object = v.MarshalTo(o.r.object[:0])
	// The parser takes for numbers and texts what is none.
	if err := fastjson.ValidateBytes(o.r.object); err != nil {
		o.r.Fail("%s: %w", o.place([]string{key}), err)
		return nil
	}
	return o.r.object
}
