package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// bbolt maps its file into memory and believes what it finds there: a file that
// is too short is a SIGBUS, a wrong pointer may be a panic in a goroutine of
// its own, or a loop. Therefore the file is walked with plain reads before
// bbolt gets it, and what is not laid out exactly as bbolt writes it is
// refused. Numbers in the file are in the order of the machine.

// damage is what is wrong with a database file.
type damage string

func (d damage) Error() string { return string(d) }

func damagef(format string, args ...any) error { return damage(fmt.Sprintf(format, args...)) }

// layout is what a walk has found out.
type layout struct {
	isNew   bool   // there is nothing yet
	txid    uint64 // of the commit that counts
	foreign bool   // another program than this one has written it
	lostOne bool   // there may have been one more, whose meta page is damaged
	pages   uint64 // that are in use
}

const (
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64 // bytes, behind the page header
	noFreelist  = ^uint64(0)

	headerSize  = 16 // of a page
	elementSize = 16 // of an entry in a page's table
	bucketSize  = 16 // of what a bucket is in its parent: root page and sequence

	isBranch   = 0x01
	isLeaf     = 0x02
	isFreelist = 0x10

	minPage = 1 << 10
	maxPage = 1 << 24
	// maxDepth is beyond any tree: each level has at least twice the pages of
	// the one above.
	maxDepth = 32
)

// walker checks a file page by page.
type walker struct {
	file     io.ReaderAt
	pageSize uint64 // bytes
	end      uint64 // number of the first page that is not in the file
	reached  []byte // one bit for each page
	buf      []byte
	found    layout
}

// walk reads all of a database file of that size that is in use.
func walk(file io.ReaderAt, size int64) (layout, error) {
	w := &walker{file: file, buf: make([]byte, headerSize+metaSize)}
	m, err := w.metas(size)
	if err != nil {
		return layout{}, err
	}
	if m.end < 2 || m.end > uint64(size)/w.pageSize {
		return layout{}, damagef("it has %d bytes, but is of %d pages of %d", size, m.end, w.pageSize)
	}
	w.end = m.end
	w.found.txid, w.found.foreign = m.txid, m.freelist != noFreelist
	w.reached = make([]byte, w.end/8+1)
	roots, err := w.rootBucket(m.root)
	if err != nil {
		return layout{}, err
	}
	for _, id := range roots {
		if err := w.tree(id, bounds{}, records); err != nil {
			return layout{}, err
		}
	}
	if w.found.foreign {
		if err := w.freelist(m.freelist); err != nil {
			return layout{}, err
		}
	}
	return w.found, nil
}

// meta is a meta page, of which a file has two.
type meta struct {
	pageSize             uint32
	root, freelist, txid uint64
	end                  uint64
	ok                   bool
}

// metas chooses the meta page that counts: of those with the right checksum the
// newer one. The second begins where the first page ends; if the first page
// does not say where, it is looked for.
func (w *walker) metas(size int64) (meta, error) {
	first, err := w.meta(0)
	if err != nil {
		return meta{}, err
	}
	var second meta
	if first.ok {
		w.pageSize = uint64(first.pageSize)
		second, err = w.meta(int64(first.pageSize))
	} else {
		for at := int64(minPage); err == nil && !second.ok && at <= maxPage && at < size; at *= 2 {
			second, err = w.meta(at)
			second.ok = second.ok && int64(second.pageSize) == at
		}
		w.pageSize = uint64(second.pageSize)
	}
	if err != nil {
		return meta{}, err
	}
	switch {
	case !first.ok && !second.ok:
		return meta{}, damagef("neither of its meta pages can be read")
	case first.ok && second.ok && first.pageSize != second.pageSize:
		return meta{}, damagef("its meta pages disagree about their size: %d and %d bytes", first.pageSize, second.pageSize)
	}
	m, other := first, second
	if !first.ok || second.ok && second.txid > first.txid {
		m, other = second, first
	}
	// The other page should be that of the commit before. If it cannot be read
	// it may have been that of the next, for a number may be what is damaged.
	w.found.lostOne = !other.ok || other.txid+1 != m.txid
	return m, nil
}

// meta reads the meta page at an offset in the file.
func (w *walker) meta(at int64) (meta, error) {
	b := w.buf[:headerSize+metaSize]
	if n, err := w.file.ReadAt(b, at); err != nil {
		if errors.Is(err, io.EOF) {
			return meta{}, nil
		}
		return meta{}, fmt.Errorf("read %d bytes at %d, got %d: %w", len(b), at, n, err)
	}
	b = b[headerSize:]
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	m := meta{
		pageSize: binary.NativeEndian.Uint32(b[8:]),
		root:     binary.NativeEndian.Uint64(b[16:]), freelist: binary.NativeEndian.Uint64(b[32:]),
		end: binary.NativeEndian.Uint64(b[40:]), txid: binary.NativeEndian.Uint64(b[48:]),
	}
	m.ok = binary.NativeEndian.Uint32(b) == metaMagic && binary.NativeEndian.Uint32(b[4:]) == metaVersion &&
		binary.NativeEndian.Uint64(b[metaSize-8:]) == sum.Sum64() &&
		m.pageSize >= minPage && m.pageSize <= maxPage && m.pageSize&(m.pageSize-1) == 0
	return m, nil
}

// open reads the first part of a page that nothing else has pointed to, and
// checks what it says of itself.
func (w *walker) open(id uint64) (flags uint16, count int, pages uint64, err error) {
	if id < 2 || id >= w.end {
		return 0, 0, 0, damagef("page %d is pointed to, but pages are 2 to %d", id, w.end-1)
	}
	w.buf = w.buf[:0]
	if err := w.load(id, w.pageSize); err != nil {
		return 0, 0, 0, err
	}
	flags = binary.NativeEndian.Uint16(w.buf[8:])
	count = int(binary.NativeEndian.Uint16(w.buf[10:]))
	pages = 1 + uint64(binary.NativeEndian.Uint32(w.buf[12:]))
	if own := binary.NativeEndian.Uint64(w.buf); own != id {
		return 0, 0, 0, damagef("page %d says that it is page %d", id, own)
	}
	if pages > w.end-id {
		return 0, 0, 0, damagef("page %d claims %d pages, but there are %d from it on", id, pages, w.end-id)
	}
	return flags, count, pages, w.reach(id, pages)
}

// load makes the buffer hold the first n bytes of a page and what overflows it.
func (w *walker) load(id, n uint64) error {
	have := len(w.buf)
	if uint64(have) >= n {
		return nil
	}
	w.buf = slices.Grow(w.buf, int(n)-have)[:n]
	if _, err := w.file.ReadAt(w.buf[have:], int64(id*w.pageSize)+int64(have)); err != nil {
		return fmt.Errorf("read page %d: %w", id, err)
	}
	return nil
}

// reach notes that something points to pages. A page that two things point to
// would be changed by one of them under the other, and a circle has no end.
func (w *walker) reach(id, pages uint64) error {
	for i := id; i < id+pages; i++ {
		if w.reached[i/8]&(1<<(i%8)) != 0 {
			return damagef("page %d is pointed to twice", i)
		}
		w.reached[i/8] |= 1 << (i % 8)
	}
	w.found.pages += pages
	return nil
}

// node reads a page of a tree. Its table is in the buffer until the next call.
func (w *walker) node(id uint64) (table, error) {
	flags, count, pages, err := w.open(id)
	if err != nil {
		return table{}, err
	}
	if flags != isBranch && flags != isLeaf {
		return table{}, damagef("page %d of a tree is of kind %#x", id, flags)
	}
	// The table tells how much there is to read; a page that claims more or
	// less than that is wrong.
	t := table{count: count, branch: flags == isBranch}
	if t.dataStart() > pages*w.pageSize {
		return table{}, damagef("page %d has %d entries, too many for %d bytes", id, count, pages*w.pageSize)
	}
	if err := w.load(id, t.dataStart()); err != nil {
		return table{}, err
	}
	t.data = w.buf
	used, err := t.check()
	if err == nil && (used > pages*w.pageSize || pages > 2 && used <= (pages-2)*w.pageSize) {
		err = damagef("it uses %d bytes, but claims %d pages of %d", used, pages, w.pageSize)
	}
	if err != nil {
		return table{}, damagef("page %d: %v", id, err)
	}
	if err := w.load(id, used); err != nil {
		return table{}, err
	}
	t.data = w.buf
	if err := t.ascending(); err != nil {
		return table{}, damagef("page %d: %v", id, err)
	}
	return t, nil
}

// rootBucket walks the tree of buckets and returns the root pages of those that
// have one. Small ones lie in their parent.
func (w *walker) rootBucket(id uint64) ([]uint64, error) {
	var roots []uint64
	err := w.tree(id, bounds{}, func(t table) error {
		for i := range t.count {
			root, err := t.bucket(i)
			if err != nil {
				return err
			}
			if root != 0 {
				roots = append(roots, root)
			}
		}
		return nil
	})
	return roots, err
}

// bounds are what a page's keys have to keep to: the parent gives the first one
// exactly, since bbolt looks for the page under it, and the end, which is the
// next page's first. Nil: not known.
type bounds struct {
	first, end []byte
	depth      int
}

// tree walks a tree from a page down and calls leaf with each of its leaves.
func (w *walker) tree(id uint64, within bounds, leaf func(table) error) error {
	t, err := w.node(id)
	if err != nil {
		return err
	}
	if err := t.within(within); err != nil {
		return damagef("page %d: %v", id, err)
	}
	if !t.branch {
		if err := leaf(t); err != nil {
			return damagef("page %d: %v", id, err)
		}
		return nil
	}
	if within.depth == maxDepth {
		return damagef("page %d is more than %d levels deep", id, maxDepth)
	}
	t.data = bytes.Clone(t.data) // the buffer goes to the children
	for i := range t.count {
		child := bounds{first: t.key(i), end: within.end, depth: within.depth + 1}
		if i+1 < t.count {
			child.end = t.key(i + 1)
		}
		if err := w.tree(t.child(i), child, leaf); err != nil {
			return err
		}
	}
	return nil
}

// records checks a leaf of a bucket: it holds records, not buckets.
func records(t table) error {
	for i := range t.count {
		if f := t.flags(i); f != 0 {
			return damagef("entry %d is of kind %#x, which is no record", i, f)
		}
	}
	return nil
}

// freelist checks the list of free pages, which this program does not write but
// others do: whoever takes a page from it must not overwrite another.
func (w *walker) freelist(id uint64) error {
	flags, n, pages, err := w.open(id)
	if err != nil {
		return err
	}
	if flags != isFreelist {
		return damagef("page %d is of kind %#x, want the list of free pages", id, flags)
	}
	count, start := uint64(n), uint64(headerSize)
	if n == 0xFFFF { // the number does not fit and comes first
		count, start = binary.NativeEndian.Uint64(w.buf[start:]), start+8
	}
	if count > w.end || start+8*count > pages*w.pageSize {
		return damagef("page %d lists %d free pages, too many for %d bytes", id, count, pages*w.pageSize)
	}
	if err := w.load(id, start+8*count); err != nil {
		return err
	}
	for ids := w.buf[start : start+8*count]; len(ids) > 0; ids = ids[8:] {
		free := binary.NativeEndian.Uint64(ids)
		if free < 2 || free >= w.end {
			return damagef("page %d lists page %d as free, but pages are 2 to %d", id, free, w.end-1)
		}
		if err := w.reach(free, 1); err != nil {
			return damagef("page %d lists a free page: %v", id, err)
		}
		w.found.pages--
	}
	return nil
}
