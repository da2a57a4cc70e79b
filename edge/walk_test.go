package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

func walkFile(path string) (layout, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return layout{}, err
	}
	return walk(bytes.NewReader(data), int64(len(data)))
}

// TestWalkKnowsBbolt: whatever bbolt writes is in order, for the walk refuses
// what is not laid out exactly so.
func TestWalkKnowsBbolt(t *testing.T) {
	for _, opts := range []*bolt.Options{{NoSync: true, NoFreelistSync: true}, {NoSync: true}, {NoSync: true, NoFreelistSync: true, PageSize: 1 << 14}} {
		path := filepath.Join(t.TempDir(), "edge.db")
		db, err := bolt.Open(path, 0o600, opts)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, uint64(opts.PageSize)))
		names := buckets()
		for round := range 300 {
			err := db.Update(func(tx *bolt.Tx) error { return stir(r, tx, names[:], round) })
			if err != nil {
				t.Fatal(err)
			}
			got, err := walkFile(path)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if got.lostOne || got.txid != uint64(round)+2 || got.foreign == opts.NoFreelistSync {
				t.Fatalf("round %d: %+v", round, got)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// stir makes, fills, thins out and deletes buckets.
func stir(r *rand.Rand, tx *bolt.Tx, names [][]byte, round int) error {
	name := names[r.IntN(len(names))]
	if round%40 == 39 && tx.Bucket(name) != nil {
		return tx.DeleteBucket(name)
	}
	b, err := tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	b.FillPercent = 0.1 + 0.9*r.Float64()
	put, upTo, size := r.IntN(2) == 0, uint64(1)<<r.IntN(12), 1<<r.IntN(10)
	if r.IntN(20) == 0 {
		size = 30_000 // overflows
	}
	for range r.IntN(400) {
		key := numberKey(r.Uint64N(upTo))
		if r.IntN(5) == 0 {
			key = append(key, make([]byte, r.IntN(200))...)
		}
		if put {
			err = b.Put(key, make([]byte, r.IntN(size)))
		} else {
			err = b.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	if !put && r.IntN(4) == 0 { // empty it
		return b.ForEach(func(k, _ []byte) error { return b.Delete(k) })
	}
	return nil
}

// TestWalkFindsDamage goes through what can be wrong with a page. The database
// is made of pages that the test knows.
func TestWalkFindsDamage(t *testing.T) {
	dir := testDir(t)
	makeTestStore(t, dir, 300, 400)
	edit(t, dir, func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyDevices, make([]byte, 10_000)) })
	good, err := os.ReadFile(filepath.Join(dir, "edge.db"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := walk(bytes.NewReader(good), int64(len(good)))
	if err != nil || found.pages < 50 {
		t.Fatalf("%+v (%v), want a database of many pages", found, err)
	}
	w := &walker{file: bytes.NewReader(good), buf: make([]byte, headerSize+metaSize)}
	m, err := w.metas(int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	page := func(b []byte, id uint64) []byte { return b[id*4096 : (id+1)*4096] }
	root := page(good, m.root)
	var sessions, metaBucket uint64 // pages
	rootTable := table{data: root, count: int(binary.NativeEndian.Uint16(root[10:]))}
	for i := range rootTable.count {
		id, err := rootTable.bucket(i)
		if err != nil {
			t.Fatal(err)
		}
		switch string(rootTable.key(i)) {
		case "sessions":
			sessions = id
		case "meta":
			metaBucket = id
		}
	}
	branch := table{data: page(good, sessions), count: int(binary.NativeEndian.Uint16(page(good, sessions)[10:])), branch: true}
	if branch.count < 3 {
		t.Fatalf("the sessions are on %d pages, too few", branch.count)
	}
	leaf := branch.child(1)
	put16, put32, put64 := binary.NativeEndian.PutUint16, binary.NativeEndian.PutUint32, binary.NativeEndian.PutUint64
	tests := []struct {
		name   string
		damage func(b []byte) []byte
		want   string
	}{
		{"short by a page", func(b []byte) []byte { return b[:(m.end-1)*4096] }, "bytes, but is of"},
		{"a page of another number", func(b []byte) []byte { put64(page(b, leaf), leaf+1); return b }, "says that it is page"},
		{"a page of no kind", func(b []byte) []byte { put16(page(b, leaf)[8:], 3); return b }, "is of kind 0x3"},
		{"a free page in a tree", func(b []byte) []byte { put16(page(b, leaf)[8:], isFreelist); return b }, "is of kind 0x10"},
		{"a page that claims too much", func(b []byte) []byte { put32(page(b, leaf)[12:], 1<<30); return b }, "claims 1073741825 pages"},
		{"a page that claims its neighbours", func(b []byte) []byte { put32(page(b, metaBucket)[12:], 3); return b }, ""},
		{"a page that claims less than it uses", func(b []byte) []byte { put32(page(b, metaBucket)[12:], 0); return b }, "bytes, but claims 1 pages"},
		{"more entries than there is room", func(b []byte) []byte { put16(page(b, leaf)[10:], 60000); return b }, "has 60000 entries"},
		{"an entry more", func(b []byte) []byte { page(b, leaf)[10]++; return b }, "entry 0 begins at byte"},
		{"an entry less", func(b []byte) []byte { page(b, leaf)[10]--; return b }, "entry 0 begins at byte"},
		{"no entries", func(b []byte) []byte { put16(page(b, leaf)[10:], 0); return b }, "it is empty"},
		{"a branch without entries", func(b []byte) []byte { put16(page(b, sessions)[10:], 0); return b }, "a branch has no entries"},
		{"a position", func(b []byte) []byte { page(b, leaf)[headerSize+elementSize+4] ^= 64; return b }, "entry 1 begins at byte"},
		{"a position far away", func(b []byte) []byte { put32(page(b, leaf)[headerSize+4:], 1<<31); return b }, "entry 0 begins at byte"},
		{"a length of a key", func(b []byte) []byte { put32(page(b, leaf)[headerSize+8:], 9); return b }, "entry 1 begins at byte"},
		{"no key", func(b []byte) []byte { put32(page(b, leaf)[headerSize+8:], 0); return b }, "has no key"},
		{"a length of the last value", func(b []byte) []byte {
			n := int(binary.NativeEndian.Uint16(page(b, leaf)[10:]))
			put32(page(b, leaf)[headerSize+elementSize*(n-1)+12:], 1<<31)
			return b
		}, "uses 2147"},
		{"a bucket among the sessions", func(b []byte) []byte { page(b, leaf)[headerSize] = 1; return b }, "which is no record"},
		{"a record among the buckets", func(b []byte) []byte { page(b, m.root)[headerSize] = 0; return b }, "which is no bucket"},
		{"a first key", func(b []byte) []byte {
			at := table{data: page(b, leaf)}
			page(b, leaf)[at.position(0)+7] ^= 1
			return b
		}, "its first key is"},
		{"keys out of order", func(b []byte) []byte {
			at := table{data: page(b, leaf)}
			page(b, leaf)[at.position(1)] = 0
			return b
		}, "of entry 1 is not beyond"},
		{"a pointer beyond the end", func(b []byte) []byte { put64(page(b, sessions)[headerSize+8:], m.end); return b }, "is pointed to, but pages are"},
		{"a pointer to a meta page", func(b []byte) []byte { put64(page(b, sessions)[headerSize+8:], 1); return b }, "is pointed to, but pages are"},
		{"a pointer to a page of another", func(b []byte) []byte { put64(page(b, sessions)[headerSize+8:], leaf); return b }, ""},
		{"a circle", func(b []byte) []byte { put64(page(b, sessions)[headerSize+8:], sessions); return b }, "is pointed to twice"},
		{"a free page that is in use", func(b []byte) []byte { put64(page(b, m.freelist)[headerSize:], leaf); return b }, "is pointed to twice"},
		{"a free page beyond the end", func(b []byte) []byte { put64(page(b, m.freelist)[headerSize:], m.end); return b }, "as free, but pages are"},
		{"too many free pages", func(b []byte) []byte { put16(page(b, m.freelist)[10:], 0xFFFE); return b }, "free pages, too many"},
		{"no list of free pages", func(b []byte) []byte { put16(page(b, m.freelist)[8:], isLeaf); return b }, "want the list of free pages"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := test.damage(bytes.Clone(good))
			_, err := walk(bytes.NewReader(b), int64(len(b)))
			var d damage
			if !errors.As(err, &d) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestMetaPages: of two the newer one counts, and one is enough.
func TestMetaPages(t *testing.T) {
	dir := testDir(t)
	makeTestStore(t, dir, 2, 2)
	good, err := os.ReadFile(filepath.Join(dir, "edge.db"))
	if err != nil {
		t.Fatal(err)
	}
	last, err := walk(bytes.NewReader(good), int64(len(good)))
	if err != nil || last.lostOne {
		t.Fatalf("%+v (%v)", last, err)
	}
	newer := int(last.txid % 2 * 4096)
	older := 4096 - newer
	tests := []struct {
		name    string
		damage  func(b []byte)
		txid    uint64
		lostOne bool
	}{
		{"the older one is damaged", func(b []byte) { b[older+headerSize+20] ^= 1 }, last.txid, true},
		{"the newer one is damaged", func(b []byte) { b[newer+headerSize+20] ^= 1 }, last.txid - 1, true},
		{"the older one is zero", func(b []byte) { clear(b[older : older+4096]) }, last.txid, true},
		{"the newer one is zero", func(b []byte) { clear(b[newer : newer+4096]) }, last.txid - 1, true},
		{"the newer one is not written", func(b []byte) { copy(b[newer:], b[older:older+4096]) }, last.txid - 1, true},
		{"both are damaged", func(b []byte) { b[older+headerSize+20] ^= 1; b[newer+headerSize+20] ^= 1 }, 0, false},
		{"it is of another version", func(b []byte) {
			for _, at := range []int{older, newer} {
				b[at+headerSize+4] = 9
				sum := fnv.New64a()
				sum.Write(b[at+headerSize : at+headerSize+metaSize-8])
				binary.NativeEndian.PutUint64(b[at+headerSize+metaSize-8:], sum.Sum64())
			}
		}, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := bytes.Clone(good)
			test.damage(b)
			got, err := walk(bytes.NewReader(b), int64(len(b)))
			if test.txid == 0 {
				if err == nil || !strings.Contains(err.Error(), "neither of its meta pages") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || got.txid != test.txid || got.lostOne != test.lostOne {
				t.Errorf("%+v (%v), want commit %d, one lost: %v", got, err, test.txid, test.lostOne)
			}
		})
	}
}

// TestGuard: a fault in mapped memory is an error.
func TestGuard(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	mapped, err := unix.Mmap(int(f.Fd()), 0, 1<<14, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	err = guard(func() error { sum += int(mapped[5000]); return nil })
	if err == nil || sum != 0 {
		t.Errorf("error %v, want a fault", err)
	}
	if err := unix.Munmap(mapped); err != nil {
		t.Error(err)
	}
	if err := guard(func() error { return os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want that of the function", err)
	}
}

func BenchmarkWalk(b *testing.B) {
	dir := testDir(b)
	s := openTest(b, dir)
	for n := range 25 { // 100,000 uplinks
		commitTest(b, s, testUplinks(n*4000, (n+1)*4000))
	}
	closeTest(b, s)
	f, err := os.Open(filepath.Join(dir, "edge.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		found, err := walk(f, info.Size())
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(found.pages) * 4096)
	}
}
