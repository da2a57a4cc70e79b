package edge

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// specimen is a database that a fuzz test damages.
type specimen struct {
	name   string
	file   []byte
	format int
	last   all // what it holds
	before all // what it held one commit earlier
	seq    uint64
	ever   map[uint64]bool // sequence numbers of all uplinks that were ever in it
}

// makeSpecimens makes databases of both formats: so small that all lies in one
// page, with trees, and with a list of free pages.
func makeSpecimens(t testing.TB) []specimen {
	var out []specimen
	for _, size := range []struct{ devices, uplinks int }{{2, 2}, {120, 150}} {
		dir := testDir(t)
		path := filepath.Join(dir, "edge.db")
		sp := specimen{name: "new", format: 2, before: makeTestStore(t, dir, size.devices, size.uplinks)}
		s := openTest(t, dir) // commits
		g := testUplinks(900, 900+size.uplinks)
		for n := range size.devices / 2 {
			g.states[testEUI(n)] = testState(n, 99)
		}
		g.confirmed = []uint64{1, 2*uint64(size.uplinks) + 1}
		g.devices = bytes.Repeat([]byte(`{"v":1}`), size.devices*10)
		commitTest(t, s, g)
		sp.last, sp.seq = readAll(t, s), s.ledger.Load().seq
		sp.ever = map[uint64]bool{}
		for n := range sp.seq {
			sp.ever[n+1] = true
		}
		closeTest(t, s)
		sp.file = readFile(t, path)
		out = append(out, sp)

		edit(t, dir, func(*bolt.Tx) error { return nil })
		sp.name, sp.before, sp.file = "new, with a list of free pages", sp.last, readFile(t, path)
		out = append(out, sp)

		dir = testDir(t)
		sp = specimen{name: "old", format: 1, last: makeOldStore(t, dir, size.devices, size.uplinks)}
		sp.file = readFile(t, filepath.Join(dir, "edge.db"))
		out = append(out, sp)
	}
	return out
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The kinds of damage.
const (
	truncated = iota
	bitFlipped
	blockZeroed
	blockCopied // a write that went to another place
	bothMetas
	damages
)

func damageFile(file []byte, kind byte, n, m uint32) []byte {
	b := bytes.Clone(file)
	const block = 4096
	blocks := uint32(len(b) / block)
	switch kind % damages {
	case truncated:
		return b[:int(n)%len(b)]
	case bitFlipped:
		b[int(n)%len(b)] ^= 1 << (m % 8)
	case blockZeroed:
		clear(b[n%blocks*block:][:block])
	case blockCopied:
		copy(b[n%blocks*block:][:block], b[m%blocks*block:])
	case bothMetas:
		b[n%(headerSize+metaSize)] ^= 1 << (n % 7)
		b[block+m%(headerSize+metaSize)] ^= 1 << (m % 7)
	}
	return b
}

// FuzzDatabase: whatever happens to the file, it is refused with an error that
// names it, or what the store gives out is what was written, and what is
// missing is told.
func FuzzDatabase(f *testing.F) {
	specimens := makeSpecimens(f)
	for i := range specimens {
		for kind := range byte(damages) {
			for n := range uint32(8) {
				f.Add(byte(i), kind, n*5003, n*7919)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, kind byte, n, m uint32) {
		sp := specimens[int(which)%len(specimens)]
		dir, err := os.MkdirTemp(quickDir(), "edge-fuzz-")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		pretendReserve(t, dir)
		path := filepath.Join(dir, "edge.db")
		for name, data := range map[string][]byte{path: damageFile(sp.file, kind, n, m), filepath.Join(dir, usedName): []byte(usedText)} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openStore(dir)
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("%s: the error does not name the file: %v", sp.name, err)
			}
			return
		}
		got := readAll(t, s)
		if sp.format == format {
			sp.check(t, s, &got)
		}
		commitTest(t, s, testUplinks(5000, 5003))
		after := readAll(t, s)
		if len(after.Outbox) != len(got.Outbox)+3 {
			t.Fatalf("%s: %d uplinks after three more, %d before", sp.name, len(after.Outbox), len(got.Outbox))
		}
		closeTest(t, s)
		s = openTest(t, dir)
		defer closeTest(t, s)
		if diff := cmp.Diff(after, readAll(t, s)); diff != "" {
			t.Fatalf("%s: after the next start: %s", sp.name, diff)
		}
	})
}

// quickDir is a folder in memory, if there is one.
func quickDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// check compares what a store gives out with what was written.
func (sp *specimen) check(t *testing.T, s *store, got *all) {
	t.Helper()
	told := strings.Join(s.repairs(), "; ")
	want := &sp.last
	if strings.Contains(told, "meta pages") && cmp.Diff(sp.last.Sessions, got.Sessions) != "" {
		want = &sp.before
	}
	for eui, state := range got.Sessions {
		if want.Sessions[eui] != state {
			t.Fatalf("%s: session of %s is %s, want %s (%s)", sp.name, eui, state, want.Sessions[eui], told)
		}
	}
	for eui := range want.Sessions {
		if _, ok := got.Sessions[eui]; !ok && s.damaged()[eui] == nil {
			t.Fatalf("%s: session of %s is missing, and not damaged (%s)", sp.name, eui, told)
		}
	}
	for seq, record := range got.Outbox {
		if w, ok := want.Outbox[seq]; ok && w != record || !sp.ever[seq] {
			t.Fatalf("%s: uplink %d is %s, want %s (%s)", sp.name, seq, record, w, told)
		}
	}
	if s.ledger.Load().seq < sp.seq && s.epoch == sp.last.Epoch {
		t.Fatalf("%s: sequence number %d after %d (%s)", sp.name, s.ledger.Load().seq, sp.seq, told)
	}
	same := maps.Equal(got.Outbox, want.Outbox) && maps.Equal(got.Airtime, want.Airtime) && slices.Equal(got.Undated, want.Undated) &&
		got.Devices == want.Devices && got.Epoch == want.Epoch
	if !same && told == "" {
		t.Fatalf("%s: something is missing and nothing is told: %s", sp.name, cmp.Diff(want, got))
	}
}
