// The ingest program measures what an uplink costs the platform: from a
// message on the broker to a confirmation after the database has it.
//
// The ingest, with its MQTT client and its InfluxDB writer, is a process of
// its own, and so is the embedded InfluxDB. This process is the broker and the
// edges. It knows what is sent and what must be stored, and leaves processes
// and tables to bench/measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"modellregion/bench/measure"
)

const usage = `Measures the ingest: MQTT messages in, points in InfluxDB and confirmations out.

Four edges publish as fast as their windows of 4096 unconfirmed uplinks allow,
in messages of 1, 16 and 256 uplinks with four readings each. Each run starts
with an empty database. At the end the points are counted in InfluxDB.

Usage:
  go run ./bench/ingest [flags]

Flags:
`

// settings are the flags.
type settings struct {
	uplinks, devices, runs int
	within                 time.Duration
	seed                   uint64
	dir, profile           string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/ingest:", err)
		os.Exit(1)
	}
}

// run measures, or is one of the processes that are measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch measure.Role(args) {
	case roleInflux:
		return measure.Serve(ctx, stdin, stdout, runInflux)
	case roleIngest:
		return measure.Serve(ctx, stdin, stdout, runIngest)
	}
	var s settings
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&s.uplinks, "uplinks", 200_000, "`uplinks` of a run")
	flags.IntVar(&s.devices, "devices", 4000, "`devices` that send them, a minute apart")
	flags.IntVar(&s.runs, "runs", 3, "`runs` of each kind")
	flags.DurationVar(&s.within, "within", 10*time.Minute, "give up after this time")
	flags.Uint64Var(&s.seed, "seed", 1, "fixes the readings")
	flags.StringVar(&s.dir, "dir", "", "`folder` for the database; empty: the one for temporary files")
	flags.StringVar(&s.profile, "profile", "", "write CPU profiles of the ingest to this `file` with -1, -16 and -256 appended; they cost a little")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if s.uplinks < 1 || s.uplinks > 1_000_000 || s.devices < 1 || s.devices > 100_000 || s.runs < 1 || flags.NArg() > 0 {
		return errors.New("want 1 to 1000000 uplinks, 1 to 100000 devices, at least one run, and no operands (see --help)")
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	var table measure.Table
	for range s.runs {
		for _, perMessage := range []int{1, 16, 256} {
			column := fmt.Sprintf("%d per message", perMessage)
			if err := drain(ctx, s, perMessage, func(row string, v float64) { table.Add(column, row, v) }); err != nil {
				return fmt.Errorf("%s: %w", column, err)
			}
		}
		s.profile = "" // one of each is enough
	}
	return table.Print(stdout)
}
