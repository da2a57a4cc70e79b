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
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"modellregion/bench/measure"
)

// commands is the command line.
type commands struct {
	Step    stepCmd    `cmd:"" help:"A window of a large region: from readings to windows and files, twice."`
	Rebuild rebuildCmd `cmd:"" help:"A month of a region computed anew."`
	Serve   serveCmd   `cmd:"" help:"Files served by the platform and by nginx."`
	History historyCmd `cmd:"" help:"A year of windows: how fast they are written, and what they take on disk."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/opendata:", err)
		os.Exit(1)
	}
}

// run measures, or is one of the processes that are measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch measure.Role(args) {
	case roleInflux:
		return measure.Serve(ctx, stdin, stdout, runInflux)
	case roleFill:
		return measure.Serve(ctx, stdin, stdout, runFill)
	}
	var cli commands
	exit := errors.New("exit")
	parser, err := kong.New(&cli, kong.Name("opendata"), kong.Description("Measures what open data costs."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(exit) }), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)))
	if err != nil {
		return err
	}
	command, err := parse(parser, args[1:], exit)
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

// parse returns nil when help was asked for, after which kong would exit.
func parse(parser *kong.Kong, args []string, exit error) (command *kong.Context, err error) {
	defer func() {
		switch reason := recover(); reason {
		case nil:
		case exit:
			command, err = nil, nil
		default:
			panic(reason)
		}
	}()
	return parser.Parse(args)
}
