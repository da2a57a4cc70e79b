package openapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"modellregion/devices"
	"modellregion/internal/openhttp"
	"modellregion/opendata"
	"modellregion/uplink"
)

// directory is one of stations that can be changed.
type directory struct{ stations []devices.Station }

func (d *directory) Stations() []devices.Station                    { return d.stations }
func (*directory) Interval(string, *devices.Quantity) time.Duration { return 0 }
func (*directory) Fact(string, string) (float64, bool)              { return 0, false }

func someStations(ids ...string) []devices.Station {
	var all []devices.Station
	for _, id := range ids {
		all = append(all, devices.Station{ID: id, Name: id, Municipality: "soest", Domain: uplink.Traffic})
	}
	return all
}

func open(t *testing.T, change func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{
		BaseURL: "https://daten.example.de", Region: text("Region <b>", "Region & co"), Publisher: "Stadt", Contact: "opendata@example.de",
		Datasets: opendata.Defaults(), Directory: &directory{someStations("markt")}, Catalogue: true,
	}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// document is as much of OpenAPI as is looked at.
type document struct {
	OpenAPI string
	Paths   map[string]struct {
		Get struct {
			OperationID string
			Parameters  []struct {
				Name, In string
				Required bool
				Schema   map[string]any
			}
			Responses map[string]struct {
				Ref     string `json:"$ref"`
				Content map[string]struct{ Schema map[string]any }
			}
			Examples []string `json:"x-examples"`
		}
	}
	Components struct{ Schemas, Responses map[string]any }
}

func read(t *testing.T, h http.Handler) (document, []byte) {
	t.Helper()
	w := do(h, http.MethodGet, documentPath)
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %v", w.Code, w.Header(), err)
	}
	return d, w.Body.Bytes()
}

// TestDocument: what refers to something refers to what is there, each
// parameter of a path is described, and names are there once.
func TestDocument(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"all":        nil,
		"no dataset": func(c *Config) { c.Datasets = nil },
		"no station": func(c *Config) { c.Directory = &directory{} },
		"nobody":     func(c *Config) { c.BaseURL, c.Publisher, c.Contact, c.Catalogue = "", "", "", false },
	} {
		t.Run(name, func(t *testing.T) {
			d, data := read(t, open(t, change))
			if d.OpenAPI != "3.1.1" || len(d.Paths) < 20 {
				t.Errorf("version %s, %d paths", d.OpenAPI, len(d.Paths))
			}
			if _, there := d.Paths["/catalog"]; there != (name != "nobody") {
				t.Errorf("a catalogue: %v", there)
			}
			seen := map[string]bool{}
			for path, item := range d.Paths {
				if id := item.Get.OperationID; id == "" || seen[id] {
					t.Errorf("%s: operationId %q", path, id)
				}
				seen[item.Get.OperationID] = true
				want := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1)
				given := map[string]bool{}
				for _, p := range item.Get.Parameters {
					if p.In == "path" {
						given[p.Name] = p.Required
					}
				}
				for _, m := range want {
					if !given[m[1]] {
						t.Errorf("%s: %s is not described", path, m[1])
					}
				}
				if len(given) != len(want) {
					t.Errorf("%s has %v of its parameters", path, given)
				}
			}
			for _, m := range regexp.MustCompile(`"\$ref":"#/components/(schemas|responses)/([^"]*)"`).FindAllSubmatch(data, -1) {
				of := d.Components.Schemas
				if string(m[1]) == "responses" {
					of = d.Components.Responses
				}
				if of[string(m[2])] == nil {
					t.Errorf("%s is not there", m[0])
				}
			}
			compiles(t, d, data)
		})
	}
}

// compiles reads all schemas as another library does.
func compiles(t *testing.T, d document, data []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", value); err != nil {
		t.Fatal(err)
	}
	for name := range d.Components.Schemas {
		if _, err := c.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Error(err)
		}
	}
}

// TestExamplesSpeakOfWhatIsThere: of stations that are public today.
func TestExamplesSpeakOfWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &directory{}
		h := open(t, func(c *Config) { c.Directory = dir })
		examples := func(path string) string {
			d, _ := read(t, h)
			return strings.Join(d.Paths[path].Get.Examples, " ")
		}
		if got := examples("/api/v1/series"); got != "" {
			t.Errorf("without a station: %s", got)
		}
		dir.stations = someStations("markt", "bahnhof")
		if got := examples("/api/v1/series"); got != "/api/v1/series?quantity=vehicle_count&station=bahnhof /api/v1/series?quantity=vehicle_count&span=week&station=bahnhof" {
			t.Errorf("with two: %s", got)
		}
		dir.stations = someStations("markt")
		if got := examples("/live"); !strings.Contains(got, "station=markt") {
			t.Errorf("when one has gone: %s", got)
		}
		if got := examples("/data/{dataset}/{window}/{period}.{format}"); !strings.HasPrefix(got, "/data/verkehr/15m/2000-01-01.csv ") {
			t.Errorf("on the first day: %s", got)
		}
		time.Sleep(24 * time.Hour)
		if got := examples("/data/{dataset}/{window}/{period}.{format}"); !strings.HasPrefix(got, "/data/verkehr/15m/2000-01-02.csv ") {
			t.Errorf("on the next: %s", got)
		}
	})
}

func TestPages(t *testing.T) {
	h := open(t, nil)
	for path, want := range map[string][]string{
		"/api/":    {`<html lang="de">`, "Schnittstellen: Region &lt;b&gt;", "Alle öffentlichen Messstellen", `<h2 id="Files">Dateien</h2>`, `href="/en/api/"`, `href="mailto:opendata@example.de"`},
		"/en/api/": {`<html lang="en">`, "Interfaces: Region &amp; co", "All public stations", `href="/api/"`, "GET /sta/v1.1/Things({id})"},
	} {
		w := do(h, http.MethodGet, path)
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s has no %s", path, text)
			}
		}
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<script") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	with := func(contact string) string {
		return do(open(t, func(c *Config) { c.Contact = contact }), http.MethodGet, "/api/").Body.String()
	}
	if !strings.Contains(with("https://example.de/fragen"), `href="https://example.de/fragen"`) || strings.Contains(with("javascript:x"), "javascript:") {
		t.Error("contacts are not shown as they should")
	}
}

func TestAnswers(t *testing.T) {
	h := open(t, nil)
	first := do(h, http.MethodGet, documentPath)
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"GET", documentPath, []string{"If-None-Match", first.Header().Get("Etag")}, http.StatusNotModified},
		{"HEAD", documentPath, nil, http.StatusOK},
		{"GET", stylePath, nil, http.StatusOK},
		{"OPTIONS", documentPath, nil, http.StatusNoContent},
		{"POST", documentPath, nil, http.StatusMethodNotAllowed},
		{"GET", "/api/nirgends", nil, http.StatusNotFound},
	} {
		w := do(h, c.method, c.path, c.headers...)
		if w.Code != c.status || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
			(c.method == "POST" || c.method == "OPTIONS") != (w.Header().Get("Allow") == openhttp.Methods) {
			t.Errorf("%s %s: %d %v", c.method, c.path, w.Code, w.Header())
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("nothing can be described")
	}
}

// TestSchemaOf: schemas are of what encoding/json writes.
func TestSchemaOf(t *testing.T) {
	type Inner struct {
		A int    `json:"a"`
		B string `json:"b,omitempty"`
	}
	type all struct {
		*Inner
		Text  string         `json:"text"`
		Yes   bool           `json:"yes"`
		When  time.Time      `json:"when,omitzero"`
		Many  []*float64     `json:"many"`
		Of    []Inner        `json:"of"`
		May   *Inner         `json:"may,omitempty"`
		Named map[string]int `json:"named"`
		For   netip.Addr     `json:"for"`
		Plain float64
		not   int
		Left  int `json:"-"`
	}
	inner := schema{"type": "object", "required": []string{"a"}, "properties": map[string]schema{"a": typed("integer"), "b": typed("string")}}
	want := schema{"type": "object", "required": []string{"Plain", "a", "for", "many", "named", "of", "text", "yes"}, "properties": map[string]schema{
		"a": typed("integer"), "b": typed("string"), "text": typed("string"), "yes": typed("boolean"), "when": instantSchema(),
		"many": listOf(schema{"type": []string{"number", "null"}}), "of": listOf(inner), "may": inner,
		"named": {"type": "object", "additionalProperties": typed("integer")}, "for": typed("string"), "Plain": typed("number"),
	}}
	_ = all{not: 1}
	if diff := cmp.Diff(want, schemaOf(reflect.TypeFor[all]())); diff != "" {
		t.Error(diff)
	}
}
