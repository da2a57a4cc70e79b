//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/simulate/history"
	"modellregion/opendata"
	"modellregion/opendata/files"
)

// pastBase is what an invented past is kept in.
type pastBase struct {
	store    store
	datasets []opendata.Dataset
	db       *influx.Client
	influxd  *embedded.Server // nil: it is another process's
	lock     io.Closer        // of the public files; nil: another process has it
}

// open opens the database: that of the platform that is running, or else the
// embedded one in its place.
func (c *simulateHistoryCmd) open(ctx context.Context, t *terminal, s store) (_ *pastBase, err error) {
	b := &pastBase{store: s, datasets: s.cfg.datasets()}
	opened := b
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	lock, err := lockFolder(ctx, s.cfg, 0)
	switch {
	case errors.Is(err, errAggregating):
		if c.Files && !c.Remove {
			return nil, fmt.Errorf("the platform is running, and the public files have one writer: stop it meanwhile, or use --no-files (%w)", err)
		}
	case err != nil:
		return nil, err
	default:
		b.lock = lock
	}
	login := influx.Config{}
	switch {
	case s.cfg.Influx.URL == "" && b.lock != nil:
		b.influxd, err = embedded.Start(ctx, embedded.Options{Dir: influxDir(s.cfg), Retention: time.Duration(s.cfg.Raw), Log: t.log})
		if err != nil {
			return nil, err
		}
		login = influx.Config{URL: b.influxd.URL(), Username: b.influxd.Platform.Username, Password: b.influxd.Platform.Password}
	default:
		if login, err = influxLogin(s.cfg); err != nil {
			return nil, err
		}
	}
	b.db = influx.New(login)
	if s.cfg.Influx.URL != "" {
		if err := b.db.SetUp(ctx, time.Duration(s.cfg.Raw)); err != nil {
			return nil, fmt.Errorf("InfluxDB at %s: %w", login.URL, err)
		}
		return b, nil
	}
	if err := b.db.Ping(ctx); err != nil {
		return nil, fmt.Errorf("InfluxDB at %s does not answer: %w", login.URL, err)
	}
	return b, nil
}

func (b *pastBase) close() error {
	var errs []error
	if b.db != nil {
		b.db.Close()
	}
	if b.influxd != nil {
		errs = append(errs, b.influxd.Close())
	}
	if b.lock != nil {
		errs = append(errs, b.lock.Close())
	}
	return errors.Join(errs...)
}

// withFiles opens the public files in place of the platform.
func (b *pastBase) withFiles(ctx context.Context, reader opendata.Reader, do func(*files.Files) error) (err error) {
	directory, err := registry.NewDirectory(ctx, b.store.Registry, b.store.shipped)
	if err != nil {
		return err
	}
	latest := opendata.NewLatest()
	if err := latest.Load(ctx, b.db, b.datasets, time.Now()); err != nil {
		return err
	}
	if err := os.MkdirAll(openFolder(b.store.cfg), 0o755); err != nil {
		return fmt.Errorf("make folder of public files: %w", err)
	}
	f, err := files.Open(files.Config{
		Dir: openFolder(b.store.cfg), Datasets: b.datasets, Reader: reader, Directory: directory, Latest: latest, Settled: b.store.cfg.settled(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return do(f)
}

// publish writes the files of the days, a month after the other so that the
// files of a month are written once.
func (b *pastBase) publish(ctx context.Context, t *terminal, g *history.Generator, days []opendata.Day) error {
	total := 0
	for _, d := range days {
		total += 2 * g.Windows(d) // in the files of the day and in those of the month
	}
	shown := newPastProgress(t, "files, rows", int64(total))
	defer shown.end()
	return b.withFiles(ctx, countedRows{b.db, shown}, func(f *files.Files) error {
		for _, table := range g.Tables() {
			for _, month := range monthsOf(days) {
				if err := f.Publish(ctx, table.Dataset, month); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// countedRows is a Reader, and files.Streamer, that tells how many rows were
// read.
type countedRows struct {
	*influx.Client
	shown *pastProgress
}

// Windows implements opendata.Reader.
func (c countedRows) Windows(ctx context.Context, dataset string, window time.Duration, span devices.Span, station string, only ...*devices.Quantity) ([]devices.Aggregate, error) {
	rows, err := c.Client.Windows(ctx, dataset, window, span, station, only...)
	c.shown.add(len(rows))
	return rows, err
}

// Stream implements files.Streamer.
func (c countedRows) Stream(ctx context.Context, dataset string, window time.Duration, span devices.Span, take func([]devices.Aggregate) error) error {
	return c.Client.Stream(ctx, dataset, window, span, func(rows []devices.Aggregate) error {
		c.shown.add(len(rows))
		return take(rows)
	})
}

// retract takes stations that are gone out of the files. Where there never were
// files there is nothing to do.
func (b *pastBase) retract(ctx context.Context) error {
	if _, err := os.Stat(openFolder(b.store.cfg)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return b.withFiles(ctx, b.db, func(f *files.Files) error { return f.Retract(ctx) })
}

// pastProgress shows how far something is, how fast, and for how long.
type pastProgress struct {
	what  string
	total int64
	began time.Time
	done  atomic.Int64
	stop  chan struct{}
	over  chan struct{}
}

// newPastProgress shows progress until end is called.
func newPastProgress(t *terminal, what string, total int64) *pastProgress {
	p := &pastProgress{what: what, total: total, began: time.Now(), stop: make(chan struct{}), over: make(chan struct{})}
	every, ending := 5*time.Second, "\n"
	if f, ok := t.err.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, ending = time.Second, "   \r"
		}
	}
	go func() { // end waits for it
		defer close(p.over)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-p.stop:
				fmt.Fprintln(t.err, p.line(time.Since(p.began)))
				return
			case <-ticker.C:
				fmt.Fprint(t.err, p.line(time.Since(p.began)), ending)
			}
		}
	}()
	return p
}

func (p *pastProgress) add(n int) { p.done.Add(int64(n)) }

func (p *pastProgress) end() {
	close(p.stop)
	<-p.over
}

// line tells where things stand after a time.
func (p *pastProgress) line(after time.Duration) string {
	done := p.done.Load()
	share := min(1, float64(done)/float64(max(p.total, 1)))
	text := fmt.Sprintf("%s: %d, %.1f %%, %.0f/s", p.what, done, 100*share, float64(done)/max(after.Seconds(), 1e-3))
	if share > 0 && share < 1 {
		left := time.Duration(float64(after) * (1 - share) / share)
		text += fmt.Sprintf(", about %v left", left.Round(time.Second))
	}
	return text
}
