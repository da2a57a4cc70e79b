package codec

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"modellregion/devices"
)

// linear is value = (raw·multiply + add) / divide. All three are whole where
// the scale and offset are short decimals, so that 215 with a scale of 0.1 is
// the float64 nearest to 21.5; multiplying by 0.1 would miss it.
type linear struct{ multiply, add, divide float64 }

func (l *linear) of(raw float64) float64 { return (raw*l.multiply + l.add) / l.divide }

// newLinear returns value = raw·scale + offset, followed by the conversion
// from that unit to the quantity's. A scale of 0 stands for 1.
func newLinear(scale, offset float64, unit string, q *devices.Quantity) (linear, error) {
	for _, v := range []float64{scale, offset} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return linear{}, fmt.Errorf("scale %v and offset %v, want finite numbers", scale, offset)
		}
	}
	if scale == 0 {
		scale = 1
	}
	if q.Kind == devices.Category && (scale != 1 || offset != 0) {
		return linear{}, fmt.Errorf("%s is a category and takes no scale or offset, only values", q.Name)
	}
	a := lineOf(scale, offset)
	scale, offset, err := devices.Convert(unit, q)
	if err != nil {
		return linear{}, err
	}
	b := lineOf(scale, offset)
	return linear{multiply: a.multiply * b.multiply, add: a.add*b.multiply + b.add*a.divide, divide: a.divide * b.divide}, nil
}

func lineOf(scale, offset float64) linear {
	multiply, divide := fraction(scale)
	for k := 1.; k <= 1e9; k *= 10 {
		add := offset * divide * k
		if whole := math.Round(add); math.Abs(add-whole) <= 1e-12*math.Abs(add) {
			return linear{multiply * k, whole, divide * k}
		}
	}
	return linear{multiply, offset * divide, divide}
}

// fraction returns two numbers, whole if possible, whose ratio is exactly s.
func fraction(s float64) (multiply, divide float64) {
	for k := 1.; k <= 1e12; k *= 10 {
		if m := math.Round(s * k); m/k == s {
			return m, k
		}
	}
	for k := 1.; k <= 1e9; k *= 10 {
		if d := math.Round(k / s); k/d == s {
			return k, d
		}
	}
	return s, 1
}

// decimal reads a decimal number; a word, a hexadecimal number or an infinity
// is none.
func decimal(s string) (float64, bool) {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// value is what stands for a word or a number of a device.
type value struct {
	number float64
	none   bool // no reading
}

// parseValue reads a text of values: the name of a category, a number in the
// quantity's unit, or none.
func parseValue(text string, q *devices.Quantity) (value, error) {
	if text == "none" {
		return value{none: true}, nil
	}
	if v, ok := q.Code(text); ok {
		return value{number: v}, nil
	}
	v, ok := decimal(text)
	switch {
	case q.Kind == devices.Category && !(ok && q.Valid(v)):
		return value{}, fmt.Errorf("%q is no state of %s, want %s or none", text, q.Name, strings.Join(q.Categories, ", "))
	case !ok:
		return value{}, fmt.Errorf("%q is no number, want one in %s, or none", text, q.Unit)
	}
	return value{number: v}, nil
}

// lookup finds a quantity; the error suggests one of a similar name.
func lookup(name string) (*devices.Quantity, error) {
	if name == "" {
		return nil, errors.New("quantity is missing")
	}
	q, ok := devices.Lookup(name)
	switch {
	case ok && q.Derived:
		return nil, fmt.Errorf("quantity %q is computed by the platform, no device reports it", name)
	case ok:
		return q, nil
	}
	var names []string
	for _, q := range devices.Quantities() {
		names = append(names, q.Name)
	}
	if best := devices.Nearest(name, names); best != "" {
		return nil, fmt.Errorf("quantity %q is unknown, did you mean %s?", name, best)
	}
	return nil, fmt.Errorf("quantity %.64q is unknown", name)
}

// maxChannel is the longest name of a channel in bytes. A channel becomes a
// tag in the database; the ingest refuses any other.
const maxChannel = 32

func channelByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func checkChannel(s string) error {
	if len(s) > maxChannel || slices.ContainsFunc([]byte(s), func(c byte) bool { return !channelByte(c) }) {
		return fmt.Errorf("channel %.64q, want at most %d of a-z, 0-9, _ and -", s, maxChannel)
	}
	return nil
}

// cleanChannel makes a channel's name of a device's word: "Line A" is line_a.
func cleanChannel(s string) string {
	b := []byte(strings.ToLower(s))
	for i, c := range b {
		if !channelByte(c) {
			b[i] = '_'
		}
	}
	return string(b[:min(len(b), maxChannel)])
}

// finite is false for NaN and infinities.
func finite(v float64) bool { return v-v == 0 }
