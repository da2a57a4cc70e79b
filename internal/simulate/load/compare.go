package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
)

// Comparison holds what is stored against what was sent, in readings.
type Comparison struct {
	Uplinks  uint64 // sent
	Sent     uint64 // readings in them
	Stored   uint64
	Lost     uint64 // sent and not stored
	Betrayed uint64 // of those, of uplinks that were confirmed
	Wrong    uint64 // stored at the right time with another value
	Foreign  uint64 // stored and never sent: another device's, at another time, or twice
}

// Good reports whether what is stored is what was sent.
func (c Comparison) Good() bool { return c.Lost == 0 && c.Wrong == 0 && c.Foreign == 0 }

// everything is a span that no uplink lies outside.
var everything = devices.Span{Start: time.Unix(0, 0).UTC(), End: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}

// Compare asks read for everything that is stored of each device, a report for
// each time in any order, and compares it with what the ledger says was sent,
// time by time and value by value. It must not be called while Run runs.
//
// What earlier loads with the same seed have stored is foreign to this one,
// unless they had the same ledger.
func (l *Load) Compare(ctx context.Context, read func(ctx context.Context, device devices.Device, span devices.Span) ([]devices.Report, error)) (Comparison, error) {
	var c Comparison
	if l.cfg.Forget {
		return c, errors.New("load: nothing to compare with: Config.Forget is set")
	}
	for i := range l.plan.devices {
		d := l.plan.device(i, l.cfg.Names)
		reports, err := read(ctx, d, everything)
		if err != nil {
			return c, fmt.Errorf("load: read what is stored of device %s: %w", d.EUI, err)
		}
		l.compare(i, reports, &c)
	}
	return c, nil
}

// sent is an uplink of one device.
type sent struct {
	at        int64 // Unix milliseconds
	confirmed bool
	values    [len(quantities)]float64
	found     [len(quantities)]bool
}

// sentBy returns the uplinks of a device in the order of their times.
func (l *Load) sentBy(device int) []sent {
	var out []sent
	for n := uint64(0); ; n++ {
		edge, seq := l.plan.seq(device, n)
		b := l.edges[edge].book
		if seq > b.sent {
			break
		}
		s := sent{at: b.stamp(seq).at, confirmed: b.isConfirmed(seq)}
		said := l.plan.sample(device, n, s.at)
		for i := range s.values {
			s.values[i] = said.value(i)
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b sent) int { return cmp.Compare(a.at, b.at) })
	return out
}

// compare adds what is to be said of one device.
func (l *Load) compare(device int, reports []devices.Report, c *Comparison) {
	all := l.sentBy(device)
	c.Uplinks += uint64(len(all))
	c.Sent += uint64(len(all) * len(quantities))
	for _, report := range reports {
		for _, r := range report.Readings {
			c.Stored++
			s, i := match(all, report.Time, r)
			switch {
			case s == nil:
				c.Foreign++
				continue
			case s.values[i] != r.Value:
				c.Wrong++
			}
			s.found[i] = true
		}
	}
	for i := range all {
		for _, found := range all[i].found {
			if found {
				continue
			}
			c.Lost++
			if all[i].confirmed {
				c.Betrayed++
			}
		}
	}
}

// match returns the uplink that a stored reading is of, and which of its
// values; nil when there is none. Of several at the same time it takes that
// with the same value.
func match(all []sent, at time.Time, r devices.Reading) (*sent, int) {
	q := slices.IndexFunc(quantities[:], func(q quantity) bool { return r.Quantity != nil && q.name == r.Quantity.Name })
	ms := at.UnixMilli()
	if q < 0 || r.Channel != "" || !at.Equal(time.UnixMilli(ms)) {
		return nil, 0
	}
	i, _ := slices.BinarySearchFunc(all, ms, func(s sent, ms int64) int { return cmp.Compare(s.at, ms) })
	var best *sent
	for ; i < len(all) && all[i].at == ms; i++ {
		if s := &all[i]; !s.found[q] && (best == nil || s.values[q] == r.Value) {
			best = s
		}
	}
	return best, q
}
