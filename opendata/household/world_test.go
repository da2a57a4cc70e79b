package household

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// trouble is what happened to the meter of a home on a day.
type trouble int

const (
	fine  trouble = iota
	hole          // five hours are missing for ever
	late          // they arrive later
	swept         // the meter was exchanged
)

// home is a connection user of the test's world.
type home struct {
	devices.Household
	second  bool // has two meters, which share what he consumes
	solar   bool // feeds in too
	steady  bool // never away, and nothing happens to its meter
	trouble []trouble
	late    []time.Duration // after the end of the day
	truth   [][2][]float64  // by day: Wh by quarter hour, taken and fed in
	from    time.Time       // in the directory
	until   time.Time
}

// world is a region with everything around a Release: it is Readings,
// Directory, Store and Publisher, remembers everything that was ever public,
// and fails when faults says so.
type world struct {
	mu     sync.Mutex
	homes  []*home
	raw    map[string][]reading // by station
	puts   []devices.Aggregate  // all that were ever put
	rows   map[string]devices.Aggregate
	files  map[opendata.Day]int
	faults *rand.Rand
	text   text // logs and errors
}

// text is written by a Release and read by its test.
type text struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// published returns how many rows were put and how often each day was
// published.
func (w *world) published() (rows int, files map[opendata.Day]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.puts), maps.Clone(w.files)
}

type reading struct {
	at, arrived time.Time
	values      [2]float64
}

// retention is long enough for a day without a reading before all others.
const retention = 10 * 24 * time.Hour

var errFault = errors.New("the machine is away")

func newWorld() *world {
	return &world{raw: map[string][]reading{}, rows: map[string]devices.Aggregate{}, files: map[opendata.Day]int{}}
}

// fault fails now and then, before or after what is to be done.
func (w *world) fault() (do bool, err error) {
	if w.faults == nil {
		return true, nil
	}
	switch w.faults.IntN(20) {
	case 0:
		return false, errFault
	case 1:
		return true, errFault
	}
	return true, nil
}

// settle adds a home and everything that its meters will ever say.
func (w *world) settle(rnd *rand.Rand, h *home, first opendata.Day, days int) {
	w.homes = append(w.homes, h)
	scale := 120 * math.Exp(rnd.NormFloat64()*0.4)
	if !h.steady && rnd.IntN(10) == 0 {
		scale = 0 // away all the time
	}
	counters := [2]float64{1e6 * rnd.Float64(), 1e6 * rnd.Float64()}
	day := first
	for d := range days {
		n := quarters(day)
		t := [2][]float64{make([]float64, n), make([]float64, n)}
		happens, delay := fine, time.Duration(0)
		if !h.steady && d < days-1 && rnd.IntN(6) == 0 {
			happens, delay = []trouble{hole, late, late, swept}[rnd.IntN(4)], time.Duration(rnd.IntN(80))*time.Hour
		}
		h.trouble, h.late, h.truth = append(h.trouble, happens), append(h.late, delay), append(h.truth, t)
		for q := range n {
			t[0][q] = scale * math.Exp(rnd.NormFloat64()*0.3)
			if h.solar && q > 28 && q < 72 {
				t[1][q] = 300 * rnd.Float64()
			}
			at := day.Span().Start.Add(time.Duration(q) * quarter)
			r := reading{at: at, arrived: at, values: counters}
			if happens == late && q >= 40 && q < 60 {
				r.arrived = day.Span().End.Add(delay)
			}
			if happens == swept && q == 50 {
				counters = [2]float64{}
			}
			if happens != hole || q < 40 || q >= 60 {
				w.say(h, r)
			}
			counters[0], counters[1] = counters[0]+t[0][q], counters[1]+t[1][q]
		}
		day = opendata.DayOf(day.Span().End)
	}
}

// say stores a reading, in halves when there are two meters.
func (w *world) say(h *home, r reading) {
	if !h.solar {
		r.values[1] = math.NaN()
	}
	if h.second {
		r.values[0], r.values[1] = r.values[0]/2, r.values[1]/2
		w.raw[h.Station+"-b"] = append(w.raw[h.Station+"-b"], r)
	}
	w.raw[h.Station] = append(w.raw[h.Station], r)
}

// complete reports whether a home counts on a day, the d-th, by what has
// arrived.
func (h *home) complete(day opendata.Day, d int) bool {
	now := time.Now()
	there := !now.Before(h.from) && (h.until.IsZero() || now.Before(h.until))
	return there && (h.trouble[d] == fine || h.trouble[d] == late && !day.Span().End.Add(h.late[d]).After(now))
}

func (w *world) Households() (list []devices.Household) {
	for _, h := range w.homes {
		if time.Now().Before(h.from) || !h.until.IsZero() && !time.Now().Before(h.until) {
			continue
		}
		list = append(list, h.Household)
		if h.second {
			second := h.Household
			second.Station += "-b"
			list = append(list, second)
		}
	}
	return list
}

func (w *world) Readings(_ context.Context, _ uplink.Domain, span devices.Span, quantities []*devices.Quantity, take func(devices.Series) error) error {
	if _, err := w.fault(); err != nil {
		return err
	}
	now, from, to := time.Now(), span.Start.UnixMilli(), span.End.UnixMilli()
	for name, list := range w.raw {
		s := devices.Series{Station: name, Values: make([][]float64, len(quantities))}
		for _, r := range list {
			at := r.at.UnixMilli()
			if at < from || at >= to || r.arrived.After(now) {
				continue
			}
			s.Times = append(s.Times, at)
			for i, q := range quantities {
				s.Values[i] = append(s.Values[i], r.values[map[string]int{"energy_import": 0, "energy_export": 1}[q.Name]])
			}
		}
		if len(s.Times) == 0 {
			continue
		}
		if err := take(s); err != nil {
			return err
		}
	}
	return nil
}

func key(a *devices.Aggregate) string {
	return fmt.Sprint(a.Station, a.Quantity.Name, a.Window, a.Start.Unix())
}

func (w *world) Put(_ context.Context, _ string, window time.Duration, rows []devices.Aggregate) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	do, err := w.fault()
	for i := range rows {
		if rows[i].Window != window {
			return fmt.Errorf("a row of %s among those of %s", rows[i].Window, window)
		}
		if do && (err == nil || i%2 == 0) { // or a part of it
			w.puts = append(w.puts, rows[i])
			w.rows[key(&rows[i])] = rows[i]
		}
	}
	return err
}

func (w *world) Windows(_ context.Context, _ string, window time.Duration, span devices.Span, station string, _ ...*devices.Quantity) (out []devices.Aggregate, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.fault(); err != nil {
		return nil, err
	}
	for _, r := range w.rows {
		if r.Window == window && span.Contains(r.Start) && (station == "" || r.Station == station) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (w *world) Publish(_ context.Context, _ *opendata.Dataset, days []opendata.Day) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	do, err := w.fault()
	for _, d := range days {
		if do {
			w.files[d]++
		}
	}
	return err
}

// sorted returns what is public now.
func (w *world) sorted() (out []devices.Aggregate) {
	for _, r := range w.rows {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b devices.Aggregate) int {
		return cmp.Or(opendata.Compare(a, b), cmp.Compare(a.Window, b.Window))
	})
	return out
}

func dataset(k int, total bool) *opendata.Dataset {
	return &opendata.Dataset{
		ID: "haushalte", Domain: uplink.Energy, Quantities: []string{"energy_import", "energy_export"},
		Windows:    []opendata.Window{opendata.Quarter, opendata.Hour, opendata.Day24},
		Households: &opendata.Households{K: k, Total: total},
	}
}

func (w *world) release(t *testing.T, dir string, d *opendata.Dataset) *Release {
	t.Helper()
	r, err := New(Config{
		Dataset: d, Readings: w, Directory: w, Store: w, Publisher: w, Dir: dir, Retention: retention,
		Log: slog.New(slog.NewTextHandler(&w.text, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
