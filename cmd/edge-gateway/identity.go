package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/edge"
)

// mqttConfig says where the broker is and how edge and broker know each other.
// Each PEM text and the password stand here or in a file of their own.
type mqttConfig struct {
	URL          string `yaml:"url"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	CA           string `yaml:"ca"`
	CAFile       string `yaml:"ca_file"`
	Cert         string `yaml:"cert"`
	CertFile     string `yaml:"cert_file"`
	Key          string `yaml:"key"`
	KeyFile      string `yaml:"key_file"`
}

// validate returns what is wrong without reading a file. No secret is in it.
func (c *mqttConfig) validate() []error {
	var errs []error
	need := func(ok bool, path, want string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("  mqtt.%s: %s", path, fmt.Sprintf(want, args...)))
		}
	}
	u, err := url.Parse(c.URL)
	shown := c.URL
	if err == nil {
		shown = u.Redacted()
	}
	secure := err == nil && (u.Scheme == "ssl" || u.Scheme == "mqtts")
	ok := err == nil && u.Host != "" && u.User == nil && (secure || u.Scheme == "tcp" || u.Scheme == "mqtt")
	need(ok, "url", "%q, want ssl://host:8883, or tcp://host:1883 on this machine or in a VPN; the password stands in mqtt.password_file", shown)
	for _, p := range []struct{ key, text, file string }{{"password", c.Password, c.PasswordFile}, {"ca", c.CA, c.CAFile}, {"cert", c.Cert, c.CertFile}, {"key", c.Key, c.KeyFile}} {
		need(p.text == "" || p.file == "", p.key+", mqtt."+p.key+"_file", "want the one or the other")
	}
	hasCert, hasKey := c.Cert+c.CertFile != "", c.Key+c.KeyFile != ""
	need(hasCert == hasKey, "cert, mqtt.key", "want both, here or as mqtt.cert_file and mqtt.key_file, or none")
	need(!ok || secure || !hasCert, "cert", "is for mqtt.url with ssl://, and it is %q", shown)
	return errs
}

// text returns what stands in the configuration or in a file of its own.
func text(key, here, file string) ([]byte, error) {
	if file == "" {
		return []byte(here), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read mqtt.%s_file: %w", key, err)
	}
	return data, nil
}

// edge reads secrets and certificates. own is the edge's certificate, nil when
// it has none.
func (c *mqttConfig) edge(name string) (out edge.MQTT, own *x509.Certificate, err error) {
	out.URL = c.URL
	var errs [4]error
	var password, ca, cert, key []byte
	password, errs[0] = text("password", c.Password, c.PasswordFile)
	ca, errs[1] = text("ca", c.CA, c.CAFile)
	cert, errs[2] = text("cert", c.Cert, c.CertFile)
	key, errs[3] = text("key", c.Key, c.KeyFile)
	if err := errors.Join(errs[:]...); err != nil {
		return out, nil, err
	}
	out.Password = strings.TrimSpace(string(password))
	if len(ca)+len(cert) == 0 {
		return out, nil, nil
	}
	out.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		out.TLS.RootCAs = x509.NewCertPool()
		if !out.TLS.RootCAs.AppendCertsFromPEM(ca) {
			return out, nil, fmt.Errorf("mqtt.ca%s holds no certificate in PEM form", in(c.CAFile))
		}
	}
	if len(cert) == 0 {
		return out, nil, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return out, nil, fmt.Errorf("mqtt.cert%s and mqtt.key%s: %w", in(c.CertFile), in(c.KeyFile), err)
	}
	if is := pair.Leaf.Subject.CommonName; is != name {
		return out, nil, fmt.Errorf("mqtt.cert%s is the certificate of edge %.64q, and name is %q: want the one that edges add made for it", in(c.CertFile), is, name)
	}
	out.TLS.Certificates = []tls.Certificate{pair}
	return out, pair.Leaf, nil
}

// in names the file that a text is in, if it is in one.
func in(file string) string {
	if file == "" {
		return ""
	}
	return "_file " + file
}

const (
	warnBefore = 30 * 24 * time.Hour // the end of the certificate
	warnEvery  = 24 * time.Hour
)

// lasts says how long a certificate is good, and with late that somebody has to
// act.
func lasts(own *x509.Certificate, now time.Time) (says string, late bool) {
	left, end := own.NotAfter.Sub(now), own.NotAfter.Format(time.DateOnly)
	switch {
	case left <= 0:
		return "certificate has expired on " + end + ": want a new one from edges renew, until then the broker refuses this edge", true
	case left < warnBefore:
		return fmt.Sprintf("certificate ends on %s, in %d days: want a new one from edges renew", end, left/(24*time.Hour)), true
	}
	return "certificate is good until " + end, false
}

// watchCertificate warns in time, once a day, until ctx ends.
func watchCertificate(ctx context.Context, own *x509.Certificate, log *slog.Logger, set *metrics.Set) error {
	set.NewGauge("modellregion_edge_certificate_expires_seconds", func() float64 { return float64(own.NotAfter.Unix()) })
	every := time.NewTicker(warnEvery)
	defer every.Stop()
	for {
		if says, late := lasts(own, time.Now()); late {
			log.Warn("certificate of the edge has to be renewed", "says", says, "serial", own.SerialNumber.Text(16))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}
