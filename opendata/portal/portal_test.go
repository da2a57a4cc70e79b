package portal

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
)

func get(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://portal/", nil)
	path, query, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, r *http.Response) string {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The middle of a quarter of an hour: the last window is running.
func midWindow() time.Time {
	return time.Now().UTC().Truncate(15 * time.Minute).Add(7 * time.Minute)
}

func TestAnswers(t *testing.T) {
	f := newFixture(t, 50, midWindow())
	h := f.handler(t, DefaultBaseMap())
	station := f.places[0].ID // traffic, in Aachen
	for _, c := range []struct {
		method, target string
		status         int
		has            string
	}{
		{"GET", "/", 200, "50 Stationen in 5 Kommunen"},
		{"HEAD", "/", 200, ""},
		{"GET", "/en/", 200, "50 stations in 5 municipalities"},
		{"GET", "/?domain=road&municipality=aachen", 200, "Fahrbahntemperatur"},
		{"GET", "/?page=3", 200, "Seite 3 von 3"},
		{"GET", "/?station=" + station + "&quantity=speed_mean", 200, "<figcaption>Geschwindigkeit"},
		{"GET", "/?domain=luck", 404, "gibt es nicht"},
		{"GET", "/?municipality=berlin", 404, "gibt es nicht"},
		{"GET", "/?station=nobody", 404, "gibt es nicht"},
		{"GET", "/en/?station=" + station + "&quantity=voltage", 404, "no such page"},
		{"GET", "/?page=4", 404, ""}, {"GET", "/?page=-1", 404, ""}, {"GET", "/?page=x", 404, ""},
		{"GET", "/nirgends", 404, "gibt es nicht"},
		{"GET", "/static/site.css", 200, "--ink"},
		{"GET", "/static/../portal.go", 307, "/portal.go"}, {"GET", "/static/portal.go", 404, ""},
		{"POST", "/", 405, ""}, {"DELETE", "/api/v1/stations", 405, ""},
		{"GET", "/api/v1/stations", 200, station},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count", 200, `"lane2"`},
		{"GET", "/api/v1/series?station=" + station + "&quantity=voltage", 404, "error"},
		{"GET", "/api/v1/series?station=nobody&quantity=voltage", 404, "error"},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count&from=yesterday", 400, "from"},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count&from=2020-01-01T00:00:00Z&to=2020-02-02T00:00:00Z", 400, "31 days"},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count&from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z", 400, "after"},
	} {
		r := get(h, c.method, c.target)
		text := body(t, r)
		if r.StatusCode != c.status || !strings.Contains(text, c.has) {
			t.Errorf("%s %s: %d, %q in the body: %v; want %d", c.method, c.target, r.StatusCode, c.has, strings.Contains(text, c.has), c.status)
		}
		policy := r.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "img-src 'self' data: https://sgx.geodatenzentrum.de;") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", c.target, policy)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Referrer-Policy") == "" || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: headers %v", c.target, r.Header)
		}
	}
}

var (
	valueCell = regexp.MustCompile(`<b data-key="([^"]+)">([^<]*)</b>`)
	inline    = regexp.MustCompile(`<style|\sstyle=|\son[a-z]+=|<script>|javascript:`)
	lostVerb  = regexp.MustCompile(`%!|&lt;no value`)
)

// TestNumbersOnThePage compares each value of every page of the table with the
// store, without a browser.
func TestNumbersOnThePage(t *testing.T) {
	f := newFixture(t, 50, midWindow())
	h := f.handler(t, BaseMap{})
	total := 0
	for _, target := range []string{"/", "/?page=2", "/?page=3", "/en/", "/en/?page=2", "/en/?page=3"} {
		text := body(t, get(h, "GET", target))
		shown := map[string]string{}
		for _, m := range valueCell.FindAllStringSubmatch(text, -1) {
			shown[html.UnescapeString(m[1])] = html.UnescapeString(m[2])
		}
		total += len(shown)
		compareValues(t, f, textsOf(map[bool]string{true: "en"}[strings.HasPrefix(target, "/en")]).Lang, shown)
		if inline.MatchString(text) || lostVerb.MatchString(text) {
			t.Errorf("%s: inline code or a lost value: %q %q", target, inline.FindString(text), lostVerb.FindString(text))
		}
	}
	want := 0
	for _, d := range f.datasets {
		want += 2 * len(f.latest.Rows(d.ID))
	}
	if total != want {
		t.Errorf("the pages show %d values, the store has %d", total, want)
	}
}

func TestEmptyRegionExplainsItself(t *testing.T) {
	h := newFixture(t, 0, time.Now()).handler(t, BaseMap{})
	for target, want := range map[string]string{"/": "Noch keine Daten", "/en/": "No data yet"} {
		r := get(h, "GET", target)
		if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d without %q", target, r.StatusCode, want)
		}
	}
}

func TestDatabaseAway(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	f.err = errAway
	h := f.handler(t, BaseMap{})
	r := get(h, "GET", "/")
	if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, german.ChartFailed) || !valueCell.MatchString(text) {
		t.Errorf("page without database: %d; want the last values and words for the missing course", r.StatusCode)
	}
	r = get(h, "GET", "/api/v1/series?quantity=vehicle_count&station="+f.places[0].ID)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || strings.Contains(body(t, r), "away") {
		t.Errorf("series without database: %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
}

// TestWithdrawnStation shows nothing of a station that is not public any more,
// although its values are still in the cache and the store.
func TestWithdrawnStation(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	gone := f.places[0]
	f.places = f.places[1:]
	h := f.handler(t, BaseMap{})
	for _, target := range []string{"/", "/en/", "/?domain=traffic", "/?station=" + gone.ID, "/api/v1/stations", "/api/v1/series?quantity=vehicle_count&station=" + gone.ID} {
		if text := body(t, get(h, "GET", target)); strings.Contains(text, "station="+gone.ID) || strings.Contains(text, `"id":"`+gone.ID) {
			t.Errorf("%s still shows %s", target, gone.ID)
		}
	}
	if !strings.Contains(body(t, get(h, "GET", "/")), "19 Stationen") {
		t.Error("the headline still counts it")
	}
}

func TestNamesAreText(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	for i := range f.places {
		f.places[i].Name = `<img src=x onerror=alert(1)>`
	}
	h := f.handler(t, BaseMap{})
	if text := body(t, get(h, "GET", "/")); strings.Contains(text, "<img src=x") {
		t.Error("a name becomes markup")
	}
	if text := body(t, get(h, "GET", "/api/v1/stations")); strings.Contains(text, "<img") {
		t.Error("a name is markup to a browser that guesses the type")
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	h := f.handler(t, BaseMap{})
	for _, target := range []string{"/", "/api/v1/stations", "/static/site.css"} {
		etag := get(h, "GET", target).Header.Get("ETag")
		if r := get(h, "GET", target, "If-None-Match", etag); etag == "" || r.StatusCode != 304 {
			t.Errorf("%s: ETag %q, then %d; want 304", target, etag, r.StatusCode)
		}
	}
	etag := get(h, "GET", "/").Header.Get("ETag")
	row := f.latest.Rows("verkehr")[0]
	row.Sum++
	row.Mean++
	f.latest.Put("verkehr", []devices.Aggregate{row}, time.Now())
	if r := get(h, "GET", "/", "If-None-Match", etag); r.StatusCode != 200 {
		t.Errorf("a changed page gives %d", r.StatusCode)
	}
	link := regexp.MustCompile(`/static/site\.css\?v=\w+`).FindString(body(t, get(h, "GET", "/")))
	if got := get(h, "GET", link).Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("%q is cached as %q", link, got)
	}
}

func TestSeries(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	h := f.handler(t, BaseMap{})
	var s seriesJSON
	read := func(query string) {
		t.Helper()
		s = seriesJSON{}
		if err := json.Unmarshal([]byte(body(t, get(h, "GET", "/api/v1/series?station="+f.places[0].ID+query))), &s); err != nil {
			t.Fatal(err)
		}
	}
	read("&quantity=vehicle_count")
	if len(s.Times) != 96 || len(s.Channels) != 2 || len(s.Channels[0].Values) != 96 {
		t.Fatalf("%d times, %d channels; want 96 and 2", len(s.Times), len(s.Channels))
	}
	byStart := map[int64]float64{}
	for _, a := range f.rows["verkehr"] {
		if a.Station == f.places[0].ID && a.Quantity.Name == "vehicle_count" && a.Channel == "lane1" {
			byStart[a.Start.Unix()] = a.Sum
		}
	}
	for i, v := range s.Channels[0].Values {
		want, ok := byStart[s.Times[i]]
		if ok != (v != nil) || ok && *v != want {
			t.Errorf("window %d: %v, want %v (%v)", s.Times[i], v, want, ok)
		}
	}
	read("&quantity=vehicle_count&channel=lane2")
	if len(s.Channels) != 1 || s.Channels[0].Channel != "lane2" {
		t.Errorf("channels %v, want lane2 alone", s.Channels)
	}
	newest := f.latest.Newest("verkehr")
	read("&quantity=speed_mean&from=" + newest.Add(time.Minute).Format(time.RFC3339))
	if len(s.Times) != 1 || s.Times[0] != newest.Unix() {
		t.Errorf("times %v, want the window that holds from", s.Times)
	}
}

func TestVendored(t *testing.T) {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil || strings.Contains(string(lock), "://") {
		t.Errorf("the lock file names a host (%v)", err)
	}
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for path, file := range a.byPath {
		total += len(file.content)
		if strings.Contains(string(file.content), "sourceMappingURL") {
			t.Errorf("%s asks for a source map that is not there", path)
		}
	}
	if total > 400_000 {
		t.Errorf("the assets have %d bytes, want at most 400000", total)
	}
}

func TestBaseMap(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	for _, url := range []string{"http://tiles.example/{z}", "/tiles/{z}", "https://", "javascript:alert(1)"} {
		_, err := New(Config{BaseMap: BaseMap{URL: url}, Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: f})
		if err == nil {
			t.Errorf("base map %q passes", url)
		}
	}
}

func TestTextsAreComplete(t *testing.T) {
	for _, lang := range []string{"de", "en"} {
		v := reflect.ValueOf(*textsOf(lang))
		for i := range v.NumField() {
			if v.Field(i).String() == "" {
				t.Errorf("%s lacks %s", lang, v.Type().Field(i).Name)
			}
			if n, m := strings.Count(reflect.ValueOf(german).Field(i).String(), "%"), strings.Count(v.Field(i).String(), "%"); n != m {
				t.Errorf("%s: %s takes %d values, the German one %d", lang, v.Type().Field(i).Name, m, n)
			}
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"domain=road", "municipality=aachen&page=2", "station=aa-ver-0&quantity=speed_mean&from=2026-11-23T00:00:00Z", "%zz", "page=99999999999999999999", "from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&station=aa-ver-0&quantity=occupancy"} {
		f.Add(seed)
	}
	fix := newFixture(f, 10, midWindow())
	h := fix.handler(f, BaseMap{})
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/", "/en/", "/api/v1/stations", "/api/v1/series"} {
			fix.spans = nil
			if r := get(h, "GET", path+"?"+query); r.StatusCode >= 500 {
				t.Errorf("%s?%s: %d", path, query, r.StatusCode)
			}
			for _, s := range fix.spans {
				if d := s.End.Sub(s.Start); d <= 0 || d > maxSeries {
					t.Errorf("%s?%s asks the database for %s", path, query, d)
				}
			}
		}
	})
}
