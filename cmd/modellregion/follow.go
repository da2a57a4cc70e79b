package main

import (
	"context"
	"encoding/json"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const (
	followEvery = time.Second      // a change of the registry is in use within two
	placeEvery  = 24 * time.Hour   // so that every day of raw data knows where its devices stood
	retryPlaces = 10 * time.Second // after a failure
)

// devicesChanged passes on that the registry has changed.
func (p *platform) devicesChanged(ctx context.Context) {
	if p.mqtt.Connected() {
		p.publishDeviceLists(ctx)
	}
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

// publishDeviceLists gives every edge its retained device list.
func (p *platform) publishDeviceLists(ctx context.Context) {
	lists, err := p.directory.Lists()
	if err != nil {
		p.log.Error("device lists cannot be made", "err", err)
		return
	}
	for _, e := range p.cfg.Edges {
		list, ok := lists[e.Name]
		if !ok {
			list = uplink.DeviceList{V: uplink.Version}
		}
		payload, err := json.Marshal(list)
		if err == nil {
			topic := uplink.Topic{Edge: e.Name, Kind: uplink.KindDevices}.String()
			err = p.mqtt.Publish(ctx, mqtt.Message{Topic: topic, Payload: payload, QoS: 1, Retained: true})
		}
		if err != nil && ctx.Err() == nil {
			p.log.Error("device list was not published, the next connection tries again", "edge", e.Name, "err", err)
		}
	}
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
