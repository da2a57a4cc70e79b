package influx

import (
	"context"
	"fmt"
	"strings"
	"time"

	"modellregion/devices"
)

// openFields are the fields that a kind of quantity has in bucket open beside
// count and coverage.
var openFields = map[devices.Kind][]struct {
	name  string
	value func(*devices.Aggregate) *float64
}{
	devices.Gauge: {
		{FieldMean, func(a *devices.Aggregate) *float64 { return &a.Mean }},
		{FieldMin, func(a *devices.Aggregate) *float64 { return &a.Min }},
		{FieldMax, func(a *devices.Aggregate) *float64 { return &a.Max }},
	},
	devices.Count:    {{FieldSum, func(a *devices.Aggregate) *float64 { return &a.Sum }}},
	devices.Meter:    {{FieldSum, func(a *devices.Aggregate) *float64 { return &a.Sum }}},
	devices.Category: {{FieldMode, func(a *devices.Aggregate) *float64 { return &a.Mode }}},
}

// Put stores windows of a dataset in bucket open. A window that was there
// before is replaced.
func (c *Client) Put(ctx context.Context, dataset string, window time.Duration, rows []devices.Aggregate) error {
	for len(rows) > 0 {
		n := min(len(rows), lineBatch)
		var l lines
		for i := range rows[:n] {
			a := &rows[i]
			l.begin(dataset)
			l.tag(TagChannel, a.Channel)
			l.tag(TagQuantity, a.Quantity.Name)
			l.tag(TagStation, a.Station)
			l.tag(TagWindow, windowTag(window))
			l.number(FieldCount, float64(a.Count))
			l.number(FieldCoverage, a.Coverage)
			for _, f := range openFields[a.Quantity.Kind] {
				l.number(f.name, *f.value(a))
			}
			l.end(a.Start)
		}
		if err := c.send(ctx, Open, &l); err != nil {
			return fmt.Errorf("dataset %s: %w", dataset, err)
		}
		rows = rows[n:]
	}
	return nil
}

// Windows returns the published windows of a dataset that begin in the span,
// of one station or, when station is empty, of all.
func (c *Client) Windows(ctx context.Context, dataset string, window time.Duration, span devices.Span, station string) ([]devices.Aggregate, error) {
	q := "SELECT * FROM " + ident(dataset) + " WHERE " + during(span.Start, span.End) +
		" AND " + ident(TagWindow) + " = " + text(windowTag(window))
	if station != "" {
		q += " AND " + ident(TagStation) + " = " + text(station)
	}
	q += " GROUP BY " + strings.Join([]string{ident(TagStation), ident(TagQuantity), ident(TagChannel)}, ", ")
	answer, err := c.query(ctx, Open, q)
	if err != nil {
		return nil, fmt.Errorf("read dataset %s: %w", dataset, err)
	}
	var out []devices.Aggregate
	for _, s := range answer {
		quantity, ok := devices.Lookup(s.Tags[TagQuantity])
		if !ok {
			return nil, fmt.Errorf("read dataset %s: quantity %q is unknown", dataset, s.Tags[TagQuantity])
		}
		for r := range s.rows {
			count, _ := r.float(FieldCount)
			coverage, _ := r.float(FieldCoverage)
			a := devices.Aggregate{
				Station: s.Tags[TagStation], Quantity: quantity, Channel: s.Tags[TagChannel],
				Start: r.time(), Window: window, Count: int(count), Coverage: coverage,
			}
			for _, f := range openFields[quantity.Kind] {
				*f.value(&a), _ = r.float(f.name)
			}
			out = append(out, a)
		}
	}
	return out, nil
}

// windowTag writes a length of time as InfluxQL does: 15m, 1h, 1d.
func windowTag(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}

// cursorTime is the time of the one point that holds the cursor. It moves with
// neither clock nor retention: it is rewritten in bucket open, which has none.
var cursorTime = time.Unix(0, 0)

// Cursor returns what SetCursor kept last, or the zero time.
func (c *Client) Cursor(ctx context.Context) (time.Time, error) {
	answer, err := c.query(ctx, Open, "SELECT "+ident(FieldCursor)+" FROM "+ident(MeasurementCursor))
	if err != nil {
		return time.Time{}, fmt.Errorf("read cursor of the aggregation: %w", err)
	}
	for _, s := range answer {
		for r := range s.rows {
			if us, ok := r.float(FieldCursor); ok {
				return time.UnixMicro(int64(us)).UTC(), nil
			}
		}
	}
	return time.Time{}, nil
}

// SetCursor keeps until when dirty windows have been dealt with, to the
// microsecond.
func (c *Client) SetCursor(ctx context.Context, until time.Time) error {
	var l lines
	l.begin(MeasurementCursor)
	l.number(FieldCursor, float64(until.UnixMicro()))
	l.end(cursorTime)
	if err := c.send(ctx, Open, &l); err != nil {
		return fmt.Errorf("keep cursor of the aggregation: %w", err)
	}
	return nil
}
