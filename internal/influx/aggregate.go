package influx

import (
	"context"
	"fmt"
	"math"
	"strings"
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

// functions are the InfluxQL functions that a kind of quantity needs, each
// with the name its column gets.
var functions = map[devices.Kind][]string{
	devices.Gauge:    {"count", "mean", "min", "max"},
	devices.Count:    {"count", "sum"},
	devices.Meter:    {"count", "first", "last"},
	devices.Category: {"count", "mode"},
}

// Aggregate computes the windows of a domain in the span from bucket raw: one
// row per window, station, quantity and channel that has readings. A meter's
// Sum is the difference to the last reading of the window before, or to the
// first of its own where there is none or the meter was reset.
func (c *Client) Aggregate(ctx context.Context, domain uplink.Domain, span devices.Span, window time.Duration) ([]devices.Aggregate, error) {
	var columns []string
	var quantities []*devices.Quantity
	for _, q := range devices.Quantities() {
		if q.Domain != domain && q.Domain != devices.Health {
			continue
		}
		quantities = append(quantities, q)
		for _, f := range functions[q.Kind] {
			columns = append(columns, f+"("+ident(q.Name)+") AS "+ident(q.Name+"."+f))
		}
	}
	q := "SELECT " + strings.Join(columns, ", ") + " FROM " + ident(string(domain)) +
		" WHERE " + during(span.Start.Add(-window), span.End) +
		fmt.Sprintf(" GROUP BY time(%ds), ", int64(window/time.Second)) + ident(TagStation) + ", " + ident(TagChannel) + " fill(none)"
	answer, err := c.query(ctx, Raw, q)
	if err != nil {
		return nil, fmt.Errorf("aggregate %s from %s: %w", domain, span.Start.Format(time.RFC3339), err)
	}
	var out []devices.Aggregate
	for _, s := range answer {
		for _, quantity := range quantities {
			out = append(out, windows(&s, quantity, span, window)...)
		}
	}
	return out, nil
}

// windows reads one quantity of one station and channel out of an answer whose
// rows begin one window before the span.
func windows(s *series, q *devices.Quantity, span devices.Span, window time.Duration) []devices.Aggregate {
	var out []devices.Aggregate
	before := math.NaN() // last reading of a meter in the window before
	var beforeAt time.Time
	for r := range s.rows {
		get := func(function string) float64 {
			v, _ := r.float(q.Name + "." + function)
			return v
		}
		count, _ := r.float(q.Name + ".count")
		if count == 0 {
			continue
		}
		a := devices.Aggregate{
			Station: s.Tags[TagStation], Quantity: q, Channel: s.Tags[TagChannel],
			Start: r.time(), Window: window, Count: int(count),
			Mean: get("mean"), Min: get("min"), Max: get("max"), Sum: get("sum"),
			First: get("first"), Last: get("last"), Mode: get("mode"),
		}
		if q.Kind == devices.Meter {
			from := a.First
			if beforeAt.Equal(a.Start.Add(-window)) && before <= a.First {
				from = before
			}
			a.Sum = max(a.Last-from, 0)
			before, beforeAt = a.Last, a.Start
		}
		if span.Contains(a.Start) {
			out = append(out, a)
		}
	}
	return out
}
