package influx

import (
	"fmt"
	"math"

	"github.com/valyala/fastjson"
)

// layout is where the part of an answer at hand has what was asked for.
type layout struct {
	names []string // of the quantities

	time, stationAt, channelAt, deviceAt int   // columns; -1: there is none
	at                                   []int // column of each quantity
}

func newLayout(names []string) layout { return layout{names: names, at: make([]int, len(names))} }

// rows calls each with the time, in Unix milliseconds, and the cells of every
// row of a part.
func (l *layout) rows(part *fastjson.Value, each func(at int64, cells []*fastjson.Value) error) error {
	if err := l.columns(part); err != nil {
		return err
	}
	for _, row := range part.GetArray("values") {
		cells, err := row.Array()
		if err != nil {
			return fmt.Errorf("decode answer: a row is %s", row.Type())
		}
		at, err := cell(cells, l.time).Int64()
		if err != nil {
			return fmt.Errorf("decode answer: time: %w", err)
		}
		if err := each(at, cells); err != nil {
			return err
		}
	}
	return nil
}

// columns finds where the part has what was asked for. A server leaves out or
// fills with null what no row has.
func (l *layout) columns(part *fastjson.Value) error {
	l.time, l.stationAt, l.channelAt, l.deviceAt = -1, -1, -1, -1
	for i := range l.at {
		l.at[i] = -1
	}
	for i, v := range part.GetArray("columns") {
		name := v.GetStringBytes()
		switch string(name) {
		case "time":
			l.time = i
		case TagStation:
			l.stationAt = i
		case TagChannel:
			l.channelAt = i
		case TagDevice:
			l.deviceAt = i
		}
		for j := range l.names {
			if l.names[j] == string(name) {
				l.at[j] = i
			}
		}
	}
	if l.time < 0 {
		return fmt.Errorf("decode answer: no column of times")
	}
	return nil
}

// cell returns a cell of a row, or nothing, whose methods say so.
func cell(cells []*fastjson.Value, i int) *fastjson.Value {
	if i < 0 || i >= len(cells) {
		return nothing
	}
	return cells[i]
}

var nothing = fastjson.MustParse("null")

func number(v *fastjson.Value) float64 {
	f, err := v.Float64()
	if err != nil {
		return math.NaN() // null: the report has none
	}
	return f
}
