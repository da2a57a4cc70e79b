package household

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// Version is that of the files in the private folder.
const Version = 1

// newer says that a file of the private folder is not damaged, but nothing for
// this program.
func newer(version int) error {
	return fmt.Errorf("a file of the private folder is of version %d, this program knows %d: use the program that it was used with last, or a newer one", version, Version)
}

// record is the decision about a day of a dataset, as kept in the private
// folder before it becomes public: what is published and nothing else.
type record struct {
	Version int       `json:"v"`
	Dataset string    `json:"dataset"`
	Day     string    `json:"day"` // 2026-11-23, in Berlin
	Series  []outcome `json:"series"`
}

// outcome is a series of a quantity.
type outcome struct {
	Station  string    `json:"station"`
	Quantity string    `json:"quantity"`
	Window   string    `json:"window"`         // 15m, 1h or 1d
	Sums     []float64 `json:"sums,omitempty"` // whole Wh, for each window of the day; none: suppressed
}

var errRecord = errors.New("the decision about a day is damaged: restore it from a backup")

// parseRecord reads the record of a day of a dataset. Its length is that of
// the day, or it would be published with windows missing.
func parseRecord(data []byte, dataset string, day opendata.Day) (*record, error) {
	var r record
	err := json.Unmarshal(data, &r)
	if err == nil && r.Version > Version {
		return nil, newer(r.Version)
	}
	if err != nil || r.Version != Version || r.Dataset != dataset || r.Day != day.String() {
		return nil, errRecord
	}
	for i := range r.Series {
		if _, _, ok := r.Series[i].parse(day); !ok {
			return nil, errRecord
		}
	}
	return &r, nil
}

// parse returns the quantity and the window, and whether everything is
// possible.
func (o *outcome) parse(day opendata.Day) (*devices.Quantity, opendata.Window, bool) {
	var w opendata.Window
	q, ok := devices.Lookup(o.Quantity)
	if !ok || o.Station == "" || w.UnmarshalText([]byte(o.Window)) != nil {
		return nil, 0, false
	}
	switch w {
	case opendata.Quarter, opendata.Hour, opendata.Day24:
	default:
		return nil, 0, false
	}
	for _, v := range o.Sums {
		ok = ok && v > 0 && v == math.Trunc(v) && !math.IsInf(v, 0)
	}
	n := quarters(day)
	return q, w, ok && (len(o.Sums) == 0 && w == opendata.Day24 || len(o.Sums) == n/quartersIn(w, n))
}

// rows returns what the store is given, by window. The record has been parsed.
func (r *record) rows(day opendata.Day) map[opendata.Window][]devices.Aggregate {
	out := map[opendata.Window][]devices.Aggregate{}
	for i := range r.Series {
		o := &r.Series[i]
		q, w, ok := o.parse(day)
		if !ok {
			continue
		}
		row := devices.Aggregate{Station: o.Station, Quantity: q, Start: day.Span().Start, Window: time.Duration(w)}
		if len(o.Sums) == 0 {
			row.Suppressed = true
			out[w] = append(out[w], row)
		}
		for _, v := range o.Sums {
			row.Sum = v
			out[w] = append(out[w], row)
			row.Start = w.End(row.Start)
		}
	}
	return out
}

// quarters is the number of quarter hours of a day: 92, 96 or 100.
func quarters(day opendata.Day) int {
	span := day.Span()
	return int(span.End.Sub(span.Start) / quarter)
}

// keep creates a file for the owner alone, on disk when it returns, and returns
// what is in it. One that exists already, from before a crash or from another
// instance, stays as it is: of several that try, all return the same.
func keep(path string, data []byte) ([]byte, error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "*.new") // mode 0600
	if err != nil {
		return nil, err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		// Unlike a rename, a link does not replace.
		if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
			data, err = os.ReadFile(path)
		}
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, err
	}
	return data, syncDir(dir)
}

// makeDir creates a folder for the owner alone, on disk when it returns.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes names in a folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
