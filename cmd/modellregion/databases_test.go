//go:build !ingestonly

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/internal/influx"
)

// The buckets of a server that is away, then without rights, then mended.
func TestSetUpGoesOn(t *testing.T) {
	away := influx.New(influx.Config{URL: "http://127.0.0.1:1"})
	defer away.Close()
	refused := away.SetUp(t.Context(), 24*time.Hour)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries []time.Duration
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() {
			done <- setUp(ctx, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) error {
				tries = append(tries, time.Since(began))
				switch len(tries) {
				case 1, 2:
					return refused
				case 3:
					return errors.New("it is missing, and the token may not create it")
				}
				return nil
			})
		}()
		time.Sleep(time.Hour) // of the bubble
		cancel()
		if err := <-done; err != nil || fmt.Sprint(tries) != "[0s 10s 20s 1m20s]" {
			t.Errorf("tried at %v, %v", tries, err)
		}
		if got := log.String(); strings.Count(got, "level=WARN") != 2 || strings.Count(got, "level=ERROR") != 1 {
			t.Errorf("log:\n%s", got)
		}
	})
}

// A platform starts although the database of others is away.
func TestStartWithoutInflux(t *testing.T) {
	cfg, err := loadConfig(region(t, "/var/lib/modellregion", t.TempDir(), "  listen: 127.0.0.1:8086", "  url: http://127.0.0.1:1",
		"http: 127.0.0.1:8080", "http: 127.0.0.1:0", "internal: 127.0.0.1:9090", "internal: 127.0.0.1:0",
		"listen: 127.0.0.1:1883", "listen: 127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPlatform(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(p.units(), func(u unit) bool { return u.name == "InfluxDB set-up" }) {
		t.Error("nobody goes on trying to set InfluxDB up")
	}
	if err := p.ready(t.Context()); err == nil || !strings.Contains(err.Error(), "InfluxDB") {
		t.Errorf("ready: %v", err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}
