package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"modellregion/ingest"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// openMQTT opens the broker, when it is the embedded one, and the platform's
// connections to it, as far as a role needs them. It returns the passwords of the
// edges.
func (p *platform) openMQTT(ctx context.Context) (logins mqttLogins, err error) {
	if p.cfg.MQTT.URL == "" {
		if logins, err = p.openBroker(ctx); err != nil {
			return logins, err
		}
	}
	if !p.cfg.runs(roleIngest, roleLists) {
		return logins, nil
	}
	client := mqtt.Config{URL: logins.URL, Username: platformUser, Password: logins.Passwords[platformUser]}
	if p.broker == nil {
		if client, err = p.cfg.MQTT.client("mqtt."); err != nil {
			return logins, err
		}
	}
	// Sessions are clean, so the id may be new each time; and two platforms at
	// one broker must not throw each other out.
	client.ClientID, client.Log = "modellregion-"+rand.Text()[:8], p.log
	if p.cfg.runs(roleIngest) {
		up := client
		up.ClientID += "-up"
		if p.uplinks, err = mqtt.New(up); err != nil {
			return logins, err
		}
		if p.mqtt, err = mqtt.New(client); err != nil {
			return logins, err
		}
	}
	if p.cfg.runs(roleLists) {
		// A list that is larger than the broker allows ends the connection on which
		// it came, each time again: on this one nobody is told what is stored.
		client.ClientID += "-lists"
		client.OnUp = func(context.Context) { wake(p.listsDue) }
		p.lists, err = mqtt.New(client)
	}
	return logins, err
}

// openIngest lets the messages of edges and sources reach an ingest.
func (p *platform) openIngest(ctx context.Context) error {
	edges, err := readRoster(ctx, &p.cfg, p.registry)
	if err != nil {
		return err
	}
	p.ingest = ingest.New(ingest.Config{
		Store: p.influx, Directory: p.index, Voice: voice{p.mqtt, p.uplinks}, Edges: edges.names, Former: edges.former,
		Retention: time.Duration(p.cfg.Raw), Log: p.log, Metrics: p.metrics,
	})
	// On a connection of its own, which the ingest may hold up: on a common one
	// the acknowledgements of what it says would wait behind what it cannot take
	// before they are here.
	for _, edge := range p.cfg.uplinksOf() {
		p.uplinks.Subscribe(shared(p.cfg.MQTT.Share, uplink.Filter(edge, uplink.KindUp)), 1, func(ctx context.Context, m mqtt.Message) {
			p.ingest.Receive(ctx, m.Topic, m.Payload)
		})
	}
	// Never shared: each ingest has to know who is heard.
	p.mqtt.Subscribe(uplink.Filter("+", uplink.KindStatus), 1, p.counted(uplink.KindStatus, func(topic uplink.Topic, payload []byte) error {
		var s uplink.Status
		if err := json.Unmarshal(payload, &s); err != nil {
			return fmt.Errorf("status: %w", err)
		}
		if s.V != uplink.Version {
			return fmt.Errorf("status has v=%d, want %d", s.V, uplink.Version)
		}
		p.ingest.Status(topic, s.Online)
		p.figures.status(topic.Edge, s)
		return nil
	}))
	p.mqtt.Subscribe(uplink.Filter("+", uplink.KindGateway), 0, p.counted(uplink.KindGateway, func(topic uplink.Topic, payload []byte) error {
		p.ingest.Gateway(topic)
		return p.figures.gateway(topic, payload)
	}))
	return p.openSources()
}

// counted handles messages of a kind, counts those that break the contract and
// leaves them aside.
func (p *platform) counted(kind uplink.Kind, take func(uplink.Topic, []byte) error) mqtt.Handler {
	bad := p.metrics.NewCounter(`modellregion_ingest_bad_messages_total{kind="` + string(kind) + `"}`)
	return func(_ context.Context, m mqtt.Message) {
		topic, err := uplink.ParseTopic(m.Topic)
		if err == nil {
			err = take(topic, m.Payload)
		}
		if err != nil {
			bad.Inc()
			p.log.Debug("message breaks the contract", "topic", m.Topic, "err", err)
		}
	}
}

// voice speaks for the ingest by MQTT.
type voice struct{ client, uplinks *mqtt.Client }

// Confirm implements ingest.Voice: it publishes the word "stored".
func (v voice) Confirm(ctx context.Context, edge string, s uplink.Stored) error {
	topic := uplink.Topic{Edge: edge, Kind: uplink.KindStored}
	return v.publish(ctx, topic, s.Encode())
}

// Announce implements ingest.Voice.
func (v voice) Announce(ctx context.Context, topic uplink.Topic, e uplink.Event) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.Event, err)
	}
	return v.publish(ctx, topic, payload)
}

func (v voice) publish(ctx context.Context, topic uplink.Topic, payload []byte) error {
	return v.client.PublishAsync(ctx, mqtt.Message{Topic: topic.String(), Payload: payload, QoS: 1}, func(error) {})
}

// Hearing implements ingest.Voice.
func (v voice) Hearing() bool { return v.uplinks.Connected() }
