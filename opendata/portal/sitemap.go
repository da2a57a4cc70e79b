package portal

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"modellregion/devices"
)

// sitemapURLs is how many addresses one sitemap may have (sitemaps.org, and
// 50 MB, of which 50,000 of ours with their languages are a half).
const sitemapURLs = 50_000

type sitemapSet struct {
	XMLName xml.Name     `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	XHTML   string       `xml:"xmlns:xhtml,attr"`
	URLs    []sitemapURL `xml:"url"`
}

type sitemapURL struct {
	Loc        string        `xml:"loc"`
	Alternates []sitemapLink `xml:"xhtml:link"`
}

type sitemapLink struct {
	Rel  string `xml:"rel,attr"`
	Lang string `xml:"hreflang,attr"`
	Href string `xml:"href,attr"`
}

type sitemapIndex struct {
	XMLName xml.Name  `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 sitemapindex"`
	Parts   []partURL `xml:"sitemap"`
}

type partURL struct {
	Loc string `xml:"loc"`
}

// sitemaps keeps what was made until the stations change.
type sitemaps struct {
	mu     sync.Mutex
	listed []devices.Station
	made   [][]byte // the first is what /sitemap.xml answers; then the parts, if there are any
}

// mountMachines mounts what programs read and people do not see.
func (p *portal) mountMachines(mux *http.ServeMux) {
	for _, t := range languages() {
		mux.HandleFunc("GET "+t.Prefix+"/dataset/{id}/file", p.download(t))
		mux.HandleFunc("GET "+t.Prefix+"/feed/{name}", p.feed(t))
	}
	mux.HandleFunc("GET /api/v1/status.json", p.statusJSON)
	mux.HandleFunc("GET /sitemap.xml", p.sitemap)
	mux.HandleFunc("GET /sitemap/{part}", p.sitemap)
	mux.HandleFunc("GET /robots.txt", p.robots)
}

// sitemap answers with all pages or, when they are too many, with what there is
// of parts; and with a part.
func (p *portal) sitemap(w http.ResponseWriter, r *http.Request) {
	part := 0
	if name := r.PathValue("part"); name != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(name, ".xml"))
		if err != nil || n < 1 || name != strconv.Itoa(n)+".xml" {
			p.fail(w, &german, http.StatusNotFound)
			return
		}
		part = n
	}
	made, err := p.madeSitemaps(sitemapURLs)
	if err != nil {
		p.Log.Error("sitemap cannot be written", "err", err)
		p.fail(w, &german, http.StatusInternalServerError)
		return
	}
	if p.BaseURL == "" || part >= len(made) { // its addresses have to be whole
		p.fail(w, &german, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	respond(w, r, made[part], "")
}

func (p *portal) madeSitemaps(perPart int) ([][]byte, error) {
	p.maps.mu.Lock()
	defer p.maps.mu.Unlock()
	listed := p.Directory.Stations()
	if p.maps.made != nil && sameList(p.maps.listed, listed) {
		return p.maps.made, nil
	}
	made, err := p.makeSitemaps(listed, perPart)
	if err == nil {
		p.maps.listed, p.maps.made = listed, made
	}
	return made, err
}

func (p *portal) makeSitemaps(listed []devices.Station, perPart int) ([][]byte, error) {
	var urls []sitemapURL
	for _, path := range p.paths(listed) {
		var alternates []sitemapLink
		for _, t := range languages() {
			alternates = append(alternates, sitemapLink{"alternate", t.Lang, p.absolute(t.To(path))})
		}
		for _, t := range languages() {
			urls = append(urls, sitemapURL{p.absolute(t.To(path)), alternates})
		}
	}
	if len(urls) <= perPart {
		one, err := xmlOf(sitemapSet{XHTML: "http://www.w3.org/1999/xhtml", URLs: urls})
		return [][]byte{one}, err
	}
	parts := [][]byte{nil}
	var index sitemapIndex
	for from := 0; from < len(urls); from += perPart {
		one, err := xmlOf(sitemapSet{XHTML: "http://www.w3.org/1999/xhtml", URLs: urls[from:min(from+perPart, len(urls))]})
		if err != nil {
			return nil, err
		}
		index.Parts = append(index.Parts, partURL{p.absolute("/sitemap/" + strconv.Itoa(len(parts)) + ".xml")})
		parts = append(parts, one)
	}
	all, err := xmlOf(index)
	parts[0] = all
	return parts, err
}

func xmlOf(v any) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	err := xml.NewEncoder(&out).Encode(v)
	return out.Bytes(), err
}

// paths are the pages that search engines should know, in German.
func (p *portal) paths(listed []devices.Station) []string {
	paths := []string{"/", "/stations", "/datasets", "/status"}
	for _, d := range p.domains() {
		paths = append(paths, "/topic/"+string(d))
	}
	for i := range p.Datasets {
		paths = append(paths, "/dataset/"+p.Datasets[i].ID)
	}
	paths = append(paths, "/imprint", "/privacy", "/accessibility")
	for i := range listed {
		paths = append(paths, stationPath(listed[i].ID))
	}
	return paths
}

// robots keeps crawlers from what is endless: queries of series, pages that
// differ in parameters alone, and the stream of events (RFC 9309).
func (p *portal) robots(w http.ResponseWriter, r *http.Request) {
	text := []string{"User-agent: *", "Disallow: /api/v1/series", "Disallow: /live", "Disallow: /sta/v1.1/*?"}
	for _, t := range languages() {
		for _, path := range []string{"/stations?", "/station/*?", "/dataset/*?", "/dataset/*/file", "/?"} {
			text = append(text, "Disallow: "+t.To(path))
		}
		text = append(text, "Allow: "+t.To("/stations?page="))
	}
	text = append(text, "Allow: /", "")
	if p.BaseURL != "" {
		text = append(text, "Sitemap: "+p.absolute("/sitemap.xml"), "")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	respond(w, r, []byte(strings.Join(text, "\n")), "")
}
