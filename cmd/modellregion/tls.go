package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"

	"modellregion/internal/mqtt"
)

// BrokerUser says how to reach an MQTT broker elsewhere and as whom. Its name
// is exported for the sake of the YAML of what it is a part of.
type BrokerUser struct {
	URL          string `yaml:"url"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"`   // PEM; empty: the roots of the host
	CertFile     string `yaml:"cert_file"` // PEM, of a client that shows a certificate
	KeyFile      string `yaml:"key_file"`
}

// check finds what is wrong; path is what stands before the keys.
func (b *BrokerUser) check(need need, path string) {
	need(b.URL == "" || isLink(b.URL, "tcp", "ssl", "mqtt", "mqtts"), path+"url",
		"%q, want ssl://host:8883, or tcp://host:1883 on this machine or in a VPN, with user and password in keys of their own", redacted(b.URL))
	need((b.CertFile == "") == (b.KeyFile == ""), path+"cert_file, "+path+"key_file", "want both, for a client that shows a certificate, or none")
	secure := isLink(b.URL, "ssl", "mqtts")
	need(secure || b.CAFile == "" && b.CertFile == "", path+"ca_file, "+path+"cert_file", "are for %surl with ssl://, and it is %q", path, redacted(b.URL))
}

// client reads the secrets and certificates. path is what stands before the
// keys.
func (b *BrokerUser) client(path string) (mqtt.Config, error) {
	c := mqtt.Config{URL: b.URL, Username: b.Username}
	if err := readSecret(b.PasswordFile, &c.Password); err != nil {
		return c, err
	}
	if u, err := url.Parse(b.URL); err != nil || u.Scheme != "ssl" && u.Scheme != "mqtts" {
		return c, nil // New says what is wrong with the URL
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if b.CAFile != "" {
		pem, err := os.ReadFile(b.CAFile)
		if err != nil {
			return c, fmt.Errorf("read %sca_file: %w", path, err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return c, fmt.Errorf("%sca_file %s: no certificate in it, want PEM", path, b.CAFile)
		}
	}
	if b.CertFile != "" {
		own, err := tls.LoadX509KeyPair(b.CertFile, b.KeyFile)
		if err != nil {
			return c, fmt.Errorf("read %scert_file and %skey_file: %w", path, path, err)
		}
		c.TLS.Certificates = []tls.Certificate{own}
	}
	return c, nil
}
