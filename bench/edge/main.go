// The edge program measures what a frame costs an edge gateway: from a UDP
// datagram of a packet forwarder to the confirmation of its uplink.
//
// The edge is a process of its own on one core. This process is everything
// around it: the packet forwarder, the broker, and a platform that confirms
// what it is sent. It knows what is sent and what must come back, and leaves
// processes and tables to bench/measure.
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

const usage = `Measures an edge gateway on one core: UDP datagrams in, MQTT messages out.

Each run starts a new edge with an empty database. It is sent as many frames as
it acknowledges, first one and then eight in a datagram, and eight once more with
a codec in JavaScript instead of a layout; another edge is sent
single frames at a fixed rate, and each is timed until it has arrived over MQTT.
An edge waits 200 ms for further gateways and up to 50 ms for its commit; both
are part of that time.

Usage:
  go run ./bench/edge [flags]

Flags:
`

// settings are the flags.
type settings struct {
	frames, devices, runs, rate int
	timed                       time.Duration
	within                      time.Duration
	quiet                       time.Duration // in which an edge writes nothing when it has tidied up
	seed                        uint64
	dir, profile                string
	scripted                    bool // the codec is one in JavaScript
}

func main() { os.Exit(measure.Main("edge", run)) }

// run measures, or is the edge that is measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if measure.Role(args) == roleEdge {
		return measure.Serve(ctx, stdin, stdout, runEdge)
	}
	s := settings{quiet: 2500 * time.Millisecond}
	flags := measure.Flags("edge", usage, stderr)
	flags.IntVar(&s.frames, "frames", 60_000, "`frames` of a run at full speed")
	flags.IntVar(&s.devices, "devices", 1000, "ABP `devices` that send them")
	flags.IntVar(&s.runs, "runs", 3, "`runs` of each kind")
	flags.IntVar(&s.rate, "rate", 200, "`frames` per second of a timed run")
	flags.DurationVar(&s.timed, "timed", 15*time.Second, "length of a timed run")
	flags.DurationVar(&s.within, "within", 10*time.Minute, "give up after this time")
	flags.Uint64Var(&s.seed, "seed", 1, "fixes keys and payloads")
	flags.StringVar(&s.dir, "dir", "", "`folder` on the disk to be measured; empty: the one for temporary files")
	flags.StringVar(&s.profile, "profile", "", "write the CPU profile of the first edge to this `file`; it costs a little")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if s.frames < 1 || s.frames > 10_000_000 || s.devices < 1 || s.devices > 200_000 || s.runs < 1 || s.rate < 1 || s.timed <= 0 || flags.NArg() > 0 {
		return errors.New("want 1 to 10000000 frames, 1 to 200000 devices, at least one run, a rate and a time above zero, and no operands (see --help)")
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	return measureEdges(ctx, s, stdout)
}

// measureEdges makes all runs and prints the table.
func measureEdges(ctx context.Context, s settings, out io.Writer) error {
	var table measure.Table
	for range s.runs {
		for _, kind := range []struct {
			perDatagram int
			scripted    bool
		}{{1, false}, {8, false}, {8, true}} {
			column := fmt.Sprintf("%d per datagram", kind.perDatagram)
			if s.scripted = kind.scripted; s.scripted {
				column += ", JavaScript"
			}
			err := withEdge(ctx, s, func(ctx context.Context, t *trial) error {
				return t.fullSpeed(ctx, s, kind.perDatagram, func(row string, v float64) { table.Add(column, row, v) })
			})
			if err != nil {
				return fmt.Errorf("%s at full speed: %w", column, err)
			}
			s.profile = "" // one is enough
		}
		s.scripted = false
		column := fmt.Sprintf("%d frames/s", s.rate)
		err := withEdge(ctx, s, func(ctx context.Context, t *trial) error {
			return t.timed(ctx, s, func(row string, v float64) { table.Add(column, row, v) })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", column, err)
		}
	}
	return table.Print(out)
}
