// Package portal is the public site of a region: what it measures now, in
// words, on a map, as lists, tables and charts, and the way to the data, in
// German and English, with a small JSON interface for its own map and chart.
//
// It knows how things look and read. A page is a route (site.go) with a function
// that fills it, a template and its texts; the frame around all of them is
// templates/layout.html.tmpl and static/base.css. It leaves what may be shown to
// opendata, whose Reader and Latest are all it can see, and files to
// opendata/files, of which it is told what there is.
package portal

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"modellregion/opendata"
)

// Region is whose site it is.
type Region struct {
	Name           opendata.Text
	Municipalities []Municipality // in the order in which they are shown
	Publisher      string         // who answers for the site: "Stadt Paderborn"
	Contact        string         // mail address or URL
}

// Municipality is a part of the region, with the middle of its town.
type Municipality struct {
	ID       string // as in devices.Station
	Name     string
	Lat, Lon float64 // degrees, WGS 84
}

// BaseMap is what lies under the stations. Without a URL the map draws the
// outline of the state and the towns alone.
type BaseMap struct {
	URL         string // template with {z}, {x}, {y} on an https host
	Attribution string
}

// DefaultBaseMap is basemap.de, the web map of the German surveying
// authorities.
func DefaultBaseMap() BaseMap {
	return BaseMap{
		URL:         "https://sgx.geodatenzentrum.de/wmts_basemapde/tile/1.0.0/de_basemapde_web_raster_farbe/default/GLOBAL_WEBMERCATOR/{z}/{y}/{x}.png",
		Attribution: "© basemap.de / BKG (CC BY 4.0)",
	}
}

// Legal is what a public body has to say on its site: plain text, paragraphs
// divided by an empty line. What is empty says what the platform itself knows.
type Legal struct{ Imprint, Privacy, Accessibility opendata.Text }

// Files tells what is published of a dataset.
type Files interface {
	// Published returns the files of a dataset, in any order; none and no error
	// says that there are none yet. It is asked for each page that lists them,
	// and answers from memory.
	Published(dataset string) ([]File, error)
}

// File is a file that everybody can download.
type File struct {
	Path     string // on the site: "/data/verkehr/latest.csv"
	Bytes    int64
	Window   opendata.Window // of its rows
	Period   string          // "2026-11-23" for a day, "2026-11" for a month, empty for the latest values
	Complete bool            // its period is over
	Modified time.Time       // last written; zero: not known
}

// Config is what the portal works with. All but BaseURL, BaseMap, Legal,
// Source, Notices and Feedback is required.
type Config struct {
	// BaseURL is the address under which the public reaches the site, without a
	// path. Empty: nobody knows; then addresses in the head of a page are
	// relative, and there is no catalogue to link to.
	BaseURL   string
	Region    Region
	Legal     Legal
	Source    string // URL of the program's source code
	BaseMap   BaseMap
	Datasets  []opendata.Dataset
	Directory opendata.Directory
	Latest    *opendata.Latest
	Reader    opendata.Reader
	Files     Files
	Notices   []Notice // of the operator, in any order
	Feedback  Feedback // nil: none is taken, and no page speaks of it
	Log       *slog.Logger
}

const (
	maxQueries   = 8 // of the reader at one time, so that readers of the page cannot drown the database
	queryTimeout = 5 * time.Second
)

type portal struct {
	Config
	pages      map[string]*template.Template // by name of the route's template
	assets     *assets
	policy     string // Content-Security-Policy
	queries    chan struct{}
	now        *overview
	pasts      pasts
	pictures   pictures
	drawn      drawn
	situations situations
	coverages  map[string]*coverage // by dataset
	maps       sitemaps
}

// New returns the handler of all paths of the site, "/static/" and "/api/v1/".
// It reads and never writes, sets no cookies and lets a browser load nothing from
// elsewhere but the tiles of the base map.
func New(cfg Config) (http.Handler, error) {
	if err := opendata.CheckAll(cfg.Datasets); err != nil {
		return nil, err
	}
	tiles, err := tileSource(cfg.BaseMap.URL)
	if err != nil {
		return nil, err
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	pages, err := parseTemplates(assets)
	if err != nil {
		return nil, err
	}
	p := &portal{
		Config: cfg, pages: pages, assets: assets, queries: make(chan struct{}, maxQueries), now: newOverview(cfg.Latest),
		policy: "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:" + tiles +
			"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	}
	if err := p.prepareDatasets(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range p.routes() {
		if pages[r.template] == nil {
			return nil, fmt.Errorf("page %s: there is no template %s", r.pattern, r.template)
		}
		for _, t := range languages() {
			mux.HandleFunc("GET "+t.Prefix+r.pattern, p.serve(r, t))
		}
	}
	for _, t := range languages() {
		mux.HandleFunc("GET "+t.Prefix+"/", func(w http.ResponseWriter, r *http.Request) { p.fail(w, t, http.StatusNotFound) })
	}
	if p.Feedback != nil {
		p.mountFeedback(mux)
	}
	p.mountMachines(mux)
	mux.HandleFunc("GET /static/", p.assets.serve)
	mux.HandleFunc("GET /api/v1/stations", p.stationsJSON)
	mux.HandleFunc("GET /api/v1/map", p.mapJSON)
	mux.HandleFunc("GET /api/v1/series", p.seriesJSON)
	mux.HandleFunc("GET /api/v1/series.csv", p.seriesCSV)
	for _, t := range languages() {
		mux.HandleFunc("GET "+t.Prefix+"/embed/{id}", p.embed(t))
		mux.HandleFunc("GET "+t.Prefix+"/picture/{kind}", p.picture(t))
		mux.HandleFunc("GET "+t.Prefix+"/picture/{kind}/{file}", p.picture(t))
	}
	return p.protect(mux), nil
}

// tileSource returns the origin of the tiles as it is written in a
// Content-Security-Policy, with a space in front, or nothing without tiles.
func tileSource(template string) (string, error) {
	if template == "" {
		return "", nil
	}
	u, err := url.Parse(template)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("base map %q: want an https URL with {z}, {x} and {y}", template)
	}
	return " https://" + u.Host, nil
}

// protect sets the headers that every answer has.
func (p *portal) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", p.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		h.Set("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}

// errBusy says that too many queries run already.
var errBusy = errors.New("too many queries at once")

// query runs one query of the reader within the limits.
func (p *portal) query(ctx context.Context, run func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	select {
	case p.queries <- struct{}{}:
		defer func() { <-p.queries }()
		return run(ctx)
	case <-ctx.Done():
		return errBusy
	}
}
