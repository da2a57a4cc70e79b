//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"modellregion/dashboards"
	"modellregion/internal/durable"
)

type dashboardsCmd struct {
	Apply  dashboardsApplyCmd  `cmd:"" help:"Make folders, data source, dashboards, alert rules and contact points in a running Grafana as they should be; doing it again changes nothing."`
	Diff   dashboardsDiffCmd   `cmd:"" help:"Show what somebody has changed by hand, and what apply would do."`
	Export dashboardsExportCmd `cmd:"" help:"Write the files from which Grafana provisions itself at its start."`
	Delete dashboardsDeleteCmd `cmd:"" help:"Remove from Grafana what apply has made, and nothing else."`
	Try    dashboardsTryCmd    `cmd:"" name:"try-alarms" help:"Let Grafana send a trial alarm to each contact point."`
	Token  dashboardsTokenCmd  `cmd:"" help:"Make a token for these commands, with an administrator's login."`
}

// Help shows the way to a control room.
func (dashboardsCmd) Help() string {
	return `The key grafana of region.yaml says which Grafana it is, who is told of alarms and which teams may read what; deploy/region.example.yaml explains it.

  modellregion dashboards token --grafana URL --user admin --password-file F /etc/modellregion/grafana-token
  modellregion dashboards diff -c region.yaml           what apply would do
  modellregion dashboards apply -c region.yaml
  modellregion dashboards try-alarms -c region.yaml     does everybody get them?

A Grafana beside the demo needs no region.yaml:

  modellregion demo --data-dir region
  modellregion dashboards apply --grafana http://127.0.0.1:3000 --token-file F --influx-login region/influx.json

Nothing is touched that does not have both a uid beginning with modellregion and the tag or label modellregion. To keep a dashboard that you have changed, save it as another one, or remove that tag.`
}

// grafanaFlags say which Grafana it is, in place of what the configuration says
// or without one.
type grafanaFlags struct {
	Config       string `short:"c" env:"MODELLREGION_CONFIG" help:"The region's configuration, with the key grafana." type:"path" placeholder:"FILE"`
	Grafana      string `help:"URL of Grafana, like https://grafana.example.org." placeholder:"URL"`
	TokenFile    string `help:"File with the token of a service account that has the role Admin." type:"path" placeholder:"FILE"`
	User         string `help:"User name, when there is no token." placeholder:"NAME"`
	PasswordFile string `help:"File with the user's password." type:"path" placeholder:"FILE"`
}

// influxFlags say how Grafana reaches InfluxDB.
type influxFlags struct {
	Influx         string `help:"URL of InfluxDB as Grafana reaches it." placeholder:"URL"`
	InfluxLogin    string `help:"The file influx.json in the data folder of the demo or of a platform with embedded InfluxDB: its address and a login that may read." type:"path" placeholder:"FILE"`
	InfluxUser     string `help:"User of InfluxDB 1.8 who may read bucket raw." placeholder:"NAME"`
	InfluxPassword string `help:"File with that user's password." type:"path" placeholder:"FILE"`
	InfluxToken    string `help:"File with a token of InfluxDB 2 or 3 that may read bucket raw." type:"path" placeholder:"FILE"`
	Portal         string `help:"Public URL of the portal, linked from the dashboards." placeholder:"URL"`
}

const grafanaWithin = 5 * time.Minute

type dashboardsApplyCmd struct {
	grafanaFlags
	influxFlags
	TakeOver bool `help:"Also write over what has our uid and is somebody else's: dashboards imported by hand, a data source made by hand."`
	Secrets  bool `help:"Also write the secrets of contact points again, which Grafana does not show, so that nobody can see whether they changed."`
}

// Run applies and prints a line for each thing that it changed.
func (c dashboardsApplyCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := c.config(c.influxFlags)
	if err != nil {
		return err
	}
	cfg.TakeOver, cfg.Secrets = c.TakeOver, c.Secrets
	ctx, cancel := context.WithTimeout(ctx, grafanaWithin)
	defer cancel()
	told := stepTeller{out: t.out}
	err = dashboards.Apply(ctx, cfg, told.apply)
	told.sum(err)
	return err
}

type dashboardsDiffCmd struct {
	grafanaFlags
	influxFlags
	TakeOver bool `help:"As if apply was given it."`
	ExitCode bool `help:"End with 1 when something is not as it should be."`
}

// Run prints what is not as it should be.
func (c dashboardsDiffCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := c.config(c.influxFlags)
	if err != nil {
		return err
	}
	cfg.TakeOver = c.TakeOver
	ctx, cancel := context.WithTimeout(ctx, grafanaWithin)
	defer cancel()
	told := stepTeller{out: t.out}
	err = dashboards.Diff(ctx, cfg, told.diff)
	told.sum(err)
	if err == nil && c.ExitCode && told.changes() > 0 {
		return exitCode(1)
	}
	return err
}

type dashboardsDeleteCmd struct {
	grafanaFlags
	Yes bool `help:"Really. Without it, only tell what would be removed."`
}

// Run removes everything, or tells what that is.
func (c dashboardsDeleteCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := c.access()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, grafanaWithin)
	defer cancel()
	told := stepTeller{out: t.out}
	tell := told.diff
	if c.Yes {
		tell = told.apply
	}
	err = dashboards.Delete(ctx, cfg, !c.Yes, func(s dashboards.Step) {
		if s.Action == dashboards.Keep && s.Note != "" {
			fmt.Fprintln(t.out, s) // what stays, and why
		}
		tell(s)
	})
	told.sum(err)
	if err == nil && !c.Yes {
		fmt.Fprintln(t.out, "Nothing was removed: that was what --yes would do.")
	}
	return err
}

type dashboardsTryCmd struct{ grafanaFlags }

// Run sends the trials.
func (c dashboardsTryCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := c.access()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, grafanaWithin)
	defer cancel()
	return dashboards.TryContactPoints(ctx, cfg, func(line string) { fmt.Fprintln(t.out, line) })
}

type dashboardsTokenCmd struct {
	grafanaFlags
	Account string `help:"Name of the service account, which is created when it is missing." default:"modellregion"`
	File    string `arg:"" help:"File that gets the token, readable by its owner alone." type:"path"`
}

// Run makes a token and keeps it.
func (c dashboardsTokenCmd) Run(ctx context.Context, t *terminal) error {
	c.TokenFile = "" // it is what is missing
	cfg, err := c.access()
	if err != nil {
		return err
	}
	if cfg.User == "" {
		return errors.New("want --user and --password-file of an administrator of Grafana")
	}
	ctx, cancel := context.WithTimeout(ctx, grafanaWithin)
	defer cancel()
	token, err := dashboards.Token(ctx, cfg, c.Account, time.Now())
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.File, []byte(token+"\n"), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Written to %s: a token of the service account %s.\n", c.File, c.Account)
	return nil
}

type dashboardsExportCmd struct {
	Config       string `short:"c" env:"MODELLREGION_CONFIG" help:"The region's configuration, whose key grafana names contact points and municipalities." type:"path" placeholder:"FILE"`
	Dir          string `arg:"" help:"Folder that gets a folder provisioning." type:"path"`
	Grafana      string `help:"URL of Grafana, to which alarms link." placeholder:"URL"`
	Portal       string `help:"Public URL of the portal, linked from the dashboards." placeholder:"URL"`
	Provisioning string `help:"Absolute path under which Grafana finds that folder." default:"/etc/grafana/provisioning" placeholder:"DIR"`
	Token        bool   `help:"Grafana has a token for InfluxDB, as with InfluxDB 2 and 3, and no user and password."`
	Policies     bool   `help:"Also write the notification policies. From a file Grafana replaces all it has, those of others too."`
}

// Run writes the files and says how Grafana finds them.
func (c dashboardsExportCmd) Run(t *terminal) error {
	cfg := dashboards.Config{URL: c.Grafana}
	token := c.Token
	if c.Config != "" {
		region, err := withConfig{c.Config}.load()
		if err != nil {
			return err
		}
		if cfg, err = region.controlRoom(false); err != nil {
			return err
		}
		token = token || region.Grafana.InfluxTokenFile != ""
		cfg.URL = either(c.Grafana, cfg.URL)
	}
	cfg.PublicURL = either(c.Portal, cfg.PublicURL)
	variables := "MODELLREGION_INFLUX_URL, MODELLREGION_INFLUX_USERNAME and MODELLREGION_INFLUX_PASSWORD"
	if token {
		cfg.InfluxDB.Token = "from the environment"
		variables = "MODELLREGION_INFLUX_URL and MODELLREGION_INFLUX_TOKEN"
	}
	if err := dashboards.Export(c.Dir, cfg, dashboards.ExportOptions{ProvisioningDir: c.Provisioning, Policies: c.Policies}); err != nil {
		return err
	}
	fmt.Fprintf(t.out, `Written to %s/provisioning.
Make it available to Grafana as %s and give Grafana's environment
%s.
`, c.Dir, c.Provisioning, variables)
	for _, p := range cfg.ContactPoints {
		if p.Webhook != nil && p.Webhook.Username+p.Webhook.Token != "" {
			fmt.Fprintf(t.out, "The webhook of contact point %s takes its secret from %s.\n", p.Name, dashboards.SecretVariable(p.Name))
		}
	}
	if len(cfg.ContactPoints) > 0 && !c.Policies {
		fmt.Fprintln(t.out, "Which alarm goes to which contact point is not in the files: see --policies.")
	}
	return nil
}

// stepTeller prints steps and counts them.
type stepTeller struct {
	out    io.Writer
	counts map[dashboards.Action]int
}

func (s *stepTeller) count(step dashboards.Step) {
	if s.counts == nil {
		s.counts = map[dashboards.Action]int{}
	}
	s.counts[step.Action]++
}

// apply tells what was done, and whose work that replaced.
func (s *stepTeller) apply(step dashboards.Step) {
	s.count(step)
	if step.Action == dashboards.Keep {
		return
	}
	fmt.Fprintln(s.out, step)
	if len(step.ByHand) > 0 {
		fmt.Fprintln(s.out, "  in place of", step.ByHand[0])
	}
}

// diff tells everything that is not as it should be.
func (s *stepTeller) diff(step dashboards.Step) {
	s.count(step)
	if step.Action == dashboards.Keep {
		return
	}
	fmt.Fprintf(s.out, "%s: would be %s\n", step.What, strings.TrimPrefix(step.String(), step.What+": "))
	for i, line := range step.ByHand {
		if i == 0 {
			line = "by hand, " + line
		} else {
			line = "  " + line
		}
		fmt.Fprintln(s.out, " ", line)
	}
	if len(step.ByHand) > 0 && len(step.Changes) > 0 {
		fmt.Fprintln(s.out, "  apply would change")
	}
	for _, line := range step.Changes {
		fmt.Fprintln(s.out, "   ", line)
	}
}

func (s *stepTeller) changes() int {
	return s.counts[dashboards.Create] + s.counts[dashboards.Update] + s.counts[dashboards.Remove]
}

// sum ends the list, unless it could not be finished.
func (s *stepTeller) sum(err error) {
	if err != nil {
		return
	}
	fmt.Fprintf(s.out, "%d unchanged, %d created, %d updated, %d removed\n",
		s.counts[dashboards.Keep], s.counts[dashboards.Create], s.counts[dashboards.Update], s.counts[dashboards.Remove])
}
