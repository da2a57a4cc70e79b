// The demo program measures the programs as they are shipped: their size, how
// long they take to be ready, and the memory of the demo with a small and with
// a large region.
//
// It knows the command line, the files and the health address of the demo, and
// how the programs are built for release. It leaves reading what a process
// costs and printing to bench/measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modellregion/bench/measure"
)

const usage = `Builds the programs for release and measures their size, how long they and
their parts take to start, and the memory of the demo.

Usage:
  go run ./bench/demo [flags]

Flags:
`

// settings are the flags.
type settings struct {
	sensors string
	after   time.Duration
	runs    int
	within  time.Duration
}

func main() { os.Exit(measure.Main("demo", run)) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) (err error) {
	var s settings
	flags := measure.Flags("demo", usage, stderr)
	flags.StringVar(&s.sensors, "sensors", "200,2000", "`sizes` of the region, each measured")
	flags.DurationVar(&s.after, "after", time.Minute, "read the memory this `time` after the demo is ready")
	flags.IntVar(&s.runs, "runs", 3, "`runs` of each kind")
	flags.DurationVar(&s.within, "within", 20*time.Minute, "give up after this time")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	var sizes []int
	for text := range strings.SplitSeq(s.sensors, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("--sensors %q: want numbers like 200,2000", s.sensors)
		}
		sizes = append(sizes, n)
	}
	if s.runs < 1 || flags.NArg() > 0 {
		return errors.New("want at least one run and no operands (see --help)")
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-demo-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := measureSizes(ctx, dir, stdout); err != nil {
		return err
	}
	if err := measureStarts(ctx, dir, s.runs, stdout); err != nil {
		return err
	}
	var table measure.Table
	for i := range s.runs {
		for _, n := range sizes {
			column := fmt.Sprintf("%d sensors", n)
			folder := filepath.Join(dir, fmt.Sprintf("demo-%d-%d", n, i))
			err := measureDemo(ctx, filepath.Join(dir, platformProgram), folder, n, s.after, func(row string, v float64) { table.Add(column, row, v) })
			if err != nil {
				return fmt.Errorf("demo with %s: %w", column, err)
			}
		}
	}
	return table.Print(stdout)
}
