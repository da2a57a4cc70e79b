package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modellregion/bench/measure"
	"modellregion/internal/mqtt"
)

// trial is one edge with everything around it.
type trial struct {
	fleet    *fleet
	platform *platform
	edge     *measure.Child
	udp      string
}

// add notes a figure of a run.
type add func(row string, value float64)

// withEdge starts an edge with an empty database, lets what use it, and stops
// it.
func withEdge(ctx context.Context, s settings, what func(context.Context, *trial) error) (err error) {
	dir, err := os.MkdirTemp(s.dir, "bench-edge-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t := &trial{fleet: newFleet(s.seed, s.devices)}
	if t.platform, err = openPlatform(t.fleet.number); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	ended := make(chan error, 1)
	go func() {
		err := t.platform.run(ctx)
		stop(err) // whatever waits for the platform waits no longer
		ended <- err
	}()
	err = t.run(ctx, s, dir, what)
	stop(nil)
	return errors.Join(<-ended, err)
}

func (t *trial) run(ctx context.Context, s settings, dir string, what func(context.Context, *trial) error) error {
	list, err := t.fleet.list(s.scripted)
	if err != nil {
		return err
	}
	file := ""
	if len(list) > mqtt.MaxPayload { // as an operator has to do it too
		file = filepath.Join(dir, "devices.json")
		err = os.WriteFile(file, list, 0o600)
	} else {
		err = t.platform.publishDevices(ctx, list)
	}
	if err != nil {
		return fmt.Errorf("hand over the device list: %w", err)
	}
	config := edgeConfig{DevicesFile: file, Name: edgeName, Dir: dir, MQTT: t.platform.url(), Password: t.platform.passwords[edgeName], Profile: s.profile}
	var ready edgeReady
	if t.edge, err = measure.Start(ctx, roleEdge, true, config, &ready); err != nil {
		return err
	}
	t.udp = ready.UDP
	// Every device's first frame is different: its session is new.
	err = t.warmUp(ctx)
	if err == nil {
		err = what(ctx, t)
	}
	return errors.Join(err, t.edge.Stop())
}

func (t *trial) warmUp(ctx context.Context) error {
	datagrams, err := t.fleet.datagrams(2*len(t.fleet.devices), 1)
	if err != nil {
		return err
	}
	if err := forward(ctx, t.udp, datagrams, func(context.Context, int) error { return nil }); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return t.platform.wait(ctx, t.fleet.sent)
}

// fullSpeed sends as fast as the edge acknowledges.
func (t *trial) fullSpeed(ctx context.Context, s settings, perDatagram int, add add) error {
	datagrams, err := t.fleet.datagrams(s.frames, perDatagram)
	if err != nil {
		return err
	}
	before, err := t.edge.Quiet(ctx, s.quiet)
	if err != nil {
		return err
	}
	messages, _ := t.platform.counts()
	began := time.Now()
	if err := forward(ctx, t.udp, datagrams, func(context.Context, int) error { return nil }); err != nil {
		return err
	}
	if err := t.platform.wait(ctx, t.fleet.sent); err != nil {
		return err
	}
	took := time.Since(began)
	add("frames/s", float64(s.frames)/took.Seconds())
	return t.costs(ctx, s, s.frames, before, messages, took, add)
}

// timed sends single frames at a fixed rate.
func (t *trial) timed(ctx context.Context, s settings, add add) error {
	n := int(s.timed.Seconds() * float64(s.rate))
	first := t.fleet.sent
	datagrams, err := t.fleet.datagrams(n, 1)
	if err != nil {
		return err
	}
	before, err := t.edge.Quiet(ctx, s.quiet)
	if err != nil {
		return err
	}
	messages, _ := t.platform.counts()
	sent := make([]time.Time, n)
	began := time.Now()
	err = forward(ctx, t.udp, datagrams, func(ctx context.Context, i int) error {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(s.rate))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		sent[i] = time.Now()
		return nil
	})
	if err != nil {
		return err
	}
	if err := t.platform.wait(ctx, t.fleet.sent); err != nil {
		return err
	}
	took := time.Since(began)
	add("frames/s", float64(n)/took.Seconds())
	latency := t.platform.since(first, sent)
	add("UDP to MQTT, p50, ms", measure.Quantile(latency, 0.5))
	add("UDP to MQTT, p99, ms", measure.Quantile(latency, 0.99))
	return t.costs(ctx, s, n, before, messages, took, add)
}

// costs notes what n frames have cost, when the edge has also deleted what was
// confirmed.
func (t *trial) costs(ctx context.Context, s settings, n int, before measure.Usage, messages int, took time.Duration, add add) error {
	busy, err := t.edge.Usage()
	if err != nil {
		return err
	}
	after, err := t.edge.Quiet(ctx, s.quiet)
	if err != nil {
		return err
	}
	sent, resent := t.platform.counts()
	if resent > 0 {
		return fmt.Errorf("%d uplinks came again: they were not confirmed in time, so the figures mean nothing", resent)
	}
	add("edge: share of its core", float64(busy.CPU-before.CPU)/float64(took))
	add("edge: CPU, µs/frame", measure.Micros(after.CPU-before.CPU)/float64(n))
	add("edge: written to disk, bytes/uplink", float64(after.Written-before.Written)/float64(n))
	add("edge: resident, MB", measure.MB(busy.Resident))
	add("edge: most resident, MB", measure.MB(after.Peak))
	add("uplinks per MQTT message", float64(n)/float64(sent-messages))
	return nil
}
