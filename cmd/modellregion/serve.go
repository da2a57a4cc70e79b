package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"modellregion/internal/systemd"
)

type serveCmd struct {
	Config   string `arg:"" help:"The region's configuration; deploy/region.example.yaml explains every key." type:"path"`
	Roles    []role `help:"Run these parts alone, in place of those of the configuration: ingest, aggregate, public, lists, edge." placeholder:"ROLE,..."`
	Internal string `help:"Where health and metrics are, in place of what the configuration says." placeholder:"HOST:PORT"`
}

// Help teaches what can be run apart.
func (serveCmd) Help() string { return serveHelp }

// spareMemory bounds the heap of an ingest alone, unless the environment does.
// Most of it is the index of devices, which has few pointers: the limit lets
// garbage take a part of what the index takes, and not as much again.
func spareMemory(devices int) {
	const base, each = 110 << 20, 140 // bytes
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(base + each*int64(devices))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(90)
	}
}

// load reads the configuration, with what the flags put in place of it.
func (c serveCmd) load() (config, error) {
	return loadConfig(c.Config, func(cfg *config) {
		if len(c.Roles) > 0 {
			cfg.Roles = c.Roles
			delete(cfg.lines, "roles") // a mistake stands on no line then
		}
		if c.Internal != "" {
			cfg.Internal = c.Internal
			delete(cfg.lines, "internal")
		}
	})
}

// Run runs the platform until ctx ends; SIGHUP lets it read its configuration
// again.
func (c serveCmd) Run(ctx context.Context, t *terminal) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if cfg.runsOnly(roleIngest) {
		spareMemory(0) // and once more when it is known how many there are
	}
	notify, err := systemd.New(t.log)
	if err != nil {
		return err
	}
	s := service{load: c.load, log: t.log, notify: notify, reload: hangup}
	return s.run(ctx, cfg)
}

type checkCmd struct {
	Config string `arg:"" help:"The configuration to check." type:"path"`
}

// Run prints what the configuration means, or everything that is wrong.
func (c checkCmd) Run(t *terminal) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	known, err := knownProfiles(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s: good\n\n", c.Config)
	fmt.Fprintf(t.out, "  region          %s (%d municipalities)\n", cfg.Region.Name.De, len(cfg.Region.Municipalities))
	fmt.Fprintf(t.out, "  roles           %s\n", cfg.roleNames(", "))
	fmt.Fprintf(t.out, "  data folder     %s\n", cfg.DataDir)
	fmt.Fprintf(t.out, "  public pages    http://%s/%s\n", cfg.HTTP, either(map[bool]string{true: ", to the public " + cfg.PublicURL}[cfg.PublicURL != ""], ""))
	fmt.Fprintf(t.out, "  health, metrics http://%s/\n", cfg.Internal)
	sharing := map[bool]string{true: ", shared as " + cfg.MQTT.Share}[cfg.MQTT.Share != ""]
	if len(cfg.MQTT.Edges) > 0 {
		sharing += ", uplinks of " + strings.Join(cfg.MQTT.Edges, ", ") + " alone"
	}
	secure := map[bool]string{true: ", with TLS on " + cfg.MQTT.TLS.Listen}[cfg.MQTT.TLS.Listen != ""]
	fmt.Fprintf(t.out, "  MQTT            %s%s%s\n", either(cfg.MQTT.URL, "embedded on "+cfg.MQTT.Listen), secure, sharing)
	for _, r := range cfg.MQTT.Readers {
		fmt.Fprintf(t.out, "  MQTT reader     %s, of %v\n", r.Name, r.Domains)
	}
	fmt.Fprintf(t.out, "  InfluxDB        %s\n", either(cfg.Influx.URL, "embedded on "+cfg.Influx.Listen))
	fmt.Fprintf(t.out, "  profiles        %d%s\n", len(known), either(map[bool]string{true: ", with those in " + cfg.Profiles}[cfg.Profiles != ""], ""))
	if len(cfg.Edges)+len(cfg.Sources) == 0 {
		fmt.Fprintf(t.out, "  edge            none here, so nothing comes in unless modellregion edges list shows some\n")
	}
	for _, e := range cfg.Edges {
		fmt.Fprintf(t.out, "  edge            %s%s\n", e.Name, either(map[bool]string{true: ", inside, UDP " + e.UDP}[e.UDP != ""], ", elsewhere"))
	}
	for i := range cfg.Sources {
		s := &cfg.Sources[i]
		fmt.Fprintf(t.out, "  source          %s, %s at %s\n", s.Name, kinds[s.Kind].called, s.URL)
	}
	cfg.tellDatasets(t.out)
	return nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
