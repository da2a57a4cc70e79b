package edge

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserveSize is how many bytes are kept aside for the time when the disk is
// full: deleting what is stored by now takes a few pages first.
const reserveSize = 4 << 20

// reserveRoom is how many bytes have to be free before the reserve is made. It
// must not take the room that its own deletion has made.
const reserveRoom = 4 * reserveSize

func (s *store) reservePath() string { return filepath.Join(s.dir, "reserve") }

// spendReserve deletes the reserve and reports whether that made room on the
// disk.
func (s *store) spendReserve() bool {
	if err := os.Remove(s.reservePath()); err != nil {
		return false
	}
	return syncDir(s.dir) == nil // a file system may free the blocks only then
}

// restoreReserve makes the reserve if it is not there and the disk has room.
// That it cannot be made is no fault: the disk says so itself when it matters.
func (s *store) restoreReserve() {
	if info, err := os.Stat(s.reservePath()); err == nil && info.Size() == reserveSize {
		return
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil || int64(disk.Bavail)*int64(disk.Bsize) < reserveRoom {
		return
	}
	if err := writeReserve(s.reservePath()); err != nil {
		_ = os.Remove(s.reservePath()) // what is there of it helps nobody
	}
}

// writeReserve writes bytes that no file system can leave out or make smaller.
func writeReserve(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("make the reserve: %w", err)
	}
	block := make([]byte, 64<<10)
	for n := 0; err == nil && n < reserveSize; n += len(block) {
		if _, err = rand.Read(block); err == nil {
			_, err = f.Write(block)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
