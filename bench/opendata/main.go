// The opendata program measures what open data costs: how long a large region
// takes from its readings to windows and files, how fast a month is computed
// anew, and how fast files are served.
//
// InfluxDB is a process of its own, and so is what fills it; this process is
// the aggregator. It knows what is written and what must come out, and leaves
// processes and tables to bench/measure.
package main

import (
	"context"
	"io"
	"os"

	"modellregion/bench/measure"
)

// commands is the command line.
type commands struct {
	Step    stepCmd    `cmd:"" help:"A window of a large region: from readings to windows and files, twice."`
	Rebuild rebuildCmd `cmd:"" help:"A month of a region computed anew."`
	Serve   serveCmd   `cmd:"" help:"Files served by the platform and by nginx."`
	History historyCmd `cmd:"" help:"A year of windows: how fast they are written, and what they take on disk."`
}

func main() { os.Exit(measure.Main("opendata", run)) }

// run measures, or is one of the processes that are measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch measure.Role(args) {
	case roleInflux:
		return measure.Serve(ctx, stdin, stdout, runInflux)
	case roleFill:
		return measure.Serve(ctx, stdin, stdout, runFill)
	}
	var cli commands
	command, err := measure.Command(ctx, &cli, "opendata", "Measures what open data costs.", args, stdout, stderr)
	if command == nil || err != nil {
		return err
	}
	if cli.Serve.Listen == "" { // it is none of its own processes
		if err := measure.PrintMachine(stdout); err != nil {
			return err
		}
	}
	return command.Run()
}
