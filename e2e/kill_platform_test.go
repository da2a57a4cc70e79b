package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const edgeName = "rathaus"

// city is the platform's side: a broker that remembers nothing, and a platform
// that stores into the ledger.
type city struct {
	t      *testing.T
	addr   string // of the broker
	list   []byte
	ledger *ledger
	silent atomic.Bool // it stores, and confirms nothing

	client     *mqtt.Client
	clients    int    // so far
	stopBroker func() // nil: there is none
	stopClient func() // nil: it is not there
}

func newCity(t *testing.T, addr string, list uplink.DeviceList, l *ledger) *city {
	t.Helper()
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	c := &city{t: t, addr: addr, list: data, ledger: l}
	t.Cleanup(c.close)
	return c
}

// background runs something until the returned function ends it.
func (c *city) background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}

// open starts broker and platform.
func (c *city) open() {
	c.t.Helper()
	b, err := broker.Listen(broker.Config{Addr: c.addr, Identities: []broker.Identity{
		{User: "platform", Password: mqttPassword, Role: broker.Platform},
		{User: edgeName, Password: mqttPassword, Role: broker.Edge},
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.stopBroker = c.background(b.Run)
	c.connect()
}

// close ends both; the broker first, so that the edge sees it vanish.
func (c *city) close() {
	if c.stopBroker != nil {
		c.stopBroker()
		c.stopBroker = nil
	}
	c.leave()
}

// leave ends the platform alone: the broker goes on, acknowledges what the edge
// publishes, and has nobody to give it to.
func (c *city) leave() {
	if c.stopClient != nil {
		c.stopClient()
		c.stopClient = nil
	}
}

// restart ends the platform's connection, if there is one, and makes another,
// as a new version of the platform does.
func (c *city) restart() {
	c.t.Helper()
	c.leave()
	c.connect()
}

// connect makes a client of its own for each connection, with an id of its own:
// one that is cut off often waits ever longer, and one that comes back in the
// instant in which the broker forgets it may be forgotten itself.
func (c *city) connect() {
	c.t.Helper()
	c.clients++
	var client *mqtt.Client
	client, err := mqtt.New(mqtt.Config{URL: "tcp://" + c.addr, Username: "platform", Password: mqttPassword, ClientID: fmt.Sprintf("platform-%d", c.clients),
		OnUp: func(ctx context.Context) {
			m := mqtt.Message{Topic: uplink.Topic{Edge: edgeName, Kind: uplink.KindDevices}.String(), QoS: 1, Retained: true, Payload: c.list}
			_ = client.Publish(ctx, m) // fails when the connection does, and the next one publishes it
		}})
	if err != nil {
		c.t.Fatal(err)
	}
	stored := make(chan uplink.Stored, 1024)
	client.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(_ context.Context, m mqtt.Message) { c.up(m, stored) })
	stopConfirming := c.background(func(ctx context.Context) error {
		c.confirm(ctx, client, stored)
		return nil
	})
	stopClient := c.background(client.Run)
	c.client = client
	c.stopClient = func() {
		stopConfirming()
		stopClient()
	}
}

// up stores a batch, as the ingest does, and leaves its confirmation to
// confirm.
func (c *city) up(m mqtt.Message, stored chan<- uplink.Stored) {
	b, refused, err := uplink.DecodeBatch(m.Payload)
	if err != nil || refused != nil {
		c.t.Errorf("CONTENT: the edge published %.1000s: %v %v", m.Payload, refused, err)
		return
	}
	var seqs []uint64
	for i := range b.Uplinks {
		c.ledger.stored(b.Epoch, &b.Uplinks[i])
		seqs = append(seqs, b.Uplinks[i].Seq)
	}
	if c.silent.Load() {
		return
	}
	select {
	case stored <- uplink.NewStored(b.Epoch, seqs):
	default: // it will come again
	}
}

// confirm tells the edge what is stored. A confirmation may be lost.
func (c *city) confirm(ctx context.Context, client *mqtt.Client, stored <-chan uplink.Stored) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-stored:
			c.publish(ctx, client, uplink.Topic{Edge: edgeName, Kind: uplink.KindStored}, s.Encode())
		}
	}
}

// publish sends a message that may be lost.
func (c *city) publish(ctx context.Context, client *mqtt.Client, topic uplink.Topic, payload []byte) {
	_ = client.PublishAsync(ctx, mqtt.Message{Topic: topic.String(), QoS: 1, Payload: payload}, func(error) {})
}

// command orders something of a device.
func (c *city) command(device uplink.EUI, cmd uplink.Command) {
	c.ledger.tally(func(n *counts) { n.commands++ })
	c.publish(c.t.Context(), c.client, uplink.Topic{Edge: edgeName, Kind: uplink.KindDown, EUI: device}, cmd.Encode())
}
