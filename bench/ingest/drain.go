package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/internal/broker"
	"modellregion/internal/influx"
)

const platformUser = "platform"

// drainWithin is how long a run may take. One that stops is one in which a
// message was dropped.
const drainWithin = 2 * time.Minute

// drain makes one run: a new database, a new ingest, and all uplinks from the
// edges into the database.
func drain(ctx context.Context, s settings, perMessage int, add func(row string, value float64)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	messages := payloads(s, perMessage, time.Now())
	dir, err := os.MkdirTemp(s.dir, "bench-ingest-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var store influx.Config
	database, err := measure.Start(ctx, roleInflux, false, influxConfig{Dir: dir}, &store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Stop()) }()

	passwords := map[string]string{platformUser: rand.Text()}
	ids := []broker.Identity{{User: platformUser, Password: passwords[platformUser], Role: broker.Platform}}
	for i := range edges {
		name := edgeName(i)
		passwords[name] = rand.Text()
		ids = append(ids, broker.Identity{User: name, Password: passwords[name], Role: broker.Edge})
	}
	b, err := broker.Listen(broker.Config{Addr: "127.0.0.1:0", Identities: ids})
	if err != nil {
		return err
	}
	url := "tcp://" + b.Addr().String()
	var all [edges]*edge
	for i := range all {
		uplinks := 0
		for _, m := range messages[i] {
			uplinks += m.uplinks
		}
		if all[i], err = newEdge(edgeName(i), url, passwords[edgeName(i)], uplinks); err != nil {
			return err
		}
	}
	group, running := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(running)
	group.Go(func() error { return b.Run(running) })
	for _, e := range all {
		group.Go(func() error { return e.mqtt.Run(running) })
	}
	config := ingestConfig{MQTT: url, Password: passwords[platformUser], Influx: store, Devices: s.devices}
	if s.profile != "" {
		config.Profile = s.profile + "-" + strconv.Itoa(perMessage)
	}
	err = measured(running, s, config, database, all, messages, add)
	stop()
	return errors.Join(err, group.Wait())
}

// measured starts the ingest, lets the edges send, and notes what it cost.
func measured(ctx context.Context, s settings, config ingestConfig, database *measure.Child, all [edges]*edge, messages [edges][]payload, add func(string, float64)) error {
	var ready ingestReady
	in, err := measure.Start(ctx, roleIngest, false, config, &ready)
	if err != nil {
		return err
	}
	before, err1 := in.Usage()
	databaseBefore, err2 := database.Usage()
	selfBefore, err3 := measure.ReadUsage(os.Getpid())
	took, err4 := publishAll(ctx, all, messages)
	after, err5 := in.Usage()
	databaseAfter, err6 := database.Usage()
	selfAfter, err7 := measure.ReadUsage(os.Getpid())
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, in.Stop()); err != nil {
		return err
	}
	sent := 0
	for _, m := range messages {
		sent += len(m)
	}
	n := float64(s.uplinks)
	add("uplinks/s", n/took.Seconds())
	add("readings/s", n*readingsPerUplink/took.Seconds())
	add("messages/s", float64(sent)/took.Seconds())
	add("ingest: CPU, µs/uplink", measure.Micros(after.CPU-before.CPU)/n)
	add("ingest: most resident, MB", measure.MB(after.Peak))
	add("InfluxDB: CPU, µs/uplink", measure.Micros(databaseAfter.CPU-databaseBefore.CPU)/n)
	add("InfluxDB: most resident, MB", measure.MB(databaseAfter.Peak))
	add("broker and edges: CPU, µs/uplink", measure.Micros(selfAfter.CPU-selfBefore.CPU)/n)
	return count(ctx, config.Influx, s.uplinks)
}

// count compares what is in the database with what was sent.
func count(ctx context.Context, cfg influx.Config, uplinks int) error {
	store := influx.New(cfg)
	defer store.Close()
	points, err := store.CountRows(ctx, `SELECT "speed_mean" FROM "traffic"`)
	if err != nil {
		return fmt.Errorf("count points: %w", err)
	}
	letters, err := store.DeadLetters(ctx)
	if err != nil {
		return err
	}
	if points != uplinks*pointsPerUplink || len(letters) > 0 {
		return fmt.Errorf("%d points are stored of %d, and these dead letters: %v", points, uplinks*pointsPerUplink, letters)
	}
	return nil
}
