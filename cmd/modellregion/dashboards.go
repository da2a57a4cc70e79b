//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"time"

	"modellregion/dashboards"
	"modellregion/internal/influx"
)

type dashboardsCmd struct {
	Apply  dashboardsApplyCmd  `cmd:"" help:"Create or update data source and dashboards in a running Grafana; doing it again changes nothing."`
	Export dashboardsExportCmd `cmd:"" help:"Write the files from which Grafana provisions itself at its start."`
}

type dashboardsApplyCmd struct {
	Grafana        string `required:"" help:"URL of Grafana, like https://grafana.example.org." placeholder:"URL"`
	TokenFile      string `help:"File with the token of a service account that has the role Admin." type:"path"`
	User           string `help:"User name, when there is no token."`
	PasswordFile   string `help:"File with the user's password." type:"path"`
	Influx         string `required:"" help:"URL of InfluxDB as Grafana reaches it; for the demo see influx.json in its data folder." placeholder:"URL"`
	InfluxUser     string `required:"" help:"InfluxDB user who may read bucket raw."`
	InfluxPassword string `required:"" help:"File with that user's password." type:"path" placeholder:"FILE"`
	Portal         string `help:"Public URL of the portal, linked from the dashboards." placeholder:"URL"`
}

const applyWithin = 2 * time.Minute

// Run applies and prints a line for each thing it looked at.
func (c dashboardsApplyCmd) Run(ctx context.Context, t *terminal) error {
	cfg := dashboards.Config{
		URL: c.Grafana, User: c.User, PublicURL: c.Portal,
		InfluxDB: dashboards.InfluxDB{URL: c.Influx, Database: influx.Raw, Username: c.InfluxUser},
	}
	for path, dst := range map[string]*string{c.TokenFile: &cfg.Token, c.PasswordFile: &cfg.Password, c.InfluxPassword: &cfg.InfluxDB.Password} {
		if err := readSecret(path, dst); err != nil {
			return err
		}
	}
	if cfg.Token == "" && cfg.User == "" {
		return fmt.Errorf("want --token-file, or --user and --password-file, to log in to Grafana")
	}
	ctx, cancel := context.WithTimeout(ctx, applyWithin)
	defer cancel()
	return dashboards.Apply(ctx, cfg, func(line string) { fmt.Fprintln(t.out, line) })
}

type dashboardsExportCmd struct {
	Dir          string `arg:"" help:"Folder that gets a folder provisioning." type:"path"`
	Portal       string `help:"Public URL of the portal, linked from the dashboards." placeholder:"URL"`
	Provisioning string `help:"Absolute path under which Grafana finds that folder." default:"/etc/grafana/provisioning" placeholder:"DIR"`
}

// Run writes the files and says how Grafana finds them.
func (c dashboardsExportCmd) Run(t *terminal) error {
	if err := dashboards.Export(c.Dir, dashboards.ExportOptions{PublicURL: c.Portal, ProvisioningDir: c.Provisioning}); err != nil {
		return err
	}
	fmt.Fprintf(t.out, `Written to %s/provisioning.
Make it available to Grafana as %s and give Grafana's environment
MODELLREGION_INFLUX_URL, MODELLREGION_INFLUX_USERNAME and MODELLREGION_INFLUX_PASSWORD.
`, c.Dir, c.Provisioning)
	return nil
}
