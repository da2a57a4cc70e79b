//go:build unix

package sensorthings

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock waits until nobody else holds the lock of the file. It ends with the
// file.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX) }
