package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// put writes a file and the folders above it.
func put(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// in returns the names of what is in a folder, but for those of the file system.
func in(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != LostAndFound {
			names = append(names, e.Name())
		}
	}
	return names
}

// A data folder may be new, empty or the root of a disk, which cannot be renamed.
func TestTarget(t *testing.T) {
	for _, test := range []struct {
		name string
		dir  func(t *testing.T) string
		made bool
	}{
		{"new", func(t *testing.T) string { return filepath.Join(t.TempDir(), "data") }, true},
		{"empty", func(t *testing.T) string { return t.TempDir() }, false},
		{"a disk", func(t *testing.T) string {
			dir := smallDisk(t)
			if err := os.Mkdir(filepath.Join(dir, LostAndFound), 0o700); err != nil {
				t.Fatal(err)
			}
			return dir
		}, false},
	} {
		for _, abort := range []bool{true, false} {
			t.Run(test.name, func(t *testing.T) {
				dir := test.dir(t)
				target, err := NewTarget(dir)
				if err != nil {
					t.Fatal(err)
				}
				if target.Made() != test.made {
					t.Errorf("made %t, want %t", target.Made(), test.made)
				}
				put(t, filepath.Join(target.Folder(), "ca", "ca.key"), "key")
				put(t, filepath.Join(target.Folder(), "mqtt.json"), "{}")
				if err := Settle(dir); err == nil || !strings.Contains(err.Error(), "is being restored") {
					t.Errorf("it can be opened while it is filled: %v", err)
				}
				if _, err := NewTarget(dir); err == nil || !strings.Contains(err.Error(), "another process restores") {
					t.Errorf("it is filled twice: %v", err)
				}
				if abort {
					if err := target.Abort(); err != nil {
						t.Fatal(err)
					}
					if _, err := os.Stat(dir); test.made != errors.Is(err, fs.ErrNotExist) || !test.made && len(in(t, dir)) > 0 {
						t.Errorf("after Abort: %v", err)
					}
					return
				}
				if err := target.Finish(); err != nil {
					t.Fatal(err)
				}
				if got := in(t, dir); !slices.Equal(got, []string{"ca", "mqtt.json"}) {
					t.Errorf("it has %q", got)
				}
				if err := Settle(dir); err != nil {
					t.Error(err)
				}
				if _, err := NewTarget(dir); err == nil || !strings.Contains(err.Error(), "is not empty (it has ca)") {
					t.Errorf("it is filled again: %v", err)
				}
			})
		}
	}
}

// What a process leaves that dies while it fills is never opened, and the next one
// begins anew.
func TestDeadWhileFilling(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, filling, "registry.db"), "half")
	if err := Settle(dir); err == nil || !strings.Contains(err.Error(), "has to be done again") {
		t.Errorf("it is opened: %v", err)
	}
	target, err := NewTarget(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := in(t, target.Folder()); len(got) > 0 {
		t.Errorf("%q is left", got)
	}
	put(t, filepath.Join(target.Folder(), "mqtt.json"), "{}")
	if err := errors.Join(target.Finish(), Settle(dir)); err != nil {
		t.Error(err)
	}
	if got := in(t, dir); !slices.Equal(got, []string{"mqtt.json"}) {
		t.Errorf("it has %q", got)
	}
}

// Whatever is moved already when a process dies, whoever opens the folder moves the
// rest.
func TestDeadWhileMoving(t *testing.T) {
	files := []string{"ca/ca.key", "edge/edge.db", "mqtt.json", "registry.db"}
	for moved := range len(files) + 1 {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, filled), 0o700); err != nil {
			t.Fatal(err)
		}
		for i, name := range files {
			if i >= moved {
				name = filepath.Join(filled, name)
			}
			put(t, filepath.Join(dir, name), "of the backup")
		}
		if moved%2 == 0 {
			if _, err := NewTarget(dir); err == nil || !strings.Contains(err.Error(), "is done now") {
				t.Errorf("after %d: it can be filled: %v", moved, err)
			}
		}
		if err := errors.Join(Settle(dir), Settle(dir)); err != nil {
			t.Errorf("after %d: %v", moved, err)
		}
		for _, name := range files {
			if data, err := os.ReadFile(filepath.Join(dir, name)); string(data) != "of the backup" || err != nil {
				t.Errorf("after %d: %s has %q (%v)", moved, name, data, err)
			}
		}
		if got := in(t, dir); len(got) != len(files) {
			t.Errorf("after %d it has %q", moved, got)
		}
	}
}

// Nothing is overwritten: a folder in which an older program has begun anew stays
// as it is, and closed.
func TestMovingOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, filled, "ca/ca.key"), "of the backup")
	put(t, filepath.Join(dir, filled, "registry.db"), "of the backup")
	put(t, filepath.Join(dir, "registry.db"), "new")
	for range 2 {
		if err := Settle(dir); err == nil || !strings.Contains(err.Error(), "there is a "+filepath.Join(dir, "registry.db")+" already") {
			t.Errorf("error %v", err)
		}
	}
	for name, want := range map[string]string{"ca/ca.key": "of the backup", "registry.db": "new", filled + "/registry.db": "of the backup"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); string(data) != want || err != nil {
			t.Errorf("%s has %q (%v), want %q", name, data, err, want)
		}
	}
	if err := os.Remove(filepath.Join(dir, "registry.db")); err != nil {
		t.Fatal(err)
	}
	if err := Settle(dir); err != nil {
		t.Error(err)
	}
}

// Root restores into folders of others, and follows no link that these have made.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, name := range []string{filling, filled} {
		dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "precious")
		put(t, elsewhere, "text")
		if err := os.Symlink(filepath.Dir(elsewhere), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := Settle(dir); err == nil {
			t.Errorf("%s: the folder is opened", name)
		}
		if _, err := NewTarget(dir); err == nil {
			t.Errorf("%s: the folder is filled", name)
		}
		if data, err := os.ReadFile(elsewhere); string(data) != "text" || err != nil {
			t.Errorf("%s: what it points to has %q (%v)", name, data, err)
		}
	}
}

// Of many who open it at once, each finds all of it.
func TestSettleAtOnce(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		put(t, filepath.Join(dir, filled, name), name)
	}
	errs := make(chan error)
	for range 8 {
		go func() {
			err := Settle(dir)
			for _, name := range names {
				_, missing := os.Stat(filepath.Join(dir, name))
				err = errors.Join(err, missing)
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
