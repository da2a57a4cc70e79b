package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/ingest"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const (
	roleInflux = "influx"
	roleIngest = "ingest"
)

// influxConfig is what the database's process is told.
type influxConfig struct{ Dir string }

// runInflux runs the embedded InfluxDB, and answers how to reach it.
func runInflux(ctx context.Context, c influxConfig, ready func(any) error) error {
	s, err := embedded.Start(ctx, embedded.Options{Dir: c.Dir, Log: warnings()})
	if err != nil {
		return err
	}
	err = ready(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, s.Close())
}

// ingestConfig is what the ingest's process is told.
type ingestConfig struct {
	MQTT, Password, Profile string
	Influx                  influx.Config
	Devices                 int
}

// ingestReady is what it answers when its subscription is in place.
type ingestReady struct{}

// runIngest runs the ingest as cmd/modellregion does, with its defaults.
func runIngest(ctx context.Context, c ingestConfig, ready func(any) error) (err error) {
	stop, err := measure.Profile(c.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	store := influx.New(c.Influx)
	defer store.Close()
	up := make(chan struct{}, 1)
	client, err := mqtt.New(mqtt.Config{
		URL: c.MQTT, Username: platformUser, Password: c.Password, ClientID: "ingest", Log: warnings(),
		OnUp: func(context.Context) {
			select {
			case up <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	in := ingest.New(ingest.Config{
		Sink: store, Graveyard: store, Directory: newDirectory(c.Devices), Confirmer: confirmer{client}, Log: warnings(),
	})
	client.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) {
		in.Receive(ctx, m.Topic, m.Payload)
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return client.Run(ctx) })
	group.Go(func() error { return in.Run(ctx) })
	group.Go(func() error {
		select {
		case <-up:
			return ready(ingestReady{})
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// directory holds the devices in a map, as the platform's does; theirs follow
// from their numbers.
type directory map[uplink.EUI]*devices.Device

func newDirectory(n int) directory {
	d := make(directory, n)
	for i := range n {
		device := deviceNumber(i)
		d[device.EUI] = &device
	}
	return d
}

// Device implements ingest.Directory.
func (d directory) Device(eui uplink.EUI) (*devices.Device, bool) {
	device, ok := d[eui]
	return device, ok
}

// confirmer publishes the word "stored".
type confirmer struct{ client *mqtt.Client }

// Confirm implements ingest.Confirmer.
func (c confirmer) Confirm(ctx context.Context, edge string, s uplink.Stored) error {
	topic := uplink.Topic{Edge: edge, Kind: uplink.KindStored}
	return c.client.PublishAsync(ctx, mqtt.Message{Topic: topic.String(), Payload: s.Encode(), QoS: 1}, func(error) {})
}

func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
