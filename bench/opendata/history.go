package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/simulate/history"
	"modellregion/opendata"
	"modellregion/opendata/files"
)

// historyCmd measures what a past of a region takes: how fast its windows are
// stored, and how large they are in bucket open and in the files.
type historyCmd struct {
	Stations int           `default:"300" help:"Stations, as modellregion simulate history invents them."`
	Full     bool          `help:"Each measures all that its kind can."`
	Days     int           `default:"365" help:"Days of them, up to yesterday."`
	Files    int           `default:"28" help:"Days of which files are written, the newest. 0: none."`
	Compact  bool          `default:"true" negatable:"" help:"Wait until the database has compacted: a quarter of an hour."`
	Quiet    time.Duration `default:"15s" help:"The database has compacted when it has written nothing for this long."`
	Within   time.Duration `default:"60m" help:"Give up after this time."`
}

// past is what is measured. It is the Directory of its files.
type past struct {
	dir      string
	database *measure.Child
	login    influx.Config
	db       *influx.Client
	datasets []opendata.Dataset
	*history.Generator
	stations []devices.Station // ordered by id
	table    measure.Table

	windows, numbers, ofDays int64 // that are stored
}

// Run measures and prints.
func (c *historyCmd) Run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench-history-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	p := &past{dir: dir, datasets: opendata.Defaults()}
	defer func() { err = errors.Join(err, p.stop(), os.RemoveAll(dir)) }()
	p.Generator, err = history.New(history.Config{
		Seed: 1, Stations: c.Stations, Full: c.Full, Datasets: p.datasets,
		Municipalities: []history.Municipality{{ID: "paderborn", Centre: devices.Place{Lat: 51.7189, Lon: 8.7575}}, {ID: "soest", Centre: devices.Place{Lat: 51.5711, Lon: 8.1065}}},
	})
	if err != nil {
		return err
	}
	p.stations = p.Generator.Stations()
	slices.SortFunc(p.stations, func(a, b devices.Station) int { return strings.Compare(a.ID, b.ID) })
	var days []opendata.Day
	for d := opendata.DayOf(time.Now().Add(-24 * time.Hour)); len(days) < max(1, c.Days); d = opendata.DayOf(d.Span().Start.Add(-time.Hour)) {
		days = append(days, d)
	}
	slices.Reverse(days)
	if err := p.start(ctx); err != nil {
		return err
	}
	if err := p.fill(ctx, days); err != nil {
		return err
	}
	if c.Compact {
		if err := p.compact(ctx, c.Quiet); err != nil {
			return err
		}
	}
	if err := p.check(ctx, devices.Span{Start: days[0].Span().Start, End: days[len(days)-1].Span().End}); err != nil {
		return err
	}
	if n := min(c.Files, len(days)); n > 0 {
		if err := p.publish(ctx, days[len(days)-n:]); err != nil {
			return err
		}
	}
	return p.table.Print(out)
}

func (p *past) start(ctx context.Context) (err error) {
	if p.database, err = measure.Start(ctx, roleInflux, false, filepath.Join(p.dir, "influx"), &p.login); err == nil {
		p.db = influx.New(p.login)
	}
	return err
}

func (p *past) stop() error {
	if p.db != nil {
		p.db.Close()
		p.db = nil
	}
	if p.database == nil {
		return nil
	}
	err := p.database.Stop()
	p.database = nil
	return err
}

// bucket is the table's column for what is in bucket open.
const bucket = "bucket open"

// numbers is how many numbers a window says: how many readings and their
// coverage, and what they were.
func numbers(a *devices.Aggregate) int {
	if a.Quantity.Kind == devices.Gauge {
		return 5
	}
	return 3 + len(a.Shares)
}

// fill stores the days.
func (p *past) fill(ctx context.Context, days []opendata.Day) error {
	var windows, quarters, ofDays, told atomic.Int64
	work := make(chan opendata.Day, len(days))
	for _, d := range days {
		work <- d
	}
	close(work)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for range runtime.NumCPU() {
		group.Go(func() error {
			m := p.Maker()
			for d := range work {
				err := m.Day(d, func(set *opendata.Dataset, w opendata.Window, rows []devices.Aggregate) error {
					windows.Add(int64(len(rows)))
					switch w {
					case opendata.Quarter:
						quarters.Add(int64(len(rows)))
					case opendata.Day24:
						ofDays.Add(int64(len(rows)))
					}
					for i := range rows {
						told.Add(int64(numbers(&rows[i])))
					}
					return p.db.Put(ctx, set.ID, time.Duration(w), rows)
				})
				if err != nil {
					return fmt.Errorf("store %s: %w", d, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	p.windows, p.numbers, p.ofDays = windows.Load(), told.Load(), ofDays.Load()
	usage, err := p.database.Usage()
	if err != nil {
		return err
	}
	self, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	add := func(row string, v float64) { p.table.Add(bucket, row, v) }
	add("windows of 15 minutes", float64(quarters.Load()))
	add("windows", float64(p.windows))
	add("numbers", float64(p.numbers))
	add("stored in, s", took.Seconds())
	add("windows/s", float64(p.windows)/took.Seconds())
	add("CPU of InfluxDB, s", usage.CPU.Seconds())
	add("CPU of the generator and client, s", self.CPU.Seconds())
	add("peak memory of InfluxDB, MB", measure.MB(usage.Peak))
	add("peak memory of the generator and client, MB", measure.MB(self.Peak))
	return nil
}

// compact makes the database believe that a day has gone by: then it compacts
// what is not written to any more, which it otherwise does after four hours. It
// first waits for the log to be emptied, ten minutes after the last write.
func (p *past) compact(ctx context.Context, quiet time.Duration) error {
	before, err := sizeOf(filepath.Join(p.dir, "influx"))
	if err != nil {
		return err
	}
	if err := p.emptyLog(ctx); err != nil {
		return err
	}
	if err := p.stop(); err != nil {
		return err
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	err = filepath.WalkDir(filepath.Join(p.dir, "influx"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Chtimes(path, yesterday, yesterday)
	})
	if err != nil {
		return fmt.Errorf("age the database: %w", err)
	}
	if err := p.start(ctx); err != nil {
		return err
	}
	if _, err := p.database.Quiet(ctx, quiet); err != nil {
		return err
	}
	after, err := sizeOf(filepath.Join(p.dir, "influx"))
	if err != nil {
		return err
	}
	p.table.Add(bucket, "on disk at once, MB", float64(before.disk)/1e6)
	p.table.Add(bucket, "on disk after compaction, MB", float64(after.disk)/1e6)
	p.table.Add(bucket, "of it values, MB", float64(after.tsm)/1e6)
	p.table.Add(bucket, "bytes per window", float64(after.tsm)/float64(p.windows))
	p.table.Add(bucket, "bytes per number", float64(after.tsm)/float64(p.numbers))
	return nil
}

// check compares the windows of days with what was stored.
func (p *past) check(ctx context.Context, span devices.Span) error {
	found := int64(0)
	for _, t := range p.Tables() {
		rows, err := p.db.Windows(ctx, t.Dataset.ID, time.Duration(opendata.Day24), span, "")
		if err != nil {
			return err
		}
		found += int64(len(rows))
	}
	if found != p.ofDays {
		return fmt.Errorf("the database has %d windows of days, %d were stored", found, p.ofDays)
	}
	return nil
}

// emptyLog waits until all that was written is in files for values.
func (p *past) emptyLog(ctx context.Context) error {
	for {
		logs, err := filepath.Glob(filepath.Join(p.dir, "influx", "wal", "*", "*", "*", "*.wal"))
		if err != nil {
			return fmt.Errorf("find the log of the database: %w", err)
		}
		left := int64(0)
		for _, path := range logs {
			if info, err := os.Stat(path); err == nil { // it may be gone meanwhile
				left += info.Size()
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the log of the database to be emptied: %w", ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// sizes is how large the files below a folder are, in bytes.
type sizes struct {
	all  int64
	disk int64 // what they take of it: InfluxDB lays out some larger than they are full
	tsm  int64 // those of InfluxDB with the values
}

func sizeOf(dir string) (s sizes, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		const block = 512 // of stat(2)
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			s.disk += stat.Blocks * block
		}
		s.all += info.Size()
		if strings.HasSuffix(path, ".tsm") {
			s.tsm += info.Size()
		}
		return nil
	})
	if err != nil {
		return sizes{}, fmt.Errorf("measure folder: %w", err)
	}
	return s, nil
}

// publish writes the files of days, and of their months.
func (p *past) publish(ctx context.Context, days []opendata.Day) (err error) {
	latest := opendata.NewLatest()
	if err := latest.Load(ctx, p.db, p.datasets, time.Now()); err != nil {
		return err
	}
	f, err := files.Open(files.Config{Dir: filepath.Join(p.dir, "open"), Datasets: p.datasets, Reader: p.db, Directory: p, Latest: latest})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	self, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	began := time.Now()
	for _, t := range p.Tables() {
		if err := f.Publish(ctx, t.Dataset, days); err != nil {
			return err
		}
	}
	took := time.Since(began)
	now, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	add := func(row string, v float64) { p.table.Add("files", row, v) }
	add("days", float64(len(days)))
	add("written in, s", took.Seconds())
	add("CPU of the writer, s", (now.CPU - self.CPU).Seconds())
	size, err := sizeOf(filepath.Join(p.dir, "open"))
	if err != nil {
		return err
	}
	add("with compressed siblings, MB", float64(size.all)/1e6)
	return p.perRow()
}

// perRow finds from the indexes of the months how large a row is.
func (p *past) perRow() error {
	indexes, err := filepath.Glob(filepath.Join(p.dir, "open", "data", "*", "20??-??.json"))
	if err != nil {
		return fmt.Errorf("find indexes: %w", err)
	}
	rows, bytes := map[string]float64{}, map[string]float64{}
	for _, path := range indexes {
		var month struct {
			Entries []struct {
				Rows  int `json:"rows"`
				Files []struct {
					Path   string `json:"path"`
					Format string `json:"format"`
					Bytes  int64  `json:"bytes"`
				} `json:"files"`
			} `json:"entries"`
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &month)
		}
		if err != nil {
			return fmt.Errorf("read index: %w", err)
		}
		for _, e := range month.Entries {
			for _, file := range e.Files {
				rows[file.Format] += float64(e.Rows)
				bytes[file.Format] += float64(file.Bytes)
				for _, coding := range []string{".gz", ".zst"} {
					info, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(file.Path)) + coding)
					if err == nil {
						rows[file.Format+coding] += float64(e.Rows)
						bytes[file.Format+coding] += float64(info.Size())
					}
				}
			}
		}
	}
	for _, format := range slices.Sorted(maps.Keys(rows)) {
		p.table.Add("files", "bytes per row, "+format, bytes[format]/rows[format])
	}
	return nil
}

// Stations implements opendata.Directory, as do the next two.
func (p *past) Stations() []devices.Station { return p.stations }

// Interval is that of every station.
func (p *past) Interval(string, *devices.Quantity) time.Duration { return 5 * time.Minute }

// Fact knows none: what is derived is in bucket open.
func (p *past) Fact(string, string) (float64, bool) { return 0, false }
