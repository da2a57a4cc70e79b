package sensorthings

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Ids gives entities small whole numbers that never change: each key gets the
// next number of its kind when it is assigned, and a file keeps the keys. The
// file only grows; each line carries a checksum, so that what a crash has left
// of the last one is known for what it is. Several processes may have the file
// open, and several may assign.
type Ids struct {
	path string

	mu      sync.RWMutex
	size    int64 // of what has been read
	numbers map[idKey]int64
	counts  map[idKind]int64
	changes int // rises with each number that is learnt
}

// idKind says of which entities a number is one. A Location, a
// HistoricalLocation and a FeatureOfInterest have the number of their Thing.
type idKind string

const (
	idThing    idKind = "thing"
	idStream   idKind = "datastream"
	idSensor   idKind = "sensor"
	idProperty idKind = "property"
)

// idKey is what has a number: the words that name it, joined by tabs.
type idKey struct {
	kind idKind
	name string
}

func keyOf(kind idKind, words ...string) idKey { return idKey{kind, strings.Join(words, "\t")} }

// OpenIds reads the file, which need not exist yet.
func OpenIds(path string) (*Ids, error) {
	ids := &Ids{path: path, numbers: map[idKey]int64{}, counts: map[idKind]int64{}}
	return ids, ids.refresh()
}

// lookup returns the number of a key, and false while it has none.
func (ids *Ids) lookup(key idKey) (int64, bool) {
	ids.mu.RLock()
	defer ids.mu.RUnlock()
	n, ok := ids.numbers[key]
	return n, ok
}

// version changes with every number that is learnt.
func (ids *Ids) version() int {
	ids.mu.RLock()
	defer ids.mu.RUnlock()
	return ids.changes
}

// refresh learns what others have assigned.
func (ids *Ids) refresh() (err error) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	f, err := os.Open(ids.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ids: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || info.Size() == ids.size {
		return err
	}
	_, err = ids.read(f)
	return err
}

// read learns the whole lines after those it has, and returns how many bytes
// follow them that are none.
func (ids *Ids) read(f *os.File) (torn int, err error) {
	rest, err := io.ReadAll(io.NewSectionReader(f, ids.size, 1<<40))
	if err != nil {
		return 0, fmt.Errorf("read ids: %w", err)
	}
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			return len(rest), nil
		}
		key, n, ok := parseID(string(line))
		if !ok || n != ids.counts[key.kind]+1 {
			// After the end of what was made durable, a crash may leave anything.
			if anyLine(after) {
				return 0, fmt.Errorf("read ids: %s is damaged at byte %d: restore it from a backup, else entities change their numbers", ids.path, ids.size)
			}
			return len(rest), nil
		}
		ids.numbers[key], ids.counts[key.kind] = n, n
		ids.changes++
		ids.size += int64(len(line)) + 1
		rest = after
	}
}

func anyLine(b []byte) bool {
	for line := range bytes.Lines(b) {
		if _, _, ok := parseID(strings.TrimSuffix(string(line), "\n")); ok {
			return true
		}
	}
	return false
}

// assign gives numbers to the keys that have none, in their order. When it
// returns nil they survive a crash; until then nobody has seen them.
func (ids *Ids) assign(keys []idKey) (err error) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	f, err := os.OpenFile(ids.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("assign ids: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // ends the lock
	if err := lock(f); err != nil {
		return fmt.Errorf("assign ids: lock %s: %w", ids.path, err)
	}
	torn, err := ids.read(f)
	if err != nil {
		return err
	}
	if torn > 0 {
		if err := f.Truncate(ids.size); err != nil {
			return fmt.Errorf("assign ids: %w", err)
		}
	}
	var lines []byte
	given := map[idKey]bool{}
	next := map[idKind]int64{}
	for _, key := range keys {
		if _, has := ids.numbers[key]; has || given[key] {
			continue
		}
		given[key] = true
		next[key.kind]++
		lines = appendID(lines, key, ids.counts[key.kind]+next[key.kind])
	}
	if len(lines) == 0 {
		return nil
	}
	if _, err := f.WriteAt(lines, ids.size); err != nil {
		return fmt.Errorf("assign ids: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("assign ids: %w", err)
	}
	_, err = ids.read(f)
	return err
}

// A line is the CRC-32 of the rest as 8 hexadecimal digits, kind, number and
// quoted name, separated by spaces.
func appendID(b []byte, key idKey, n int64) []byte {
	rest := string(key.kind) + " " + strconv.FormatInt(n, 10) + " " + strconv.Quote(key.name)
	return fmt.Appendf(b, "%08x %s\n", crc32.ChecksumIEEE([]byte(rest)), rest)
}

func parseID(line string) (idKey, int64, bool) {
	sum, rest, ok := strings.Cut(line, " ")
	if !ok || sum != fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(rest))) {
		return idKey{}, 0, false
	}
	kind, rest, _ := strings.Cut(rest, " ")
	number, quoted, _ := strings.Cut(rest, " ")
	n, err1 := strconv.ParseInt(number, 10, 64)
	name, err2 := strconv.Unquote(quoted)
	return idKey{idKind(kind), name}, n, err1 == nil && err2 == nil && n > 0
}
