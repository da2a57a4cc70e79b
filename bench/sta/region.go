package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/opendata"
	"modellregion/opendata/sensorthings"
	"modellregion/uplink"
)

const (
	roleInflux = "influx"
	window     = 15 * time.Minute
	part       = 24 // windows of all stations that are written at once
)

// measured are the quantities of every station: a Datastream each.
var measured = []string{"air_temperature", "relative_humidity", "pm2_5"}

// runInflux runs the embedded InfluxDB in a folder, and answers how to reach
// it.
func runInflux(ctx context.Context, dir string, ready func(any) error) error {
	s, err := embedded.Start(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	err = ready(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, s.Close())
}

// region is a database with stations, and the service over it.
type region struct {
	dir      string
	database *measure.Child
	client   *influx.Client
	stations []devices.Station
	dataset  opendata.Dataset
	latest   *opendata.Latest
	first    time.Time // begin of the oldest window
	windows  int       // of each Datastream

	service *sensorthings.Service
	url     string
	server  *http.Server
	stop    context.CancelFunc
	done    chan error
}

// open starts a database and writes the windows of some days up to now.
func open(ctx context.Context, stations, days int) (r *region, err error) {
	dir, err := os.MkdirTemp("", "bench-sta-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	r = &region{dir: dir, latest: opendata.NewLatest(), windows: days * int(24*time.Hour/window)}
	opened := r
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	for i := range stations {
		r.stations = append(r.stations, devices.Station{
			ID: fmt.Sprintf("stadt-umwelt-%06d", i), Name: fmt.Sprintf("Umweltstation %d", i), Municipality: "stadt", Domain: uplink.Environment,
			Place: devices.Place{Lat: 51 + float64(i%40)/100, Lon: 8 + float64(i/40)/100},
		})
	}
	r.dataset = opendata.Dataset{
		ID: "umwelt", Domain: uplink.Environment, Quantities: measured, Windows: []opendata.Window{opendata.Quarter},
		Title: opendata.Text{De: "Umwelt", En: "Environment"}, Licence: opendata.DataLicenceZero(),
	}
	var cfg influx.Config
	if r.database, err = measure.Start(ctx, roleInflux, false, filepath.Join(dir, "influx"), &cfg); err != nil {
		return nil, err
	}
	r.client = influx.New(cfg)
	r.first = time.Now().UTC().Truncate(window).Add(-time.Duration(r.windows-1) * window)
	for k := 0; k < r.windows; k += part {
		var rows []devices.Aggregate
		for n := k; n < min(k+part, r.windows); n++ {
			rows = r.rows(rows, n)
		}
		if err := r.client.Put(ctx, r.dataset.ID, window, rows); err != nil {
			return nil, err
		}
	}
	r.latest.Put(r.dataset.ID, r.rows(r.rows(nil, r.windows-2), r.windows-1), time.Now())
	return r, nil
}

// rows adds what all stations say of the nth window.
func (r *region) rows(rows []devices.Aggregate, n int) []devices.Aggregate {
	at := r.first.Add(time.Duration(n) * window)
	for i := range r.stations {
		for j, name := range measured {
			q, _ := devices.Lookup(name)
			v := []float64{5, 60, 12}[j] + float64((i*7+n*3+j*11)%200)/10
			rows = append(rows, devices.Aggregate{
				Station: r.stations[i].ID, Quantity: q, Start: at, Window: window, Count: 15, Mean: v, Min: v - 1, Max: v + 1, Coverage: 1,
			})
		}
	}
	return rows
}

// serve starts the service, and returns how long it takes until everything is
// counted.
func (r *region) serve(ctx context.Context) (time.Duration, error) {
	ids, err := sensorthings.OpenIds(filepath.Join(r.dir, "ids"))
	if err != nil {
		return 0, err
	}
	r.service, err = sensorthings.New(sensorthings.Config{
		Datasets: []opendata.Dataset{r.dataset}, Directory: r, Latest: r.latest, Observations: r.client, Ids: ids,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Assign: true,
	})
	if err != nil {
		return 0, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	r.url = "http://" + listener.Addr().String() + sensorthings.Path
	r.server = &http.Server{Handler: r.service, ReadHeaderTimeout: 10 * time.Second}
	r.done = make(chan error, 1)
	began := time.Now()
	if err := r.service.Refresh(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	ctx, r.stop = context.WithCancel(ctx)
	go func() { r.done <- errors.Join(r.service.Run(ctx), r.server.Close()) }()
	go func() { _ = r.server.Serve(listener) }() // until Close
	return took, nil
}

func (r *region) close() error {
	var err error
	if r.stop != nil {
		r.stop()
		err = <-r.done
	}
	if r.client != nil {
		r.client.Close()
	}
	if r.database != nil {
		err = errors.Join(err, r.database.Stop())
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

// Stations implements opendata.Directory, as do the next two.
func (r *region) Stations() []devices.Station { return r.stations }

// Interval is that of every device.
func (r *region) Interval(string, *devices.Quantity) time.Duration { return time.Minute }

// Fact knows none.
func (r *region) Fact(string, string) (float64, bool) { return 0, false }
