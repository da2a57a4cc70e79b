package main

import (
	"context"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/simulate"
	"modellregion/uplink"
)

// reading identifies one value that was sent and where it must be found.
type reading struct {
	at       int64 // milliseconds since the Unix epoch
	quantity string
	channel  string
	value    float64
}

// everything is a span no reading of a demo lies outside.
var everything = devices.Span{Start: time.Unix(0, 0), End: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}

// compare asks the database for everything of every device and holds it
// against the ledger: what was sent and is not there is lost, what is there
// and was not sent, or not so often, is a duplicate.
func compare(ctx context.Context, db *influx.Client, fleet *simulate.Fleet) (result, error) {
	var r result
	sent := map[uplink.EUI]map[reading]int{}
	err := fleet.Sent(func(s simulate.Sent) bool {
		of, ok := sent[s.DevEUI]
		if !ok {
			of = map[reading]int{}
			sent[s.DevEUI] = of
		}
		for _, v := range s.Readings {
			of[reading{s.Time.UnixMilli(), v.Quantity, v.Channel, v.Value}]++
			r.ReadingsSent++
		}
		r.UplinksSent++
		return true
	})
	if err != nil {
		return r, err
	}
	r.FramesSent = fleet.Progress().FramesSent
	for _, d := range fleet.Devices() {
		stored, err := db.Readings(ctx, d.Domain, d.EUI, everything)
		if err != nil {
			return r, err
		}
		of := sent[d.EUI]
		for _, s := range stored {
			r.ReadingsStored++
			key := reading{s.Time.UnixMilli(), s.Quantity, s.Channel, s.Value}
			if of[key] == 0 {
				r.Duplicates++
				continue
			}
			of[key]--
		}
		for _, left := range of {
			r.Lost += uint64(left)
		}
	}
	letters, err := db.DeadLetters(ctx)
	if err != nil {
		return r, err
	}
	for _, n := range letters {
		r.DeadLetters += uint64(n)
	}
	return r, nil
}
