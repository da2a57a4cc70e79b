package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/mqtt"
	"modellregion/internal/simulate/load"
	"modellregion/uplink"
)

// column is one way from the broker to the database.
type column struct {
	name       string
	telegraf   bool
	perMessage int
	format     load.Format
}

var columns = []column{
	{"telegraf", true, 1, load.Modellregion},
	{"single", false, 1, load.Modellregion},
	{"batches", false, uplink.MaxUplinks, load.Modellregion},
	{"telegraf-cs", true, 1, load.ChirpStack},
	{"chirpstack", false, 1, load.ChirpStack},
}

// queued reports whether the broker holds the backlog, in the session of a
// client; otherwise the edges hold it.
func (c *column) queued() bool { return c.telegraf || c.format == load.ChirpStack }

// wants reports whether a column is to be measured.
func (s *settings) wants(c column) bool {
	return (!c.telegraf || s.telegraf != "") && s.only.MatchString(c.name)
}

// bench is what all trials share.
type bench struct {
	settings
	dir      string
	platform string // the program
	progress io.Writer
	log      *os.File // of the processes
}

func newBench(ctx context.Context, s settings, progress io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp(s.dir, "bench-ingest-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	b := &bench{settings: s, dir: dir, platform: filepath.Join(dir, "modellregion"), progress: progress}
	if b.mosquitto == "" {
		for _, path := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
			if found, err := exec.LookPath(path); err == nil {
				b.mosquitto = found
			}
		}
	}
	if b.mosquitto == "" {
		return nil, errors.Join(errors.New("mosquitto is not installed; -mosquitto says where it is"), os.RemoveAll(dir))
	}
	if slices.ContainsFunc(columns, func(c column) bool { return !c.telegraf && s.wants(c) }) {
		// As make ingest does.
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-tags", "ingestonly,nethttpomithttp2", "-o", b.platform, "modellregion/cmd/modellregion")
		build.Stderr, build.Env = os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
		if err := build.Run(); err != nil {
			return nil, errors.Join(fmt.Errorf("build modellregion: %w", err), os.RemoveAll(dir))
		}
	}
	if b.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := b.fillRegistry(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

func (b *bench) close() {
	_ = b.log.Close()
	_ = os.RemoveAll(b.dir) // a temporary folder; everything was told
}

// load is what is sent in a column.
func (b *bench) load(c column, url string) load.Config {
	cfg := load.Config{
		URL: url, Edges: b.edges, Devices: b.devices, Format: c.format, PerMessage: c.perMessage,
		Uplinks: b.uplinks, Seed: b.seed, Prepare: true, Wait: 5 * time.Minute,
	}
	if c.format == load.ChirpStack {
		cfg.Names, cfg.Edges = []string{sourceName}, 0
	}
	return cfg
}

const roleInflux = "influx"

type influxConfig struct {
	Dir string
	GC  int // per cent, as GOGC
}

// runInflux runs the embedded InfluxDB, and answers how to reach it.
func runInflux(ctx context.Context, c influxConfig, ready func(any) error) error {
	// A new database has little in memory and would collect garbage many times as
	// often as one that a city has used for a month.
	debug.SetGCPercent(c.GC)
	s, err := embedded.Start(ctx, embedded.Options{Dir: c.Dir})
	if err != nil {
		return err
	}
	err = ready(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, s.Close())
}

// stage is broker and database of one trial.
type stage struct {
	dir      string
	broker   *measure.Program
	url      string
	database *measure.Child
	influx   influx.Config
	internal string // where modellregion tells what it does
}

// trial makes one run, with a new broker and a new database.
func (b *bench) trial(ctx context.Context, c column, add func(row string, value float64)) (err error) {
	s := &stage{dir: filepath.Join(b.dir, "trial")}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if s.database, err = measure.Start(ctx, roleInflux, false, influxConfig{Dir: filepath.Join(s.dir, "influx"), GC: b.influxGC}, &s.influx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.database.Stop()) }()
	if err := b.startBroker(ctx, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.broker.Stop()) }()
	if c.queued() {
		if err := b.queue(ctx, c, s); err != nil {
			return fmt.Errorf("fill the broker's queue: %w", err)
		}
	}
	return b.drain(ctx, c, s, add)
}

func (b *bench) startBroker(ctx context.Context, s *stage) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	// No limits: what is measured is who reads, and the whole backlog waits here.
	config := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nmax_queued_messages 100000000\nmax_queued_bytes 0\nuser root\n", port)
	path := filepath.Join(s.dir, "mosquitto.conf")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		return err
	}
	if s.broker, err = measure.StartProgram(ctx, b.log, b.mosquitto, "-c", path); err != nil {
		return err
	}
	s.url = fmt.Sprintf("tcp://127.0.0.1:%d", port)
	return b.until(ctx, s.broker, func() (bool, error) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err == nil && conn.Close() == nil, nil
	})
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// until asks ok again and again while the program runs.
func (b *bench) until(ctx context.Context, p *measure.Program, ok func() (bool, error)) error {
	for {
		if done, err := ok(); done || err != nil {
			return err
		}
		if err := p.Ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// queue leaves all uplinks with the broker, for the session of whoever will
// read them.
func (b *bench) queue(ctx context.Context, c column, s *stage) error {
	reader, err := mqtt.New(mqtt.Config{URL: s.url, ClientID: clientID, Session: true})
	if err != nil {
		return err
	}
	for _, f := range filters(c.format) {
		reader.Subscribe(f, 1, func(context.Context, mqtt.Message) {})
	}
	short, stop := context.WithCancel(ctx)
	group, short := errgroup.WithContext(short)
	group.Go(func() error { return reader.Run(short) })
	time.Sleep(time.Second) // the broker has the subscription
	stop()
	if err := group.Wait(); err != nil {
		return err
	}

	sender, err := load.New(b.load(c, s.url))
	if err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	running, stop = context.WithCancel(running)
	defer stop()
	if c.format == load.Modellregion { // whose edges want to hear that it is stored
		yes, err := yesSayer(s.url)
		if err != nil {
			return err
		}
		group.Go(func() error { return yes.Run(running) })
	}
	err = sender.Run(ctx)
	stop()
	return errors.Join(err, group.Wait())
}

// yesSayer confirms everything at once.
func yesSayer(url string) (*mqtt.Client, error) {
	client, err := mqtt.New(mqtt.Config{URL: url, ClientID: "yes"})
	if err != nil {
		return nil, err
	}
	var d uplink.Decoder
	client.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) {
		topic, err := uplink.ParseTopic(m.Topic)
		batch, _, err2 := d.Decode(m.Payload)
		if err != nil || err2 != nil {
			return // it is not confirmed, and the run does not end
		}
		var seqs []uint64
		for i := range batch.Uplinks {
			seqs = append(seqs, batch.Uplinks[i].Seq)
		}
		topic.Kind, topic.Domain = uplink.KindStored, ""
		stored := uplink.NewStored(batch.Epoch, seqs).Encode()
		for { // without an acknowledgement, for which a handler must not wait
			err := client.PublishAsync(ctx, mqtt.Message{Topic: topic.String(), Payload: stored}, func(error) {})
			if !errors.Is(err, mqtt.ErrBusy) {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	return client, nil
}
