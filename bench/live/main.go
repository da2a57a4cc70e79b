// The live program measures what listeners of the live stream cost.
//
// The hub and its HTTP server are a process of its own, so that its memory and
// CPU can be told from the rest; the listeners are another, and say when each
// event came. It knows what is sent, and leaves processes and tables to
// bench/measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"modellregion/bench/measure"
)

const usage = `Measures the live stream (/live) with many listeners.

Each run starts a server with stations that have one window each, and a process
with listeners, on the loopback. A step makes the windows of some stations
complete; each event is timed from before the step until a listener has it.

Columns: "quiet" is one window every step, as states change; "burst" are the
windows of all stations at once, as at the end of a quarter of an hour;
"one station" is a burst of which each listener wants one station.

Usage:
  go run ./bench/live [flags]

Flags:
`

// settings are the flags.
type settings struct {
	runs, listeners, stations, quiet, bursts int
	every                                    time.Duration
	within                                   time.Duration
}

func main() { os.Exit(measure.Main("live", run)) }

// run measures, or is one of the processes that are measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch measure.Role(args) {
	case roleServer:
		return measure.Serve(ctx, stdin, stdout, runServer)
	case roleListeners:
		return measure.Serve(ctx, stdin, stdout, runListeners)
	}
	var s settings
	flags := measure.Flags("live", usage, stderr)
	flags.IntVar(&s.runs, "runs", 3, "`runs` of each kind")
	flags.IntVar(&s.listeners, "listeners", 5000, "`listeners` at once")
	flags.IntVar(&s.stations, "stations", 100, "`stations` of a burst")
	flags.IntVar(&s.quiet, "quiet", 50, "`steps` of one window")
	flags.IntVar(&s.bursts, "bursts", 5, "`steps` of the windows of all stations")
	flags.DurationVar(&s.every, "every", 200*time.Millisecond, "time between two steps of one window; bursts have five times that")
	flags.DurationVar(&s.within, "within", 10*time.Minute, "give up after this time")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if s.runs < 1 || s.listeners < 1 || s.listeners > 15_000 || s.stations < 1 || s.stations > 10_000 || s.quiet < 1 || s.bursts < 1 || s.every <= 0 || flags.NArg() > 0 {
		return errors.New("want at least one run and step, 1 to 15000 listeners, 1 to 10000 stations, a time above zero, and no operands (see --help)")
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	return measureLive(ctx, s, stdout)
}

// measureLive makes all runs and prints the table.
func measureLive(ctx context.Context, s settings, out io.Writer) error {
	var table measure.Table
	kinds := []kind{
		{name: "quiet", steps: s.quiet, windows: 1, every: s.every},
		{name: "burst", steps: s.bursts, windows: s.stations, every: 5 * s.every},
		{name: "one station", steps: s.bursts, windows: s.stations, every: 5 * s.every, one: true},
	}
	for range s.runs {
		for _, k := range kinds {
			got, err := trial(ctx, s, k)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			got.note(func(row string, v float64) { table.Add(k.name, row, v) })
		}
	}
	return table.Print(out)
}
