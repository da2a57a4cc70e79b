//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"modellregion/internal/guard"
	"modellregion/opendata"
	"modellregion/opendata/live"
	"modellregion/opendata/openapi"
	"modellregion/opendata/portal"
	"modellregion/opendata/sensorthings"
)

// openPublic opens the public listener with all that is behind it.
func (p *platform) openPublic(ctx context.Context, shown *faces) (err error) {
	port, err := openPort("http", p.cfg.HTTP)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, port.Close())
		}
	}()
	if p.cfg.ownURL {
		p.cfg.PublicURL = "http://" + ownAddress(port.Addr())
	}
	g, err := guard.New(guard.Config{Trusted: p.cfg.trusted(), CPUs: p.shareProcessors(), Log: p.log})
	if err != nil {
		return err
	}
	guardMetrics(p.metrics, g)
	if shown.feedback, err = p.openFeedback(ctx, shown, g.Client); err != nil {
		return err
	}
	mux, err := p.mount(shown, g)
	if err != nil {
		return err
	}
	p.publicHTTP = serverOn(g.Listen(port), safe(g.Wrap(mux), g.Secure))
	return nil
}

// ownAddress is how this machine reaches a listener of its own.
func ownAddress(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return addr.String()
}

// mount gives each public face its paths.
func (p *platform) mount(shown *faces, g *guard.Guard) (http.Handler, error) {
	mux := http.NewServeMux()
	for _, mount := range []func(*http.ServeMux, *faces) error{
		p.mountPortal, p.mountLive, p.mountCatalog, p.mountDescription,
		func(mux *http.ServeMux, shown *faces) error {
			sta, err := p.openSensorThings(shown, g.Client)
			if err == nil {
				mux.Handle("/sta/v1.1", sta)
				mux.Handle("/sta/v1.1/", sta)
			}
			return err
		},
	} {
		if err := mount(mux, shown); err != nil {
			return nil, err
		}
	}
	mux.Handle("/data", shown.files)
	mux.Handle("/data/", shown.files)
	if p.topics != nil {
		mux.Handle(socketPath, p.topics)
	}
	return mux, nil
}

func (p *platform) mountPortal(mux *http.ServeMux, shown *faces) error {
	base := portal.DefaultBaseMap()
	if m := p.cfg.BaseMap; m != nil {
		base = portal.BaseMap{URL: m.URL, Attribution: m.Attribution}
	}
	pages, err := portal.New(portal.Config{
		BaseURL: p.cfg.PublicURL, Region: p.cfg.portalRegion(), Legal: p.cfg.legal(), Source: p.cfg.Portal.Source, Notices: p.cfg.notices(), Feedback: shown.feedback, BaseMap: base, Datasets: shown.datasets, Directory: shown.directory,
		Latest: shown.latest, Reader: p.public, Files: portalFiles{shown.files}, Log: p.log,
	})
	if err != nil {
		return err
	}
	mux.Handle("/", pages)
	return nil
}

// portalFiles tells the portal which files there are.
type portalFiles struct{ files publicFiles }

// Published implements portal.Files.
func (l portalFiles) Published(dataset string) (all []portal.File, err error) {
	found, err := l.files.Published(dataset)
	for _, f := range found.Files {
		all = append(all, portal.File{Path: f.Path, Bytes: f.Bytes, Window: f.Window, Period: f.Period, Modified: f.Modified, Complete: f.Complete})
	}
	return all, err
}

// portalRegion is the region as the portal shows it.
func (c *config) portalRegion() portal.Region {
	r := portal.Region{Name: opendata.Text(c.Region.Name), Publisher: c.Region.Publisher, Contact: c.Region.Contact}
	for _, m := range c.Region.Municipalities {
		r.Municipalities = append(r.Municipalities, portal.Municipality{ID: m.ID, Name: m.Name, Lat: m.Lat, Lon: m.Lon})
	}
	return r
}

// mountLive mounts the stream of events. The last values are there already, so
// that none of them is taken for news.
func (p *platform) mountLive(mux *http.ServeMux, shown *faces) error {
	hub, err := live.New(live.Config{Datasets: shown.datasets, Directory: shown.directory, Latest: shown.latest})
	if err != nil {
		return err
	}
	mux.Handle("/live", hub)
	liveMetrics(p.metrics, hub)
	p.openData = append(p.openData, unit{"live stream", hub.Run})
	return nil
}

// mountDescription mounts what says how all others are asked.
func (p *platform) mountDescription(mux *http.ServeMux, shown *faces) error {
	h, err := openapi.New(openapi.Config{
		BaseURL: p.cfg.PublicURL, Region: opendata.Text(p.cfg.Region.Name), Publisher: p.cfg.Region.Publisher, Contact: p.cfg.Region.Contact,
		Datasets: shown.datasets, Directory: shown.directory, Catalogue: p.cfg.PublicURL != "",
	})
	if err != nil {
		return err
	}
	for _, path := range openapi.Paths() {
		mux.Handle(path, h)
	}
	return nil
}

// socketPath is where MQTT is over WebSocket.
const socketPath = "/mqtt"

// openSensorThings opens the service. Where open data are computed it gives
// numbers to what it shows, by which all other processes know it.
func (p *platform) openSensorThings(shown *faces, client func(*http.Request) string) (*sensorthings.Service, error) {
	ids, err := sensorthings.OpenIds(filepath.Join(openFolder(p.cfg), "sensorthings.ids"))
	if err != nil {
		return nil, err
	}
	cfg := sensorthings.Config{
		Datasets: shown.datasets, Municipalities: map[string]string{}, Directory: shown.directory, Latest: shown.latest,
		Observations: p.influx, Ids: ids, Log: p.log, Assign: p.cfg.runs(roleAggregate), Client: client,
	}
	if p.public != nil {
		cfg.Observations = p.public
	}
	for _, m := range p.cfg.Region.Municipalities {
		cfg.Municipalities[m.ID] = m.Name
	}
	if base := strings.TrimRight(p.cfg.PublicURL, "/"); base != "" {
		cfg.BaseURL, cfg.MQTT = base+sensorthings.Path, p.mqttAddresses(base)
	}
	service, err := sensorthings.New(cfg)
	if err != nil {
		return nil, err
	}
	sensorThingsMetrics(p.metrics, service)
	p.openData = append(p.openData, unit{"SensorThings", service.Run})
	if p.topics == nil {
		return service, nil
	}
	messages, err := service.NewMessages(p.topics)
	if err != nil {
		return nil, err
	}
	messagesMetrics(p.metrics, messages)
	p.onTopic = messages.Want // before the broker serves anybody
	p.openData = append(p.openData, unit{"SensorThings messages", messages.Run})
	return service, nil
}

// openNumbers has a process that only computes open data number what others
// show.
func (p *platform) openNumbers(shown *faces) error {
	_, err := p.openSensorThings(shown, nil)
	return err
}

// mqttAddresses are where anybody may subscribe to SensorThings' topics, none
// where that is not offered. The embedded broker itself is heard on this machine
// alone.
func (p *platform) mqttAddresses(base string) []string {
	if p.topics == nil {
		return nil
	}
	addresses := []string{"ws" + strings.TrimPrefix(base, "http") + socketPath} // ws or wss
	if p.cfg.ownURL {
		addresses = append(addresses, "mqtt://"+p.broker.Addr().String())
	}
	return addresses
}

// The headers that every public answer has, unless its face knows better. They
// are made once.
var (
	nosniff  = []string{"nosniff"}
	referrer = []string{"strict-origin-when-cross-origin"}
	nothing  = []string{"default-src 'none'; frame-ancestors 'none'"}
	tlsOnly  = []string{"max-age=31536000"}
)

// safe keeps browsers from taking an answer for something else: data are no
// page, and load nothing. Who came by TLS is to come by TLS for a year (RFC 6797);
// without it browsers must not be told so.
func safe(next http.Handler, secure func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"], h["Referrer-Policy"], h["Content-Security-Policy"] = nosniff, referrer, nothing
		if secure(r) {
			h["Strict-Transport-Security"] = tlsOnly
		}
		next.ServeHTTP(w, r)
	})
}
