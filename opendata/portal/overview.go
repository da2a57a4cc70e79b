package portal

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// overview keeps a snapshot of all stations for as long as nothing changes, so
// that a page of a large region costs what it shows.
type overview struct {
	puts atomic.Int64 // of new windows

	mu   sync.Mutex
	last *snapshot
}

// snapshot is what is known of all stations at one moment. Nobody changes it.
type snapshot struct {
	puts     int64
	listed   []devices.Station // as the directory had them
	stations []*site           // by domain, municipality and name
	byID     map[string]*site
}

// site is a station with its newest windows.
type site struct {
	devices.Station
	Town string // name of the municipality
	Rows []row  // a quantity that two datasets have is of the first one; in their order
	find string // what a search looks through
}

// row is the newest window of one quantity on one channel.
type row struct {
	devices.Aggregate
	set *opendata.Dataset
}

func newOverview(latest *opendata.Latest) *overview {
	o := &overview{}
	latest.Watch(func(string, []devices.Aggregate) { o.puts.Add(1) })
	return o
}

// stations returns the snapshot of what is shown now.
func (p *portal) stations() *snapshot {
	p.now.mu.Lock()
	defer p.now.mu.Unlock()
	puts, listed := p.now.puts.Load(), p.Directory.Stations()
	if s := p.now.last; s != nil && s.puts == puts && sameList(s.listed, listed) {
		return s
	}
	s := &snapshot{puts: puts, listed: listed, byID: map[string]*site{}}
	for _, st := range listed {
		one := &site{Station: st, Town: p.municipality(st.Municipality)}
		one.find = fold(strings.Join([]string{st.Name, st.ID, one.Town, st.District, st.Road, domainNames[st.Domain].De, domainNames[st.Domain].En}, " "))
		s.byID[st.ID] = one
		s.stations = append(s.stations, one)
	}
	for i := range p.Datasets {
		s.take(&p.Datasets[i], p.Latest)
	}
	domains := uplink.Domains()
	slices.SortFunc(s.stations, func(a, b *site) int {
		return cmp.Or(cmp.Compare(slices.Index(domains, a.Domain), slices.Index(domains, b.Domain)),
			strings.Compare(a.Town, b.Town), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	p.now.last = s
	return s
}

// take adds the live rows of a dataset to its stations.
func (s *snapshot) take(d *opendata.Dataset, latest *opendata.Latest) {
	added := map[*site]int{}
	latest.Each(d.ID, func(a *devices.Aggregate) {
		st := s.byID[a.Station]
		if st == nil || !d.Has(a.Quantity) || slices.ContainsFunc(st.Rows, func(r row) bool { return r.set != d && r.Quantity == a.Quantity }) {
			return
		}
		st.Rows = append(st.Rows, row{*a, d})
		added[st]++
	})
	for st, n := range added {
		slices.SortFunc(st.Rows[len(st.Rows)-n:], func(a, b row) int {
			return cmp.Or(cmp.Compare(slices.Index(d.Quantities, a.Quantity.Name), slices.Index(d.Quantities, b.Quantity.Name)), strings.Compare(a.Channel, b.Channel))
		})
	}
}

// sameList reports whether a directory has answered with the same list again.
func sameList(a, b []devices.Station) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// key returns the windows that say most of the station: those of its first
// quantity that may be told.
func (s *site) key() []row {
	for i, r := range s.Rows {
		if r.Suppressed {
			continue
		}
		end := i + 1
		for end < len(s.Rows) && s.Rows[end].Quantity == r.Quantity {
			end++
		}
		return s.Rows[i:end]
	}
	return nil
}

// state is how a station is doing.
type state string

const (
	stateLive       state = "live"
	stateDelayed    state = "delayed"    // its newest window ended longer ago than two of them last
	stateSilent     state = "silent"     // nothing for opendata.Recent
	stateSuppressed state = "suppressed" // a privacy rule forbids to tell anything
)

func states() []state { return []state{stateLive, stateDelayed, stateSilent, stateSuppressed} }

// state tells how the station is doing at a time.
func (s *site) state(now time.Time) state {
	if len(s.Rows) == 0 {
		return stateSilent
	}
	if !slices.ContainsFunc(s.Rows, func(r row) bool { return !r.Suppressed }) {
		return stateSuppressed
	}
	for i := range s.Rows {
		if r := &s.Rows[i]; now.Sub(r.Start.Add(r.Window)) <= 2*r.Window {
			return stateLive
		}
	}
	return stateDelayed
}

// fold makes texts comparable for a search: "Straße" and "STRASSE" are the
// same, and so are ö, oe and o.
func fold(text string) string { return folded.Replace(strings.ToLower(text)) }

var folded = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "ae", "a", "oe", "o", "ue", "u", "é", "e", "è", "e")
