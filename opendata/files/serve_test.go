package files

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"modellregion/internal/openhttp"
	"modellregion/opendata"
)

func get(f *Files, method, path string, header ...string) *http.Response {
	path, query, _ := strings.Cut(path, "?")
	r := httptest.NewRequest(method, "http://x/", nil)
	r.URL.Path, r.URL.RawQuery = path, query
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, r *http.Response) string {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const dayPath = "/data/alles/15m/1999-11-23.csv"

func TestServe(t *testing.T) {
	files, dir := open(t, newFake(t))
	publish(t, files)
	outside := filepath.Join(filepath.Dir(dir), "secret.csv")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "alles", "link.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "alles", ".half.csv"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".alles", "folder.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".alles", "x.csv"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	const csvType = "text/csv; charset=utf-8; header=present"
	for _, c := range []struct {
		method, path string
		status       int
		mediaType    string
	}{
		{"GET", dayPath, 200, csvType},
		{"HEAD", dayPath, 200, csvType},
		{"GET", dayPath + ".gz", 200, "application/gzip"},
		{"GET", dayPath + ".zst", 200, "application/zstd"},
		{"GET", "/data/alles/15m/1999-11-23.json", 200, "application/json"},
		{"GET", "/data/alles/15m/1999-11-23.geojson", 200, "application/geo+json"},
		{"GET", "/data/alles/15m/1999-11-23.parquet", 200, "application/vnd.apache.parquet"},
		{"GET", "/data/alles/15m/1999-11-23.xlsx", 200, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		{"GET", dayPath + "-metadata.json", 200, "application/csvm+json"},
		{"GET", "/data/alles/latest.csv", 200, csvType},
		{"GET", "/data/alles/latest.csv?dialect=excel-de", 200, csvType},
		{"GET", "/data/alles/latest.csv?dialect=klingon", 400, ""},
		{"GET", "/data/index.json", 200, "application/json"},
		{"GET", "/data/", 200, "text/html; charset=utf-8"},
		{"GET", "/data/alles/", 200, "text/html; charset=utf-8"},
		{"GET", "/data/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/data", 301, ""},
		{"GET", "/data/alles", 301, ""},
		{"GET", "/data/alles/1999-11-23.csv", 301, ""},
		{"GET", "/data/alles/1999-11-24.csv", 404, ""},
		{"GET", "/data/alles/15m/1999-11-24.csv", 404, ""},
		{"GET", "/data/nichts/", 404, ""},
		{"GET", "/data/nichts", 404, ""},
		{"GET", "/data/../secret.csv", 404, ""},
		{"GET", "/data/alles/../../secret.csv", 404, ""},
		{"GET", "/data/alles/link.csv", 404, ""},
		{"GET", "/data//etc/passwd", 404, ""},
		{"GET", "/data/alles/.half.csv", 404, ""},
		{"GET", "/data/.stations", 404, ""},
		{"GET", "/data/.alles/x.csv", 404, ""},
		{"GET", "/other", 404, ""},
		{"POST", "/data/alles/latest.csv", 405, ""},
		{"DELETE", dayPath, 405, ""},
		{"OPTIONS", dayPath, 204, ""},
	} {
		r := get(files, c.method, c.path)
		if r.StatusCode != c.status || c.mediaType != "" && r.Header.Get("Content-Type") != c.mediaType {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, r.StatusCode, r.Header.Get("Content-Type"), c.status, c.mediaType)
		}
		if page := strings.HasPrefix(c.mediaType, "text/html"); page != (r.Header.Get("Content-Security-Policy") != "") {
			t.Errorf("%s %s: a page needs a Content-Security-Policy, other files none", c.method, c.path)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: a browser may guess the type, or not read it", c.method, c.path)
		}
		if b := body(t, r); strings.Contains(b, "secret") || c.method == "HEAD" && b != "" {
			t.Errorf("%s %s: body %q", c.method, c.path, b)
		}
		if c.status == 405 && r.Header.Get("Allow") != openhttp.Methods {
			t.Errorf("%s: Allow is %q", c.method, r.Header.Get("Allow"))
		}
	}
	if to := get(files, "GET", "/data/alles/1999-11-23.csv").Header.Get("Location"); to != dayPath {
		t.Errorf("an old bookmark leads to %q", to)
	}
	if german := body(t, get(files, "GET", dayPath+"?dialect=excel-de")); !strings.HasPrefix(german, "\ufeffstation;name") {
		t.Errorf("the German dialect begins with %.20q", german)
	}
}

// TestServeConditional asks for files in memory and on disk.
func TestServeConditional(t *testing.T) {
	files, dir := open(t, newFake(t))
	publish(t, files)
	large := append([]byte("station,"), bytes.Repeat([]byte("x"), cacheFile)...)
	if err := os.WriteFile(filepath.Join(dir, "alles", "gross.csv"), large, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dayPath, "/data/alles/gross.csv"} {
		first := get(files, "GET", path)
		whole, etag, modified := body(t, first), first.Header.Get("ETag"), first.Header.Get("Last-Modified")
		if !strings.HasPrefix(etag, `"`) || modified == "" || int64(len(whole)) != first.ContentLength {
			t.Fatalf("ETag %q, Last-Modified %q, %d of %d bytes", etag, modified, len(whole), first.ContentLength)
		}
		for _, header := range [][]string{
			{"If-None-Match", etag}, {"If-None-Match", `"x", W/` + etag}, {"If-None-Match", "*"},
			{"If-Modified-Since", modified}, {"If-None-Match", etag, "If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"},
		} {
			if r := get(files, "GET", path, header...); r.StatusCode != http.StatusNotModified || body(t, r) != "" || r.Header.Get("ETag") != etag {
				t.Errorf("%v gives %d, want 304", header, r.StatusCode)
			}
		}
		if r := get(files, "GET", path, "If-None-Match", `"other"`); r.StatusCode != http.StatusOK || body(t, r) != whole {
			t.Errorf("another ETag gives %d, want 200", r.StatusCode)
		}
		if r := get(files, "GET", path, "Range", "bytes=8-11"); r.StatusCode != http.StatusPartialContent || body(t, r) != whole[8:12] {
			t.Errorf("a range gives %d, want 206 and its bytes", r.StatusCode)
		}
		if r := get(files, "GET", path, "Range", "bytes=8-11", "If-Range", `"other"`); r.StatusCode != http.StatusOK {
			t.Errorf("a range of another version gives %d, want 200", r.StatusCode)
		}
		if r := get(files, "HEAD", path); r.Header.Get("Content-Length") != first.Header.Get("Content-Length") || r.Header.Get("ETag") != etag {
			t.Errorf("HEAD gives %v", r.Header)
		}
	}
}

func TestEncodings(t *testing.T) {
	files, dir := open(t, newFake(t))
	publish(t, files)
	plain := string(content(t, dir, "alles/15m/1999-11-23.csv"))
	tags := map[string]string{}
	for _, c := range []struct{ accept, want string }{
		{"", ""}, {"identity", ""}, {"gzip", "gzip"}, {"gzip, deflate, br, zstd", "zstd"}, {"GZIP", "gzip"}, {"*", "zstd"},
		{"zstd;q=0, gzip", "gzip"}, {"zstd;q=0.0,*", "gzip"}, {"gzip;q=0", ""}, {"gzip;q=0.5", "gzip"}, {"*;q=0", ""}, {"br", ""}, {"xgzip", ""},
	} {
		r := get(files, "GET", dayPath, "Accept-Encoding", c.accept)
		got := body(t, r)
		coding := r.Header.Get("Content-Encoding")
		switch coding {
		case "gzip":
			z, err := gzip.NewReader(strings.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
		case "zstd":
			z, err := zstd.NewReader(strings.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			z.Close()
			got = string(data)
		}
		if coding != c.want || got != plain || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: coding %q, want %q; Vary %q", c.accept, coding, c.want, r.Header.Get("Vary"))
		}
		tags[coding] = r.Header.Get("ETag")
	}
	if tags[""] == tags["gzip"] || tags["gzip"] == tags["zstd"] || tags[""] == tags["zstd"] {
		t.Errorf("representations share a strong ETag: %v", tags)
	}
	// A sibling of another revision is not served.
	if err := os.Chtimes(filepath.Join(dir, "alles/15m/1999-11-23.csv.gz"), t0, t0); err != nil {
		t.Fatal(err)
	}
	files.cache.clear()
	if r := get(files, "GET", dayPath, "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" {
		t.Error("a sibling of another time is served")
	}
}

// TestServeNew: what is written is served at once, what somebody else changes
// within a second; nothing that may change is called immutable.
func TestServeNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		files, dir := open(t, f)
		files.cfg.Settled = 92 * 24 * time.Hour
		publish(t, files)
		before := get(files, "GET", dayPath)
		if c := before.Header.Get("Cache-Control"); c != short[0] {
			t.Errorf("a day of 39 days ago: %s", c)
		}
		f.rows[3].Sum = 43
		publish(t, files)
		after := get(files, "GET", dayPath)
		if after.Header.Get("ETag") == before.Header.Get("ETag") || body(t, after) == body(t, before) {
			t.Error("the old file is served")
		}
		name := filepath.Join(dir, "alles/15m/1999-11-23.csv")
		if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(fresh)
		if got := body(t, get(files, "GET", dayPath)); got != "x" {
			t.Errorf("%q is served", got)
		}
		time.Sleep(60 * 24 * time.Hour)
		if c := get(files, "GET", dayPath).Header.Get("Cache-Control"); c != forEver[0] {
			t.Errorf("a day of 99 days ago: %s", c)
		}
		for _, path := range []string{"/data/alles/latest.csv", "/data/alles/", "/data/alles/1999-11.json", "/data/index.json"} {
			if c := get(files, "GET", path).Header.Get("Cache-Control"); c != short[0] {
				t.Errorf("%s: %s", path, c)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(fresh)
		if r := get(files, "GET", dayPath); r.StatusCode != http.StatusNotFound {
			t.Errorf("a file that is gone gives %d", r.StatusCode)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 300 {
		c.put(strings.Repeat("x", i+1), &item{plain: &representation{body: make([]byte, cacheFile)}})
		if c.bytes > cacheAll {
			t.Fatalf("%d bytes are held, at most %d may be", c.bytes, cacheAll)
		}
	}
	for i := range 300 {
		c.forget(strings.Repeat("x", i+1))
	}
	if c.bytes != 0 || len(c.items) != 0 {
		t.Errorf("%d bytes are left of nothing", c.bytes)
	}
}

var (
	links = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	// paths are those in JSON that a program would follow.
	paths = regexp.MustCompile(`"(?:path|index|page|datapackage|schema|url|tableSchema|indexes)": "([^"]*)"`)
)

// TestCrawl follows every link of the pages, and every path that the indexes
// for programs name.
func TestCrawl(t *testing.T) {
	f := newFake(t)
	files, _ := open(t, f)
	if page := body(t, get(files, "GET", "/data/alles/")); !strings.Contains(page, "Noch keine Dateien") {
		t.Errorf("an empty dataset does not explain itself:\n%s", page)
	}
	publish(t, files, day0, opendata.DayOf(t0.AddDate(0, 0, -1)))
	seen := map[string]bool{}
	queue := []string{"/data/"}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		r := get(files, "GET", at)
		text := body(t, r)
		if r.StatusCode != 200 {
			t.Errorf("%s: %d", at, r.StatusCode)
			continue
		}
		found := paths
		switch kind := r.Header.Get("Content-Type"); {
		case strings.HasPrefix(kind, "text/html"):
			found = links
		case strings.HasPrefix(kind, "text/csv") && !strings.HasSuffix(at, ".excel-de.csv"):
			text = `"url": "` + strings.TrimPrefix(strings.SplitN(r.Header.Get("Link"), ">", 2)[0], "<") + `"`
		case !strings.HasSuffix(kind, "json"):
			continue
		}
		if found == links && (strings.Contains(text, "<script") || !strings.Contains(text, `<html lang="de">`) || strings.Contains(text, "ZgotmplZ")) {
			t.Errorf("%s is not as a page should be", at)
		}
		base := &url.URL{Path: at}
		for _, m := range found.FindAllStringSubmatch(text, -1) {
			to, err := base.Parse(m[1])
			if err != nil {
				t.Errorf("%s: link %q: %v", at, m[1], err)
				continue
			}
			if to.Host == "" && strings.HasPrefix(to.Path, "/data/") && !seen[to.Path] {
				seen[to.Path] = true
				queue = append(queue, to.Path)
			}
		}
	}
	for _, want := range []string{"/data/style.css", "/data/alles/latest.xlsx", dayPath, "/data/alles/1h/1999-11-23.parquet", "/data/alles/1h/1999-11.xlsx", "/data/alles/datapackage.json", dayPath + "-metadata.json"} {
		if !seen[want] {
			t.Errorf("nothing leads to %s", want)
		}
	}
}

func FuzzServe(f *testing.F) {
	for _, seed := range []string{"/data/", "/data/alles/latest.csv", "/data/../secret.csv", "/data/alles/%2e%2e/x", "/data/\x00", "/data/.csv", "//", "", "/data/alles/1999-11-23.csv"} {
		f.Add(seed, "gzip;q=0, *", `"x", W/"y"`)
	}
	files, dir := open(f, newFake(f))
	publish(f, files)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "secret.csv"), []byte("secret"), 0o644); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, accept, match string) {
		r := get(files, "GET", path, "Accept-Encoding", accept, "If-None-Match", match)
		if b := body(t, r); strings.Contains(b, "secret") {
			t.Errorf("%q leads out of the folder", path)
		}
		if to := r.Header.Get("Location"); to != "" {
			u, err := url.Parse(to)
			if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/data/") {
				t.Errorf("%q redirects to %q", path, to)
			}
		}
	})
}
