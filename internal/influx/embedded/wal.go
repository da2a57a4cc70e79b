package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/influxdata/influxdb/tsdb/engine/tsm1"
)

// mendLogs cuts off what a full disk, or a loss of power, left unfinished at the
// end of the write-ahead logs in dir.
//
// InfluxDB 1.8 cuts it off too, but after it has opened the file to go on at its
// old end (tsm1.WAL.Open, then CacheLoader.Load). What it acknowledges from then
// on stands behind a hole, and the next start cuts it off with the hole
// (influxdata/influxdb #9657; docs/adr/0036-torn-log.md).
func mendLogs(dir string, log *slog.Logger) error {
	shards, err := filepath.Glob(filepath.Join(dir, "*", "*", "*")) // database, retention policy, shard
	if err != nil {
		return fmt.Errorf("find the write-ahead logs in %s: %w", dir, err)
	}
	for _, shard := range shards {
		segments, err := filepath.Glob(filepath.Join(shard, tsm1.WALFilePrefix+"*."+tsm1.WALFileExtension))
		if err != nil {
			return fmt.Errorf("find the write-ahead log in %s: %w", shard, err)
		}
		if len(segments) == 0 {
			continue
		}
		last := segments[len(segments)-1] // by name, which has five digits; none but the last is written to again
		cut, err := mendLog(last)
		if err != nil {
			return fmt.Errorf("mend the write-ahead log %s: %w", last, err)
		}
		if cut > 0 && log != nil {
			log.Warn("InfluxDB's write-ahead log ended in the middle of an entry, which was never acknowledged; it was cut off", "path", last, "bytes", cut)
		}
	}
	return nil
}

// mendLog cuts a segment behind its last whole entry and returns how much it cut.
func mendLog(path string) (cut int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	r := tsm1.NewWALSegmentReader(f)
	defer func() { err = errors.Join(err, r.Close()) }() // and f
	for r.Next() {
		if _, err := r.Read(); err != nil {
			if _, ok := errors.AsType[*fs.PathError](err); ok { // the disk does not let it be read
				return 0, err
			}
			info, err := f.Stat()
			if err == nil {
				err = f.Truncate(r.Count())
			}
			if err == nil {
				err = f.Sync()
			}
			if err != nil {
				return 0, err
			}
			return info.Size() - r.Count(), nil
		}
	}
	return 0, nil
}
