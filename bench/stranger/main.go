// The stranger program measures how much somebody who floods the UDP port of
// an edge delays the frames of a good gateway beside him.
//
// The server of the protocol is a process of its own on one core, with a
// receiver that takes every frame at once; what else an edge does is measured
// by bench/edge. This process is the gateway and the stranger. It knows what
// they send, and leaves processes and tables to bench/measure.
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

const usage = `Measures what a stranger's flood costs a good gateway.

Each run starts a server of the Semtech UDP protocol on one core. A gateway
sends it frames one by one; each is timed from before it is sent until the
receiver has it. First the gateway is alone. Then, with new servers, a stranger
sends to the same port: random bytes, PUSH_DATA of that gateway with garbage,
its own PUSH_DATA once more, and PULL_DATA that asks for its downlinks, in
turn; from one port, and from many. Everything stays on the loopback.

Usage:
  go run ./bench/stranger [flags]

Flags:
`

// settings are the flags.
type settings struct {
	runs, frames, flood, ports, limit int
	warm, timed, within               time.Duration
	seed                              uint64
}

func main() { os.Exit(measure.Main("stranger", run)) }

// run measures, or is the server that is measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if measure.Role(args) == roleServer {
		return measure.Serve(ctx, stdin, stdout, runServer)
	}
	var s settings
	flags := measure.Flags("stranger", usage, stderr)
	flags.IntVar(&s.runs, "runs", 3, "`runs` of each kind")
	flags.IntVar(&s.frames, "frames", 20, "`frames` per second of the good gateway")
	flags.IntVar(&s.flood, "flood", 10_000, "`datagrams` per second of the stranger")
	flags.IntVar(&s.ports, "ports", 64, "`ports` he sends from when they are many")
	flags.IntVar(&s.limit, "limit", 0, "the server's Options.Rate; 0: its default, -1: none")
	flags.DurationVar(&s.warm, "warm", 6*time.Second, "how long the gateway is alone at first; the server takes it for new in its first 5 s")
	flags.DurationVar(&s.timed, "timed", 10*time.Second, "how long it is timed")
	flags.DurationVar(&s.within, "within", 10*time.Minute, "give up after this time")
	flags.Uint64Var(&s.seed, "seed", 1, "fixes the random bytes")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if s.runs < 1 || s.frames < 1 || s.frames > 1000 || s.flood < 1 || s.flood > 100_000 || s.ports < 1 || s.ports > 1000 || s.warm < 0 || s.timed <= 0 || flags.NArg() > 0 {
		return errors.New("want at least one run, 1 to 1000 frames and 1 to 100000 datagrams per second, 1 to 1000 ports, a time above zero, and no operands (see --help)")
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	return measureStranger(ctx, s, stdout)
}

// measureStranger makes all runs and prints the table.
func measureStranger(ctx context.Context, s settings, out io.Writer) error {
	var table measure.Table
	for range s.runs {
		var alone figures
		for _, ports := range []int{0, 1, s.ports} {
			column := "alone"
			if ports > 0 {
				column = fmt.Sprintf("flood from %d", ports)
			}
			got, err := trial(ctx, s, ports)
			if err != nil {
				return fmt.Errorf("%s: %w", column, err)
			}
			got.note(func(row string, v float64) { table.Add(column, row, v) })
			if ports == 0 {
				alone = got
				continue
			}
			for i, q := range quantiles {
				table.Add(column, q.name+", more than alone", got.delay(q.at)-alone.delay(quantiles[i].at))
			}
		}
	}
	return table.Print(out)
}
