package household

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"modellregion/devices"
	"modellregion/uplink"
)

// station is what the meters of a station say of a day: by quantity, then by
// channel. Those of several devices on one channel are added up.
type station []map[string]register

// read returns what the household meters say of a day, by station. Stations
// that reported nothing are not among them.
func read(ctx context.Context, raw Readings, domain uplink.Domain, quantities []*devices.Quantity, meters []devices.Household, day devices.Span) (map[string]station, error) {
	wanted := make(map[string]bool, len(meters))
	for _, m := range meters {
		wanted[m.Station] = true
	}
	stations := map[string]station{}
	err := raw.Readings(ctx, domain, fetched(day), quantities, func(s devices.Series) error {
		if !wanted[s.Station] {
			return nil
		}
		if stations[s.Station] == nil {
			stations[s.Station] = make(station, len(quantities))
		}
		stations[s.Station].take(s, day)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read household meters: %w", err)
	}
	return stations, nil
}

// take adds what a channel reported.
func (s station) take(series devices.Series, day devices.Span) {
	for q, values := range series.Values {
		var total register
		for times, column := range byDevice(series, values) {
			total = total.plus(consume(times, column, day))
		}
		if total.amounts == nil {
			continue
		}
		if s[q] == nil {
			s[q] = map[string]register{}
		}
		s[q][series.Channel] = total
	}
}

// byDevice yields the times and values of each device of a series, in the
// order of their numbers: the difference of two meters means nothing.
func byDevice(s devices.Series, values []float64) func(yield func([]int64, []float64) bool) {
	return func(yield func([]int64, []float64) bool) {
		if s.Devices == nil {
			yield(s.Times, values)
			return
		}
		last := uint16(0)
		for _, d := range s.Devices {
			last = max(last, d)
		}
		for device := 0; device <= int(last); device++ {
			var times []int64
			var column []float64
			for i, d := range s.Devices {
				if int(d) == device {
					times, column = append(times, s.Times[i]), append(column, values[i])
				}
			}
			if !yield(times, column) {
				return
			}
		}
	}
}

// counted returns what the station counted of a quantity: its channels are
// phases or tariffs that add up, unless one without a name says the whole.
func (s station) counted(q int) register {
	if whole, ok := s[q][""]; ok {
		return whole
	}
	var total register
	for _, channel := range slices.Sorted(maps.Keys(s[q])) {
		total = total.plus(s[q][channel])
	}
	return total
}

// user is what a connection user counted in a day: by quantity, then by quarter
// hour, Wh; nil for a quantity that none of his meters has a register of.
type user [][]float64

// reported reports whether any of its meters said anything of the day.
func (s station) reported() bool {
	return slices.ContainsFunc(s, func(channels map[string]register) bool { return len(channels) > 0 })
}

// total returns what the meters of a connection user counted, or nil when one of
// them does not say everything about the whole day. One with a doubt in one
// register is left out of all quantities, so that who is counted is the same
// for what is taken and what is fed in.
func total(meters []devices.Household, stations map[string]station, quantities int) user {
	out := make(user, quantities)
	for q := range quantities {
		var sum register
		for _, m := range meters {
			s := stations[m.Station]
			if !s.reported() {
				return nil
			}
			sum = sum.plus(s.counted(q))
		}
		if sum.broken {
			return nil
		}
		out[q] = sum.amounts
	}
	return out
}
