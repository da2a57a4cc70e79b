// Package backup keeps copies of files in a folder, and a manifest that says
// which they are.
//
// It knows how a copy gets onto the disk and back into a data folder, how it is
// told from a changed or unfinished one, and that nothing outside the folder is
// ever read or written. It leaves to its callers which files there are and what
// is in them. The manifest is written last: a folder without one is no backup.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"modellregion/internal/durable"
)

// Writer fills the folder of a backup.
type Writer struct {
	dir   string
	made  bool // dir is ours
	files []File
	bytes int64
}

// Create begins a backup in a folder that does not exist or is empty. It ends
// with Finish or Abort.
func Create(dir string) (*Writer, error) {
	w := &Writer{dir: dir}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of the backup: %w", err)
		}
		w.made = true
	case err != nil:
		return nil, fmt.Errorf("look into the folder of the backup: %w", err)
	case len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty (it has %s): want a new folder for each backup, like %s", dir, entries[0].Name(),
			filepath.Join(dir, time.Now().Format(time.DateOnly)))
	}
	return w, nil
}

// Add copies content to a path within the backup, for its owner alone, and
// gives it that time of modification.
func (w *Writer) Add(ctx context.Context, name string, modified time.Time, content io.Reader) error {
	f := File{Path: name, Modified: modified.UTC()}
	return w.add(&f, func(to string) (err error) {
		f.Bytes, f.SHA256, err = write(ctx, to, content, modified)
		return err
	})
}

// Make has a file made at a path within the backup, and takes it as it is then.
func (w *Writer) Make(ctx context.Context, name string, do func(to string) error) error {
	f := File{Path: name, Modified: time.Now().UTC()}
	return w.add(&f, func(to string) error {
		if err := do(to); err != nil {
			return err
		}
		made, err := os.Open(to)
		if err != nil {
			return err
		}
		f.Bytes, f.SHA256, err = copyOf(ctx, io.Discard, made)
		return errors.Join(err, made.Close())
	})
}

func (w *Writer) add(f *File, do func(to string) error) error {
	if !safe(f.Path) {
		return fmt.Errorf("back up %q: want a path within the backup", f.Path)
	}
	to := filepath.Join(w.dir, filepath.FromSlash(f.Path))
	err := os.MkdirAll(filepath.Dir(to), 0o700)
	if err == nil {
		err = do(to)
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w", f.Path, err)
	}
	w.files, w.bytes = append(w.files, *f), w.bytes+f.Bytes
	return nil
}

// Bytes returns how much was added.
func (w *Writer) Bytes() int64 { return w.bytes }

// Finish waits until everything is on disk and then writes the manifest, which
// makes a backup of it. The files are those that were added.
func (w *Writer) Finish(m Manifest) error {
	m.Format, m.Files = Format, w.files
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := syncAll(w.dir); err != nil {
		return fmt.Errorf("write the backup to disk: %w", err)
	}
	return durable.WriteFile(filepath.Join(w.dir, manifestName), append(data, '\n'), 0o600)
}

// Abort removes what was written: a part of a backup helps nobody and takes the
// room of the next.
func (w *Writer) Abort() error {
	entries, err := os.ReadDir(w.dir)
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(w.dir, e.Name())))
	}
	if w.made {
		errs = append(errs, os.Remove(w.dir))
	}
	return errors.Join(errs...)
}

// write makes a file of content and returns its size and hash.
func write(ctx context.Context, to string, content io.Reader, modified time.Time) (n int64, sum string, err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	n, sum, err = copyOf(ctx, f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, "", err
	}
	return n, sum, os.Chtimes(to, modified, modified)
}

// copyOf copies and returns size and hash.
func copyOf(ctx context.Context, to io.Writer, content io.Reader) (n int64, sum string, err error) {
	hash := sha256.New()
	n, err = io.Copy(io.MultiWriter(to, hash), reader{ctx, content})
	return n, hex.EncodeToString(hash.Sum(nil)), err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// syncAll writes the file system of a folder to disk: one call, where a sync of
// each of a million public files would take an hour.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

// safe reports whether a path, with slashes, stays in the folder of a backup
// and is written in the one way there is.
func safe(name string) bool {
	return name != "." && name != manifestName && path.Clean(name) == name && filepath.IsLocal(filepath.FromSlash(name))
}
