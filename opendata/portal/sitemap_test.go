package portal

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
)

type readSitemap struct {
	URLs []struct {
		Loc   string `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 loc"`
		Links []struct {
			Rel  string `xml:"rel,attr"`
			Lang string `xml:"hreflang,attr"`
			Href string `xml:"href,attr"`
		} `xml:"http://www.w3.org/1999/xhtml link"`
	} `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 url"`
	Parts []string `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 sitemap>loc"`
}

func readMap(t *testing.T, text []byte) (m readSitemap) {
	t.Helper()
	if err := xml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSitemap: each address is a page that may be indexed, in both languages, and
// all pages of the site are there.
func TestSitemap(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	h := f.handler(t, BaseMap{})
	r := get(h, "GET", "/sitemap.xml")
	m := readMap(t, []byte(body(t, r)))
	if want := 2 * (4 + 4 + len(f.datasets) + 3 + len(f.places)); len(m.URLs) != want || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/xml") {
		t.Errorf("%d addresses as %s, want %d", len(m.URLs), r.Header.Get("Content-Type"), want)
	}
	seen := map[string]bool{}
	for _, u := range m.URLs {
		path, whole := strings.CutPrefix(u.Loc, "https://daten.example")
		if !whole || seen[path] {
			t.Errorf("address %q is not whole or there twice", u.Loc)
		}
		seen[path] = true
		text := body(t, get(h, "GET", path))
		if !strings.Contains(text, `<link rel="canonical" href="`+u.Loc+`">`) || strings.Contains(text, `content="noindex"`) {
			t.Errorf("%s is not the address of a page to be indexed", u.Loc)
		}
		if len(u.Links) != 2 || u.Links[0].Rel != "alternate" || u.Links[0].Lang != "de" || u.Links[1].Href != "https://daten.example/en"+strings.TrimPrefix(path, "/en") {
			t.Errorf("%s in other languages: %+v", u.Loc, u.Links)
		}
	}
	for _, path := range sitePages(f) {
		text := body(t, get(h, "GET", path))
		if !seen[path] && !strings.Contains(text, `content="noindex"`) {
			t.Errorf("%s is missing", path)
		}
	}
	for path, want := range map[string]int{"/sitemap/1.xml": 404, "/sitemap/0.xml": 404, "/sitemap/01.xml": 404, "/sitemap/x": 404} {
		if r := get(h, "GET", path); r.StatusCode != want {
			t.Errorf("%s gives %d, want %d", path, r.StatusCode, want)
		}
	}
}

// TestSitemapIndex: what is too much for one is divided, and nothing is lost.
func TestSitemapIndex(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	p := &portal{Config: Config{BaseURL: "https://daten.example/", Datasets: f.datasets, Directory: f, Latest: f.latest}}
	var listed []devices.Station
	for i := range 100 {
		listed = append(listed, devices.Station{ID: fmt.Sprintf("station & %d", i)})
	}
	all := 2 * len(p.paths(listed))
	made, err := p.makeSitemaps(listed, 64)
	if err != nil {
		t.Fatal(err)
	}
	index := readMap(t, made[0])
	if want := (all + 63) / 64; len(made) != want+1 || len(index.Parts) != want || index.Parts[1] != "https://daten.example/sitemap/2.xml" {
		t.Errorf("%d parts %v, want %d", len(made)-1, index.Parts, want)
	}
	total := 0
	for _, part := range made[1:] {
		n := len(readMap(t, part).URLs)
		if n > 64 {
			t.Errorf("a part has %d addresses", n)
		}
		total += n
	}
	if total != all {
		t.Errorf("the parts have %d addresses, want %d", total, all)
	}
}

func TestRobots(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	text := body(t, get(f.handler(t, BaseMap{}), "GET", "/robots.txt"))
	for _, want := range []string{"User-agent: *\n", "\nDisallow: /api/v1/series\n", "\nDisallow: /en/stations?\n", "\nAllow: /\n", "\nSitemap: https://daten.example/sitemap.xml\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("robots.txt lacks %q:\n%s", want, text)
		}
	}
	unknown := f.handlerWith(t, func(c *Config) { c.BaseURL = "" })
	if text := body(t, get(unknown, "GET", "/robots.txt")); strings.Contains(text, "Sitemap") {
		t.Error("a site that does not know its address names a sitemap")
	}
	if r := get(unknown, "GET", "/sitemap.xml"); r.StatusCode != 404 {
		t.Errorf("the sitemap of a site that does not know its address: %d", r.StatusCode)
	}
}
