package sensorthings

import (
	"slices"
	"sync/atomic"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// seriesKey names what the windows of a Datastream are of.
type seriesKey struct {
	dataset  string
	station  string // or road or area
	quantity *devices.Quantity
	channel  string
}

// series is what is known of the windows of a Datastream. Requests read it
// while it is brought up to date.
type series struct{ state atomic.Pointer[state] }

func (s *series) load() state {
	if at := s.state.Load(); at != nil {
		return *at
	}
	return state{}
}

// state is what a series was at a time. Times are begins of windows in Unix
// milliseconds.
type state struct {
	counted     bool    // settled and recent are what the database has
	count       int     // windows; below what there are unless counted
	settled     int     // of them those before the boundary of the counts,
	recent      int     // and those since
	upTo        int64   // newest begin that is counted
	newer       []int64 // begins seen after upTo
	first, last int64
	row         *devices.Aggregate // newest window; nil when not at hand
	before      bool               // there are windows before row
}

// add notes a window that is now stored.
func (s state) add(row *devices.Aggregate) state {
	begin := row.Start.UnixMilli()
	if s.first == 0 || begin < s.first {
		s.first = begin
	}
	if begin > s.upTo && !slices.Contains(s.newer, begin) {
		s.newer = append(s.newer[:len(s.newer):len(s.newer)], begin)
	}
	if begin >= s.last {
		s.before = s.before || s.last > 0 && s.last < begin
		s.last, s.row = begin, row
	}
	s.count = s.settled + s.recent + len(s.newer)
	return s
}

// withCounts notes what the database has: of before the boundary, or since.
func (s state) withCounts(n devices.WindowCount, recent bool) state {
	first, last := n.First.UnixMilli(), n.Last.UnixMilli()
	if recent {
		s.recent, s.counted = n.Count, true
	} else {
		s.settled = n.Count
	}
	if n.Count > 0 {
		s.upTo = max(s.upTo, last)
		s.newer = slices.DeleteFunc(slices.Clone(s.newer), func(begin int64) bool { return begin <= s.upTo })
		if s.first == 0 || first < s.first {
			s.first = first
		}
		if last > s.last {
			s.last, s.row = last, nil
		}
	}
	s.count = s.settled + s.recent + len(s.newer)
	s.before = s.before || s.count > 1
	return s
}

func msTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// query asks for windows of the series.
func (k *seriesKey) query(d *opendata.Dataset) devices.WindowQuery {
	return devices.WindowQuery{
		Dataset: k.dataset, Window: time.Duration(d.Base()), Quantity: k.quantity, Percentiles: d.Percentiles,
		Of: &devices.StationSeries{Station: k.station, Channel: k.channel},
	}
}
