package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/devices/registry"
	"modellregion/ingest"
	"modellregion/internal/backup"
	"modellregion/internal/influx"
	"modellregion/internal/mqtt"
)

// platform is everything that serve and demo run, opened but not running.
// openPlatform fills it from top to bottom; what no role of the process needs
// stays nil.
type platform struct {
	cfg     config
	log     *slog.Logger
	metrics *metrics.Set
	figures *figures
	disk    *disk

	influxd    insideInflux // nil with influx.url
	influx     *influx.Client
	isSetUp    bool           // the server of influx has its buckets
	public     *influx.Client // may read bucket open alone
	registry   *registry.Registry
	index      *registry.Index     // for the ingest, small
	directory  *registry.Directory // for all others
	broker     insideBroker        // nil with mqtt.url
	mqtt       *mqtt.Client        // of the ingest
	uplinks    *mqtt.Client        // reads them for the ingest
	lists      *mqtt.Client        // publishes the device lists
	ingest     *ingest.Ingest
	sources    []source
	aggregator aggregation
	rebuild    http.Handler            // computes windows anew, for operators; nil without role aggregate
	backups    map[string]http.Handler // hand out, by path, what only this process may read
	openData   []unit                  // what of open data runs besides
	files      io.Closer
	feedback   io.Closer                       // nil where readers cannot write
	topics     publicTopics                    // nil without mqtt.public
	onTopic    func(topic string, wanted bool) // told which of them somebody wants
	lock       io.Closer                       // of the folder that role aggregate writes
	edge       insideEdge                      // nil when no edge runs inside
	publicHTTP *server
	internal   *server

	admit func(roster) error // lets edges in at the broker inside; nil without one

	rosterDue   chan struct{} // tells followRoster that the registry changed
	moved       chan struct{} // tells placeDevices that it did
	listsDue    chan struct{} // tells publishDeviceLists that it, or the connection, changed
	stationsDue chan struct{} // tells publishStations that the registry changed
}

// The parts that a build for ingests alone lacks, as the platform uses them.
type (
	// insideInflux is a database in this process. It is closed after all who
	// use it.
	insideInflux interface {
		URL() string
		Close() error
	}

	// insideBroker is an MQTT broker in this process. Run closes it at the end.
	insideBroker interface {
		Addr() net.Addr
		TLSAddr() net.Addr // nil: there is none
		Run(ctx context.Context) error
	}

	// publicTopics are what anybody may read from the broker inside; over
	// WebSocket, as browsers do, it serves HTTP.
	publicTopics interface {
		http.Handler
		Publish(topic string, payload []byte, retained bool) error
	}

	// insideEdge is an edge in this process. Run closes it at the end.
	insideEdge interface {
		Name() string
		Addr() netip.AddrPort // of Semtech UDP
		Outbox() int          // uplinks that are not confirmed
		Ready() error
		Run(ctx context.Context) error
	}

	// aggregation keeps open data up to date while it runs, and Step does it at
	// once.
	aggregation interface {
		Run(ctx context.Context) error
		Step(ctx context.Context) error
	}
)

// openPlatform opens the databases and ports that the roles of the process
// need and writes influx.json, mqtt.json and endpoints.json into the data
// folder. prepare may fill the registry before anything reads it. The caller
// runs what it gets with run, which closes it.
func openPlatform(ctx context.Context, cfg config, log *slog.Logger, prepare func(context.Context, *registry.Registry) error) (_ *platform, err error) {
	p := &platform{cfg: cfg, backups: map[string]http.Handler{}, log: log, metrics: metrics.NewSet(), rosterDue: make(chan struct{}, 1), moved: make(chan struct{}, 1), listsDue: make(chan struct{}, 1), stationsDue: make(chan struct{}, 1)}
	p.figures, p.disk = newFigures(p.metrics, log), newDisk(p.metrics, cfg.DataDir, log)
	metrics.ExposeMetadata(true)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := notRoots(cfg.DataDir, os.Geteuid()); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if err := backup.Settle(cfg.DataDir); err != nil {
		return nil, err
	}
	if cfg.runs(append(insideRoles, rolePublic)...) {
		if err := p.openInflux(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.runs(insideRoles...) {
		if err := p.openDevices(ctx, prepare); err != nil {
			return nil, err
		}
	}
	logins, err := p.openMQTT(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.runs(roleIngest) {
		if err := p.openIngest(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.runs(roleAggregate, rolePublic) {
		if err := p.openOpenData(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.runs(roleEdge) {
		if err := p.openEdge(logins); err != nil {
			return nil, err
		}
	}
	if p.internal, err = listen("internal", cfg.Internal, p.internalHandler()); err != nil {
		return nil, err
	}
	return p, writeJSON(filepath.Join(cfg.DataDir, cfg.endpointsFile()), p.endpoints())
}

// openDevices opens the registry and reads what the roles need of it.
func (p *platform) openDevices(ctx context.Context, prepare func(context.Context, *registry.Registry) error) error {
	shipped, err := knownProfiles(p.cfg)
	if err != nil {
		return err
	}
	if p.registry, err = openRegistry(ctx, p.cfg); err != nil {
		return err
	}
	if prepare != nil {
		if err := prepare(ctx, p.registry); err != nil {
			return err
		}
	}
	if p.cfg.runs(roleIngest) {
		if p.index, err = registry.NewIndex(ctx, p.registry, shipped); err != nil {
			return err
		}
	}
	if p.cfg.runs(roleAggregate, roleLists) {
		p.directory, err = registry.NewDirectory(ctx, p.registry, shipped)
	}
	return err
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
	for _, c := range []io.Closer{p.files, p.feedback, p.lock} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if p.registry != nil {
		errs = append(errs, p.registry.Close())
	}
	for _, c := range []*influx.Client{p.influx, p.public} {
		if c != nil {
			c.Close()
		}
	}
	if p.influxd != nil {
		errs = append(errs, p.influxd.Close())
	}
	return errors.Join(errs...)
}

// run runs everything while work does, then stops it in order, within seconds.
func (p *platform) run(ctx context.Context, work func(context.Context) error) error {
	return runUnits(ctx, p.units(), work)
}

// units are the parts that the roles of the process have.
func (p *platform) units() []unit {
	units := []unit{
		{"databases", func(ctx context.Context) error {
			<-ctx.Done()
			return p.closeStores()
		}},
		{"internal listener", p.internal.run},
	}
	add := func(name string, run func(context.Context) error) { units = append(units, unit{name, run}) }
	if p.broker != nil {
		add("MQTT broker", p.broker.Run)
	}
	if p.publicHTTP != nil {
		add("public listener", p.publicHTTP.run) // with the broker's WebSockets
	}
	if p.influx != nil && !p.isSetUp {
		add("InfluxDB set-up", func(ctx context.Context) error {
			return setUp(ctx, p.log, func(ctx context.Context) error { return p.influx.SetUp(ctx, time.Duration(p.cfg.Raw)) })
		})
	}
	add("disk", p.watchDisk)
	if p.influx != nil {
		add("figures", func(ctx context.Context) error {
			return p.figures.run(ctx, instanceName(p.internal.addr()), p.influx.PutFigures)
		})
	}
	if p.aggregator != nil {
		add("aggregation", p.aggregator.Run)
	}
	units = append(units, p.openData...)
	if p.cfg.runs(roleLists) {
		add("device places", p.placeDevices)
	}
	if p.mqtt != nil {
		add("MQTT connection", p.mqtt.Run)
	}
	if p.uplinks != nil {
		add("MQTT connection for uplinks", p.uplinks.Run)
	}
	if p.lists != nil {
		add("MQTT connection for device lists", p.lists.Run)
	}
	for _, s := range p.sources {
		add("source "+s.name, s.client.Run)
	}
	if p.ingest != nil {
		add("ingest", p.ingest.Run)
		add("device index", func(ctx context.Context) error {
			return p.index.Follow(ctx, followEvery, func() {
				p.ingest.DevicesChanged()
				wake(p.rosterDue)
			})
		})
	}
	if p.directory != nil {
		add("device registry", func(ctx context.Context) error {
			return p.directory.Follow(ctx, followEvery, func() {
				wake(p.moved)
				wake(p.listsDue)
				wake(p.stationsDue)
				wake(p.rosterDue)
			})
		})
	}
	if p.registry != nil {
		add("edges", p.followRoster)
	}
	if p.cfg.runs(roleLists) {
		add("device lists", p.publishDeviceLists)
	}
	if p.edge != nil {
		add("edge "+p.edge.Name(), p.edge.Run)
	}
	return units
}

// watchDisk tells when the disk will be full, as far as this process may know.
func (p *platform) watchDisk(ctx context.Context) error {
	if p.influx == nil {
		return p.disk.run(ctx, nil)
	}
	return p.disk.run(ctx, func(ctx context.Context, since time.Time) ([]influx.DiskSample, error) {
		return p.influx.DiskFree(ctx, instanceName(p.internal.addr()), since)
	})
}

// ready returns what of the parts that run is not ready yet, or nil. A source
// is a network of others: that it is away is a metric.
func (p *platform) ready(ctx context.Context) error {
	var errs []error
	switch {
	case p.influx != nil:
		errs = append(errs, p.influx.Ping(ctx))
	case p.public != nil:
		errs = append(errs, p.public.Ping(ctx))
	}
	for _, client := range []*mqtt.Client{p.mqtt, p.uplinks, p.lists} {
		if client != nil && !client.Connected() {
			errs = append(errs, errors.New("platform: no connection to the broker"))
			break
		}
	}
	if p.ingest != nil {
		if err := p.ingest.Ready(); err != nil {
			errs = append(errs, fmt.Errorf("ingest: %w", err))
		}
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
	e := map[string]string{"internal": p.internal.addr()}
	if p.publicHTTP != nil {
		e["http"] = p.publicHTTP.addr()
	}
	if p.broker != nil {
		e["mqtt"] = p.broker.Addr().String()
		if at := p.broker.TLSAddr(); at != nil {
			e["mqtts"] = at.String()
		}
	}
	if p.influxd != nil {
		e["influx"] = strings.TrimPrefix(p.influxd.URL(), "http://")
	}
	if p.edge != nil {
		e["udp"] = p.edge.Addr().String()
	}
	return e
}
