package influx

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/valyala/fastjson"

	"modellregion/devices"
)

// maxGathered is how much a gatherer holds, in bytes, about.
const maxGathered = 64 << 20

// errTooMany says that a gatherer is full.
var errTooMany = errors.New("more readings than are held in memory")

// gatherer makes the series of all stations' channels from an answer that is
// not grouped: its rows are in order of time, whatever station they are of. It
// has to hold them all.
type gatherer struct {
	layout
	device bool // there is a column of it
	size   int  // bytes that it may hold

	series  map[string]uint32 // number by station, a zero byte, channel
	devices map[string]uint32 // number by DevEUI
	key     []byte
	keys    []origin // of the series, by number

	times  []int64 // of the rows
	of     []uint32
	by     []uint32    // device
	values [][]float64 // by quantity, then row
}

// origin is what a series is of and how many rows it has.
type origin struct {
	station, channel string
	rows             int
}

func newGatherer(names []string, device bool) *gatherer {
	return &gatherer{
		layout: newLayout(names), device: device, size: maxGathered,
		series: map[string]uint32{}, devices: map[string]uint32{}, values: make([][]float64, len(names)),
	}
}

// add takes a part of the answer. The error is errTooMany when it is full.
func (g *gatherer) add(part *fastjson.Value) error {
	return g.rows(part, func(at int64, cells []*fastjson.Value) error {
		if n := len(g.times); n > 0 && at < g.times[n-1] {
			return fmt.Errorf("answer is not in order of time: %d after %d", at, g.times[n-1])
		}
		if len(g.times)*(20+8*len(g.values)) >= g.size {
			return errTooMany
		}
		g.times = append(g.times, at)
		g.of = append(g.of, g.number(cell(cells, g.stationAt).GetStringBytes(), cell(cells, g.channelAt).GetStringBytes()))
		for i, column := range g.at {
			g.values[i] = append(g.values[i], number(cell(cells, column)))
		}
		if g.device {
			name := cell(cells, g.deviceAt).GetStringBytes()
			n, ok := g.devices[string(name)]
			if !ok {
				n = uint32(len(g.devices))
				g.devices[string(name)] = n
			}
			g.by = append(g.by, n)
		}
		return nil
	})
}

// number returns the number of a series, which has one row more.
func (g *gatherer) number(station, channel []byte) uint32 {
	g.key = append(append(append(g.key[:0], station...), 0), channel...)
	n, ok := g.series[string(g.key)]
	if !ok {
		n = uint32(len(g.keys))
		g.series[string(g.key)] = n
		g.keys = append(g.keys, origin{station: string(station), channel: string(channel)})
	}
	g.keys[n].rows++
	return n
}

// each hands over the series, ordered by station and channel.
func (g *gatherer) each(take func(devices.Series) error) error {
	rows, first := g.sorted()
	order := make([]int, len(g.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(g.keys[a].station, g.keys[b].station), cmp.Compare(g.keys[a].channel, g.keys[b].channel))
	})
	s := devices.Series{Values: make([][]float64, len(g.values))}
	var by []uint16
	for _, n := range order {
		mine := rows[first[n]:][:g.keys[n].rows]
		s.Station, s.Channel, s.Times = g.keys[n].station, g.keys[n].channel, s.Times[:0]
		for _, row := range mine {
			s.Times = append(s.Times, g.times[row])
		}
		for i, column := range g.values {
			s.Values[i] = s.Values[i][:0]
			for _, row := range mine {
				s.Values[i] = append(s.Values[i], column[row])
			}
		}
		if g.device {
			by = g.numbered(by[:0], mine)
			s.Devices = ofSeveral(by)
		}
		if err := take(s); err != nil {
			return err
		}
	}
	return nil
}

// sorted returns the rows by series, of each in order of time, and where each
// series begins.
func (g *gatherer) sorted() (rows []uint32, first []int) {
	first = make([]int, len(g.keys))
	next, at := make([]int, len(g.keys)), 0
	for i, k := range g.keys {
		first[i], next[i] = at, at
		at += k.rows
	}
	rows = make([]uint32, len(g.times))
	for row, n := range g.of {
		rows[next[n]] = uint32(row)
		next[n]++
	}
	return rows, first
}

// numbered appends the numbers that the devices of rows have within them, in
// order of appearance. There are few.
func (g *gatherer) numbered(to []uint16, rows []uint32) []uint16 {
	var known []uint32
	for _, row := range rows {
		n := slices.Index(known, g.by[row])
		if n < 0 {
			n = len(known)
			known = append(known, g.by[row])
		}
		to = append(to, uint16(n))
	}
	return to
}
