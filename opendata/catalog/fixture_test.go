package catalog

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// stations is a directory of these.
type stations []devices.Station

func (s stations) Stations() []devices.Station                         { return s }
func (stations) Interval(string, *devices.Quantity) time.Duration      { return 0 }
func (stations) Fact(station, name string) (value float64, known bool) { return 0, false }

// published are files by dataset; one without an entry has none.
type published map[string]Published

func (p published) Published(dataset string) (Published, error) { return p[dataset], nil }

var written = time.Date(2026, 11, 23, 9, 15, 3, 0, time.UTC)

// filesOf are what a dataset has after two months.
func filesOf(d *opendata.Dataset) Published {
	kinds := map[string]string{
		"csv": "text/csv; charset=utf-8; header=present", "json": "application/json", "geojson": "application/geo+json",
		"parquet": "application/vnd.apache.parquet", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	}
	p := Published{First: opendata.Day{Year: 2026, Month: 10, Day: 5}}
	for kind, mediaType := range kinds {
		add := func(folder, period string, w opendata.Window, complete bool) {
			name := period
			if period == "" {
				name = "latest"
			}
			p.Files = append(p.Files, File{
				Path: "/data/" + d.ID + "/" + folder + name + "." + kind, MediaType: mediaType, Bytes: 48213, SHA256: strings.Repeat("0a", 32),
				Issued: written.Add(-24 * time.Hour), Modified: written, Window: w, Period: period, Complete: complete,
			})
		}
		if d.Households == nil {
			add("", "", d.Base(), false)
		}
		for _, w := range d.Windows {
			folder := w.String() + "/"
			add(folder, "2026-11-23", w, false)
			add(folder, "2026-11-22", w, true)
			if kind == "csv" || kind == "parquet" {
				add(folder, "2026-11", w, false)
				add(folder, "2026-10", w, true)
			}
		}
	}
	return p
}

// region is a whole configuration.
func region() Config {
	cfg := Config{
		BaseURL: "https://daten.musterland.example",
		Region: Region{
			Name:      opendata.Text{De: "Modellregion Musterland", En: "Musterland Model Region"},
			Publisher: "Stadt Musterstadt", Contact: "opendata@musterstadt.example",
			Municipalities: []Municipality{{"paderborn", "05774032"}, {"soest", "05974040"}},
		},
		Datasets: opendata.Defaults(),
		Service:  Service{Path: "/sta/v1.1"},
		Settings: Settings{PublisherType: "LocalAuthority", Datasets: map[string]Details{
			"strassenzustand": {
				Keywords: []opendata.Text{{De: "Winterdienst", En: "winter service"}}, Issued: "2026-10-01",
				Legislation: []string{"https://www.recht.example/strwg"}, Provenance: opendata.Text{De: "Vom Bauhof.", En: "By the depot."},
			},
		}},
		Log: slog.New(slog.DiscardHandler),
	}
	cfg.Datasets[1].Licence = opendata.Licences()[2]
	cfg.Datasets[1].Publisher, cfg.Datasets[1].Contact = "Stadtwerke Musterstadt", "https://stadtwerke.example/kontakt?a=1&b=2"
	var all stations
	for i, domain := range uplink.Domains() {
		for j, m := range cfg.Region.Municipalities {
			if domain == uplink.Road && j > 0 {
				continue // one station alone
			}
			all = append(all, devices.Station{
				ID: fmt.Sprintf("geheim-%s-%d", domain, j), Name: "Geheimweg", District: "Geheimviertel", Road: "Geheimstraße", Municipality: m.ID, Domain: domain,
				Place: devices.Place{Lat: 51.51234 + float64(i)/100 + float64(j)/10, Lon: 8.71234 + float64(j)/10},
			})
		}
	}
	cfg.Directory = all
	files := published{}
	for i := range cfg.Datasets {
		files[cfg.Datasets[i].ID] = filesOf(&cfg.Datasets[i])
	}
	cfg.Files = files
	return cfg
}

// page1 is the first page of a configuration.
func page1(t *testing.T, cfg Config) *graph {
	t.Helper()
	for i := range cfg.Datasets {
		cfg.Datasets[i].Complete()
	}
	m, err := look(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m.page(1, forms[0])
}

func serve(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// facts are triples by subject.
type facts map[string][]triple

func (g *graph) facts() facts {
	f := facts{}
	for _, t := range g.triples {
		f[t.s] = append(f[t.s], t)
	}
	return f
}

// objects returns what is said of a subject.
func (f facts) objects(s, property string) []string {
	var all []string
	for _, t := range f[s] {
		if t.p == expand(property) {
			all = append(all, t.o.value)
		}
	}
	return all
}

func (g *graph) objects(s, property string) []string { return g.facts().objects(s, property) }

// subjects returns what is of a class.
func (g *graph) subjects(class string) []string {
	var all []string
	for _, t := range g.triples {
		if t.p == expand("rdf:type") && t.o.value == expand(class) {
			all = append(all, t.s)
		}
	}
	return all
}
