package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/files"
)

// published serves a portal with the files that the platform writes, of one day
// and the latest values.
func published(t *testing.T) *httptest.Server {
	t.Helper()
	f := newFixture(t, 10, midWindow())
	for id, rows := range f.rows { // one length of windows, and the day that has most of them
		d := f.datasets[slices.IndexFunc(f.datasets, func(d opendata.Dataset) bool { return d.ID == id })]
		f.rows[id] = slices.DeleteFunc(rows, func(a devices.Aggregate) bool { return a.Window != time.Duration(d.Base()) })
	}
	store, err := files.Open(files.Config{Dir: t.TempDir(), Datasets: f.datasets, Reader: baseOnly{f}, Directory: f, Latest: f.latest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	yesterday := opendata.DayOf(time.Now().Add(-23 * time.Hour))
	for i := range f.datasets {
		if err := store.Publish(t.Context(), &f.datasets[i], []opendata.Day{yesterday}); err != nil {
			t.Fatal(err)
		}
	}
	var portal http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/data/") {
			store.ServeHTTP(w, r)
			return
		}
		portal.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	portal = f.handlerWith(t, func(c *Config) { c.BaseURL, c.Files = server.URL, realFiles{store} })
	return server
}

// baseOnly has rows of the shortest windows alone.
type baseOnly struct{ f *fixture }

func (b baseOnly) Windows(ctx context.Context, dataset string, window time.Duration, span devices.Span, station string, only ...*devices.Quantity) ([]devices.Aggregate, error) {
	rows, err := b.f.Windows(ctx, dataset, window, span, station, only...)
	return slices.DeleteFunc(rows, func(a devices.Aggregate) bool { return a.Window != window }), err
}

// realFiles are those of package files, as the platform hands them on.
type realFiles struct{ store *files.Files }

func (r realFiles) Published(dataset string) (all []File, err error) {
	found, err := r.store.Published(dataset)
	for _, f := range found.Files {
		all = append(all, File{Path: f.Path, Bytes: f.Bytes, Window: f.Window, Period: f.Period, Complete: f.Complete, Modified: f.Modified})
	}
	return all, err
}

func fetch(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r, body(t, r)
}

var codeBlock = regexp.MustCompile(`(?s)<code id="code-([a-z]+)">(.*?)</code>`)

// TestSnippets runs what people paste, where there is a program to run it, and
// asks for every address in it.
func TestSnippets(t *testing.T) {
	server := published(t)
	_, page := fetch(t, server.URL+"/dataset/verkehr")
	code := map[string]string{}
	for _, m := range codeBlock.FindAllStringSubmatch(page, -1) {
		code[m[1]] = html.UnescapeString(m[2])
	}
	address := regexp.MustCompile(`https?://[^"']+`)
	for _, id := range []string{"curl", "pandas", "python", "r", "excel", "qgis"} {
		t.Run(id, func(t *testing.T) {
			url := address.FindString(code[id])
			r, text := fetch(t, url)
			if r.StatusCode != http.StatusOK || len(text) == 0 {
				t.Fatalf("%q answers %d with %d bytes; the code is %q", url, r.StatusCode, len(text), code[id])
			}
			if id == "qgis" {
				checkLayer(t, text)
				return
			}
			for _, column := range []string{"start", "quantity", "unit", "mean"} {
				if !strings.Contains(","+strings.SplitN(text, "\r\n", 2)[0]+",", ","+column+",") {
					t.Errorf("the table has no column %s: %.200s", column, text)
				}
			}
			run(t, id, code[id], text)
		})
	}
}

// checkLayer wants points with what is measured there.
func checkLayer(t *testing.T, text string) {
	t.Helper()
	var layer struct {
		Type     string
		Features []struct {
			Geometry   struct{ Type string }
			Properties struct{ Series []json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(text), &layer); err != nil {
		t.Fatal(err)
	}
	if layer.Type != "FeatureCollection" || len(layer.Features) == 0 || layer.Features[0].Geometry.Type != "Point" || len(layer.Features[0].Properties.Series) == 0 {
		t.Errorf("no layer of points with series: %.300s", text)
	}
}

// run executes a snippet and wants what it says to come from the table.
func run(t *testing.T, id, code, table string) {
	t.Helper()
	dir := t.TempDir()
	var cmd *exec.Cmd
	switch id {
	case "curl":
		cmd = exec.Command("sh", "-c", code)
		need(t, "curl")
	case "python", "pandas":
		need(t, "python3")
		if id == "pandas" && exec.Command("python3", "-c", "import pandas").Run() != nil {
			t.Skip("pandas is missing")
		}
		cmd = exec.Command("python3", "-c", code)
	case "r":
		need(t, "Rscript")
		cmd = exec.Command("Rscript", "-e", code)
	default:
		return // Excel runs where nobody tests; its address has answered
	}
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", code, err, out, stderr.String())
	}
	if id == "curl" {
		saved, err := os.ReadFile(filepath.Join(dir, "verkehr-latest.csv"))
		if err != nil || string(saved) != table {
			t.Errorf("curl saved %d bytes (%v), want the %d of the table", len(saved), err, len(table))
		}
		return
	}
	if traffic := opendata.Defaults()[0].Quantities; !slices.ContainsFunc(traffic, func(q string) bool { return strings.Contains(string(out), q) }) {
		t.Errorf("%s says %q, which names no quantity of the table", code, out)
	}
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(program + " is missing")
	}
}

// TestDownload: the form leads to the file, and where there is none back to what
// there is.
func TestDownload(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	f.files = append(f.files, File{Path: "/data/DATASET/1h/2026-10.csv", Window: opendata.Hour, Period: "2026-10", Complete: true})
	h := f.handler(t, BaseMap{})
	for query, want := range map[string]string{
		"":                              "/data/verkehr/latest.csv",
		"?period=2026-11-22&window=15m": "/data/verkehr/2026-11-22.csv",
		"?period=2026-11-22&window=15m&format=parquet":           "/data/verkehr/2026-11-22.parquet",
		"?period=latest&day=2026-10-03&window=1h&format=geojson": "/data/verkehr/1h/2026-10-03.geojson", // its month is there
		"?day=2026-09-03":                     "/dataset/verkehr?format=csv&period=2026-09-03&window=15m#dateien",
		"?period=2026-11&format=csv":          "/dataset/verkehr?format=csv&period=2026-11&window=15m#dateien",
		"?period=2026-11-22&window=5m":        "404",
		"?format=exe":                         "404",
		"?day=2026-02-30":                     "404",
		"?period=../../etc":                   "404",
		"?period=2026-11-22%0d%0aSet-Cookie:": "404",
	} {
		r := get(h, "GET", "/dataset/verkehr/file"+query)
		if got := r.Header.Get("Location"); r.StatusCode == 303 && got != want || r.StatusCode == 404 && want != "404" || r.StatusCode != 303 && r.StatusCode != 404 {
			t.Errorf("%q leads to %q (%d), want %s", query, got, r.StatusCode, want)
		}
	}
	page := html.UnescapeString(body(t, get(h, "GET", "/dataset/verkehr?format=csv&period=2026-11&window=15m")))
	for _, want := range []string{"Diese Datei gibt es nicht: November 2026, 15 Minuten, CSV.", `<a href="/data/verkehr/2026-11.xlsx">November 2026, 1 Stunde, Excel</a>`, "noindex"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a file that is missing lacks %q", want)
		}
	}
	if r := get(h, "GET", "/dataset/verkehr?format=exe"); r.StatusCode != 404 {
		t.Errorf("a format that there is not gives %d", r.StatusCode)
	}
}

// TestUnits: what has no unit says what it is instead.
func TestUnits(t *testing.T) {
	for name, want := range map[string][2]string{
		"vehicle_count": {"Anzahl", "Number"}, "occupancy": {"Anteil (0 bis 1)", "Share (0 to 1)"}, "friction": {"Beiwert (0 bis 1)", "Coefficient (0 to 1)"},
		"surface_state": {"Zustand", "State"}, "air_temperature": {"°C", "°C"},
	} {
		q, ok := devices.Lookup(name)
		if !ok {
			t.Fatal("no quantity", name)
		}
		if got := [2]string{german.unitWords(q), english.unitWords(q)}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestLinkedData reads what search engines read.
func TestLinkedData(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	f.datasets[0].Description.De = `Text mit </script><b> & "Zeichen"`
	h := f.handler(t, BaseMap{})
	block := regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)
	read := func(path string) (m map[string]any) {
		t.Helper()
		found := block.FindStringSubmatch(body(t, get(h, "GET", path)))
		if found == nil {
			t.Fatalf("%s has no linked data", path)
		}
		if err := json.Unmarshal([]byte(found[1]), &m); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return m
	}
	for _, l := range languages() {
		d := read(l.To("/dataset/verkehr"))
		for _, key := range []string{"@context", "@id", "url", "name", "variableMeasured", "spatialCoverage", "distribution", "dateModified", "publisher", "includedInDataCatalog"} {
			if d[key] == nil {
				t.Errorf("%s: no %s", l.Lang, key)
			}
		}
		for key, want := range map[string]any{
			"@type": "Dataset", "license": "https://www.govdata.de/dl-de/zero-2-0", "isAccessibleForFree": true, "temporalCoverage": "2026-11-01/..", "inLanguage": l.Lang,
			"sameAs": "https://daten.example/catalog/dataset/verkehr", "description": f.datasets[0].Description.In(l.Lang),
		} {
			if d[key] != want {
				t.Errorf("%s: %s is %v, want %v", l.Lang, key, d[key], want)
			}
		}
		first, _ := d["distribution"].([]any)[0].(map[string]any)
		if first["@type"] != "DataDownload" || first["contentUrl"] != "https://daten.example/data/verkehr/latest.csv" || first["encodingFormat"] != "text/csv" {
			t.Errorf("%s: the first download is %v", l.Lang, first)
		}
		c := read(l.To("/datasets"))
		if sets, _ := c["dataset"].([]any); c["@type"] != "DataCatalog" || len(sets) != len(f.datasets) {
			t.Errorf("%s: a %v of %d datasets, want a DataCatalog of %d", l.Lang, c["@type"], len(sets), len(f.datasets))
		}
	}
	if place, _ := read("/dataset/stromverbrauch")["spatialCoverage"].(map[string]any); place == nil || place["geo"] != nil {
		t.Errorf("households are at %v, want the region's name alone", place)
	}
}
