package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "modellregion"

// pkg is one package of ours; imports of our own packages are relative to the
// module, like its own path.
type pkg struct {
	name, doc, dir string
	files          []string // Go files without tests
	imports        []string
}

// packages maps paths relative to the module to packages.
type packages map[string]pkg

// root returns the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// golist runs go list at the root for a gateway's platform, where all of our
// packages build.
func golist(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm", "GOARM=7", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// load returns all packages of the module, as built with some flags.
func load(t *testing.T, flags ...string) packages {
	t.Helper()
	house := packages{}
	dec := json.NewDecoder(bytes.NewReader(golist(t, append(flags, "-e", "-json=ImportPath,Name,Doc,Dir,GoFiles,Imports", "./...")...)))
	for {
		var p struct {
			ImportPath, Name, Doc, Dir string
			GoFiles, Imports           []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(p.Imports[i], module+"/")
		}
		house[strings.TrimPrefix(p.ImportPath, module+"/")] = pkg{p.Name, p.Doc, p.Dir, p.GoFiles, p.Imports}
	}
	if len(house) < 10 {
		t.Fatalf("go list finds %d packages: the test is broken", len(house))
	}
	return house
}

// below returns the packages in dir and its folders, sorted.
func (house packages) below(dir string) []string {
	var found []string
	for path := range house {
		if within(path, dir) {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return found
}

// known reports whether there is a package at or below dir. A rule about
// one that is not there is misspelt or forgotten.
func (house packages) known(t *testing.T, dir string) bool {
	t.Helper()
	if len(house.below(dir)) > 0 {
		return true
	}
	t.Errorf("a rule names %s, and there is no such package", dir)
	return false
}

// find returns the shortest chain of imports from a package to one that is
// wanted, or nil. It follows our own packages only.
func (house packages) find(from string, wanted func(path string) bool) []string {
	via := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range house[queue[0]].imports {
			if _, seen := via[next]; seen {
				continue
			}
			via[next] = queue[0]
			if !wanted(next) {
				queue = append(queue, next) // a foreign one has no imports here
				continue
			}
			chain := []string{next}
			for at := queue[0]; at != ""; at = via[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
	}
	return nil
}

// standard lists the packages of the standard library that rules name.
var standard = []string{"net", "net/http", "database/sql", "os", "os/exec"}

// isForeign reports whether the import path of a rule is not one of ours.
// Those of other modules begin with a domain.
func isForeign(path string) bool {
	return hasDomain(path) || slices.Contains(standard, path)
}

func hasDomain(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

func TestFind(t *testing.T) {
	house := packages{
		"edge":   {imports: []string{"net", "uplink", "sync"}},
		"uplink": {imports: []string{"store", "edge"}},
		"store":  {imports: []string{"go.etcd.io/bbolt"}},
		"stored": {imports: []string{"uplink"}},
	}
	for _, tc := range []struct{ from, never, want string }{
		{"edge", "net", "edge net"},
		{"edge", "go.etcd.io/bbolt", "edge uplink store go.etcd.io/bbolt"},
		{"edge", "store", "edge uplink store"},
		{"edge", "go.etcd.io", "edge uplink store go.etcd.io/bbolt"},
		{"edge", "stor", ""},
		{"edge", "stored", ""},
		{"store", "edge", ""},
	} {
		got := strings.Join(house.find(tc.from, func(p string) bool { return within(p, tc.never) }), " ")
		if got != tc.want {
			t.Errorf("%s must not know %s: found %q, want %q", tc.from, tc.never, got, tc.want)
		}
	}
}
