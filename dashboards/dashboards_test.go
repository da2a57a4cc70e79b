package dashboards

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"modellregion/devices"
	"modellregion/internal/influx"
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
			if p.Title == "" || p.Type != "row" && !strings.HasSuffix(p.Description, ".") {
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

func TestPublicLink(t *testing.T) {
	ds, err := All(Options{DataSourceUID: "elsewhere", PublicURL: "https://daten.example.org/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		if !bytes.Contains(d.JSON, []byte(`"url": "https://daten.example.org/"`)) {
			t.Errorf("%s has no link to the public page", d.Title)
		}
		if bytes.Contains(d.JSON, []byte(DataSourceUID)) || !bytes.Contains(d.JSON, []byte(`"uid": "elsewhere"`)) {
			t.Errorf("%s does not use the data source asked for", d.Title)
		}
	}
}

func TestSurfaceStates(t *testing.T) {
	q, _ := devices.Lookup("surface_state")
	for code, s := range codes() {
		if s.text == "" || s.color == "" {
			t.Errorf("code %d (%s) has the text %q and the colour %q", code, q.Categories[code], s.text, s.color)
		}
	}
	// The count of slippery places takes the codes from slush on.
	for code, category := range q.Categories {
		slippery := slices.Contains([]string{"slush", "snow", "ice", "hoarfrost"}, category)
		if slippery != (code >= 4) {
			t.Errorf("%s has the code %d", category, code)
		}
	}
}

var (
	identifier = regexp.MustCompile(`"([^"]+)"`)
	alias      = regexp.MustCompile(`AS "([^"]+)"`)
	from       = regexp.MustCompile(`FROM "([^"]+)"`)
)

// Every name in a query is one that ingest writes. Grafana would answer an
// unknown one with no rows and no error.
func TestNames(t *testing.T) {
	tags := []string{influx.TagDevice, influx.TagStation, influx.TagMunicipality, influx.TagChannel}
	used := map[string]bool{}
	for _, d := range all(t) {
		qs, err := Queries(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range qs {
			for _, name := range unknownNames(q.InfluxQL, tags, used) {
				t.Errorf("%s, %s: no %q in storage: %s", d.Title, q.Panel, name, q.InfluxQL)
			}
		}
	}
	for _, name := range strings.Fields(`vehicle_count vehicle_count_truck speed_mean occupancy voltage current
		power_active power_apparent frequency energy_import energy_export load surface_temperature freezing_temperature
		surface_state water_film ice_fraction friction air_temperature relative_humidity air_pressure pm10 pm2_5 no2
		noise_laeq wind_speed wind_direction precipitation battery_voltage`) {
		if !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
	bad := `SELECT mean("speed_mean") AS "v" FROM "energy" WHERE "municipalty" = 'x'`
	if got := unknownNames(bad, tags, used); !slices.Equal(got, []string{"speed_mean", "municipalty"}) {
		t.Errorf("names wrong in %s: %q", bad, got)
	}
}

func unknownNames(q string, tags []string, used map[string]bool) []string {
	m := from.FindStringSubmatch(q)
	if m == nil {
		return []string{"no FROM"}
	}
	known := append([]string{m[1]}, tags...)
	for _, a := range alias.FindAllStringSubmatch(q, -1) {
		known = append(known, a[1])
	}
	switch domain := uplink.Domain(m[1]); {
	case m[1] == influx.MeasurementPlace:
		known = append(known, influx.FieldLat, influx.FieldLon, influx.TagDomain)
	case !domain.Valid():
		return m[1:]
	default:
		for _, quantity := range devices.Quantities() {
			if quantity.Domain == domain || quantity.Domain == devices.Health {
				known = append(known, quantity.Name)
			}
		}
	}
	var unknown []string
	for _, name := range identifier.FindAllStringSubmatch(q, -1) {
		used[name[1]] = true
		if !slices.Contains(known, name[1]) {
			unknown = append(unknown, name[1])
		}
	}
	return unknown
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
