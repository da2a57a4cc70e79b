package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/uplink"
)

const (
	roleInflux = "influx"
	roleFill   = "fill"

	interval = 15 * time.Minute // between two reports of a device
	batch    = 10_000           // reports of one write
)

// reported are the quantities of every device, and those of the dataset.
var reported = []string{"air_temperature", "relative_humidity", "air_pressure", "pm2_5"}

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

// fillConfig says what a filling process writes: a report of each device in
// each interval of the span.
type fillConfig struct {
	Influx     influx.Config
	Devices    int
	Start, End time.Time
}

// runFill writes reports, and answers with their number when all are stored.
func runFill(ctx context.Context, c fillConfig, ready func(any) error) error {
	db := influx.New(c.Influx)
	defer db.Close()
	written := 0
	var reports []devices.Report
	flush := func() error {
		err := db.Write(ctx, reports)
		written, reports = written+len(reports), reports[:0]
		return err
	}
	for at := c.Start; at.Before(c.End); at = at.Add(interval) {
		for i := range c.Devices {
			if reports = append(reports, report(i, at)); len(reports) == batch {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := ready(written); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// report is what a device says in the interval that begins at a time. The
// devices speak one after the other.
func report(device int, at time.Time) devices.Report {
	r := devices.Report{
		Device: uplink.EUI{1: 1, 5: byte(device >> 16), 6: byte(device >> 8), 7: byte(device)}, Station: station(device),
		Municipality: "stadt", Domain: uplink.Environment, Time: at.Add(time.Duration(device%900) * time.Second),
	}
	for i, name := range reported {
		q, _ := devices.Lookup(name)
		wave := float64((device*7+int(at.Unix()/900)*3+i*11)%400) / 10
		r.Readings = append(r.Readings, devices.Reading{Quantity: q, Value: []float64{wave - 10, 40 + wave, 980 + wave, wave}[i]})
	}
	return r
}

func station(device int) string { return fmt.Sprintf("stadt-umwelt-%06d", device) }

// region is what an aggregator works with: it is its Directory.
type region struct {
	dir      string
	database *measure.Child
	influx   influx.Config
	client   *influx.Client
	stations []devices.Station
	datasets []opendata.Dataset
	public   timed
	latest   *opendata.Latest
	*opendata.Aggregator
}

// open starts a database and makes the devices and the dataset.
func open(ctx context.Context, n int, withFiles bool) (r *region, err error) {
	dir, err := os.MkdirTemp("", "bench-opendata-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	r = &region{dir: dir, latest: opendata.NewLatest()}
	opened := r
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	for i := range n {
		r.stations = append(r.stations, devices.Station{
			ID: station(i), Name: station(i), Municipality: "stadt", Domain: uplink.Environment,
			Place: devices.Place{Lat: 51 + float64(i%300)/1000, Lon: 8 + float64(i/300)/1000},
		})
	}
	r.datasets = []opendata.Dataset{{
		ID: "umwelt", Domain: uplink.Environment, Quantities: reported,
		Windows: []opendata.Window{opendata.Quarter, opendata.Hour, opendata.Day24},
		Title:   opendata.Text{De: "Umwelt", En: "Environment"}, Licence: opendata.DataLicenceZero(),
	}}
	if r.database, err = measure.Start(ctx, roleInflux, false, filepath.Join(dir, "influx"), &r.influx); err != nil {
		return nil, err
	}
	r.client = influx.New(r.influx)
	if withFiles {
		r.public.files, err = files.Open(files.Config{
			Dir: filepath.Join(dir, "open"), Datasets: r.datasets, Reader: r.client, Directory: r, Latest: r.latest,
		})
		if err != nil {
			return nil, err
		}
	}
	r.Aggregator, err = opendata.NewAggregator(opendata.Config{
		Datasets: r.datasets, Raw: r.client, Open: r.client, Directory: r, Publisher: &r.public, Latest: r.latest,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Every: 5 * time.Second, PublishEvery: 30 * time.Second,
	})
	return r, err
}

func (r *region) close() error {
	var err error
	if r.public.files != nil {
		err = r.public.files.Close()
	}
	if r.client != nil {
		r.client.Close()
	}
	if r.database != nil {
		err = errors.Join(err, r.database.Stop())
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

// fill has the reports of a span written and returns their number.
func (r *region) fill(ctx context.Context, start, end time.Time) (written int, err error) {
	child, err := measure.Start(ctx, roleFill, false, fillConfig{r.influx, len(r.stations), start, end}, &written)
	if err != nil {
		return 0, err
	}
	return written, child.Stop()
}

// Stations implements opendata.Directory, as do the next two.
func (r *region) Stations() []devices.Station { return r.stations }

// Interval is that of every device.
func (r *region) Interval(string, *devices.Quantity) time.Duration { return interval }

// Fact knows none.
func (r *region) Fact(string, string) (float64, bool) { return 0, false }

// timed is the Publisher: it knows how long the files took. Without files it
// does nothing.
type timed struct {
	files *files.Files
	took  time.Duration
}

// Publish implements opendata.Publisher.
func (t *timed) Publish(ctx context.Context, d *opendata.Dataset, days []opendata.Day) error {
	if t.files == nil {
		return nil
	}
	began := time.Now()
	err := t.files.Publish(ctx, d, days)
	t.took += time.Since(began)
	return err
}

// written is the size of all files that were put in place.
func (t *timed) written() uint64 {
	if t.files == nil {
		return 0
	}
	_, bytes := t.files.Written()
	return bytes
}

// Retract implements opendata.Publisher.
func (t *timed) Retract(ctx context.Context) error {
	if t.files == nil {
		return nil
	}
	return t.files.Retract(ctx)
}
