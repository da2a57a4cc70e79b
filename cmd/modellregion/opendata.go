//go:build !ingestonly

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/influx"
	"modellregion/opendata"
)

type openDataCmd struct {
	Datasets openDataDatasetsCmd `cmd:"" help:"Print the datasets that are published, as YAML for region.yaml."`
	Rebuild  openDataRebuildCmd  `cmd:"" help:"Compute the windows and files of some days anew from the raw readings."`
}

type openDataDatasetsCmd struct{ withConfig }

// Help teaches how to change them.
func (openDataDatasetsCmd) Help() string {
	return `What is printed is the key datasets with everything that may be left out. To change a dataset, put it all into region.yaml, change it there and check:

  modellregion opendata datasets -c region.yaml >> region.yaml      when there is no key datasets yet
  modellregion check region.yaml

A dataset that is not in the list is published no more; its files stay until a station is withdrawn. An id is for ever: it is in addresses, files and the database.`
}

// Run prints the datasets.
func (c openDataDatasetsCmd) Run(t *terminal) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	sets := cfg.datasets()
	for i := range sets { // what the region says need not be said again
		if sets[i].Publisher == cfg.Region.Publisher {
			sets[i].Publisher = ""
		}
		if sets[i].Contact == cfg.Region.Contact {
			sets[i].Contact = ""
		}
	}
	return writeDatasets(t.out, sets)
}

type openDataRebuildCmd struct {
	withConfig
	From date `required:"" help:"First day, in Germany." placeholder:"2026-11-01"`
	To   date `required:"" help:"Last day, itself included; of today what is over." placeholder:"2026-11-23"`
}

// date is a day in Germany on a command line.
type date struct{ opendata.Day }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *date) UnmarshalText(text []byte) (err error) {
	d.Day, err = opendata.ParseDay(string(text))
	return err
}

// Help teaches when it is needed, and when not.
func (openDataRebuildCmd) Help() string {
	return `Late readings need no rebuild: the platform computes anew what they touch. It is for what the platform cannot know:

  - a new version computes something otherwise, or region.yaml has a new dataset, quantity or window
  - districts, roads or facts like free_speed were given to devices after they reported
  - bucket open or the folder of files was lost

Each day is read from bucket raw, which keeps readings for raw_retention only: what is older stays as it was published. The same days again give the same result, so it may be stopped at any time (Ctrl-C) and repeated. Days of households are decided once and for ever and are left alone.

The platform may run meanwhile: then the process with role aggregate does the work. With an InfluxDB of its own (influx.url), it may also be stopped.`
}

// Run rebuilds and tells how far it is.
func (c openDataRebuildCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	order := rebuildOrder{From: c.From.String(), To: c.To.String()}
	if _, err := order.span(&cfg, time.Now()); err != nil {
		return err
	}
	began := time.Now()
	progress := func(done, total int) {
		fmt.Fprintln(t.err, progressLine(done, total, time.Since(began)))
	}
	lock, err := lockFolder(ctx, cfg, 0)
	switch {
	case errors.Is(err, errAggregating):
		err = order.send(ctx, cfg, progress)
	case err != nil:
	case cfg.Influx.URL == "":
		err = errors.Join(errors.New("nobody computes open data with this configuration, and the embedded InfluxDB is a part of modellregion serve: start that first"), lock.Close())
	default:
		if err = lock.Close(); err == nil {
			err = order.work(ctx, cfg, t, progress)
		}
	}
	if err != nil {
		return fmt.Errorf("rebuild from %s to %s: %w", c.From, c.To, err)
	}
	fmt.Fprintf(t.out, "rebuilt from %s to %s\n", c.From, c.To)
	return nil
}

// progressLine says how far a rebuild is, how fast, and for how long.
func progressLine(done, total int, took time.Duration) string {
	line := fmt.Sprintf("%d of %d days", done, total)
	if done == 0 || took <= 0 {
		return line
	}
	each := took / time.Duration(done)
	line += fmt.Sprintf(", %.1f days a minute", float64(done)/took.Minutes())
	if left := each * time.Duration(total-done); left > 0 {
		line += fmt.Sprintf(", about %v left", left.Round(time.Second))
	}
	return line
}

// work rebuilds in this process, while none runs with role aggregate.
func (o rebuildOrder) work(ctx context.Context, cfg config, t *terminal, progress func(done, total int)) (err error) {
	cfg.Roles = []role{roleAggregate}
	login, err := cfg.Influx.login()
	if err != nil {
		return err
	}
	p := &platform{cfg: cfg, log: t.log, metrics: metrics.NewSet(), influx: influx.New(login)}
	defer func() { err = errors.Join(err, p.closeStores()) }()
	if err := p.influx.Ping(ctx); err != nil {
		return fmt.Errorf("InfluxDB at %s does not answer: %w", cfg.Influx.URL, err)
	}
	if err := p.openDevices(ctx, nil); err != nil {
		return err
	}
	rebuilder, err := p.openComputing(ctx, &faces{datasets: cfg.datasets(), latest: opendata.NewLatest()})
	if err != nil {
		return err
	}
	return rebuilder.do(ctx, o, progress)
}

// send has the process with role aggregate rebuild. Which of those that run it
// is, an answer tells: others do not know the address.
func (o rebuildOrder) send(ctx context.Context, cfg config, progress func(done, total int)) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	resp, err := askPlatform(ctx, cfg, rebuildPath, "opendata rebuild", body)
	if err != nil {
		return err
	}
	if resp == nil {
		return fmt.Errorf("a process with role aggregate has locked %s, and none answers at its internal address: does it run on another machine, or is it starting?", cfg.DataDir)
	}
	return errors.Join(followRebuild(resp, progress), resp.Body.Close())
}

// askPlatform posts a command to the process of this folder that knows the path,
// and returns its answer, or nil when none does.
func askPlatform(ctx context.Context, cfg config, at, command string, body []byte) (*http.Response, error) {
	for _, addr := range internalAddresses(cfg) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+at, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("ask the platform at %s: %w", addr, err)
		}
		req.Header.Set(commandHeader, command)
		resp, err := http.DefaultClient.Do(req)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if gone := (*net.OpError)(nil); errors.As(err, &gone) && gone.Op == "dial" {
			continue // an earlier process wrote where it was
		}
		if err != nil {
			return nil, fmt.Errorf("ask the platform at %s: %w", addr, err)
		}
		if resp.StatusCode != http.StatusNotFound {
			return resp, nil
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// followRebuild reads the lines of an answer to its end.
func followRebuild(resp *http.Response, progress func(done, total int)) error {
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return errors.Join(fmt.Errorf("the platform answers: %s", bytes.TrimSpace(text)), err)
	}
	lines := json.NewDecoder(resp.Body)
	for {
		var l rebuildLine
		if err := lines.Decode(&l); err != nil {
			return fmt.Errorf("the platform has stopped before it was done: %w", err)
		}
		switch {
		case l.Error != "":
			return errors.New(l.Error)
		case l.Finished:
			return nil
		default:
			progress(l.Done, l.Total)
		}
	}
}

// internalAddresses are where the processes of this folder are for operators.
func internalAddresses(cfg config) []string {
	out := []string{cfg.Internal}
	found, _ := filepath.Glob(filepath.Join(cfg.DataDir, "endpoints*.json")) // the pattern is good
	for _, path := range found {
		var at struct{ Internal string }
		data, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(data, &at) == nil && at.Internal != "" && at.Internal != cfg.Internal {
			out = append(out, at.Internal)
		}
	}
	return out
}
