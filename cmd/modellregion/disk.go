package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"modellregion/internal/influx"
)

const (
	diskEvery     = time.Minute
	forecastEvery = time.Hour
	forecastFrom  = 14 * 24 * time.Hour // what is looked at to tell how a disk fills
	forecastLeast = 24 * time.Hour      // of that, before anything is said: compaction takes and gives back
	tellDiskEvery = 24 * time.Hour

	// When somebody is told. InfluxDB needs room to compact, and takes nothing
	// on a full disk.
	fullSoon     = 30 * 24 * time.Hour
	littleFree   = 0.1
	nothingFree  = 0.02
	fullInMetric = "modellregion_disk_full_in_seconds"
)

// disk watches the disk of the data folder. When it will be full follows from
// what bucket raw has kept of it, so that a restart forgets nothing.
type disk struct {
	dir    string
	log    *slog.Logger
	stat   func() (free, size float64) // bytes; not a number when that is not known
	fullIn atomic.Uint64               // bits of a float64: seconds; +Inf while it does not fill or that is not known
}

// newDisk shows the disk among the metrics.
func newDisk(set *metrics.Set, dir string, log *slog.Logger) *disk {
	d := &disk{dir: dir, log: log, stat: func() (free, size float64) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			return math.NaN(), math.NaN()
		}
		return float64(s.Bavail) * float64(s.Bsize), float64(s.Blocks) * float64(s.Bsize)
	}}
	d.fullIn.Store(math.Float64bits(math.Inf(1)))
	set.NewGauge("modellregion_disk_free_bytes", func() float64 { free, _ := d.stat(); return free })
	set.NewGauge("modellregion_disk_size_bytes", func() float64 { _, size := d.stat(); return size })
	set.NewGauge(fullInMetric, d.seconds)
	return d
}

func (d *disk) seconds() float64 { return math.Float64frombits(d.fullIn.Load()) }

// run looks each minute until ctx ends, and says once a day what somebody has to
// do something about. history returns what was free since a time; nil: nobody
// knows.
func (d *disk) run(ctx context.Context, history func(ctx context.Context, since time.Time) ([]influx.DiskSample, error)) error {
	ticker := time.NewTicker(diskEvery)
	defer ticker.Stop()
	var forecast, told time.Time
	worst := slog.LevelInfo // that was told
	for {
		now := time.Now()
		free, size := d.stat()
		if history != nil && now.Sub(forecast) >= forecastEvery {
			within, cancel := context.WithTimeout(ctx, figuresWithin)
			samples, err := history(within, now.Add(-forecastFrom))
			cancel()
			if err == nil {
				d.fullIn.Store(math.Float64bits(fullIn(samples, free)))
				forecast = now
			} else { // the database is away, which others tell; until then it is as it was
				d.log.Debug("when the disk will be full is not known", "err", err)
			}
		}
		level := d.level(free, size)
		if level > slog.LevelInfo && (level > worst || now.Sub(told) >= tellDiskEvery) {
			d.log.Log(ctx, level, "the disk of the data folder fills", "data_dir", d.dir, "free", bytesText(int64(free)),
				"free_percent", math.Round(100*free/size), "full_in", daysText(d.seconds()))
			told = now
		}
		if level == slog.LevelInfo || level > worst {
			worst = level
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// level says how much it matters; without a number it is not known and does not.
func (d *disk) level(free, size float64) slog.Level {
	switch share := free / size; {
	case share < nothingFree:
		return slog.LevelError
	case share < littleFree, d.seconds() < fullSoon.Seconds():
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// fullIn returns in how many seconds a disk with so many free bytes will be full
// if it goes on filling as it did: the median of the slopes between all pairs of
// samples (Theil, 1950; Sen, 1968), so that neither a deleted backup nor a
// compaction counts for more than its time. It is infinite where the disk does
// not fill or too little is known.
func fullIn(samples []influx.DiskSample, free float64) float64 {
	if len(samples) < 2 || samples[len(samples)-1].Time.Sub(samples[0].Time) < forecastLeast {
		return math.Inf(1)
	}
	slopes := make([]float64, 0, len(samples)*(len(samples)-1)/2) // bytes a second
	for i, a := range samples {
		for _, b := range samples[i+1:] {
			slopes = append(slopes, (b.Bytes-a.Bytes)/b.Time.Sub(a.Time).Seconds())
		}
	}
	slices.Sort(slopes)
	slope := (slopes[(len(slopes)-1)/2] + slopes[len(slopes)/2]) / 2
	if !(slope < 0) {
		return math.Inf(1)
	}
	return free / -slope
}

// daysText writes a forecast for people.
func daysText(seconds float64) string {
	if math.IsInf(seconds, 1) {
		return "unknown"
	}
	return fmt.Sprintf("%.0f days", seconds/86400)
}

// bytesText writes a size for people.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1e3)
}
