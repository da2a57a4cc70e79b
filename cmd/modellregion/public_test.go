//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/mqtt"
	"modellregion/opendata"
	"modellregion/uplink"
)

// publicDevice puts a public traffic counter into the registry of a region.
func publicDevice(t *testing.T, cfg string) {
	t.Helper()
	list := "dev_eui,app_key,name,station,municipality,profile,edge,lat,lon,visibility\n" +
		barrier + "," + someKey + ",Westernstraße,paderborn-verkehr-1,paderborn,virtual-traffic,rathaus,51.7,8.75,public\n"
	if _, _, err := call(t, "devices", "import", "-c", cfg, file(t, "devices.csv", list)); err != nil {
		t.Fatal(err)
	}
}

// The pages are shown by a process that has neither the platform's secrets nor
// its registry, from what another computes.
func TestPublicAlone(t *testing.T) {
	edit, logins, _ := beside(t)
	dir, shownIn := t.TempDir(), t.TempDir()
	cfg := region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+dir)...)
	publicDevice(t, cfg)

	var secret string
	for line := range strings.Lines(mustRead(t, cfg)) {
		if path, ok := strings.CutPrefix(line, "  password_file: "); ok {
			secret = strings.TrimSpace(path) // the last is that of InfluxDB
		}
	}
	rathaus, got := asEdge(t, logins, uplink.KindStored)
	_, stop := serving(t, dir, "endpoints-ingest.json", "--roles", "ingest", cfg)
	payload := `{"v":1,"epoch":"5c1f","uplinks":[` + uplinkOf(t, barrier, time.Now().UTC().Truncate(time.Millisecond), "speed_mean", 47) + `]}`
	topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindUp, Domain: uplink.Traffic}
	if err := rathaus.Publish(t.Context(), mqtt.Message{Topic: topic.String(), Payload: []byte(payload), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	<-got[uplink.KindStored]
	stop()

	at, _ := serving(t, dir, "endpoints-aggregate-lists.json", "--roles", "aggregate,lists", cfg)
	if _, ok := at["http"]; ok {
		t.Error("without role public there is a public listener")
	}
	if err := os.Symlink(filepath.Join(dir, "open"), filepath.Join(shownIn, "open")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	shown := region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+shownIn)...)
	public, _ := serving(t, shownIn, "endpoints-public.json", "--roles", "public", shown)

	waitFor(t, "the value in a file", func() bool {
		return strings.Contains(page(public["http"], "/data/verkehr/latest.csv"), "paderborn-verkehr-1")
	})
	if got := page(public["http"], "/api/v1/stations"); !strings.Contains(got, `"id":"paderborn-verkehr-1"`) {
		t.Errorf("stations: %s", got)
	}
	if got := page(public["http"], "/api/v1/series?station=paderborn-verkehr-1&quantity=speed_mean"); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "47") {
		t.Errorf("series: %s", got)
	}
	if got := page(public["http"], "/"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("portal: %s", got)
	}
	// The numbers are given by the process that computes.
	waitFor(t, "the series in SensorThings", func() bool {
		metrics := page(public["internal"], "/metrics")
		return strings.Contains(metrics, "modellregion_sensorthings_datastreams ") && !strings.Contains(metrics, "modellregion_sensorthings_datastreams 0\n")
	})
	if got := page(public["http"], "/sta/v1.1/Things?$expand=Datastreams($expand=Observations($top=1))"); !strings.Contains(got, `"result":47`) {
		t.Errorf("SensorThings: %s", got)
	}
	if got := page(public["http"], "/catalog.ttl"); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "https://daten.musterstadt.example/data/verkehr/latest.csv") {
		t.Errorf("catalogue: %s", got)
	}
	if got := page(public["http"], "/live?dataset=nirgends"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("live stream: %s", got)
	}
	if got := page(public["http"], socketPath); !strings.HasPrefix(got, "404 ") {
		t.Errorf("topics without a broker: %s", got)
	}
	for _, name := range []string{"registry.db", "influx.json", "mqtt.json", "households", "aggregate.lock"} {
		if _, err := os.Stat(filepath.Join(shownIn, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a process with role public alone leaves %s (%v)", name, err)
		}
	}
	metrics := page(public["internal"], "/metrics")
	if !strings.Contains(metrics, "modellregion_public_age_seconds ") || strings.Contains(metrics, "modellregion_opendata_") {
		t.Errorf("a process with role public alone shows\n%s", metrics)
	}
	metrics = page(at["internal"], "/metrics")
	for _, want := range []string{"windows_total", "behind_seconds", "step_seconds", `failures_total{part="files"} 0`, "files_total", "file_bytes_total"} {
		if !strings.Contains(metrics, "modellregion_opendata_"+want) || strings.Contains(metrics, "modellregion_opendata_"+want+" 0\n") {
			t.Errorf("%s is missing or 0 in\n%s", want, metrics)
		}
	}
}

// The public login can read bucket open and do nothing else.
func TestPublicLogin(t *testing.T) {
	db, server := startInflux(t, t.TempDir())
	public := influx.New(influx.Config{URL: server.URL(), Username: server.Public.Username, Password: server.Public.Password})
	defer public.Close()
	q, _ := devices.Lookup("speed_mean")
	now := time.Now().UTC().Truncate(time.Hour)
	rows := []devices.Aggregate{{Station: "a", Quantity: q, Start: now, Window: time.Hour, Count: 2, Mean: 47, Min: 40, Max: 50, Coverage: 1}}
	hour := devices.Span{Start: now, End: now.Add(time.Hour)}
	if err := db.Put(t.Context(), "verkehr", time.Hour, rows); err != nil {
		t.Fatal(err)
	}
	if got, err := public.Windows(t.Context(), "verkehr", time.Hour, hour, ""); err != nil || !reflect.DeepEqual(got, rows) {
		t.Errorf("it reads %+v (%v)", got, err)
	}
	eui, _ := uplink.ParseEUI(barrier)
	for name, do := range map[string]func(context.Context) error{
		"readings": func(ctx context.Context) error {
			_, err := public.DeviceReadings(ctx, uplink.Traffic, eui, hour)
			return err
		},
		"series": func(ctx context.Context) error {
			return public.Readings(ctx, uplink.Traffic, hour, []*devices.Quantity{q}, func(devices.Series) error { return nil })
		},
		"marks": func(ctx context.Context) error {
			_, err := public.Dirty(ctx, hour)
			return err
		},
		"dead letters": func(ctx context.Context) error {
			_, err := public.CountDeadLetters(ctx)
			return err
		},
		"writing readings": func(ctx context.Context) error {
			return public.Write(ctx, []devices.Report{{Device: eui, Domain: uplink.Traffic, Time: now, Readings: []devices.Reading{{Quantity: q, Value: 1}}}})
		},
		"writing windows":    func(ctx context.Context) error { return public.Put(ctx, "verkehr", time.Hour, rows) },
		"moving the cursor":  func(ctx context.Context) error { return public.SetCursor(ctx, now) },
		"setting buckets up": func(ctx context.Context) error { return public.SetUp(ctx, time.Hour) },
	} {
		if err := do(t.Context()); err == nil {
			t.Errorf("%s: the public login may", name)
		}
	}
}

// One folder has one writer.
func TestOneAggregator(t *testing.T) {
	cfg := config{DataDir: t.TempDir()}
	first, err := lockFolder(t.Context(), cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(t.Context(), cfg, 0); !errors.Is(err, errAggregating) {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockFolder(t.Context(), cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func someStations() []devices.Station {
	return []devices.Station{
		{ID: "a", Name: "A <b> & „c“", Municipality: "paderborn", District: "Schloß Neuhaus", Road: "B 64", Domain: uplink.Traffic, Place: devices.Place{Lat: 51.7, Lon: 8.7},
			Segment: devices.Segment{{Lat: 51.7, Lon: 8.7}, {Lat: 51.71, Lon: 8.72}}},
		{ID: "b", Domain: uplink.Environment, Place: devices.Place{Lat: 51, Lon: 8}},
	}
}

func TestStationList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stations.json")
	l := newStationList(path, slog.New(slog.DiscardHandler))
	if len(l.Stations()) != 0 {
		t.Error("stations without a file")
	}
	if err := writeStations(path, someStations()); err != nil {
		t.Fatal(err)
	}
	l.look()
	if !reflect.DeepEqual(l.Stations(), someStations()) {
		t.Errorf("read %+v", l.Stations())
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if l.look(); len(l.Stations()) != 2 {
		t.Error("a damaged file took the stations away")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := writeStations(path, nil); err != nil {
		t.Fatal(err)
	}
	if l.look(); len(l.Stations()) != 0 {
		t.Error("a station that is withdrawn remains")
	}
	if l.Interval("a", nil) != 0 {
		t.Error("it knows an interval")
	}
}

func FuzzStations(f *testing.F) {
	path := filepath.Join(f.TempDir(), "stations.json")
	if err := writeStations(path, someStations()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(good), "", "{}", `{"v":1}`, `{"v":2}`, `{"v":1,"stations":[{}]}`, `{"v":1,"stations":[{"id":"a","domain":"energy","lat":1e300}]}`,
		`{"v":1,"stations":[{"id":"a","domain":"energy","segment":"LINESTRING (1 2"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		stations, err := parseStations(data)
		if err != nil {
			return
		}
		again := filepath.Join(t.TempDir(), "stations.json")
		if err := writeStations(again, stations); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(again)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseStations(text); err != nil || len(got) != len(stations) || !json.Valid(text) {
			t.Fatalf("%s: %d stations, then %d (%v)", text, len(stations), len(got), err)
		}
	})
}

// fakeOpen is bucket open with one window, which counts what it is asked.
type fakeOpen struct {
	spans []devices.Span
	err   error
}

func (f *fakeOpen) Windows(_ context.Context, _ string, w time.Duration, span devices.Span, _ string, _ ...*devices.Quantity) ([]devices.Aggregate, error) {
	f.spans = append(f.spans, span)
	q, _ := devices.Lookup("speed_mean")
	begin := span.End.Add(-w)
	return []devices.Aggregate{{Station: "a", Quantity: q, Start: begin, Window: w, Count: 1, Mean: 47}}, f.err
}

// Looking is cheap: the last hour, and everything live now and then.
func TestReload(t *testing.T) {
	sets := opendata.Defaults()[:1]
	db := &fakeOpen{}
	r := &reloader{datasets: sets, reader: db, latest: opendata.NewLatest()}
	now := time.Date(2026, 11, 23, 10, 7, 0, 0, time.UTC)
	asked := func(at time.Time) time.Duration {
		db.spans = nil
		if err := r.load(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		return db.spans[0].End.Sub(db.spans[len(db.spans)-1].Start)
	}
	if got := asked(now); got < 24*time.Hour {
		t.Errorf("at first it reads %v", got)
	}
	if got := asked(now.Add(30 * time.Second)); got != 75*time.Minute {
		t.Errorf("then it reads %v, want the window that runs and an hour", got)
	}
	if rows := r.latest.Rows("verkehr"); len(rows) != 1 || rows[0].Mean != 47 || !rows[0].Start.Equal(now.Truncate(15*time.Minute)) {
		t.Errorf("last values %+v", rows)
	}
	if got := asked(now.Add(time.Hour)); got < 24*time.Hour {
		t.Errorf("after an hour it reads %v", got)
	}
	db.err = errors.New("away")
	if err := r.load(t.Context(), now.Add(2*time.Hour)); err == nil || len(r.latest.Rows("verkehr")) != 1 {
		t.Errorf("a database that is away: %v, %d values", err, len(r.latest.Rows("verkehr")))
	}
}
