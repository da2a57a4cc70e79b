package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

var errAway = errors.New("database is away")

// fixture is a region with stations and a day of windows, all in memory.
type fixture struct {
	mu       sync.Mutex
	places   []devices.Station
	rows     map[string][]devices.Aggregate // by dataset
	datasets []opendata.Dataset
	latest   *opendata.Latest
	err      error
	files    []File         // of each dataset
	spans    []devices.Span // asked for
	most     int            // windows asked for at once
}

func (f *fixture) Stations() []devices.Station                      { return f.places }
func (f *fixture) Interval(string, *devices.Quantity) time.Duration { return time.Minute }

func (f *fixture) Fact(string, string) (float64, bool) { return 0, false }

func (f *fixture) Published(dataset string) ([]File, error) {
	if f.err != nil {
		return nil, f.err
	}
	var out []File
	for _, file := range f.files {
		file.Path = strings.Replace(file.Path, "DATASET", dataset, 1)
		out = append(out, file)
	}
	return out, nil
}

func (f *fixture) Windows(_ context.Context, dataset string, window time.Duration, span devices.Span, station string, only ...*devices.Quantity) ([]devices.Aggregate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spans, f.most = append(f.spans, span), max(f.most, int(span.End.Sub(span.Start)/window))
	var out []devices.Aggregate
	for _, r := range f.rows[dataset] {
		if r.Window == window && span.Contains(r.Start) && (station == "" || station == r.Station) && (len(only) == 0 || slices.Contains(only, r.Quantity)) {
			out = append(out, r)
		}
	}
	return out, f.err
}

var testRegion = Region{
	Name: opendata.Text{De: "Modellregion NRW", En: "Model Region NRW"},
	Municipalities: []Municipality{
		{"aachen", "Aachen", 50.7753, 6.0839}, {"gelsenkirchen", "Gelsenkirchen", 51.5177, 7.0857}, {"paderborn", "Paderborn", 51.7189, 8.7575},
		{"soest", "Soest", 51.5711, 8.1057}, {"wuppertal", "Wuppertal", 51.2562, 7.1508},
	},
	Publisher: "Stadt Paderborn", Contact: "daten@paderborn.example",
}

var streets = []string{"Bahnhofstraße", "Westernstraße", "Neuer Graben", "Detmolder Straße", "Kaiserstraße", "Ringallee", "Marktplatz", "Am Stadtwald", "Talstraße", "Hafenstraße", "Schulweg", "Rathausplatz"}

// shapes are what stations of a domain measure: quantity, channels, level, swing.
var shapes = map[uplink.Domain][]struct {
	quantity     string
	channels     []string
	level, swing float64
}{
	uplink.Traffic:     {{"vehicle_count", []string{"lane1", "lane2"}, 95, 80}, {"speed_mean", []string{"lane1", "lane2"}, 44, 8}, {"occupancy", []string{"lane1", "lane2"}, .12, .1}, {"vehicle_count_truck", []string{"lane1", "lane2"}, 7, 5}},
	uplink.Energy:      {{"voltage", []string{"l1", "l2", "l3"}, 231, 4}, {"frequency", []string{""}, 50.005, .01}},
	uplink.Road:        {{"surface_temperature", []string{""}, 1.4, 3.5}, {"freezing_temperature", []string{""}, -1.1, .4}, {"surface_state", []string{""}, 3, 2.4}, {"water_film", []string{""}, 60, 50}, {"ice_fraction", []string{""}, .05, .05}, {"friction", []string{""}, .68, .1}},
	uplink.Environment: {{"air_temperature", []string{""}, 3.2, 3}, {"relative_humidity", []string{""}, 82, 9}, {"air_pressure", []string{""}, 1004, 2}, {"pm10", []string{""}, 17, 6}, {"pm2_5", []string{""}, 9, 4}, {"no2", []string{""}, 24, 11}, {"precipitation", []string{""}, .1, .1}, {"wind_speed", []string{""}, 4, 2}},
}

// newFixture builds n stations with windows until now; the last window runs.
func newFixture(t testing.TB, n int, now time.Time) *fixture {
	t.Helper()
	f := &fixture{rows: map[string][]devices.Aggregate{}, datasets: opendata.Defaults(), latest: opendata.NewLatest(), files: []File{
		{Path: "/data/DATASET/2026-11-22.csv", Bytes: 12_345, Window: opendata.Quarter, Period: "2026-11-22", Complete: true},
		{Path: "/data/DATASET/2026-11-22.parquet", Bytes: 999, Window: opendata.Quarter, Period: "2026-11-22", Complete: true},
		{Path: "/data/DATASET/2026-11.xlsx", Bytes: 1_234_567, Window: opendata.Hour, Period: "2026-11"},
		{Path: "/data/DATASET/latest.csv", Bytes: 4_000, Window: opendata.Quarter},
	}}
	if n == 0 {
		f.files = nil
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		d := &f.datasets[[]int{0, 0, 1, 2, 3}[i%5]]
		m := testRegion.Municipalities[(i/5)%5]
		s := devices.Station{
			ID: fmt.Sprintf("%s-%s-%d", m.ID[:2], d.ID[:3], i), Municipality: m.ID, Domain: d.Domain,
			Name:  fmt.Sprintf("%s %d", streets[rnd.IntN(len(streets))], 1+rnd.IntN(80)),
			Place: devices.Place{Lat: m.Lat + rnd.NormFloat64()*.02, Lon: m.Lon + rnd.NormFloat64()*.03},
		}
		f.places = append(f.places, s)
		f.fill(d, s, i, rnd, now)
	}
	for i := range f.datasets {
		f.latest.Put(f.datasets[i].ID, f.rows[f.datasets[i].ID], now)
	}
	return f
}

func (f *fixture) fill(d *opendata.Dataset, s devices.Station, i int, rnd *rand.Rand, now time.Time) {
	last := now.UTC().Truncate(time.Duration(d.Base()))
	measured := shapes[s.Domain]
	if s.Domain == uplink.Energy && i%2 == 0 {
		measured = append(measured[:1:1], struct {
			quantity     string
			channels     []string
			level, swing float64
		}{"load", []string{""}, 48, 22})
	}
	for _, m := range measured {
		q, _ := devices.Lookup(m.quantity)
		for c, channel := range m.channels {
			phase := rnd.Float64()
			for k := range 96 {
				if i%7 == 0 && k > 30 && k < 38 {
					continue // a gap
				}
				start := last.Add(-time.Duration(95-k) * time.Duration(d.Base()))
				v := m.level + m.swing*(math.Sin(float64(k)/15+phase+float64(c))*.8+rnd.NormFloat64()*.12)
				a := devices.Aggregate{Station: s.ID, Quantity: q, Channel: channel, Start: start, Window: time.Duration(d.Base()), Count: 15, Coverage: 1}
				if k == 95 {
					a.Coverage, a.Count = now.Sub(last).Minutes()/15, int(now.Sub(last).Minutes())
				}
				switch q.Kind {
				case devices.Count:
					a.Sum = max(0, math.Round(v))
				case devices.Category:
					a.Mode = min(7, max(1, math.Round(v)))
				default:
					a.Mean, a.Min, a.Max = v, v-1, v+1
				}
				f.rows[d.ID] = append(f.rows[d.ID], a)
			}
		}
	}
}

func (f *fixture) handler(t testing.TB, base BaseMap) http.Handler {
	t.Helper()
	return f.handlerWith(t, func(c *Config) { c.BaseMap = base })
}

// handlerWith is a portal of which a test wants something else.
func (f *fixture) handlerWith(t testing.TB, change func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{BaseURL: "https://daten.example", Source: "https://code.example/modellregion", Region: testRegion, Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: f, Files: f, Log: slog.New(slog.DiscardHandler)}
	change(&cfg)
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// count returns how many stations of a domain a municipality has.
func (f *fixture) count(municipality string, domain uplink.Domain) (n int) {
	for _, s := range f.places {
		if s.Municipality == municipality && s.Domain == domain {
			n++
		}
	}
	return n
}

// compareValues wants the values on a page to be those of the store.
func compareValues(t *testing.T, f *fixture, lang string, shown map[string]string) {
	t.Helper()
	if len(shown) == 0 {
		t.Error("no value on the page")
	}
	for i := range f.datasets {
		for _, a := range f.latest.Rows(f.datasets[i].ID) {
			text, ok := shown[keyOf(&a)]
			if !ok {
				continue
			}
			delete(shown, keyOf(&a))
			if want := value(a.Quantity, a.Value(), lang); text != want {
				t.Errorf("%s shows %q, want %q", keyOf(&a), text, want)
			}
		}
	}
	if len(shown) > 0 {
		t.Errorf("values of nothing in the store: %v", shown)
	}
}
