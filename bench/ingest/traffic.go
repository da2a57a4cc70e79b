package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

const (
	edges    = 4
	epoch    = "5c1f"
	interval = time.Minute // between two uplinks of a device

	readingsPerUplink = 4
	pointsPerUplink   = 2 // lanes: the points with a speed
)

func edgeName(i int) string { return fmt.Sprintf("bench-%d", i) }

// deviceNumber returns device i of the fleet; the edges serve them in turn.
func deviceNumber(i int) devices.Device {
	d := devices.Device{
		Station: fmt.Sprintf("bench-%d", i), Municipality: "bench", Domain: uplink.Traffic,
		Profile: "bench", Edge: edgeName(i % edges), Visibility: devices.Internal,
	}
	d.EUI = uplink.EUI{0x70, 0xb3, 0xd5}
	binary.BigEndian.PutUint32(d.EUI[4:], uint32(i))
	return d
}

// payload is a message and how many uplinks are in it.
type payload struct {
	data    []byte
	uplinks int
}

// payloads makes the messages of all edges, in the order in which each sends
// them. The last uplink of a device is as old as one interval, and earlier
// ones are one interval apart.
func payloads(s settings, perMessage int, now time.Time) [edges][]payload {
	rng := rand.New(rand.NewPCG(s.seed, 0))
	rounds := (s.uplinks + s.devices - 1) / s.devices
	first := now.Add(-time.Duration(rounds+1) * interval).Truncate(time.Second)
	var out [edges][]payload
	var open [edges][][]byte
	var seq [edges]uint64
	flush := func(e int) {
		if len(open[e]) > 0 {
			out[e] = append(out[e], payload{uplink.JoinBatch(nil, epoch, open[e]), len(open[e])})
			open[e] = nil
		}
	}
	for n := range s.uplinks {
		i := n % s.devices
		e := i % edges
		seq[e]++
		u := measurement(rng, i, uint32(n/s.devices), first)
		u.Seq = seq[e]
		open[e] = append(open[e], u.AppendJSON(nil))
		if len(open[e]) == perMessage {
			flush(e)
		}
	}
	for e := range edges {
		flush(e)
	}
	return out
}

// measurement is one uplink of a traffic counter with two lanes.
func measurement(rng *rand.Rand, device int, fCnt uint32, first time.Time) uplink.Uplink {
	count := func() float64 { return float64(rng.IntN(40)) }
	speed := func() float64 { return float64(60+rng.IntN(80)) / 2 }
	jitter := time.Duration(device%1000) * time.Millisecond
	return uplink.Uplink{
		DevEUI: deviceNumber(device).EUI, Time: first.Add(time.Duration(fCnt)*interval + jitter).UTC(), TimeQuality: uplink.TimeGPS,
		FCnt: fCnt, FPort: 2, DR: 5, FreqHz: 868_100_000,
		RX: []uplink.Reception{{Gateway: uplink.EUI{0xa8, 0x40, 0x41}, RSSIdBm: -80 - rng.IntN(30), SNRdB: float64(rng.IntN(40)) / 4}},
		Readings: []uplink.Reading{
			{Quantity: "vehicle_count", Channel: "lane1", Value: count()}, {Quantity: "speed_mean", Channel: "lane1", Value: speed()},
			{Quantity: "vehicle_count", Channel: "lane2", Value: count()}, {Quantity: "speed_mean", Channel: "lane2", Value: speed()},
		},
	}
}
