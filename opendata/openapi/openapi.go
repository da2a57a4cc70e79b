package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/internal/openhttp"
	"modellregion/opendata"
)

// Config is what a description is made of. Region, Datasets and Directory are
// required.
type Config struct {
	// BaseURL is the address under which the public reaches the platform; empty:
	// that of the description itself.
	BaseURL   string
	Region    opendata.Text
	Publisher string // who answers for the data
	Contact   string // mail address or URL
	Datasets  []opendata.Dataset
	Directory opendata.Directory // of whose stations examples speak
	Catalogue bool               // there is one at /catalog
}

const (
	documentPath = "/openapi.json"
	germanPage   = "/api/"
	englishPage  = "/en/api/"
	stylePath    = "/api/style.css"
)

// Page is where people read the description.
const Page = germanPage

// Document is where programs read it.
const Document = documentPath

// Paths are the patterns under which the handler of New belongs, as
// http.ServeMux knows them.
func Paths() []string {
	return []string{documentPath, germanPage + "{$}", englishPage + "{$}", stylePath}
}

//go:embed style.css
var style []byte

//go:embed page.html.tmpl
var pageSource string

// handler keeps what it answers until the stations or the day have changed, of
// which the examples are.
type handler struct {
	cfg  Config
	page *template.Template

	mu       sync.Mutex
	stations []devices.Station
	day      opendata.Day
	made     map[string]answer // by path
}

// answer is one document as it is sent.
type answer struct {
	kind, etag string
	body       []byte
}

// New returns the handler of Paths.
func New(cfg Config) (http.Handler, error) {
	if cfg.Directory == nil || cfg.Region.De == "" || cfg.Region.En == "" {
		return nil, errors.New("description of the interface: want a region's name in de and en and a directory")
	}
	page, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, err
	}
	h := &handler{cfg: cfg, page: page}
	return h, h.look(time.Now())
}

// cors is what pages of any origin may use.
var cors = openhttp.CORS{Ask: []string{"If-None-Match"}}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cors.Begin(w, r, nil) {
		return
	}
	header := w.Header()
	a, ok := h.answer(r.URL.Path)
	if !ok {
		http.Error(w, "nicht gefunden / not found", http.StatusNotFound)
		return
	}
	header.Set("Content-Type", a.kind)
	header.Set("Cache-Control", "public, max-age=60")
	header.Set("Etag", a.etag)
	if strings.HasPrefix(a.kind, "text/html") {
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

func (h *handler) answer(path string) (answer, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.look(time.Now()) // what could be made once can be made again
	a, ok := h.made[path]
	return a, ok
}

// look makes everything anew when it is of another day or of other stations.
func (h *handler) look(now time.Time) error {
	stations, day := h.cfg.Directory.Stations(), opendata.DayOf(now)
	same := len(stations) == len(h.stations) && (len(stations) == 0 || &stations[0] == &h.stations[0])
	if same && day == h.day {
		return nil
	}
	d := h.cfg.describe(now)
	document, err := d.json()
	if err != nil {
		return fmt.Errorf("describe the interface: %w", err)
	}
	made := map[string]answer{
		documentPath: newAnswer("application/json", document), // as the specification's own examples; it has no registered type
		stylePath:    newAnswer("text/css; charset=utf-8", style),
	}
	for path, lang := range map[string]string{germanPage: "de", englishPage: "en"} {
		var page bytes.Buffer
		if err := h.page.Execute(&page, d.view(lang)); err != nil {
			return fmt.Errorf("describe the interface: %w", err)
		}
		made[path] = newAnswer("text/html; charset=utf-8", page.Bytes())
	}
	h.stations, h.day, h.made = stations, day, made
	return nil
}

func newAnswer(kind string, body []byte) answer {
	sum := sha256.Sum256(body)
	return answer{kind, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, body}
}
