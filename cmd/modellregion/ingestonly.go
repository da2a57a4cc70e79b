//go:build ingestonly

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"modellregion/internal/influx"
)

// ingestOnly says that this program has the ingest alone. What an ingest does
// not need is most of the platform's, and most of a program's file is in memory
// while it runs.
const ingestOnly = true

const serveHelp = ""

const usage = `Ingest of a digital model region's open data platform: it stores what edges and other networks send. This program has nothing else of the platform, and is smaller for that.

It needs an MQTT broker (mqtt.url) and an InfluxDB (influx.url), and the registry in the data folder, which the program of the whole platform fills. There may be several, which share the messages with mqtt.share or mqtt.edges.

  modellregion serve --roles ingest region.yaml
  modellregion serve --roles ingest --internal 127.0.0.1:9091 region.yaml     another on the same machine
  modellregion check region.yaml
  modellregion ready region.yaml                                              asks the one on this machine whether it is
  modellregion version

Flags:
`

// parse reads a command line. It returns the level of the log and what is to be
// done, nil when that was to print the help. The whole platform's library for it
// would have the linker keep every method of everything.
func parse(ctx context.Context, args []string, stdout, stderr io.Writer) (log string, work func(*terminal) error, err error) {
	var serve serveCmd
	var show bool
	flags := flag.NewFlagSet("modellregion", flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.Usage = func() {
		fmt.Fprint(stdout, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&log, "log", "info", "least level of log lines: debug, info, warn or error")
	flags.BoolVar(&show, "version", false, "print the version")
	flags.StringVar(&serve.Internal, "internal", "", "`HOST:PORT` of health and metrics, in place of what the configuration says")
	flags.Func("roles", "run these `ROLES` in place of those of the configuration: ingest", func(list string) error {
		for name := range strings.SplitSeq(list, ",") {
			serve.Roles = append(serve.Roles, role(name))
		}
		return nil
	})
	var operands []string
	for rest := args; ; { // flags may stand before, between and after operands
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return "", nil, nil
		} else if err != nil {
			return "", nil, fmt.Errorf("%w (see --help)", err)
		}
		if flags.NArg() == 0 {
			break
		}
		operands, rest = append(operands, flags.Arg(0)), flags.Args()[1:]
	}
	switch {
	case len(operands) == 2 && operands[0] == "serve":
		serve.Config = operands[1]
		return log, func(t *terminal) error { return serve.Run(ctx, t) }, nil
	case len(operands) == 2 && operands[0] == "check":
		return log, checkCmd{operands[1]}.Run, nil
	case len(operands) == 2 && operands[0] == "ready":
		return log, func(t *terminal) error { return readyCmd{operands[1], serve.Internal}.Run(ctx, t) }, nil
	case len(operands) == 1 && operands[0] == "version", show && len(operands) == 0:
		return log, versionCmd{}.Run, nil
	}
	return "", nil, fmt.Errorf("%q: want serve region.yaml, check region.yaml, ready region.yaml or version (see --help)", operands)
}

// The keys of semtech.Allowed and lorawan.Config: a region has one file, which
// this program reads as strictly as the others. What they say is for edges.
type (
	gatewayConfig string
	lorawanConfig struct {
		Region       string        `yaml:"region"`
		RX1Delay     uint8         `yaml:"rx1_delay"`
		RX1Offset    uint8         `yaml:"rx1_offset"`
		RX2DataRate  uint8         `yaml:"rx2_data_rate"`
		RX2Frequency uint32        `yaml:"rx2_frequency"`
		MaxDutyCycle uint8         `yaml:"max_duty_cycle"`
		NoADR        bool          `yaml:"no_adr"`
		StatusEvery  time.Duration `yaml:"status_every"`
	}
)

// datasetConfig has the keys of opendata.Dataset, for the same reason; the
// package itself would bring time zones and rules that an ingest never uses.
type datasetConfig struct {
	ID          string     `yaml:"id"`
	Domain      string     `yaml:"domain"`
	Title       regionName `yaml:"title"`
	Description regionName `yaml:"description"`
	Quantities  []string   `yaml:"quantities"`
	Windows     []string   `yaml:"windows"`
	Grouping    string     `yaml:"grouping"`
	Percentiles []int      `yaml:"percentiles"`
	Licence     string     `yaml:"licence"`
	Publisher   string     `yaml:"publisher"`
	Contact     string     `yaml:"contact"`
	Themes      []string   `yaml:"themes"`
	Households  *struct {
		K     int           `yaml:"k"`
		Delay time.Duration `yaml:"delay"`
		Total bool          `yaml:"total"`
	} `yaml:"households"`
}

// catalogConfig has the keys of catalog.Settings, likewise.
type catalogConfig struct {
	Contributor   string     `yaml:"contributor"`
	PublisherType string     `yaml:"publisher_type"`
	Description   regionName `yaml:"description"`
	Homepage      string     `yaml:"homepage"`
	Issued        string     `yaml:"issued"`
	Licence       string     `yaml:"licence"`
	Datasets      map[string]struct {
		Keywords    []regionName `yaml:"keywords"`
		HighValue   []string     `yaml:"high_value"`
		Legislation []string     `yaml:"legislation"`
		Provenance  regionName   `yaml:"provenance"`
		Issued      string       `yaml:"issued"`
	} `yaml:"datasets"`
}

func checkLoRaWAN(lorawanConfig) error { return nil }

func (*config) checkDatasets(need)     {}
func (*config) checkCatalog(need)      {}
func (*config) checkPortal(need)       {}
func (*config) tellDatasets(io.Writer) {}

// errLeftOut is never seen: config.Validate has refused what leads to it.
var errLeftOut = errors.New("this program has the ingest alone")

func (*platform) startInflux(context.Context) error              { return errLeftOut }
func (*platform) openBroker(context.Context) (mqttLogins, error) { return mqttLogins{}, errLeftOut }
func (*platform) openOpenData(context.Context) error             { return errLeftOut }
func (*platform) openEdge(mqttLogins) error                      { return errLeftOut }
func embeddedLogin(config) (influx.Config, error)                { return influx.Config{}, errLeftOut }
