package measure

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Run is a program in bench, or the role in which it was started.
type Run func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error

// Main runs a program in bench until it ends or is asked to, and returns the
// code with which to exit.
func Main(name string, run Run) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "bench/%s: %v\n", name, err)
		return 1
	}
	return 0
}

// TestMain lets a test program be the processes that its tests start.
func TestMain(m interface{ Run() int }, run Run) (code int) {
	if Role(os.Args) == "" {
		return m.Run()
	}
	return Main("test", run)
}

// Flags returns the flags of a program, whose help begins with usage.
func Flags(name, usage string, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	return flags
}

// Command reads the command line of a program that has several commands, which
// get ctx and stdout as arguments of their methods Run. It returns nil when help
// was asked for, which is printed.
func Command(ctx context.Context, commands any, name, about string, args []string, stdout, stderr io.Writer) (command *kong.Context, err error) {
	exit := errors.New("exit") // where kong would
	parser, err := kong.New(commands, kong.Name(name), kong.Description(about), kong.Writers(stdout, stderr), kong.Exit(func(int) { panic(exit) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)))
	if err != nil {
		return nil, err
	}
	defer func() {
		switch reason := recover(); reason {
		case nil:
		case exit:
			command, err = nil, nil
		default:
			panic(reason)
		}
	}()
	return parser.Parse(args[1:])
}
