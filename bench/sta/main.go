// The sta program measures the SensorThings service: what the queries that
// maps and portals ask take with two months of a large region, how that grows,
// and what hostile clients do to it.
//
// InfluxDB is a process of its own; the service runs in this one, behind its
// real listener. It knows what is written and what must come out, and leaves
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
	Queries queriesCmd `cmd:"" default:"withargs" help:"What queries take, with a tenth of the windows and with all of them."`
	Hostile hostileCmd `cmd:"" help:"Clients that want too much, many at once: what others notice and what memory it takes."`
}

func main() { os.Exit(measure.Main("sta", run)) }

// run measures, or is the database that is measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if measure.Role(args) == roleInflux {
		return measure.Serve(ctx, stdin, stdout, runInflux)
	}
	var cli commands
	command, err := measure.Command(ctx, &cli, "sta", "Measures the SensorThings service.", args, stdout, stderr)
	if command == nil || err != nil {
		return err
	}
	if err := measure.PrintMachine(stdout); err != nil {
		return err
	}
	return command.Run()
}
