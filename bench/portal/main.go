// The portal program measures the start page of a region with many stations in
// a browser: until something is seen, until the map is drawn, and how smoothly
// it moves.
//
// The site runs in this process without a database and without tiles, on the
// loopback; the browser is Debian's chromium without a screen or a GPU, which
// draws with the processor and so slower than a reader's.
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

const usage = `Measures the start page with many stations in chromium.

Each run opens the page in a new browser with an empty cache, and drags the map
across the whole region and across a town. Needs chromium.

Usage:
  go run ./bench/portal [flags]

Flags:
`

// settings are the flags.
type settings struct {
	runs, stations, steps int
	within                time.Duration
	picture               string
}

func main() { os.Exit(measure.Main("portal", run)) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	var s settings
	flags := measure.Flags("portal", usage, stderr)
	flags.IntVar(&s.runs, "runs", 5, "`runs`")
	flags.IntVar(&s.stations, "stations", 10_000, "`stations` of the region")
	flags.IntVar(&s.steps, "steps", 120, "`moves` of the pointer in one drag")
	flags.DurationVar(&s.within, "within", 5*time.Minute, "give up after this time")
	flags.StringVar(&s.picture, "picture", "", "also write what the last run shows to this `file` (PNG)")
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 || s.runs < 1 || s.stations < 1 || s.stations > 1_000_000 || s.steps < 2 || s.within <= 0 {
		return fmt.Errorf("%q: want at least 1 run, 1 to 1000000 stations, at least 2 steps and a time", args[1:])
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	return measurePortal(ctx, s, stdout)
}

func measurePortal(ctx context.Context, s settings, out io.Writer) error {
	if err := measure.PrintMachine(out); err != nil {
		return err
	}
	site, err := startSite(s.stations)
	if err != nil {
		return err
	}
	defer site.Close()
	var table measure.Table
	for i := range s.runs {
		picture := ""
		if i == s.runs-1 {
			picture = s.picture
		}
		if err := visit(ctx, site.URL, s, picture, func(row string, v float64) { table.Add(fmt.Sprintf("%d stations", s.stations), row, v) }); err != nil {
			return err
		}
	}
	return table.Print(out)
}
