//go:build !ingestonly

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"modellregion/internal/backup"
)

// A new kind of file in the data folder must not be forgotten: whoever makes one
// says in keepingOf what becomes of it in a backup.
func TestEveryFileIsAccountedFor(t *testing.T) {
	dir := t.TempDir()
	if _, log, err := call(t, "demo", "--data-dir", dir, "--sensors", "10", "--no-homes", "--speed", "3600", "--for", "1s",
		"--http", "127.0.0.1:0", "--internal", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--influx", "127.0.0.1:0", "--udp", "127.0.0.1:0"); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	seen := map[keeping]int{}
	err := walkData(dir, func(name, _ string, info fs.FileInfo) error {
		kept, known := keepingOf(name)
		if !known || !info.Mode().IsRegular() {
			t.Errorf("%s: is it in a backup, and if not, why?", name)
		}
		seen[kept]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for k := copied; k <= remade; k++ {
		if seen[k] == 0 && k != ofHouseholds {
			t.Errorf("no file is of the kind %s: the test shows little", k)
		}
	}
}

func TestKeepingOf(t *testing.T) {
	for name, want := range map[string]keeping{
		"registry.db": database, "registry.db-wal": remade, "feedback.db": database, "feedback.db-shm": remade,
		"mqtt.json": copied, "mqtt.json.12.new": remade, "ca/ca.key": copied, "influx.json": remade, "endpoints-public.json": remade,
		"households/stromverbrauch/days/2026-11-01.json": ofHouseholds, "households/stromverbrauch/days/2026-11-01.published": remade,
		"households/stromverbrauch/members/2026/dorf.json": ofHouseholds, "households/restored": ofHouseholds,
		"influx/meta/meta.db": ofInflux, "edge/edge.db": ofEdge, "edge/reserve": remade,
		"open/data/.stations": public, "open/data/verkehr/.latest.csv.tmp": remade, "open/sensorthings.ids": public,
	} {
		if got, known := keepingOf(name); got != want || !known {
			t.Errorf("%s: %s, known %t; want %s", name, got, known, want)
		}
	}
	if got, known := keepingOf("kek"); got != copied || known {
		t.Errorf("an unknown file: %s, known %t", got, known)
	}
}

// Without a platform that runs, with what an operator has put there, and into a
// folder that root or another user has made.
func TestBackupAndRestoreStopped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	kek := filepath.Join(t.TempDir(), "kek")
	own := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir+"\nprofiles: "+own, "127.0.0.1:9090", "127.0.0.1:0",
		"127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:1883", "127.0.0.1:0", "127.0.0.1:8086", "127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0")
	if err := os.WriteFile(kek, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	data := mustRead(t, cfg) + "\nregistry: {kek_file: " + kek + "}\n"
	if err := os.WriteFile(cfg, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop := serving(t, dir, "endpoints.json", cfg)
	stop()
	for name, text := range map[string]string{filepath.Join(dir, "note.txt"): "von Hand", filepath.Join(own, "README"): "Profile"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	to := filepath.Join(t.TempDir(), "backup")
	out, log, err := call(t, "backup", "-c", cfg, to)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, want := range []string{"backed up to " + to, "without knowing what it is: " + filepath.Join(dir, "note.txt"), "not in this backup: " + kek} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if text := mustRead(t, filepath.Join(to, "config", "region.yaml")); text != data {
		t.Error("the configuration is another")
	}
	if _, err := os.Stat(filepath.Join(to, "config", "profiles", "README")); err != nil {
		t.Error(err)
	}
	m, err := backup.Read(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data/registry.db", "data/mqtt.json", "data/influx/meta/meta.db", "data/influx/logins.json", "data/edge/edge.db", "data/note.txt"} {
		if !slices.ContainsFunc(m.Files, func(f backup.File) bool { return f.Path == name }) {
			t.Errorf("%s is not in it", name)
		}
	}
	for _, refused := range []struct{ want, at string }{
		{"is not empty", to}, {"is in the data folder", filepath.Join(dir, "backup")},
	} {
		if _, _, err := call(t, "backup", "-c", cfg, refused.at); err == nil || !strings.Contains(err.Error(), refused.want) {
			t.Errorf("backup to %s: %v, want %q", refused.at, err, refused.want)
		}
	}
	if _, _, err := call(t, "restore", "-c", cfg, to); err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), "mv ") {
		t.Errorf("restore over data: %v", err)
	}
	passwords := mustRead(t, filepath.Join(dir, "mqtt.json"))
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(kek); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, "restore", "-c", cfg, to); err == nil || !strings.Contains(err.Error(), kek) {
		t.Errorf("restore without the key of the keys: %v", err)
	}
	if err := os.WriteFile(kek, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, log, err := call(t, "restore", "-c", cfg, to); err != nil || !strings.Contains(out, "restored to "+dir) {
		t.Fatalf("%v\n%s%s", err, out, log)
	}
	if left, err := filepath.Glob(dir + ".restore*"); err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
	if mustRead(t, filepath.Join(dir, "mqtt.json")) != passwords || mustRead(t, filepath.Join(dir, "note.txt")) != "von Hand" {
		t.Error("passwords or the note are others")
	}
	_, stop = serving(t, dir, "endpoints.json", cfg)
	stop()
}

// What a newer program has backed up is not for this one.
func TestRestoreRefusesNewerSchemas(t *testing.T) {
	for name, version := range map[string]int{"registry.db": 1000, "feedback.db": 1000, "edge": 1000, "households": 1000, "something new": 1} {
		m := &backup.Manifest{Program: "v9.0.0", Schemas: map[string]int{name: version}}
		if err := knownSchemas(m); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has version %d", version)) || !strings.Contains(err.Error(), "use modellregion v9.0.0") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := knownSchemas(&backup.Manifest{Schemas: map[string]int{"registry.db": 1}}); err != nil {
		t.Error(err)
	}
}

// A disk that is too small is found out before anything is written to it.
func TestBackupWantsRoom(t *testing.T) {
	dir := t.TempDir()
	mountDisk(t, dir, "64k")
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "note"), make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+data)
	if _, _, err := call(t, "backup", "-c", cfg, filepath.Join(dir, "b")); err == nil || !strings.Contains(err.Error(), "are to be written") {
		t.Errorf("backup to a disk that is too small: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v (%v)", entries, err)
	}
}
