package edge

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A list in a file is taken when it is new and good; what is wrong with it is
// logged once.
func TestListFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "devices.json")
	var log bytes.Buffer
	var lists []string
	f := listFile{
		path: path, log: slog.New(slog.NewTextHandler(&log, nil)),
		hand: func(list []byte) { lists = append(lists, string(list)) },
	}
	fixed := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, fixed, fixed); err != nil {
			t.Fatal(err)
		}
	}
	list := func(version int) string { return fmt.Sprintf(`{"v":1,"version":%d}`, version) }
	for _, step := range []struct {
		name string
		do   func()
		list string // that is taken; empty: none
		log  string // that is told; empty: nothing
	}{
		{"missing", func() {}, "", "no such file"},
		{"there", func() { write(list(1)) }, list(1), "can be used again"},
		{"twice within one tick of the file system", func() {
			write(list(10))
			f.look()
			write(list(20))
		}, list(10) + " " + list(20), ""},
		{"torn", func() { write(list(20)[:9]) }, "", "unexpected end"},
		{"of another version", func() { write(`{"v":9}`) }, "", "v=9, want 1"},
		{"empty", func() { write("") }, "", "unexpected end"},
		{"the last good one again", func() { write(list(20)) }, "", "can be used again"},
		{"touched", func() {
			if err := os.Chtimes(path, fixed, fixed.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}, "", ""},
		{"replaced", func() {
			path += ".new"
			write(list(3))
			path = strings.TrimSuffix(path, ".new")
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, list(3), ""},
		{"a folder", func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", "no file"},
		{"gone", func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "", "no such file"},
		{"back as it was", func() { write(list(3)) }, "", "can be used again"},
		{"changed", func() { write(list(40)) }, list(40), ""},
	} {
		log.Reset()
		lists = nil
		step.do()
		for range 5 {
			f.look()
		}
		if got := strings.Join(lists, " "); got != step.list {
			t.Errorf("%s: took %q, want %q", step.name, got, step.list)
		}
		if told := log.String(); strings.Count(told, "\n") != min(len(step.log), 1) || !strings.Contains(told, step.log) {
			t.Errorf("%s: log %q, want one line with %q", step.name, told, step.log)
		}
	}
	// What looks the same for long is not read again.
	if data, err := f.read(); data != nil || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
}
