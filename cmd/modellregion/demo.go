//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"modellregion/devices/registry"
	"modellregion/internal/simulate"
)

type demoCmd struct {
	Sensors  int           `help:"How many sensors the region has." default:"200"`
	Homes    bool          `help:"Also the meters of 60 households, in five groups." default:"true" negatable:""`
	For      time.Duration `help:"End after this time, drain, compare the database with what was sent, and print the result as JSON. 0 runs until Ctrl-C." default:"0s"`
	Speed    float64       `help:"Simulated seconds per second. The simulated time ends at the present." default:"1"`
	Seed     uint64        `help:"Fixes what is sent." default:"1"`
	DataDir  string        `help:"Keep everything in this folder and go on from there the next time. Without it, a temporary folder is used and removed." type:"path"`
	HTTP     string        `name:"http" help:"Public pages and files. Port 0 takes a free one." default:"127.0.0.1:8080"`
	Internal string        `help:"Health and metrics." default:"127.0.0.1:9090"`
	MQTT     string        `name:"mqtt" help:"Embedded MQTT broker." default:"127.0.0.1:1883"`
	Influx   string        `help:"Embedded InfluxDB." default:"127.0.0.1:8086"`
	UDP      string        `name:"udp" help:"Semtech UDP for packet forwarders." default:"127.0.0.1:1700"`
}

// demoEdge is the name of the demo's edge gateway.
const demoEdge = "demo"

const (
	maxSimulated = 80 * 24 * time.Hour // so that nothing is older than raw data are kept
	readyWithin  = 30 * time.Second
	drainWithin  = 2 * time.Minute
)

// Help tells what is not seen at once.
func (demoCmd) Help() string {
	return `Households are published in groups and a day after the end of a day. To see some, simulate three days, and start once more on what is stored then:

  modellregion demo --data-dir region --sensors 10 --speed 4320 --for 1m
  modellregion demo --data-dir region --sensors 10 --speed 4320 --for 1m`
}

func (c *demoCmd) validate() error {
	switch {
	case c.Sensors < 1 || c.Sensors > 100_000:
		return fmt.Errorf("--sensors %d: want 1 to 100000", c.Sensors)
	case c.Speed <= 0 || c.Speed > 100_000:
		return fmt.Errorf("--speed %v: want more than 0, at most 100000", c.Speed)
	case c.For < 0:
		return fmt.Errorf("--for %v: want 0 or more", c.For)
	case time.Duration(float64(c.For)*c.Speed) > maxSimulated:
		return fmt.Errorf("--for %v at --speed %v is %v of simulated time: want at most %v", c.For, c.Speed,
			time.Duration(float64(c.For)*c.Speed), maxSimulated)
	}
	return nil
}

// demoConfig is the region of the demo: the five digital model regions.
func (c *demoCmd) config(dir string) config {
	cfg := defaults()
	cfg.DataDir, cfg.HTTP, cfg.Internal = dir, c.HTTP, c.Internal
	cfg.MQTT.Listen, cfg.Influx.Listen = c.MQTT, c.Influx
	cfg.ownURL, cfg.MQTT.Public = true, true
	// Its gateways rush through the past faster than radio can.
	cfg.Edges = []edgeConfig{{Name: demoEdge, UDP: c.UDP, UDPRate: -1}}
	cfg.Region = regionConfig{
		Name:      regionName{De: "Modellregion NRW (Demo)", En: "Model Region NRW (demo)"},
		Publisher: "Modellregion (Demo)",
		Contact:   "opendata@modellregion.example",
	}
	for _, m := range simulate.Municipalities() {
		cfg.Region.Municipalities = append(cfg.Region.Municipalities, municipalityConfig{ID: m.ID, Name: m.Name, AGS: m.AGS, Lat: m.Center.Lat, Lon: m.Center.Lon})
	}
	return cfg
}

// Run runs the platform and the simulated region.
func (c *demoCmd) Run(ctx context.Context, t *terminal) (err error) {
	began := time.Now()
	if err := c.validate(); err != nil {
		return err
	}
	dir := c.DataDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "modellregion-demo-"); err != nil {
			return fmt.Errorf("make temporary folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	fleet, err := simulate.Open(simulate.Config{
		Seed: c.Seed, Sensors: c.Sensors, Homes: c.Homes, Speed: c.Speed, For: c.For, Dir: filepath.Join(dir, "simulator"), Log: t.log,
	})
	if err != nil {
		return err
	}
	p, err := openPlatform(ctx, c.config(dir), t.log, func(ctx context.Context, r *registry.Registry) error {
		list := fleet.Devices()
		for i := range list {
			list[i].Edge = demoEdge
		}
		return r.Put(ctx, list)
	})
	if err != nil {
		return errors.Join(err, fleet.Close())
	}
	return p.run(ctx, func(ctx context.Context) error {
		if err := p.waitReady(ctx); err != nil {
			return errors.Join(err, fleet.Close())
		}
		c.tellWhere(t.out, p, dir, time.Since(began))
		if err := c.simulate(ctx, t, p, fleet); err != nil || c.For == 0 {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("interrupted before what was sent could be compared with what is stored")
		}
		return p.settle(ctx, t, fleet, began)
	})
}

// simulate lets the fleet send until it is done, and shows how far it is.
func (c *demoCmd) simulate(ctx context.Context, t *terminal, p *platform, fleet *simulate.Fleet) error {
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		showProgress(t, p, fleet, stop)
	}()
	err := fleet.Run(ctx, p.edge.Addr().String())
	close(stop)
	<-stopped
	return err
}

func (p *platform) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("platform is not ready: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *demoCmd) tellWhere(out io.Writer, p *platform, dir string, after time.Duration) {
	influxURL := p.influxd.URL()
	fmt.Fprintf(out, `The model region runs (ready after %.1f s): %d sensors%s in %d towns.

  Portal      http://%s/        (English: /en/)
  Open data   http://%s/data/
  Interfaces  http://%s/api/
  InfluxDB    %s     login in %s
  MQTT        %s     logins in %s
  LoRaWAN     %s     Semtech UDP
  Metrics     http://%s/metrics

Ctrl-C ends it.

`, after.Seconds(), c.Sensors, map[bool]string{true: " and 60 households"}[c.Homes], len(p.cfg.Region.Municipalities), p.publicHTTP.addr(), p.publicHTTP.addr(), p.publicHTTP.addr(),
		influxURL, filepath.Join(dir, "influx.json"), p.broker.Addr(), filepath.Join(dir, "mqtt.json"), p.edge.Addr(), p.internal.addr())
}

// showProgress keeps one line up to date on a terminal, and writes a line now
// and then anywhere else.
func showProgress(t *terminal, p *platform, fleet *simulate.Fleet, stop <-chan struct{}) {
	every, end := 10*time.Second, "\n"
	if f, ok := t.err.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, end = time.Second, "\r"
		}
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		s := fleet.Progress()
		fmt.Fprintf(t.err, "%s  joined %d  frames %d  uplinks %d  readings %d  unconfirmed %d   %s",
			s.SimTime.Local().Format("2006-01-02 15:04:05"), s.Joined, s.FramesSent, s.UplinksSent, s.ReadingsSent, p.edge.Outbox(), end)
		select {
		case <-stop:
			if end == "\r" {
				fmt.Fprintln(t.err)
			}
			return
		case <-ticker.C:
		}
	}
}

// result is the last line of a demo that ends by itself.
type result struct {
	FramesSent     uint64  `json:"frames_sent"`
	UplinksSent    uint64  `json:"uplinks_sent"`
	ReadingsSent   uint64  `json:"readings_sent"`
	ReadingsStored uint64  `json:"readings_stored"`
	Lost           uint64  `json:"lost"`
	Duplicates     uint64  `json:"duplicates"`
	DeadLetters    uint64  `json:"dead_letters"`
	ElapsedS       float64 `json:"elapsed_s"`
}

// settle waits until everything sent is confirmed, brings the public files up
// to date, compares the database with the ledger and prints the result.
func (p *platform) settle(ctx context.Context, t *terminal, fleet *simulate.Fleet, began time.Time) error {
	if err := p.drain(ctx); err != nil {
		return err
	}
	if err := p.aggregator.Step(ctx); err != nil {
		return fmt.Errorf("aggregate the last windows: %w", err)
	}
	told := time.Now()
	c, err := fleet.Compare(ctx, p.influx, func(done, of int) {
		if time.Since(told) >= 5*time.Second || done == of {
			told = time.Now()
			fmt.Fprintf(t.err, "compared with what was sent: %d of %d devices\n", done, of)
		}
	})
	if err != nil {
		return fmt.Errorf("compare the database with what was sent: %w", err)
	}
	letters, err := p.influx.CountDeadLetters(ctx)
	if err != nil {
		return err
	}
	r := result{
		FramesSent: fleet.Progress().FramesSent, UplinksSent: c.Uplinks, ReadingsSent: c.Sent, ReadingsStored: c.Stored,
		Lost: c.Lost, Duplicates: c.Duplicates, ElapsedS: float64(time.Since(began).Milliseconds()) / 1000,
	}
	for _, n := range letters {
		r.DeadLetters += uint64(n)
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	fmt.Fprintf(t.out, "%s\n", line)
	if r.Lost > 0 || r.Duplicates > 0 {
		return fmt.Errorf("%d readings are lost and %d are there twice", r.Lost, r.Duplicates)
	}
	return nil
}

// drain waits until the edge has nothing unconfirmed for longer than a frame
// can be on its way to its disk.
func (p *platform) drain(ctx context.Context) error {
	const quietFor = time.Second
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	quietSince := time.Now()
	for {
		n := p.edge.Outbox()
		if n > 0 {
			quietSince = time.Now()
		} else if time.Since(quietSince) >= quietFor {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("drain: %d uplinks are still unconfirmed: %w", n, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
