package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// window is how many uplinks of an edge may be unconfirmed, as in package edge.
const window = 4096

// edge publishes messages and waits for their confirmation, without the disk
// and the patience of a real one: what is not confirmed is not sent again.
type edge struct {
	topic string
	mqtt  *mqtt.Client
	room  *semaphore.Weighted

	mu      sync.Mutex
	waiting map[uint64]bool // confirmations that are still to come
	all     chan struct{}   // closed when none is
}

func newEdge(name, url, password string, uplinks int) (*edge, error) {
	e := &edge{
		topic: uplink.Topic{Edge: name, Kind: uplink.KindUp, Domain: uplink.Traffic}.String(),
		room:  semaphore.NewWeighted(window), waiting: make(map[uint64]bool, uplinks), all: make(chan struct{}),
	}
	for seq := range uint64(uplinks) {
		e.waiting[seq+1] = true
	}
	if uplinks == 0 {
		close(e.all)
	}
	var err error
	e.mqtt, err = mqtt.New(mqtt.Config{URL: url, Username: name, Password: password, ClientID: name, Log: warnings()})
	if err != nil {
		return nil, err
	}
	e.mqtt.Subscribe(uplink.Topic{Edge: name, Kind: uplink.KindStored}.String(), 1, func(_ context.Context, m mqtt.Message) {
		if s, err := uplink.DecodeStored(m.Payload); err != nil {
			warnings().Error("confirmation cannot be read", "err", err)
		} else {
			e.stored(s)
		}
	})
	return e, nil
}

func (e *edge) stored(s uplink.Stored) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var n int64
	for _, r := range s.Ranges {
		for seq := r[0]; seq <= r[1]; seq++ {
			if e.waiting[seq] {
				delete(e.waiting, seq)
				n++
			}
		}
	}
	e.room.Release(n)
	if n > 0 && len(e.waiting) == 0 {
		close(e.all)
	}
}

func (e *edge) connected(ctx context.Context) error {
	for !e.mqtt.Connected() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("connect to the broker: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// publish sends all messages and waits until all of them are confirmed.
func (e *edge) publish(ctx context.Context, messages []payload) error {
	for _, m := range messages {
		if err := e.room.Acquire(ctx, int64(m.uplinks)); err != nil {
			return e.unconfirmed(err)
		}
		if err := e.mqtt.PublishAsync(ctx, mqtt.Message{Topic: e.topic, Payload: m.data, QoS: 1}, func(error) {}); err != nil {
			return err
		}
	}
	select {
	case <-e.all:
		return nil
	case <-ctx.Done():
		return e.unconfirmed(ctx.Err())
	}
}

func (e *edge) unconfirmed(err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Errorf("%d uplinks on %s are not confirmed: %w", len(e.waiting), e.topic, err)
}

// publishAll lets all edges send at the same time and returns how long it took
// until the last uplink was confirmed.
func publishAll(ctx context.Context, all [edges]*edge, messages [edges][]payload) (time.Duration, error) {
	for _, e := range all {
		if err := e.connected(ctx); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i, e := range all {
		group.Go(func() error { return e.publish(ctx, messages[i]) })
	}
	err := group.Wait()
	return time.Since(began), err
}
