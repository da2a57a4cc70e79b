package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"modellregion/opendata"
)

// entry is what is published of one period and window: what the index of its
// month says of it and what is remembered of it over a restart.
type entry struct {
	Period string `json:"period"` // a day in Berlin, a month, or "latest"
	Window string `json:"window"`
	written
	Digest  string     `json:"digest"`                            // of rows and description, to tell whether they are new
	Until   time.Time  `json:"holds_days_written_until,omitzero"` // of a month: what was written of its days up to then is in it
	Files   []fileInfo `json:"files"`
	Missing []missing  `json:"not_made,omitempty"`
}

type fileInfo struct {
	Path   string `json:"path"` // below the folder of the dataset
	Format string `json:"format"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// missing is a file that there is not, and why.
type missing struct {
	Format string    `json:"format"`
	Why    bilingual `json:"why"`
}

type bilingual struct {
	De string `json:"de"`
	En string `json:"en"`
}

func tooMany(f format, limit int) missing {
	return missing{string(f), bilingual{
		fmt.Sprintf("mehr als %d Zeilen", limit),
		fmt.Sprintf("more than %d rows", limit),
	}}
}

func (e *entry) isMonth() bool { return len(e.Period) == len("2026-11") }

// file returns the file of a format, or nil.
func (e *entry) file(f format) *fileInfo {
	for i := range e.Files {
		if e.Files[i].Format == string(f) {
			return &e.Files[i]
		}
	}
	return nil
}

// csv returns the path of the CSV file, or "".
func (e *entry) csv() string {
	if file := e.file(plainCSV); file != nil {
		return file.Path
	}
	return ""
}

// month is the index of a month of a dataset, the file 2026-11.json. Publishing
// a day writes one of these, so its cost does not grow with the years.
type month struct {
	Dataset string   `json:"dataset"`
	Month   string   `json:"month"`
	Entries []*entry `json:"entries"` // months first, then days; by window, newest first
}

func monthOf(d opendata.Day) string { return d.String()[:len("2026-11")] }

func (m *month) find(window, period string) *entry {
	for _, e := range m.Entries {
		if e.Window == window && e.Period == period {
			return e
		}
	}
	return nil
}

func (m *month) put(e *entry) {
	m.Entries = slices.DeleteFunc(m.Entries, func(o *entry) bool { return o.Window == e.Window && o.Period == e.Period })
	m.Entries = append(m.Entries, e)
	slices.SortFunc(m.Entries, func(a, b *entry) int {
		if a.isMonth() != b.isMonth() {
			return len(a.Period) - len(b.Period)
		}
		if c := strings.Compare(b.Period, a.Period); c != 0 {
			return c
		}
		return int(min(max(length(a.Window)-length(b.Window), -1), 1))
	})
}

// length orders windows; one that is no window is the shortest.
func length(name string) time.Duration {
	var w opendata.Window
	if w.UnmarshalText([]byte(name)) != nil {
		return 0
	}
	return time.Duration(w)
}

func monthFile(dataset, name string) string { return path.Join(dataset, name+".json") }

// readMonth returns the index of a month; one that is not there, or that cannot
// be read, is empty: what it told is written again when it is needed.
func (f *Files) readMonth(dataset, name string) (*month, error) {
	m := &month{Dataset: dataset, Month: name}
	data, err := f.root.ReadFile(monthFile(dataset, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, nil
	case err != nil:
		return nil, fmt.Errorf("read index of public files: %w", err)
	}
	if json.Unmarshal(data, m) != nil || m.Dataset != dataset || m.Month != name {
		return &month{Dataset: dataset, Month: name}, nil
	}
	m.Entries = slices.DeleteFunc(m.Entries, func(e *entry) bool { return e == nil || length(e.Window) == 0 })
	return m, nil
}

func (f *Files) writeMonth(m *month) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encode index of public files: %w", err)
	}
	return f.replace(monthFile(m.Dataset, m.Month), append(data, '\n'))
}

// set is what is known in memory of the files of one dataset.
type set struct {
	d      *opendata.Dataset
	latest *entry
	anew   bool // everything is written anew, whatever it costs
	months map[string]*summary

	owed       map[opendata.Day]bool // to be written
	latestOwed bool
	open       map[opendata.Day]bool // written, but not since they are over
	stale      map[string]bool       // months whose pages are older than their indexes
	rested     map[string]rest       // by day or month
	legacy     map[opendata.Day]bool // also as {dataset}/{day}.csv of the first version
}

// summary is what the index of the dataset says of a month.
type summary struct {
	Month    string   `json:"month"`
	Days     int      `json:"days"`
	First    string   `json:"first_day"`
	Bytes    int64    `json:"bytes"` // of all files, without siblings
	Complete bool     `json:"complete"`
	Whole    []*entry `json:"files_of_the_month,omitempty"`
	due      bool     // the files of the month are older than those of a day
}

func summarise(m *month) *summary {
	s := &summary{Month: m.Month, Complete: true}
	days := map[string]bool{}
	newest := map[string]time.Time{} // by window, of days that are over
	for _, e := range m.Entries {
		for _, file := range e.Files {
			s.Bytes += file.Bytes
		}
		if e.isMonth() {
			s.Whole = append(s.Whole, e)
			continue
		}
		days[e.Period] = true
		if s.First == "" || e.Period < s.First {
			s.First = e.Period
		}
		s.Complete = s.Complete && e.Complete
		if e.Complete && e.Last.After(newest[e.Window]) {
			newest[e.Window] = e.Last
		}
	}
	s.Days = len(days)
	for window, last := range newest {
		e := m.find(window, m.Month)
		s.due = s.due || e == nil || e.Until.Before(last)
	}
	return s
}

// rest is a pause after files that took long to write.
type rest struct{ until time.Time }

const (
	// A period whose files take longer than this is written at most for a
	// twentieth of the time while it changes: the rest is for those that do not.
	longWrite = 3 * time.Second
	restRatio = 20
)

func (s *set) rest(name string, took time.Duration, now time.Time) {
	if took > longWrite {
		s.rested[name] = rest{now.Add(restRatio * took)}
	} else {
		delete(s.rested, name)
	}
}

func (s *set) resting(name string, now time.Time) bool { return now.Before(s.rested[name].until) }

// load learns what is in the folder of a dataset.
func (f *Files) load(d *opendata.Dataset) (*set, error) {
	s := &set{d: d, months: map[string]*summary{}, owed: map[opendata.Day]bool{}, open: map[opendata.Day]bool{}, stale: map[string]bool{}, rested: map[string]rest{},
		legacy: map[opendata.Day]bool{}}
	entries, err := fs.ReadDir(f.root.FS(), d.ID)
	if err != nil {
		return nil, fmt.Errorf("list public files of dataset %s: %w", d.ID, err)
	}
	for _, e := range entries {
		base := strings.TrimSuffix(e.Name(), path.Ext(e.Name()))
		switch day, err := opendata.ParseDay(base); {
		case err == nil && path.Ext(e.Name()) == ".csv":
			s.legacy[day], s.owed[day] = true, true
		case path.Ext(e.Name()) == ".json" && isMonth(base):
			m, err := f.readMonth(d.ID, base)
			if err != nil {
				return nil, err
			}
			s.take(m)
			if f.older(monthPage(d.ID, base), monthFile(d.ID, base)) {
				s.stale[base] = true
			}
		}
	}
	for day := range s.open {
		s.owed[day] = true // it may have changed before a crash
	}
	s.latest, err = f.readLatest(d.ID)
	return s, err
}

// older reports whether a file is older than another, or missing.
func (f *Files) older(name, than string) bool {
	a, err := f.root.Stat(name)
	if err != nil {
		return true
	}
	b, err := f.root.Stat(than)
	return err != nil || a.ModTime().Before(b.ModTime())
}

func isMonth(name string) bool {
	_, err := time.Parse("2006-01", name)
	return err == nil
}

// take keeps what a month says.
func (s *set) take(m *month) {
	if len(m.Entries) == 0 {
		return
	}
	s.months[m.Month] = summarise(m)
	maps.DeleteFunc(s.open, func(day opendata.Day, _ bool) bool { return monthOf(day) == m.Month })
	for _, e := range m.Entries {
		if day, err := opendata.ParseDay(e.Period); err == nil && !e.Complete {
			s.open[day] = true
		}
	}
}

// readLatest returns the entry of the latest values from the index of the
// dataset, or nil.
func (f *Files) readLatest(dataset string) (*entry, error) {
	data, err := f.root.ReadFile(path.Join(dataset, indexName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read index of public files: %w", err)
	}
	var ix struct {
		Latest *entry `json:"latest"`
	}
	if json.Unmarshal(data, &ix) != nil {
		return nil, nil
	}
	return ix.Latest, nil
}
