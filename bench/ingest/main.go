// The ingest program measures what an uplink costs the platform beside Telegraf:
// from a message on the broker to a point in the database.
//
// Mosquitto, InfluxDB and what is measured are processes of their own. It knows
// what is sent and what must be stored, and leaves processes and tables to
// bench/measure and the messages to internal/simulate/load.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"modellregion/bench/measure"
)

const usage = `Measures the ingest beside Telegraf, each as a process of its own, with the
same Mosquitto and InfluxDB 1.8, in turn, draining the same backlog.

An uplink has four readings, RSSI, SNR and a frame counter. The columns:
  telegraf      uplinks of an edge, one per message, by Telegraf
  single        the same messages by modellregion
  batches       the same uplinks, 256 per message, by modellregion
  telegraf-cs   events of ChirpStack, by Telegraf
  chirpstack    the same events by modellregion

Telegraf is built from its Go module; bench/README.md says how.

Usage:
  go run ./bench/ingest [flags]

Flags:
`

// settings are the flags.
type settings struct {
	uplinks, devices, known, edges, runs, influxGC int
	within                                         time.Duration
	seed                                           uint64
	dir, profile, telegraf, mosquitto              string
	only                                           *regexp.Regexp
}

func main() { os.Exit(measure.Main("ingest", run)) }

// run measures, or is one of the processes that are measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if measure.Role(args) == roleInflux {
		return measure.Serve(ctx, stdin, stdout, runInflux)
	}
	var s settings
	var only string
	flags := measure.Flags("ingest", usage, stderr)
	flags.IntVar(&s.uplinks, "uplinks", 400_000, "`uplinks` of a run")
	flags.IntVar(&s.devices, "devices", 4000, "`devices` that send them, a minute apart")
	flags.IntVar(&s.known, "known", 0, "`devices` in the registry, with those that send; 0: no others")
	flags.IntVar(&s.edges, "edges", 16, "`edges` that send them, with a window of 4096 uplinks each")
	flags.IntVar(&s.runs, "runs", 3, "`runs` of each column")
	flags.IntVar(&s.influxGC, "influx-gc", 400, "garbage collection of InfluxDB in `per cent`, as GOGC; 100 is its own")
	flags.DurationVar(&s.within, "within", 30*time.Minute, "give up after this time")
	flags.Uint64Var(&s.seed, "seed", 1, "fixes the readings")
	flags.StringVar(&s.dir, "dir", "", "`folder` for the database; empty: the one for temporary files")
	flags.StringVar(&s.telegraf, "telegraf", "", "`path` of Telegraf; empty: its columns are left out")
	flags.StringVar(&s.mosquitto, "mosquitto", "", "`path` of Mosquitto; empty: where Debian has it")
	flags.StringVar(&only, "only", "", "`pattern` of the columns to be measured")
	flags.StringVar(&s.profile, "profile", "", "write a CPU profile of modellregion to this `file` with the column appended; it costs a little")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	s.known = max(s.known, s.devices)
	if s.uplinks < 1 || s.devices < s.edges || s.edges < 1 || s.runs < 1 || flags.NArg() > 0 {
		return errors.New("want at least one uplink, one edge, a device for each edge, one run, and no operands (see --help)")
	}
	var err error
	if s.only, err = regexp.Compile(only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	b, err := newBench(ctx, s, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	var table measure.Table
	for range s.runs {
		for _, c := range columns {
			if !s.wants(c) {
				continue
			}
			began := time.Now()
			if err := b.trial(ctx, c, func(row string, v float64) { table.Add(c.name, row, v) }); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintf(stderr, "%s: %v\n", c.name, time.Since(began).Round(time.Second))
		}
		b.settings.profile = "" // one of each is enough
	}
	return table.Print(stdout)
}
