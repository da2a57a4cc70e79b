//go:build !ingestonly

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modellregion/internal/commandlines"
)

// documents are what people copy command lines from.
var documents = []string{"../../*.md", "../../docs/*.md", "../../docs/handbuch/*.md", "../../docs/handbook/*.md", "../../deploy/*.md", "../../deploy/*/*.md"}

// parses reports whether the program takes a command line. It runs nothing. What
// stands for something else in documents is put in its place: "…" for more of the
// same, DEVEUI for a device, and the checkouts of the repositories of profiles.
func parses(t *testing.T, line []string) error {
	t.Helper()
	var args []string
	for i, arg := range line {
		switch {
		case arg == "…" && (i == 0 || !strings.HasPrefix(line[i-1], "-")):
			continue
		case arg == "DEVEUI":
			arg = "70b3d57ed005f1a0"
		case arg == "lorawan-devices" || arg == "lorawan-device-profiles":
			arg = os.TempDir()
		}
		args = append(args, arg)
	}
	_, _, err := parse(t.Context(), args, io.Discard, io.Discard)
	return err
}

// TestCommandLinesInDocuments: the program takes every command line that our
// documents show.
func TestCommandLinesInDocuments(t *testing.T) {
	t.Setenv("MODELLREGION_CONFIG", example) // the handbook exports it once
	tried := map[string]bool{}
	for _, pattern := range documents {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range commandlines.Markdown(string(text), "modellregion") {
				if name := fmt.Sprintf("%q", line.Args); !tried[name] {
					tried[name] = true
					if err := parses(t, line.Args); err != nil {
						t.Errorf("%s:%d: modellregion %s: %v", file, line.Number, name, err)
					}
				}
			}
		}
	}
	if len(tried) < 50 {
		t.Errorf("found %d command lines: the test is broken", len(tried))
	}
}
