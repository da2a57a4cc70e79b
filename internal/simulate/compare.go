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

// compareAtOnce is how many readings are held against the database at a time:
// the fleet of a long run has sent more than fit into memory.
const compareAtOnce = 500_000

// Compare asks the database for everything of every device and holds it
// against what was sent. A value under another time or of another size counts
// as both lost and duplicate. progress, which may be nil, hears how many of
// all devices are done.
func (f *Fleet) Compare(ctx context.Context, db Database, progress func(done, of int)) (Comparison, error) {
	var c Comparison
	readings := map[uplink.EUI]int{}
	err := f.Sent(func(s Sent) bool {
		readings[s.DevEUI] += len(s.Readings)
		c.Sent += uint64(len(s.Readings))
		c.Uplinks++
		return true
	})
	if err != nil {
		return c, err
	}
	list := f.Devices()
	for first := 0; first < len(list); {
		group, n := map[uplink.EUI]map[value]int{}, 0
		end := first
		for ; end < len(list) && (end == first || n+readings[list[end].EUI] <= compareAtOnce); end++ {
			n += readings[list[end].EUI]
			group[list[end].EUI] = make(map[value]int, readings[list[end].EUI])
		}
		if err := f.compare(ctx, db, list[first:end], group, &c); err != nil {
			return c, err
		}
		if first = end; progress != nil {
			progress(end, len(list))
		}
	}
	return c, nil
}

// compare does it for some of the devices, of which sent has an empty entry
// each.
func (f *Fleet) compare(ctx context.Context, db Database, list []devices.Device, sent map[uplink.EUI]map[value]int, c *Comparison) error {
	err := f.sent(func(eui uplink.EUI) bool { return sent[eui] != nil }, func(s Sent) bool {
		for _, r := range s.Readings {
			sent[s.DevEUI][value{s.Time.UnixMilli(), r.Quantity, r.Channel, r.Value}]++
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, d := range list {
		reports, err := db.DeviceReadings(ctx, d.Domain, d.EUI, everything)
		if err != nil {
			return err
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
	return nil
}
