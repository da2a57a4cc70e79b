// The modellregion command is the platform of a digital model region: it runs
// everything on one machine (serve, demo), checks configuration (check), and
// manages devices and dashboards.
//
// It knows flags, configuration and how the parts are wired; what the parts do
// is theirs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

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

// printJSON prints what a command did, for programs.
func printJSON(t *terminal, value any) error {
	enc := json.NewEncoder(t.out)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// run works until it is done or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	log, work, err := parse(ctx, args, stdout, stderr)
	if err != nil || work == nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(log)); err != nil {
		return fmt.Errorf("log level: %w", err)
	}
	return work(&terminal{out: stdout, err: stderr, log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))})
}
