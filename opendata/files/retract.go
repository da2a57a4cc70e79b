package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modellregion/opendata"
)

// stationsName is the file with the ids of all stations that the files may
// name, a line each. Names that begin with a dot are not served.
const stationsName = ".stations"

// Retract writes all files of all days, months and windows anew when a station
// that they may name is public no more, and returns when it is gone from every
// one, compressed siblings included. A dataset that the region has no more
// cannot be written anew: its folder is moved out of the public one then.
//
// Being called often, it also writes what Publish left for later.
func (f *Files) Retract(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	named, err := f.named()
	if err != nil {
		return err
	}
	public := f.public()
	gone := slices.ContainsFunc(slices.Collect(maps.Keys(named)), func(id string) bool { return !public[id] })
	for i := range f.cfg.Datasets {
		s := f.sets[f.cfg.Datasets[i].ID]
		switch {
		case gone:
			err = f.rewrite(ctx, s)
		case s.late(time.Now()):
			err = f.settle(ctx, s, false)
		}
		if err != nil {
			return err
		}
	}
	if !gone {
		return nil
	}
	if err := f.hideForgotten(); err != nil {
		return err
	}
	return f.writeNamed(slices.Collect(maps.Keys(public)))
}

// late reports whether something is to be done without new rows.
func (s *set) late(now time.Time) bool {
	if len(s.owed) > 0 || s.latestOwed {
		return true
	}
	for day := range s.open {
		if over(day.Span().End, now) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(s.months)), func(m *summary) bool { return m.due })
}

// rewrite writes everything of a dataset anew.
func (f *Files) rewrite(ctx context.Context, s *set) error {
	clear(s.rested)
	s.anew = true
	defer func() { s.anew = false }()
	for name, sum := range s.months {
		m, err := f.readMonth(s.d.ID, name)
		if err != nil {
			return err
		}
		for _, e := range m.Entries {
			if day, err := opendata.ParseDay(e.Period); err == nil {
				s.owed[day] = true
			}
		}
		sum.due = sum.due || len(sum.Whole) > 0
	}
	if err := f.settle(ctx, s, true); err != nil {
		return err
	}
	for day := range s.legacy {
		if err := f.removeAll(s.d.ID + "/" + day.String() + ".csv"); err != nil {
			return err
		}
		delete(s.legacy, day)
	}
	return nil
}

// hideForgotten moves folders of datasets that the region has no more out of
// the public folder, beside it.
func (f *Files) hideForgotten() error {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("list public files: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || f.sets[e.Name()] != nil {
			continue
		}
		if err := f.may("rename", e.Name()); err != nil {
			return err
		}
		hidden := filepath.Join(f.cfg.Dir, fmt.Sprintf("withdrawn-%s-%d", e.Name(), time.Now().UnixNano()))
		if err := os.Rename(filepath.Join(f.cfg.Dir, "data", e.Name()), hidden); err != nil {
			return fmt.Errorf("hide public files of a former dataset: %w", err)
		}
		f.cache.clear()
	}
	return f.syncDir(".")
}

// public returns the ids of the public stations.
func (f *Files) public() map[string]bool {
	ids := map[string]bool{}
	for _, s := range f.cfg.Directory.Stations() {
		ids[s.ID] = true
	}
	return ids
}

// remember notes that files are about to name the public stations, before they
// do.
func (f *Files) remember() error {
	named, err := f.named()
	if err != nil {
		return err
	}
	maps.Copy(named, f.public())
	return f.writeNamed(slices.Collect(maps.Keys(named)))
}

func (f *Files) named() (map[string]bool, error) {
	data, err := f.root.ReadFile(stationsName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read which stations are published: %w", err)
	}
	named := map[string]bool{}
	for id := range strings.FieldsSeq(string(data)) {
		named[id] = true
	}
	return named, nil
}

func (f *Files) writeNamed(ids []string) error {
	slices.Sort(ids)
	return f.replace(stationsName, []byte(strings.Join(ids, "\n")+"\n"))
}
