package files

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"time"

	"modellregion/opendata"
)

// Published is what there is of a dataset for catalogues to tell of: the latest
// values, all months, and the days of the newest month. The days before are in
// the months.
type Published struct {
	Files []File
	First opendata.Day // of which there is a file; zero: there is none yet
}

// File is one file that is published.
type File struct {
	Path      string // of its address: "/data/verkehr/latest.csv"
	MediaType string // as it is served
	Bytes     int64
	SHA256    string    // 64 hexadecimal digits
	Issued    time.Time // first written
	Modified  time.Time // last written
	Window    opendata.Window
	Period    string // "2026-11-23", "2026-11", or empty for the latest values
	Complete  bool   // the period is over
}

// Published tells what the indexes of the dataset say. It answers from memory
// and waits for nobody who writes. An error says that it does not know.
func (f *Files) Published(dataset string) (Published, error) {
	f.listing.Lock()
	defer f.listing.Unlock()
	p, known := f.listed[dataset]
	if !known {
		return Published{}, fmt.Errorf("dataset %.64s is not one of the files", dataset)
	}
	return p, nil
}

// list notes what Published tells.
func (f *Files) list(dataset string, p Published) {
	f.listing.Lock()
	defer f.listing.Unlock()
	if f.listed == nil {
		f.listed = map[string]Published{}
	}
	f.listed[dataset] = p
}

// Published tells the same of what another process has written, from two of its
// indexes.
func (r *Reader) Published(dataset string) (Published, error) {
	data, err := r.files.root.ReadFile(path.Join(dataset, indexName))
	if err != nil {
		return Published{}, fmt.Errorf("read index of public files: %w", err)
	}
	var ix struct {
		ID     string     `json:"id"`
		Latest *entry     `json:"latest"`
		Months []*summary `json:"months"` // newest first
	}
	if err := json.Unmarshal(data, &ix); err != nil {
		return Published{}, fmt.Errorf("read index of dataset %.64s: %w", dataset, err)
	}
	if ix.ID != dataset || slices.Contains(ix.Months, nil) {
		return Published{}, fmt.Errorf("read index of dataset %.64s: it is of something else", dataset)
	}
	newest := &month{}
	if len(ix.Months) > 0 {
		if newest, err = r.files.readMonth(dataset, ix.Months[0].Month); err != nil {
			return Published{}, err
		}
	}
	return published(dataset, ix.Latest, ix.Months, newest), nil
}

// published puts together what the indexes say of the files of a dataset.
func published(dataset string, latest *entry, months []*summary, newest *month) Published {
	var p Published
	add := func(e *entry, period string) {
		for _, file := range e.Files {
			p.Files = append(p.Files, File{
				Path: "/data/" + path.Join(dataset, file.Path), MediaType: mediaType(file.Path), Bytes: file.Bytes, SHA256: file.SHA256,
				Issued: e.First, Modified: e.Last, Window: opendata.Window(length(e.Window)), Period: period, Complete: e.Complete,
			})
		}
	}
	if latest != nil {
		add(latest, "")
	}
	for _, m := range months {
		for _, e := range m.Whole {
			if e != nil { // as a damaged index may have it
				add(e, e.Period)
			}
		}
		if day, err := opendata.ParseDay(m.First); err == nil && (p.First == opendata.Day{} || day.Span().Start.Before(p.First.Span().Start)) {
			p.First = day
		}
	}
	for _, e := range newest.Entries {
		if !e.isMonth() {
			add(e, e.Period)
		}
	}
	return p
}
