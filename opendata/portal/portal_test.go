package portal

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
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
	f := newFixture(t, 60, midWindow())
	h := f.handler(t, DefaultBaseMap())
	station := f.places[0].ID // traffic, in Aachen
	for _, c := range []struct {
		method, target string
		status         int
		has            string
	}{
		{"GET", "/", 200, "60 Stationen in 5 Kommunen"},
		{"HEAD", "/", 200, ""},
		{"GET", "/en/", 200, "60 stations in 5 municipalities"},
		{"GET", "/stations?domain=road&municipality=aachen", 200, "Fahrbahntemperatur"},
		{"GET", "/stations?page=2", 200, "Seite 2 von 2"}, {"GET", "/en/stations?page=2", 200, "Page 2 of 2"},
		{"GET", "/stations?q=AACHEN+" + station, 200, "1 von 60"}, {"GET", "/stations?q=xyzzy", 200, "Keine Station passt"},
		{"GET", "/stations?state=silent", 200, "0 von 60"},
		{"GET", "/station/" + station + "?quantity=speed_mean", 200, "<figcaption>Geschwindigkeit"},
		{"GET", "/en/station/" + station, 200, "<figcaption>Vehicles"},
		{"GET", "/dataset/stromverbrauch", 200, "mindestens 5 Haushalte"},
		{"GET", "/?domain=luck", 404, "gibt es nicht"}, {"GET", "/stations?state=luck", 404, "gibt es nicht"},
		{"GET", "/?municipality=berlin", 404, "gibt es nicht"},
		{"GET", "/station/nobody", 404, "gibt es nicht"}, {"GET", "/en/dataset/nothing", 404, "no such page"}, {"GET", "/topic/luck", 404, "gibt es nicht"},
		{"GET", "/en/station/" + station + "?quantity=voltage", 404, "no such page"},
		{"GET", "/stations?page=3", 404, ""}, {"GET", "/stations?page=-1", 404, ""}, {"GET", "/stations?page=x", 404, ""},
		{"GET", "/nirgends", 404, "gibt es nicht"}, {"GET", "/en/nowhere", 404, "no such page"}, {"GET", "/en", 307, "/en/"},
		{"GET", "/static/base.css", 200, "--ink"},
		{"GET", "/static/../portal.go", 307, "/portal.go"}, {"GET", "/static/portal.go", 404, ""},
		{"POST", "/", 405, ""}, {"DELETE", "/api/v1/stations", 405, ""},
		{"GET", "/api/v1/stations", 200, station},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count", 200, `"lane2"`},
		{"GET", "/api/v1/series?station=" + station + "&quantity=voltage", 404, "error"},
		{"GET", "/api/v1/series?station=nobody&quantity=voltage", 404, "error"},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count&from=yesterday", 400, "from"},
		{"GET", "/api/v1/series?station=" + station + "&quantity=vehicle_count&window=15m&from=2020-01-01T00:00:00Z&to=2020-06-01T00:00:00Z", 400, "at most 10000"},
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

func TestDatabaseAway(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	f.err = errAway
	h := f.handler(t, BaseMap{})
	r := get(h, "GET", "/station/"+f.places[0].ID)
	if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, german.Station.ChartFailed) || !valueCell.MatchString(text) {
		t.Errorf("page without database: %d; want the last values and words for the missing course", r.StatusCode)
	}
	r = get(h, "GET", "/dataset/verkehr")
	if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, german.Dataset.FilesUnknown) {
		t.Errorf("dataset without files: %d; want words for it", r.StatusCode)
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
	h := f.handler(t, BaseMap{})
	if r := get(h, "GET", "/station/"+gone.ID); r.StatusCode != 200 {
		t.Fatalf("the station is not shown while it is public: %d", r.StatusCode)
	}
	f.places = f.places[1:]
	if r := get(h, "GET", "/station/"+gone.ID); r.StatusCode != 404 {
		t.Errorf("its page answers %d", r.StatusCode)
	}
	for _, target := range []string{"/", "/en/", "/stations?domain=traffic", "/status", "/topic/traffic", "/api/v1/stations", "/api/v1/series?quantity=vehicle_count&station=" + gone.ID} {
		if text := body(t, get(h, "GET", target)); strings.Contains(text, "/station/"+gone.ID+`"`) || strings.Contains(text, `"id":"`+gone.ID) {
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
	for _, target := range []string{"/", "/stations", "/status", "/topic/traffic", "/station/" + f.places[0].ID, "/stations?q=" + url.QueryEscape(f.places[0].Name)} {
		if text := body(t, get(h, "GET", target)); strings.Contains(text, "<img src=x") {
			t.Errorf("%s: a name becomes markup", target)
		}
	}
	if text := body(t, get(h, "GET", "/api/v1/stations")); strings.Contains(text, "<img") {
		t.Error("a name is markup to a browser that guesses the type")
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	h := f.handler(t, BaseMap{})
	for _, target := range []string{"/", "/stations", "/api/v1/stations", "/static/base.css"} {
		plain := get(h, "GET", target).Header.Get("ETag")
		for _, encoding := range []string{"", "gzip"} {
			etag := get(h, "GET", target, "Accept-Encoding", encoding).Header.Get("ETag")
			r := get(h, "GET", target, "Accept-Encoding", encoding, "If-None-Match", etag)
			if etag == "" || r.StatusCode != 304 || (encoding == "") != (etag == plain) {
				t.Errorf("%s %q: ETag %q, plain %q, then %d; want 304", target, encoding, etag, plain, r.StatusCode)
			}
		}
	}
	row := f.latest.Rows("verkehr")[0]
	station := stationPath(row.Station)
	etag := get(h, "GET", station).Header.Get("ETag")
	row.Sum++
	row.Mean++
	f.latest.Put("verkehr", []devices.Aggregate{row}, time.Now())
	if r := get(h, "GET", station, "If-None-Match", etag); r.StatusCode != 200 {
		t.Errorf("a changed page gives %d", r.StatusCode)
	}
	link := regexp.MustCompile(`/static/base\.css\?v=\w+`).FindString(body(t, get(h, "GET", "/")))
	if got := get(h, "GET", link).Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("%q is cached as %q", link, got)
	}
}

// TestCompressed: what is compressed is the same text.
func TestCompressed(t *testing.T) {
	h := newFixture(t, 20, midWindow()).handler(t, BaseMap{})
	for _, c := range []struct {
		accept string
		packed bool
	}{{"gzip", true}, {"br, gzip;q=0.8", true}, {"gzip;q=0", false}, {"gzip;q=0.0, br", false}, {"br", false}, {"", false}} {
		r := get(h, "GET", "/static/base.css", "Accept-Encoding", c.accept)
		if packed := r.Header.Get("Content-Encoding") == "gzip"; packed != c.packed || !strings.Contains(r.Header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%q: compressed %v, Vary %q", c.accept, packed, r.Header.Get("Vary"))
		}
		if !c.packed {
			continue
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if plain := body(t, get(h, "GET", "/static/base.css")); err != nil || string(text) != plain {
			t.Errorf("%q: %d bytes, %v; want the %d of the plain file", c.accept, len(text), err, len(plain))
		}
	}
}

func TestSeries(t *testing.T) {
	f := newFixture(t, 20, midWindow())
	h := f.handler(t, BaseMap{})
	var s seriesAnswer
	read := func(query string) {
		t.Helper()
		s = seriesAnswer{}
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
		_, err := New(Config{BaseMap: BaseMap{URL: url}, Datasets: f.datasets, Directory: f, Latest: f.latest, Reader: f, Files: f})
		if err == nil {
			t.Errorf("base map %q passes", url)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"domain=road", "municipality=aachen&page=2", "station=aa-ver-0&quantity=speed_mean&from=2026-11-23T00:00:00Z", "%zz", "page=99999999999999999999",
		"from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&station=aa-ver-0&quantity=occupancy", "q=Stra%C3%9Fe&state=live", "station=aa-ver-0&quantity=vehicle_count&span=year&window=15m&format=excel-de", "station=aa-ver-0&quantity=vehicle_count&span=year&window=15m&format=excel-de", "q=%ff%fe",
	} {
		f.Add(seed)
	}
	fix := newFixture(f, 10, midWindow())
	h := fix.handler(f, BaseMap{})
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/", "/en/", "/stations", "/station/" + fix.places[0].ID, "/embed/" + fix.places[0].ID, "/api/v1/stations", "/api/v1/series", "/api/v1/series.csv"} {
			fix.spans = nil
			if r := get(h, "GET", path+"?"+query); r.StatusCode >= 500 {
				t.Errorf("%s?%s: %d", path, query, r.StatusCode)
			}
			for _, s := range fix.spans {
				if d := s.End.Sub(s.Start); d <= 0 || fix.most > maxPart {
					t.Errorf("%s?%s asks the database for %s, %d windows at once", path, query, d, fix.most)
				}
			}
		}
	})
}
