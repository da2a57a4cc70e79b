package edge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"modellregion/internal/durable"
)

// errInUse is a database that another process has open.
var errInUse = errors.New("another process has it open")

const (
	lockTimeout = 5 * time.Second
	lockWait    = 50 * time.Millisecond

	// anew is what remains when a database is refused.
	anew = "put a copy of the folder aside, then start with an empty one: devices have to join again (those without a join begin at counter 0), and uplinks that the platform has not confirmed are lost"

	// usedName is the file that says that there was a database. Without it a
	// file that a check of the file system has emptied or removed would be
	// taken for a first start, and every device for one without history.
	usedName = "edge.db.used"
	usedText = "There is a database in this folder. If edge.db is missing or empty, it was lost.\n"
)

// openStore opens the database in a folder, or makes one where there never was
// any. What is damaged is repaired and told by repairs, left out and told by
// damaged, or the error.
func openStore(dir string) (*store, error) { return openStoreWithin(dir, lockTimeout) }

// openStoreWithin waits no longer than that for a process that has it open.
func openStoreWithin(dir string, wait time.Duration) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the edge's folder: %w", err)
	}
	s := &store{dir: dir}
	path := filepath.Join(dir, "edge.db")
	err := s.open(path, wait)
	if errors.Is(err, unix.ENOSPC) && s.spendReserve() {
		err = s.open(path, wait)
	}
	var d damage
	var p panicked
	if errors.As(err, &d) || errors.As(err, &p) {
		return nil, fmt.Errorf("%s is damaged: %w: %s", path, err, anew)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := durable.WriteFile(filepath.Join(dir, usedName), []byte(usedText), 0o600); err != nil {
		s.repaired = append(s.repaired, "nothing says that there is a database, should its file get lost: "+err.Error())
	}
	s.restoreReserve()
	return s, nil
}

// open opens the database and reads all of it once.
func (s *store) open(path string, wait time.Duration) error {
	used := true
	if _, err := os.Stat(filepath.Join(s.dir, usedName)); errors.Is(err, fs.ErrNotExist) {
		used = false
	}
	s.repaired = nil
	var file *os.File
	var found layout
	err := guard(func() (err error) {
		file, found, err = openFile(path, used, wait)
		if err != nil {
			return err
		}
		// No free list on disk: it is rebuilt at start and would be written
		// with every commit.
		s.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: wait, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
			OpenFile: func(string, int, fs.FileMode) (*os.File, error) { return file, nil },
		})
		if err != nil {
			return err
		}
		return s.prepare(found, used)
	})
	if err == nil {
		return nil
	}
	var p panicked
	if s.db != nil && !errors.As(err, &p) {
		err = errors.Join(err, s.db.Close())
	} else if file != nil {
		// After a panic bbolt may hold locks of its own, so that its Close
		// would wait for ever. Closing the file lets another process try.
		_ = file.Close()
	}
	if found.isNew { // the half of a first start
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// openFile opens, locks and walks the file. The lock is bbolt's own, which it
// takes a second time on the same file: nobody may write between the walk and
// that.
func openFile(path string, used bool, wait time.Duration) (_ *os.File, found layout, err error) {
	flags := os.O_RDWR
	if !used {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if used && errors.Is(err, fs.ErrNotExist) {
		return nil, found, damagef("it is missing, but %s says that it was there", usedName)
	}
	if err != nil {
		return nil, found, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err = lock(file, wait); err != nil {
		return nil, found, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, found, err
	}
	if info.Size() == 0 {
		if used {
			return nil, found, damagef("it is empty, but %s says that it was not", usedName)
		}
		return file, layout{isNew: true}, nil
	}
	if found, err = walk(file, info.Size()); err != nil {
		return nil, found, err
	}
	return file, found, nil
}

func lock(file *os.File, wait time.Duration) error {
	for end := time.Now().Add(wait); ; time.Sleep(lockWait) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("lock: %w", err)
		}
		if time.Now().After(end) {
			return errInUse
		}
	}
}

// panicked is a panic that was caught.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("bbolt cannot read it: %v", p.value) }

// guard runs fn and turns a panic into an error, also that of a fault when
// memory is read that is mapped from a file. It is the second line behind walk,
// which must have refused whatever makes bbolt panic: in a goroutine of
// bbolt's own nothing can catch it.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = panicked{p}
		}
	}()
	return fn()
}
