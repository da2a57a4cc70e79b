// The dashboards program measures how long the queries of the dashboards take
// on the embedded InfluxDB, with as many stations and as much past as a region
// has after a month.
//
// The database is a process of its own, as it is beside Grafana, and so is what
// fills it. This process asks what Grafana would ask, one query after the
// other. It knows what is stored, and leaves processes and tables to
// bench/measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"modellregion/bench/measure"
)

const usage = `Measures the queries of all dashboards on a database with a past.

The stations are those of the simulator: 40 % count traffic each minute, 30 %
measure the grid, 15 % a road, 15 % the air. Bucket raw has all that they said,
with radio and doubts; bucket open has windows of all of them.

Each query runs a few times, with all stations chosen, or one where a dashboard
is about one: over the range that the dashboard opens with, and over a month.

Filling takes most of the time: with --dir the database is kept, goes on where
it stopped, and is used again while its future, three hours by default, is not
over.

Usage:
  go run ./bench/dashboards [flags]

Flags:
`

// settings are the flags.
type settings struct {
	stations, days, full, runs int
	dir                        string
	ahead, limit, within       time.Duration
	slowest                    int
}

func main() { os.Exit(measure.Main("dashboards", run)) }

// run measures, or is one of the processes beside.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch measure.Role(args) {
	case roleInflux:
		return measure.Serve(ctx, stdin, stdout, runInflux)
	case roleFill:
		return measure.Serve(ctx, stdin, stdout, runFill)
	}
	var s settings
	flags := measure.Flags("dashboards", usage, stderr)
	flags.IntVar(&s.stations, "stations", 1000, "`stations` of the region")
	flags.IntVar(&s.days, "days", 30, "`days` of past")
	flags.IntVar(&s.full, "full", 2, "`days` of it with each report; before, a device has one in a quarter of an hour")
	flags.IntVar(&s.runs, "runs", 5, "`runs` of each query")
	flags.IntVar(&s.slowest, "slowest", 15, "`queries` that are listed, the slowest first")
	flags.StringVar(&s.dir, "dir", "", "`folder` in which the database is kept")
	flags.DurationVar(&s.ahead, "ahead", 3*time.Hour, "future that is filled as well, since queries ask for the present")
	flags.DurationVar(&s.limit, "limit", 200*time.Millisecond, "median above which a query is too slow")
	flags.DurationVar(&s.within, "within", 2*time.Hour, "give up after this time")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if s.stations < 20 || s.stations > 100_000 || s.days < 1 || s.days > 80 || s.full < 0 || s.runs < 1 || s.ahead < 0 || flags.NArg() > 0 {
		return errors.New("want 20 to 100000 stations, 1 to 80 days, at least one run, and no operands (see --help)")
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	return measureAll(ctx, s, stdout)
}

// measureAll fills a database where there is none and asks it everything.
func measureAll(ctx context.Context, s settings, out io.Writer) (err error) {
	dir := s.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "bench-dashboards-"); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	var server access
	child, err := measure.Start(ctx, roleInflux, false, filepath.Join(dir, "influx"), &server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	until, err := filled(ctx, s, dir, server, out)
	if err != nil {
		return err
	}
	if time.Until(until) < time.Minute {
		return fmt.Errorf("the database in %s has values until %v alone: remove it", dir, until)
	}
	if _, err := child.Quiet(ctx, 10*time.Second); err != nil {
		return err
	}
	return ask(ctx, s, server, child, out)
}
