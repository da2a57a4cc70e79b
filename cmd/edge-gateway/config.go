package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"modellregion/edge"
	"modellregion/edge/lorawan"
	"modellregion/edge/semtech"
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
	MQTT     struct {
		URL          string `yaml:"url"`
		PasswordFile string `yaml:"password_file"`
		CAFile       string `yaml:"ca_file"`
	} `yaml:"mqtt"`
	Station stationConfig `yaml:"station"`
}

func loadConfig(path string) (config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, fmt.Errorf("read configuration: %w", err)
	}
	c := config{DataDir: "/var/lib/modellregion-edge", UDP: "127.0.0.1:1700", Internal: "127.0.0.1:9091", Share: edge.DefaultShare}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&c); err != nil {
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
	need(c.Share >= 0 && c.Share <= 1000, "share_frames", "%v, want 0 to 1000 frames per second", c.Share)
	u, err := url.Parse(c.MQTT.URL)
	shown := c.MQTT.URL
	if err == nil {
		shown = u.Redacted()
	}
	ok := err == nil && u.Host != "" && u.User == nil && (u.Scheme == "tcp" || u.Scheme == "mqtt" || u.Scheme == "ssl" || u.Scheme == "mqtts")
	errs = append(errs, c.Station.validate()...)
	need(ok, "mqtt.url", "%q, want ssl://host:8883, or tcp://host:1883 on this machine or in a VPN; the password stands in mqtt.password_file", shown)
	return errors.Join(errs...)
}

// edge turns the file into what package edge takes, reading secrets and
// certificates.
func (c *config) edge(log *slog.Logger, metrics prometheus.Registerer) (edge.Config, error) {
	out := edge.Config{
		Name: c.Name, Dir: c.DataDir, UDP: c.UDP, UDPRate: c.UDPRate, Gateways: c.Gateways,
		LoRaWAN: c.LoRaWAN, Share: c.Share, MQTT: edge.MQTT{URL: c.MQTT.URL},
		Version: version, Log: log, Metrics: metrics,
	}
	if path := c.MQTT.PasswordFile; path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return out, fmt.Errorf("read mqtt.password_file: %w", err)
		}
		out.MQTT.Password = strings.TrimSpace(string(data))
	}
	if path := c.MQTT.CAFile; path != "" {
		pool, err := certificates("mqtt.ca_file", path)
		if err != nil {
			return out, err
		}
		out.MQTT.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	var err error
	out.Station, err = c.Station.edge()
	return out, err
}
