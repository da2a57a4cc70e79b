//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/opendata/household"
)

const (
	aggregateEvery = 5 * time.Second
	publishEvery   = 30 * time.Second
	lockWithin     = 5 * time.Second // for a process that is about to end
)

// settled is how long after its end a day can change: raw data are kept so
// long, and a last step has to have dealt with them.
func (c *config) settled() time.Duration { return time.Duration(c.Raw) + 2*24*time.Hour }

// openAggregate opens what computes open data, releases what households
// consumed and writes the files.
func (p *platform) openAggregate(ctx context.Context, shown *faces) error {
	rebuilder, err := p.openComputing(ctx, shown)
	if err != nil {
		return err
	}
	p.rebuild = rebuilder
	if err := writeStations(stationsFile(p.cfg), p.directory.Stations()); err != nil {
		return err
	}
	p.openData = append(p.openData, unit{"public stations", p.publishStations})
	return nil
}

// openComputing is openAggregate without the list of stations. Everything but
// loops is open then, also for a command that computes in place of the platform.
func (p *platform) openComputing(ctx context.Context, shown *faces) (_ *rebuilder, err error) {
	if err := os.MkdirAll(openFolder(p.cfg), 0o755); err != nil {
		return nil, fmt.Errorf("make folder of public files: %w", err)
	}
	if p.lock, err = lockFolder(ctx, p.cfg, lockWithin); err != nil {
		return nil, err
	}
	first, cancel := context.WithTimeout(ctx, firstSetUp)
	defer cancel()
	if err := shown.latest.Load(first, p.influx, shown.datasets, time.Now()); err != nil {
		// The aggregator fills it as soon as the database answers.
		p.log.Warn("last values are not known yet", "err", err)
	}
	published, err := files.Open(files.Config{
		Dir: openFolder(p.cfg), Datasets: shown.datasets, Reader: p.influx, Directory: p.directory, Latest: shown.latest, Settled: p.cfg.settled(),
	})
	if err != nil {
		return nil, err
	}
	shown.directory, shown.files, p.files = p.directory, published, published
	seen := newOpenDataMetrics(p.metrics, published)
	c := opendata.Config{
		Datasets: shown.datasets, Raw: seen.raw(p.influx), Open: seen.store(p.influx), Directory: p.directory, Publisher: seen.publisher(published),
		Latest: shown.latest, Log: p.log, Every: aggregateEvery, PublishEvery: publishEvery, Retention: time.Duration(p.cfg.Raw),
	}
	aggregator, err := opendata.NewAggregator(c)
	if err != nil {
		return nil, err
	}
	again := c
	again.Raw = p.influx // a rebuild is no step of the aggregation
	second, err := opendata.NewAggregator(again)
	if err != nil {
		return nil, err
	}
	p.aggregator = aggregator
	return &rebuilder{cfg: &p.cfg, aggregator: second, log: p.log}, p.openHouseholds(c)
}

// openHouseholds opens the release of each dataset of household meters. All of
// them share the private folder, so that none publishes what another does.
func (p *platform) openHouseholds(c opendata.Config) error {
	for i := range c.Datasets {
		d := &c.Datasets[i]
		if d.Households == nil {
			continue
		}
		release, err := household.New(household.Config{
			Dataset: d, Readings: c.Raw, Directory: p.directory, Store: c.Open, Publisher: c.Publisher,
			Dir: filepath.Join(p.cfg.DataDir, "households"), Retention: c.Retention, Log: p.log,
		})
		if err != nil {
			return err
		}
		p.openData = append(p.openData, unit{"households of " + d.ID, release.Run})
	}
	return nil
}

// errAggregating says that another process does it.
var errAggregating = errors.New("another process with role aggregate writes to this folder")

// lockFolder makes sure that the public files have one writer: each keeps in
// memory what it has written. The lock goes with the process.
func lockFolder(ctx context.Context, cfg config, within time.Duration) (io.Closer, error) {
	path := filepath.Join(cfg.DataDir, "aggregate.lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	for end := time.Now().Add(within); ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return file, nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		case time.Now().After(end):
			return nil, errors.Join(fmt.Errorf("%w: %s is locked", errAggregating, path), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
