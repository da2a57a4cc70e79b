package catalog

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden shows a catalogue, to be read: of a high-value dataset and one of
// households.
func TestGolden(t *testing.T) {
	cfg := region()
	cfg.Datasets, cfg.Settings.Datasets = []opendata.Dataset{cfg.Datasets[3], cfg.Datasets[5]}, nil
	for _, d := range cfg.Datasets {
		p := cfg.Files.(published)[d.ID]
		p.Files = slices.DeleteFunc(p.Files, func(f File) bool {
			return f.MediaType == "application/json" || f.Period != "" && f.Window != opendata.Day24
		})
		cfg.Files.(published)[d.ID] = p
	}
	g := page1(t, cfg)
	for _, f := range forms[:3] {
		name, got := "testdata/catalog"+f.suffix, f.write(g)
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (run with -update if that is meant):\n%s", name, diff)
		}
	}
}

const here = "https://daten.musterland.example/catalog"

// TestWhatIsSaid: facts of a configuration are where a reader looks for them.
func TestWhatIsSaid(t *testing.T) {
	g := page1(t, region())
	const ds = here + "/dataset/"
	for _, tc := range []struct {
		s, p string
		want []string
	}{
		{here, "dct:license", []string{licenceList + "dl-zero-de/2.0"}},
		{here, "dct:issued", []string{"2026-10-01"}},
		{here, "dct:modified", []string{"2026-11-23T09:15:03Z"}},
		{ds + "verkehr", "dct:spatial", []string{geocoding + "municipalityKey/05774032", geocoding + "municipalityKey/05974040", ds + "verkehr#area"}},
		{ds + "strassenzustand", "dcatde:politicalGeocodingURI", []string{geocoding + "municipalityKey/05774032"}}, // its only station is there
		{ds + "verkehr#area", "dcat:bbox", []string{"POLYGON((8.712 51.512,8.813 51.512,8.813 51.613,8.712 51.613,8.712 51.512))"}},
		{ds + "strassenzustand#area", "dcat:bbox", nil}, // a point has none
		{ds + "verkehr#period", "dcat:startDate", []string{"2026-10-05"}},
		{ds + "verkehr", "dct:accrualPeriodicity", []string{frequencies + "15MIN"}},
		{ds + "spannungsqualitaet", "dcat:temporalResolution", []string{"PT10M"}},
		{ds + "stromverbrauch", "dct:accrualPeriodicity", []string{frequencies + "DAILY"}},
		{ds + "energienetz", "dct:publisher", []string{here + "#publisher-Stadtwerke%20Musterstadt"}},
		{here + "#publisher-Stadt%20Musterstadt", "dct:type", []string{publisherType + "LocalAuthority"}},
		{here + "#publisher-Stadtwerke%20Musterstadt", "dct:type", nil},
		{ds + "energienetz#latest-csv", "dcatde:licenseAttributionByText", []string{"Stadtwerke Musterstadt"}},
		{ds + "energienetz#latest-csv", "dct:license", []string{licenceList + "dl-by-de/2.0"}},
		{ds + "umwelt", "dcatap:hvdCategory", []string{highValue["meteorological"]}},
		{ds + "verkehr", "dcatap:hvdCategory", nil},
		{ds + "strassenzustand", "dcatap:applicableLegislation", []string{"https://www.recht.example/strwg"}},
		{ds + "strassenzustand#provenance", "rdfs:label", []string{"Vom Bauhof.", "By the depot."}},
		{ds + "verkehr#latest-csv", "dcat:accessURL", []string{"https://daten.musterland.example/data/verkehr/latest.csv"}},
		{ds + "verkehr#latest-csv", "dcat:byteSize", nil}, // wrong before it is read
		{ds + "verkehr#15m-2026-10-csv", "dcat:byteSize", []string{"48213"}},
		{ds + "verkehr#15m-2026-10-csv", "dct:title", []string{"Verkehr: Oktober 2026, je 15 Minuten (CSV)", "Traffic: October 2026, per 15 minutes (CSV)"}},
		{ds + "verkehr#15m-2026-10-csv-checksum", "spdx:checksumValue", []string{strings.Repeat("0a", 32)}},
		{ds + "verkehr#15m-2026-11-22-csv", "rdf:type", nil}, // a month that is over is enough
		{ds + "verkehr#files", "dcat:downloadURL", nil},
		{here + "#sensorthings", "dct:license", []string{licenceList + "other-open"}}, // its datasets have two
		{here, "dcatap:availability", []string{available}},
		{here + "#contact-Stadtwerke%20Musterstadt%20https:%2F%2Fstadtwerke.example%2Fkontakt%3Fa=1&b=2", "vcard:fn", []string{"Stadtwerke Musterstadt"}},
		{highValueAct, "rdf:type", []string{expand("eli:LegalResource")}},
		{"https://www.recht.example/strwg", "rdf:type", []string{expand("eli:LegalResource")}},
		{highValue["meteorological"], "skos:prefLabel", []string{"Meteorologie", "Meteorological"}},
		{here + "#sensorthings", "dcatap:hvdCategory", []string{highValue["meteorological"]}},
		{here + "?page=1", "hydra:next", nil},
	} {
		if got := g.objects(tc.s, tc.p); !slices.Equal(got, tc.want) {
			t.Errorf("%s %s: %q, want %q", tc.s, tc.p, got, tc.want)
		}
	}
	n := 0
	for _, s := range g.objects(ds+"verkehr", "dcat:distribution") {
		if strings.HasPrefix(s, ds+"verkehr#") {
			n++
		}
	}
	if want := 5 + 3*2*2 + 2; n != want { // latest, months of three windows, all files and SensorThings
		t.Errorf("%d distributions, want %d", n, want)
	}
}

// TestWhoIsAsked: behind the region's address is the region's publisher, whoever
// answers for the data.
func TestWhoIsAsked(t *testing.T) {
	cfg := region()
	cfg.Datasets[1].Contact = ""
	g := page1(t, cfg)
	const ds = here + "/dataset/energienetz"
	if got := g.objects(ds, "dct:publisher"); !slices.Equal(got, []string{here + "#publisher-Stadtwerke%20Musterstadt"}) {
		t.Errorf("published by %q", got)
	}
	asked := g.objects(ds, "dcat:contactPoint")
	if !slices.Equal(asked, []string{here + "#contact-Stadt%20Musterstadt%20opendata@musterstadt.example"}) {
		t.Fatalf("asked is %q", asked)
	}
	if got := g.objects(asked[0], "vcard:fn"); !slices.Equal(got, []string{"Stadt Musterstadt"}) {
		t.Errorf("who is asked is called %q", got)
	}
}

// TestKeyword: no name of a quantity becomes two keywords of CKAN.
func TestKeyword(t *testing.T) {
	for name, want := range map[string]string{"Feinstaub PM2,5": "Feinstaub PM2.5", "voltage, phase to neutral": "voltage", "Ozon": "Ozon"} {
		if got := keyword(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	for _, q := range devices.Quantities() {
		for _, word := range []string{keyword(q.De), keyword(q.En)} {
			if word == "" || strings.Contains(word, ",") {
				t.Errorf("%s: %q is no keyword", q.Name, word)
			}
		}
	}
}

// TestHouseholds: the dataset of households is described, and nothing else is
// said of them: no place but the region, no service, no cell.
func TestHouseholds(t *testing.T) {
	cfg := region()
	g := page1(t, cfg)
	const ds = here + "/dataset/stromverbrauch"
	if got := g.objects(ds, "dct:title"); len(got) != 2 {
		t.Fatalf("not described: %q", got)
	}
	if got := strings.Join(g.objects(ds+"#provenance", "rdfs:label"), " "); !strings.Contains(got, "mindestens 5 Anschlussnutzern") {
		t.Errorf("the rule is not told: %s", got)
	}
	for _, tr := range g.triples {
		if !strings.HasPrefix(tr.s, ds) {
			continue
		}
		for _, p := range []string{"dcat:bbox", "dcat:centroid", "dcat:accessService"} {
			if tr.p == expand(p) {
				t.Errorf("%s of households is told: %s", p, tr.o.value)
			}
		}
		if strings.Contains(tr.o.value, "latest") {
			t.Errorf("latest values of households: %s", tr.o.value)
		}
	}
	if slices.Contains(g.objects(here+"#sensorthings", "dcat:servesDataset"), ds) {
		t.Error("SensorThings is said to serve households")
	}
	// No station is named anywhere, whatever its dataset.
	for _, f := range forms[:3] {
		if text := string(f.write(g)); strings.Contains(strings.ToLower(text), "geheim") {
			t.Errorf("%s names a station", f.suffix)
		}
	}
	// Households alone, in a region where only they are metered.
	cfg.Datasets, cfg.Directory, cfg.Settings = cfg.Datasets[5:], stations{}, Settings{}
	alone := page1(t, cfg)
	if got := alone.subjects("dcat:DataService"); got != nil {
		t.Errorf("a service without a dataset: %s", got)
	}
	if bad := validate(alone, false); len(bad) > 0 {
		t.Error(strings.Join(bad, "\n"))
	}
}

// TestHighValue: the mark is where the act names the data and nowhere else.
func TestHighValue(t *testing.T) {
	mark := func(change func(*Config, *opendata.Dataset)) []string {
		cfg := region()
		cfg.Settings.Datasets = map[string]Details{}
		change(&cfg, &cfg.Datasets[3])
		return cfg.highValueOf(&cfg.Datasets[3])
	}
	say := func(names ...string) func(*Config, *opendata.Dataset) {
		return func(c *Config, _ *opendata.Dataset) { c.Settings.Datasets["umwelt"] = Details{HighValue: names} }
	}
	for name, tc := range map[string]struct {
		change func(*Config, *opendata.Dataset)
		want   []string
	}{
		"weather":         {func(*Config, *opendata.Dataset) {}, []string{highValue["meteorological"]}},
		"air alone":       {func(_ *Config, d *opendata.Dataset) { d.Quantities = []string{"no2", "pm10"} }, nil},
		"not by station":  {func(_ *Config, d *opendata.Dataset) { d.Grouping = opendata.ByDistrict }, nil},
		"another domain":  {func(_ *Config, d *opendata.Dataset) { d.Domain = uplink.Road }, nil},
		"said to be none": {say("none"), nil},
		"said to be two":  {say("environment", "meteorological"), []string{highValue["environment"], highValue["meteorological"]}},
	} {
		if got := mark(tc.change); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestCheck: a whole configuration has no warning, and each that is missing has
// the key that would give it.
func TestCheck(t *testing.T) {
	cfg := region()
	if got := Check(&cfg); len(got) > 0 {
		t.Errorf("warnings of a whole configuration: %v", got)
	}
	for key, spoil := range map[string]func(*Config){
		"public_url":                         func(c *Config) { c.BaseURL = "" },
		"region.name":                        func(c *Config) { c.Region.Name.En = "" },
		"region.publisher":                   func(c *Config) { c.Region.Publisher = "" },
		"region.contact":                     func(c *Config) { c.Region.Contact = "Zimmer 12" },
		"region.municipalities":              func(c *Config) { c.Region.Municipalities = nil },
		"region.municipalities[1].ags":       func(c *Config) { c.Region.Municipalities[1].AGS = "" },
		"catalog.contributor":                func(c *Config) { c.Region.Municipalities[0].AGS = "09162000" },
		"catalog.description":                func(c *Config) { c.Settings.Description.De = strings.Repeat("a", 3001) },
		"datasets":                           func(c *Config) { c.Datasets = nil },
		"datasets[0].title":                  func(c *Config) { c.Datasets[0].Title.De = strings.Repeat("ü", 131) },
		"datasets[1].description":            func(c *Config) { c.Datasets[1].Description.En = "" },
		"datasets[2].themes":                 func(c *Config) { c.Datasets[2].Themes = nil },
		"datasets[2].licence":                func(c *Config) { c.Datasets[2].Licence = opendata.Licence{} },
		"datasets[1].contact":                func(c *Config) { c.Datasets[1].Contact = "nobody" },
		"catalog.datasets.umwelt.high_value": func(c *Config) { c.Service = Service{} },
		"catalog.datasets.verkehr.keywords[0]": func(c *Config) {
			c.Settings.Datasets["verkehr"] = Details{Keywords: []opendata.Text{{De: strings.Repeat("a", 101)}}}
		},
		"catalog.datasets.umwelt.keywords[1]": func(c *Config) {
			c.Settings.Datasets["umwelt"] = Details{Keywords: []opendata.Text{{De: "Luft"}, {De: "Luft, Lärm"}}}
		},
	} {
		cfg := region()
		cfg.Region.Municipalities = slices.Clone(cfg.Region.Municipalities)
		spoil(&cfg)
		if got := Check(&cfg); !slices.ContainsFunc(got, func(w Warning) bool { return w.Key == key && strings.HasPrefix(w.String(), key+": ") }) {
			t.Errorf("without %s: %v", key, got)
		}
	}
	cfg.BaseURL = "http://127.0.0.1:8080"
	if got := Check(&cfg); len(got) != 2 {
		t.Errorf("an address that does not last: %v", got)
	}
}

// TestFilesThatAreTold: a catalogue does not grow with the days.
func TestFilesThatAreTold(t *testing.T) {
	var files []File
	add := func(window opendata.Window, period string, complete bool) {
		files = append(files, File{Path: fmt.Sprintf("/data/x/%s/%s.csv", window, period), MediaType: "text/csv", Window: window, Period: period, Complete: complete})
	}
	for day := 1; day <= 30; day++ {
		add(opendata.Quarter, fmt.Sprintf("2026-10-%02d", day), true)
		add(opendata.Hour, fmt.Sprintf("2026-10-%02d", day), true)
	}
	add(opendata.Quarter, "2026-10", false)
	for _, name := range []string{"2026-10.csv.gz", "2026-10.excel-de.csv", "2026-10.csv-metadata.json"} {
		files = append(files, File{Path: "/data/x/15m/" + name, MediaType: "text/csv", Window: opendata.Quarter, Period: "2026-10"})
	}
	told := func() string {
		var e entry
		e.take(files)
		var keys []string
		for i := range e.files {
			keys = append(keys, e.files[i].key())
		}
		return e.first.String() + " " + strings.Join(keys, " ")
	}
	if got := told(); got != "2026-10-01 15m-2026-10-30-csv 15m-2026-10-csv 1h-2026-10-30-csv" {
		t.Error(got)
	}
	add(opendata.Quarter, "2026-09", true)
	add(opendata.Quarter, "2026-08", true)
	if got := told(); got != "2026-08-01 15m-2026-10-csv 15m-2026-09-csv 1h-2026-10-30-csv" {
		t.Error(got)
	}
}
