//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/opendata/portal"
)

const (
	reloadEvery  = 30 * time.Second // between two looks of role public at bucket open
	reloadAgain  = 5 * time.Second  // after a failure, and while there is nothing
	reloadAll    = time.Hour        // between two that take everything live, for what arrived late
	reloadWithin = 20 * time.Second
)

// faces is what the public side is made from.
type faces struct {
	datasets  []opendata.Dataset
	directory opendata.Directory
	latest    *opendata.Latest
	files     publicFiles
	feedback  portal.Feedback // nil where readers cannot write
}

// publicFiles are the files that are published, to be fetched and to be listed.
type publicFiles interface {
	http.Handler
	Published(dataset string) (files.Published, error)
}

// openOpenData opens what computes open data and what shows them. A process
// that only shows them has neither the platform's login nor the registry.
func (p *platform) openOpenData(ctx context.Context) error {
	shown := faces{datasets: p.cfg.datasets(), latest: opendata.NewLatest()}
	if p.cfg.runs(roleAggregate) {
		if err := p.openAggregate(ctx, &shown); err != nil {
			return err
		}
	} else {
		p.openReaders(ctx, &shown)
	}
	if !p.cfg.runs(rolePublic) {
		return p.openNumbers(&shown)
	}
	return p.openPublic(ctx, &shown)
}

// openReaders gives a process with role public alone what another computes.
func (p *platform) openReaders(ctx context.Context, shown *faces) {
	stations := newStationList(stationsFile(p.cfg), p.log)
	folder := &laterFiles{dir: openFolder(p.cfg), datasets: shown.datasets, settled: p.cfg.settled()}
	shown.directory, shown.files, p.files = stations, folder, folder
	p.openData = append(p.openData, unit{"public stations", stations.follow})
	r := &reloader{datasets: shown.datasets, reader: p.public, latest: shown.latest}
	p.metrics.NewGauge("modellregion_public_age_seconds", r.age)
	first, cancel := context.WithTimeout(ctx, firstSetUp)
	defer cancel()
	err := r.load(first, time.Now())
	if err != nil {
		p.log.Warn("last values are not known yet", "err", err)
	}
	p.openData = append(p.openData, unit{"last values", func(ctx context.Context) error {
		failing := err != nil
		for {
			pause := reloadEvery
			if failing || shown.latest.Updated().IsZero() {
				pause = reloadAgain
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			err := r.load(ctx, time.Now())
			switch {
			case err != nil && !failing && ctx.Err() == nil:
				p.log.Error("last values cannot be read, the pages show those before", "err", err)
			case err == nil && failing:
				p.log.Info("last values are read again")
			}
			failing = err != nil
		}
	}})
}

// reloader keeps the last values of a process that does not compute them.
type reloader struct {
	datasets []opendata.Dataset
	reader   opendata.Reader
	latest   *opendata.Latest

	mu   sync.Mutex
	all  time.Time // when everything live was read last
	done time.Time // when anything was
}

// load reads the newest windows and, now and then, all that count as live.
func (r *reloader) load(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, reloadWithin)
	defer cancel()
	r.mu.Lock()
	full := now.Sub(r.all) >= reloadAll
	r.mu.Unlock()
	if full {
		if err := r.latest.Load(ctx, r.reader, r.datasets, now); err != nil {
			return err
		}
	}
	for i := 0; i < len(r.datasets) && !full; i++ {
		d := &r.datasets[i]
		base := d.Base()
		span := devices.Span{Start: base.Begin(now.Add(-max(time.Duration(base), time.Hour))), End: base.End(base.Begin(now))}
		rows, err := r.reader.Windows(ctx, d.ID, time.Duration(base), span, "")
		if err != nil {
			return err
		}
		r.latest.Put(d.ID, rows, now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = now
	if full {
		r.all = now
	}
	return nil
}

// age is how long ago the values were read, s; 0 before the first time.
func (r *reloader) age() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done.IsZero() {
		return 0
	}
	return time.Since(r.done).Seconds()
}

// laterFiles serves the folder of public files as soon as another process has
// made it.
type laterFiles struct {
	dir      string
	datasets []opendata.Dataset
	settled  time.Duration

	mu     sync.Mutex
	reader *files.Reader
}

// ServeHTTP implements http.Handler.
func (l *laterFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reader, err := l.open()
	if err != nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "noch keine Dateien / no files yet", http.StatusServiceUnavailable)
		return
	}
	reader.ServeHTTP(w, r)
}

// Published tells what is in the folder; while there is none, it does not know.
func (l *laterFiles) Published(dataset string) (files.Published, error) {
	reader, err := l.open()
	if err != nil {
		return files.Published{}, err
	}
	return reader.Published(dataset)
}

func (l *laterFiles) open() (*files.Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader != nil {
		return l.reader, nil
	}
	reader, err := files.OpenReader(l.dir, l.datasets, l.settled)
	if err == nil {
		l.reader = reader
	}
	return reader, err
}

// Close implements io.Closer.
func (l *laterFiles) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader == nil {
		return nil
	}
	if err := l.reader.Close(); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}
