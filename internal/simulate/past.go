package simulate

import (
	"fmt"
	"time"
	_ "time/tzdata" // as in Open

	"modellregion/devices"
	"modellregion/uplink"
)

// Past calls yield with what a fleet of that seed and size would have reported
// in a span of time, as an ingest would have it: without radio, joins, a ledger
// or the passing of time. The reports are in order of time, those that no
// gateway hears are left out, and an error of yield ends it. It is for tests
// and measurements that need weeks of data at once.
func Past(seed uint64, sensors int, span devices.Span, yield func(devices.Report) error) error {
	if sensors < 1 || sensors > 100_000 {
		return fmt.Errorf("simulate: %d sensors, want 1 to 100000", sensors)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	w := &world{seed: noise(seed), zone: zone}
	fleet, gateways := build(seed, sensors)
	events := newSchedule(fleet, span.End.Sub(span.Start), nil)
	next := make([]uint32, sensors) // by sensor: the counter after the last frame heard
	for {
		e, ok := events.next()
		if !ok {
			return nil
		}
		if e.repeat {
			continue
		}
		s := fleet[e.sensor]
		r := devices.Report{
			Device: s.device.EUI, Station: s.device.Station, Municipality: s.device.Municipality, Domain: s.device.Domain,
			Time: span.Start.Add(e.at).UTC(), FCnt: e.fCnt, Lost: e.fCnt - next[e.sensor], DR: uint8(12 - s.sf),
		}
		next[e.sensor] = e.fCnt + 1
		for _, v := range formats[s.kind].readings(w.sample(s, e.fCnt, r.Time, span.Start.Add(s.phase))) {
			q, ok := devices.Lookup(v.Quantity)
			if !ok {
				return fmt.Errorf("simulate: quantity %q is unknown", v.Quantity)
			}
			r.Readings = append(r.Readings, devices.Reading{Quantity: q, Channel: v.Channel, Value: v.Value})
		}
		heardBy := 1
		if s.fate(e.fCnt).two {
			heardBy = 2
		}
		chance := s.chance.with(uint64(forRadio)).with(uint64(e.fCnt)).with(uint64(e.at))
		for i, index := range s.gateways[:heardBy] {
			rx := s.heardBy(i, gateways[index], nil, e.at, span.Start, chance)
			r.RX = append(r.RX, uplink.Reception{Gateway: uplink.EUI(rx.Gateway), RSSIdBm: rx.RSSIdBm, SNRdB: rx.SNRdB})
		}
		if err := yield(r); err != nil {
			return err
		}
	}
}

// FleetDevices returns what a registry must know of a fleet of that seed and
// size, as Fleet.Devices does.
func FleetDevices(seed uint64, sensors int) []devices.Device {
	fleet, _ := build(seed, sensors)
	out := make([]devices.Device, len(fleet))
	for i, s := range fleet {
		out[i] = s.device
	}
	return out
}
