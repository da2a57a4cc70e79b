package edge

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/brocaar/lorawan"
	"github.com/google/go-cmp/cmp"
)

// A copy of a database in use, and one of a stopped one, are whole. What comes
// back has everything, but neither the numbers nor the counters that were given
// out since.
func TestBackup(t *testing.T) {
	dir := testDir(t)
	before := makeTestStore(t, dir, 5, 10)
	s := openTest(t, dir)
	var live bytes.Buffer
	if err := (&Edge{store: s}).Backup(&live); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStopped(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is in use: %v", err)
	}
	commitTest(t, s, testUplinks(70, 71)) // is not in the copy
	closeTest(t, s)
	if _, err := OpenStopped(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is none: %v", err)
	}
	file, err := OpenStopped(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openStoreWithin(dir, 0); !errors.Is(err, errInUse) {
		t.Errorf("while it is copied: %v", err)
	}
	stopped, err := io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}

	for name, data := range map[string][]byte{"in use": live.Bytes(), "stopped": stopped} {
		back := testDir(t)
		if err := os.WriteFile(filepath.Join(back, "edge.db"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Revive(back); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, back)
		got, want := readAll(t, s), before
		if got.Epoch == before.Epoch {
			t.Errorf("%s: the epoch is still %s", name, got.Epoch)
		}
		want.Epoch, want.Outbox = got.Epoch, maps.Clone(before.Outbox)
		want.Sessions = map[lorawan.EUI64]string{}
		for n := range 5 {
			state := testState(n, 20)
			state.Active.NextFCntDown += leap
			state.Active.NextAFCntDown += leap
			want.Sessions[testEUI(n)] = stateRecords(t, state)
		}
		if name == "stopped" { // it has the last uplink
			want.Outbox[31] = got.Outbox[31]
		}
		if diff := cmp.Diff(want, got); diff != "" || want.Outbox[31] == "" && name == "stopped" || len(s.repairs()) > 0 {
			t.Errorf("%s, repaired %q:\n%s", name, s.repairs(), diff)
		}
		closeTest(t, s)
	}
}
