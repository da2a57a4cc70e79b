package opendata

import (
	"context"
	"slices"
	"time"

	"modellregion/devices"
)

// take computes what a series says. The channels of a station follow each
// other, so that another station means that the one before is complete.
func (p *pass) take(ctx context.Context, series *devices.Series) error {
	if series.Station != p.station {
		for _, s := range p.sets {
			if err := p.leave(ctx, s); err != nil {
				return err
			}
		}
		p.station = series.Station
	}
	for _, s := range p.sets {
		site, ok := s.at[series.Station]
		if !ok {
			continue // it is not public
		}
		for column := range s.columns {
			if s.grouped() {
				p.addToGroup(s, site, column, series)
			} else {
				p.single(s, &s.sites[site], column, series)
			}
		}
	}
	return nil
}

// single makes the rows of one quantity of a series.
func (p *pass) single(s *passSet, site *Site, column int, series *devices.Series) {
	c := &s.columns[column]
	if reaches(c.Kind) {
		p.column.fill(series, c.Quantity, series.Values[c.at])
	}
	interval := p.cfg.Directory.Interval(site.ID, c.Quantity)
	for _, l := range s.levels {
		for at, slot := range l.slots {
			s.scratch.reset()
			p.accumulate(s, c, &s.scratch, series, slot)
			if s.scratch.count == 0 {
				continue
			}
			row := s.scratch.row(c.Quantity, s.Percentiles)
			row.Station, row.Channel, row.Start, row.Window = site.ID, series.Channel, slot.start(), time.Duration(l.window)
			row.Coverage = coverage(row.Count, expected(slot.length(), interval))
			if s.derives {
				s.held[l.first+at] = append(s.held[l.first+at], row)
			}
			if c.public {
				l.emit(at, row)
			}
		}
	}
}

// accumulate adds what a series says of a quantity in a slot. The column at
// hand holds it where it has to be looked back.
func (p *pass) accumulate(s *passSet, c *passColumn, a *accumulator, series *devices.Series, at slot) {
	switch c.Kind {
	case devices.Meter:
		a.differences(c.Quantity, &p.column, at)
	case devices.Category:
		a.states(c.Quantity, &p.column, at)
	default:
		lo, _ := slices.BinarySearch(series.Times, at.begin)
		hi, _ := slices.BinarySearch(series.Times, at.end)
		a.levels(c.Quantity, series.Values[c.at][lo:hi], c.public && len(s.Percentiles) > 0)
	}
}

// leave derives what the station at hand says, whose rows are complete.
func (p *pass) leave(ctx context.Context, s *passSet) error {
	site, ok := s.at[p.station]
	if !ok || s.grouped() {
		return nil
	}
	for _, l := range s.levels {
		for at := range l.slots {
			if held := s.held[l.first+at]; len(held) > 0 {
				p.derive(s, l, at, &s.sites[site], held)
				s.held[l.first+at] = held[:0]
			}
		}
	}
	return p.flushFull(ctx, s)
}

// addToGroup adds one quantity of a series to what its area has so far.
func (p *pass) addToGroup(s *passSet, site, column int, series *devices.Series) {
	c := &s.columns[column]
	if reaches(c.Kind) {
		p.column.fill(series, c.Quantity, series.Values[c.at])
	}
	for _, l := range s.levels {
		for at, slot := range l.slots {
			key := groupKey{site, column, l.first + at}
			g := s.groups[key]
			if g == nil {
				g = &group{}
			}
			before := g.count
			p.accumulate(s, c, &g.accumulator, series, slot)
			if g.count == before {
				continue
			}
			if g.seen == nil {
				g.seen = make([]uint8, len(s.sites[site].Stations))
			}
			if i, ok := slices.BinarySearch(s.sites[site].Stations, series.Station); ok && g.seen[i] < 255 {
				g.seen[i]++
			}
			s.groups[key] = g
		}
	}
}

// areas makes the rows of a dataset that is grouped.
func (p *pass) areas(ctx context.Context, s *passSet) error {
	if !s.grouped() {
		return nil
	}
	for i := range s.sites {
		for _, l := range s.levels {
			for at := range l.slots {
				p.area(s, i, l, at)
			}
		}
		if err := p.flushFull(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// area makes the rows of a site at one slot.
func (p *pass) area(s *passSet, index int, l *level, at int) {
	var held []devices.Aggregate
	site, slot := &s.sites[index], l.slots[at]
	for column := range s.columns {
		c, g := &s.columns[column], s.groups[groupKey{index, column, l.first + at}]
		if g == nil {
			continue
		}
		row := g.row(c.Quantity, s.Percentiles)
		row.Station, row.Start, row.Window = site.ID, slot.start(), time.Duration(l.window)
		row.Coverage = coverage(row.Count, p.owed(site, c.Quantity, g, slot))
		held = append(held, row)
		if c.public {
			l.emit(at, row)
		}
	}
	if s.derives && len(held) > 0 {
		p.derive(s, l, at, site, held)
	}
}

// owed is the number of readings that the stations of a site should have sent:
// on each channel that reported, and on one where none did.
func (p *pass) owed(site *Site, q *devices.Quantity, g *group, at slot) float64 {
	sum := 0.0
	for i, station := range site.Stations {
		sum += float64(max(1, g.seen[i])) * expected(at.length(), p.cfg.Directory.Interval(station, q))
	}
	return sum
}
