package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modellregion/internal/commandlines"
)

// TestCommandLinesInDocuments: the program takes every command line that our
// documents show. Each gets a configuration that there is not, so that nothing
// runs, and that is what it has to complain of.
func TestCommandLinesInDocuments(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	found := 0
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/handbuch/*.md", "../../docs/handbook/*.md", "../../deploy/*.md", "../../deploy/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range commandlines.Markdown(string(text), "edge-gateway") {
				found++
				args, config := []string{}, false
				for _, arg := range line.Args {
					if strings.HasSuffix(arg, ".yaml") {
						arg, config = missing, true
					}
					args = append(args, arg)
				}
				err := run(t.Context(), args, io.Discard, io.Discard)
				if config && !errors.Is(err, fs.ErrNotExist) || !config && err != nil {
					t.Errorf("%s:%d: edge-gateway %q: %v", file, line.Number, line.Args, err)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("found %d command lines: the test is broken", found)
	}
}
