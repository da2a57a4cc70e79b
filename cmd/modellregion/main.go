// The modellregion command is the platform of a digital model region: it runs
// everything on one machine (serve, demo), checks configuration (check), and
// manages devices and dashboards.
//
// It knows flags, configuration and how the parts are wired; what the parts do
// is theirs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // days end at midnight in Germany, also where the host has no time zones

	"github.com/alecthomas/kong"
)

// version is set by the linker for a release.
var version = "dev"

type cli struct {
	Log string `help:"Least level of log lines: debug, info, warn or error." default:"info" enum:"debug,info,warn,error"`

	Demo        demoCmd        `cmd:"" help:"Run the whole platform with a simulated model region, on embedded defaults."`
	Serve       serveCmd       `cmd:"" help:"Run the platform from a region.yaml."`
	Check       checkCmd       `cmd:"" help:"Check a region.yaml and say what it means."`
	Devices     devicesCmd     `cmd:"" help:"Add and list devices."`
	Dashboards  dashboardsCmd  `cmd:"" help:"Bring the dashboards to Grafana."`
	DeadLetters deadLettersCmd `cmd:"" help:"Look at what could not be stored, and store it at last."`
	Simulate    simulateCmd    `cmd:"" help:"Send what many devices would, to see what a machine can take."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

const description = `Open data platform of a digital model region: from LoRaWAN sensors to control rooms and public data.

To see it work:     modellregion demo
To run a region:    modellregion check region.yaml && modellregion serve region.yaml`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var done exitCode
	if errors.As(err, &done) {
		os.Exit(int(done))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "modellregion:", err)
		os.Exit(1)
	}
}

// exitCode ends the program without a message of its own.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// terminal is where a command talks to its user.
type terminal struct {
	out io.Writer // what was asked for
	err io.Writer // progress and log
	log *slog.Logger
}

// run works until it is done or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var c cli
	parser, err := kong.New(&c, kong.Name("modellregion"), kong.Description(description), kong.UsageOnError(),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exitCode(code)) }))
	if err != nil {
		return fmt.Errorf("build command line: %w", err)
	}
	defer func() { // kong ends the program after --help; here it ends run
		switch code := recover().(type) {
		case nil:
		case exitCode:
			if code != 0 {
				err = code
			}
		default:
			panic(code)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (see --help)", err)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		return fmt.Errorf("log level: %w", err)
	}
	t := &terminal{out: stdout, err: stderr, log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run(t)
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(t *terminal) error {
	_, err := fmt.Fprintln(t.out, version)
	return err
}
