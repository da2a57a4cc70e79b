package dashboards

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/opendata"
	"modellregion/uplink"
)

var update = flag.Bool("update", false, "write the golden files")

func all(t testing.TB) []Dashboard {
	t.Helper()
	ds, err := All(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// The golden files are what a person reads and imports by hand.
func TestGolden(t *testing.T) {
	var names []string
	for _, d := range all(t) {
		name := filepath.Join("json", d.UID+".json")
		names = append(names, name)
		if *update {
			if err := os.WriteFile(name, d.JSON, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(d.JSON, want) {
			t.Errorf("%s is not what the code renders; go test ./dashboards -update writes it anew", name)
		}
	}
	found, err := filepath.Glob("json/*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if !slices.Equal(found, names) {
		t.Errorf("json/ holds %q, want %q", found, names)
	}
}

func TestStrictDecoding(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	strictTarget := func(raw []byte) (variants.Dataquery, error) {
		var q target
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		err := dec.Decode(&q)
		return q, err
	}
	cog.NewRuntime().RegisterDataqueryVariant(variants.DataqueryConfig{
		Identifier: "influxdb", DataqueryUnmarshaler: strictTarget, StrictDataqueryUnmarshaler: strictTarget,
	})
	for _, d := range all(t) {
		var decoded dashboard.Dashboard
		if err := decoded.UnmarshalJSONStrict(d.JSON); err != nil {
			t.Errorf("%s: %v", d.UID, err)
		}
		broken := bytes.Replace(d.JSON, []byte(`"rawQuery"`), []byte(`"rawquery2"`), 1)
		if err := decoded.UnmarshalJSONStrict(broken); err == nil {
			t.Errorf("%s: a query with an unknown key was accepted", d.UID)
		}
	}
}

// Every panel says in German what it shows, stands on a grid without overlap
// and has an id of its own.
func TestPanels(t *testing.T) {
	for _, d := range all(t) {
		if len(d.UID) > 40 || !regexp.MustCompile(`^[a-z-]+$`).MatchString(d.UID) {
			t.Errorf("uid %q", d.UID)
		}
		type panel struct {
			ID                       int
			Type, Title, Description string
			Collapsed                bool
			GridPos                  struct{ X, Y, W, H int }
			Panels                   []panel
			FieldConfig              struct{ Defaults struct{ Unit string } }
		}
		var doc struct{ Panels []panel }
		if err := json.Unmarshal(d.JSON, &doc); err != nil {
			t.Fatal(err)
		}
		var flat []panel
		for _, p := range doc.Panels {
			flat = append(append(flat, p), p.Panels...)
			if p.Type == "row" && p.Collapsed != (len(p.Panels) > 0) {
				t.Errorf("%s: row %q: a row holds its panels if and only if it is collapsed", d.Title, p.Title)
			}
		}
		taken := map[[2]int]string{}
		ids := map[int]bool{}
		for _, p := range flat {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s, %s: id %d is 0 or taken", d.Title, p.Title, p.ID)
			}
			ids[p.ID] = true
			if p.Title == "" || p.Type != "row" && (!strings.HasSuffix(p.Description, ".") || strings.Contains(p.Description, "  ")) {
				t.Errorf("%s: panel %q has the description %q", d.Title, p.Title, p.Description)
			}
			if p.Type == "graph" || p.Type == "singlestat" || p.Type == "table-old" {
				t.Errorf("%s, %s: %s is an Angular panel", d.Title, p.Title, p.Type)
			}
			g := p.GridPos
			if g.X+g.W > 24 {
				t.Errorf("%s, %s reaches past the grid", d.Title, p.Title)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Fatalf("%s: %q lies on %q", d.Title, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// With a public page each dashboard leads to what the public sees of the same,
// and each station to its own page; without one nothing leads nowhere.
func TestPublicLink(t *testing.T) {
	ds, err := All(Options{DataSourceUID: "elsewhere", OpenDataSourceUID: "elsewhere_open", PublicURL: "https://daten.example.org/"})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range ds {
		page := map[string]string{
			uidTraffic: "/dataset/verkehr", uidCounter: "/station/${station}", uidEnergy: "/dataset/spannungsqualitaet", uidTransformer: "/station/${station}",
			uidRoad: "/dataset/strassenzustand", uidEnvironment: "/dataset/umwelt", uidRadio: "/", uidPlatform: "/",
		}[d.UID]
		if !bytes.Contains(d.JSON, []byte(`"url": "https://daten.example.org`+page+`"`)) {
			t.Errorf("%s has no link to the public page %s", d.Title, page)
		}
		single := d.UID == uidCounter || d.UID == uidTransformer
		stations := bytes.Contains(d.JSON, []byte(`"url": "https://daten.example.org/station/${__`))
		if ofStations := d.UID != uidRadio && d.UID != uidPlatform && !single; stations != ofStations {
			t.Errorf("%s: stations lead to their public pages: %v, want %v", d.Title, stations, ofStations)
		}
		for _, uid := range []string{DataSourceUID, OpenDataSourceUID} {
			if bytes.Contains(d.JSON, []byte(`"`+uid+`"`)) {
				t.Errorf("%s does not use the data sources asked for, but %s", d.Title, uid)
			}
		}
		if without := all(t)[i].JSON; bytes.Contains(without, []byte("/dataset/")) || bytes.Contains(without, []byte("/station/")) {
			t.Errorf("%s leads to a public page that there is not", d.Title)
		}
	}
}

// Links between the dashboards lead to one that there is.
func TestLinks(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range all(t) {
		uids[d.UID] = true
	}
	led := map[string]bool{}
	for _, d := range all(t) {
		for _, m := range regexp.MustCompile(`/d/([a-z-]+)`).FindAllStringSubmatch(string(d.JSON), -1) {
			led[m[1]] = true
			if !uids[m[1]] {
				t.Errorf("%s leads to %s, which there is not", d.Title, m[1])
			}
		}
	}
	for _, uid := range []string{uidCounter, uidTransformer} {
		if !led[uid] {
			t.Errorf("nothing leads to %s", uid)
		}
	}
}

// A region may have datasets of other names.
func TestDatasets(t *testing.T) {
	own := opendata.Defaults()[0]
	own.ID = "strassenverkehr"
	ds, err := All(Options{Datasets: &[]opendata.Dataset{own}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(ds[0].JSON, []byte(`FROM \"strassenverkehr\"`)) || bytes.Contains(ds[0].JSON, []byte(`FROM \"verkehr\"`)) {
		t.Error("the dashboard reads another dataset than the region has")
	}
}

// Every code of a category that is shown has a text and a colour.
func TestStates(t *testing.T) {
	for category, states := range map[string]func() []dashboard.ValueMapping{
		"surface_state":   func() []dashboard.ValueMapping { m, _ := surfaceStates(); return m },
		"traffic_state":   func() []dashboard.ValueMapping { m, _ := trafficStates(); return m },
		"voltage_quality": verdictStates,
	} {
		q, _ := devices.Lookup(category)
		shown := states()[0].ValueMap.Options
		for code, name := range q.Categories {
			if s, ok := shown[strconv.Itoa(code)]; !ok || *s.Text == "" || *s.Color == "" {
				t.Errorf("%s: code %d (%s) is shown as %+v", category, code, name, s)
			}
		}
	}
	// Counts and conditions take codes from a name on.
	for category, names := range map[string]struct {
		first int
		of    []string
	}{
		"surface_state": {4, []string{"slush", "snow", "ice", "hoarfrost"}},
		"traffic_state": {jammed, []string{"slow", "congested"}},
	} {
		q, _ := devices.Lookup(category)
		for code, name := range q.Categories {
			if slices.Contains(names.of, name) != (code >= names.first) {
				t.Errorf("%s: %s has the code %d", category, name, code)
			}
		}
	}
}

var (
	quotedNames = regexp.MustCompile(`"([^"]+)"`)
	givenNames  = regexp.MustCompile(`AS "([^"]+)"`)
	sourceNames = regexp.MustCompile(`FROM ((?:"[^"]+"(?:, )?)+)`)
)

// Every name in a query is one that is stored. Grafana would answer an unknown
// one with no rows and no error.
func TestNames(t *testing.T) {
	used := map[string]bool{}
	for _, d := range all(t) {
		for _, q := range queriesOf(t, d) {
			for _, name := range unknownNames(q, used) {
				t.Errorf("%s, %s: no %q in storage: %s", d.Title, q.Panel, name, q.InfluxQL)
			}
		}
	}
	for _, name := range strings.Fields(`vehicle_count vehicle_count_truck speed_mean occupancy traffic_state.mode voltage current
		power_active power_apparent frequency energy_import energy_export load voltage_quality.mode voltage_within.mean voltage_unbalance.mean
		voltage_unbalance_quality.mode frequency_quality.mode surface_temperature freezing_temperature
		surface_state water_film ice_fraction friction roughness_iri air_temperature relative_humidity air_pressure pm10 pm2_5 no2 o3
		noise_laeq wind_speed wind_direction precipitation battery_voltage battery_level
		rssi snr dr f_cnt silent last_heard message why coverage lag_p95 lag_p50 uplinks outbox disk_free behind`) {
		if !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
	for _, bad := range []struct {
		q    Query
		want []string
	}{
		{Query{Source: DataSourceUID, InfluxQL: `SELECT mean("speed_mean") AS "v" FROM "energy" WHERE "municipalty" = 'x'`}, []string{"speed_mean", "municipalty"}},
		{Query{Source: OpenDataSourceUID, InfluxQL: `SELECT mean("voltage.sum") FROM "energienetz" WHERE "window" = '1h' AND "device" = 'x'`}, []string{"voltage.sum", "device"}},
		{Query{Source: OpenDataSourceUID, InfluxQL: `SELECT mean("no2.mean") FROM "verkehr"`}, []string{"no2.mean"}},
		{Query{Source: DataSourceUID, InfluxQL: `SELECT mean("rssi") FROM "radio" GROUP BY "station"`}, []string{"station"}},
		{Query{Source: DataSourceUID, InfluxQL: `SELECT 1`}, []string{"no FROM"}},
	} {
		if got := unknownNames(bad.q, used); !slices.Equal(got, bad.want) {
			t.Errorf("names wrong in %s: %q, want %q", bad.q.InfluxQL, got, bad.want)
		}
	}
}

// unknownNames finds the names in a query that are neither stored in what it
// reads nor given by itself.
func unknownNames(q Query, used map[string]bool) []string {
	from := sourceNames.FindAllStringSubmatch(q.InfluxQL, -1)
	if len(from) == 0 {
		return []string{"no FROM"}
	}
	var known []string
	for _, f := range from {
		for _, m := range quotedNames.FindAllStringSubmatch(f[1], -1) {
			fields := rawNames(m[1])
			if q.Source == OpenDataSourceUID {
				fields = openNames(m[1])
			}
			if fields != nil {
				known = append(known, m[1])
			}
			known = append(known, fields...)
		}
	}
	for _, a := range givenNames.FindAllStringSubmatch(q.InfluxQL, -1) {
		known = append(known, a[1])
	}
	var unknown []string
	for _, name := range quotedNames.FindAllStringSubmatch(q.InfluxQL, -1) {
		used[name[1]] = true
		if !slices.Contains(known, name[1]) {
			unknown = append(unknown, name[1])
		}
	}
	return unknown
}

// rawNames are the tags and fields of a measurement of bucket raw, nil of one
// that there is not.
func rawNames(measurement string) []string {
	place := []string{influx.TagDevice, influx.TagStation, influx.TagMunicipality}
	switch measurement {
	case influx.MeasurementPlace:
		return append(place, influx.TagDomain, influx.TagName, influx.FieldLat, influx.FieldLon)
	case influx.MeasurementRadio:
		return []string{influx.TagDevice, influx.TagGateway, influx.FieldRSSI, influx.FieldSNR, influx.FieldDR, influx.FieldFCnt, influx.FieldLost}
	case influx.MeasurementQuality:
		return append(place, influx.TagChannel, influx.TagMark, influx.TagQuantity, influx.FieldValue, influx.FieldPrevious)
	case influx.MeasurementHealth:
		return []string{influx.TagSender, influx.TagID, influx.TagEdge, influx.TagDomain, influx.TagStation, influx.TagMunicipality,
			influx.FieldSilent, influx.FieldInterval, influx.FieldLastHeard}
	case influx.MeasurementDeadLetter:
		return []string{influx.TagEdge, influx.TagReason, influx.FieldMessage, influx.FieldWhy, influx.FieldDevice, influx.FieldTopic}
	case influx.MeasurementPlatform:
		return []string{influx.TagRole, influx.TagInstance, influx.TagEdge, influx.TagGateway,
			influx.FieldUplinks, influx.FieldReadings, influx.FieldShed, influx.FieldWriteErrors, influx.FieldWindows, influx.FieldRequests, influx.FieldRefused,
			influx.FieldLag, influx.FieldLagMedian, influx.FieldQueue, influx.FieldStoreOK, influx.FieldBehind, influx.FieldMemory, influx.FieldDiskFree, influx.FieldDiskSize, influx.FieldDiskFullIn,
			influx.FieldOnline, influx.FieldOutbox, influx.FieldUndated, influx.FieldGivenUp, influx.FieldDiskOK,
			influx.FieldReceived, influx.FieldReceivedOK, influx.FieldSent, influx.FieldAcked}
	}
	domain := uplink.Domain(measurement)
	if !domain.Valid() {
		return nil
	}
	all := append(place, influx.TagChannel)
	for _, q := range devices.Quantities() {
		if (q.Domain == domain || q.Domain == devices.Health) && !q.Derived {
			all = append(all, q.Name)
		}
	}
	return all
}

// openNames are the tags and fields of a dataset.
func openNames(dataset string) []string {
	all := []string{influx.TagStation, influx.TagChannel, influx.TagWindow, influx.FieldCount, influx.FieldCoverage}
	ofKind := map[devices.Kind][]string{
		devices.Gauge: {influx.FieldMean, influx.FieldMin, influx.FieldMax}, devices.Count: {influx.FieldSum}, devices.Meter: {influx.FieldSum}, devices.Category: {influx.FieldMode},
	}
	for _, d := range opendata.Defaults() {
		if d.ID != dataset {
			continue
		}
		for _, name := range d.Quantities {
			q, _ := devices.Lookup(name)
			for _, field := range append(ofKind[q.Kind], influx.FieldCount, influx.FieldCoverage) {
				all = append(all, name+"."+field)
			}
		}
		return all
	}
	return nil
}

func TestExpand(t *testing.T) {
	to := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const q = `$timeFilter ${municipality:regex} ${station:regex} $__interval $__interval_ms`
	tests := []struct {
		name string
		q    Query
		vars map[string]string
		from time.Time
		want string
	}{
		{"all", Query{InfluxQL: q}, map[string]string{"municipality": Every, "station": Every}, to.Add(-6 * time.Hour),
			"time >= 1795413600000ms and time <= 1795435200000ms .* .* 30000ms 30000"},
		{"several", Query{InfluxQL: q, Least: 15 * time.Minute}, map[string]string{"municipality": Values("soest"), "station": Values("a.1", "b/2")},
			to.Add(-6 * time.Hour), `time >= 1795413600000ms and time <= 1795435200000ms soest (a\.1|b\/2) 900000ms 900000`},
		{"missing variable stays", Query{InfluxQL: q}, nil, to.Add(-90 * 24 * time.Hour),
			"time >= 1787659200000ms and time <= 1795435200000ms ${municipality:regex} ${station:regex} 21600000ms 21600000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.q.Expand(test.vars, test.from, to); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestQueriesRefusesWhatIsNoDashboard(t *testing.T) {
	for _, broken := range []string{``, `[]`, `{"panels":[1]}`, `{"panels":[{"interval":"xd"}]}`} {
		if qs, err := Queries(Dashboard{UID: "x", JSON: []byte(broken)}); err == nil {
			t.Errorf("%s: got %v, want an error", broken, qs)
		}
	}
}

func FuzzQueries(f *testing.F) {
	f.Add([]byte(`{"panels":[{"title":"a","interval":"5m","targets":[{"refId":"A","query":"SELECT $__interval"}]}],` +
		`"templating":{"list":[{"name":"station","query":"SHOW TAG VALUES"}]}}`))
	f.Add([]byte(`{"panels":[{"type":"row","panels":[{"targets":[null]},null]}],"templating":{"list":null}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		qs, err := Queries(Dashboard{UID: "fuzz", JSON: raw})
		if err != nil && qs != nil {
			t.Errorf("queries beside the error %v", err)
		}
		for _, q := range qs {
			if got := q.Expand(nil, time.Unix(0, 0), time.Unix(1e9, 0)); strings.Contains(got, "$timeFilter") {
				t.Errorf("%q became %q", q.InfluxQL, got)
			}
		}
	})
}
