package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/internal/durable"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/simulate"
	"modellregion/opendata"
	"modellregion/uplink"
)

const (
	roleInflux = "influx"
	roleFill   = "fill"

	seed    = 1
	batch   = 5000 // reports, or windows, of one write
	writers = 2
)

// access is how to reach the database: to write, and as Grafana does.
type access struct {
	Platform influx.Config
	Reader   embedded.Login
}

// runInflux runs the embedded InfluxDB in a folder, and answers how to reach
// it.
func runInflux(ctx context.Context, dir string, ready func(any) error) error {
	s, err := embedded.Start(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	err = ready(access{influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password}, s.Reader})
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, s.Close())
}

// filled fills the database unless that was done before, and returns until when
// it has values. A filling that was stopped goes on.
func filled(ctx context.Context, s settings, dir string, server access, out io.Writer) (time.Time, error) {
	now := time.Now().UTC().Truncate(time.Minute)
	c := fillConfig{Influx: server.Platform, Path: filepath.Join(dir, "filled.json"), Stations: s.stations, Days: s.days, Full: s.full, Now: now, Until: now.Add(s.ahead)}
	var done progress
	child, err := measure.Start(ctx, roleFill, false, c, &done)
	if err == nil {
		err = child.Stop()
	}
	if err != nil {
		return time.Time{}, err
	}
	fmt.Fprintf(out, "%d stations, %d days, %d reports and %d windows\n\n", done.Stations, done.Days, done.Reports, done.Windows)
	return done.Until, nil
}

type fillConfig struct {
	Influx               influx.Config
	Path                 string // of the progress
	Stations, Days, Full int
	Now, Until           time.Time
}

// progress is what there is of a filling.
type progress struct {
	Stations, Days, Full int
	Now, Until           time.Time
	Parts                []string // that are done
	Reports, Windows     int
}

// filling is a filling under way.
type filling struct {
	fillConfig
	db   *influx.Client
	list []devices.Device

	mu   sync.Mutex
	done progress
}

// runFill writes everything, and answers when it is stored.
func runFill(ctx context.Context, c fillConfig, ready func(any) error) error {
	f := &filling{fillConfig: c, db: influx.New(c.Influx), list: simulate.FleetDevices(seed, c.Stations)}
	defer f.db.Close()
	f.done = progress{Stations: c.Stations, Days: c.Days, Full: c.Full, Now: c.Now, Until: c.Until}
	if data, err := os.ReadFile(c.Path); err == nil {
		var old progress
		if err := json.Unmarshal(data, &old); err != nil || old.Stations != c.Stations || old.Days != c.Days || old.Full != c.Full {
			return fmt.Errorf("%s is of another filling: remove its folder (%w)", c.Path, err)
		}
		f.done, f.Now, f.Until = old, old.Now, old.Until
	}
	if err := f.all(ctx); err != nil {
		return err
	}
	if err := ready(f.done); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// part does a part unless it is done.
func (f *filling) part(name string, do func() (reports, windows int, err error)) error {
	f.mu.Lock()
	done := slices.Contains(f.done.Parts, name)
	f.mu.Unlock()
	if done {
		return nil
	}
	reports, windows, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done.Parts = append(f.done.Parts, name)
	f.done.Reports, f.done.Windows = f.done.Reports+reports, f.done.Windows+windows
	data, err := json.Marshal(f.done)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.Path, data, 0o600)
}

func (f *filling) all(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for day := f.Days; day >= 0; day-- {
		span := devices.Span{Start: f.Now.Add(-time.Duration(day) * 24 * time.Hour)}
		if span.End = span.Start.Add(24 * time.Hour); day == 0 {
			span.End = f.Until
		}
		group.Go(func() error {
			return f.part(fmt.Sprint("day ", day), func() (int, int, error) {
				if err := f.db.PlaceDevices(ctx, f.list, span.Start); err != nil {
					return 0, 0, err
				}
				n, err := f.raw(ctx, span, day <= f.Full)
				return n, 0, err
			})
		})
	}
	for _, set := range opendata.Defaults() {
		for _, w := range set.Windows {
			if set.Households != nil {
				continue
			}
			group.Go(func() error {
				return f.part(fmt.Sprint(set.ID, " ", w), func() (int, int, error) {
					n, err := f.open(ctx, &set, w)
					return 0, n, err
				})
			})
		}
	}
	group.Go(func() error {
		return f.part("rest", func() (int, int, error) { return 0, 0, f.rest(ctx) })
	})
	return group.Wait()
}

// raw writes what the fleet said in a span: all of it or, which is faster to
// make, in each quarter of an hour what each device said in the first minutes.
func (f *filling) raw(ctx context.Context, span devices.Span, full bool) (int, error) {
	n, reports := 0, make([]devices.Report, 0, batch)
	flush := func() error {
		err := patient(ctx, func() error { return f.db.Write(ctx, reports) })
		n, reports = n+len(reports), reports[:0]
		return err
	}
	add := func(r devices.Report) error {
		if r.Lost > 0 {
			r.Doubts = append(r.Doubts, devices.Doubt{Mark: devices.MarkGap, Value: float64(r.Lost)})
		}
		if reports = append(reports, r); len(reports) < batch {
			return nil
		}
		return flush()
	}
	if full {
		err := simulate.Past(seed, f.Stations, span, add)
		if err == nil {
			err = flush()
		}
		return n, err
	}
	first := map[uplink.EUI]devices.Report{}
	err := simulate.Past(seed, f.Stations, devices.Span{Start: span.Start, End: span.Start.Add(12 * time.Minute)}, func(r devices.Report) error {
		first[r.Device] = r
		return nil
	})
	if err != nil {
		return 0, err
	}
	for quarter := range 96 {
		for _, r := range first {
			r.Time, r.FCnt, r.Lost = r.Time.Add(time.Duration(quarter)*15*time.Minute), uint32(quarter), uint32(min(quarter%48, 1)^1)
			if err := add(r); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}

// patient tries again what a database that is busy does not take.
func patient(ctx context.Context, write func() error) error {
	for try := 1; ; try++ {
		err := write()
		if err == nil || try == 20 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}

// shortPast is how far back windows below an hour are written: no query of many
// stations looks further.
const shortPast = 8 * 24 * time.Hour

// open writes windows of a length of the first quantities of a dataset, for all
// stations of its domain. Their values are waves: what a query costs goes with
// their number.
func (f *filling) open(ctx context.Context, set *opendata.Dataset, w opendata.Window) (int, error) {
	total := 0
	var rows []devices.Aggregate
	flush := func() error {
		err := patient(ctx, func() error { return f.db.Put(ctx, set.ID, time.Duration(w), rows) })
		total, rows = total+len(rows), rows[:0]
		return err
	}
	start := f.Now.Add(-time.Duration(f.Days) * 24 * time.Hour)
	if w < opendata.Hour {
		start = f.Now.Add(-min(shortPast, f.Now.Sub(start)))
	}
	for i := range f.list {
		if f.list[i].Domain != set.Domain {
			continue
		}
		for begin := w.Begin(start); begin.Before(f.Until); begin = w.End(begin) {
			rows = append(rows, windowRows(set, f.list[i].Station, begin, time.Duration(w))...)
		}
		if len(rows) < batch {
			continue
		}
		if err := flush(); err != nil {
			return total, err
		}
	}
	return total, flush()
}

// windowRows are the quantities of a station in a window: voltage by phase,
// counts by lane, others once.
func windowRows(set *opendata.Dataset, station string, begin time.Time, length time.Duration) []devices.Aggregate {
	var rows []devices.Aggregate
	for i, name := range set.Quantities {
		q, ok := devices.Lookup(name)
		if !ok || i > 3 && length < 7*24*time.Hour {
			continue
		}
		channels := []string{""}
		switch name {
		case "voltage", "voltage_quality", "voltage_within":
			channels = []string{"l1", "l2", "l3"}
		case "vehicle_count", "speed_mean", "occupancy":
			channels = []string{"lane1", "lane2"}
		}
		wave := (1 + math.Sin(float64(begin.Unix()/600+int64(len(station))))) / 2
		for _, channel := range channels {
			a := devices.Aggregate{Station: station, Quantity: q, Channel: channel, Start: begin, Window: length, Count: 15, Coverage: 1}
			a.Mean, a.Min, a.Max, a.Sum = 100*wave, 90*wave, 110*wave, 50*wave
			if n := len(q.Categories); n > 0 {
				a.Mode = math.Round(wave * float64(n-1))
			}
			rows = append(rows, a)
		}
	}
	return rows
}

// rest writes who is silent, what could not be stored and what the platform
// says of itself.
func (f *filling) rest(ctx context.Context) error {
	var states []devices.SenderState
	var letters []devices.DeadLetter
	for i, d := range f.list {
		at := f.Now.Add(-time.Duration(i%f.Days) * 24 * time.Hour)
		states = append(states, devices.SenderState{
			Time: at, Sender: devices.SenderDevice, ID: d.EUI.String(), Edge: "edge", Domain: d.Domain, Station: d.Station, Municipality: d.Municipality,
			Silent: i%20 == 0, LastHeard: at, Interval: time.Minute,
		})
		letters = append(letters, devices.DeadLetter{Time: at, Edge: "edge", Reason: "range", Why: "a value is too large", Message: "{}"})
	}
	if err := errors.Join(f.db.Note(ctx, states), f.db.Bury(ctx, letters)); err != nil {
		return err
	}
	var rows []influx.Figures
	for at := f.Now.Add(-time.Duration(f.Days) * 24 * time.Hour); at.Before(f.Until); at = at.Add(time.Minute) {
		rows = append(rows, influx.Figures{Time: at, Role: influx.RoleProcess, Instance: "host:9100", Values: map[string]float64{
			influx.FieldUplinks: 600, influx.FieldReadings: 2400, influx.FieldLag: 1, influx.FieldLagMedian: 0.5, influx.FieldQueue: 1, influx.FieldStoreOK: 1,
			influx.FieldBehind: 40, influx.FieldMemory: 2e8, influx.FieldDiskFree: 3e10, influx.FieldDiskSize: 1e11, influx.FieldWindows: 100,
			influx.FieldShed: 0, influx.FieldWriteErrors: 0, influx.FieldRequests: 10, influx.FieldRefused: 0,
		}})
		for i := range 20 {
			edge := fmt.Sprintf("edge-%02d", i)
			rows = append(rows,
				influx.Figures{Time: at, Role: influx.RoleEdge, Edge: edge, Values: map[string]float64{
					influx.FieldOnline: 1, influx.FieldOutbox: 5, influx.FieldUndated: 0, influx.FieldGivenUp: 0, influx.FieldDiskOK: 1,
				}},
				influx.Figures{Time: at, Role: influx.RoleGateway, Edge: edge, Gateway: fmt.Sprintf("02%014x", i), Values: map[string]float64{
					influx.FieldReceived: 20, influx.FieldReceivedOK: 18, influx.FieldSent: 1, influx.FieldAcked: 100,
				}})
		}
		if len(rows) > batch {
			if err := patient(ctx, func() error { return f.db.PutFigures(ctx, rows) }); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return patient(ctx, func() error { return f.db.PutFigures(ctx, rows) })
}
