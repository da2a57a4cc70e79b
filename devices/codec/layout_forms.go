package codec

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// hexKey reads a key of so many bytes. It need not stand in quotes: keys of a
// layout are texts, and 0175 and 1e05 are not taken for numbers.
func hexKey(what, key string, size int) (uint16, error) {
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != size {
		return 0, fmt.Errorf("%s %q, want %d hexadecimal digits", what, key, 2*size)
	}
	n := uint16(0)
	for _, c := range b {
		n = n<<8 | uint16(c)
	}
	return n, nil
}

// tagged is a payload of tags, each with a value (TLV, or TV where the tag
// says the length).
type tagged struct {
	header, size int // bytes before the first tag, and of a tag
	tags         map[uint16]*tag
}

type tag struct {
	length int // of the value
	prefix bool
	need   int // bytes up to the end of the last field
	fields []field
}

func compileTags(where string, p *portSource, wrong *faults) body {
	out := &tagged{header: p.Header, size: p.Tag, tags: make(map[uint16]*tag, len(p.Tags))}
	if p.Tag != 1 && p.Tag != 2 {
		wrong.add(where, fmt.Errorf("tag has %d bytes, want 1 or 2", p.Tag))
		return out
	}
	if p.Header < 0 || p.Header > 255 {
		wrong.add(where, fmt.Errorf("header %d, want 0 to 255 bytes", p.Header))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		src := p.Tags[key]
		here := where + ", tag " + key
		t := &tag{prefix: src.Length == "prefix", fields: compileFields(here, src.Fields, wrong)}
		for i := range t.fields {
			t.need = max(t.need, t.fields[i].end())
		}
		n, err := strconv.Atoi(src.Length)
		switch {
		case t.prefix:
		case err != nil || n < 0 || n > 255:
			wrong.add(here, fmt.Errorf("length %q, want the number of bytes of the value, or prefix when the value begins with it", src.Length))
		case t.need > n:
			wrong.add(here, fmt.Errorf("a field ends at byte %d, beyond the length of %d", t.need, n))
		}
		t.length = n
		number, err := hexKey("tag", key, p.Tag)
		if err == nil && out.tags[number] != nil {
			err = errors.New("is there twice")
		}
		wrong.add(here, err)
		out.tags[number] = t
	}
	return out
}

// read stops at a tag that is unknown or cut off: where the next one begins
// cannot be known.
func (t *tagged) read(payload []byte, out *Output) error {
	if len(payload) < t.header+t.size {
		return fmt.Errorf("payload has %d bytes, want at least %d", len(payload), t.header+t.size)
	}
	for at := t.header; at < len(payload); {
		begin := at
		at += t.size
		if at > len(payload) {
			return out.cut(fmt.Errorf("the tag at byte %d is cut off", begin))
		}
		number := uint16(payload[begin])
		if t.size == 2 {
			number = number<<8 | uint16(payload[begin+1])
		}
		tag := t.tags[number]
		if tag == nil {
			return out.cut(fmt.Errorf("tag %x at byte %d is unknown, what follows cannot be read", payload[begin:at], begin))
		}
		length := tag.length
		if tag.prefix && at < len(payload) {
			length = int(payload[at])
		}
		if tag.prefix {
			at++
		}
		if at+length > len(payload) {
			return out.cut(fmt.Errorf("the value of tag %x at byte %d is cut off", payload[begin:begin+t.size], begin))
		}
		if length < tag.need {
			out.warn("the value of tag %x at byte %d has %d bytes, want %d", payload[begin:begin+t.size], begin, length, tag.need)
		} else {
			tag.read(payload[at:at+length], out)
		}
		at += length
	}
	return nil
}

func (t *tag) read(value []byte, out *Output) {
	for i := range t.fields {
		f := &t.fields[i]
		if v, ok := f.read(value, out); ok {
			out.add(f.quantity, f.channel, v)
		}
	}
}

// kinded is a payload whose first bytes say what the others are.
type kinded struct {
	at, size int
	kinds    map[uint16]*block
	names    string // of the kinds
}

func compileKinds(where string, p *portSource, wrong *faults) body {
	out := &kinded{at: p.KindAt, size: max(1, p.Kind), kinds: make(map[uint16]*block, len(p.Kinds))}
	if p.Kind < 0 || p.Kind > 2 || p.KindAt < 0 || p.KindAt > 255 {
		wrong.add(where, fmt.Errorf("kind has %d bytes at %d, want 1 or 2 at 0 to 255", p.Kind, p.KindAt))
		return out
	}
	names := slices.Sorted(maps.Keys(p.Kinds))
	out.names = strings.Join(names, ", ")
	for _, key := range names {
		here := where + ", kind " + key
		number, err := hexKey("kind", key, out.size)
		if err == nil && out.kinds[number] != nil {
			err = errors.New("is there twice")
		}
		wrong.add(here, err)
		out.kinds[number] = compileBlock(here, p.Kinds[key], wrong)
	}
	return out
}

func (k *kinded) read(payload []byte, out *Output) error {
	if len(payload) < k.at+k.size {
		return fmt.Errorf("payload has %d bytes, want at least %d", len(payload), k.at+k.size)
	}
	digits := payload[k.at : k.at+k.size]
	number := uint16(digits[0])
	if k.size == 2 {
		number = number<<8 | uint16(digits[1])
	}
	b := k.kinds[number]
	if b == nil {
		return fmt.Errorf("kind %x at byte %d is unknown, only %s", digits, k.at, k.names)
	}
	if err := b.read(payload, out); err != nil {
		return fmt.Errorf("kind %x: %w", digits, err)
	}
	out.Silent = len(b.fields) == 0
	return nil
}

// flagged is a payload with bits that say which groups of fields are present.
type flagged struct {
	header int // bytes before the first group
	need   int // bytes up to the end of the header and the flags
	flags  field
	known  uint64 // bits that have a group
	groups []group
}

type group struct {
	bit    uint
	length int
	fields []field
}

func compileFlags(where string, p *portSource, wrong *faults) body {
	out := &flagged{header: p.Header}
	if p.Flags == nil || len(p.Groups) == 0 {
		wrong.add(where, errors.New("has flags or groups, want both"))
		return out
	}
	form, size, err := parseType(p.Flags.Type)
	if err == nil && (form != unsigned || size > 4) {
		err = fmt.Errorf("type %q, want u8, u16, u24 or u32", p.Flags.Type)
	}
	wrong.add(where+", flags", err)
	little, err := isLittle(p.Flags.Endian)
	wrong.add(where+", flags", err)
	if p.Flags.At < 0 || p.Flags.At > 255 || p.Header < 0 || p.Header > 255 {
		wrong.add(where, fmt.Errorf("flags at %d and header %d, want 0 to 255", p.Flags.At, p.Header))
	}
	out.flags = field{at: p.Flags.At, size: size, little: little}
	out.need = max(p.Header, out.flags.end())
	var before []field
	for i, src := range p.Groups {
		here := fmt.Sprintf("%s, group %d (bit %d)", where, i+1, src.Bit)
		if src.Bit < 0 || src.Bit >= 8*max(size, 1) {
			wrong.add(here, fmt.Errorf("want a bit from 0 to %d", 8*max(size, 1)-1))
			continue
		}
		g := group{bit: uint(src.Bit), length: src.Length, fields: compileFields(here, src.Fields, wrong)}
		if out.known>>g.bit&1 == 1 {
			wrong.add(here, errors.New("is there twice"))
		}
		if g.length < 1 || g.length > 255 {
			wrong.add(here, fmt.Errorf("length %d, want 1 to 255 bytes", g.length))
		}
		for j := range g.fields {
			f := &g.fields[j]
			if f.end() > g.length {
				wrong.add(here, fmt.Errorf("%s ends at byte %d, beyond the length of %d", series(f.quantity, f.channel), f.end(), g.length))
			}
			if slices.ContainsFunc(before, f.same) {
				wrong.add(here, fmt.Errorf("%s is there twice", series(f.quantity, f.channel)))
			}
		}
		before = append(before, g.fields...)
		out.known |= 1 << g.bit
		out.groups = append(out.groups, g)
	}
	return out
}

// read refuses a payload with a bit that has no group, but for a bit above
// all others: what that one stands for comes last.
func (f *flagged) read(payload []byte, out *Output) error {
	if len(payload) < f.need {
		return fmt.Errorf("payload has %d bytes, want at least %d", len(payload), f.need)
	}
	flags, _ := f.flags.raw(payload[f.flags.at:f.flags.end()])
	unknown := flags &^ f.known
	if unknown != 0 && unknown&-unknown < f.known {
		return fmt.Errorf("flags %#x have a bit that stands for no group, only %#x do", flags, f.known)
	}
	at := f.header
	for i := range f.groups {
		g := &f.groups[i]
		if flags>>g.bit&1 == 0 {
			continue
		}
		if at+g.length > len(payload) {
			return out.cut(fmt.Errorf("the group of bit %d at byte %d is cut off", g.bit, at))
		}
		for j := range g.fields {
			field := &g.fields[j]
			if v, ok := field.read(payload[at:at+g.length], out); ok {
				out.add(field.quantity, field.channel, v)
			}
		}
		at += g.length
	}
	if at < len(payload) {
		out.warn("%d bytes after the last group were not read", len(payload)-at)
	}
	return nil
}
