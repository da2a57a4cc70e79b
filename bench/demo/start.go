package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/internal/broker"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/mqtt"
)

// measureStarts prints how long the embedded servers take until they answer.
func measureStarts(ctx context.Context, dir string, runs int, out io.Writer) error {
	var table measure.Table
	add := func(row string, d time.Duration) { table.Add("until it answers, ms", row, measure.Millis(d)) }
	for i := range runs {
		folder := filepath.Join(dir, fmt.Sprintf("influx-%d", i))
		for _, row := range []string{"InfluxDB, new folder", "InfluxDB, the same folder again"} {
			began := time.Now()
			s, err := embedded.Start(ctx, embedded.Options{Dir: folder})
			if err != nil {
				return err
			}
			add(row, time.Since(began))
			if err := s.Close(); err != nil {
				return err
			}
		}
		took, err := startBroker(ctx)
		if err != nil {
			return err
		}
		add("MQTT broker, with the first client's login", took)
	}
	return table.Print(out)
}

// startBroker starts a broker and returns how long it took until a client was
// logged in.
func startBroker(ctx context.Context) (time.Duration, error) {
	const user = "platform"
	password := rand.Text()
	began := time.Now()
	b, err := broker.Listen(broker.Config{Addr: "127.0.0.1:0", Identities: []broker.Identity{{User: user, Password: password, Role: broker.Platform}}})
	if err != nil {
		return 0, err
	}
	up := make(chan time.Duration, 1)
	client, err := mqtt.New(mqtt.Config{
		URL: "tcp://" + b.Addr().String(), Username: user, Password: password, ClientID: "bench",
		OnUp: func(context.Context) {
			select {
			case up <- time.Since(began):
			default:
			}
		},
	})
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.Run(ctx) })
	group.Go(func() error { return client.Run(ctx) })
	var took time.Duration
	select {
	case took = <-up:
	case <-ctx.Done():
		err = ctx.Err()
	}
	stop()
	return took, errors.Join(err, group.Wait())
}
