package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
)

// quantiles are those of the delay that are shown.
var quantiles = []struct {
	name string
	at   float64
}{{"delay, p50, ms", 0.5}, {"delay, p99, ms", 0.99}, {"delay, max, ms", 1}}

// figures is what one trial has given.
type figures struct {
	delays   []float64 // ms, of the frames that arrived
	sent     int       // frames of the good gateway
	flooded  int       // datagrams of the stranger
	dropped  int       // by the server
	during   time.Duration
	cpu      time.Duration // of the server
	resident int64
}

func (f *figures) delay(quantile float64) float64 { return measure.Quantile(f.delays, quantile) }

// note adds the figures to a column.
func (f *figures) note(add func(row string, value float64)) {
	for _, q := range quantiles {
		add(q.name, f.delay(q.at))
	}
	add("frames sent", float64(f.sent))
	add("frames lost", float64(f.sent-len(f.delays)))
	add("server: share of its core", f.cpu.Seconds()/f.during.Seconds())
	add("server: most resident, MB", measure.MB(f.resident))
	if f.flooded > 0 {
		add("stranger: datagrams/s", float64(f.flooded)/f.during.Seconds())
		add("stranger: dropped by the server, %", 100*float64(f.dropped)/float64(f.flooded))
	}
}

// trial measures one server. With ports, a stranger sends from so many.
func trial(ctx context.Context, s settings, ports int) (f figures, err error) {
	dir, err := os.MkdirTemp("", "bench-stranger-")
	if err != nil {
		return f, fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config := serverConfig{Limit: s.limit, Results: filepath.Join(dir, "results.json")}
	var ready serverReady
	server, err := measure.Start(ctx, roleServer, true, config, &ready)
	if err != nil {
		return f, err
	}
	first, err := f.send(ctx, s, ports, ready.UDP, server)
	if err = errors.Join(err, server.Stop()); err != nil {
		return f, err
	}
	return f, f.read(config.Results, first)
}

// send lets the good gateway be alone for a while, then times it. It returns
// the number of the first frame that is timed.
func (f *figures) send(ctx context.Context, s settings, ports int, to string, server *measure.Child) (first uint64, err error) {
	conns, err := dial(ctx, to, 1+ports)
	defer func() {
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
	}()
	if err != nil {
		return 0, err
	}
	good := &gateway{conn: conns[0]}
	if err := good.send(ctx, s.frames, s.warm+time.Second/time.Duration(s.frames)); err != nil { // one at least
		return 0, err
	}
	before, err := server.Usage()
	if err != nil {
		return 0, err
	}
	first, replay := good.sent, good.last
	began := time.Now()
	group, gctx := errgroup.WithContext(ctx)
	flooding, stop := context.WithCancel(gctx)
	group.Go(func() error {
		defer stop()
		return good.send(gctx, s.frames, s.timed)
	})
	if ports > 0 {
		group.Go(func() error {
			n, err := flood(flooding, conns[1:], s.flood, s.seed, replay)
			f.flooded = n
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	f.during = time.Since(began)
	after, err := server.Usage()
	if err != nil {
		return 0, err
	}
	f.sent = int(good.sent - first)
	f.cpu, f.resident = after.CPU-before.CPU, after.Peak
	// The last datagrams are on their way; what is late now is lost.
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(200 * time.Millisecond):
	}
	return first, nil
}

func dial(ctx context.Context, to string, n int) (conns []net.Conn, err error) {
	var dialer net.Dialer
	for range n {
		conn, err := dialer.DialContext(ctx, "udp", to)
		if err != nil {
			return conns, fmt.Errorf("reach the server: %w", err)
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// read takes the server's results.
func (f *figures) read(file string, first uint64) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	var got results
	if err := json.Unmarshal(data, &got); err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	f.dropped = got.total()
	for number, ns := range got.Delays {
		if number >= first {
			f.delays = append(f.delays, measure.Millis(time.Duration(ns)))
		}
	}
	return nil
}
