package files

import (
	"context"
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// Limits of rows. They keep the cost of a large region within bounds, and out
// of formats what the programs that read them cannot take. What is not made for
// one of them is said in the index.
const (
	// maxLive is for what changes every few minutes, the latest values and a
	// running day: above it they are made as CSV alone.
	maxLive = 200_000

	// maxGeoJSON: it is for maps, whose programs read it whole, and is held in
	// memory until its end, about 250 bytes a row.
	maxGeoJSON = 200_000

	// maxJSON: one document, which most programs read whole.
	maxJSON = 1_000_000

	// maxRunning is for a running day: a window that has more is written when the
	// day is over. Until then its files stay as they are.
	maxRunning = 10_000_000

	// maxMonth is for the files of a month: its days are there.
	maxMonth = 10_000_000
)

// live reports whether the files change every few minutes.
func (p *period) live() bool { return !p.complete && len(p.name) != len("2026-11") }

// most returns the number of rows above which the period has no file of a
// format; 0: none.
func (p *period) most(f format) int {
	most := 0
	switch f {
	case plainJSON:
		most = maxJSON
	case geoJSON:
		most = maxGeoJSON
	case germanCSV, inXLSX: // both are for spreadsheets
		most = maxSheet
	}
	if p.live() && f != plainCSV && (most == 0 || most > maxLive) {
		most = maxLive
	}
	return most
}

// limit returns a limit of rows, or a smaller one of a test.
func (f *Files) limit(rows int) int {
	if rows > 0 && f.mostRows > 0 {
		return min(rows, f.mostRows)
	}
	return rows
}

// Streamer is a Reader that reads long spans at once. Where Config.Reader is
// one, Files does that.
type Streamer interface {
	// Stream calls take with the published windows of a dataset that begin in
	// the span, in parts of a bounded size: by their begin, in any order where it
	// is the same. take does not keep what it is given, but for the texts and
	// lists of numbers; its error ends it and is returned.
	Stream(ctx context.Context, dataset string, window time.Duration, span devices.Span, take func([]devices.Aggregate) error) error
}

const (
	// partRows is about how many rows are read at once from a Reader that
	// cannot stream.
	partRows = 100_000

	// streamSpan is how much time is read at once from one that can: a query
	// that spans many weeks takes long until its first row.
	streamSpan = 7 * 24 * time.Hour
)

// source calls take with rows as a Streamer does.
type source func(ctx context.Context, take func([]devices.Aggregate) error) error

// read returns the windows that begin in the span.
func (f *Files) read(v *view, w opendata.Window, span devices.Span) source {
	part, one := streamSpan, f.stream
	if _, ok := f.cfg.Reader.(Streamer); !ok {
		perWindow := max(1, len(v.sites)*len(v.d.Quantities))
		part = max(time.Hour, time.Duration(w), time.Duration(w)*time.Duration(max(1, partRows/perWindow)))
		part, one = min(part, 31*24*time.Hour), f.windows
	}
	return func(ctx context.Context, take func([]devices.Aggregate) error) error {
		for start := span.Start; start.Before(span.End); start = start.Add(part) {
			s := devices.Span{Start: start, End: start.Add(part)}
			if s.End.After(span.End) {
				s.End = span.End
			}
			if err := one(ctx, v.d.ID, w, s, take); err != nil {
				return fmt.Errorf("read windows of %s from %s: %w", w, s.Start.Format(time.RFC3339), err)
			}
		}
		return nil
	}
}

func (f *Files) stream(ctx context.Context, dataset string, w opendata.Window, span devices.Span, take func([]devices.Aggregate) error) error {
	return f.cfg.Reader.(Streamer).Stream(ctx, dataset, time.Duration(w), span, take)
}

func (f *Files) windows(ctx context.Context, dataset string, w opendata.Window, span devices.Span, take func([]devices.Aggregate) error) error {
	rows, err := f.cfg.Reader.Windows(ctx, dataset, time.Duration(w), span, "")
	if err != nil {
		return err
	}
	return take(byBegin(rows))
}

func byBegin(rows []devices.Aggregate) []devices.Aggregate {
	slices.SortFunc(rows, func(a, b devices.Aggregate) int { return a.Start.Compare(b.Start) })
	return rows
}
