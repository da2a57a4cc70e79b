package load

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const head = `{"load":1,"epoch":"5c1f","seed":1,"edges":["a","b"],"devices":4,"format":"modellregion"}` + "\n"

func testHeader() header {
	return header{Version: 1, Epoch: "0000", Seed: 1, Edges: []string{"a", "b"}, Devices: 4, Format: Modellregion}
}

func TestLedgerGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, h, books, err := openLedger(path, testHeader(), false)
	if err != nil || h.Epoch != "0000" || len(books) != 2 || books[0].sent != 0 {
		t.Fatal(h, books, err)
	}
	for _, err := range []error{
		l.sent(0, []stamp{{1, 1_764_000_000_000}, {2, 1_764_000_000_007}, {3, 1_763_999_999_000}}),
		l.sent(1, []stamp{{1, -5}}),
		l.confirmed(0, [][2]uint64{{1, 1}, {3, 3}}),
		l.sent(0, []stamp{{4, 8}}),
		l.close(),
		l.close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	want := strings.Replace(head, "5c1f", "0000", 1) + "s 0 1 1764000000000 7 -1007\ns 1 1 -5\nc 0 1-1 3-3\ns 0 4 8\n"
	if err != nil || string(data) != want {
		t.Fatalf("%s (%v), want\n%s", data, err, want)
	}
	another := testHeader()
	another.Epoch = "1111"
	l, h, books, err = openLedger(path, another, false)
	if err != nil || h.Epoch != "0000" {
		t.Fatal(h, err)
	}
	if got := books[0].unconfirmed(nil, 1, books[0].sent); !reflect.DeepEqual(got, []stamp{{2, 1_764_000_000_007}, {4, 8}}) || books[0].confirmed != 2 {
		t.Errorf("unconfirmed %v", got)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// A process may be killed after any byte of what it writes.
func TestLedgerWithATornTail(t *testing.T) {
	whole := head + "s 0 1 100 1 1\nc 0 1-2\ns 0 4 7\n"
	dir := t.TempDir()
	for cut := range len(whole) + 1 {
		path := filepath.Join(dir, "ledger")
		if err := os.WriteFile(path, []byte(whole[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		l, h, books, err := openLedger(path, testHeader(), false)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		next := books[0].assigned + 1
		if err := l.sent(0, []stamp{{next, 9}}); err != nil {
			t.Fatal(err)
		}
		if err := l.close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		again, books, good, err := readLedger(bytes.NewReader(data), false)
		if err != nil || good != int64(len(data)) || again.Epoch != h.Epoch || books[0].sent != next || (cut >= len(head)) != (h.Epoch == "5c1f") {
			t.Fatalf("cut at %d: goes on as %+v to uplink %d, %v\n%s", cut, again, books[0].sent, err, data)
		}
	}
}

func TestLedgerOfAnotherLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*header){
		"seed 1, not 2":                          func(h *header) { h.Seed = 2 },
		"devices 4, not 5":                       func(h *header) { h.Devices = 5 },
		"format modellregion, not chirpstack":    func(h *header) { h.Format = ChirpStack },
		`edges ["a" "b"], not ["a"]`:             func(h *header) { h.Edges = h.Edges[:1] },
		"ledger " + path + " has version 1, not": func(h *header) { h.Version = 2 },
	} {
		h := testHeader()
		change(&h)
		if _, _, _, err := openLedger(path, h, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != head {
		t.Errorf("the file of another load was changed: %s, %v", data, err)
	}
	if _, _, _, err := openLedger(t.TempDir(), testHeader(), false); err == nil || !strings.Contains(err.Error(), "open ledger") {
		t.Errorf("a folder: %v", err)
	}
}

func TestLedgerNamesWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"hello\n":                         "line 1: no header of a ledger",
		"{}\n":                            "version 0, want 1",
		head + "s 2 1 5\n":                `line 2: edge "2", want 0 to 1`,
		head + "s 0 2 5\n":                `sequence number "2", want 1`,
		head + "s 0 1\n":                  `time "", number 1`,
		head + "s 0 1 x\n":                `time "x"`,
		head + "x 0 1 1\n":                `"x 0 1 1": want s EDGE`,
		head + "s 0 1 5\nc 0 1-2\n":       `line 3: range "1-2", want FIRST-LAST within the 1 uplinks sent`,
		head + "s 0 1 5\nc 0 0-1\n":       `range "0-1"`,
		head + "s 0 1 5\nc 0 1\n":         `range "1"`,
		head + "s 0 1 5\nc 0 1-1 1-1":     "",
		head + "s 0 1 5\nc 0 1-1 1-1\n":   "uplink 1 is confirmed twice",
		head + strings.Repeat("9", 1<<21): "more than",
		head + "s 0 1" + strings.Repeat(" 1", 257) + "\n": "want 1 to 256",
	} {
		_, _, _, err := readLedger(strings.NewReader(text), false)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80q: error %v, want it to say %q", text, err, want)
		}
	}
}

// FuzzReadLedger: whatever is in the file, reading it ends, and what was read
// can be gone on with.
func FuzzReadLedger(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(head))
	f.Add([]byte(head + "s 0 1 100 1 1\nc 0 1-2\ns 0 4 7\n"))
	f.Add([]byte(head + "s 0 1 100 -1 1\ns 1 1 9223372036854775807 1\nc 0 1-1 3-3\nc 0 2-"))
	f.Add([]byte(head + "c 0 1-18446744073709551615\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, books, good, err := readLedger(bytes.NewReader(data), false)
		if good > int64(len(data)) {
			t.Fatalf("%d of %d bytes are good", good, len(data))
		}
		if err != nil || good == 0 {
			return
		}
		p := plan{seed: h.Seed, edges: len(h.Edges), devices: h.Devices}
		for i, b := range books {
			if b.sent != b.assigned || b.confirmed > b.sent || uint64(len(b.unconfirmed(nil, 1, b.sent))) != b.sent-b.confirmed {
				t.Fatalf("book %d: %d of %d, %d confirmed", i, b.sent, b.assigned, b.confirmed)
			}
			for seq := uint64(1); seq <= b.sent; seq++ {
				device, n := p.of(i, seq)
				p.sample(device, n, b.stamp(seq).at)
			}
		}
		// A torn tail hides nothing that was good.
		_, again, g, err := readLedger(bytes.NewReader(data[:good]), true)
		if err != nil || g != good {
			t.Fatalf("%d of %d good bytes are good: %v", g, good, err)
		}
		for i := range books {
			if again[i].confirmed != books[i].confirmed {
				t.Fatalf("%d confirmed, then %d", books[i].confirmed, again[i].confirmed)
			}
		}
	})
}
