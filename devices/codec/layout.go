package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/goccy/go-yaml"

	"modellregion/devices"
)

// layoutSource is the YAML form of a layout: per FPort, where in the payload
// which quantity stands.
type layoutSource struct {
	Ports map[uint8]portSource `yaml:"ports"`
}

type portSource struct {
	Length int           `yaml:"length"` // of the payload in bytes; 0 takes any that is long enough
	Fields []fieldSource `yaml:"fields"`
}

type fieldSource struct {
	At       int     `yaml:"at"`   // first byte, from 0
	Type     string  `yaml:"type"` // u8 i8 u16 i16 u24 i24 u32 i32 f32
	Endian   string  `yaml:"endian"`
	Bits     []uint  `yaml:"bits"`   // [lowest, highest], both included, of an unsigned type
	Scale    float64 `yaml:"scale"`  // value = raw·scale + offset
	Offset   float64 `yaml:"offset"` //
	None     *int64  `yaml:"none"`   // the raw value that means "no reading"
	Quantity string  `yaml:"quantity"`
	Channel  string  `yaml:"channel"`
}

// types maps a type's name to its size in bytes and how it is read.
var types = map[string]struct {
	size          int
	signed, float bool
}{
	"u8": {size: 1}, "u16": {size: 2}, "u24": {size: 3}, "u32": {size: 4},
	"i8": {size: 1, signed: true}, "i16": {size: 2, signed: true}, "i24": {size: 3, signed: true}, "i32": {size: 4, signed: true},
	"f32": {size: 4, float: true},
}

type layout struct{ ports map[uint8]port }

type port struct {
	exact  bool
	length int // of the payload: exactly or at least
	fields []field
}

type field struct {
	at, size      int
	little        bool
	signed, float bool
	shift, mask   uint32 // of a bit range; mask is 0 for the whole number
	none          int64
	hasNone       bool
	multiply      float64 // value = raw·multiply/divide + offset; one of both is 1
	divide        float64
	offset        float64
	quantity      *devices.Quantity
	channel       string
}

// compileLayout checks a layout completely, so that decoding cannot go wrong
// but for the length of the payload, and reports everything that is wrong.
func compileLayout(source string) (Decoder, error) {
	var src layoutSource
	if err := yaml.NewDecoder(bytes.NewReader([]byte(source)), yaml.Strict()).Decode(&src); err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	if len(src.Ports) == 0 {
		return nil, errors.New("layout has no ports")
	}
	l := &layout{ports: make(map[uint8]port, len(src.Ports))}
	var errs []error
	for n, p := range src.Ports {
		out := port{exact: p.Length > 0, length: p.Length}
		if len(p.Fields) == 0 {
			errs = append(errs, fmt.Errorf("layout: port %d has no fields", n))
		}
		for i, f := range p.Fields {
			compiled, err := compileField(f)
			if err == nil && out.exact && compiled.at+compiled.size > p.Length {
				err = fmt.Errorf("ends at byte %d, beyond the length of %d", compiled.at+compiled.size, p.Length)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("layout: port %d, field %d (%s): %w", n, i+1, f.Quantity, err))
				continue
			}
			if !out.exact {
				out.length = max(out.length, compiled.at+compiled.size)
			}
			out.fields = append(out.fields, compiled)
		}
		l.ports[n] = out
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return l, nil
}

func compileField(f fieldSource) (field, error) {
	t, ok := types[f.Type]
	if !ok {
		return field{}, fmt.Errorf("type %q is unknown, want u8, i8, u16, i16, u24, i24, u32, i32 or f32", f.Type)
	}
	q, ok := devices.Lookup(f.Quantity)
	if !ok {
		return field{}, fmt.Errorf("quantity %q is unknown", f.Quantity)
	}
	if f.At < 0 || f.At > 255 {
		return field{}, fmt.Errorf("at %d, want 0 to 255", f.At)
	}
	out := field{at: f.At, size: t.size, signed: t.signed, float: t.float, multiply: 1, divide: 1, offset: f.Offset, quantity: q, channel: f.Channel}
	switch f.Endian {
	case "", "big":
	case "little":
		out.little = true
	default:
		return field{}, fmt.Errorf("endian %q, want big or little", f.Endian)
	}
	if len(f.Bits) > 0 {
		if len(f.Bits) != 2 || f.Bits[0] > f.Bits[1] || f.Bits[1] >= uint(8*t.size) || t.signed || t.float {
			return field{}, fmt.Errorf("bits %v, want [lowest, highest] of an unsigned type of %d bits", f.Bits, 8*t.size)
		}
		out.shift = uint32(f.Bits[0])
		out.mask = uint32(1<<(f.Bits[1]-f.Bits[0]+1) - 1)
	}
	if f.None != nil {
		out.none, out.hasNone = *f.None, true
	}
	// Dividing by 10 gives the float64 nearest to what is meant;
	// multiplying by 0.1 does not.
	switch inverse := math.Round(1 / f.Scale); {
	case f.Scale == 0:
	case math.Abs(f.Scale) < 1 && 1/inverse == f.Scale:
		out.divide = inverse
	default:
		out.multiply = f.Scale
	}
	return out, nil
}

// Decode implements Decoder.
func (l *layout) Decode(dst []devices.Reading, fPort uint8, payload []byte) ([]devices.Reading, error) {
	p, ok := l.ports[fPort]
	if !ok {
		return dst, fmt.Errorf("layout has no port %d, only %v", fPort, l.portNumbers())
	}
	if len(payload) < p.length || p.exact && len(payload) != p.length {
		return dst, fmt.Errorf("payload has %d bytes on port %d, want %d", len(payload), fPort, p.length)
	}
	for i := range p.fields {
		f := &p.fields[i]
		raw, ok := f.read(payload)
		if !ok {
			continue
		}
		dst = append(dst, devices.Reading{Quantity: f.quantity, Channel: f.channel, Value: raw*f.multiply/f.divide + f.offset})
	}
	return dst, nil
}

// read returns the raw number, and false when it says "no reading".
func (f *field) read(payload []byte) (float64, bool) {
	b := payload[f.at : f.at+f.size]
	var u uint32
	for i := range b {
		if f.little {
			u |= uint32(b[i]) << (8 * i)
		} else {
			u = u<<8 | uint32(b[i])
		}
	}
	if f.float {
		v := float64(math.Float32frombits(u))
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	n := int64(u)
	if f.mask != 0 {
		n = int64(u >> f.shift & f.mask)
	}
	if f.signed {
		shift := 32 - 8*f.size
		n = int64(int32(u<<shift) >> shift)
	}
	return float64(n), !f.hasNone || n != f.none
}

func (l *layout) portNumbers() []uint8 {
	var out []uint8
	for n := range l.ports {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
