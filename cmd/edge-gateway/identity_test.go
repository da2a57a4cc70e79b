package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/authority"
)

// issued returns a certificate of an authority, and that authority.
func issued(t *testing.T, name string, lasts time.Duration) (authority.Issued, *authority.Authority) {
	t.Helper()
	a, err := authority.Open(filepath.Join(t.TempDir(), "ca"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := a.Edge(name, lasts, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return i, a
}

// inline is a PEM text as a value in YAML.
func inline(text []byte) string {
	return "|\n    " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    ") + "\n"
}

func saved(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// One file is enough, and texts may as well stand in files of their own.
func TestIdentityInline(t *testing.T) {
	own, a := issued(t, "rathaus", 365*24*time.Hour)
	for name, edit := range map[string][]string{
		"in the file":        {"  ca: \"\"", "  ca: " + inline(a.PEM()), "  cert: \"\"", "  cert: " + inline(own.Cert), "  key: \"\"", "  key: " + inline(own.Key)},
		"in files":           {"  ca_file: \"\"", "  ca_file: " + saved(t, a.PEM()), "\n  cert_file: \"\"\n  key_file: \"\"\n  # The same", "\n  cert_file: " + saved(t, own.Cert) + "\n  key_file: " + saved(t, own.Key) + "\n  # The same"},
		"the password, too":  {"  password: \"\"", "  password: secret"},
		"password in a file": {"/etc/modellregion-edge/mqtt-password", saved(t, []byte("secret\n"))},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(name, "password in a file") {
				edit = append(edit, "  password_file: /etc/modellregion-edge/mqtt-password\n", "")
			}
			path := gatewayFile(t, edit...)
			cfg, err := loadConfig(path)
			if err != nil {
				t.Fatal(err)
			}
			out, cert, err := cfg.MQTT.edge(cfg.Name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(name, "password") {
				if out.Password != "secret" || out.TLS != nil || cert != nil {
					t.Errorf("%+v", out)
				}
				return
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(a.PEM())
			if cert == nil || authority.Serial(cert) != own.Serial || len(out.TLS.Certificates) != 1 || !out.TLS.RootCAs.Equal(roots) || out.TLS.InsecureSkipVerify {
				t.Errorf("%+v %+v", out, cert)
			}
			var told bytes.Buffer
			if err := run(t.Context(), []string{"check", path}, &told, io.Discard); err != nil || !strings.Contains(told.String(), "certificate is good until "+own.NotAfter.Format(time.DateOnly)) {
				t.Errorf("check: %v\n%s", err, told.String())
			}
		})
	}
}

// What is wrong is told by its key, and no secret with it.
func TestIdentityRefused(t *testing.T) {
	own, a := issued(t, "rathaus", time.Hour)
	foreign, _ := issued(t, "feuerwache", time.Hour)
	another, _ := issued(t, "rathaus", time.Hour)
	good := func() mqttConfig {
		return mqttConfig{URL: "ssl://broker:8883", CA: string(a.PEM()), Cert: string(own.Cert), Key: string(own.Key)}
	}
	secret := "c0ffee-" + strings.Split(string(own.Key), "\n")[1]
	for want, change := range map[string]func(*mqttConfig){
		"mqtt.cert, mqtt.cert_file: want the one or the other":   func(c *mqttConfig) { c.CertFile = "x" },
		"mqtt.key, mqtt.key_file: want the one or the other":     func(c *mqttConfig) { c.KeyFile = "x" },
		"mqtt.ca, mqtt.ca_file: want the one or the other":       func(c *mqttConfig) { c.CAFile = "x" },
		"mqtt.password, mqtt.password_file: want the one or the": func(c *mqttConfig) { c.Password, c.PasswordFile = secret, "x" },
		"mqtt.cert, mqtt.key: want both":                         func(c *mqttConfig) { c.Key = "" },
		"mqtt.cert: is for mqtt.url with ssl://":                 func(c *mqttConfig) { c.URL = "tcp://127.0.0.1:1883" },
		`mqtt.url: "ssl://rathaus:xxxxx@broker"`:                 func(c *mqttConfig) { c.URL = "ssl://rathaus:" + secret[:6] + "@broker" },
		"mqtt.ca holds no certificate":                           func(c *mqttConfig) { c.CA = string(own.Key) },
		"mqtt.cert and mqtt.key: ":                               func(c *mqttConfig) { c.Key = string(another.Key) },
		`mqtt.cert is the certificate of edge "feuerwache"`:      func(c *mqttConfig) { c.Cert, c.Key = string(foreign.Cert), string(foreign.Key) },
		"read mqtt.cert_file: open /does/not/exist":              func(c *mqttConfig) { c.Cert, c.CertFile = "", "/does/not/exist" },
		"read mqtt.password_file: open /does/not/exist":          func(c *mqttConfig) { c.PasswordFile = "/does/not/exist" },
	} {
		c := good()
		change(&c)
		err := error(nil)
		if errs := c.validate(); len(errs) > 0 {
			err = errs[0]
		} else {
			_, _, err = c.edge("rathaus")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "c0ffee") || strings.Contains(err.Error(), secret[7:20])) {
			t.Errorf("error %v shows a secret", err)
		}
	}
}

// From 30 days before its end an edge says so, once a day.
func TestCertificateIsWatched(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, err := authority.Open(filepath.Join(dir, "ca"))
		if err != nil {
			t.Fatal(err)
		}
		i, err := a.Edge("rathaus", 40*24*time.Hour, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c := mqttConfig{URL: "ssl://x", Cert: string(i.Cert), Key: string(i.Key)}
		_, own, err := c.edge("rathaus")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var log log
		var shown bytes.Buffer
		set := metrics.NewSet()
		done := make(chan error, 1)
		go func() { done <- watchCertificate(ctx, own, slog.New(slog.NewTextHandler(&log, nil)), set) }()
		warned := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			return strings.Count(log.String(), "has to be renewed")
		}
		if n := warned(9*24*time.Hour + time.Hour); n != 0 {
			t.Errorf("%d warnings with 31 days left", n)
		}
		if n := warned(3 * 24 * time.Hour); n < 2 || n > 3 {
			t.Errorf("%d warnings after three days, want one a day", n)
		}
		if strings.Contains(log.String(), "expired") {
			t.Error(log.String())
		}
		if warned(40 * 24 * time.Hour); !strings.Contains(log.String(), "certificate has expired on "+i.NotAfter.Format(time.DateOnly)) {
			t.Error(log.String())
		}
		set.WritePrometheus(&shown)
		if want := fmt.Sprintf("modellregion_edge_certificate_expires_seconds %d", i.NotAfter.Unix()); !strings.Contains(shown.String(), want) {
			t.Errorf("%s\nwant %s", shown.String(), want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
