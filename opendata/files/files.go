// Package files publishes datasets as files: for each window one set of files
// a day and a month, the latest values, descriptions for programs and pages for
// people, in a folder that can be copied to a web server or an object store as
// it is.
//
// It knows names, formats, columns, revisions and how a file is replaced
// without anybody seeing a half of it. It leaves to opendata what is in a
// window and when a file is out of date; serving asks no database. Names and
// limits are in docs/adr/0021-files.md.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modellregion/opendata"
)

const (
	latestName = "latest"
	indexName  = "index.json"
	pageName   = "index.html"
	styleName  = "style.css"
)

// Config is what Files works with. All of it but Settled is required.
type Config struct {
	Dir       string // files are written below its folder "data", which is created
	Datasets  []opendata.Dataset
	Reader    opendata.Reader // a Streamer, if it can be
	Directory opendata.Directory
	Latest    *opendata.Latest

	// Settled is how long after the end of a day or month its files cannot
	// change any more: the retention of raw data and two days. From then on they
	// are served as immutable (RFC 8246). Zero: never.
	Settled time.Duration
}

// Files is the folder of published files. It implements opendata.Publisher and
// http.Handler.
type Files struct {
	cfg   Config
	root  *os.Root
	cache cache
	tally tally
	packs packers

	fault    func(step, name string) error // of tests, see may
	mostRows int                           // of tests, see limit

	mu   sync.Mutex // held while files are written
	sets map[string]*set

	listing sync.Mutex
	listed  map[string]Published // by dataset, what Published tells
}

// Open creates what is missing of the folder, takes away what a crash left
// half written, and describes what the folder holds.
func Open(cfg Config) (*Files, error) {
	dir := filepath.Join(cfg.Dir, "data")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder of public files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder of public files: %w", err)
	}
	f := &Files{cfg: cfg, root: root, sets: map[string]*set{}}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare folder of public files %s: %w", dir, err), root.Close())
	}
	return f, nil
}

func (f *Files) prepare() error {
	if err := f.sweep("."); err != nil {
		return err
	}
	for i := range f.cfg.Datasets {
		d := &f.cfg.Datasets[i]
		if err := f.mkdir(d.ID); err != nil {
			return err
		}
		s, err := f.load(d)
		if err != nil {
			return err
		}
		f.sets[d.ID] = s
	}
	if err := f.replace(styleName, style); err != nil {
		return err
	}
	for _, s := range f.sets {
		if err := f.describe(s); err != nil {
			return err
		}
	}
	return f.describeAll()
}

func (f *Files) mkdir(name string) error {
	if err := f.root.MkdirAll(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create folder of public files: %w", err)
	}
	return nil
}

// Close lets go of the folder. No method may be used afterwards.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cache.clear()
	return f.root.Close()
}

// Publish writes the files of the days in all windows, the latest values, the
// months of days that are over, and the descriptions. Files whose rows would be
// the same are left alone with their times.
//
// A day that is still running and takes long to write is written less often
// than it is published; what is left is done by a later Publish or Retract, also
// after a restart.
func (f *Files) Publish(ctx context.Context, d *opendata.Dataset, days []opendata.Day) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sets[d.ID]
	if s == nil {
		return fmt.Errorf("dataset %s is not one of the files", d.ID)
	}
	if err := f.remember(); err != nil {
		return err
	}
	for _, day := range days {
		s.owed[day] = true
	}
	return f.settle(ctx, s, true)
}
