package sensorthings

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/opendata"
	"modellregion/uplink"
)

// one is the embedded InfluxDB of all tests.
var one struct {
	start  sync.Once
	server *embedded.Server
	dir    string
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if one.server != nil {
		if err := errors.Join(one.server.Close(), os.RemoveAll(one.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// database returns a client of an embedded InfluxDB. Tests share it: each has
// datasets of its own.
func database(t testing.TB) *influx.Client {
	t.Helper()
	one.start.Do(func() {
		if one.dir, one.err = os.MkdirTemp("", "sensorthings"); one.err == nil {
			one.server, one.err = embedded.Start(context.Background(), embedded.Options{Dir: one.dir})
		}
	})
	if one.err != nil {
		t.Fatal(one.err)
	}
	c := influx.New(influx.Config{URL: one.server.URL(), Username: one.server.Platform.Username, Password: one.server.Platform.Password})
	t.Cleanup(c.Close)
	return c
}

// store is what tests write to.
type store interface {
	Observations
	Put(ctx context.Context, dataset string, window time.Duration, rows []devices.Aggregate) error
}

// memory is a store without a database, for what is tested thousands of times.
// TestPlansAgainstTheDatabase compares both.
type memory struct {
	mu    sync.Mutex
	rows  map[string][]devices.Aggregate
	err   error
	asked int
}

func (m *memory) Put(_ context.Context, dataset string, _ time.Duration, rows []devices.Aggregate) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string][]devices.Aggregate{}
	}
	for _, row := range rows {
		m.rows[dataset] = slices.DeleteFunc(m.rows[dataset], func(a devices.Aggregate) bool {
			return a.Station == row.Station && a.Quantity == row.Quantity && a.Channel == row.Channel && a.Start.Equal(row.Start)
		})
		m.rows[dataset] = append(m.rows[dataset], row)
	}
	return nil
}

func (m *memory) matching(q devices.WindowQuery) (out []devices.Aggregate, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	for _, a := range m.rows[q.Dataset] {
		ok := a.Quantity == q.Quantity && a.Window == q.Window && !a.Suppressed && q.Span.Contains(a.Start) &&
			(q.Of == nil || *q.Of == devices.StationSeries{Station: a.Station, Channel: a.Channel})
		for _, b := range q.Bounds {
			op := map[string]string{"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[b.Op]
			ok = ok && relate(op, ofNumber(a.Value()), ofNumber(b.Value)).isTrue()
		}
		if ok {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b devices.Aggregate) int { return a.Start.Compare(b.Start) })
	return out, m.err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) SelectWindows(_ context.Context, q devices.WindowQuery) ([]devices.Aggregate, error) {
	out, err := m.matching(q)
	if q.Newest {
		slices.Reverse(out)
	}
	out = out[min(q.Offset, len(out)):]
	return out[:min(q.Limit, len(out))], err
}

func (m *memory) CountWindows(_ context.Context, q devices.WindowQuery) ([]devices.WindowCount, error) {
	rows, err := m.matching(q)
	counts := map[devices.StationSeries]*devices.WindowCount{}
	for _, a := range rows {
		of := devices.StationSeries{Station: a.Station, Channel: a.Channel}
		if counts[of] == nil {
			counts[of] = &devices.WindowCount{StationSeries: of, First: a.Start}
		}
		counts[of].Count++
		counts[of].Last = a.Start
	}
	var out []devices.WindowCount
	for _, n := range counts {
		out = append(out, *n)
	}
	return out, err
}

// region is what a test puts into the service.
type region struct {
	t        testing.TB
	stations []devices.Station
	datasets []opendata.Dataset
	latest   *opendata.Latest
	store    store
	service  *Service
	base     string // of addresses in answers
}

func (r *region) Stations() []devices.Station                      { return r.stations }
func (r *region) Interval(string, *devices.Quantity) time.Duration { return time.Minute }
func (r *region) Fact(string, string) (float64, bool)              { return 0, false }

const testBase = "https://daten.example.de" + Path

func (r *region) open(change func(*Config)) {
	r.t.Helper()
	dir := r.t.TempDir()
	ids, err := OpenIds(filepath.Join(dir, "ids"))
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := Config{
		Datasets: r.datasets, Municipalities: map[string]string{"paderborn": "Paderborn"}, Directory: r, Latest: r.latest, Observations: r.store,
		Ids: ids, Log: slog.New(slog.DiscardHandler), Assign: true, BaseURL: testBase,
	}
	if change != nil {
		change(&cfg)
	}
	if r.service, err = New(cfg); err != nil {
		r.t.Fatal(err)
	}
	if err := r.service.Refresh(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// put stores rows as the aggregator does.
func (r *region) put(d *opendata.Dataset, rows ...devices.Aggregate) {
	r.t.Helper()
	for i := range rows {
		if rows[i].Window == 0 {
			rows[i].Window = time.Duration(d.Base())
		}
	}
	if err := r.store.Put(r.t.Context(), d.ID, time.Duration(d.Base()), rows); err != nil {
		r.t.Fatal(err)
	}
	r.latest.Put(d.ID, rows, time.Now())
}

func known(t testing.TB, name string) *devices.Quantity {
	t.Helper()
	q, ok := devices.Lookup(name)
	if !ok {
		t.Fatalf("no quantity %s", name)
	}
	return q
}

func gauge(t testing.TB, station, name string, start time.Time, v float64) devices.Aggregate {
	return devices.Aggregate{Station: station, Quantity: known(t, name), Start: start, Count: 15, Mean: v, Min: v - 1, Max: v + 1, Coverage: 1}
}

// day returns the midnight of a day in March 2026, UTC.
func day(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }

var datasetNumber struct {
	sync.Mutex
	n int
}

func datasetID() string {
	datasetNumber.Lock()
	defer datasetNumber.Unlock()
	datasetNumber.n++
	return fmt.Sprintf("satz-%04d", datasetNumber.n)
}

// conformant is the region of the conformance suite ets-sta10: 2 Things, 4
// Datastreams, 4 Sensors, 3 ObservedProperties, 12 Observations with results
// from 1 to 12, one a day.
func conformant(t testing.TB, s store) *region {
	t.Helper()
	r := &region{t: t, latest: opendata.NewLatest(), store: s, base: testBase}
	for i, name := range []string{"Bahnhofstraße 1", "O'Neill-Platz"} {
		r.stations = append(r.stations, devices.Station{
			ID: fmt.Sprintf("pb-%d", i+1), Name: name, Municipality: "paderborn", Domain: uplink.Environment,
			Place: devices.Place{Lat: 51.7 + float64(i), Lon: 8.75},
		})
	}
	r.stations[1].Segment = devices.Segment{{Lat: 52.7, Lon: 8.75}, {Lat: 52.8, Lon: 8.85}}
	for i, quantities := range [][]string{{"air_temperature", "pm10"}, {"air_temperature", "relative_humidity"}} {
		d := opendata.Dataset{
			ID: datasetID(), Domain: uplink.Environment, Quantities: quantities, Windows: []opendata.Window{opendata.Quarter},
			Title: opendata.Text{De: "Luft", En: "Air"}, Licence: opendata.DataLicenceZero(),
		}
		r.datasets = append(r.datasets, d)
		for j, name := range quantities {
			for k := range 3 {
				n := 6*i + 3*j + k + 1
				r.put(&d, gauge(t, r.stations[i].ID, name, day(n), float64(n)))
			}
		}
	}
	r.open(nil)
	return r
}

// result of a request.
type got struct {
	status int
	header http.Header
	body   string
}

func (r *region) do(method, address string, headers ...string) got {
	r.t.Helper()
	address = strings.TrimPrefix(address, r.base)
	path, query, _ := strings.Cut(address, "?")
	u := &url.URL{Scheme: "http", Host: "test", Path: Path + path, RawQuery: encoded(query)}
	req := httptest.NewRequest(method, "http://test"+Path, nil).WithContext(r.t.Context())
	req.URL = u
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	r.service.ServeHTTP(rec, req)
	return got{rec.Code, rec.Header(), rec.Body.String()}
}

// encoded lets tests write queries as people do.
func encoded(query string) string {
	return strings.NewReplacer(" ", "%20", "+", "%2B", "ß", "%C3%9F").Replace(query)
}

// get wants 200 and decodes the answer.
func (r *region) get(address string) map[string]any {
	r.t.Helper()
	a := r.do(http.MethodGet, address)
	if a.status != http.StatusOK {
		r.t.Fatalf("%s: %d %s", address, a.status, a.body)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		r.t.Fatalf("%s: %v in %s", address, err, a.body)
	}
	return out
}

// entries returns the entities of a page.
func entries(page map[string]any) (out []map[string]any) {
	for _, e := range page["value"].([]any) {
		out = append(out, e.(map[string]any))
	}
	return out
}

// results are the results of a page of Observations, as text.
func results(page map[string]any) string {
	var out []string
	for _, e := range entries(page) {
		out = append(out, fmt.Sprint(e["result"]))
	}
	return strings.Join(out, " ")
}

// all follows nextLink to the end, and fails when that does not come.
func (r *region) all(address string) (out []map[string]any) {
	r.t.Helper()
	for range 1000 {
		page := r.get(address)
		out = append(out, entries(page)...)
		next, ok := page["@iot.nextLink"].(string)
		if !ok {
			return out
		}
		if len(entries(page)) == 0 {
			r.t.Fatalf("%s: a page without entities has a nextLink", address)
		}
		address = next
	}
	r.t.Fatalf("%s: no end of pages", address)
	return nil
}

func ids(entities []map[string]any) (out []int) {
	for _, e := range entities {
		out = append(out, int(e["@iot.id"].(float64)))
	}
	return out
}

func sortedKeys(m map[string]any) string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return strings.Join(keys, " ")
}
