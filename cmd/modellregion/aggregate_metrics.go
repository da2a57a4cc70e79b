//go:build !ingestonly

package main

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/uplink"
)

// openDataMetrics watches the aggregation through what it uses, which shows
// more than its own word: what is counted has been answered.
type openDataMetrics struct {
	windows, readFails, storeFails, fileFails *metrics.Counter

	cursor      atomic.Int64 // Unix nanoseconds; when the process began before it is known
	began, took atomic.Int64 // the step: Unix nanoseconds, nanoseconds
}

func newOpenDataMetrics(set *metrics.Set, written *files.Files) *openDataMetrics {
	const prefix = "modellregion_opendata_"
	m := &openDataMetrics{
		windows:    set.NewCounter(prefix + "windows_total"),
		readFails:  set.NewCounter(prefix + `failures_total{part="read"}`),
		storeFails: set.NewCounter(prefix + `failures_total{part="store"}`),
		fileFails:  set.NewCounter(prefix + `failures_total{part="files"}`),
	}
	m.cursor.Store(time.Now().UnixNano())
	set.NewGauge(prefix+"behind_seconds", func() float64 { return time.Since(time.Unix(0, m.cursor.Load())).Seconds() })
	set.NewGauge(prefix+"step_seconds", func() float64 { return time.Duration(m.took.Load()).Seconds() })
	set.RegisterMetricsWriter(func(w io.Writer) {
		n, bytes := written.Written()
		metrics.WriteCounterUint64(w, prefix+"files_total", n)
		metrics.WriteCounterUint64(w, prefix+"file_bytes_total", bytes)
	})
	return m
}

// note counts a failure, but for that of a program which ends, and takes the
// time of the step up to here.
func (m *openDataMetrics) note(ctx context.Context, fails *metrics.Counter, err error) {
	if err != nil && ctx.Err() == nil {
		fails.Inc()
	}
	if began := m.began.Load(); began > 0 {
		m.took.Store(time.Now().UnixNano() - began)
	}
}

func (m *openDataMetrics) raw(r opendata.Raw) opendata.Raw       { return watchedRaw{r, m} }
func (m *openDataMetrics) store(s opendata.Store) opendata.Store { return watchedStore{s, m} }
func (m *openDataMetrics) publisher(p opendata.Publisher) opendata.Publisher {
	return watchedFiles{p, m}
}

type watchedRaw struct {
	opendata.Raw
	m *openDataMetrics
}

// Dirty implements opendata.Raw. A step begins with it.
func (w watchedRaw) Dirty(ctx context.Context, arrived devices.Span) ([]devices.DirtyMark, error) {
	w.m.began.Store(time.Now().UnixNano())
	marks, err := w.Raw.Dirty(ctx, arrived)
	w.m.note(ctx, w.m.readFails, err)
	return marks, err
}

// Readings implements opendata.Raw.
func (w watchedRaw) Readings(ctx context.Context, domain uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error {
	err := w.Raw.Readings(ctx, domain, span, quantities, take)
	w.m.note(ctx, w.m.readFails, err)
	return err
}

type watchedStore struct {
	opendata.Store
	m *openDataMetrics
}

// Put implements opendata.Store.
func (w watchedStore) Put(ctx context.Context, dataset string, window time.Duration, rows []devices.Aggregate) error {
	err := w.Store.Put(ctx, dataset, window, rows)
	if err == nil {
		w.m.windows.Add(len(rows))
	}
	w.m.note(ctx, w.m.storeFails, err)
	return err
}

// Cursor implements opendata.Store.
func (w watchedStore) Cursor(ctx context.Context) (time.Time, error) {
	at, err := w.Store.Cursor(ctx)
	if err == nil && !at.IsZero() {
		w.m.cursor.Store(at.UnixNano())
	}
	w.m.note(ctx, w.m.storeFails, err)
	return at, err
}

// SetCursor implements opendata.Store.
func (w watchedStore) SetCursor(ctx context.Context, until time.Time) error {
	err := w.Store.SetCursor(ctx, until)
	if err == nil {
		w.m.cursor.Store(until.UnixNano())
	}
	w.m.note(ctx, w.m.storeFails, err)
	return err
}

type watchedFiles struct {
	opendata.Publisher
	m *openDataMetrics
}

// Publish implements opendata.Publisher.
func (w watchedFiles) Publish(ctx context.Context, d *opendata.Dataset, days []opendata.Day) error {
	err := w.Publisher.Publish(ctx, d, days)
	w.m.note(ctx, w.m.fileFails, err)
	return err
}

// Retract implements opendata.Publisher.
func (w watchedFiles) Retract(ctx context.Context) error {
	err := w.Publisher.Retract(ctx)
	w.m.note(ctx, w.m.fileFails, err)
	return err
}
