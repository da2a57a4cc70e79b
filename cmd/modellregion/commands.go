//go:build !ingestonly

package main

import (
	"context"
	"fmt"
	"io"
	_ "time/tzdata" // days end at midnight in Germany, also where the host has no time zones

	"github.com/alecthomas/kong"

	"modellregion/internal/buildinfo"
)

// ingestOnly says whether this program has the ingest alone. Built with -tags
// ingestonly it does, and ingestonly.go takes the place of the files without.
const ingestOnly = false

const description = `Open data platform of a digital model region: from LoRaWAN sensors to control rooms and public data.

To see it work:     modellregion demo
To run a region:    modellregion check region.yaml && modellregion serve region.yaml`

const serveHelp = `One process is the whole platform. In a larger region its parts run apart, beside an MQTT broker (mqtt.url) and an InfluxDB (influx.url) of the region's own:

  ingest     stores what edges and other networks send; there may be several, which share the messages with mqtt.share or mqtt.edges
  aggregate  computes open data and writes the files; one of it is enough
  public     shows files and portal, with the login that may read open data alone; there may be several
  lists      tells edges their devices and writes where these are; one of it is enough
  edge       the edge with udp, for gateways in the same network

  modellregion serve --roles ingest region.yaml
  modellregion serve --roles ingest --internal 127.0.0.1:9091 region.yaml     another on the same machine
  modellregion serve --roles aggregate,lists --internal 127.0.0.1:9092 region.yaml
  modellregion serve --roles public --internal 127.0.0.1:9093 region.yaml`

type cli struct {
	Log         string           `help:"Least level of log lines: debug, info, warn or error." default:"info" enum:"debug,info,warn,error"`
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`

	Demo        demoCmd        `cmd:"" help:"Run the whole platform with a simulated model region, on embedded defaults."`
	Serve       serveCmd       `cmd:"" help:"Run the platform from a region.yaml."`
	Check       checkCmd       `cmd:"" help:"Check a region.yaml and say what it means."`
	Ready       readyCmd       `cmd:"" help:"Ask the platform on this machine whether it is ready; for scripts and containers."`
	Devices     devicesCmd     `cmd:"" help:"Add and list devices."`
	Edges       edgesCmd       `cmd:"" help:"Add edge gateways, renew and revoke what they log in with."`
	Dashboards  dashboardsCmd  `cmd:"" help:"Bring the dashboards to Grafana."`
	DeadLetters deadLettersCmd `cmd:"" help:"Look at what could not be stored, and store it at last."`
	OpenData    openDataCmd    `cmd:"" name:"opendata" help:"See which open data are published, and compute them anew."`
	Feedback    feedbackCmd    `cmd:"" help:"Read and answer what the public says about the data."`
	Backup      backupCmd      `cmd:"" help:"Copy what cannot be made again to another disk, while the platform runs or not."`
	Restore     restoreCmd     `cmd:"" help:"Put a backup into an empty data folder."`
	Simulate    simulateCmd    `cmd:"" help:"Send what many devices would, to see what a machine can take."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// parse reads a command line. It returns the level of the log and what is to be
// done, nil when that was to print the help.
func parse(ctx context.Context, args []string, stdout, stderr io.Writer) (log string, work func(*terminal) error, err error) {
	var c cli
	parser, err := kong.New(&c, kong.Name("modellregion"), kong.Description(description), kong.UsageOnError(),
		kong.Vars{"version": buildinfo.Describe()}, kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exitCode(code)) }))
	if err != nil {
		return "", nil, fmt.Errorf("build command line: %w", err)
	}
	defer func() { // kong ends the program after --help; here it ends parse
		switch code := recover().(type) {
		case nil:
		case exitCode:
			work = nil
			if code != 0 {
				err = code
			}
		default:
			panic(code)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", nil, fmt.Errorf("%w (see --help)", err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return c.Log, func(t *terminal) error { return parsed.Run(t) }, nil
}
