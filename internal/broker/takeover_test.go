package broker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// A client that comes back while the broker still has its old connection, or is
// just letting go of it, hears what it has subscribed to.
func TestReconnectedClientHears(t *testing.T) {
	const rounds = 300
	b, err := broker.Listen(broker.Config{Addr: "127.0.0.1:0", Identities: []broker.Identity{{User: "platform", Password: "0123456789abcdef", Role: broker.Platform}}})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	start := func(run func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		running.Go(func() {
			defer close(done)
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
		stop = func() { cancel(); <-done }
		t.Cleanup(stop)
		return stop
	}
	start(b.Run)
	topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindStored}.String()
	client := func(id string, up chan<- struct{}) *mqtt.Client {
		c, err := mqtt.New(mqtt.Config{URL: "tcp://" + b.Addr().String(), Username: "platform", Password: "0123456789abcdef", ClientID: id,
			OnUp: func(context.Context) { up <- struct{}{} }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ready := make(chan struct{}, 1)
	sender := client("sender", ready)
	start(sender.Run)
	<-ready
	for _, overlap := range []bool{false, true} {
		stopOld := func() {}
		for round := range rounds {
			up, heard := make(chan struct{}, 16), make(chan struct{}, 16)
			c := client("same", up)
			c.Subscribe(topic, 1, func(context.Context, mqtt.Message) { heard <- struct{}{} })
			if !overlap {
				stopOld()
			}
			stop := start(c.Run)
			<-up
			if overlap {
				stopOld() // it has lost its connection, and must not come back
			}
			stopOld = stop
			if err := sender.Publish(t.Context(), mqtt.Message{Topic: topic, QoS: 1, Payload: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			select {
			case <-heard:
			case <-time.After(5 * time.Second):
				t.Fatalf("overlap %v, round %d: connected %v, and deaf", overlap, round, c.Connected())
			}
		}
		stopOld()
	}
}
