package opendata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
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
	spans  []devices.Span // of the calls of Aggregate
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
	if f.faults != nil && f.faults.IntN(6) == 0 {
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

func (f *fakeStore) Aggregate(_ context.Context, domain uplink.Domain, span devices.Span, window time.Duration) ([]devices.Aggregate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.fault("aggregate"); err != nil {
		return nil, err
	}
	f.spans = append(f.spans, span)
	by := map[string]*devices.Aggregate{}
	for _, r := range f.readings {
		if r.quantity.Domain != domain || !span.Contains(r.time) {
			continue
		}
		start := r.time.Truncate(window)
		key := fmt.Sprint(r.station, r.quantity.Name, r.channel, start)
		a := by[key]
		if a == nil {
			a = &devices.Aggregate{Station: r.station, Quantity: r.quantity, Channel: r.channel, Start: start, Window: window, Min: r.value, Max: r.value}
			by[key] = a
		}
		a.Count++
		a.Sum += r.value
		a.Min, a.Max = min(a.Min, r.value), max(a.Max, r.value)
		a.Mean = a.Sum / float64(a.Count)
	}
	var out []devices.Aggregate
	for _, a := range by {
		out = append(out, *a)
	}
	return out, nil
}

func rowKey(dataset string, a devices.Aggregate) string {
	return fmt.Sprint(dataset, "|", a.Station, "|", a.Quantity.Name, "|", a.Channel, "|", a.Start.Format(time.RFC3339))
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

func (f *fakeStore) Windows(_ context.Context, dataset string, _ time.Duration, span devices.Span, station string) ([]devices.Aggregate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.fault("windows"); err != nil {
		return nil, err
	}
	return f.windows(dataset, span, station), nil
}

func (f *fakeStore) windows(dataset string, span devices.Span, station string) []devices.Aggregate {
	var out []devices.Aggregate
	for key, r := range f.rows {
		if key == rowKey(dataset, r) && span.Contains(r.Start) && (station == "" || station == r.Station) {
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
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, day := range days {
		effect, err := f.fault("publish")
		if effect {
			f.files[d.ID+"/"+day.String()] = f.windows(d.ID, day.Span(), "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeStore) Stations() []devices.Station {
	return []devices.Station{
		{ID: "pb-1", Name: "Bahnhofstraße", Municipality: "paderborn", Domain: uplink.Traffic},
		{ID: "pb-2", Name: "Trafo Riemeke", Municipality: "paderborn", Domain: uplink.Energy},
	}
}

func (f *fakeStore) Interval(string, *devices.Quantity) time.Duration { return time.Minute }

func newTestAggregator(f *fakeStore) *Aggregator {
	a, err := NewAggregator(Config{
		Datasets: Defaults(), Raw: f, Open: f, Directory: f, Publisher: f, Latest: NewLatest(),
		Log: slog.New(slog.DiscardHandler), Every: 5 * time.Second, PublishEvery: time.Minute,
	})
	if err != nil {
		panic(err)
	}
	return a
}
