package influx

import (
	"fmt"
	"slices"

	"github.com/valyala/fastjson"

	"modellregion/devices"
)

// sorter makes the series of the stations' channels from the parts of an
// answer. A station's rows come together, in order of time, its channels and
// devices mixed and the whole cut into parts anywhere.
type sorter struct {
	device bool // there is a column of it
	take   func(devices.Series) error

	station  string
	channels []*channel // of the station, in order of appearance; the first used of them
	used     int
	devices  map[string]uint16 // of the station, numbered in order of appearance

	layout
}

// channel is a series in the making. Its memory is used for the next station.
type channel struct {
	devices.Series
	devices []uint16
}

func newSorter(names []string, device bool, take func(devices.Series) error) *sorter {
	return &sorter{device: device, take: take, devices: map[string]uint16{}, layout: newLayout(names)}
}

// add takes a part: some rows of one station.
func (s *sorter) add(part *fastjson.Value) error {
	station := part.GetStringBytes("tags", TagStation)
	if string(station) != s.station {
		if err := s.flush(); err != nil {
			return err
		}
		s.station = string(station)
	}
	return s.rows(part, func(at int64, cells []*fastjson.Value) error {
		c := s.channel(cell(cells, s.channelAt).GetStringBytes())
		if n := len(c.Times); n > 0 && at < c.Times[n-1] {
			return fmt.Errorf("answer is not in order of time: %d after %d", at, c.Times[n-1])
		}
		c.Times = append(c.Times, at)
		for i, column := range s.at {
			c.Values[i] = append(c.Values[i], number(cell(cells, column)))
		}
		if s.device {
			c.devices = append(c.devices, s.number(cell(cells, s.deviceAt).GetStringBytes()))
		}
		return nil
	})
}

// channel returns the series of a channel of the station.
func (s *sorter) channel(name []byte) *channel {
	for _, c := range s.channels[:s.used] {
		if c.Channel == string(name) {
			return c
		}
	}
	if s.used == len(s.channels) {
		s.channels = append(s.channels, &channel{Series: devices.Series{Values: make([][]float64, len(s.names))}})
	}
	c := s.channels[s.used]
	s.used++
	if c.Channel != string(name) {
		c.Channel = string(name)
	}
	c.Station, c.Times, c.devices = s.station, c.Times[:0], c.devices[:0]
	for i := range c.Values {
		c.Values[i] = c.Values[i][:0]
	}
	return c
}

// number returns the number of a device within its station.
func (s *sorter) number(device []byte) uint16 {
	n, ok := s.devices[string(device)]
	if !ok {
		n = uint16(len(s.devices))
		s.devices[string(device)] = n
	}
	return n
}

// flush hands over the series of the station at hand.
func (s *sorter) flush() error {
	for _, c := range s.channels[:s.used] {
		c.Devices = ofSeveral(c.devices)
		if err := s.take(c.Series); err != nil {
			return err
		}
	}
	s.used = 0
	clear(s.devices)
	return nil
}

// ofSeveral returns the devices of a series' reports, or nil when all are of
// one.
func ofSeveral(by []uint16) []uint16 {
	if slices.ContainsFunc(by, func(n uint16) bool { return n != by[0] }) {
		return by
	}
	return nil
}
