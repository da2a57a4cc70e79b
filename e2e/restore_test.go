package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A restore is killed when all is copied and not all is ready. The platform does
// not start on that, and the same restore, done again, gives the whole.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	r := newRescued(t)
	platform := r.serve()
	r.must("backup", "-c", r.config, r.backup)
	want := r.must("devices", "list", "-c", r.config, "--json")
	platform.stop()
	if err := errors.Join(os.RemoveAll(r.data), os.Mkdir(r.data, 0o700)); err != nil {
		t.Fatal(err)
	}

	// Nobody can read a pipe until somebody writes to it: so it waits for its key.
	pipe := filepath.Join(r.dir, "kek")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	waiting := write(t, filepath.Join(r.dir, "waiting.yaml"), string(data)+"\nregistry: {kek_file: "+pipe+"}\n")
	restore := start(t, "modellregion", "restore", "-c", waiting, r.backup)
	eventually(t, "the restore waits for its key", func() bool {
		if restore.ended() {
			t.Fatalf("the restore has ended: %v\n%s", restore.err, restore.logged())
		}
		key, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil { // nobody reads
			return false
		}
		restore.kill() // before the end of the file is to be seen
		return key.Close() == nil
	})
	for _, args := range [][]string{{"serve", r.config}, {"devices", "list", "-c", r.config}, {"backup", "-c", r.config, filepath.Join(r.dir, "another")}} {
		if out, err := r.command(args...); err == nil || !strings.Contains(out, "was interrupted and has to be done again") {
			t.Errorf("%s on half the data: %v %s", args[0], err, out)
		}
	}
	entries, err := os.ReadDir(r.data)
	if err != nil || len(entries) != 1 {
		t.Errorf("the data folder has %v (%v)", entries, err)
	}

	r.must("restore", "-c", r.config, r.backup)
	r.serve()
	if got := r.must("devices", "list", "-c", r.config, "--json"); got != want || strings.Count(want, "dev_eui") < 20 {
		t.Errorf("the devices are\n%s\nand were\n%s", got, want)
	}
}
