package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"modellregion/devices"
)

// reader makes rows of bucket open from the parts of an answer, whose columns
// are the tags and fields of the dataset.
type reader struct {
	window time.Duration
	rows   []devices.Aggregate

	words map[string]string // values of tags, each kept once
	names []string          // of the columns at hand

	// What the columns are; -1: there is none.
	time, station, channel int
	count, coverage        int
	quantities             []openQuantity
}

// openQuantity is where the columns have a quantity.
type openQuantity struct {
	*devices.Quantity
	first, suppressed, count, coverage int
	others                             []openColumn
}

// openColumn is a field that not every row of its quantity has.
type openColumn struct {
	at  int
	set func(a *devices.Aggregate, v float64)
}

// Stream calls take with the published windows of a dataset that begin in the
// span, in parts of some ten thousand: by their begin, in any order where it is
// the same. take must not keep the slice; its error ends it and is returned.
//
// To InfluxDB every series costs something in every query, so a day read at
// once is much cheaper than its hours one by one.
func (c *Client) Stream(ctx context.Context, dataset string, window time.Duration, span devices.Span, take func([]devices.Aggregate) error) error {
	if !span.Start.Before(span.End) {
		return nil
	}
	// Without GROUP BY the rows of all series come by time.
	q := "SELECT * FROM " + ident(dataset) + " WHERE " + during(span.Start, span.End) +
		" AND " + ident(TagWindow) + " = " + text(windowTag(window))
	var begin time.Time
	r := newReader(window)
	err := c.stream(ctx, Open, q, func(part *fastjson.Value) error {
		r.rows = r.rows[:0]
		if err := r.add(part); err != nil {
			return err
		}
		for i := range r.rows {
			if r.rows[i].Start.Before(begin) {
				return fmt.Errorf("decode answer: a row of %s after one of %s", r.rows[i].Start, begin)
			}
			begin = r.rows[i].Start
		}
		return take(r.rows)
	})
	if err != nil {
		return fmt.Errorf("read dataset %s: %w", dataset, err)
	}
	return nil
}

func newReader(window time.Duration) *reader {
	return &reader{window: window, words: map[string]string{}}
}

func (r *reader) add(part *fastjson.Value) error {
	r.head(part.GetArray("columns"))
	for _, v := range part.GetArray("values") {
		cells, err := v.Array()
		if err != nil {
			return fmt.Errorf("decode answer: a row is %s", v.Type())
		}
		at, err := cell(cells, r.time).Int64()
		if err != nil {
			return fmt.Errorf("decode answer: time: %w", err)
		}
		point := devices.Aggregate{
			Station: r.word(cell(cells, r.station)), Channel: r.word(cell(cells, r.channel)),
			Start: time.UnixMilli(at).UTC(), Window: r.window,
			Count: cell(cells, r.count).GetInt(), Coverage: cell(cells, r.coverage).GetFloat64(),
		}
		for i := range r.quantities {
			if a, ok := r.quantities[i].row(point, cells); ok {
				r.rows = append(r.rows, a)
			}
		}
	}
	return nil
}

// row completes a point to the row of a quantity, if it has one.
func (q *openQuantity) row(a devices.Aggregate, cells []*fastjson.Value) (devices.Aggregate, bool) {
	a.Quantity = q.Quantity
	if cell(cells, q.suppressed).GetFloat64() != 0 { // whatever else is there
		a.Count, a.Coverage, a.Suppressed = 0, 0, true
		return a, true
	}
	v := cell(cells, q.first)
	if v.Type() != fastjson.TypeNumber {
		return a, false
	}
	if a.Count == countedEach {
		a.Count, a.Coverage = cell(cells, q.count).GetInt(), cell(cells, q.coverage).GetFloat64()
	}
	*openFields[q.Kind][0].value(&a) = v.GetFloat64()
	for _, c := range q.others {
		if v := cell(cells, c.at); v.Type() == fastjson.TypeNumber {
			c.set(&a, v.GetFloat64())
		}
	}
	if a.Count == 1 && q.Kind == devices.Gauge {
		a.Min, a.Max = a.Mean, a.Mean
	}
	return a, true
}

// word returns the value of a tag.
func (r *reader) word(v *fastjson.Value) string {
	b := v.GetStringBytes()
	if s, ok := r.words[string(b)]; ok {
		return s
	}
	s := string(b)
	r.words[s] = s
	return s
}

// head finds out what the columns are, if they are others than before.
func (r *reader) head(columns []*fastjson.Value) {
	same := len(columns) == len(r.names) && len(columns) > 0
	for i := 0; same && i < len(columns); i++ {
		same = string(columns[i].GetStringBytes()) == r.names[i]
	}
	if same {
		return
	}
	r.names, r.quantities = nil, nil
	for i := range columns {
		r.names = append(r.names, string(columns[i].GetStringBytes()))
	}
	at := func(name string) int { return slices.Index(r.names, name) }
	r.time, r.station, r.channel, r.count, r.coverage = at("time"), at(TagStation), at(TagChannel), at(FieldCount), at(FieldCoverage)
	for _, q := range devices.Quantities() {
		prefix := q.Name + "."
		found := openQuantity{
			Quantity: q, first: at(prefix + openFields[q.Kind][0].name), suppressed: at(prefix + FieldSuppressed),
			count: at(prefix + FieldCount), coverage: at(prefix + FieldCoverage),
		}
		if found.first < 0 && found.suppressed < 0 {
			continue
		}
		for i, name := range r.names {
			if field, ok := strings.CutPrefix(name, prefix); ok {
				if set := setter(q, field); set != nil {
					found.others = append(found.others, openColumn{i, set})
				}
			}
		}
		// Columns come by the alphabet, percentiles by their number.
		slices.SortStableFunc(found.others, func(x, y openColumn) int {
			return cmp.Compare(percentile(strings.TrimPrefix(r.names[x.at], prefix)), percentile(strings.TrimPrefix(r.names[y.at], prefix)))
		})
		r.quantities = append(r.quantities, found)
	}
}

// setter returns what to do with the value of a field of a quantity that is
// not its first, or nil.
func setter(q *devices.Quantity, field string) func(*devices.Aggregate, float64) {
	for _, f := range openFields[q.Kind][1:] {
		if f.name == field {
			return func(a *devices.Aggregate, v float64) { *f.value(a) = v }
		}
	}
	if p := percentile(field); p > 0 {
		return func(a *devices.Aggregate, v float64) {
			a.Percentiles = append(a.Percentiles, devices.Percentile{P: p, Value: v})
		}
	}
	category, _ := strings.CutPrefix(field, sharePrefix)
	code, ok := q.Code(category)
	if !ok || category == field {
		return nil
	}
	return func(a *devices.Aggregate, v float64) {
		if a.Shares == nil {
			a.Shares = make([]float64, len(q.Categories))
		}
		a.Shares[int(code)] = v
	}
}

// percentile returns 85 for the field "p85" and 0 for one that is none.
func percentile(field string) int {
	digits, ok := strings.CutPrefix(field, percentilePrefix)
	p, err := strconv.Atoi(digits)
	if !ok || err != nil || p < 1 || p > 99 {
		return 0
	}
	return p
}
