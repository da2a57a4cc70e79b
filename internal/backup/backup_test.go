package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var made = time.Date(2026, 11, 30, 6, 30, 0, 123456789, time.UTC)

// sample makes a backup of two files and returns its folder.
func sample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backups", "2026-11-30")
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(t.Context(), "data/open/verkehr.csv", made, strings.NewReader("a,b\n")); err != nil {
		t.Fatal(err)
	}
	err = w.Make(t.Context(), "data/registry.db", func(to string) error { return os.WriteFile(to, []byte("devices"), 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	if w.Bytes() != 11 {
		t.Errorf("%d bytes were added, want 11", w.Bytes())
	}
	if err := w.Finish(Manifest{Program: "v1.2.3", Began: made, Ended: made.Add(time.Minute), Schemas: map[string]int{"registry.db": 5}}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func nothing(int64) {}

func TestBackupAndCopy(t *testing.T) {
	dir := sample(t)
	for _, name := range []string{".", "data", "data/open"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode of %s: %v (%v)", name, info.Mode(), err)
		}
	}
	m, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var read int64
	if err := m.Verify(t.Context(), dir, func(n int64) { read += n }); err != nil || read != m.Bytes() || read != 11 {
		t.Errorf("%d bytes compared of %d: %v", read, m.Bytes(), err)
	}
	place := filepath.Join(t.TempDir(), "place")
	target, err := NewTarget(place)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Copy(t.Context(), dir, "data", target.Folder(), nothing); err != nil {
		t.Fatal(err)
	}
	if err := target.Finish(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(place, "registry.db")); string(data) != "devices" || err != nil {
		t.Errorf("it came back as %q (%v)", data, err)
	}
	info, err := os.Stat(filepath.Join(place, "open", "verkehr.csv"))
	if err != nil || !info.ModTime().Equal(made) || info.Mode().Perm() != 0o600 {
		t.Errorf("it came back of %v with mode %v (%v), want %v", info.ModTime(), info.Mode(), err, made)
	}
}

// Whatever becomes of a backup, it is not taken for whole.
func TestChanged(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(dir string) error
		want   string
	}{
		{"shortened", func(dir string) error { return os.Truncate(filepath.Join(dir, "data/registry.db"), 3) }, "data/registry.db: it has 3 bytes, and had 7"},
		{"changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "data/registry.db"), []byte("deviceS"), 0o600)
		}, "its content has changed"},
		{"gone", func(dir string) error { return os.Remove(filepath.Join(dir, "data/registry.db")) }, "no such file"},
		{"a link out of it", func(dir string) error {
			name := filepath.Join(dir, "data/registry.db")
			return errors.Join(os.Rename(name, filepath.Join(dir, "../registry.db")), os.Symlink("../../registry.db", name))
		}, "path escapes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := sample(t)
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
			m, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Verify(t.Context(), dir, nothing); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Verify: %v, want %q", err, test.want)
			}
			if err := m.Copy(t.Context(), dir, "data", t.TempDir(), nothing); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Copy: %v, want %q", err, test.want)
			}
		})
	}
}

func TestCreateWantsAnEmptyFolder(t *testing.T) {
	dir := sample(t)
	if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a backup was begun in another: %v", err)
	}
}

// smallDisk returns the root of a disk of its own with room for 64 kB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		if os.Geteuid() == 0 && os.Getenv("CI") == "true" {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("not permitted to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that is full in the middle.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	w, err := Create(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	err = w.Add(t.Context(), "data/big", made, strings.NewReader(strings.Repeat("x", 100<<10)))
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "back up data/big: ") {
		t.Errorf("error %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v (%v)", entries, err)
	}
}

// A backup that is not finished has no manifest, and Abort leaves nothing of it.
func TestUnfinished(t *testing.T) {
	for _, there := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "x")
		if there {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		w, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Add(over, "data/a", made, strings.NewReader("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("after an interrupt: %v", err)
		}
		for _, name := range []string{"../a", "/a", ".", "data/../a", "manifest.json"} {
			if err := w.Add(t.Context(), name, made, strings.NewReader("a")); err == nil {
				t.Errorf("%s was added", name)
			}
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("it is read: %v", err)
		}
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if len(entries) > 0 || there != (err == nil) || !there && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left: %v (%v)", entries, err)
		}
	}
}
