package backup

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Format is the version of manifests that this program writes and the newest it
// reads.
const Format = 1

const (
	manifestName = "manifest.json"
	mostManifest = 2 << 30 // bytes; 200 a file
	mostErrors   = 10      // files that are named when they are not right
)

// Manifest says what a backup is.
type Manifest struct {
	Format  int            `json:"format"`
	Program string         `json:"program"` // version of the program that made it
	Began   time.Time      `json:"began"`   // what was stored before is in it
	Ended   time.Time      `json:"ended"`
	Schemas map[string]int `json:"schemas"`            // what they are of, and their version
	LeftOut []string       `json:"left_out,omitempty"` // parts that were there and were not to be in it
	Files   []File         `json:"files"`
}

// File is a file of a backup.
type File struct {
	Path     string    `json:"path"` // with slashes, within the folder
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"` // 64 lower-case hexadecimal digits
	Modified time.Time `json:"modified"`
}

// Read returns the manifest of the backup in a folder.
func Read(dir string) (*Manifest, error) {
	name := filepath.Join(dir, manifestName)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: this is no backup, or one that was interrupted", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, mostManifest))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// Parse reads a manifest and refuses one that names anything outside of its
// folder, or a file twice.
func Parse(data []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	switch {
	case m.Format > Format:
		return nil, fmt.Errorf("it is of format %d and of modellregion %.40s, this program knows format %d: use a newer program", m.Format, m.Program, Format)
	case m.Format < 1 || m.Began.IsZero():
		return nil, fmt.Errorf("it is of format %d and began at %s: this is no manifest", m.Format, m.Began.Format(time.RFC3339))
	}
	seen := make(map[string]bool, len(m.Files))
	for i := range m.Files {
		f := &m.Files[i]
		sum, err := hex.DecodeString(f.SHA256)
		switch {
		case !safe(f.Path):
			return nil, fmt.Errorf("it names %.200q, which is not within the backup", f.Path)
		case seen[f.Path]:
			return nil, fmt.Errorf("it names %.200q twice", f.Path)
		case err != nil || len(sum) != 32 || strings.ToLower(f.SHA256) != f.SHA256:
			return nil, fmt.Errorf("the SHA-256 of %.200q is %.100q, want 64 lower-case hexadecimal digits", f.Path, f.SHA256)
		case f.Bytes < 0:
			return nil, fmt.Errorf("%.200q has %d bytes", f.Path, f.Bytes)
		}
		seen[f.Path] = true
	}
	return &m, nil
}

// Bytes returns the size of all files.
func (m *Manifest) Bytes() (sum int64) {
	for i := range m.Files {
		sum += m.Files[i].Bytes
	}
	return sum
}

// Verify reads every file and returns an error that names those that are
// missing or not what they were. progress is told the size of each when it was
// read.
func (m *Manifest) Verify(ctx context.Context, dir string, progress func(bytes int64)) error {
	return m.each(ctx, dir, "", progress, func(f *File, content io.Reader) error {
		n, sum, err := copyOf(ctx, io.Discard, content)
		return errors.Join(err, f.differs(n, sum))
	})
}

// Copy writes the files below a folder of the backup to another place, which
// must not have them, and returns when they are on disk.
func (m *Manifest) Copy(ctx context.Context, dir, below, to string, progress func(bytes int64)) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	err := m.each(ctx, dir, below+"/", progress, func(f *File, content io.Reader) error {
		name := filepath.Join(to, filepath.FromSlash(strings.TrimPrefix(f.Path, below+"/")))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		n, sum, err := write(ctx, name, content, f.Modified)
		return errors.Join(err, f.differs(n, sum))
	})
	if err != nil {
		return err
	}
	return syncAll(to)
}

// each opens the files whose paths begin so.
func (m *Manifest) each(ctx context.Context, dir, prefix string, progress func(int64), do func(*File, io.Reader) error) error {
	root, err := os.OpenRoot(dir) // no link leads out of it
	if err != nil {
		return fmt.Errorf("open the backup: %w", err)
	}
	var errs []error
	for i := range m.Files {
		f := &m.Files[i]
		if !strings.HasPrefix(f.Path, prefix) {
			continue
		}
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		in, err := root.Open(filepath.FromSlash(f.Path))
		if err == nil {
			err = errors.Join(do(f, in), in.Close())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Path, err))
		}
		if len(errs) == mostErrors {
			errs = append(errs, errors.New("and perhaps more"))
			break
		}
		progress(f.Bytes)
	}
	return errors.Join(append(errs, root.Close())...)
}

func (f *File) differs(n int64, sum string) error {
	switch {
	case n != f.Bytes:
		return fmt.Errorf("it has %d bytes, and had %d when it was backed up", n, f.Bytes)
	case sum != f.SHA256:
		return errors.New("its content has changed since it was backed up")
	}
	return nil
}
