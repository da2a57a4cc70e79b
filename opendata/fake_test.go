package opendata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

var errCrash = errors.New("the power went off")

// fakeStore is both buckets, the directory and the publisher in memory. With
// faults set, calls fail at random, before or after their effect.
type fakeStore struct {
	mu       sync.Mutex
	readings []reading
	marks    []devices.DirtyMark
	rows     map[string]devices.Aggregate // by dataset, station, quantity, channel, start
	cursor   time.Time
	files    map[string][]devices.Aggregate // rows at the time of publishing, by dataset and day

	faults *rand.Rand
	down   error
	calls  map[string]int
	spans  []devices.Span // of the calls of Readings
	days   []string       // of the calls of Publish
	slow   time.Duration  // that Publish takes
}

type reading struct {
	station, channel string
	quantity         *devices.Quantity
	time             time.Time
	value            float64
}

func newFake() *fakeStore {
	return &fakeStore{rows: map[string]devices.Aggregate{}, files: map[string][]devices.Aggregate{}, calls: map[string]int{}}
}

func quantity(name string) *devices.Quantity {
	q, ok := devices.Lookup(name)
	if !ok {
		panic("no quantity " + name)
	}
	return q
}

// arrive stores a reading and its mark.
func (f *fakeStore) arrive(r reading, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readings = append(f.readings, r)
	f.marks = append(f.marks, devices.DirtyMark{Domain: r.quantity.Domain, Window: r.time.Truncate(devices.DirtyWindow), Arrived: at})
}

// fault decides about one call and returns whether it takes effect.
func (f *fakeStore) fault(call string) (effect bool, err error) {
	f.calls[call]++
	if f.down != nil {
		return false, f.down
	}
	if f.faults != nil && f.faults.IntN(50) == 0 {
		return f.faults.IntN(2) == 0, errCrash
	}
	return true, nil
}

func (f *fakeStore) Dirty(_ context.Context, arrived devices.Span) ([]devices.DirtyMark, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.fault("dirty"); err != nil {
		return nil, err
	}
	var out []devices.DirtyMark
	for _, m := range f.marks {
		if arrived.Contains(m.Arrived) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (f *fakeStore) Readings(_ context.Context, domain uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error {
	f.mu.Lock()
	if _, err := f.fault("readings"); err != nil {
		f.mu.Unlock()
		return err
	}
	f.spans = append(f.spans, span)
	bySeries := map[[2]string][]reading{} // as they have arrived
	for _, r := range f.readings {
		if r.domain() == domain && span.Contains(r.time) && slices.Contains(quantities, r.quantity) {
			key := [2]string{r.station, r.channel}
			bySeries[key] = append(bySeries[key], r)
		}
	}
	f.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(bySeries), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		list := bySeries[key]
		slices.SortStableFunc(list, func(a, b reading) int { return a.time.Compare(b.time) })
		s := devices.Series{Station: key[0], Channel: key[1], Values: make([][]float64, len(quantities))}
		for _, r := range list {
			s.Times = append(s.Times, r.time.UnixMilli())
			for i, q := range quantities {
				v := math.NaN()
				if q == r.quantity {
					v = r.value
				}
				s.Values[i] = append(s.Values[i], v)
			}
		}
		if err := take(s); err != nil {
			return err
		}
	}
	return nil
}

// domain is that of the device, which need not be that of the quantity.
func (r *reading) domain() uplink.Domain {
	if strings.HasPrefix(r.station, "road") {
		return uplink.Road
	}
	return r.quantity.Domain
}

func rowKey(dataset string, a devices.Aggregate) string {
	return fmt.Sprint(dataset, "|", Window(a.Window), "|", a.Station, "|", a.Quantity.Name, "|", a.Channel, "|", a.Start.Format(time.RFC3339))
}

func (f *fakeStore) Put(_ context.Context, dataset string, _ time.Duration, rows []devices.Aggregate) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	effect, err := f.fault("put")
	if effect {
		for _, r := range rows {
			f.rows[rowKey(dataset, r)] = r
		}
	}
	return err
}

func (f *fakeStore) Windows(_ context.Context, dataset string, window time.Duration, span devices.Span, station string, _ ...*devices.Quantity) ([]devices.Aggregate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.fault("windows"); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(f.windows(dataset, span, station), func(a devices.Aggregate) bool { return a.Window != window }), nil
}

func (f *fakeStore) windows(dataset string, span devices.Span, station string) []devices.Aggregate {
	var out []devices.Aggregate
	for key, r := range f.rows {
		if key == rowKey(dataset, r) && span.Contains(r.Start) && (station == "" || station == r.Station) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b devices.Aggregate) int { return cmp.Or(cmp.Compare(a.Window, b.Window), Compare(a, b)) })
	return out
}

// only returns the stored rows of a window length.
func (f *fakeStore) only(w Window) []devices.Aggregate {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []devices.Aggregate
	for _, r := range f.rows {
		if r.Window == time.Duration(w) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, Compare)
	return out
}

func (f *fakeStore) Cursor(context.Context) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.fault("cursor"); err != nil {
		return time.Time{}, err
	}
	return f.cursor, nil
}

func (f *fakeStore) SetCursor(_ context.Context, until time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	effect, err := f.fault("set cursor")
	if effect {
		f.cursor = until
	}
	return err
}

func (f *fakeStore) Retract(context.Context) error { return nil }

func (f *fakeStore) Publish(_ context.Context, d *Dataset, days []Day) error {
	time.Sleep(f.slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, day := range days {
		effect, err := f.fault("publish")
		f.days = append(f.days, d.ID+"/"+day.String())
		if rows := f.windows(d.ID, day.Span(), ""); effect && len(rows) > 0 {
			f.files[d.ID+"/"+day.String()] = rows
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeStore) Stations() []devices.Station {
	return []devices.Station{
		{ID: "pb-1", Name: "Bahnhofstraße", Municipality: "paderborn", District: "Kern", Road: "B 64", Domain: uplink.Traffic},
		{ID: "pb-2", Name: "Trafo Riemeke", Municipality: "paderborn", Domain: uplink.Energy},
		{ID: "pb-3", Name: "Detmolder Straße", Municipality: "paderborn", District: "Kern", Road: "B 64", Domain: uplink.Traffic},
		{ID: "road-1", Name: "Brücke", Municipality: "paderborn", Road: "B 64", Domain: uplink.Road},
	}
}

func (f *fakeStore) Interval(string, *devices.Quantity) time.Duration { return time.Minute }

func (f *fakeStore) Fact(station, name string) (float64, bool) {
	return 50, name == "free_speed" && station == "pb-1"
}

// newTestAggregator has the default datasets without what is derived.
func newTestAggregator(f *fakeStore) *Aggregator {
	datasets := Defaults()
	datasets[0].Quantities = slices.DeleteFunc(datasets[0].Quantities, func(name string) bool { return name == "traffic_state" })
	return newAggregatorOf(f, slices.DeleteFunc(datasets, func(d Dataset) bool { return d.ID == "spannungsqualitaet" }))
}

func newAggregatorOf(f *fakeStore, datasets []Dataset) *Aggregator {
	a, err := NewAggregator(Config{
		Datasets: datasets, Raw: f, Open: f, Directory: f, Publisher: f, Latest: NewLatest(),
		Log: slog.New(slog.DiscardHandler), Every: 5 * time.Second, PublishEvery: time.Minute,
	})
	if err != nil {
		panic(err)
	}
	return a
}
