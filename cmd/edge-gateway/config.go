package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/edge"
	"modellregion/edge/lorawan"
	"modellregion/edge/semtech"
	"modellregion/internal/strictyaml"
	"modellregion/uplink"
)

// config is the gateway's YAML file; deploy/edge-gateway.example.yaml explains
// every key.
type config struct {
	Name     string            `yaml:"name"`
	DataDir  string            `yaml:"data_dir"`
	UDP      string            `yaml:"udp"`
	UDPRate  int               `yaml:"udp_rate"`
	Gateways []semtech.Allowed `yaml:"gateways"`
	LoRaWAN  lorawan.Config    `yaml:"lorawan"`
	Share    float64           `yaml:"share_frames"`
	Internal string            `yaml:"internal"`

	Clock          string        `yaml:"clock"`
	DevicesFile    string        `yaml:"devices_file"`
	CommitInterval time.Duration `yaml:"commit_interval"`
	DedupWindow    time.Duration `yaml:"dedup_window"`
	Window         int           `yaml:"window"`
	Outbox         struct {
		MaxBytes byteSize      `yaml:"max_bytes"`
		MaxAge   time.Duration `yaml:"max_age"`
	} `yaml:"outbox"`
	Watchdog struct {
		Silence time.Duration `yaml:"silence"`
		Stuck   time.Duration `yaml:"stuck"`
	} `yaml:"watchdog"`

	MQTT    mqttConfig    `yaml:"mqtt"`
	Station stationConfig `yaml:"station"`
}

// defaults are those that the example shows.
func defaults() config {
	c := config{
		DataDir: "/var/lib/modellregion-edge", UDP: "127.0.0.1:1700", Internal: "127.0.0.1:9091", Share: edge.DefaultShare,
		Clock: clockHost, CommitInterval: 50 * time.Millisecond, DedupWindow: 200 * time.Millisecond, Window: 4096,
	}
	c.Outbox.MaxBytes, c.Outbox.MaxAge = 1e9, 7*24*time.Hour
	c.Watchdog.Silence, c.Watchdog.Stuck = 15*time.Minute, 30*time.Minute
	return c
}

func loadConfig(path string) (config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, fmt.Errorf("read configuration: %w", err)
	}
	c := defaults()
	if err := strictyaml.Decode(data, &c); err != nil {
		return config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	if err := c.Validate(); err != nil {
		return config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

// Validate returns everything that is wrong, each with the path of its key and
// what would be right.
func (c *config) Validate() error {
	var errs []error
	need := func(ok bool, path, want string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("  %s: %s", path, fmt.Sprintf(want, args...)))
		}
	}
	if err := uplink.CheckEdgeName(c.Name); err != nil {
		need(false, "name", "%v", err)
	}
	need(c.DataDir != "", "data_dir", "must be given, like /var/lib/modellregion-edge")
	for path, value := range map[string]string{"udp": c.UDP, "internal": c.Internal} {
		_, _, err := net.SplitHostPort(value)
		need(err == nil, path, "%q, want host:port like 127.0.0.1:1700", value)
	}
	if _, err := lorawan.New(c.LoRaWAN); err != nil {
		need(false, "lorawan", "%v", err)
	}
	need(c.Clock == clockHost || c.Clock == clockSynced, "clock", "%q, want %s or %s", c.Clock, clockHost, clockSynced)
	errs = append(errs, c.checkLimits()...)
	need(c.Share >= 0 && c.Share <= 1000, "share_frames", "%v, want 0 to 1000 frames per second", c.Share)
	return errors.Join(slices.Concat(errs, c.Station.validate(), c.MQTT.validate())...)
}

// checkLimits returns which times and sizes are wrong.
func (c *config) checkLimits() (errs []error) {
	within := func(path string, d, least, most time.Duration, offAllowed bool) {
		if d >= least && d <= most || d == 0 && offAllowed {
			return
		}
		off := ""
		if offAllowed && least > 0 {
			off = ", or 0 for never"
		}
		errs = append(errs, fmt.Errorf("  %s: %v, want %v to %v%s", path, d, least, most, off))
	}
	const year = 365 * 24 * time.Hour
	within("commit_interval", c.CommitInterval, time.Millisecond, 10*time.Second, false)
	within("dedup_window", c.DedupWindow, 0, 2*time.Second, true)
	within("outbox.max_age", c.Outbox.MaxAge, time.Minute, year, false)
	within("watchdog.silence", c.Watchdog.Silence, time.Minute, year, true)
	within("watchdog.stuck", c.Watchdog.Stuck, time.Minute, year, true)
	if c.Window < 1 || c.Window > maxWindow {
		errs = append(errs, fmt.Errorf("  window: %d, want 1 to %d uplinks", c.Window, maxWindow))
	}
	if c.Outbox.MaxBytes < minOutbox {
		errs = append(errs, fmt.Errorf("  outbox.max_bytes: %d bytes, want at least %d", c.Outbox.MaxBytes, int64(minOutbox)))
	}
	return errs
}

// When the clock of the host is believed.
const (
	clockHost   = "host"   // when its time is possible
	clockSynced = "synced" // only while the kernel says that a time server has set it
)

const (
	maxWindow = 100_000 // uplinks; some 100 bytes each in memory
	minOutbox = 1e6     // bytes
)

// never returns what package edge takes for never: zero is a default there.
func never(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// edge turns the file into what package edge takes, reading secrets and
// certificates. own is the edge's certificate, nil when it has none.
func (c *config) edge(log *slog.Logger, set *metrics.Set) (out edge.Config, own *x509.Certificate, err error) {
	earliest, err := buildDate()
	if err != nil {
		return out, nil, err
	}
	out = edge.Config{
		Name: c.Name, Dir: c.DataDir, UDP: c.UDP, UDPRate: c.UDPRate, Gateways: c.Gateways,
		LoRaWAN: c.LoRaWAN, Share: c.Share,
		CommitInterval: c.CommitInterval, DedupWindow: never(c.DedupWindow), Window: c.Window,
		MaxOutboxBytes: int64(c.Outbox.MaxBytes), MaxOutboxAge: c.Outbox.MaxAge, DevicesFile: c.DevicesFile,
		SyncedClock: c.Clock == clockSynced, Earliest: earliest, Silence: never(c.Watchdog.Silence), Stuck: never(c.Watchdog.Stuck),
		Version: version, Log: log, Metrics: set,
	}
	if out.MQTT, own, err = c.MQTT.edge(c.Name); err != nil {
		return out, nil, err
	}
	out.Station, err = c.Station.edge()
	return out, own, err
}
