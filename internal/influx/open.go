package influx

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
)

// openFields are the fields that a kind of quantity has in bucket open; the
// first is always there, and says that there is a row.
var openFields = map[devices.Kind][]openField{
	devices.Gauge: {
		{FieldMean, func(a *devices.Aggregate) *float64 { return &a.Mean }},
		{FieldMin, func(a *devices.Aggregate) *float64 { return &a.Min }},
		{FieldMax, func(a *devices.Aggregate) *float64 { return &a.Max }},
	},
	devices.Count:    {{FieldSum, func(a *devices.Aggregate) *float64 { return &a.Sum }}},
	devices.Meter:    {{FieldSum, func(a *devices.Aggregate) *float64 { return &a.Sum }}},
	devices.Category: {{FieldMode, func(a *devices.Aggregate) *float64 { return &a.Mode }}},
}

type openField struct {
	name  string
	value func(*devices.Aggregate) *float64
}

// Put stores windows of a dataset in bucket open. A window that was there
// before is replaced. All quantities that a call has of a station, channel and
// time become one point, so that a later call must have all of them too.
func (c *Client) Put(ctx context.Context, dataset string, window time.Duration, rows []devices.Aggregate) error {
	points := make([]*devices.Aggregate, len(rows))
	for i := range rows {
		points[i] = &rows[i]
	}
	slices.SortStableFunc(points, func(a, b *devices.Aggregate) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), cmp.Compare(a.Channel, b.Channel), a.Start.Compare(b.Start), cmp.Compare(a.Quantity.Name, b.Quantity.Name))
	})
	var l lines
	tag, n := windowTag(window), 0
	for len(points) > 0 {
		same := 1
		for same < len(points) && samePoint(points[0], points[same]) {
			same++
		}
		l.aggregates(dataset, tag, points[:same])
		points = points[same:]
		if n++; n < lineBatch && len(points) > 0 {
			continue
		}
		if err := c.send(ctx, Open, &l); err != nil {
			return fmt.Errorf("dataset %s: %w", dataset, err)
		}
		l.buf, n = l.buf[:0], 0
	}
	return nil
}

func samePoint(a, b *devices.Aggregate) bool {
	return a.Start.Equal(b.Start) && a.Channel == b.Channel && a.Station == b.Station
}

// aggregates adds the point of the quantities of a station, channel and time.
// What it says does not depend on fields that an earlier point had and this one
// has not.
func (l *lines) aggregates(dataset, window string, rows []*devices.Aggregate) {
	l.begin(dataset)
	l.tag(TagChannel, rows[0].Channel)
	l.tag(TagStation, rows[0].Station)
	l.tag(TagWindow, window)
	counted := slices.IndexFunc(rows, func(a *devices.Aggregate) bool { return a.Count > 0 }) // sums of households are not
	each := slices.ContainsFunc(rows, func(a *devices.Aggregate) bool {
		return counted >= 0 && (a.Count != rows[counted].Count || a.Coverage != rows[counted].Coverage)
	})
	// Most devices report all that they measure at once: each field less
	// saves the server some microseconds.
	switch {
	case each:
		l.number(FieldCount, countedEach)
	case counted >= 0:
		l.number(FieldCount, float64(rows[counted].Count))
		l.number(FieldCoverage, rows[counted].Coverage)
	}
	for _, a := range rows {
		l.aggregate(a, each)
	}
	l.end(rows[0].Start)
}

// aggregate adds the fields of a quantity.
func (l *lines) aggregate(a *devices.Aggregate, each bool) {
	q := a.Quantity.Name + "."
	if a.Suppressed {
		l.number(q+FieldSuppressed, 1)
		return
	}
	if each {
		l.number(q+FieldCount, float64(a.Count))
		l.number(q+FieldCoverage, a.Coverage)
	}
	for i, f := range openFields[a.Quantity.Kind] {
		if i > 0 && a.Count == 1 {
			break // minimum and maximum are the mean
		}
		l.number(q+f.name, *f.value(a))
	}
	for _, p := range a.Percentiles {
		l.number(q+percentilePrefix+strconv.Itoa(p.P), p.Value)
	}
	for code, share := range a.Shares {
		l.number(q+sharePrefix+a.Quantity.Text(float64(code)), share)
	}
}

// Windows returns the published windows of a dataset that begin in the span,
// of one station or, when station is empty, of all; with only those of these
// quantities alone, whose fields InfluxDB reads and no others.
func (c *Client) Windows(ctx context.Context, dataset string, window time.Duration, span devices.Span, station string, only ...*devices.Quantity) ([]devices.Aggregate, error) {
	q := "SELECT " + columnsOf(only) + " FROM " + ident(dataset) + " WHERE " + during(span.Start, span.End) +
		" AND " + ident(TagWindow) + " = " + text(windowTag(window))
	if station != "" {
		q += " AND " + ident(TagStation) + " = " + text(station)
	}
	r := newReader(window)
	if err := c.stream(ctx, Open, q, r.add); err != nil {
		return nil, fmt.Errorf("read dataset %s: %w", dataset, err)
	}
	return r.rows, nil
}

// columnsOf selects what rows of the quantities are made of; without any, all.
func columnsOf(quantities []*devices.Quantity) string {
	if len(quantities) == 0 {
		return "*"
	}
	// Names of quantities are of letters, digits and underlines.
	names := []string{FieldCount, FieldCoverage, TagStation, TagChannel}
	for _, q := range quantities {
		names = append(names, regexp.QuoteMeta(q.Name+".")+".+")
	}
	return "/^(" + strings.Join(names, "|") + ")$/"
}

// windowTag writes a length of time as InfluxQL does: 15m, 1h, 1d, 1w.
func windowTag(d time.Duration) string {
	switch {
	case d%(7*24*time.Hour) == 0:
		return fmt.Sprintf("%dw", d/(7*24*time.Hour))
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
