package javascript

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// MaxMemory is how much memory one runtime may use, in bytes: engine, codec and
// what a call allocates.
const MaxMemory = 8 << 20

// arena is the memory of one runtime: a mapping that starts with a header,
// followed by blocks. Pages that were never written take no room. It can be
// brought back to how it was saved, whatever happened in between.
type arena struct {
	mem   []byte
	saved []byte // a mapping too: the beginning of mem, as it was saved
}

// header is the state of the allocator. It lies in the arena and is saved and
// restored with it.
type header struct {
	brk, end uintptr     // the next block would start at brk; the arena ends at end
	free     [80]uintptr // first free block per class; those of MaxMemory bytes have 76
	context  uintptr     // *lib.TJSContext
	stop     atomic.Uint32
	full     atomic.Uint32 // an allocation failed
}

// block precedes what is allocated.
type block struct {
	size uintptr // with this header; a multiple of align
	next uintptr // the next free block of the class
}

const (
	align     = 16
	blockSize = unsafe.Sizeof(block{})
	keep      = 256 << 10 // bytes that restore leaves mapped beyond what was saved
)

func newArena() (*arena, error) {
	mem, err := unix.Mmap(-1, 0, MaxMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("memory for a runtime: %w", err)
	}
	a := &arena{mem: mem}
	h, base := a.header(), uintptr(unsafe.Pointer(&mem[0]))
	h.brk = base + (unsafe.Sizeof(*h)+align-1)&^(align-1)
	h.end = base + uintptr(len(mem))
	return a, nil
}

func (a *arena) header() *header { return (*header)(unsafe.Pointer(&a.mem[0])) }

// used returns how many bytes from the start are in use or were.
func (a *arena) used() int {
	return int(a.header().brk - uintptr(unsafe.Pointer(&a.mem[0])))
}

func (a *arena) save() error {
	a.header().full.Store(0) // what was too much while loading did no harm
	n := a.used()
	saved, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("memory for a runtime: %w", err)
	}
	copy(saved, a.mem)
	a.saved = saved
	return nil
}

// restore brings the arena back to how it was saved and gives pages back to the
// system that a greedy call took.
func (a *arena) restore() error {
	if used := min(a.used(), MaxMemory); used > len(a.saved)+keep || used < len(a.saved) {
		page := unix.Getpagesize()
		from := (len(a.saved) + keep + page - 1) / page * page
		if from < MaxMemory {
			if err := unix.Madvise(a.mem[from:], unix.MADV_DONTNEED); err != nil {
				return fmt.Errorf("give back memory of a runtime: %w", err)
			}
		}
	}
	copy(a.mem, a.saved)
	return nil
}

// lock makes every access to the arena a fault, and unlock ends that.
func (a *arena) lock() error   { return unix.Mprotect(a.mem, unix.PROT_NONE) }
func (a *arena) unlock() error { return unix.Mprotect(a.mem, unix.PROT_READ|unix.PROT_WRITE) }

func (a *arena) close() {
	// Neither can fail but by a wrong address.
	_ = unix.Munmap(a.mem)
	if a.saved != nil {
		_ = unix.Munmap(a.saved)
	}
	*a = arena{}
}

// at returns the pointer to an address outside of Go's memory.
func at(p uintptr) unsafe.Pointer { return unsafe.Add(nil, p) }

func toBlock(p uintptr) *block { return (*block)(at(p)) }

// class returns the class of the free blocks of that size: there are four to
// each power of two.
func class(size uintptr) int {
	n := bits.Len(uint(size)) - 1 // at least 4, as size is at least align
	return (n-4)*4 + int(size>>(n-2)&3)
}

// malloc returns the address of size bytes, 0 when there is no room.
func (h *header) malloc(size uintptr) uintptr {
	if size > MaxMemory {
		h.full.Store(1)
		return 0
	}
	size = (size + blockSize + align - 1) &^ (align - 1)
	// The blocks of a class may be smaller than size, those of the next are not.
	c := class(size)
	if p := h.free[c]; p != 0 && toBlock(p).size >= size {
		h.free[c] = toBlock(p).next
		return p + blockSize
	}
	if size <= h.end-h.brk {
		p := h.brk
		h.brk += size
		toBlock(p).size = size
		return p + blockSize
	}
	for c++; c < len(h.free); c++ {
		if p := h.free[c]; p != 0 {
			h.free[c] = toBlock(p).next
			return p + blockSize
		}
	}
	h.full.Store(1)
	return 0
}

func (h *header) release(p uintptr) {
	b := toBlock(p - blockSize)
	if p-blockSize+b.size == h.brk {
		h.brk = p - blockSize
		return
	}
	c := class(b.size)
	b.next = h.free[c]
	h.free[c] = p - blockSize
}

// realloc resizes, in place where there is room.
func (h *header) realloc(p, size uintptr) uintptr {
	b := toBlock(p - blockSize)
	want := (size + blockSize + align - 1) &^ (align - 1)
	if size > MaxMemory {
		h.full.Store(1)
		return 0
	}
	last := p-blockSize+b.size == h.brk
	switch {
	case last && want <= h.end-(p-blockSize):
		b.size = want
		h.brk = p - blockSize + want
		return p
	case want <= b.size:
		return p
	}
	q := h.malloc(size)
	if q != 0 {
		copy(unsafe.Slice((*byte)(at(q)), size), unsafe.Slice((*byte)(at(p)), b.size-blockSize))
		h.release(p)
	}
	return q
}

func usable(p uintptr) uintptr { return toBlock(p-blockSize).size - blockSize }

// The following are called by the engine; state is a *lib.TJSMallocState.

func stateOf(state uintptr) (*lib.TJSMallocState, *header) {
	s := (*lib.TJSMallocState)(at(state))
	return s, (*header)(at(s.Fopaque))
}

func jsMalloc(_ *libc.TLS, state uintptr, size lib.Tsize_t) uintptr {
	s, h := stateOf(state)
	p := h.malloc(uintptr(size))
	if p != 0 {
		s.Fmalloc_count++
		s.Fmalloc_size += lib.Tsize_t(usable(p))
	}
	return p
}

func jsFree(_ *libc.TLS, state, p uintptr) {
	if p == 0 {
		return
	}
	s, h := stateOf(state)
	s.Fmalloc_count--
	s.Fmalloc_size -= lib.Tsize_t(usable(p))
	h.release(p)
}

func jsRealloc(tls *libc.TLS, state, p uintptr, size lib.Tsize_t) uintptr {
	switch {
	case p == 0 && size == 0:
		return 0
	case p == 0:
		return jsMalloc(tls, state, size)
	case size == 0:
		jsFree(tls, state, p)
		return 0
	}
	s, h := stateOf(state)
	old := usable(p)
	q := h.realloc(p, uintptr(size))
	if q != 0 {
		s.Fmalloc_size += lib.Tsize_t(usable(q)) - lib.Tsize_t(old)
	}
	return q
}

func jsUsable(_ *libc.TLS, p uintptr) lib.Tsize_t { return lib.Tsize_t(usable(p)) }
