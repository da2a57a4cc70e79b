//go:build !ingestonly

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"modellregion/internal/backup"
)

// mountDisk mounts an empty disk at a folder, as a container has its volume.
func mountDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Geteuid() == 0 && os.Getenv("CI") == "true" {
			t.Fatalf("mount a disk: %v", err)
		}
		t.Skipf("not permitted to mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// The data folder is where a disk is mounted, and cannot be renamed.
func TestRestoreOntoADisk(t *testing.T) {
	dir := t.TempDir()
	mountDisk(t, dir, "1g")
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir, "127.0.0.1:9090", "127.0.0.1:0",
		"127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:1883", "127.0.0.1:0", "127.0.0.1:8086", "127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0")
	found := filepath.Join(dir, backup.LostAndFound, "#42")
	if err := errors.Join(os.Mkdir(filepath.Dir(found), 0o700), os.WriteFile(found, []byte("found"), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, stop := serving(t, dir, "endpoints.json", cfg)
	stop()
	passwords := mustRead(t, filepath.Join(dir, "mqtt.json"))
	to := filepath.Join(t.TempDir(), "backup")
	if out, log, err := call(t, "backup", "-c", cfg, to); err != nil || strings.Contains(out, backup.LostAndFound) {
		t.Fatalf("%v\n%s%s", err, out, log)
	}

	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != backup.LostAndFound {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, log, err := call(t, "restore", "-c", cfg, to); err != nil || !strings.Contains(out, "restored to "+dir) {
		t.Fatalf("%v\n%s%s", err, out, log)
	}
	if mustRead(t, filepath.Join(dir, "mqtt.json")) != passwords || mustRead(t, found) != "found" {
		t.Error("passwords or what the disk had found are others")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".rest*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
	_, stop = serving(t, dir, "endpoints.json", cfg)
	stop()
}
