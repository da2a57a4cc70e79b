//go:build !ingestonly

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modellregion/internal/simulate/load"
)

type simulateCmd struct {
	MQTT    simulateMQTTCmd    `cmd:"" name:"mqtt" help:"Send uplinks as many edges would, and measure how long until they are stored."`
	Devices simulateDevicesCmd `cmd:"" help:"Bring the devices of simulate mqtt into the registry, or take them out."`
	History simulateHistoryCmd `cmd:"" help:"Invent a past to look at: a year of windows of stations that there are not."`
}

// loadFleet is the flags that say which edges and devices a load has.
type loadFleet struct {
	Config  string   `short:"c" env:"MODELLREGION_CONFIG" help:"The region's configuration, for its broker and the names of its edges." type:"path"`
	Edge    []string `help:"Name of an edge, or with --format chirpstack of a source; may be repeated. Default: those of the configuration." placeholder:"NAME" sep:"none"`
	Edges   int      `help:"How many edges, when they are not named: the first of the configuration, or without one load-1, load-2, and so on. 0 is all of the configuration, or 4." default:"0"`
	Devices int      `help:"How many devices, which the edges serve in turn." default:"1000"`
	Format  string   `help:"Form of the messages: modellregion as edges send them, or chirpstack as ChirpStack does, for a source of that kind; its broker must let the user publish." enum:"modellregion,chirpstack" default:"modellregion"`
	Seed    uint64   `help:"Fixes the devices and what they say." default:"1"`
}

// load returns the part of a load's configuration that the flags say. cfg is
// nil without a configuration.
func (f loadFleet) load(cfg *config) (load.Config, error) {
	c := load.Config{Names: f.Edge, Devices: f.Devices, Format: load.Format(f.Format), Seed: f.Seed}
	switch {
	case f.Edges < 0:
		return c, fmt.Errorf("--edges %d: want 0 or more", f.Edges)
	case len(f.Edge) > 0 && f.Edges > 0:
		return c, errors.New("want either --edge with each name, or --edges with how many")
	case cfg != nil:
		known := f.known(cfg)
		for _, name := range f.Edge {
			if !slices.Contains(known, name) {
				return c, fmt.Errorf("--edge %s: it is not in the configuration, which has %s", name, listed(known))
			}
		}
		if f.Edges > len(known) || len(known) == 0 {
			return c, fmt.Errorf("--edges %d --format %s: the configuration has %s", f.Edges, f.Format, listed(known))
		}
		if len(f.Edge) == 0 {
			c.Names = known
		}
		if f.Edges > 0 {
			c.Names = known[:f.Edges]
		}
	case len(f.Edge) > 0:
	default:
		n := f.Edges
		if n == 0 {
			n = 4
		}
		for i := range n {
			c.Names = append(c.Names, fmt.Sprintf("load-%d", i+1))
		}
	}
	return c, nil
}

// known returns the names in the configuration that devices of the format can
// have as their edge.
func (f loadFleet) known(cfg *config) []string {
	if load.Format(f.Format) == load.Modellregion {
		return cfg.edgeNames()
	}
	var names []string
	for i := range cfg.Sources {
		if cfg.Sources[i].Kind == f.Format {
			names = append(names, cfg.Sources[i].Name)
		}
	}
	return names
}

// listed names what there is, in a sentence.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// region loads the configuration, if one is given.
func (f loadFleet) region() (*config, error) {
	if f.Config == "" {
		return nil, nil
	}
	cfg, err := loadConfig(f.Config)
	if err != nil {
		return nil, err
	}
	return &cfg, nil
}

type simulateMQTTCmd struct {
	loadFleet
	URL          string        `name:"url" help:"Broker, when it is not that of the configuration: tcp://host:1883 or ssl://host:8883."`
	User         string        `help:"MQTT user of all edges. Default: with --url each edge's name, with -c what the configuration says."`
	PasswordFile string        `help:"File with the password; or a copy of mqtt.json from the platform's data folder, which has one for each edge." type:"path"`
	CAFile       string        `name:"ca-file" help:"Certificates, as PEM, that the broker's must come from. Default: those that this machine trusts." type:"path"`
	Rate         float64       `help:"Uplinks a second over all edges. 0 is as fast as the platform confirms them." default:"100"`
	PerMessage   int           `help:"Uplinks in a message at most, 1 to 256. 0 is what the format allows." default:"0"`
	Size         int           `help:"Pad an uplink to about this many bytes of JSON. 0: no padding." default:"0"`
	Uplinks      int           `help:"How many to send, with those that the ledger has. 0: no end." default:"0"`
	For          time.Duration `help:"How long to send. 0: no end." default:"0s"`
	Wait         time.Duration `help:"How long to wait for the broker, and after the last uplink for its confirmation." default:"1m"`
	Ledger       string        `help:"Note in this file what was sent and what was confirmed, and go on from there the next time." type:"path"`
}

// interruptWait is how long confirmations are awaited after an interrupt.
const interruptWait = 10 * time.Second

// Help teaches how a machine is sized.
func (simulateMQTTCmd) Help() string {
	return `To find out what a machine can do, with "modellregion serve region.yaml" running on it:

  modellregion simulate devices -c region.yaml                    # once: the devices must be known
  modellregion simulate mqtt -c region.yaml --rate 1000 --for 5m  # can it take 1000 uplinks a second?
  modellregion simulate mqtt -c region.yaml --rate 0 --uplinks 500000
  modellregion simulate devices -c region.yaml --remove

A line tells how it goes. "behind" is what is due and not sent because as much as an edge may have on the way, 4096 uplinks, is not confirmed: the machine is too slow for that rate. The latency is from sending an uplink to hearing that it is stored. The last line is the result, as JSON.

The generator needs processor time too. To have it elsewhere:

  scp platform:/var/lib/modellregion/mqtt.json . && ssh -L 1883:127.0.0.1:1883 platform
  modellregion simulate mqtt --url tcp://127.0.0.1:1883 --edge rathaus --password-file mqtt.json --rate 1000

The edges must be known to the broker, and the devices registered for the same edges in the same order: with -c both follow from the configuration. Give the region edges for this alone and name them with --edge, in both commands: a real edge of the same name hears confirmations that are not for it, and warns. The devices are internal: what they say is stored, and shown to operators, and not published.

Ctrl-C ends it: what was sent is awaited for 10 s. Uplinks that are not confirmed then are an error; with --ledger the next run sends them again.`
}

// Run sends, shows how it goes and prints the result.
func (c simulateMQTTCmd) Run(ctx context.Context, t *terminal) error {
	region, err := c.region()
	if err != nil {
		return err
	}
	cfg, err := c.load(region)
	if err != nil {
		return err
	}
	if err := c.broker(&cfg, region); err != nil {
		return err
	}
	cfg.Rate, cfg.PerMessage, cfg.Size, cfg.Uplinks, cfg.For = c.Rate, c.PerMessage, c.Size, c.Uplinks, c.For
	cfg.Wait, cfg.Grace, cfg.Ledger, cfg.Forget, cfg.Log = c.Wait, interruptWait, c.Ledger, true, t.log
	l, err := load.New(cfg)
	if err != nil {
		return err
	}
	before := l.Progress()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		showLoad(t.err, l, stop)
	}()
	err = l.Run(ctx)
	close(stop)
	<-stopped
	line, wrong := json.Marshal(resultOf(before, l.Progress()))
	if wrong != nil {
		return fmt.Errorf("print result: %w", wrong)
	}
	fmt.Fprintf(t.out, "%s\n", line)
	return err
}

// broker adds how the broker is reached, and as whom.
func (c simulateMQTTCmd) broker(cfg *load.Config, region *config) error {
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--ca-file %s: no certificate in it, want PEM", c.CAFile)
		}
		cfg.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	user, file := c.User, c.PasswordFile
	there, err := c.brokerOf(cfg, region)
	switch {
	case err != nil:
		return err
	case c.URL != "":
		cfg.URL = c.URL
	case there.URL != "":
		login, err := there.client("")
		if err != nil {
			return err
		}
		cfg.URL = there.URL
		if cfg.TLS == nil {
			cfg.TLS = login.TLS
		}
		if user == "" && file == "" {
			user, file = there.Username, there.PasswordFile
		}
	default:
		path := filepath.Join(region.DataDir, "mqtt.json")
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("there is no %s, which modellregion serve writes: is it running with this configuration?", path)
		}
		logins, err := loadMQTTLogins(region.DataDir, nil)
		if err != nil {
			return err
		}
		cfg.URL = logins.URL
		if file == "" {
			file = path
		}
	}
	users := cfg.Names
	if user != "" {
		users = []string{user}
	}
	passwords, err := readPasswords(file, users)
	if err != nil {
		return err
	}
	cfg.Login = func(edge string) (string, string) {
		if user != "" {
			edge = user
		}
		return edge, passwords[edge]
	}
	return nil
}

// brokerOf returns the broker that the configuration has for the load; one
// without a URL is the embedded one, or that of --url.
func (c simulateMQTTCmd) brokerOf(cfg *load.Config, region *config) (b BrokerUser, err error) {
	switch {
	case c.URL != "":
		return b, nil
	case region == nil:
		return b, errors.New("want -c with the region's configuration, or --url with the broker's address")
	case cfg.Format == load.Modellregion:
		return region.MQTT.BrokerUser, nil
	}
	for i := range region.Sources {
		s := &region.Sources[i]
		if !slices.Contains(cfg.Names, s.Name) {
			continue
		}
		if b.URL != "" && s.BrokerUser != b {
			return b, fmt.Errorf("sources %s have brokers of their own: choose one of them with --edge", listed(cfg.Names))
		}
		b = s.BrokerUser
	}
	return b, nil
}

// readPasswords reads the passwords of users from a file that holds one for
// all, or is a mqtt.json. Without a file there is none.
func readPasswords(path string, users []string) (map[string]string, error) {
	passwords := map[string]string{}
	if path == "" {
		return passwords, nil
	}
	var text string
	if err := readSecret(path, &text); err != nil {
		return nil, err
	}
	var logins mqttLogins
	each := json.Unmarshal([]byte(text), &logins) == nil && logins.Passwords != nil
	for _, u := range users {
		passwords[u] = text
		if each {
			passwords[u] = logins.Passwords[u]
		}
		if passwords[u] == "" {
			return nil, fmt.Errorf("%s has no password for %s: want the name of an edge of the region; a new edge has one when modellregion serve has started again", path, u)
		}
	}
	return passwords, nil
}

// loadResult is the last line of simulate mqtt.
type loadResult struct {
	Sent         uint64  `json:"uplinks_sent"`
	Resent       uint64  `json:"uplinks_resent"`
	Confirmed    uint64  `json:"uplinks_confirmed"`
	Unconfirmed  uint64  `json:"uplinks_unconfirmed"`
	ElapsedS     float64 `json:"elapsed_s"`
	PerSecond    float64 `json:"uplinks_per_s"` // confirmed in this run
	LatencyP50Ms float64 `json:"latency_p50_ms"`
	LatencyP99Ms float64 `json:"latency_p99_ms"`
	LatencyMaxMs float64 `json:"latency_max_ms"`
}

func resultOf(before, p load.Progress) loadResult {
	ms := func(q float64) float64 { return float64(p.Latency.Quantile(q).Microseconds()) / 1000 }
	r := loadResult{
		Sent: p.Sent, Resent: p.Resent, Confirmed: p.Confirmed, Unconfirmed: p.Unconfirmed,
		ElapsedS: float64(p.Elapsed.Milliseconds()) / 1000, LatencyP50Ms: ms(0.5), LatencyP99Ms: ms(0.99), LatencyMaxMs: ms(1),
	}
	if p.Elapsed > 0 {
		r.PerSecond = float64(int64(float64(p.Confirmed-before.Confirmed)/p.Elapsed.Seconds()*10)) / 10
	}
	return r
}

// showLoad keeps one line up to date on a terminal, and writes a line now and
// then anywhere else.
func showLoad(out io.Writer, l *load.Load, stop <-chan struct{}) {
	every, end := 5*time.Second, "\n"
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, end = time.Second, "   \r"
		}
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	before := l.Progress()
	for {
		select {
		case <-stop:
			if end != "\n" {
				fmt.Fprintln(out)
			}
			return
		case <-ticker.C:
		}
		p := l.Progress()
		fmt.Fprint(out, loadLine(before, p, every), end)
		before = p
	}
}

// loadLine tells what happened between two states, and where things stand.
func loadLine(before, p load.Progress, within time.Duration) string {
	latency := p.Latency.Since(&before.Latency)
	parts := []string{
		fmt.Sprintf("%.0f uplinks/s", float64(p.Sent-before.Sent)/within.Seconds()),
		fmt.Sprintf("confirmed %d", p.Confirmed),
		fmt.Sprintf("unconfirmed %d", p.Unconfirmed),
	}
	if latency.Count() > 0 {
		parts = append(parts, fmt.Sprintf("latency p50 %v p99 %v", short(latency.Quantile(0.5)), short(latency.Quantile(0.99))))
	}
	if p.Behind > 0 {
		parts = append(parts, fmt.Sprintf("behind %d", p.Behind))
	}
	if p.Resent > 0 {
		parts = append(parts, fmt.Sprintf("sent again %d", p.Resent))
	}
	return strings.Join(append(parts, fmt.Sprintf("edges connected %d", p.Connected)), "  ")
}

// short cuts a duration to three digits.
func short(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
