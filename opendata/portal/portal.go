// Package portal is the public page of a region: stations on a map, the last
// values as words, table and chart, and the way to the files, in German and
// English, with a small JSON interface for its own map and chart.
//
// It knows how things look and read. It leaves what may be shown to opendata,
// whose Reader and Latest are all it can see, and files to opendata/files,
// which it only links to.
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

// Region is whose page it is.
type Region struct {
	Name           opendata.Text
	Municipalities []Municipality // in the order in which they are shown
	Publisher      string         // who answers for the page: "Stadt Paderborn"
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

// Config is what the portal works with. All but BaseMap is required.
type Config struct {
	Region    Region
	BaseMap   BaseMap
	Datasets  []opendata.Dataset
	Directory opendata.Directory
	Latest    *opendata.Latest
	Reader    opendata.Reader
	Log       *slog.Logger
}

const (
	maxQueries   = 8 // of the reader at one time, so that readers of the page cannot drown the database
	queryTimeout = 5 * time.Second
)

type portal struct {
	Config
	pages   *template.Template
	assets  *assets
	policy  string // Content-Security-Policy
	queries chan struct{}
}

// New returns the handler of "/", "/en/", "/static/" and "/api/v1/". It reads
// and never writes, sets no cookies and lets a browser load nothing from
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
		Config: cfg, pages: pages, assets: assets, queries: make(chan struct{}, maxQueries),
		policy: "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:" + tiles +
			"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.page("de"))
	mux.HandleFunc("GET /en/{$}", p.page("en"))
	mux.HandleFunc("GET /static/", p.assets.serve)
	mux.HandleFunc("GET /api/v1/stations", p.stations)
	mux.HandleFunc("GET /api/v1/series", p.series)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { p.fail(w, "de", http.StatusNotFound) })
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
		h.Set("Permissions-Policy", "geolocation=(), camera=(), microphone=()")
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
