package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// format is a kind of file, by the ending of its name.
type format string

const (
	plainCSV  format = "csv"
	germanCSV format = "excel-de.csv"
	plainJSON format = "json"
	geoJSON   format = "geojson"
	inParquet format = "parquet"
	inXLSX    format = "xlsx"
)

var allFormats = []format{plainCSV, germanCSV, plainJSON, geoJSON, inParquet, inXLSX}

// packed reports whether the format has compressed siblings: Parquet and XLSX
// are compressed inside.
func (f format) packed() bool { return f != inParquet && f != inXLSX }

// period is what one set of files is about: a day or month of one window, or
// the latest values.
type period struct {
	name     string // "2026-11-23", "2026-11" or "latest"
	folder   string // that the files are in
	window   opendata.Window
	complete bool
	formats  []format
	limit    int    // rows above which it is errTooLarge; 0: none
	rows     source // nil: the latest values
}

// errTooLarge says that a period has more rows than its files may have.
var errTooLarge = errors.New("too many rows for a file")

// encoder writes rows in one format.
type encoder interface {
	write(*row, []cell) error
	close(*written) error
}

// table is one file of a period while it is written.
type table struct {
	format  format
	out     *output
	encoder encoder
	limit   int // rows; 0: none
}

func (t *table) abort() error {
	var err error
	if x, ok := t.encoder.(*xlsxWriter); ok && x != nil {
		err = x.abort()
	}
	return errors.Join(err, t.out.abort())
}

// write brings the files of a period up to date and returns what they are. It
// reports whether it changed them: rows that are the same leave the files
// alone with their times. old is what is there, or nil; the result is nil when
// there is nothing to tell of the period and never was.
func (f *Files) write(ctx context.Context, v *view, p period, old *entry) (now *entry, changed bool, err error) {
	// What will be too large for a format is not begun in it. That is a guess,
	// since a site may be silent: where it was wrong, everything is begun.
	expected := len(v.sites) * len(v.d.Quantities)
	if old != nil {
		expected = max(expected, old.Rows)
	}
	now, changed, err = f.writeExpecting(ctx, v, p, old, expected)
	if errors.Is(err, errFewer) {
		now, changed, err = f.writeExpecting(ctx, v, p, old, 0)
	}
	return now, changed, err
}

// errFewer says that a format that was left out could have been made.
var errFewer = errors.New("fewer rows than expected")

func (f *Files) writeExpecting(ctx context.Context, v *view, p period, old *entry, expected int) (now *entry, changed bool, err error) {
	w := &writing{f: f, view: v, period: p, about: v.describe(p), old: old}
	defer func() {
		for i := range w.tables {
			err = errors.Join(err, w.tables[i].abort())
		}
	}()
	if err := w.open(expected); err != nil {
		return nil, false, err
	}
	if w.period.rows == nil {
		w.takeLatest()
	} else {
		err = w.period.rows(ctx, func(rows []devices.Aggregate) error { return w.take(ctx, rows) })
	}
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return nil, false, err
	}
	if w.count <= w.leftOut {
		return nil, false, errFewer
	}
	if w.count == 0 && old == nil && p.name != latestName {
		return nil, false, nil
	}
	return w.commit()
}

// writing is one call of write.
type writing struct {
	f      *Files
	view   *view
	period period
	about  *description
	old    *entry

	tables  []table
	missing []missing
	leftOut int // the largest limit of a format that was not begun; -1: none
	count   int

	held  held
	cells []cell
}

func (w *writing) open(expected int) error {
	about := w.about.json()
	w.leftOut = -1
	pack := thorough
	if w.period.live() {
		pack = quick
	}
	for _, format := range w.period.formats {
		limit := w.f.limit(w.period.most(format))
		if limit > 0 && expected > limit {
			w.missing = append(w.missing, tooMany(format, limit))
			w.leftOut = max(w.leftOut, limit)
			continue
		}
		out, err := w.f.create(w.name(format), format.packed(), pack)
		if err != nil {
			return err
		}
		t := table{format: format, out: out, limit: limit}
		t.encoder, err = w.encoder(format, out, about)
		w.tables = append(w.tables, t)
		if err != nil {
			return fmt.Errorf("write public file %s: %w", out.name, err)
		}
	}
	return nil
}

// encoder begins the content of a file.
func (w *writing) encoder(f format, out io.Writer, about []byte) (encoder, error) {
	switch columns := w.view.columns; f {
	case plainCSV:
		return newCSV(out, columns, rfc4180)
	case germanCSV:
		return newCSV(out, columns, excelDE)
	case plainJSON:
		return newJSON(out, columns, about)
	case geoJSON:
		return newGeoJSON(out, columns, about), nil
	case inParquet:
		return newParquet(out, columns, about)
	default:
		return newXLSX(out, columns, w.about)
	}
}

func (w *writing) name(f format) string {
	return w.period.folder + "/" + w.period.name + "." + string(f)
}

// take keeps rows until all of their begin are there. A row of a site that is
// not public (any more) is left out, and so is one of a quantity that the
// dataset does not publish (any more).
func (w *writing) take(ctx context.Context, rows []devices.Aggregate) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var s *site
	for i := range rows {
		a := &rows[i]
		if i == 0 || !a.Start.Equal(rows[i-1].Start) {
			if err := w.begin(a.Start); err != nil {
				return err
			}
		}
		if i == 0 || a.Station != rows[i-1].Station {
			s = w.view.site(a.Station)
		}
		if s != nil && w.view.d.Has(a.Quantity) {
			w.held.add(a, s)
		}
	}
	return nil
}

// begin is told when the next rows begin, and writes those that begin before.
func (w *writing) begin(at time.Time) error {
	if last := w.held.last(); last == nil || last.begin == at.UnixMilli() {
		return nil
	}
	return w.flush()
}

// takeLatest keeps all of the latest values: few are of another begin than
// most.
func (w *writing) takeLatest() {
	w.f.cfg.Latest.Each(w.view.d.ID, func(a *devices.Aggregate) {
		if s := w.view.site(a.Station); s != nil && w.view.d.Has(a.Quantity) {
			w.held.add(a, s)
		}
	})
}

// flush writes the rows at hand to all files.
func (w *writing) flush() error {
	if w.cells == nil {
		w.cells = make([]cell, len(w.view.columns))
	}
	w.held.sort()
	var a devices.Aggregate
	r := row{Aggregate: &a}
	for _, i := range w.held.order {
		r.site = w.held.unpack(i, time.Duration(w.period.window), &a)
		for c := range w.cells {
			w.cells[c] = w.view.columns[c].value(&r)
		}
		if w.count++; w.period.limit > 0 && w.count > w.period.limit {
			return errTooLarge
		}
		if err := w.add(&r, w.cells); err != nil {
			return err
		}
	}
	w.held.order = w.held.order[:0]
	return nil
}

func (w *writing) add(r *row, cells []cell) error {
	for i := 0; i < len(w.tables); i++ {
		t := &w.tables[i]
		if t.limit > 0 && w.count > t.limit {
			w.missing = append(w.missing, tooMany(t.format, t.limit))
			if err := t.abort(); err != nil {
				return err
			}
			w.tables = slices.Delete(w.tables, i, i+1)
			i--
			continue
		}
		if err := t.encoder.write(r, cells); err != nil {
			return fmt.Errorf("write public file %s: %w", t.out.name, err)
		}
	}
	return nil
}

// commit decides whether anything is new and puts the files in place.
func (w *writing) commit() (*entry, bool, error) {
	e := &entry{Period: w.period.name, Window: w.period.window.String(), Missing: w.missing}
	slices.SortFunc(e.Missing, func(a, b missing) int {
		return slices.Index(allFormats, format(a.Format)) - slices.Index(allFormats, format(b.Format))
	})
	e.Complete, e.Rows = w.period.complete, w.count
	rows, err := w.tables[0].out.hash() // CSV, which has no other content than the rows
	if err != nil {
		return nil, false, err
	}
	digest := sha256.Sum256([]byte(rows + string(w.about.json())))
	e.Digest = hex.EncodeToString(digest[:])
	w.number(e, time.Now().UTC())
	if w.old != nil && w.old.Digest == e.Digest && w.old.Complete == e.Complete && w.f.intact(w.view.d.ID, w.old) {
		return w.old, false, nil
	}
	if err := w.finish(e); err != nil {
		return nil, false, err
	}
	return e, true, w.place(e)
}

// number gives the content a revision: 0 while the period runs, 1 when it is
// over, one more for each other content after that.
func (w *writing) number(e *entry, at time.Time) {
	e.First, e.Last = at, at
	if e.Complete {
		e.Revision = 1
	}
	if w.old == nil {
		return
	}
	e.First = w.old.First
	if !e.Last.After(w.old.Last) { // the clock was set back, and a time names a content
		e.Last = w.old.Last.Add(time.Microsecond)
	}
	if e.Complete && w.old.Revision > 0 {
		e.Revision = w.old.Revision
		if w.old.Digest != e.Digest {
			e.Revision++
		}
	}
}

// finish ends all files under their temporary names.
func (w *writing) finish(e *entry) error {
	outputs := make([]*output, len(w.tables))
	for i := range w.tables {
		t := &w.tables[i]
		outputs[i] = t.out
		if err := t.encoder.close(&e.written); err != nil {
			return fmt.Errorf("write public file %s: %w", t.out.name, err)
		}
		sum, err := t.out.hash()
		if err != nil {
			return err
		}
		if err := t.out.end(e.Last); err != nil {
			return err
		}
		e.Files = append(e.Files, fileInfo{Path: strings.TrimPrefix(t.out.name, w.view.d.ID+"/"), Format: string(t.format), Bytes: t.out.size, SHA256: sum})
	}
	if err := syncAll(outputs...); err != nil {
		return err
	}
	// A file system may keep less of a time than it was given.
	info, err := w.f.root.Stat(temporary(w.tables[0].out.name))
	if err != nil {
		return fmt.Errorf("write public file: %w", err)
	}
	e.Last = info.ModTime().UTC()
	return nil
}

// place puts all files in place, makes that durable, and takes away files of
// formats that are not made any more.
func (w *writing) place(e *entry) error {
	for i := range w.tables {
		if err := w.tables[i].out.place(); err != nil {
			return err
		}
	}
	w.tables = nil
	if w.old != nil {
		for _, was := range w.old.Files {
			if !slices.ContainsFunc(e.Files, func(is fileInfo) bool { return is.Path == was.Path }) {
				if err := w.f.removeAll(w.view.d.ID + "/" + was.Path); err != nil {
					return err
				}
			}
		}
	}
	if err := w.f.replace(w.name(plainCSV)+"-metadata.json", w.about.csvw(e)); err != nil {
		return err
	}
	return w.f.syncDir(w.period.folder)
}

// intact reports whether the files of an entry are on disk as it says.
func (f *Files) intact(dataset string, e *entry) bool {
	for _, file := range e.Files {
		name := path.Join(dataset, file.Path)
		info, err := f.root.Stat(name)
		if err != nil || info.Size() != file.Bytes || !info.ModTime().Equal(e.Last) {
			return false
		}
		if !format(file.Format).packed() {
			continue
		}
		for _, enc := range encodings {
			if info, err := f.root.Stat(name + enc.ending); err != nil || !info.ModTime().Equal(e.Last) {
				return false
			}
		}
	}
	_, err := f.root.Stat(path.Join(dataset, e.csv()) + "-metadata.json")
	return err == nil
}
