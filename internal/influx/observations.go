package influx

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
)

// lowest is below every value that a quantity can have: the condition that a
// value is above it holds for the points that have the quantity.
const lowest = "-1000000000000000000.0"

// SelectWindows returns published windows of a quantity, by time. Those that
// are suppressed are left out, whatever else their points hold, and are not
// counted by Limit and Offset.
func (c *Client) SelectWindows(ctx context.Context, q devices.WindowQuery) ([]devices.Aggregate, error) {
	if q.Limit <= 0 || q.Offset > 0 && q.Of == nil {
		return nil, fmt.Errorf("read windows of dataset %s: limit %d and offset %d, want a limit, and an offset only of one series", q.Dataset, q.Limit, q.Offset)
	}
	offset := 0
	if q.Offset > 0 {
		suppressed, err := c.query(ctx, Open, countSuppressed(&q))
		if err != nil {
			return nil, fmt.Errorf("read windows of dataset %s: %w", q.Dataset, err)
		}
		if len(suppressed) == 0 {
			offset, q.Offset = q.Offset, 0
		}
	}
	var out []devices.Aggregate
	for {
		want := q.Limit - len(out) + q.Offset
		rows, err := c.selectPart(ctx, &q, want, offset)
		if err != nil {
			return nil, fmt.Errorf("read windows of dataset %s: %w", q.Dataset, err)
		}
		for i := range rows {
			switch {
			case rows[i].Suppressed:
			case q.Offset > 0:
				q.Offset--
			case len(out) < q.Limit:
				out = append(out, rows[i])
			}
		}
		// Several series share times, so that there is no going on after one.
		if len(rows) < want || len(out) == q.Limit || q.Of == nil {
			return out, nil
		}
		offset = 0
		if last := rows[len(rows)-1].Start; q.Newest {
			q.Span.End = last
		} else {
			q.Span.Start = last.Add(time.Nanosecond)
		}
	}
}

func (c *Client) selectPart(ctx context.Context, q *devices.WindowQuery, limit, offset int) ([]devices.Aggregate, error) {
	order := "ASC"
	if q.Newest {
		order = "DESC"
	}
	statement := "SELECT " + windowColumns(q) + " FROM " + ident(q.Dataset) + windowCondition(q) +
		" ORDER BY time " + order + " LIMIT " + strconv.Itoa(limit)
	if offset > 0 {
		statement += " OFFSET " + strconv.Itoa(offset)
	}
	r := newReader(q.Window)
	if err := c.stream(ctx, Open, statement, r.add); err != nil {
		return nil, err
	}
	return r.rows, nil
}

// windowColumns lists what a row of a quantity is made of.
func windowColumns(q *devices.WindowQuery) string {
	prefix := q.Quantity.Name + "."
	columns := []string{FieldCount, FieldCoverage, prefix + FieldSuppressed, prefix + FieldCount, prefix + FieldCoverage}
	for _, f := range openFields[q.Quantity.Kind] {
		columns = append(columns, prefix+f.name)
	}
	for _, p := range q.Percentiles {
		columns = append(columns, prefix+percentilePrefix+strconv.Itoa(p))
	}
	for _, category := range q.Quantity.Categories {
		columns = append(columns, prefix+sharePrefix+category)
	}
	return idents(columns...) + ", " + ident(TagStation) + "::tag, " + ident(TagChannel) + "::tag"
}

// firstField is the one that every window of a quantity has.
func firstField(q *devices.Quantity) string {
	return ident(q.Name + "." + openFields[q.Kind][0].name)
}

func windowCondition(q *devices.WindowQuery) string {
	var b strings.Builder
	b.WriteString(" WHERE " + during(q.Span.Start, q.Span.End) + " AND " + ident(TagWindow) + " = " + text(windowTag(q.Window)))
	if q.Of != nil {
		b.WriteString(" AND " + ident(TagStation) + " = " + text(q.Of.Station) + " AND " + ident(TagChannel) + " = " + text(q.Of.Channel))
	}
	field := firstField(q.Quantity)
	for _, bound := range q.Bounds {
		b.WriteString(" AND " + field + " " + operator(bound.Op) + " " + literal(bound.Value))
	}
	if len(q.Bounds) == 0 {
		b.WriteString(" AND " + field + " > " + lowest)
	}
	return b.String()
}

// literal writes a number as InfluxQL reads floats: no exponents, and a point
// even in whole numbers, which may be larger than its integers.
func literal(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// operator lets nothing but operators into a statement.
func operator(op string) string {
	if slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, op) {
		return op
	}
	return "="
}

func countSuppressed(q *devices.WindowQuery) string {
	return "SELECT count(" + firstField(q.Quantity) + ") AS suppressed FROM " + ident(q.Dataset) + windowCondition(q) +
		" AND " + ident(q.Quantity.Name+"."+FieldSuppressed) + " > 0 GROUP BY " + idents(TagStation, TagChannel)
}

// CountWindows returns how many windows of a quantity there are, for each
// series that has some, in no order. It does not heed Limit, Offset and Newest.
func (c *Client) CountWindows(ctx context.Context, q devices.WindowQuery) ([]devices.WindowCount, error) {
	field, from := firstField(q.Quantity), " FROM "+ident(q.Dataset)+windowCondition(&q)+" GROUP BY "+idents(TagStation, TagChannel)
	var statements []string
	functions := []string{"count", "first", "last"}
	if !q.Edges {
		functions = functions[:1]
	}
	for _, f := range functions {
		statements = append(statements, "SELECT "+f+"("+field+") AS "+ident(f)+from)
	}
	answer, err := c.query(ctx, Open, strings.Join(append(statements, countSuppressed(&q)), "; "))
	if err != nil {
		return nil, fmt.Errorf("count windows of dataset %s: %w", q.Dataset, err)
	}
	found := map[devices.StationSeries]*devices.WindowCount{}
	suppressed := map[devices.StationSeries]int{}
	for i := range answer {
		of := devices.StationSeries{Station: answer[i].Tags[TagStation], Channel: answer[i].Tags[TagChannel]}
		n := found[of]
		if n == nil {
			n = &devices.WindowCount{StationSeries: of}
			found[of] = n
		}
		for r := range answer[i].rows {
			if v, ok := r.float("count"); ok {
				n.Count += int(v)
			}
			if v, ok := r.float("suppressed"); ok {
				suppressed[of] += int(v)
			}
			if _, ok := r.float("first"); ok {
				n.First = r.time()
			}
			if _, ok := r.float("last"); ok {
				n.Last = r.time()
			}
		}
	}
	var out []devices.WindowCount
	for of, n := range found {
		n.Count -= suppressed[of]
		if suppressed[of] > 0 && n.Count > 0 && q.Edges {
			if err := c.edges(ctx, q, n); err != nil {
				return nil, err
			}
		}
		if n.Count > 0 {
			out = append(out, *n)
		}
	}
	return out, nil
}

// edges finds the oldest and the newest window of a series in which some are
// suppressed.
func (c *Client) edges(ctx context.Context, q devices.WindowQuery, n *devices.WindowCount) error {
	q.Of, q.Limit, q.Offset = &n.StationSeries, 1, 0
	for _, newest := range []bool{false, true} {
		q.Newest = newest
		rows, err := c.SelectWindows(ctx, q)
		if err != nil {
			return err
		}
		switch {
		case len(rows) == 0: // suppressed since
			n.Count = 0
		case newest:
			n.Last = rows[0].Start
		default:
			n.First = rows[0].Start
		}
	}
	return nil
}
