package edge

import (
	"bytes"
	"encoding/binary"
)

// table is the content of a page of bbolt's, or of a small bucket, which looks
// the same: a header, an entry for each key, and then keys and values in the
// same order, without gaps. An entry says where its key begins, counted from
// itself.
//
//	branch: position, length of the key (32 bits each), page (64 bits)
//	leaf:   kind, position, length of the key, length of the value (32 bits each)
type table struct {
	data   []byte
	count  int
	branch bool
}

// dataStart returns where the first key begins, in bytes from the header.
func (t table) dataStart() uint64 { return headerSize + elementSize*uint64(t.count) }

func (t table) u32(i, at int) uint32 {
	return binary.NativeEndian.Uint32(t.data[headerSize+elementSize*i+at:])
}

func (t table) position(i int) uint64 {
	at := 4
	if t.branch {
		at = 0
	}
	return uint64(headerSize+elementSize*i) + uint64(t.u32(i, at))
}

func (t table) keySize(i int) uint64 {
	at := 8
	if t.branch {
		at = 4
	}
	return uint64(t.u32(i, at))
}

func (t table) valueSize(i int) uint64 {
	if t.branch {
		return 0
	}
	return uint64(t.u32(i, 12))
}

// flags is the kind of an entry of a leaf: 0 a record, 1 a bucket.
func (t table) flags(i int) uint32 { return t.u32(i, 0) }

func (t table) child(i int) uint64 {
	return binary.NativeEndian.Uint64(t.data[headerSize+elementSize*i+8:])
}

func (t table) key(i int) []byte {
	at := t.position(i)
	return t.data[at : at+t.keySize(i)]
}

func (t table) value(i int) []byte {
	at := t.position(i) + t.keySize(i)
	return t.data[at : at+t.valueSize(i)]
}

// check checks the entries, of which alone data has to hold something yet, and
// returns where the last value ends, in bytes from the header.
func (t table) check() (uint64, error) {
	if t.branch && t.count == 0 {
		return 0, damagef("a branch has no entries")
	}
	next := t.dataStart()
	for i := range t.count {
		if at := t.position(i); at != next {
			return 0, damagef("entry %d begins at byte %d, want %d", i, at, next)
		}
		if t.keySize(i) == 0 {
			return 0, damagef("entry %d has no key", i)
		}
		next += t.keySize(i) + t.valueSize(i)
	}
	return next, nil
}

// ascending checks the order of the keys.
func (t table) ascending() error {
	for i := 1; i < t.count; i++ {
		if bytes.Compare(t.key(i-1), t.key(i)) >= 0 {
			return damagef("key %x of entry %d is not beyond %x", t.key(i), i, t.key(i-1))
		}
	}
	return nil
}

// within checks the keys against what the page above says of them.
func (t table) within(b bounds) error {
	if b.first == nil {
		return nil // the root, which may be empty
	}
	if t.count == 0 {
		return damagef("it is empty")
	}
	if !bytes.Equal(t.key(0), b.first) {
		return damagef("its first key is %x, the page above says %x", t.key(0), b.first)
	}
	if last := t.key(t.count - 1); b.end != nil && bytes.Compare(last, b.end) >= 0 {
		return damagef("its last key %x is not below that of the next page, %x", last, b.end)
	}
	return nil
}

// bucket checks an entry of the root bucket and returns the root page of the
// bucket that it is, or 0 when that is small and lies within the entry.
func (t table) bucket(i int) (root uint64, err error) {
	name, v := t.key(i), t.value(i)
	if f := t.flags(i); f != 1 {
		return 0, damagef("entry %d, %q, is of kind %#x, which is no bucket", i, name, f)
	}
	if len(v) < bucketSize {
		return 0, damagef("bucket %q has %d bytes", name, len(v))
	}
	if root = binary.NativeEndian.Uint64(v); root != 0 {
		if len(v) != bucketSize {
			return 0, damagef("bucket %q has %d bytes, want %d", name, len(v), bucketSize)
		}
		return root, nil
	}
	inline := v[bucketSize:]
	if len(inline) < headerSize {
		return 0, damagef("bucket %q has %d bytes, too few for its records", name, len(v))
	}
	// The header of a page without a number.
	id, overflow := binary.NativeEndian.Uint64(inline), binary.NativeEndian.Uint32(inline[12:])
	if flags := binary.NativeEndian.Uint16(inline[8:]); id != 0 || flags != isLeaf || overflow != 0 {
		return 0, damagef("bucket %q begins with page %d of kind %#x", name, id, flags)
	}
	in := table{data: inline, count: int(binary.NativeEndian.Uint16(inline[10:]))}
	if in.dataStart() > uint64(len(inline)) {
		return 0, damagef("bucket %q has %d records, too many for %d bytes", name, in.count, len(v))
	}
	used, err := in.check()
	if err == nil && used != uint64(len(inline)) {
		err = damagef("it uses %d of %d bytes", used, len(inline))
	}
	if err == nil {
		err = in.ascending()
	}
	if err == nil {
		err = records(in)
	}
	if err != nil {
		return 0, damagef("bucket %q: %v", name, err)
	}
	return 0, nil
}
