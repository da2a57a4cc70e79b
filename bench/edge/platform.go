package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const (
	edgeName     = "bench"
	platformUser = "platform"
	arriveWithin = 30 * time.Second // after the last frame was acknowledged
)

// platform is what the edge sees of one: a broker, a device list, and somebody
// who confirms every uplink at once.
type platform struct {
	broker    *broker.Broker
	mqtt      *mqtt.Client
	passwords map[string]string
	messages  chan mqtt.Message
	number    func(*uplink.Uplink) int

	mu       sync.Mutex
	arrived  map[int]time.Time // by number of the frame, first arrival
	messaged int               // messages that carried them
	resent   int               // uplinks that arrived again
	changed  chan struct{}     // closed at the next arrival
}

func openPlatform(number func(*uplink.Uplink) int) (*platform, error) {
	p := &platform{
		passwords: map[string]string{platformUser: rand.Text(), edgeName: rand.Text()},
		messages:  make(chan mqtt.Message, 256),
		number:    number,
		arrived:   map[int]time.Time{},
		changed:   make(chan struct{}),
	}
	var err error
	p.broker, err = broker.Listen(broker.Config{Addr: "127.0.0.1:0", Identities: []broker.Identity{
		{User: platformUser, Password: p.passwords[platformUser], Role: broker.Platform},
		{User: edgeName, Password: p.passwords[edgeName], Role: broker.Edge},
	}})
	if err != nil {
		return nil, err
	}
	p.mqtt, err = mqtt.New(mqtt.Config{
		URL: p.url(), Username: platformUser, Password: p.passwords[platformUser], ClientID: "platform",
	})
	if err != nil {
		return nil, err
	}
	p.mqtt.Subscribe(uplink.Filter(edgeName, uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) {
		select {
		case p.messages <- m:
		case <-ctx.Done():
		}
	})
	return p, nil
}

func (p *platform) url() string { return "tcp://" + p.broker.Addr().String() }

// run works until ctx ends.
func (p *platform) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.broker.Run(ctx) })
	group.Go(func() error { return p.mqtt.Run(ctx) })
	group.Go(func() error { return p.confirm(ctx) })
	return group.Wait()
}

// confirm notes and confirms what arrives.
func (p *platform) confirm(ctx context.Context) error {
	topic := uplink.Topic{Edge: edgeName, Kind: uplink.KindStored}.String()
	for {
		var m mqtt.Message
		select {
		case <-ctx.Done():
			return nil
		case m = <-p.messages:
		}
		now := time.Now()
		b, refused, err := uplink.DecodeBatch(m.Payload)
		if err != nil {
			return fmt.Errorf("message of the edge: %w", err)
		}
		if len(refused) > 0 {
			return fmt.Errorf("message of the edge: %w", refused[0].Err)
		}
		var seqs []uint64
		for i := range b.Uplinks {
			if u := &b.Uplinks[i]; u.Error != "" {
				return fmt.Errorf("uplink of the edge: %s", u.Error)
			}
			seqs = append(seqs, b.Uplinks[i].Seq)
		}
		stored := mqtt.Message{Topic: topic, QoS: 1, Payload: uplink.NewStored(b.Epoch, seqs).Encode()}
		if err := p.mqtt.PublishAsync(ctx, stored, func(error) {}); err != nil {
			return errors.Join(err, ctx.Err())
		}
		p.note(b.Uplinks, now)
	}
}

func (p *platform) note(uplinks []uplink.Uplink, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messaged++
	for i := range uplinks {
		n := p.number(&uplinks[i])
		if _, again := p.arrived[n]; again {
			p.resent++
			continue
		}
		p.arrived[n] = now
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// publishDevices gives the edge its list, once the connection is there.
func (p *platform) publishDevices(ctx context.Context, list []byte) error {
	for !p.mqtt.Connected() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	topic := uplink.Topic{Edge: edgeName, Kind: uplink.KindDevices}.String()
	return p.mqtt.Publish(ctx, mqtt.Message{Topic: topic, Payload: list, QoS: 1, Retained: true})
}

// wait returns when uplinks of n different frames have arrived since the
// start.
func (p *platform) wait(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	for {
		p.mu.Lock()
		have, changed := len(p.arrived), p.changed
		p.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d frames arrived: %w", have, n, ctx.Err())
		}
	}
}

// counts returns how many messages have come, and how many uplinks again.
func (p *platform) counts() (messages, resent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messaged, p.resent
}

// since returns how long after sent[i] frame first+i has arrived, in
// milliseconds.
func (p *platform) since(first int, sent []time.Time) []float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]float64, len(sent))
	for i, at := range sent {
		out[i] = float64(p.arrived[first+i].Sub(at)) / float64(time.Millisecond)
	}
	return out
}
