package history

import (
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/derived"
)

// Maker is the memory of one goroutine that makes days: some 20 MB, and those
// of one station more, however many there are.
type Maker struct {
	g        *Generator
	calendar calendar
	skies    [][]sky // by municipality

	quarter, hour, day [most]tally
	readings           [perQuarter][most]float64 // of the quarter at hand, where has says so
	has                [perQuarter][most]bool
	silent             []bool // by quarter: the station at hand is out of order

	rows        map[opendata.Window][]devices.Aggregate
	station     []devices.Aggregate // of one window of a station from which others are derived
	shares      []float64
	percentiles []devices.Percentile
}

// Maker returns a new Maker.
func (g *Generator) Maker() *Maker {
	return &Maker{g: g, skies: make([][]sky, len(g.municipalities)), rows: map[opendata.Window][]devices.Aggregate{}}
}

// fullRows is from how many rows on those of a dataset are handed out.
const fullRows = 50_000

// Day makes all windows that begin on a day and calls take with some of a
// dataset and window length, the longest first: where a day has windows of an
// hour of a station, that of the day is there too, also when the caller is
// interrupted. All rows of a station, day and length come together, ordered by
// start; they are valid until take returns.
func (m *Maker) Day(day opendata.Day, take func(*opendata.Dataset, opendata.Window, []devices.Aggregate) error) error {
	m.calendar.set(day, m.g.seed)
	for i := range m.skies {
		m.skies[i] = m.weather(i)
	}
	for i := range m.g.plans {
		p := &m.g.plans[i]
		for j := range p.stations {
			m.measure(p, &p.stations[j])
			if j == len(p.stations)-1 || len(m.rows[p.windows[len(p.windows)-1]]) >= fullRows {
				if err := m.hand(p, take); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hand hands out the rows that there are, and forgets them.
func (m *Maker) hand(p *plan, take func(*opendata.Dataset, opendata.Window, []devices.Aggregate) error) error {
	for _, w := range p.windows {
		if len(m.rows[w]) == 0 {
			continue
		}
		if err := take(p.Dataset, w, m.rows[w]); err != nil {
			return err
		}
		m.rows[w] = m.rows[w][:0]
	}
	m.shares, m.percentiles = m.shares[:0], m.percentiles[:0]
	return nil
}

// measure makes the rows of a station.
func (m *Maker) measure(p *plan, s *planned) {
	n := len(s.series)
	reset(m.day[:n])
	m.outages(s.station)
	at := moment{calendar: &m.calendar, station: s.station}
	sky := m.skies[s.municipality]
	quarters, hours, days := slices.Contains(p.windows, opendata.Quarter), slices.Contains(p.windows, opendata.Hour), slices.Contains(p.windows, opendata.Day24)
	for q := range m.calendar.quarters {
		if q%4 == 0 {
			reset(m.hour[:n])
		}
		start := m.calendar.start.Add(time.Duration(q) * quarter)
		if reports := m.reports(s.station, q); reports > 0 {
			at.q, at.h, at.sky, at.before = q, m.calendar.hours(q), &sky[lead+q], &sky[lead+q-8]
			s.kind.prepare(&at)
			m.read(&at, reports)
			m.tell(p, s, reports)
			if quarters {
				m.emit(p, s, opendata.Quarter, start, quarter, m.quarter[:n])
			}
		}
		if q%4 == 3 && hours {
			m.emit(p, s, opendata.Hour, start.Add(-3*quarter), time.Hour, m.hour[:n])
		}
	}
	if days {
		m.emit(p, s, opendata.Day24, m.calendar.start, time.Duration(m.calendar.quarters)*quarter, m.day[:n])
	}
}

// Once in about two months a station is out of order, for a quarter of an hour
// up to thirty; once in an hour or two of days a report or a few are lost.
const (
	outageBlock = 10 * 96 // quarters
	outageShare = 0.15    // of the blocks
	outageMost  = 30 * 4  // quarters
	gapShare    = 0.006   // of the quarters
)

// outages finds the quarters of the day in which a station is out of order.
func (m *Maker) outages(s *station) {
	c := &m.calendar
	m.silent = slices.Grow(m.silent[:0], c.quarters)[:c.quarters]
	clear(m.silent)
	for block := c.first/outageBlock - 1; block <= (c.first+int64(c.quarters))/outageBlock; block++ {
		chance := s.gaps.with(1).with(uint64(block))
		if chance.unit() >= outageShare {
			continue
		}
		begin := block*outageBlock + int64(chance.with(1).between(0, outageBlock))
		long := chance.with(2).unit()
		end := begin + 1 + int64(outageMost*long*long*long) // most are short
		for at := max(begin, c.first); at < min(end, c.first+int64(c.quarters)); at++ {
			m.silent[at-c.first] = true
		}
	}
}

// reports is how many of the reports of a quarter have arrived.
func (m *Maker) reports(s *station, q int) int {
	if m.silent[q] {
		return 0
	}
	chance := s.gaps.with(uint64(m.calendar.first) + uint64(q))
	if chance.unit() >= gapShare {
		return perQuarter
	}
	return int(chance.with(1).unit() * float64(perQuarter))
}

// read makes the readings of a quarter.
func (m *Maker) read(at *moment, reports int) {
	first := (at.first + int64(at.q)) * int64(perQuarter)
	for i := range at.series {
		s := &at.series[i]
		level := s.level(at)
		for r := range reports {
			v, has := s.reading(level, at.chance[i], first+int64(r)), true
			if s.Kind == devices.Category {
				v = level
			}
			if s.needs > 0 {
				has = m.readings[r][i-s.needs] > 0
			}
			if s.within > 0 {
				v = min(v, m.readings[r][i-s.within])
			}
			m.readings[r][i], m.has[r][i] = v, has
		}
	}
}

// tell adds the readings of a quarter to its window and those around it.
func (m *Maker) tell(p *plan, s *planned, reports int) {
	n := len(s.series)
	reset(m.quarter[:n])
	keep := len(p.Percentiles) > 0
	for i := range n {
		for r := range reports {
			if m.has[r][i] {
				m.quarter[i].add(s.series[i].Kind, m.readings[r][i], keep)
			}
		}
		m.hour[i].merge(&m.quarter[i])
		m.day[i].merge(&m.quarter[i])
	}
}

// emit adds the rows of a window of a station, with what follows from them.
func (m *Maker) emit(p *plan, s *planned, w opendata.Window, start time.Time, length time.Duration, tallies []tally) {
	rows, first := m.rows[w], len(m.rows[w])
	if s.derive {
		rows, first = m.station[:0], 0
	}
	for i := range tallies {
		if tallies[i].n == 0 || !s.public[i] && !s.derive {
			continue
		}
		rows = append(rows, devices.Aggregate{Station: s.ID, Quantity: s.series[i].Quantity, Channel: s.series[i].channel, Start: start, Window: time.Duration(w)})
		m.fill(&rows[len(rows)-1], &tallies[i], length, p.Percentiles)
	}
	if !s.derive {
		m.rows[w] = rows
		return
	}
	m.station = rows
	for i := range rows {
		if p.Has(rows[i].Quantity) {
			m.rows[w] = append(m.rows[w], rows[i])
		}
	}
	want := func(quantity string) bool {
		return slices.Contains(p.Quantities, quantity) && slices.Contains(s.kind.derives, quantity)
	}
	m.rows[w] = append(m.rows[w], derived.Window(s.ID, rows[first:], want, s.facts)...)
}
