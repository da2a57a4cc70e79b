package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// belongsTo returns whose a file or folder is; ok is false when there is none.
func belongsTo(name string) (uid, gid int, ok bool, err error) {
	var s syscall.Stat_t
	switch err := syscall.Lstat(name, &s); {
	case errors.Is(err, fs.ErrNotExist):
		return 0, 0, false, nil
	case err != nil:
		return 0, 0, false, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return int(s.Uid), int(s.Gid), true, nil
}

// notRoots fails for root when the data folder is another's: the databases that a
// platform makes there as root are closed to that user for ever.
func notRoots(dir string, euid int) error {
	uid, _, ok, err := belongsTo(dir)
	if err != nil {
		return fmt.Errorf("find out whose the data folder is: %w", err)
	}
	if euid != 0 || uid == 0 || !ok {
		return nil
	}
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Errorf("the data folder %s belongs to the user %s, who could not write what root makes there: start it as that user, with sudo -u %s, or by its systemd unit", dir, name, name)
}

// handOver gives to the user whose the data folder is what commands make there as
// root: the registry, and the certificate authority. That user may not make root
// give away anything else, so no link is followed out of the folder.
func handOver(dir string, euid int) error {
	uid, gid, ok, err := belongsTo(dir)
	if err != nil {
		return fmt.Errorf("find out whose the data folder is: %w", err)
	}
	if euid != 0 || uid == 0 || !ok {
		return nil
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("look for what root has made: %w", err)
	}
	defer func() { _ = folder.Close() }() // it was only looked into
	for _, made := range []string{"registry.db", "registry.db-wal", "registry.db-shm", "ca"} {
		err := fs.WalkDir(folder.FS(), made, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return folder.Lchown(name, uid, gid)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give what root has made to the user of the data folder: %w", err)
		}
	}
	return nil
}
