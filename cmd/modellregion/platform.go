package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/devices/registry"
	"modellregion/edge"
	"modellregion/ingest"
	"modellregion/internal/broker"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/mqtt"
	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/opendata/portal"
	"modellregion/uplink"
)

const (
	aggregateEvery = 5 * time.Second
	publishEvery   = 30 * time.Second
)

// platform is everything that serve and demo run, opened but not running.
// openPlatform fills it from top to bottom.
type platform struct {
	cfg     config
	log     *slog.Logger
	metrics *metrics.Set

	influxd    *embedded.Server // nil with influx.url
	influx     *influx.Client
	public     *influx.Client // may read bucket open alone
	registry   *registry.Registry
	directory  *registry.Directory
	broker     *broker.Broker // nil with mqtt.url
	mqtt       *mqtt.Client
	ingest     *ingest.Ingest
	aggregator *opendata.Aggregator
	files      *files.Files
	edge       *edge.Edge // nil when no edge runs inside
	publicHTTP *server
	internal   *server

	moved    chan struct{} // tells placeDevices that the registry changed
	listsDue chan struct{} // tells publishDeviceLists that it, or the connection, changed
}

// openPlatform opens databases and ports and writes influx.json, mqtt.json and
// endpoints.json into the data folder. prepare may fill the registry before
// anything reads it. The caller runs what it gets with run, which closes it.
func openPlatform(ctx context.Context, cfg config, log *slog.Logger, prepare func(context.Context, *registry.Registry) error) (_ *platform, err error) {
	p := &platform{cfg: cfg, log: log, metrics: metrics.NewSet(), moved: make(chan struct{}, 1), listsDue: make(chan struct{}, 1)}
	metrics.ExposeMetadata(true)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if err := p.openInflux(ctx); err != nil {
		return nil, err
	}
	shipped, err := knownProfiles(cfg)
	if err != nil {
		return nil, err
	}
	if p.registry, err = openRegistry(ctx, cfg); err != nil {
		return nil, err
	}
	if prepare != nil {
		if err := prepare(ctx, p.registry); err != nil {
			return nil, err
		}
	}
	if p.directory, err = registry.NewDirectory(ctx, p.registry, shipped); err != nil {
		return nil, err
	}
	logins, err := p.openMQTT()
	if err != nil {
		return nil, err
	}
	p.ingest = ingest.New(ingest.Config{
		Sink: p.influx, Graveyard: p.influx, Directory: p.directory, Confirmer: confirmer{p.mqtt},
		Retention: time.Duration(cfg.Raw), Log: log, Metrics: p.metrics,
	})
	p.mqtt.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) {
		p.ingest.Receive(ctx, m.Topic, m.Payload)
	})
	if err := p.openPublic(ctx); err != nil {
		return nil, err
	}
	if err := p.openEdge(logins); err != nil {
		return nil, err
	}
	if p.internal, err = listen("internal", cfg.Internal, p.internalHandler()); err != nil {
		return nil, err
	}
	return p, writeJSON(filepath.Join(cfg.DataDir, "endpoints.json"), p.endpoints())
}

func (p *platform) openInflux(ctx context.Context) error {
	c := p.cfg.Influx
	if c.URL == "" {
		var err error
		p.influxd, err = embedded.Start(ctx, embedded.Options{
			Dir: filepath.Join(p.cfg.DataDir, "influx"), Addr: c.Listen, Retention: time.Duration(p.cfg.Raw), Log: p.log,
		})
		if err != nil {
			return err
		}
		s := p.influxd
		p.influx = influx.New(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
		p.public = influx.New(influx.Config{URL: s.URL(), Username: s.Public.Username, Password: s.Public.Password})
		return writeJSON(filepath.Join(p.cfg.DataDir, "influx.json"), map[string]string{
			"url": s.URL(), "username": s.Reader.Username, "password": s.Reader.Password, "raw": influx.Raw, "open": influx.Open,
		})
	}
	own := influx.Config{URL: c.URL, Org: c.Org, Username: c.Username}
	public := influx.Config{URL: c.URL, Org: c.Org, Username: c.PublicUsername}
	for _, f := range []struct {
		path string
		dst  *string
	}{{c.TokenFile, &own.Token}, {c.PasswordFile, &own.Password}, {c.PublicTokenFile, &public.Token}, {c.PublicPasswordFile, &public.Password}} {
		if err := readSecret(f.path, f.dst); err != nil {
			return err
		}
	}
	p.influx, p.public = influx.New(own), influx.New(public)
	return nil
}

// readSecret reads a file whose content, without the line's end, is a secret.
func readSecret(path string, dst *string) error {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	*dst = strings.TrimSpace(string(data))
	return nil
}

// openMQTT opens the broker, when it is the embedded one, and the platform's
// connection to it. It returns the passwords of the edges.
func (p *platform) openMQTT() (mqttLogins, error) {
	c := p.cfg.MQTT
	// Sessions are clean, so the id may be new each time; and two platforms at
	// one broker must not throw each other out.
	client := mqtt.Config{URL: c.URL, Username: c.Username, ClientID: "modellregion-" + rand.Text()[:8], Log: p.log}
	var logins mqttLogins
	if c.URL != "" {
		if err := readSecret(c.PasswordFile, &client.Password); err != nil {
			return logins, err
		}
	} else {
		var names []string
		for _, e := range p.cfg.Edges {
			names = append(names, e.Name)
		}
		var err error
		if logins, err = loadMQTTLogins(p.cfg.DataDir, names); err != nil {
			return logins, err
		}
		ids := []broker.Identity{{User: platformUser, Password: logins.Passwords[platformUser], Role: broker.Platform}}
		for _, name := range names {
			ids = append(ids, broker.Identity{User: name, Password: logins.Passwords[name], Role: broker.Edge})
		}
		if p.broker, err = broker.Listen(broker.Config{Addr: c.Listen, Identities: ids, Log: p.log}); err != nil {
			return logins, fmt.Errorf("embedded MQTT broker: %w", err)
		}
		brokerMetrics(p.metrics, p.broker)
		logins.URL = "tcp://" + p.broker.Addr().String()
		if err := writeJSON(filepath.Join(p.cfg.DataDir, "mqtt.json"), logins); err != nil {
			return logins, err
		}
		client.URL, client.Username, client.Password = logins.URL, platformUser, logins.Passwords[platformUser]
	}
	client.OnUp = func(context.Context) { wake(p.listsDue) }
	var err error
	p.mqtt, err = mqtt.New(client)
	return logins, err
}

func (p *platform) openPublic(ctx context.Context) error {
	datasets := opendata.Defaults()
	latest := opendata.NewLatest()
	if err := latest.Load(ctx, p.influx, datasets, time.Now()); err != nil {
		// The aggregator fills it as soon as the database answers.
		p.log.Warn("last values are not known yet", "err", err)
	}
	var err error
	p.files, err = files.Open(files.Config{
		Dir: filepath.Join(p.cfg.DataDir, "open"), Datasets: datasets, Reader: p.influx, Directory: p.directory, Latest: latest,
	})
	if err != nil {
		return err
	}
	p.aggregator, err = opendata.NewAggregator(opendata.Config{
		Datasets: datasets, Raw: p.influx, Open: p.influx, Directory: p.directory, Publisher: p.files, Latest: latest,
		Log: p.log, Every: aggregateEvery, PublishEvery: publishEvery,
	})
	if err != nil {
		return err
	}
	base := portal.DefaultBaseMap()
	if m := p.cfg.BaseMap; m != nil {
		base = portal.BaseMap{URL: m.URL, Attribution: m.Attribution}
	}
	pages, err := portal.New(portal.Config{
		Region: p.cfg.portalRegion(), BaseMap: base, Datasets: datasets, Directory: p.directory,
		Latest: latest, Reader: p.public, Log: p.log,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/data/", p.files)
	mux.Handle("/", pages)
	p.publicHTTP, err = listen("http", p.cfg.HTTP, mux)
	return err
}

func (p *platform) openEdge(logins mqttLogins) error {
	for _, e := range p.cfg.Edges {
		if e.UDP == "" {
			continue
		}
		broker := edge.MQTT{URL: logins.URL, Password: logins.Passwords[e.Name]}
		if p.broker == nil { // the edge shares the platform's login at a broker of the city
			broker = edge.MQTT{URL: p.cfg.MQTT.URL, Username: p.cfg.MQTT.Username}
			if err := readSecret(p.cfg.MQTT.PasswordFile, &broker.Password); err != nil {
				return err
			}
		}
		var err error
		p.edge, err = edge.Open(edge.Config{
			Name: e.Name, Dir: filepath.Join(p.cfg.DataDir, "edge"), UDP: e.UDP, UDPRate: e.UDPRate, Gateways: e.Gateways,
			LoRaWAN: e.LoRaWAN, Share: edge.DefaultShare, MQTT: broker, Version: version, Log: p.log, Metrics: p.metrics,
		})
		if err != nil {
			return fmt.Errorf("edge %s: %w", e.Name, err)
		}
	}
	return nil
}

// close releases what openPlatform opened and run did not close.
func (p *platform) close() error {
	var errs []error
	over, cancel := context.WithCancel(context.Background())
	cancel() // running with it is closing
	if p.internal != nil {
		errs = append(errs, p.internal.run(over))
	}
	if p.edge != nil {
		errs = append(errs, p.edge.Run(over))
	}
	if p.publicHTTP != nil {
		errs = append(errs, p.publicHTTP.run(over))
	}
	if p.broker != nil {
		errs = append(errs, p.broker.Run(over))
	}
	errs = append(errs, p.closeStores())
	return errors.Join(errs...)
}

// closeStores closes what has no loop of its own, writers first.
func (p *platform) closeStores() error {
	var errs []error
	if p.files != nil {
		errs = append(errs, p.files.Close())
	}
	if p.registry != nil {
		errs = append(errs, p.registry.Close())
	}
	if p.influx != nil {
		p.influx.Close()
		p.public.Close()
	}
	if p.influxd != nil {
		errs = append(errs, p.influxd.Close())
	}
	return errors.Join(errs...)
}

// run runs everything while work does, then stops it in order, within seconds.
func (p *platform) run(ctx context.Context, work func(context.Context) error) error {
	units := []unit{
		{"databases", func(ctx context.Context) error {
			<-ctx.Done()
			return p.closeStores()
		}},
		{"internal listener", p.internal.run},
		{"public listener", p.publicHTTP.run},
	}
	if p.broker != nil {
		units = append(units, unit{"MQTT broker", p.broker.Run})
	}
	units = append(units,
		unit{"aggregation", p.aggregator.Run},
		unit{"device places", p.placeDevices},
		unit{"MQTT connection", p.mqtt.Run},
		unit{"ingest", p.ingest.Run},
		unit{"device registry", func(ctx context.Context) error {
			return p.directory.Follow(ctx, followEvery, func() {
				wake(p.moved)
				wake(p.listsDue)
			})
		}},
		unit{"device lists", p.publishDeviceLists},
	)
	if p.edge != nil {
		units = append(units, unit{"edge " + p.edge.Name(), p.edge.Run})
	}
	return runUnits(ctx, p.log, units, work)
}

// confirmer publishes the word "stored".
type confirmer struct{ client *mqtt.Client }

// Confirm implements ingest.Confirmer.
func (c confirmer) Confirm(ctx context.Context, edge string, s uplink.Stored) error {
	topic := uplink.Topic{Edge: edge, Kind: uplink.KindStored}
	return c.client.PublishAsync(ctx, mqtt.Message{Topic: topic.String(), Payload: s.Encode(), QoS: 1}, func(error) {})
}

// ready returns what is not ready yet, or nil.
func (p *platform) ready(ctx context.Context) error {
	errs := []error{p.influx.Ping(ctx)}
	if !p.mqtt.Connected() {
		errs = append(errs, errors.New("platform: no connection to the broker"))
	}
	if p.edge != nil {
		if err := p.edge.Ready(); err != nil {
			errs = append(errs, fmt.Errorf("edge %s: %w", p.edge.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// endpoints are the addresses really in use.
func (p *platform) endpoints() map[string]string {
	e := map[string]string{"http": p.publicHTTP.addr(), "internal": p.internal.addr()}
	if p.broker != nil {
		e["mqtt"] = p.broker.Addr().String()
	}
	if p.influxd != nil {
		e["influx"] = strings.TrimPrefix(p.influxd.URL(), "http://")
	}
	if p.edge != nil {
		e["udp"] = p.edge.Addr().String()
	}
	return e
}
