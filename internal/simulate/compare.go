package simulate

import (
	"context"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Database is asked for what it holds of a device: a report for each time and
// channel, in any order.
type Database interface {
	DeviceReadings(ctx context.Context, domain uplink.Domain, device uplink.EUI, span devices.Span) ([]devices.Report, error)
}

// Comparison holds a database against the ledger, in readings.
type Comparison struct {
	Uplinks    uint64 // sent
	Sent       uint64
	Stored     uint64
	Lost       uint64 // sent and not there
	Duplicates uint64 // there and not sent, or not so often
}

// everything is a span that no reading of a fleet lies outside.
var everything = devices.Span{Start: time.Unix(0, 0), End: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}

// value identifies a reading and where it must be found.
type value struct {
	at       int64 // milliseconds since the Unix epoch
	quantity string
	channel  string
	value    float64
}

// Compare asks the database for everything of every device and holds it
// against what was sent. A value under another time or of another size counts
// as both lost and duplicate.
func (f *Fleet) Compare(ctx context.Context, db Database) (Comparison, error) {
	var c Comparison
	sent := map[uplink.EUI]map[value]int{}
	err := f.Sent(func(s Sent) bool {
		of, ok := sent[s.DevEUI]
		if !ok {
			of = map[value]int{}
			sent[s.DevEUI] = of
		}
		for _, r := range s.Readings {
			of[value{s.Time.UnixMilli(), r.Quantity, r.Channel, r.Value}]++
			c.Sent++
		}
		c.Uplinks++
		return true
	})
	if err != nil {
		return c, err
	}
	for _, d := range f.Devices() {
		reports, err := db.DeviceReadings(ctx, d.Domain, d.EUI, everything)
		if err != nil {
			return c, err
		}
		of := sent[d.EUI]
		for _, report := range reports {
			for _, r := range report.Readings {
				c.Stored++
				key := value{report.Time.UnixMilli(), r.Quantity.Name, r.Channel, r.Value}
				if of[key] == 0 {
					c.Duplicates++
					continue
				}
				of[key]--
			}
		}
		for _, left := range of {
			c.Lost += uint64(left)
		}
	}
	return c, nil
}
