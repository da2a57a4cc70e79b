package main

import (
	"context"
	"fmt"
)

type serveCmd struct {
	Config string `arg:"" help:"The region's configuration; deploy/region.example.yaml explains every key." type:"path"`
}

// Run runs the platform until ctx ends.
func (c serveCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	p, err := openPlatform(ctx, cfg, t.log, nil)
	if err != nil {
		return err
	}
	return p.run(ctx, func(ctx context.Context) error {
		t.log.Info("platform runs", "portal", "http://"+p.publicHTTP.addr()+"/", "internal", "http://"+p.internal.addr()+"/", "data_dir", cfg.DataDir)
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
	fmt.Fprintf(t.out, "  data folder     %s\n", cfg.DataDir)
	fmt.Fprintf(t.out, "  public pages    http://%s/\n", cfg.HTTP)
	fmt.Fprintf(t.out, "  health, metrics http://%s/\n", cfg.Internal)
	fmt.Fprintf(t.out, "  MQTT            %s\n", either(cfg.MQTT.URL, "embedded on "+cfg.MQTT.Listen))
	fmt.Fprintf(t.out, "  InfluxDB        %s\n", either(cfg.Influx.URL, "embedded on "+cfg.Influx.Listen))
	fmt.Fprintf(t.out, "  profiles        %d%s\n", len(known), either(map[bool]string{true: ", with those in " + cfg.Profiles}[cfg.Profiles != ""], ""))
	for _, e := range cfg.Edges {
		fmt.Fprintf(t.out, "  edge            %s%s\n", e.Name, either(map[bool]string{true: ", inside, UDP " + e.UDP}[e.UDP != ""], ", elsewhere"))
	}
	return nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
