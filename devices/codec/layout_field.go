package codec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
)

// fieldSource is a number in a run of bytes and the quantity that it is.
type fieldSource struct {
	At     int     `yaml:"at"`     // first byte, from 0
	Type   string  `yaml:"type"`   // u8 to u64 and i8 to i64 by whole bytes, f32, f64, bcd8 to bcd64
	Endian string  `yaml:"endian"` // big, the default, or little
	Bits   []int   `yaml:"bits"`   // [lowest, highest] of an unsigned type, both included; [n] is one bit
	Signed bool    `yaml:"signed"` // the bits are a two's complement
	Scale  float64 `yaml:"scale"`  // value = raw·scale + offset
	Offset float64 `yaml:"offset"`
	Unit   string  `yaml:"unit"` // of value when it is not the quantity's: "mV"
	// None is the raw value, or a list of them, that means "no reading". A bcd
	// is compared as it stands: 0xffffffff.
	None any `yaml:"none"`
	// Values gives raw numbers a value: the name of a category, a number in the
	// quantity's unit, or none.
	Values   map[string]string `yaml:"values"`
	Quantity string            `yaml:"quantity"`
	Channel  string            `yaml:"channel"`
	Repeat   *repeatSource     `yaml:"repeat"`
}

// repeatSource repeats a field on several channels.
type repeatSource struct {
	Times   int    `yaml:"times"`
	Every   int    `yaml:"every"`   // bytes from one to the next
	Channel string `yaml:"channel"` // {n} counts from 1: "lane{n}"
}

// form is how the bits of a field are a number.
type form uint8

const (
	unsigned form = iota
	signed
	float32s
	float64s
	bcd
)

// field is a compiled fieldSource. Its bits are taken out with two shifts.
type field struct {
	at, size  int
	form      form
	little    bool
	up, down  uint8    // shift left, then right
	none      []uint64 // raw
	values    []coded
	hasValues bool
	linear
	quantity *devices.Quantity
	channel  string
}

// coded is the value of a raw number.
type coded struct {
	raw uint64
	value
}

func (f *field) end() int { return f.at + f.size }

func (f *field) same(o field) bool { return f.quantity == o.quantity && f.channel == o.channel }

// parseType splits the name of a type in form and bytes.
func parseType(name string) (form, int, error) {
	for _, t := range []struct {
		prefix   string
		form     form
		min, max int
	}{{"u", unsigned, 1, 8}, {"i", signed, 1, 8}, {"bcd", bcd, 1, 8}, {"f", float32s, 4, 4}, {"f", float64s, 8, 8}} {
		digits, ok := strings.CutPrefix(name, t.prefix)
		if bits, err := strconv.Atoi(digits); ok && err == nil && bits%8 == 0 && bits/8 >= t.min && bits/8 <= t.max && digits == strconv.Itoa(bits) {
			return t.form, bits / 8, nil
		}
	}
	return 0, 0, fmt.Errorf("type %q is unknown, want one like u8, i16, u24, u32, i64, f32, f64 or bcd32", name)
}

// compileFields compiles the fields of a block, each repetition as one.
func compileFields(where string, src []fieldSource, wrong *faults) []field {
	var out []field
	for i := range src {
		f := &src[i]
		here := fmt.Sprintf("%s, field %d (%s)", where, i+1, f.Quantity)
		compiled, err := compileField(f)
		times, every := 1, 0
		if err == nil && f.Repeat != nil {
			times, every = f.Repeat.Times, f.Repeat.Every
			err = checkRepeat(f)
		}
		if err != nil {
			wrong.add(here, err)
			continue
		}
		for n := range times {
			one := compiled
			one.at += n * every
			if f.Repeat != nil {
				one.channel = strings.ReplaceAll(f.Repeat.Channel, "{n}", strconv.Itoa(n+1))
			}
			wrong.add(here, checkChannel(one.channel))
			if slices.ContainsFunc(out, one.same) {
				wrong.add(here, fmt.Errorf("%s is there twice", series(one.quantity, one.channel)))
			}
			out = append(out, one)
		}
	}
	return out
}

func checkRepeat(f *fieldSource) error {
	r := f.Repeat
	switch {
	case r.Times < 1 || r.Times > 64 || r.Every < 1 || r.Every > 255:
		return fmt.Errorf("repeat %d times every %d bytes, want 1 to 64 times every 1 to 255 bytes", r.Times, r.Every)
	case f.Channel != "" || !strings.Contains(r.Channel, "{n}"):
		return fmt.Errorf(`repeat.channel %q, want one for all with {n}, like "lane{n}"`, r.Channel+f.Channel)
	case f.At+(r.Times-1)*r.Every > 255:
		return fmt.Errorf("the last repetition is at %d, want 0 to 255", f.At+(r.Times-1)*r.Every)
	}
	return nil
}

func compileField(f *fieldSource) (field, error) {
	form, size, err := parseType(f.Type)
	if err != nil {
		return field{}, err
	}
	q, err := lookup(f.Quantity)
	if err != nil {
		return field{}, err
	}
	if f.At < 0 || f.At > 255 {
		return field{}, fmt.Errorf("at %d, want 0 to 255", f.At)
	}
	out := field{at: f.At, size: size, form: form, up: uint8(64 - 8*size), down: uint8(64 - 8*size), quantity: q, channel: f.Channel}
	if out.linear, err = newLinear(f.Scale, f.Offset, f.Unit, q); err != nil {
		return field{}, err
	}
	if out.little, err = isLittle(f.Endian); err != nil {
		return field{}, err
	}
	if len(f.Bits) > 0 {
		low, high := f.Bits[0], f.Bits[len(f.Bits)-1]
		if len(f.Bits) > 2 || low < 0 || low > high || high >= 8*size || form != unsigned {
			return field{}, fmt.Errorf("bits %v, want [lowest, highest] of an unsigned type of %d bits", f.Bits, 8*size)
		}
		out.up = uint8(63 - high)
		out.down = uint8(63 - high + low)
	}
	if f.Signed {
		if form != unsigned || len(f.Bits) == 0 {
			return field{}, errors.New("signed is for bits of an unsigned type, want a type like i16")
		}
		out.form = signed
	}
	if err := out.setNone(f.None); err != nil {
		return field{}, err
	}
	return out, out.setValues(f)
}

func isLittle(endian string) (bool, error) {
	switch endian {
	case "", "big":
		return false, nil
	case "little":
		return true, nil
	default:
		return false, fmt.Errorf("endian %q, want big or little", endian)
	}
}

// setNone takes what YAML makes of a number or a list of numbers.
func (f *field) setNone(none any) error {
	list, ok := none.([]any)
	if !ok && none != nil {
		list = []any{none}
	}
	for _, n := range list {
		raw, err := f.rawOf(n)
		if err != nil {
			return fmt.Errorf("none %v: %w", n, err)
		}
		f.none = append(f.none, raw)
	}
	return nil
}

func (f *field) setValues(src *fieldSource) error {
	if len(src.Values) == 0 {
		return nil
	}
	if f.form > signed || src.Scale != 0 || src.Offset != 0 || src.Unit != "" {
		return errors.New("values are for whole numbers without scale, offset and unit")
	}
	f.hasValues = true
	for _, key := range slices.Sorted(maps.Keys(src.Values)) {
		raw, err := f.rawOf(wholeNumber(key))
		if err != nil {
			return fmt.Errorf("values: key %q: %w", key, err)
		}
		v, err := parseValue(src.Values[key], f.quantity)
		if err != nil {
			return fmt.Errorf("values: key %q: %w", key, err)
		}
		f.values = append(f.values, coded{raw, v})
	}
	return nil
}

// wholeNumber reads 16, -16 and 0x10, or returns nil. What 010 is, programs do
// not agree on.
func wholeNumber(text string) any {
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		if u, err := strconv.ParseUint(digits, 16, 64); err == nil {
			return u
		}
		return nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(i, 10) == text {
		return i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(u, 10) == text {
		return u
	}
	return nil
}

// rawOf returns a number as the bits that read finds. A negative number may
// be written as its bits: 0xffff for the -1 of an i16.
func (f *field) rawOf(n any) (uint64, error) {
	width := 64 - int(f.down)
	switch n := n.(type) {
	case uint64:
		switch {
		case f.form == float32s || f.form == float64s:
			return f.rawOf(float64(n))
		case width < 64 && n >= 1<<width:
			return 0, fmt.Errorf("does not fit %d bits", width)
		case f.form == signed:
			return uint64(int64(n<<(64-width)) >> (64 - width)), nil
		}
		return n, nil
	case int64:
		switch {
		case n >= 0:
			return f.rawOf(uint64(n))
		case f.form == float32s || f.form == float64s:
			return f.rawOf(float64(n))
		case f.form != signed || n < -1<<(width-1):
			return 0, fmt.Errorf("does not fit %d bits", width)
		}
		return uint64(n), nil
	case float64:
		switch {
		case f.form == float32s:
			return math.Float64bits(float64(float32(n))), nil
		case f.form == float64s:
			return math.Float64bits(n), nil
		case n == math.Trunc(n) && math.Abs(n) < 1<<53:
			return f.rawOf(int64(n))
		}
	}
	return 0, errors.New("want a whole number")
}

// read returns the field's value, and false when it says "no reading" or b
// ends before it.
func (f *field) read(b []byte, out *Output) (float64, bool) {
	if f.at+f.size > len(b) {
		return 0, false
	}
	raw, v := f.raw(b[f.at : f.at+f.size])
	for _, none := range f.none {
		if raw == none {
			return 0, false
		}
	}
	if f.hasValues {
		for i := range f.values {
			if c := &f.values[i]; c.raw == raw {
				return c.number, !c.none
			}
		}
		out.warn("%s: %v is none of its values", series(f.quantity, f.channel), v)
		return 0, false
	}
	if f.form == bcd && !finite(v) {
		out.warn("%s: %x is no BCD", series(f.quantity, f.channel), raw)
	}
	v = f.of(v)
	return v, finite(v)
}

// raw returns the bits of a number and the number itself.
func (f *field) raw(b []byte) (uint64, float64) {
	var u uint64
	if f.little {
		for i := len(b) - 1; i >= 0; i-- {
			u = u<<8 | uint64(b[i])
		}
	} else {
		for _, c := range b {
			u = u<<8 | uint64(c)
		}
	}
	switch f.form {
	case signed:
		n := int64(u<<f.up) >> f.down
		return uint64(n), float64(n)
	case float32s:
		v := float64(math.Float32frombits(uint32(u)))
		return math.Float64bits(v), v
	case float64s:
		return u, math.Float64frombits(u)
	case bcd:
		return u, fromBCD(u)
	default:
		u = u << f.up >> f.down
		return u, float64(u)
	}
}

// fromBCD returns the number whose decimal digits are those of u in
// hexadecimal, or NaN.
func fromBCD(u uint64) float64 {
	var n uint64
	for shift := 60; shift >= 0; shift -= 4 {
		digit := u >> shift & 15
		if digit > 9 {
			return math.NaN()
		}
		n = n*10 + digit
	}
	return float64(n)
}
