package edge

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// mountDisk mounts a small file system of its own in memory.
func mountDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, unix.EPERM) {
		t.Skip("needs the right to mount a tmpfs")
	}
	if err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk takes all room that is left and returns the path of the file that
// has it.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) || f.Close() != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// commitUntilFull commits until the disk refuses, and checks that nothing of
// what was refused is there.
func commitUntilFull(t *testing.T, s *store, want error) {
	t.Helper()
	for n := range 1000 {
		before := *s.ledger.Load()
		err := s.commit(testUplinks(n*100, n*100+100))
		if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), want.Error()) { // bbolt does not always wrap it
			t.Fatalf("error %v, want %v", err, want)
		}
		if diff := cmp.Diff(before, *s.ledger.Load(), cmp.AllowUnexported(ledger{}, tally{})); diff != "" {
			t.Errorf("after a commit that failed: %s", diff)
		}
		readAll(t, s)
		return
	}
	t.Fatal("100,000 uplinks did not fill the disk")
}

// TestReserve: the reserve makes room once, and is made again only when there
// is much more than it takes.
func TestReserve(t *testing.T) {
	dir := mountDisk(t, "size=32m")
	s := openTest(t, dir)
	var stat unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "reserve"), &stat); err != nil || stat.Blocks*512 < reserveSize {
		t.Fatalf("the reserve has %d blocks (%v)", stat.Blocks, err)
	}
	commitTest(t, s, testUplinks(0, 10))
	ballast := fillDisk(t, dir)
	commitUntilFull(t, s, unix.ENOSPC)
	if !s.spendReserve() {
		t.Error("the reserve made no room")
	}
	commitTest(t, s, &group{dropped: []uint64{1, 2, 3}})
	if s.spendReserve() {
		t.Error("the reserve was there twice")
	}
	s.restoreReserve()
	if _, err := os.Stat(filepath.Join(dir, "reserve")); err == nil {
		t.Error("the reserve was made on a disk that is nearly full")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.restoreReserve()
		if info, err := os.Stat(filepath.Join(dir, "reserve")); err != nil || info.Size() != reserveSize {
			t.Errorf("the reserve is %v (%v)", info, err)
		}
	}
	// With a full disk the program starts all the same.
	want := readAll(t, s)
	fillDisk(t, dir)
	commitUntilFull(t, s, unix.ENOSPC)
	closeTest(t, s)
	s = openTest(t, dir)
	defer closeTest(t, s)
	if got := readAll(t, s); len(want.Outbox) < 7 || len(got.Outbox) < len(want.Outbox) || s.droppedTotal() != 3 {
		t.Errorf("%d uplinks after the next start, %d before; %d given up", len(got.Outbox), len(want.Outbox), s.droppedTotal())
	}
}

// TestFirstStartOnAFullDisk: there is an error, and no half database remains
// that the next start would refuse.
func TestFirstStartOnAFullDisk(t *testing.T) {
	for pages := range int64(8) {
		dir := mountDisk(t, "size=1m")
		ballast := fillDisk(t, dir)
		info, err := os.Stat(ballast)
		if err == nil {
			err = os.Truncate(ballast, info.Size()-pages*4096)
		}
		if err != nil {
			t.Fatal(err)
		}
		if s, err := openStore(dir); err == nil {
			if pages < 4 {
				t.Errorf("a database of %d pages", pages)
			}
			closeTest(t, s)
		} else if !errors.Is(err, unix.ENOSPC) {
			t.Errorf("with %d pages: error %v, want that the disk is full", pages, err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		closeTest(t, openTest(t, dir))
	}
}

func TestReadOnlyDisk(t *testing.T) {
	dir := mountDisk(t, "size=8m")
	makeTestStore(t, dir, 5, 10)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(dir); !errors.Is(err, unix.EROFS) {
		t.Errorf("error %v, want that the disk is read-only", err)
	}
}

// TestFileTooLarge is a disk that refuses for those who may not mount one: the
// same happens at the same places.
func TestFileTooLarge(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	dir := testDir(t)
	s := openTest(t, dir)
	commitTest(t, s, testUplinks(0, 1000))
	limited := old
	limited.Cur = 1 << 20
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal(err)
	}
	commitUntilFull(t, s, unix.EFBIG)
	commitTest(t, s, &group{confirmed: []uint64{1, 2, 3}}) // pages in the middle are free
	want := readAll(t, s)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s = openTest(t, dir)
	defer closeTest(t, s)
	if diff := cmp.Diff(want, readAll(t, s)); diff != "" {
		t.Error(diff)
	}
	commitTest(t, s, testUplinks(0, 4000))
}
