// Package files publishes datasets as files: one CSV per dataset and day, the
// latest values, an index for programs and pages for people, in a folder that
// can be copied to a web server or an object store as it is.
//
// It knows names, columns and how a file is replaced without anybody seeing a
// half of it. It leaves to opendata what is in a window and when a file is out
// of date; serving asks no database.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

const (
	latestName = "latest.csv"
	indexName  = "index.json"
	pageName   = "index.html"
	styleName  = "style.css"
)

// Config is what Files works with. All of it is required.
type Config struct {
	Dir       string // files are written below its folder "data", which is created
	Datasets  []opendata.Dataset
	Reader    opendata.Reader
	Directory opendata.Directory
	Latest    *opendata.Latest
}

// Files is the folder of published files. It implements opendata.Publisher and
// http.Handler.
type Files struct {
	cfg  Config
	root *os.Root
	mu   sync.Mutex // held while files are written
}

// Open creates what is missing of the folder and describes what it holds.
func Open(cfg Config) (*Files, error) {
	dir := filepath.Join(cfg.Dir, "data")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder of public files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder of public files: %w", err)
	}
	f := &Files{cfg: cfg, root: root}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare folder of public files %s: %w", dir, err), root.Close())
	}
	return f, nil
}

func (f *Files) prepare() error {
	for i := range f.cfg.Datasets {
		if err := f.root.Mkdir(f.cfg.Datasets[i].ID, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := f.replace(styleName, style); err != nil {
		return err
	}
	return f.describe()
}

// Close lets go of the folder. No method may be used afterwards.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.root.Close()
}

// Publish writes the CSV files of the days, the latest values and the indexes.
// A file whose content would be the same is left alone with its time.
func (f *Files) Publish(ctx context.Context, d *opendata.Dataset, days []opendata.Day) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	stations := f.stations()
	if err := f.remember(stations); err != nil {
		return err
	}
	return f.publish(ctx, d, days, stations)
}

// stations returns the public stations by id.
func (f *Files) stations() map[string]devices.Station {
	stations := map[string]devices.Station{}
	for _, s := range f.cfg.Directory.Stations() {
		stations[s.ID] = s
	}
	return stations
}

func (f *Files) publish(ctx context.Context, d *opendata.Dataset, days []opendata.Day, stations map[string]devices.Station) error {
	for _, day := range days {
		rows, err := f.cfg.Reader.Windows(ctx, d.ID, time.Duration(d.Base()), day.Span(), "")
		if err != nil {
			return fmt.Errorf("read %s of dataset %s: %w", day, d.ID, err)
		}
		slices.SortFunc(rows, opendata.Compare)
		if err := f.replace(d.ID+"/"+day.String()+".csv", encode(d, rows, stations)); err != nil {
			return err
		}
	}
	if err := f.replace(d.ID+"/"+latestName, encode(d, f.cfg.Latest.Rows(d.ID), stations)); err != nil {
		return err
	}
	return f.describe()
}

// replace makes content the content of a file. Whoever reads meanwhile gets
// the old one or the new one, also after a crash.
func (f *Files) replace(name string, content []byte) error {
	if same, err := f.holds(name, content); err != nil || same {
		return err
	}
	dir, base := filepath.Split(name)
	temp := dir + "." + base + ".tmp"
	if err := f.write(temp, content); err != nil {
		return fmt.Errorf("write public file %s: %w", name, err)
	}
	if err := f.root.Rename(temp, name); err != nil {
		return fmt.Errorf("put public file %s in place: %w", name, err)
	}
	return f.syncDir(dir)
}

// holds reports whether the file has this content already.
func (f *Files) holds(name string, content []byte) (bool, error) {
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare public file: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() != int64(len(content)) {
		return false, err
	}
	old, err := io.ReadAll(file)
	if err != nil {
		return false, fmt.Errorf("compare public file %s: %w", name, err)
	}
	return bytes.Equal(old, content), nil
}

func (f *Files) write(name string, content []byte) (err error) {
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}

// syncDir makes a rename in the folder survive a crash.
func (f *Files) syncDir(dir string) error {
	if dir == "" {
		dir = "."
	}
	folder, err := f.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder of public files: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync folder of public files %s: %w", dir, err)
	}
	return nil
}
