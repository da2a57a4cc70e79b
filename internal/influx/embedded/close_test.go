package embedded

import (
	"errors"
	"io"
	"testing"
	"time"
)

// Close ends a backup, and none begins afterwards.
func TestCloseEndsABackup(t *testing.T) {
	s, err := Start(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	free := func() func() { return func() {} }
	begun, result := make(chan struct{}), make(chan error)
	go func() {
		files := 0
		result <- s.Backup(t.Context(), free, func(string, int64, time.Time, io.Reader) error {
			if files++; files == 1 {
				close(begun)
				<-s.closing.Done()
			}
			return nil
		})
	}()
	<-begun
	if err := s.Backup(t.Context(), free, nil); err == nil {
		t.Error("two backups at the same time")
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	if err := <-result; !errors.Is(err, errStopping) {
		t.Errorf("the backup ended with %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := s.Backup(t.Context(), free, nil); err == nil {
		t.Error("a backup of a closed database")
	}
}
