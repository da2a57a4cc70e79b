package files

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func get(f *Files, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://x/", nil)
	r.URL.Path = path
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
	if err := os.WriteFile(filepath.Join(dir, "alles", ".2026-11-23.csv.tmp"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	const csvType = "text/csv; charset=utf-8; header=present"
	for _, c := range []struct {
		method, path string
		status       int
		mediaType    string
	}{
		{"GET", "/data/alles/2026-11-23.csv", 200, csvType},
		{"HEAD", "/data/alles/2026-11-23.csv", 200, csvType},
		{"GET", "/data/alles/latest.csv", 200, csvType},
		{"GET", "/data/index.json", 200, "application/json"},
		{"GET", "/data/", 200, "text/html; charset=utf-8"},
		{"GET", "/data/alles/", 200, "text/html; charset=utf-8"},
		{"GET", "/data/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/data", 301, ""},
		{"GET", "/data/alles", 301, ""},
		{"GET", "/data/alles/2026-11-24.csv", 404, ""},
		{"GET", "/data/nichts/", 404, ""},
		{"GET", "/data/nichts", 404, ""},
		{"GET", "/data/../secret.csv", 404, ""},
		{"GET", "/data/alles/../../secret.csv", 404, ""},
		{"GET", "/data/alles/link.csv", 404, ""},
		{"GET", "/data//etc/passwd", 404, ""},
		{"GET", "/data/alles/.2026-11-23.csv.tmp", 404, ""},
		{"GET", "/data/folder.csv", 404, ""},
		{"GET", "/other", 404, ""},
		{"POST", "/data/alles/latest.csv", 405, ""},
		{"DELETE", "/data/alles/2026-11-23.csv", 405, ""},
	} {
		r := get(files, c.method, c.path)
		if r.StatusCode != c.status || c.mediaType != "" && r.Header.Get("Content-Type") != c.mediaType {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, r.StatusCode, r.Header.Get("Content-Type"), c.status, c.mediaType)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: a browser may guess the type", c.method, c.path)
		}
		if b := body(t, r); strings.Contains(b, "secret") || c.method == "HEAD" && b != "" {
			t.Errorf("%s %s: body %q", c.method, c.path, b)
		}
	}
}

func TestServeConditional(t *testing.T) {
	files, _ := open(t, newFake(t))
	publish(t, files)
	const path = "/data/alles/2026-11-23.csv"
	first := get(files, "GET", path)
	whole, etag, modified := body(t, first), first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	if etag == "" || modified == "" {
		t.Fatalf("ETag %q, Last-Modified %q", etag, modified)
	}
	if r := get(files, "GET", path, "If-None-Match", etag); r.StatusCode != http.StatusNotModified {
		t.Errorf("the same ETag gives %d, want 304", r.StatusCode)
	}
	if r := get(files, "GET", path, "If-Modified-Since", modified); r.StatusCode != http.StatusNotModified {
		t.Errorf("the same time gives %d, want 304", r.StatusCode)
	}
	if r := get(files, "GET", path, "Range", "bytes=8-11"); r.StatusCode != http.StatusPartialContent || body(t, r) != whole[8:12] {
		t.Errorf("a range gives %d, want 206 and its bytes", r.StatusCode)
	}
	if r := get(files, "GET", path, "Range", "bytes=8-11", "If-Range", `"other"`); r.StatusCode != http.StatusOK {
		t.Errorf("a range of another version gives %d, want 200", r.StatusCode)
	}
}

func FuzzServe(f *testing.F) {
	for _, seed := range []string{"/data/", "/data/alles/latest.csv", "/data/../secret.csv", "/data/alles/%2e%2e/x", "/data/\x00", "/data/.csv", "//", ""} {
		f.Add(seed)
	}
	files, dir := open(f, newFake(f))
	publish(f, files)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "secret.csv"), []byte("secret"), 0o644); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := get(files, "GET", path)
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
