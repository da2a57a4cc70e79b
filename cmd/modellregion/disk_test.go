package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/influx"
)

const gigabyte = 1e9

// falling are hourly samples of a disk that fills by so much a day.
func falling(hours int, from, perDay float64) []influx.DiskSample {
	var out []influx.DiskSample
	for h := range hours {
		out = append(out, influx.DiskSample{Time: time.Unix(int64(h)*3600, 0), Bytes: from - perDay*float64(h)/24})
	}
	return out
}

func TestFullIn(t *testing.T) {
	deleted := falling(14*24, 100*gigabyte, gigabyte)
	for i := range deleted {
		if i > 10*24 { // somebody makes room
			deleted[i].Bytes += 50 * gigabyte
		}
	}
	compacted := falling(14*24, 100*gigabyte, gigabyte)
	for i := range compacted {
		compacted[i].Bytes -= float64(i%24) / 24 * 3 * gigabyte // a saw, once a day
	}
	for _, test := range []struct {
		name    string
		samples []influx.DiskSample
		days    float64
	}{
		{"steady", falling(14*24, 100*gigabyte, gigabyte), 86},
		{"since yesterday", falling(26, 100*gigabyte, 2*gigabyte), 43},
		{"room was made", deleted, 86},
		{"compaction", compacted, 86},
		{"too little is known", falling(24, 100*gigabyte, gigabyte), math.Inf(1)},
		{"it does not fill", falling(14*24, 100*gigabyte, 0), math.Inf(1)},
		{"it empties", falling(14*24, 100*gigabyte, -gigabyte), math.Inf(1)},
		{"nothing is known", nil, math.Inf(1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := fullIn(test.samples, 86*gigabyte) / 86400
			if got != test.days && !(math.Abs(got-test.days) < test.days/10) {
				t.Errorf("full in %.1f days, want %.1f", got, test.days)
			}
		})
	}
}

// Somebody is told once a day, and at once when it gets worse.
func TestDiskTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sharedLog
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
		set := metrics.NewSet()
		d := newDisk(set, "/data", log)
		var free atomic.Int64
		free.Store(50 * gigabyte)
		d.stat = func() (float64, float64) { return float64(free.Load()), 100 * gigabyte }
		var away atomic.Bool
		var history atomic.Pointer[[]influx.DiskSample]
		history.Store(&[]influx.DiskSample{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- d.run(ctx, func(_ context.Context, since time.Time) ([]influx.DiskSample, error) {
				if at := time.Now().Add(-forecastFrom); !since.Equal(at) {
					t.Errorf("it asks for what was since %v, want %v", since, at)
				}
				if away.Load() {
					return nil, errors.New("away")
				}
				return *history.Load(), nil
			})
		}()
		after := func(pause time.Duration, want int, text string) {
			t.Helper()
			time.Sleep(pause)
			synctest.Wait()
			if n := strings.Count(out.String(), "the disk of the data folder fills"); n != want || !strings.Contains(out.String(), text) {
				t.Errorf("told %d times, want %d and %q in\n%s", n, want, text, out.String())
			}
		}
		after(2*time.Hour, 0, "")
		samples := falling(14*24, 100*gigabyte, 2*gigabyte)
		history.Store(&samples)
		after(2*time.Hour, 1, "level=WARN")
		after(0, 1, `full_in="25 days"`)
		if s := readMetrics(set); s[fullInMetric] != 25*86400 || s["modellregion_disk_free_bytes"] != 50*gigabyte || s["modellregion_disk_size_bytes"] != 100*gigabyte {
			t.Errorf("metrics %v", s)
		}
		away.Store(true) // it stays as it was
		after(20*time.Hour, 1, "")
		after(24*time.Hour, 2, "")
		free.Store(gigabyte)
		after(2*time.Minute, 3, "level=ERROR")
		after(25*time.Hour, 4, "free_percent=1")
		away.Store(false)
		empty := falling(14*24, 100*gigabyte, 0)
		history.Store(&empty)
		free.Store(50 * gigabyte)
		after(48*time.Hour, 4, "")
		free.Store(9 * gigabyte)
		after(2*time.Minute, 5, "full_in=unknown")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
