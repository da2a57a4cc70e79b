package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/strictyaml"
	"modellregion/internal/systemd"
)

// service runs one platform after the other. With a new configuration the whole
// platform is replaced (ADR 0034): nothing is lost by that, since edges keep what
// is not confirmed, and no part has to know how to change while it runs.
type service struct {
	load   func() (config, error)
	log    *slog.Logger
	notify *systemd.Notifier
	reload <-chan os.Signal

	current atomic.Pointer[platform] // nil while one takes the place of another
	done    atomic.Uint64            // reloads that put another platform in place
	refused atomic.Uint64            // for mistakes in the configuration
	failed  atomic.Uint64            // the old configuration was opened again
}

// run runs the platform until ctx ends.
func (s *service) run(ctx context.Context, cfg config) error {
	p, err := s.open(ctx, cfg)
	if err != nil {
		return err
	}
	s.current.Store(p)
	telling, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { _ = s.notify.Run(telling, s) }) // it returns nil
	defer wait.Wait()
	defer stop()
	for {
		next, began, err := s.serve(ctx, p)
		if next == nil || err != nil {
			return err
		}
		s.current.Store(nil)
		if p, err = s.replace(ctx, p.cfg, *next); err != nil {
			if ctx.Err() != nil {
				return nil // asked to end while it opened
			}
			return err
		}
		s.current.Store(p)
		s.log.Info("platform was replaced", "took", time.Since(began).Round(time.Millisecond))
		s.notify.Ready()
	}
}

// open opens a platform that shows what became of reloads.
func (s *service) open(ctx context.Context, cfg config) (*platform, error) {
	p, err := openPlatform(ctx, cfg, s.log, nil)
	if err != nil {
		return nil, err
	}
	if cfg.runsOnly(roleIngest) {
		spareMemory(p.index.Len())
	}
	p.metrics.RegisterMetricsWriter(func(w io.Writer) {
		const name = "modellregion_reloads_total"
		metrics.WriteCounterUint64(w, name+`{result="done"}`, s.done.Load())
		metrics.WriteCounterUint64(w, name+`{result="refused"}`, s.refused.Load())
		metrics.WriteCounterUint64(w, name+`{result="failed"}`, s.failed.Load())
	})
	return p, nil
}

// serve runs a platform until ctx ends, or returns the configuration that is to
// take its place, and since when there is none.
func (s *service) serve(ctx context.Context, p *platform) (next *config, began time.Time, err error) {
	err = p.run(ctx, func(ctx context.Context) error {
		facts := []any{"roles", p.cfg.roleNames(","), "internal", "http://" + p.internal.addr() + "/", "data_dir", p.cfg.DataDir}
		if p.publicHTTP != nil {
			facts = append(facts, "portal", "http://"+p.publicHTTP.addr()+"/")
		}
		s.log.Info("platform runs", facts...)
		for {
			select {
			case <-ctx.Done():
				s.log.Info("platform stops")
				return nil
			case <-s.reload:
			}
			s.notify.Reloading()
			cfg, err := s.another(p.cfg)
			if err != nil {
				s.refused.Add(1)
				s.log.Error("new configuration is refused, the platform goes on with the old one", "err", err)
				s.notify.Ready()
				continue
			}
			next, began = &cfg, time.Now()
			s.log.Info("platform stops, to start with its new configuration")
			return nil
		}
	})
	return next, began, err
}

// another reads the configuration again and checks it as far as that is possible
// while the old one is in use.
func (s *service) another(old config) (config, error) {
	cfg, err := s.load()
	if err != nil {
		return config{}, err
	}
	var errs []error
	fixed := func(same bool, key, format string, args ...any) {
		if !same {
			errs = append(errs, &strictyaml.Fault{Line: cfg.lines.Of(key), Text: key + ": " + fmt.Sprintf(format, args...)})
		}
	}
	fixed(cfg.DataDir == old.DataDir, "data_dir", "%q, and the platform runs with %q: to move it, stop the platform, move the folder and start it again", cfg.DataDir, old.DataDir)
	fixed(slices.Equal(cfg.Roles, old.Roles), "roles", "%s, and the process runs %s: stop it and start it again", cfg.roleNames(", "), old.roleNames(", "))
	_, err = knownProfiles(cfg)
	return cfg, errors.Join(append(errs, err)...)
}

// replace opens a platform with the next configuration, or else once more with
// the old one. An error means that there is none.
func (s *service) replace(ctx context.Context, old, next config) (*platform, error) {
	p, err := s.open(ctx, next)
	if err == nil {
		s.done.Add(1)
		return p, nil
	}
	if ctx.Err() != nil {
		return nil, err
	}
	s.failed.Add(1)
	s.log.Error("platform does not start with its new configuration, the old one is taken again", "err", err)
	if p, err = s.open(ctx, old); err != nil {
		return nil, fmt.Errorf("start again with the old configuration: %w", err)
	}
	return p, nil
}

// Health implements systemd.Subject. A dependency that is away is no reason to
// start again, and a part that fails ends the process anyway.
func (s *service) Health() error { return nil }

// Summary implements systemd.Subject.
func (s *service) Summary() string {
	p := s.current.Load()
	if p == nil {
		return "reads its configuration again"
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	text := p.cfg.roleNames(", ")
	if p.index != nil {
		text += fmt.Sprintf("; %d devices", p.index.Len())
	}
	if err := p.ready(ctx); err != nil {
		return text + "; not ready: " + err.Error()
	}
	return text + "; ready"
}
