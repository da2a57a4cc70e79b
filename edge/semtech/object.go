package semtech

import (
	"fmt"
	"math"

	"github.com/valyala/fastjson"
)

// object reads the fields of a JSON object and keeps the first error. A field
// that is missing or null is zero, as gateways leave out what they do not know.
// What it returns lives as long as the parser's value.
type object struct {
	v   *fastjson.Value
	err error
}

// get returns a field of that type, or nil when it is missing, null or of
// another type, which is an error.
func (o *object) get(key string, want fastjson.Type) *fastjson.Value {
	if o.v == nil {
		return nil
	}
	v := o.v.Get(key)
	if v == nil || v.Type() == fastjson.TypeNull {
		return nil
	}
	if v.Type() != want {
		o.fail(key, v, want.String())
		return nil
	}
	return v
}

func (o *object) fail(key string, v *fastjson.Value, want string) {
	if o.err == nil {
		o.err = fmt.Errorf("%s is %.40s, want a %s", key, v.MarshalTo(nil), want)
	}
}

func (o *object) number(key string) float64 {
	v := o.get(key, fastjson.TypeNumber)
	if v == nil {
		return 0
	}
	f, err := v.Float64()
	if err != nil || math.IsNaN(f) {
		o.fail(key, v, "number")
		return 0
	}
	return f
}

// integer is false for a field that is missing.
func (o *object) integer(key string) (int64, bool) {
	v := o.get(key, fastjson.TypeNumber)
	if v == nil {
		return 0, false
	}
	n, err := v.Int64()
	if err != nil {
		o.fail(key, v, "whole number")
	}
	return n, true
}

// count is a counter of 32 bits.
func (o *object) count(key string) uint32 {
	n, _ := o.integer(key)
	if n < 0 || n > math.MaxUint32 {
		o.fail(key, o.v.Get(key), "number from 0 to 4294967295")
	}
	return uint32(n)
}

// text is the string of a field. The caller may change it.
func (o *object) text(key string) []byte {
	v := o.get(key, fastjson.TypeString)
	if v == nil {
		return nil
	}
	s, _ := v.StringBytes() // its type is known
	return s
}

// datr is a data rate, which is a text or a number.
func (o *object) datr() []byte {
	if v := o.v.Get("datr"); v != nil && v.Type() == fastjson.TypeNumber {
		return v.MarshalTo(nil)
	}
	return o.text("datr")
}

func (o *object) array(key string) []*fastjson.Value {
	v := o.get(key, fastjson.TypeArray)
	if v == nil {
		return nil
	}
	a, _ := v.Array() // its type is known
	return a
}

func (o *object) object(key string) object {
	return object{v: o.get(key, fastjson.TypeObject)}
}
