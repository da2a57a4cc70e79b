package codec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"modellregion/devices"
	"modellregion/internal/strictyaml"
)

// layoutSource is the YAML form of a layout: by FPort, or "any" for all that
// are not listed, where in the payload which quantity stands.
type layoutSource struct {
	Ports map[string]portSource `yaml:"ports"`
}

// portSource has exactly one of fields, tags, kinds, flags and skip.
type portSource struct {
	Skip bool `yaml:"skip"` // nothing on this port is to be stored

	Block blockSource `yaml:",inline"`

	Header int                  `yaml:"header"` // bytes before the first tag or group
	Tag    int                  `yaml:"tag"`    // bytes of a tag: 1 or 2
	Tags   map[string]tagSource `yaml:"tags"`   // by their hexadecimal digits

	Kind   int                    `yaml:"kind"`    // bytes that say what the payload is: 1, the default, or 2
	KindAt int                    `yaml:"kind_at"` // the first of them, from 0
	Kinds  map[string]blockSource `yaml:"kinds"`   // by their hexadecimal digits

	Flags  *flagsSource  `yaml:"flags"`
	Groups []groupSource `yaml:"groups"` // as they follow each other in the payload
}

// blockSource is a run of bytes with fields at fixed offsets.
type blockSource struct {
	Length    int           `yaml:"length"`     // exact number of bytes
	MinLength int           `yaml:"min_length"` // fields beyond it are read when the payload is long enough
	Fields    []fieldSource `yaml:"fields"`
}

// tagSource is the value that follows a tag: so many bytes, or with "prefix"
// as many as the byte in front of it says. Without fields it is skipped.
type tagSource struct {
	Length string        `yaml:"length"`
	Fields []fieldSource `yaml:"fields"` // at counts from the value's first byte
}

// flagsSource is the number whose bits say which groups are present.
type flagsSource struct {
	At     int    `yaml:"at"`
	Type   string `yaml:"type"` // u8, u16, u24 or u32
	Endian string `yaml:"endian"`
}

// groupSource is present when its bit is set. Without fields it is skipped.
type groupSource struct {
	Bit    int           `yaml:"bit"` // 0 is the least significant
	Length int           `yaml:"length"`
	Fields []fieldSource `yaml:"fields"` // at counts from the group's first byte
}

// layout is the Decoder of kind "layout".
type layout struct {
	ports  [256]uint16 // 1 + index in bodies; 0: not a port of this layout
	bodies []body
}

// body reads the payloads of a port. The error says what does not fit.
type body interface {
	read(payload []byte, out *Output) error
}

// Decode implements Decoder.
func (l *layout) Decode(in *Input, out *Output) error {
	out.reset()
	i := l.ports[in.Port]
	if i == 0 {
		return fmt.Errorf("layout has no port %d, only %v", in.Port, l.portNumbers())
	}
	if err := l.bodies[i-1].read(in.Payload, out); err != nil {
		out.Readings = out.Readings[:0]
		return fmt.Errorf("port %d: %w", in.Port, err)
	}
	return nil
}

// Fast implements Decoder.
func (*layout) Fast() bool { return true }

// Close implements Decoder.
func (*layout) Close() {}

func (l *layout) portNumbers() []int {
	var out []int
	for n, i := range l.ports {
		if i > 0 {
			out = append(out, n)
		}
	}
	return out
}

// faults collects everything that is wrong with a source.
type faults []error

// add remembers an error with where it is: "port 2, tag 0175".
func (f *faults) add(where string, err error) {
	if err != nil {
		*f = append(*f, fmt.Errorf("layout: %s: %w", where, err))
	}
}

// compileLayout checks a layout completely, so that decoding cannot go wrong
// but for the payload, and reports everything that is wrong.
func compileLayout(source string) (Decoder, error) {
	var src layoutSource
	if err := strictyaml.Decode([]byte(source), &src); err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	if len(src.Ports) == 0 {
		return nil, errors.New("layout has no ports")
	}
	var wrong faults
	l := &layout{}
	for _, key := range slices.Sorted(maps.Keys(src.Ports)) { // "any" comes after all digits
		p := src.Ports[key]
		l.bodies = append(l.bodies, compilePort("port "+key, &p, &wrong))
		i := uint16(len(l.bodies))
		n, err := strconv.Atoi(key)
		switch {
		case key == "any":
			for n := range l.ports {
				if l.ports[n] == 0 {
					l.ports[n] = i
				}
			}
		case err != nil || n < 0 || n > 255:
			wrong.add("port "+key, errors.New("want a number from 1 to 223, or any"))
		case l.ports[n] != 0:
			wrong.add("port "+key, errors.New("is there twice"))
		default:
			l.ports[n] = i
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return l, nil
}

func compilePort(where string, p *portSource, wrong *faults) body {
	fields, tags, kinds := len(p.Block.Fields) > 0, len(p.Tags) > 0, len(p.Kinds) > 0
	flags := p.Flags != nil || len(p.Groups) > 0
	forms := 0
	for _, given := range []bool{fields, tags, kinds, flags, p.Skip} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		wrong.add(where, fmt.Errorf("has %d of fields, tags, kinds, flags with groups and skip, want exactly one", forms))
		return nil
	}
	for _, key := range []struct {
		name           string
		given, allowed bool
	}{
		{"length", p.Block.Length != 0, fields},
		{"min_length", p.Block.MinLength != 0, fields},
		{"header", p.Header != 0, tags || flags},
		{"tag", p.Tag != 0, tags},
		{"kind", p.Kind != 0, kinds},
		{"kind_at", p.KindAt != 0, kinds},
	} {
		if key.given && !key.allowed {
			wrong.add(where, fmt.Errorf("%s has no meaning here", key.name))
		}
	}
	switch {
	case tags:
		return compileTags(where, p, wrong)
	case kinds:
		return compileKinds(where, p, wrong)
	case flags:
		return compileFlags(where, p, wrong)
	case p.Skip:
		return skipped{}
	default:
		return compileBlock(where, p.Block, wrong)
	}
}

// skipped is a payload of which nothing is to be stored.
type skipped struct{}

func (skipped) read(_ []byte, out *Output) error {
	out.Silent = true
	return nil
}

// block is a run of bytes with fields at fixed offsets.
type block struct {
	exact  bool
	length int // of the payload: exactly or at least
	fields []field
}

func compileBlock(where string, src blockSource, wrong *faults) *block {
	out := &block{exact: src.Length > 0, length: src.Length, fields: compileFields(where, src.Fields, wrong)}
	switch {
	case src.Length < 0 || src.Length > 255 || src.MinLength < 0 || src.MinLength > 255:
		wrong.add(where, fmt.Errorf("length %d and min_length %d, want 1 to 255 bytes", src.Length, src.MinLength))
	case src.Length > 0 && src.MinLength > 0:
		wrong.add(where, errors.New("has length and min_length, want one of both"))
	case src.MinLength > 0:
		out.length = src.MinLength
	}
	for i := range out.fields {
		f := &out.fields[i]
		switch {
		case out.exact && f.end() > out.length:
			wrong.add(where, fmt.Errorf("%s ends at byte %d, beyond the length of %d", series(f.quantity, f.channel), f.end(), out.length))
		case !out.exact && src.MinLength == 0:
			out.length = max(out.length, f.end())
		}
	}
	return out
}

func (b *block) read(payload []byte, out *Output) error {
	if len(payload) < b.length || b.exact && len(payload) != b.length {
		word := "at least "
		if b.exact {
			word = ""
		}
		return fmt.Errorf("payload has %d bytes, want %s%d", len(payload), word, b.length)
	}
	for i := range b.fields {
		f := &b.fields[i]
		if v, ok := f.read(payload, out); ok {
			out.Readings = append(out.Readings, devices.Reading{Quantity: f.quantity, Channel: f.channel, Value: v})
		}
	}
	return nil
}
