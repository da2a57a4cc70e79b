package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const (
	followEvery = 250 * time.Millisecond // a change of the registry is in use within 2 s, of 100,000 devices too
	placeEvery  = 24 * time.Hour         // so that every day of raw data knows where its devices stood
	retryPlaces = 10 * time.Second       // after a failure
	retryLists  = 5 * time.Second        // likewise
)

// wake tells a loop that waits on a channel of size one to look again.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// publishDeviceLists gives every edge its retained device list, and takes it from
// those that are none any more, whenever the registry changes and on every
// connection, until it is published.
func (p *platform) publishDeviceLists(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.listsDue:
		}
		if err := p.publishLists(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("device lists were not published, trying again", "err", err, "in", retryLists)
			time.AfterFunc(retryLists, func() { wake(p.listsDue) })
		}
	}
}

func (p *platform) publishLists(ctx context.Context) error {
	lists, err := p.directory.Lists()
	if err != nil {
		return err
	}
	edges, err := readRoster(ctx, &p.cfg, p.registry)
	if err != nil {
		return err
	}
	// Short lists first: one that is larger than the broker allows ends the
	// connection, and the edges before it have theirs.
	names := slices.SortedStableFunc(slices.Values(edges.names), func(a, b string) int { return cmp.Compare(len(lists[a].Devices), len(lists[b].Devices)) })
	for _, name := range names {
		list, ok := lists[name]
		if !ok {
			list = uplink.DeviceList{V: uplink.Version}
		}
		payload, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("encode device list of edge %s: %w", name, err)
		}
		if err := p.publishList(ctx, name, payload); err != nil {
			return err
		}
	}
	for _, name := range edges.former { // an empty message takes back what is retained
		if err := p.publishList(ctx, name, nil); err != nil {
			return err
		}
	}
	return nil
}

func (p *platform) publishList(ctx context.Context, edge string, payload []byte) error {
	topic := uplink.Topic{Edge: edge, Kind: uplink.KindDevices}.String()
	if err := p.lists.Publish(ctx, mqtt.Message{Topic: topic, Payload: payload, QoS: 1, Retained: true}); err != nil {
		return fmt.Errorf("device list of edge %s, of %d bytes, which the broker has to allow: %w", edge, len(payload), err)
	}
	return nil
}

// placeDevices writes where the devices are: at start, when the registry
// changes, and daily.
func (p *platform) placeDevices(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-p.moved:
		}
		next := placeEvery
		if err := p.influx.PlaceDevices(ctx, p.directory.Devices(), time.Now()); err != nil && ctx.Err() == nil {
			p.log.Error("places of devices were not written, trying again", "err", err)
			next = retryPlaces
		}
		timer.Reset(next)
	}
}
