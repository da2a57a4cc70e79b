package opendata

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/devices"
	"modellregion/opendata/derived"
	"modellregion/uplink"
)

const (
	putRows = 8192 // rows of one call of Store.Put
	putters = 2    // calls of Store.Put at once
)

// pass reads bucket raw once and computes from it windows of the datasets of a
// domain. It holds one station in memory at a time, and beside it the areas of
// datasets that are grouped, however many stations there are.
type pass struct {
	cfg    *Config
	domain uplink.Domain
	sets   []*passSet

	quantities []*devices.Quantity // to be read
	station    string              // at hand
	column     column
	touched    func(dataset int, day Day, since time.Time)
	puts       chan put
}

// put is what is to be stored.
type put struct {
	dataset *Dataset
	window  Window
	rows    []devices.Aggregate
}

// passSet is a dataset in a pass.
type passSet struct {
	*Dataset
	index   int
	sites   []Site
	at      map[string]int // index of its site, by station
	columns []passColumn
	derives bool
	levels  []*level
	slots   int // of all levels

	scratch accumulator
	held    [][]devices.Aggregate // by slot: rows of the site at hand from which others are derived
	groups  map[groupKey]*group
}

// passColumn is a quantity of a dataset.
type passColumn struct {
	*devices.Quantity
	at     int  // in a series
	public bool // otherwise others are derived from it
	input  bool // others are derived from it
}

// level is a window length of a dataset with the windows to be computed.
type level struct {
	window Window
	slots  []slot
	days   []Day       // that the slots begin on
	since  []time.Time // see agenda
	got    []bool      // the slot has rows that are not noted
	first  int         // number of its first slot among those of all levels
	rows   []devices.Aggregate
}

// group is an area, or a road, in the making.
type group struct {
	accumulator
	seen []uint8 // by station of the site: its channels that reported in the slot
}

type groupKey struct{ site, column, slot int }

// newPass prepares the computation of windows, by dataset index. Those of
// datasets of other domains are passed over.
func (a *Aggregator) newPass(domain uplink.Domain, wanted []map[windowKey]time.Time, sites siteCache) *pass {
	p := &pass{cfg: &a.cfg, domain: domain, puts: make(chan put)}
	for i, keys := range wanted {
		if d := &a.cfg.Datasets[i]; len(keys) > 0 && d.Domain == domain {
			p.sets = append(p.sets, p.newSet(i, keys, sites.get(d, a.cfg.Directory)))
		}
	}
	return p
}

func (p *pass) newSet(index int, keys map[windowKey]time.Time, sites []Site) *passSet {
	s := &passSet{Dataset: &p.cfg.Datasets[index], index: index, sites: sites, at: map[string]int{}, groups: map[groupKey]*group{}}
	for i := range sites {
		for _, station := range sites[i].Stations {
			s.at[station] = i
		}
	}
	public, inputs := s.reads()
	for _, q := range slices.Concat(public, inputs) {
		at := slices.Index(p.quantities, q)
		if at < 0 {
			at = len(p.quantities)
			p.quantities = append(p.quantities, q)
		}
		if !slices.ContainsFunc(s.columns, func(c passColumn) bool { return c.Quantity == q }) {
			s.columns = append(s.columns, passColumn{q, at, s.Has(q), slices.Contains(inputs, q)})
		}
	}
	s.derives = len(inputs) > 0
	for _, w := range s.Windows {
		l := &level{window: w, first: s.slots}
		for k := range keys {
			if k.window == w {
				l.slots = append(l.slots, slotOf(w, time.UnixMilli(k.begin)))
			}
		}
		slices.SortFunc(l.slots, func(a, b slot) int { return cmp.Compare(a.begin, b.begin) })
		for _, slot := range l.slots {
			l.days = append(l.days, DayOf(slot.start()))
			l.since = append(l.since, keys[windowKey{w, slot.begin}])
		}
		l.got = make([]bool, len(l.slots))
		s.levels, s.slots = append(s.levels, l), s.slots+len(l.slots)
	}
	s.held = make([][]devices.Aggregate, s.slots)
	return s
}

// span is what has to be read.
func (p *pass) span() devices.Span {
	from, until := int64(math.MaxInt64), int64(math.MinInt64)
	for _, s := range p.sets {
		back := s.looksBack()
		for _, l := range s.levels {
			for _, slot := range l.slots {
				until = max(until, slot.end)
				if back {
					from = min(from, slot.begin-slot.reach)
				}
				from = min(from, slot.begin)
			}
		}
	}
	return devices.Span{Start: time.UnixMilli(from).UTC(), End: time.UnixMilli(until).UTC()}
}

// run computes and stores the windows. It calls touched for the days of a
// dataset that get rows, before they are stored, so that a failure half way
// forgets none.
func (p *pass) run(ctx context.Context, touched func(dataset int, day Day, since time.Time)) error {
	if len(p.sets) == 0 {
		return nil
	}
	p.touched = touched
	group, ctx := errgroup.WithContext(ctx)
	for range putters {
		group.Go(func() error { return p.store(ctx) })
	}
	group.Go(func() error {
		defer close(p.puts)
		return p.read(ctx)
	})
	return group.Wait()
}

func (p *pass) read(ctx context.Context) error {
	span := p.span()
	err := p.cfg.Raw.Readings(ctx, p.domain, span, p.quantities, func(s devices.Series) error { return p.take(ctx, &s) })
	if err != nil {
		return fmt.Errorf("aggregate %s from %s to %s: %w", p.domain, span.Start.Format(time.RFC3339), span.End.Format(time.RFC3339), err)
	}
	for _, s := range p.sets {
		if err := p.leave(ctx, s); err != nil {
			return err
		}
		if err := p.areas(ctx, s); err != nil {
			return err
		}
		for _, l := range s.levels {
			if err := p.flush(ctx, s, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// store stores what comes until nothing more does.
func (p *pass) store(ctx context.Context) error {
	for b := range p.puts {
		if err := p.cfg.Open.Put(ctx, b.dataset.ID, time.Duration(b.window), b.rows); err != nil {
			return fmt.Errorf("store %d windows of dataset %s: %w", len(b.rows), b.dataset.ID, err)
		}
		if b.window == b.dataset.Base() {
			p.cfg.Latest.Put(b.dataset.ID, b.rows, time.Now())
		}
	}
	return nil
}

// emit adds a row of a slot to those to be stored.
func (l *level) emit(at int, row devices.Aggregate) {
	l.got[at] = true
	l.rows = append(l.rows, row)
}

// flushFull hands on the rows of levels that have many. It is called between
// two sites, for the store must be given all rows of a site at once.
func (p *pass) flushFull(ctx context.Context, s *passSet) error {
	for _, l := range s.levels {
		if len(l.rows) >= putRows {
			if err := p.flush(ctx, s, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pass) flush(ctx context.Context, s *passSet, l *level) error {
	for i, got := range l.got {
		if got {
			p.touched(s.index, l.days[i], l.since[i])
			l.got[i] = false
		}
	}
	if len(l.rows) == 0 {
		return nil
	}
	select {
	case p.puts <- put{s.Dataset, l.window, l.rows}:
		// The last of a pass may be few.
		l.rows = slices.Grow([]devices.Aggregate(nil), len(l.rows)/putRows*putRows)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// derive computes from the rows of a site at one slot those that no device
// reports.
func (p *pass) derive(s *passSet, l *level, at int, site *Site, rows []devices.Aggregate) {
	want := func(quantity string) bool { return slices.Contains(s.Quantities, quantity) }
	for _, row := range derived.Window(site.ID, rows, want, p.facts(s, site)) {
		l.emit(at, row)
	}
}

// facts is what is known of a site: of a road the mean of what is known of its
// stations, of an area nothing, for its stations have not one in common.
func (p *pass) facts(s *passSet, site *Site) func(string) (float64, bool) {
	return func(name string) (float64, bool) {
		if s.Grouping == ByDistrict || s.Grouping == ByMunicipality {
			return 0, false
		}
		sum, n := 0.0, 0
		for _, station := range site.Stations {
			if v, ok := p.cfg.Directory.Fact(station, name); ok {
				sum, n = sum+v, n+1
			}
		}
		return sum / float64(max(n, 1)), n > 0
	}
}
