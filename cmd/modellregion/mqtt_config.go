package main

import (
	"fmt"
	"net"
	"regexp"

	"modellregion/uplink"
)

// mqttTLSConfig is where gateways elsewhere reach the embedded broker.
type mqttTLSConfig struct {
	Listen   string   `yaml:"listen"`
	Names    []string `yaml:"names"`     // DNS names and IP addresses by which they call it, the first one in what they are given
	CertFile string   `yaml:"cert_file"` // PEM; empty: of the built-in authority
	KeyFile  string   `yaml:"key_file"`
}

// readerConfig is a user who may read some domains at the broker.
type readerConfig struct {
	Name         string          `yaml:"name"`
	Domains      []uplink.Domain `yaml:"domains"`
	PasswordFile string          `yaml:"password_file"`
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*$`)

// checkHost finds what is no DNS name and no IP address.
func checkHost(name string) error {
	if net.ParseIP(name) != nil || len(name) <= 253 && hostPattern.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%.64q, want the name or the IP address of the broker like mqtt.musterstadt.example", name)
}

// check finds what is wrong with the second port.
func (t *mqttTLSConfig) check(need need, embedded bool) {
	if t.Listen == "" {
		need(len(t.Names) == 0 && t.CertFile == "" && t.KeyFile == "", "mqtt.tls.listen", "must be given, like 0.0.0.0:8883")
		return
	}
	need(embedded, "mqtt.tls", "is for the embedded broker; the one of mqtt.url has a port of its own for TLS")
	_, _, err := net.SplitHostPort(t.Listen)
	need(err == nil, "mqtt.tls.listen", "%q, want host:port like 0.0.0.0:8883", t.Listen)
	need(len(t.Names) > 0, "mqtt.tls.names", "must be given: by which names gateways reach the broker, like [mqtt.musterstadt.example]")
	for _, name := range t.Names {
		err := checkHost(name)
		need(err == nil, "mqtt.tls.names", "%v", err)
	}
	need((t.CertFile == "") == (t.KeyFile == ""), "mqtt.tls.cert_file, mqtt.tls.key_file", "want both, or none for a certificate of the built-in authority")
}

// checkReaders finds what is wrong with readers; taken are the names of other
// users.
func (c *config) checkReaders(need need, taken map[string]bool) {
	for i, r := range c.MQTT.Readers {
		at := fmt.Sprintf("mqtt.readers[%d].", i)
		need(idPattern.MatchString(r.Name), at+"name", "%.64q, want lower-case letters, digits and hyphens like stadtwerke", r.Name)
		need(!taken[r.Name], at+"name", "%q is taken", r.Name)
		taken[r.Name] = true
		need(len(r.Domains) > 0, at+"domains", "must name at least one of %v", uplink.Domains())
		for _, d := range r.Domains {
			need(d.Valid(), at+"domains", "%.64q, want some of %v", d, uplink.Domains())
		}
		need(r.PasswordFile != "", at+"password_file", "must be given, like /etc/modellregion/%s-password", either(r.Name, "stadtwerke"))
	}
}
