// The edge-gateway command runs on a LoRaWAN gateway, or beside several: it
// hears frames from packet forwarders and publishes decoded uplinks over MQTT,
// keeping them on disk until the platform has stored them.
//
// It knows flags, configuration and wiring; the work is package edge's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"modellregion/edge"
)

// version is set by the linker for a release.
var version = "dev"

const usage = `Decodes LoRaWAN frames on a gateway and publishes them, losing nothing when power, link or broker fail.

Usage:
  edge-gateway [flags] run CONFIG     run the gateway
  edge-gateway [flags] check CONFIG   check a configuration
  edge-gateway version                print the version

CONFIG is a YAML file; deploy/edge-gateway.example.yaml explains every key.

Flags:
`

func main() {
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
	flags := flag.NewFlagSet("edge-gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	var level slog.Level
	flags.TextVar(&level, "log", slog.LevelInfo, "least `level` of log lines: debug, info, warn or error; debug tells why each frame was dropped")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w (see --help)", err)
	}
	command, operands := flags.Arg(0), flags.Args()
	switch {
	case command == "version" && len(operands) == 1:
		_, err := fmt.Fprintln(stdout, version)
		return err
	case command == "check" && len(operands) == 2:
		return check(operands[1], stdout)
	case command == "run" && len(operands) == 2:
		return gateway(ctx, operands[1], slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	case command == "check" || command == "run":
		return fmt.Errorf("%s wants one CONFIG, got %d (see --help)", command, len(operands)-1)
	default:
		return fmt.Errorf("command %q is unknown, want run, check or version (see --help)", command)
	}
}

// check says whether a configuration is good.
func check(path string, out io.Writer) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: good; edge %s publishes to %s and hears packet forwarders on %s\n", path, cfg.Name, cfg.MQTT.URL, cfg.UDP)
	return err
}

// gateway runs until ctx ends.
func gateway(ctx context.Context, path string, log *slog.Logger) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	settings, err := cfg.edge(log, metrics)
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
	group.Go(func() error { return serve(ctx, listener, handler(e, metrics)) })
	return group.Wait()
}

func handler(e *edge.Edge, metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := e.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

// serve answers HTTP until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // Serve tells the error
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}
