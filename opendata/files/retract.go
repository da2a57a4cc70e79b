package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/opendata"
)

// stationsName is the file with the ids of all stations that the files may
// name, a line each. Names that begin with a dot are not served.
const stationsName = ".stations"

// Retract rewrites all files of all days when a station that they may name is
// public no more, and returns when it is gone from every one.
func (f *Files) Retract(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	named, err := f.named()
	if err != nil {
		return err
	}
	public := f.stations()
	gone := slices.ContainsFunc(slices.Collect(maps.Keys(named)), func(id string) bool {
		_, ok := public[id]
		return !ok
	})
	if !gone {
		return nil
	}
	for i := range f.cfg.Datasets {
		d := &f.cfg.Datasets[i]
		days, err := f.days(d)
		if err != nil {
			return err
		}
		if err := f.publish(ctx, d, days, public); err != nil {
			return err
		}
	}
	return f.writeNamed(slices.Collect(maps.Keys(public)))
}

// remember notes that files are about to name these stations, before they do.
func (f *Files) remember(stations map[string]devices.Station) error {
	named, err := f.named()
	if err != nil {
		return err
	}
	for id := range stations {
		named[id] = true
	}
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

// days returns the days of which there is a file of the dataset.
func (f *Files) days(d *opendata.Dataset) ([]opendata.Day, error) {
	entries, err := fs.ReadDir(f.root.FS(), d.ID)
	if err != nil {
		return nil, fmt.Errorf("list public files of dataset %s: %w", d.ID, err)
	}
	var days []opendata.Day
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".csv")
		if day, err := opendata.ParseDay(name); ok && err == nil {
			days = append(days, day)
		}
	}
	return days, nil
}
