package strictyaml

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar puts a text, a number or true and false into dst.
func (d *decoder) scalar(n *yaml.Node, dst reflect.Value, path string) bool {
	want := ""
	ok := false
	switch dst.Kind() {
	case reflect.String:
		want = "a text"
		if ok = n.Kind == yaml.ScalarNode; ok {
			dst.SetString(n.Value)
		}
	case reflect.Bool:
		want = "true or false"
		var v bool
		if v, ok = truth(n); ok {
			dst.SetBool(v)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		want = "a whole number"
		if least := int64(-1) << (dst.Type().Bits() - 1); dst.Type().Bits() < 64 {
			want = fmt.Sprintf("a whole number from %d to %d", least, -1-least)
		}
		var v int64
		if v, ok = number(n).(int64); ok && !dst.OverflowInt(v) {
			dst.SetInt(v)
			return true
		}
		ok = false
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		want = "a whole number from 0"
		if bits := dst.Type().Bits(); bits < 64 {
			want = fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<bits-1)
		}
		var u uint64
		switch v := number(n).(type) {
		case uint64:
			u, ok = v, true
		case int64:
			u, ok = uint64(v), v >= 0
		}
		if ok = ok && !dst.OverflowUint(u); ok {
			dst.SetUint(u)
		}
	case reflect.Float32, reflect.Float64:
		want = "a number"
		ok = true
		switch v := number(n).(type) {
		case int64:
			dst.SetFloat(float64(v))
		case uint64:
			dst.SetFloat(float64(v))
		case float64:
			dst.SetFloat(v)
		default:
			ok = false
		}
	default:
		d.fault(n, path, "cannot be read into %v", dst.Kind())
		return false
	}
	switch {
	case ok:
	case leadingZero(n):
		d.fault(n, path, "%s, want %s without a 0 in front", describe(n), want)
	default:
		d.fault(n, path, "%s, want %s", describe(n), want)
	}
	return ok
}

// number returns the int64, uint64 or float64 that n is, or nil. A float64
// that is whole, like 1e6, is an int64.
func number(n *yaml.Node) any {
	switch v := resolve(n).(type) {
	case int64, uint64:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
		return v
	}
	return nil
}

// truth also knows the words of older YAML.
func truth(n *yaml.Node) (v, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return false, false
	}
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// resolve returns what a scalar is: string, bool, int64, uint64 or float64,
// and nil when its tag says what it is not. A time is the text that it is
// written as, and so is a number with zeros in front, which is octal for some
// programs and decimal for others.
func resolve(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!bool", "!!int", "!!float":
	default:
		return n.Value
	}
	if leadingZero(n) {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil
	}
	if i, ok := v.(int); ok {
		return int64(i)
	}
	return v
}

// leadingZero finds 0175, but not 0, 0x1f and 0.5.
func leadingZero(n *yaml.Node) bool {
	digits := strings.TrimLeft(n.Value, "+-")
	return n.Kind == yaml.ScalarNode && len(digits) > 1 && digits[0] == '0' && (digits[1] >= '0' && digits[1] <= '9' || digits[1] == '_')
}
