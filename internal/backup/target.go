package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A data folder is filled in two steps, so that nobody ever takes half of one for
// the whole, and within itself, since it may be a disk of its own or belong to
// somebody who can write to no folder around it. What belongs there is first made
// in the folder filling. Renaming that to filled is the moment from which on it is
// restored: it is on disk then, and whoever opens the data folder next moves the
// entries to where they belong, if that was cut off.
const (
	filling = ".restoring"
	filled  = ".restored"
)

// LostAndFound is the folder that ext4 makes at the root of a disk, for root
// alone. It is nobody's data.
const LostAndFound = "lost+found"

// Target is an empty data folder that is being filled.
type Target struct {
	dir  string
	made bool     // dir is ours
	lock *os.File // the folder filling
}

// NewTarget begins to fill a data folder that does not exist or is empty, but for
// what a process that died has left of filling it, which it removes. It ends with
// Finish or Abort.
func NewTarget(dir string) (*Target, error) {
	t := &Target{dir: dir}
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil:
		t.made = true
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if done, err := settle(dir); err != nil {
		return nil, err
	} else if done {
		return nil, fmt.Errorf("the data folder %s was restored before, and the last step of that, which was cut off, is done now: start the platform, or move the folder aside to restore another backup", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look into the data folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != filling && e.Name() != LostAndFound {
			return nil, fmt.Errorf("the data folder %s is not empty (it has %s): stop the platform and move the folder aside, as with mv %s %s.old, or what is in it, where it is a disk of its own", dir, e.Name(), dir, dir)
		}
	}
	if err := t.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder in the data folder: %w", err), t.removeMade())
	}
	return t, nil
}

// begin makes the folder to be filled, and empties one that nobody fills any more.
func (t *Target) begin() (err error) {
	if err := os.Mkdir(t.Folder(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if t.lock, err = lock(t.Folder(), unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("another process restores into %s", t.dir)
	} else if err != nil {
		return err
	}
	entries, err := os.ReadDir(t.Folder())
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(t.Folder(), e.Name())))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, t.lock.Close())
	}
	return nil
}

// Folder returns the folder in which everything is made ready.
func (t *Target) Folder() string { return filepath.Join(t.dir, filling) }

// Made reports whether there was no data folder before.
func (t *Target) Made() bool { return t.made }

// Finish makes a data folder of what was filled. After an error the data folder is
// empty as before, or whoever opens it finishes.
func (t *Target) Finish() error {
	err := syncAll(t.dir)
	if err == nil {
		err = os.Rename(t.Folder(), filepath.Join(t.dir, filled))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s to disk: %w", t.Folder(), err), t.Abort())
	}
	if err := errors.Join(syncAll(t.dir), t.lock.Close()); err != nil {
		return fmt.Errorf("write that %s is restored: %w", t.dir, err)
	}
	_, err = settle(t.dir)
	return err
}

// Abort leaves the data folder empty, or none where there was none.
func (t *Target) Abort() error {
	return errors.Join(os.RemoveAll(t.Folder()), t.lock.Close(), t.removeMade())
}

func (t *Target) removeMade() error {
	if !t.made {
		return nil
	}
	return os.Remove(t.dir)
}

// Settle is for whoever opens a data folder. It finishes what Finish was cut off
// in, and refuses a folder that is being filled, or that somebody began to fill
// and died.
func Settle(dir string) error {
	if _, err := settle(dir); err != nil {
		return err
	}
	_, err := os.Lstat(filepath.Join(dir, filling))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the data folder: %w", err)
	}
	return fmt.Errorf("a backup is being restored into %s, or that was interrupted and has to be done again: modellregion restore; to begin with nothing instead, remove %s", dir, filepath.Join(dir, filling))
}

// settle moves what was restored to where it belongs, and reports whether there
// was something to move. Several processes may do so at once.
func settle(dir string) (done bool, err error) {
	from := filepath.Join(dir, filled)
	l, err := lock(from, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("finish restoring %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) { // another one has done it
		return true, nil
	}
	if err := moveIn(from, dir); err != nil {
		return false, fmt.Errorf("finish restoring %s, move what is in %s there: %w", dir, from, err)
	}
	return true, nil
}

// moveIn moves what is in a folder to the one around it, and removes the folder
// when that is on disk.
func moveIn(from, dir string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		to := filepath.Join(dir, e.Name())
		if _, err := os.Lstat(to); err == nil {
			return fmt.Errorf("there is a %s already, of somebody else", to)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Rename(filepath.Join(from, e.Name()), to); err != nil {
			return err
		}
	}
	if err := syncAll(dir); err != nil {
		return err
	}
	if err := os.Remove(from); err != nil {
		return err
	}
	return syncAll(dir)
}

// lock opens a folder that others may lock too, and waits for them unless how says
// otherwise. Closing it, or dying, unlocks it. A link is none: root would empty the
// folder to which the user of a data folder has made it point.
func lock(dir string, how int) (*os.File, error) {
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), d.Close())
	}
	return d, nil
}
