//go:build !ingestonly

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/internal/broker"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
)

// startInflux starts the embedded database and writes influx.json.
func (p *platform) startInflux(ctx context.Context) error {
	s, err := embedded.Start(ctx, embedded.Options{
		Dir: influxDir(p.cfg), Addr: p.cfg.Influx.Listen, Retention: time.Duration(p.cfg.Raw), Log: p.log,
	})
	if err != nil {
		return err
	}
	p.influxd, p.isSetUp = s, true
	p.backups[backupInfluxPath] = p.handOutInflux(s)
	p.influx = influx.New(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
	p.public = influx.New(influx.Config{URL: s.URL(), Username: s.Public.Username, Password: s.Public.Password})
	return writeJSON(readerFile(p.cfg), map[string]string{
		"url": s.URL(), "username": s.Reader.Username, "password": s.Reader.Password, "raw": influx.Raw, "open": influx.Open,
	})
}

func influxDir(cfg config) string { return filepath.Join(cfg.DataDir, "influx") }

// readerFile holds where the embedded database is, and a login that may read.
func readerFile(cfg config) string { return filepath.Join(cfg.DataDir, "influx.json") }

// embeddedLogin returns how to reach the embedded database of a process that
// runs.
func embeddedLogin(cfg config) (influx.Config, error) {
	login, err := embedded.PlatformLogin(influxDir(cfg))
	var c influx.Config
	if err == nil {
		var data []byte
		if data, err = os.ReadFile(readerFile(cfg)); err == nil {
			err = json.Unmarshal(data, &c)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("there is no InfluxDB in %s yet, which modellregion serve starts: is it running with this configuration?", cfg.DataDir)
	}
	if err != nil {
		return c, fmt.Errorf("find the embedded InfluxDB: %w", err)
	}
	return influx.Config{URL: c.URL, Username: login.Username, Password: login.Password}, nil
}

// openBroker opens the embedded broker and writes mqtt.json.
func (p *platform) openBroker(ctx context.Context) (mqttLogins, error) {
	logins, err := loadMQTTLogins(p.cfg.DataDir, p.cfg.edgeNames())
	if err != nil {
		return logins, err
	}
	readers, err := p.cfg.readers()
	if err != nil {
		return logins, err
	}
	now, err := readRoster(ctx, &p.cfg, p.registry)
	if err != nil {
		return logins, err
	}
	ids, err := p.cfg.identities(logins, now, readers)
	if err != nil {
		return logins, err
	}
	secure, err := p.cfg.brokerTLS()
	if err != nil {
		return logins, err
	}
	b, err := broker.Listen(broker.Config{
		Addr: p.cfg.MQTT.Listen, TLSAddr: p.cfg.MQTT.TLS.Listen, TLS: secure, Identities: ids, Log: p.log, Public: p.cfg.MQTT.Public,
		OnPublicTopic: func(topic string, wanted bool) { p.onTopic(topic, wanted) },
	})
	if err != nil {
		return logins, fmt.Errorf("embedded MQTT broker: %w", err)
	}
	p.broker = b
	p.admit = func(r roster) error {
		ids, err := p.cfg.identities(logins, r, readers)
		if err != nil {
			return err
		}
		return b.SetIdentities(ids)
	}
	if p.cfg.MQTT.Public {
		p.topics = b
	}
	brokerMetrics(p.metrics, b, p.cfg.MQTT.Public)
	p.onTopic = func(string, bool) {} // until there is somebody to tell
	logins.URL = "tcp://" + b.Addr().String()
	return logins, writeJSON(filepath.Join(p.cfg.DataDir, "mqtt.json"), logins)
}

// loadMQTTLogins reads mqtt.json and adds a password for each user that has
// none.
func loadMQTTLogins(dir string, users []string) (mqttLogins, error) {
	var l mqttLogins
	data, err := os.ReadFile(filepath.Join(dir, "mqtt.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return l, fmt.Errorf("read MQTT passwords: %w", err)
	default:
		if err := json.Unmarshal(data, &l); err != nil {
			return l, fmt.Errorf("read MQTT passwords in %s: %w", filepath.Join(dir, "mqtt.json"), err)
		}
	}
	if l.Passwords == nil {
		l.Passwords = map[string]string{}
	}
	for _, u := range append(users, platformUser) {
		if l.Passwords[u] == "" {
			l.Passwords[u] = rand.Text()
		}
	}
	return l, nil
}

// brokerMetrics shows the counters of the embedded broker, with those of
// anonymous readers where there may be some.
func brokerMetrics(set *metrics.Set, b *broker.Broker, public bool) {
	const prefix = "modellregion_broker_"
	set.RegisterMetricsWriter(func(w io.Writer) {
		s := b.Stats()
		metrics.WriteGaugeUint64(w, prefix+"connected", uint64(s.Connected)) // clients
		metrics.WriteGaugeUint64(w, prefix+"retained", uint64(s.Retained))   // messages
		// Connections closed before a login was tried: garbage, silence, too many.
		metrics.WriteCounterUint64(w, prefix+"rejected_total", uint64(s.Rejected))
		metrics.WriteCounterUint64(w, prefix+"bad_logins_total", uint64(s.BadLogins))
		metrics.WriteCounterUint64(w, prefix+`bad_certificates_total{reason="untrusted"}`, s.Certificates.Untrusted)
		metrics.WriteCounterUint64(w, prefix+`bad_certificates_total{reason="expired"}`, s.Certificates.Expired)
		metrics.WriteCounterUint64(w, prefix+`bad_certificates_total{reason="revoked"}`, s.Certificates.Revoked)
		metrics.WriteCounterUint64(w, prefix+`bad_certificates_total{reason="user"}`, s.Certificates.OtherUser)
		metrics.WriteCounterUint64(w, prefix+"cut_total", s.Certificates.Cut) // connections whose login counts no more
		// On topics that their client may not use.
		metrics.WriteCounterUint64(w, prefix+"denied_publishes_total", uint64(s.DeniedPublishes))
		metrics.WriteCounterUint64(w, prefix+"denied_subscribes_total", uint64(s.DeniedSubscribes))
		metrics.WriteCounterUint64(w, prefix+"received_total", uint64(s.Received)) // messages from clients
		metrics.WriteCounterUint64(w, prefix+"sent_total", uint64(s.Sent))         // messages to clients
		metrics.WriteCounterUint64(w, prefix+"dropped_total", uint64(s.Dropped))   // messages to clients that did not keep up
		if p := s.Public; public {
			metrics.WriteGaugeUint64(w, prefix+"public_connected", uint64(p.Connected))
			metrics.WriteGaugeUint64(w, prefix+"public_subscriptions", uint64(p.Subscriptions))
			metrics.WriteGaugeUint64(w, prefix+"public_topics", uint64(p.Topics))
			metrics.WriteCounterUint64(w, prefix+"public_refused_total", p.Refused)
			metrics.WriteCounterUint64(w, prefix+"public_denied_publishes_total", p.DeniedPublishes)
			metrics.WriteCounterUint64(w, prefix+"public_denied_subscribes_total", p.DeniedSubscribes)
			metrics.WriteCounterUint64(w, prefix+"public_sent_total", uint64(p.Sent))
			metrics.WriteCounterUint64(w, prefix+"public_dropped_total", uint64(p.Dropped))
		}
	})
}
