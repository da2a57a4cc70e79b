package household

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modellregion/internal/durable"
)

// Remade reports whether a file of the private folder, by its path within it,
// need not be in a backup. That a day was published is such a thing: without
// that note it is published once more, the same.
func Remade(name string) bool {
	return strings.HasSuffix(name, ".published") || strings.HasSuffix(name, ".new")
}

func restoredPath(dir string) string { return filepath.Join(dir, "restored") }

// Restored notes in a private folder that it came back from a backup at that
// time. What was decided between the two is lost with the disk, but the public
// may have it. So a day that was due by then and is not in the folder is never
// decided: of a second decision, with readings that came later or are lost, the
// difference tells.
func Restored(dir string, at time.Time) error {
	return durable.WriteFile(restoredPath(dir), []byte(at.UTC().Format(time.RFC3339)+"\n"), 0o600)
}

// readRestored returns when a folder came back from a backup last, or the zero
// time.
func readRestored(dir string) (time.Time, error) {
	data, err := os.ReadFile(restoredPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when it came back from a backup: %w", err)
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(data)))
	if err != nil {
		return time.Time{}, fmt.Errorf("read when it came back from a backup in %s: %w", restoredPath(dir), err)
	}
	return at, nil
}
