package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
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

// Run runs the platform until ctx ends.
func (c serveCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := loadConfig(c.Config, func(cfg *config) {
		if len(c.Roles) > 0 {
			cfg.Roles = c.Roles
			delete(cfg.lines, "roles") // a mistake stands on no line then
		}
		if c.Internal != "" {
			cfg.Internal = c.Internal
			delete(cfg.lines, "internal")
		}
	})
	if err != nil {
		return err
	}
	if cfg.runsOnly(roleIngest) {
		spareMemory(0) // and once more when it is known how many there are
	}
	p, err := openPlatform(ctx, cfg, t.log, nil)
	if err != nil {
		return err
	}
	if cfg.runsOnly(roleIngest) {
		spareMemory(p.index.Len())
	}
	return p.run(ctx, func(ctx context.Context) error {
		facts := []any{"roles", cfg.roleNames(","), "internal", "http://" + p.internal.addr() + "/", "data_dir", cfg.DataDir}
		if p.publicHTTP != nil {
			facts = append(facts, "portal", "http://"+p.publicHTTP.addr()+"/")
		}
		t.log.Info("platform runs", facts...)
		<-ctx.Done()
		t.log.Info("platform stops")
		return nil
	})
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
	fmt.Fprintf(t.out, "  MQTT            %s%s\n", either(cfg.MQTT.URL, "embedded on "+cfg.MQTT.Listen), sharing)
	fmt.Fprintf(t.out, "  InfluxDB        %s\n", either(cfg.Influx.URL, "embedded on "+cfg.Influx.Listen))
	fmt.Fprintf(t.out, "  profiles        %d%s\n", len(known), either(map[bool]string{true: ", with those in " + cfg.Profiles}[cfg.Profiles != ""], ""))
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
