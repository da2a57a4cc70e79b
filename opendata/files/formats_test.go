package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twpayne/go-geom/encoding/geojson"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/opendata"
)

// record is a row as a reader of another make sees it: strings, numbers, times
// and truths by column; what is empty is not there.
type record map[string]any

// expect says by hand what the files of allKinds must tell of a window.
func expect(a devices.Aggregate, s devices.Station, guarded bool) record {
	text := func(v string) any {
		if guarded {
			return guard(v)
		}
		return v
	}
	r := record{"station": s.ID, "name": text(s.Name), "municipality": text(s.Municipality), "lat": s.Place.Lat, "lon": s.Place.Lon,
		"quantity": a.Quantity.Name, "unit": a.Quantity.Unit, "start": a.Start, "window_s": a.Window.Seconds(), "suppressed": a.Suppressed}
	for name, v := range map[string]string{"channel": a.Channel, "district": s.District, "road": s.Road} {
		if v != "" {
			r[name] = text(v)
		}
	}
	if a.Suppressed {
		return r
	}
	r["count"], r["coverage"] = float64(a.Count), a.Coverage
	switch a.Quantity.Kind {
	case devices.Gauge:
		r["mean"], r["min"], r["max"] = a.Mean, a.Min, a.Max
		for _, p := range a.Percentiles {
			r["p"+strconv.Itoa(p.P)] = p.Value
		}
	case devices.Count, devices.Meter:
		r["sum"] = a.Sum
	case devices.Category:
		r["category"] = a.Quantity.Categories[int(a.Mode)]
		for i, share := range a.Shares {
			r["share_"+a.Quantity.Categories[i]] = share
		}
	}
	return r
}

func wanted(rows []devices.Aggregate, stations []devices.Station, guarded bool) []record {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b devices.Aggregate) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return opendata.Compare(a, b)
	})
	d := allKinds()
	var out []record
	for _, a := range rows {
		for _, s := range stations {
			if s.ID == a.Station && d.Has(a.Quantity) {
				out = append(out, expect(a, s, guarded))
			}
		}
	}
	return out
}

// TestFormats reads each format back with a reader of another make and compares
// each value with that of the database.
func TestFormats(t *testing.T) {
	fake := newFake(t)
	t.Run("fake", func(t *testing.T) { // knows everything that a window may have
		files, dir := open(t, fake)
		publish(t, files)
		var rows []devices.Aggregate
		for _, r := range fake.rows {
			if r.Window == quarter {
				rows = append(rows, r)
			}
		}
		compareAll(t, dir, rows, fake.stations)
	})
	t.Run("InfluxDB", func(t *testing.T) {
		server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}()
		login := server.Platform
		store := influx.New(influx.Config{URL: server.URL(), Username: login.Username, Password: login.Password})
		defer store.Close()
		many := manyRows(t)
		if err := store.Put(t.Context(), "alles", quarter, many); err != nil {
			t.Fatal(err)
		}
		files, dir := open(t, fake)
		files.cfg.Reader = store
		publish(t, files)
		rows, err := store.Windows(t.Context(), "alles", quarter, day0.Span(), "")
		if err != nil || len(rows) != len(many) {
			t.Fatalf("the store has %d rows (%v), want %d", len(rows), err, len(many))
		}
		compareAll(t, dir, rows, fake.stations)
	})
}

// manyRows is a day of rows with numbers of many digits.
func manyRows(t *testing.T) []devices.Aggregate {
	var rows []devices.Aggregate
	for i := range 96 {
		start := day0.Span().Start.Add(time.Duration(i) * quarter)
		x := float64(i) + 1.0/float64(i+3)
		rows = append(rows,
			devices.Aggregate{Station: "pb-1", Quantity: quantity(t, "speed_mean"), Channel: "lane1", Start: start, Window: quarter, Count: i + 1, Mean: x, Min: -x, Max: x * 1e5, Coverage: 1 / x},
			devices.Aggregate{Station: "pb-1", Quantity: quantity(t, "vehicle_count"), Channel: "lane1", Start: start, Window: quarter, Count: 15, Sum: float64(i), Coverage: 1},
			devices.Aggregate{Station: "pb-2", Quantity: quantity(t, "surface_state"), Start: start, Window: quarter, Count: 1, Mode: float64(i % 8), Coverage: 1})
	}
	return rows
}

func compareAll(t *testing.T, dir string, rows []devices.Aggregate, stations []devices.Station) {
	t.Helper()
	base := filepath.Join("alles", "15m", day0.String())
	raw, guarded := wanted(rows, stations, false), wanted(rows, stations, true)
	for _, c := range []struct {
		ending string
		read   func(*testing.T, []byte) []record
		want   []record
	}{
		{".csv", func(t *testing.T, b []byte) []record { return readCSV(t, b, ',', ".", time.RFC3339) }, guarded},
		{".excel-de.csv", func(t *testing.T, b []byte) []record { return readCSV(t, b, ';', ",", time.DateTime) }, guarded},
		{".json", readJSON, raw},
		{".parquet", readParquet, raw},
		{".xlsx", readXLSX, digits15(raw)},
		{".geojson", func(t *testing.T, b []byte) []record { return readGeoJSON(t, b, stations) }, raw},
	} {
		t.Run(c.ending, func(t *testing.T) {
			got := c.read(t, content(t, dir, base+c.ending))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	month := strings.TrimSuffix(base, base[len(base)-3:])
	if diff := cmp.Diff(raw, readParquet(t, content(t, dir, month+".parquet"))); diff != "" {
		t.Errorf("month as Parquet: %s", diff)
	}
	if diff := cmp.Diff(guarded, readCSV(t, content(t, dir, month+".csv"), ',', ".", time.RFC3339)); diff != "" {
		t.Errorf("month as CSV: %s", diff)
	}
}

// digits15 rounds numbers as Excel does.
func digits15(rows []record) []record {
	var out []record
	for _, r := range rows {
		r = maps.Clone(r)
		for name, v := range r {
			if v, ok := v.(float64); ok {
				r[name], _ = strconv.ParseFloat(fmt.Sprintf("%.15g", v), 64)
			}
		}
		out = append(out, r)
	}
	return out
}

// TestHouseholds: nothing but the sum is told, and never that of too few.
func TestHouseholds(t *testing.T) {
	f := newFake(t)
	f.rows = []devices.Aggregate{
		{Station: "g-1", Quantity: quantity(t, "energy_import"), Start: t0, Window: quarter, Count: 60, Sum: 1234.5, Coverage: 1},
		{Station: "g-2", Quantity: quantity(t, "energy_import"), Start: t0, Window: quarter, Count: 4, Sum: 666, Suppressed: true},
	}
	d := allKinds()
	d.Households = &opendata.Households{K: 7}
	d.Quantities = []string{"energy_import"}
	files, dir := open(t, f, d)
	publish(t, files)
	got := string(content(t, dir, "alles/15m/1999-11-23.csv"))
	want := "site,quantity,unit,start,window,sum,suppressed\r\n" +
		"g-1,energy_import,W.h,1999-11-23T10:00:00Z,15m,1234.5,false\r\n" +
		"g-2,energy_import,W.h,1999-11-23T10:00:00Z,15m,,true\r\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, e := range []string{".json", ".geojson"} {
		data := content(t, dir, "alles/15m/1999-11-23"+e)
		if bytes.Count(data, []byte(`"sum":`)) != 1 || bytes.Contains(data, []byte(`"count":`)) {
			t.Errorf("%s tells too much:\n%s", e, data)
		}
		if !bytes.Contains(data, []byte("mindestens 7 Anschlussnutzern")) {
			t.Errorf("%s does not tell its rule", e)
		}
	}
	var fc geojson.FeatureCollection
	if err := json.Unmarshal(content(t, dir, "alles/15m/1999-11-23.geojson"), &fc); err != nil || len(fc.Features) != 2 || fc.Features[0].Geometry != nil {
		t.Errorf("a group of households has a place (%v)", err)
	}
	if r := get(files, "GET", "/data/alles/latest.csv"); r.StatusCode != 404 {
		t.Errorf("households are live: %d", r.StatusCode)
	}
}

func TestColumnsKeepTheirOrder(t *testing.T) {
	for _, c := range []struct {
		grouping opendata.Grouping
		want     string
	}{
		{"", "station,name,municipality,lat,lon,quantity,channel,unit,start,window_s,count,mean,min,max,sum,category,coverage,district,road,p15,p85,share_unknown,share_dry,share_moist,share_wet,share_slush,share_snow,share_ice,share_hoarfrost,suppressed"},
		{opendata.ByRoad, "site,name,municipality,lat,lon,quantity,channel,unit,start,window_s,count,mean,min,max,sum,category,coverage,p15,p85,share_unknown,share_dry,share_moist,share_wet,share_slush,share_snow,share_ice,share_hoarfrost,suppressed"},
	} {
		d := allKinds()
		d.Grouping = c.grouping
		var names []string
		for _, col := range columnsOf(&d) {
			names = append(names, col.Name)
		}
		if got := strings.Join(names, ","); got != c.want {
			t.Errorf("grouping %q has columns\n%s, want\n%s", c.grouping, got, c.want)
		}
	}
}
