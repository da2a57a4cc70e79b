// The edge-gateway command runs on a LoRaWAN gateway, or beside several: it
// hears frames from packet forwarders and publishes decoded uplinks over MQTT,
// keeping them on disk until the platform has stored them. It also shows what a
// running one hears and knows, and lets a device in again whose record is damaged.
//
// It knows flags, configuration, wiring, systemd and what is shown; the work is
// package edge's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sync/errgroup"

	"modellregion/edge"
	"modellregion/internal/systemd"
)

// built is set by the linker for a release: the date, like 2026-11-24.
var built = ""

// buildDate returns when the release was built, or the zero time for none. No
// frame was received before.
func buildDate() (time.Time, error) {
	if built == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, built)
	if err != nil {
		return time.Time{}, fmt.Errorf("build date %q of the program: %w", built, err)
	}
	return t, nil
}

const usage = `Decodes LoRaWAN frames on a gateway and publishes them, losing nothing when power, link or broker fail.

Usage:
  edge-gateway [-log level] run CONFIG   run the gateway
  edge-gateway check CONFIG              check a configuration
  edge-gateway frames [flags] CONFIG     show what a running gateway hears, and what becomes of it
  edge-gateway devices [flags] CONFIG    list the devices of a running gateway and their sessions
  edge-gateway forget [flags] CONFIG DEVEUI
                                         let a device in again whose record in a stopped gateway's database is damaged
  edge-gateway version                   print the version

CONFIG is a YAML file; deploy/edge-gateway.example.yaml explains every key.
"edge-gateway frames -help" and "edge-gateway devices -help" explain what they show,
"edge-gateway forget -help" what it does.

Flags:
`

// gcPercent trades some processor time for memory, of which gateways have less.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "edge-gateway:", err)
		os.Exit(1)
	}
}

// run works until it is done or ctx ends. The command line is read by the
// standard library: a reflecting one would double the size of the binary's
// own code (docs/adr/0003).
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := newFlags("edge-gateway", usage, stderr)
	var level slog.Level
	flags.TextVar(&level, "log", slog.LevelInfo, "least `level` of log lines: debug, info, warn or error; debug tells why each frame was dropped")
	show := flags.Bool("version", false, "print the version")
	err := flags.Parse(args)
	switch {
	case err == nil && *show && flags.NArg() == 0:
		err = showVersion(stdout)
	case err == nil:
		err = command(ctx, flags.Args(), stdout, stderr, level)
	case !errors.Is(err, flag.ErrHelp):
		err = fmt.Errorf("%w (see -help)", err)
	}
	if errors.Is(err, flag.ErrHelp) {
		return nil // it was shown
	}
	return err
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer, level slog.Level) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "run":
		path, err := configPath(newFlags(name, usage, stderr), args)
		if err != nil {
			return err
		}
		return gateway(ctx, path, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	case "check":
		path, err := configPath(newFlags(name, usage, stderr), args)
		if err != nil {
			return err
		}
		return check(path, stdout)
	case "frames":
		return showFrames(ctx, args, stdout, stderr)
	case "devices":
		return showDevices(ctx, args, stdout, stderr)
	case "forget":
		return forget(args, stdout, stderr)
	case "version":
		if len(args) > 0 {
			return fmt.Errorf("version wants nothing more, got %q", args)
		}
		return showVersion(stdout)
	default:
		return fmt.Errorf("command %q is unknown, want run, check, frames, devices, forget or version (see -help)", name)
	}
}

// newFlags returns the flags of a command with what its help says above them.
func newFlags(name, help string, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, help)
		flags.PrintDefaults()
	}
	return flags
}

// configPath reads the flags of a command and the one operand after them.
func configPath(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() != 1 {
		return "", fmt.Errorf("%s wants one CONFIG, after its flags, got %d (see -help)", flags.Name(), flags.NArg())
	}
	return flags.Arg(0), nil
}

// check says whether a configuration is good.
func check(path string, out io.Writer) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: good; edge %s publishes to %s and hears packet forwarders on %s\n", path, cfg.Name, cfg.MQTT.URL, cfg.UDP)
	if err != nil || cfg.MQTT.Cert+cfg.MQTT.CertFile == "" {
		return err
	}
	_, own, err := cfg.MQTT.edge(cfg.Name)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	says, _ := lasts(own, time.Now())
	_, err = fmt.Fprintln(out, says)
	return err
}

// gateway runs until ctx ends.
func gateway(ctx context.Context, path string, log *slog.Logger) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	metrics.ExposeMetadata(true)
	set := metrics.NewSet()
	settings, own, err := cfg.edge(log, set)
	if err != nil {
		return err
	}
	watch, err := systemd.New(log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Internal)
	if err != nil {
		return fmt.Errorf("open internal port: %w", err)
	}
	e, err := edge.Open(settings)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Info("edge runs", "edge", cfg.Name, "udp", e.Addr().String(), "mqtt", cfg.MQTT.URL, "internal", listener.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.Run(ctx) })
	group.Go(func() error { return serve(ctx, listener, handler(e, set)) })
	group.Go(func() error { return watch.Run(ctx, e) })
	if own != nil {
		group.Go(func() error { return watchCertificate(ctx, own, log, set) })
	}
	return group.Wait()
}
