package catalog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// get asks the handler; headers are name, value, name, value.
func get(t *testing.T, h http.Handler, method, path string, headers []string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhatIsServed(t *testing.T) {
	h := serve(t, region())
	const base = "https://daten.musterland.example"
	for _, tc := range []struct {
		method, path, accept string
		status               int
		header, value        string
	}{
		{"GET", "/catalog.ttl", "", 200, "Content-Type", "text/turtle; charset=utf-8"},
		{"GET", "/catalog.rdf", "text/turtle", 200, "Content-Type", "application/rdf+xml; charset=utf-8"},
		{"HEAD", "/catalog.jsonld", "", 200, "Content-Type", "application/ld+json; charset=utf-8"},
		{"GET", "/catalog", "", 200, "Content-Type", "application/rdf+xml; charset=utf-8"},
		{"GET", "/catalog/", "*/*", 200, "Content-Type", "application/rdf+xml; charset=utf-8"},
		{"GET", "/catalog", "text/turtle;q=0.5, application/ld+json;q=0.6", 200, "Content-Type", "application/ld+json; charset=utf-8"},
		{"GET", "/catalog", "text/turtle", 200, "Vary", "Accept, Accept-Encoding"},
		{"GET", "/catalog", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 303, "Location", base + "/data/"},
		{"GET", "/catalog", "image/png", 406, "Vary", "Accept, Accept-Encoding"},
		{"GET", "/catalog/dataset/verkehr", "text/turtle", 200, "Content-Type", "text/turtle; charset=utf-8"},
		{"GET", "/catalog/dataset/verkehr", "text/html", 303, "Location", base + "/data/verkehr/"},
		{"GET", "/catalog/dataset/verkehr.jsonld", "", 200, "Content-Type", "application/ld+json; charset=utf-8"},
		{"GET", "/catalog/dataset/geheim", "", 404, "", ""}, {"GET", "/catalog/dataset/", "", 404, "", ""}, {"GET", "/catalog/dataset/a/b", "", 404, "", ""},
		{"GET", "/catalog.xml", "", 404, "", ""}, {"GET", "/catalogue", "", 404, "", ""},
		{"GET", "/catalog.ttl?page=1", "", 200, "", ""}, {"GET", "/catalog.ttl?page=2", "", 404, "", ""},
		{"GET", "/catalog.ttl?page=0", "", 400, "", ""}, {"GET", "/catalog.ttl?page=x", "", 400, "", ""},
		{"POST", "/catalog", "", 405, "Allow", "GET, HEAD, OPTIONS"}, {"OPTIONS", "/catalog", "", 204, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"},
		{"GET", "/catalog.ttl", "", 200, "Access-Control-Allow-Origin", "*"},
		{"GET", "/catalog.ttl", "", 200, "Link", "<" + base + `/data/>; rel="alternate"; type="text/html"`},
	} {
		var headers []string
		if tc.accept != "" {
			headers = []string{"Accept", tc.accept}
		}
		w := get(t, h, tc.method, tc.path, headers)
		if w.Code != tc.status || tc.header != "" && w.Header().Get(tc.header) != tc.value {
			t.Errorf("%s %s (%s): %d %v, want %d with %s: %s", tc.method, tc.path, tc.accept, w.Code, w.Header(), tc.status, tc.header, tc.value)
		}
		if tc.method == "HEAD" && (w.Body.Len() > 0 || w.Header().Get("Content-Length") == "") {
			t.Errorf("%s: HEAD with %d bytes and length %q", tc.path, w.Body.Len(), w.Header().Get("Content-Length"))
		}
	}
}

func TestCompression(t *testing.T) {
	h := serve(t, region())
	plain := get(t, h, "GET", "/catalog.ttl", nil)
	packed := get(t, h, "GET", "/catalog.ttl", []string{"Accept-Encoding", "br, gzip;q=0.5"})
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
		t.Errorf("compressed body is another: %v", err)
	}
	if packed.Header().Get("Etag") == plain.Header().Get("Etag") || packed.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("headers %v", packed.Header())
	}
	head := get(t, h, "HEAD", "/catalog.ttl", []string{"Accept-Encoding", "gzip"})
	if head.Header().Get("Content-Length") != fmt.Sprint(len(h.(*handler).docs["/1.ttl"].packed)) {
		t.Errorf("length of a compressed HEAD: %v", head.Header())
	}
	for _, refused := range []string{"gzip;q=0", "identity", "*;q=0", "br"} {
		if w := get(t, h, "GET", "/catalog.ttl", []string{"Accept-Encoding", refused}); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("compressed for %q", refused)
		}
	}
}

// changing files can fail and change.
type changing struct {
	published
	err   error
	asked int
}

func (c *changing) Published(dataset string) (Published, error) {
	c.asked++
	return c.published[dataset], c.err
}

func TestConditionalRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := region()
		files := &changing{published: cfg.Files.(published)}
		cfg.Files = files
		h := serve(t, cfg)
		first := get(t, h, "GET", "/catalog.rdf", nil)
		etag, since := first.Header().Get("Etag"), first.Header().Get("Last-Modified")
		time.Sleep(5 * time.Minute)
		for _, tc := range []struct {
			name, value string
			status      int
		}{{"If-None-Match", etag, 304}, {"If-None-Match", `"x", ` + etag, 304}, {"If-Modified-Since", since, 304}, {"If-None-Match", `"x"`, 200}} {
			if w := get(t, h, "GET", "/catalog.rdf", []string{tc.name, tc.value}); w.Code != tc.status {
				t.Errorf("%s: %s gives %d, want %d", tc.name, tc.value, w.Code, tc.status)
			}
		}
		verkehr := files.published["verkehr"]
		verkehr.Files = slices.Clone(verkehr.Files)
		for i := range verkehr.Files {
			verkehr.Files[i].Modified = written.Add(time.Hour)
		}
		files.published["verkehr"] = verkehr
		if w := get(t, h, "GET", "/catalog.rdf", []string{"If-None-Match", etag}); w.Code != 304 {
			t.Errorf("the catalogue is renewed within a minute: %d", w.Code)
		}
		time.Sleep(fresh)
		w := get(t, h, "GET", "/catalog.rdf", []string{"If-Modified-Since", since})
		if w.Code != 200 || w.Header().Get("Etag") == etag || w.Header().Get("Last-Modified") == since {
			t.Errorf("a changed catalogue gives %d %v", w.Code, w.Header())
		}
		asked := files.asked
		for range 100 {
			get(t, h, "GET", "/catalog.ttl", nil)
		}
		if files.asked != asked {
			t.Errorf("files are asked %d times for 100 requests", files.asked-asked)
		}
	})
}

func TestNeverEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := region()
		files := &changing{published: cfg.Files.(published), err: errors.New("the disk is gone")}
		cfg.Files = files
		h := serve(t, cfg)
		for _, path := range []string{"/catalog", "/catalog.ttl", "/catalog.rdf", "/catalog/dataset/verkehr.ttl"} {
			for _, method := range []string{"GET", "HEAD"} {
				w := get(t, h, method, path, nil)
				if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Etag") != "" {
					t.Errorf("%s %s without files: %d %v", method, path, w.Code, w.Header())
				}
			}
		}
		files.err = nil
		time.Sleep(patience)
		good := get(t, h, "GET", "/catalog.ttl", nil)
		if good.Code != 200 {
			t.Fatalf("still %d when all is well", good.Code)
		}
		files.err = errors.New("the disk is gone again")
		time.Sleep(time.Hour)
		if w := get(t, h, "GET", "/catalog.ttl", nil); w.Code != 200 || w.Body.String() != good.Body.String() {
			t.Errorf("what was known is not told any more: %d", w.Code)
		}
	})
	none := region()
	none.Datasets, none.Settings = nil, Settings{}
	if w := get(t, serve(t, none), "GET", "/catalog.ttl", nil); w.Code != 503 {
		t.Errorf("no dataset at all gives %d", w.Code)
	}
}

// TestHarvest goes the way of ckanext-dcat: HEAD, GET, the parser by the
// Content-Type, hydra:next until there is none.
func TestHarvest(t *testing.T) {
	cfg := region()
	template := cfg.Datasets[0]
	cfg.Datasets, cfg.Settings, cfg.Files = nil, Settings{}, published{}
	for i := range 201 {
		d := template
		d.ID = fmt.Sprintf("satz-%03d", i)
		cfg.Datasets = append(cfg.Datasets, d)
	}
	server := httptest.NewUnstartedServer(nil)
	cfg.BaseURL = "http://" + server.Listener.Addr().String()
	mux := http.NewServeMux()
	h := serve(t, cfg)
	for _, pattern := range Paths() {
		mux.Handle(pattern, h)
	}
	server.Config.Handler = mux
	server.Start()
	defer server.Close()
	for _, start := range []string{"/catalog", "/catalog.rdf", "/catalog.ttl", "/catalog.jsonld"} {
		seen, pages, kinds := map[string]bool{}, 0, map[string]bool{}
		for next := cfg.BaseURL + start; next != ""; pages++ {
			if pages > 5 {
				t.Fatalf("%s: no end, now at %s", start, next)
			}
			kind, g := fetch(t, next)
			kinds[kind] = true
			if bad := validate(g, false); len(bad) > 0 {
				t.Fatal(strings.Join(bad[:min(len(bad), 5)], "\n"))
			}
			for _, s := range g.subjects("dcat:Dataset") {
				if seen[s] {
					t.Errorf("%s: %s is there twice", start, s)
				}
				seen[s] = true
			}
			following := g.objects(g.subjects("hydra:PagedCollection")[0], "hydra:next")
			if next = ""; len(following) > 0 {
				next = following[0]
			}
		}
		if len(seen) != 201 || pages != 3 || len(kinds) != 1 {
			t.Errorf("%s: %d datasets on %d pages in %v, want 201 on 3 in one form", start, len(seen), pages, kinds)
		}
	}
}

// fetch asks for a page as a harvester does and reads it.
func fetch(t *testing.T, page string) (mediaType string, g *graph) {
	t.Helper()
	head, err := http.Head(page)
	if err != nil {
		t.Fatal(err)
	}
	head.Body.Close()
	answer, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || head.StatusCode != 200 || answer.StatusCode != 200 || len(body) > 50<<20 {
		t.Fatalf("%s: %s, %s, %d bytes, %v", page, head.Status, answer.Status, len(body), err)
	}
	mediaType, _, _ = strings.Cut(answer.Header.Get("Content-Type"), ";")
	suffixes := map[string]string{"text/turtle": ".ttl", "application/rdf+xml": ".rdf", "application/ld+json": ".jsonld"}
	all, err := parse(suffixes[mediaType], body)
	if err != nil {
		t.Fatal(err)
	}
	g = newGraph()
	for _, one := range all {
		g.add(one)
	}
	return mediaType, g
}

// TestReplicas: two processes with the same configuration say the same, so that
// a client of both is not told twice, and many clients at once are served.
func TestReplicas(t *testing.T) {
	one, other := serve(t, region()), serve(t, region())
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			path := "/catalog" + forms[i%3].suffix
			a, b := get(t, one, "GET", path, nil), get(t, other, "GET", path, nil)
			if a.Code != 200 || a.Header().Get("Etag") != b.Header().Get("Etag") || a.Body.String() != b.Body.String() {
				t.Errorf("%s: %d and %d, %s and %s", path, a.Code, b.Code, a.Header().Get("Etag"), b.Header().Get("Etag"))
			}
		})
	}
	clients.Wait()
}

func TestNewRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"public_url":     func(c *Config) { c.BaseURL = "" },
		"want a URL":     func(c *Config) { c.BaseURL = "https://a.example/?x=1" },
		"contributor":    func(c *Config) { c.Settings.Contributor = "open NRW" },
		"homepage":       func(c *Config) { c.Settings.Homepage = "javascript:alert(1)" },
		"issued":         func(c *Config) { c.Settings.Issued = "gestern" },
		"publisher_type": func(c *Config) { c.Settings.PublisherType = "Company" }, // convention 37
		"no such":        func(c *Config) { c.Settings.Datasets = map[string]Details{"x": {}} },
		"high_value[0]":  func(c *Config) { c.Settings.Datasets = map[string]Details{"verkehr": {HighValue: []string{"traffic"}}} },
		"legislation[0]": func(c *Config) { c.Settings.Datasets = map[string]Details{"verkehr": {Legislation: []string{"StrWG"}}} },
		"windows":        func(c *Config) { c.Datasets[0].Windows = nil },
		"directory":      func(c *Config) { c.Directory = nil },
		"publisher":      func(c *Config) { c.Region.Publisher = "" },
	} {
		cfg := region()
		spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
	cfg := region()
	cfg.BaseURL = "https://musterland.example/daten/"
	g := page1(t, cfg)
	if got := g.objects("https://musterland.example/daten/catalog/dataset/verkehr#latest-csv", "dcat:downloadURL"); !slices.Equal(got, []string{"https://musterland.example/daten/data/verkehr/latest.csv"}) {
		t.Errorf("below a path: %v", got)
	}
}
