// The edge-gateway command runs on a LoRaWAN gateway, or beside several: it
// hears frames from packet forwarders and publishes decoded uplinks over MQTT,
// keeping them on disk until the platform has stored them.
//
// It knows flags, configuration and wiring; the work is package edge's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"modellregion/edge"
)

// version is set by the linker for a release.
var version = "dev"

type cli struct {
	Log string `help:"Least level of log lines: debug, info, warn or error. debug tells of every frame that is dropped, and why." default:"info" enum:"debug,info,warn,error"`

	Run     runCmd     `cmd:"" help:"Run the gateway."`
	Check   checkCmd   `cmd:"" help:"Check a configuration."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "edge-gateway:", err)
		os.Exit(1)
	}
}

// errHelp ends run after --help has been printed.
var errHelp = errors.New("help was printed")

// run works until it is done or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var c cli
	parser, err := kong.New(&c, kong.Name("edge-gateway"), kong.UsageOnError(), kong.Writers(stdout, stderr),
		kong.Description("Decodes LoRaWAN frames on a gateway and publishes them, losing nothing when power, link or broker fail."),
		kong.Exit(func(int) { panic(errHelp) }))
	if err != nil {
		return fmt.Errorf("build command line: %w", err)
	}
	defer func() {
		if r := recover(); r != nil && r != errHelp {
			panic(r)
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
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(stdout, (*io.Writer)(nil))
	return parsed.Run(log)
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintln(out, version)
	return err
}

type checkCmd struct {
	Config string `arg:"" help:"The configuration; deploy/edge-gateway.example.yaml explains every key." type:"path"`
}

// Run says whether the configuration is good.
func (c checkCmd) Run(out io.Writer) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: good; edge %s publishes to %s and hears packet forwarders on %s\n", c.Config, cfg.Name, cfg.MQTT.URL, cfg.UDP)
	return err
}

type runCmd struct {
	Config string `arg:"" help:"The configuration; deploy/edge-gateway.example.yaml explains every key." type:"path"`
}

// Run runs the gateway until ctx ends.
func (c runCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := loadConfig(c.Config)
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
