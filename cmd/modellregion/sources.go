package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"modellregion/ingest"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
	"modellregion/uplink/chirpstack"
	"modellregion/uplink/thethings"
)

// sourceConfig is the application server of another network, whose devices
// have its name as their edge.
type sourceConfig struct {
	Name        string `yaml:"name"`
	Kind        string `yaml:"kind"` // chirpstack or thethings
	BrokerUser  `yaml:",inline"`
	Application string `yaml:"application"`
	Share       string `yaml:"share"`     // as of mqttConfig
	ClientID    string `yaml:"client_id"` // empty: made of the name and that of the host
	Objects     bool   `yaml:"objects"`   // take what the server's own codec made of a payload
}

// kinds are the application servers whose messages we read.
var kinds = map[string]struct {
	called  string
	filters func(application string) []string
	decoder func() ingest.EventDecoder
}{
	"chirpstack": {"ChirpStack", chirpstack.Filters, func() ingest.EventDecoder { return new(chirpstack.Decoder) }},
	"thethings":  {"The Things Stack", thethings.Filters, func() ingest.EventDecoder { return new(thethings.Decoder) }},
}

// Both become a level of a topic.
var (
	sharePattern       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	applicationPattern = regexp.MustCompile(`^(\+|[A-Za-z0-9._-]+(@[A-Za-z0-9._-]+)?)$`)
)

func shareName(s string) bool { return sharePattern.MatchString(s) }

// check finds what is wrong. taken are the names of edges and of the sources
// before this one.
func (s *sourceConfig) check(need need, at string, taken map[string]bool) {
	err := uplink.CheckEdgeName(s.Name)
	need(err == nil, at+"name", "%v", err)
	need(!taken[s.Name], at+"name", "%q is taken by an edge, a source or the platform itself", s.Name)
	taken[s.Name] = true
	_, known := kinds[s.Kind]
	need(known, at+"kind", "%q, want chirpstack or thethings", s.Kind)
	need(s.URL != "", at+"url", "must be given, like ssl://chirpstack.musterstadt.example:8883")
	s.BrokerUser.check(need, at)
	want := "%q, want the id of an application, or + for all"
	if s.Kind == "thethings" {
		want = "%q, want the id of an application with its tenant, like bridges@ttn"
	}
	need(applicationPattern.MatchString(s.Application) || s.Application == "" && s.Kind == "chirpstack", at+"application", want, s.Application)
	need(s.Share == "" || shareName(s.Share), at+"share", "%q, want the name of a group like ingest, or nothing", s.Share)
	need(len(s.ClientID) <= 128 && !strings.ContainsAny(s.ClientID, "\x00/+#"), at+"client_id", "%.160q, want at most 128 characters other than / + #", s.ClientID)
}

// clientID returns the id under which the broker keeps what is not
// acknowledged: the same after every start of this process.
func (s *sourceConfig) clientID() (string, error) {
	if s.ClientID != "" {
		return s.ClientID, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("make an MQTT client id of the host's name: %w; want client_id to be given", err)
	}
	return "modellregion-" + s.Name + "-" + host, nil
}

// filters are the subscriptions of the source.
func (s *sourceConfig) filters() []string {
	application := s.Application
	if application == "" {
		application = "+"
	}
	var out []string
	for _, f := range kinds[s.Kind].filters(application) {
		out = append(out, shared(s.Share, f))
	}
	return out
}

// shared makes a filter one of a shared subscription, whose members get each
// message once (MQTT 5 §4.8.2; brokers of version 3 know it too).
func shared(group, filter string) string {
	if group == "" {
		return filter
	}
	return "$share/" + group + "/" + filter
}

// source is a connection to the application server of another network.
type source struct {
	name   string
	client *mqtt.Client
}

// openSources prepares a connection for each source. It must be called before
// the ingest runs.
func (p *platform) openSources() error {
	for i := range p.cfg.Sources {
		s := &p.cfg.Sources[i]
		at := fmt.Sprintf("sources[%d].", i)
		cfg, err := s.client(at)
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		if cfg.ClientID, err = s.clientID(); err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		cfg.Session, cfg.Log = true, p.log.With("source", s.Name)
		client, err := mqtt.New(cfg)
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		in := p.ingest.Source(ingest.ServerConfig{
			Name: s.Name, Decoder: kinds[s.Kind].decoder(), Objects: s.Objects, Redeliver: client.Redeliver, Hearing: client.Connected,
		})
		for _, filter := range s.filters() {
			client.Subscribe(filter, 1, func(ctx context.Context, m mqtt.Message) {
				in.Receive(ctx, m.Connection, m.Topic, m.Payload, m.Ack)
			})
		}
		p.metrics.NewGauge(`modellregion_source_connected{source="`+s.Name+`"}`, func() float64 {
			if client.Connected() {
				return 1
			}
			return 0
		})
		p.sources = append(p.sources, source{s.Name, client})
	}
	return nil
}
