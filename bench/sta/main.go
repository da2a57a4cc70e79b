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
	Queries queriesCmd `cmd:"" default:"withargs" help:"What queries take, with a tenth of the windows and with all of them."`
	Hostile hostileCmd `cmd:"" help:"Clients that want too much, many at once: what others notice and what memory it takes."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/sta:", err)
		os.Exit(1)
	}
}

// run measures, or is the database that is measured.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if measure.Role(args) == roleInflux {
		return measure.Serve(ctx, stdin, stdout, runInflux)
	}
	var cli commands
	exit := errors.New("exit")
	parser, err := kong.New(&cli, kong.Name("sta"), kong.Description("Measures the SensorThings service."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(exit) }), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)))
	if err != nil {
		return err
	}
	command, err := parse(parser, args[1:], exit)
	if command == nil || err != nil {
		return err
	}
	if err := measure.PrintMachine(stdout); err != nil {
		return err
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
