//go:build !ingestonly

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const somebody = 4711 // a user of no name

// folderOf returns a folder that is not root's, and whose it is.
func folderOf(t *testing.T) (dir string, uid int) {
	t.Helper()
	dir = t.TempDir()
	if os.Geteuid() != 0 {
		return dir, os.Geteuid()
	}
	if err := os.Chown(dir, somebody, somebody); err != nil {
		t.Fatal(err)
	}
	return dir, somebody
}

// Root does not run the platform in the folder of another, and nobody else is
// hindered.
func TestPlatformIsNotRoots(t *testing.T) {
	theirs, uid := folderOf(t)
	for _, tc := range []struct {
		what, dir string
		euid      int
		refused   bool
	}{
		{"root in the folder of another", theirs, 0, true},
		{"its owner", theirs, uid, false},
		{"somebody else, whom the kernel hinders", theirs, uid + 1, false},
		{"root in its own", "/", 0, false},
		{"root where nothing is yet", filepath.Join(theirs, "none"), 0, false},
	} {
		err := notRoots(tc.dir, tc.euid)
		if (err != nil) != tc.refused {
			t.Errorf("%s: %v", tc.what, err)
		}
		if tc.refused && !strings.Contains(err.Error(), "sudo -u ") {
			t.Errorf("%s is not told what to do: %v", tc.what, err)
		}
	}
}

// What root's commands make in the data folder is its user's afterwards.
func TestRootHandsOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files are given away by root alone")
	}
	edges, _, dir := edgesOf(t, "  listen: 127.0.0.1:1883", withTLS)
	if err := os.Chown(dir, somebody, somebody); err != nil {
		t.Fatal(err)
	}
	out, err := edges("add", "feuerwache", "--out", filepath.Join(t.TempDir(), "edge.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	if err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		found[filepath.Base(name)] = true
		if uid, gid, _, err := belongsTo(name); err != nil || uid != somebody || gid != somebody {
			t.Errorf("%s belongs to %d:%d, %v", name, uid, gid, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !found["registry.db"] || !found["ca.key"] {
		t.Errorf("the command made %v: %s", found, out)
	}
}

// Whoever may write in the data folder cannot make root give away other files.
func TestRootFollowsNoLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files are given away by root alone")
	}
	theirs, _ := folderOf(t)
	ours := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(ours, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"ca": filepath.Dir(ours), "registry.db": ours} {
		if err := os.Symlink(to, filepath.Join(theirs, link)); err != nil {
			t.Fatal(err)
		}
		err := handOver(theirs, 0)
		for _, name := range []string{ours, filepath.Dir(ours)} {
			if uid, _, _, wrong := belongsTo(name); wrong != nil || uid != 0 {
				t.Errorf("with a link %s, %s belongs to %d: %v, %v", link, name, uid, err, wrong)
			}
		}
		if err := os.Remove(filepath.Join(theirs, link)); err != nil {
			t.Fatal(err)
		}
	}
}
