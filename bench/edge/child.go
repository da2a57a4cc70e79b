package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/edge"
)

const roleEdge = "edge"

// edgeConfig is what the edge's process is told.
type edgeConfig struct {
	Name, Dir, MQTT, Password, Profile, DevicesFile string
}

// edgeReady is what it answers when it serves.
type edgeReady struct {
	UDP string
}

// runEdge runs an edge as cmd/edge-gateway does, with its defaults.
func runEdge(ctx context.Context, c edgeConfig, ready func(any) error) (err error) {
	debug.SetGCPercent(50)
	stop, err := measure.Profile(c.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e, err := edge.Open(edge.Config{
		Name: c.Name, Dir: c.Dir, UDP: "127.0.0.1:0", UDPRate: -1, MQTT: edge.MQTT{URL: c.MQTT, Password: c.Password},
		DevicesFile: c.DevicesFile, Version: "bench", Log: log,
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.Run(ctx) })
	group.Go(func() error {
		for e.Ready() != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(10 * time.Millisecond):
			}
		}
		return ready(edgeReady{UDP: e.Addr().String()})
	})
	return group.Wait()
}
