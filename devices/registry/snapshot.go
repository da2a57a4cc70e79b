package registry

import (
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// snapshot is the registry at one revision.
type snapshot struct {
	revision   uint64
	profiles   map[string]devices.Profile
	list       []devices.Device // ordered by station and DevEUI
	byEUI      map[uplink.EUI]*devices.Device
	stations   []devices.Station
	intervals  map[string]map[uplink.Domain]time.Duration // by station
	facts      map[factOf]float64
	households []devices.Household
}

// factOf is a fact of a station.
type factOf struct{ station, name string }

// newSnapshot takes devices ordered by station and DevEUI.
func newSnapshot(list []devices.Device, revision uint64, profiles map[string]devices.Profile) *snapshot {
	s := &snapshot{
		revision: revision, profiles: profiles, list: list, byEUI: make(map[uplink.EUI]*devices.Device, len(list)),
		intervals: map[string]map[uplink.Domain]time.Duration{}, facts: map[factOf]float64{},
	}
	for i := range list {
		s.byEUI[list[i].EUI] = &list[i]
	}
	known := devices.Facts()
	for len(list) > 0 {
		n, household := 1, list[0].Connection != ""
		for n < len(list) && list[n].Station == list[0].Station {
			household = household || list[n].Connection != ""
			n++
		}
		if household {
			s.addHousehold(list[:n])
		} else {
			s.addStation(list[:n], known)
		}
		list = list[n:]
	}
	return s
}

// addHousehold takes the devices of a station with a household meter, in use or
// not. None of them is public, whatever they say: what the station measured is
// aggregated together.
func (s *snapshot) addHousehold(list []devices.Device) {
	for i := range list {
		if d := &list[i]; d.Connection != "" && !d.Disabled {
			s.households = append(s.households, devices.Household{Station: d.Station, Connection: d.Connection, Group: d.Group, Municipality: d.Municipality})
			return // the others are of the same connection
		}
	}
}

// addStation takes the devices of a station. The first public one says where
// it is, and what it is for most of all.
func (s *snapshot) addStation(list []devices.Device, known []devices.Fact) {
	var intervals map[uplink.Domain]time.Duration
	for i := range list {
		d := &list[i]
		if d.Visibility != devices.Public || d.Disabled {
			continue
		}
		if intervals == nil {
			intervals = map[uplink.Domain]time.Duration{}
			s.intervals[d.Station] = intervals
			s.stations = append(s.stations, devices.Station{
				ID: d.Station, Name: d.Name, Municipality: d.Municipality, District: d.District, Road: d.Road,
				Domain: d.Domain, Place: d.Place, Segment: d.Segment,
			})
		}
		if st := &s.stations[len(s.stations)-1]; !st.Measures(d.Domain) {
			st.Also = append(st.Also, d.Domain)
		}
		interval := s.profiles[d.Profile].Interval
		for _, domain := range []uplink.Domain{d.Domain, devices.Health} {
			if old := intervals[domain]; old == 0 || interval < old {
				intervals[domain] = interval
			}
		}
		s.addFacts(d, known)
	}
}

func (s *snapshot) addFacts(d *devices.Device, known []devices.Fact) {
	for i := 0; len(d.Variables) > 0 && i < len(known); i++ {
		f := &known[i]
		text, ok := d.Variables[f.Name]
		if _, said := s.facts[factOf{d.Station, f.Name}]; !ok || said {
			continue
		}
		// One that cannot be parsed was put before there were facts; Verify tells.
		if v, err := f.Parse(text); err == nil {
			s.facts[factOf{d.Station, f.Name}] = v
		}
	}
}
