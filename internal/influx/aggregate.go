package influx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Dirty returns the marks of windows whose readings arrived in the span.
func (c *Client) Dirty(ctx context.Context, arrived devices.Span) ([]devices.DirtyMark, error) {
	// A mark's own time is its second and, as nanoseconds, its window.
	q := "SELECT " + ident(FieldWindow) + ", " + ident(FieldAt) + " FROM " + ident(MeasurementDirty) +
		" WHERE " + during(arrived.Start.Truncate(time.Second), arrived.End) + " GROUP BY " + ident(TagDomain)
	answer, err := c.query(ctx, Raw, q)
	if err != nil {
		return nil, fmt.Errorf("read dirty windows: %w", err)
	}
	var out []devices.DirtyMark
	for _, s := range answer {
		for r := range s.rows {
			window, ok1 := r.float(FieldWindow)
			at, ok2 := r.float(FieldAt)
			m := devices.DirtyMark{
				Domain:  uplink.Domain(s.Tags[TagDomain]),
				Window:  time.Unix(int64(window), 0).UTC(),
				Arrived: r.time().Truncate(time.Second).Add(time.Duration(at)),
			}
			if ok1 && ok2 && arrived.Contains(m.Arrived) {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// Readings calls take with what the stations of a domain reported of the
// quantities in the span, once for each station and channel; the channels of a
// station follow each other. It holds 64 MB in memory or, when the span is long
// or has more readings, one station at a time. An error of take ends it and is
// returned.
func (c *Client) Readings(ctx context.Context, domain uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error {
	if len(quantities) == 0 || !span.Start.Before(span.End) {
		return nil
	}
	var names []string
	meters := false
	for _, q := range quantities {
		names = append(names, q.Name)
		meters = meters || q.Kind == devices.Meter
	}
	err := errTooMany
	if span.End.Sub(span.Start) <= maxGatheredSpan {
		err = c.gather(ctx, domain, span, names, meters, take)
	}
	if errors.Is(err, errTooMany) {
		err = c.readGrouped(ctx, domain, span, names, meters, take)
	}
	if err != nil {
		return fmt.Errorf("read %s from %s to %s: %w", domain, span.Start.Format(time.RFC3339), span.End.Format(time.RFC3339), err)
	}
	return nil
}

// maxGatheredSpan is the longest span of which the readings are held in memory
// at once. Those of an hour with what a meter looks back are.
const maxGatheredSpan = 3 * time.Hour

// gather asks for rows that are not grouped. InfluxDB makes a cursor for every
// series and field either way, about 17 µs a station; but each group is an
// answer of its own on top, which is more than as much again, and four times
// the bytes. take is not called when the error is errTooMany.
func (c *Client) gather(ctx context.Context, domain uplink.Domain, span devices.Span, names []string, meters bool, take func(devices.Series) error) error {
	g := newGatherer(names, meters)
	if err := c.stream(ctx, Raw, selectReadings(domain, span, names, meters, TagStation), g.add); err != nil {
		return err
	}
	return g.each(take)
}

// readGrouped asks for one station after the other.
func (c *Client) readGrouped(ctx context.Context, domain uplink.Domain, span devices.Span, names []string, meters bool, take func(devices.Series) error) error {
	s := newSorter(names, meters, take)
	q := selectReadings(domain, span, names, meters, "") + " GROUP BY " + ident(TagStation)
	if err := c.stream(ctx, Raw, q, s.add); err != nil {
		return err
	}
	return s.flush()
}

// selectReadings returns the statement for the readings of a span. Channel and
// device are columns, not groups: a group for each station keeps its channels
// together, and is less work for the server. station is "" or its tag.
func selectReadings(domain uplink.Domain, span devices.Span, names []string, meters bool, station string) string {
	columns := idents(names...) + ", " + ident(TagChannel) + "::tag"
	if station != "" {
		columns += ", " + ident(station) + "::tag"
	}
	if meters {
		columns += ", " + ident(TagDevice) + "::tag"
	}
	return "SELECT " + columns + " FROM " + ident(string(domain)) + " WHERE " + during(span.Start, span.End)
}
