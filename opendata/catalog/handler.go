package catalog

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/internal/openhttp"
)

const (
	fresh      = time.Minute      // how old the catalogue may be
	patience   = 10 * time.Second // after a failure until the next attempt
	retryAfter = 2 * time.Minute  // what a client is told when there is nothing
)

// Paths are the patterns under which the handler of New belongs, as
// http.ServeMux knows them.
func Paths() []string {
	paths := []string{"/catalog", "/catalog/"}
	for _, f := range forms {
		if f.suffix != "" {
			paths = append(paths, "/catalog"+f.suffix)
		}
	}
	return paths
}

// New returns the handler of Paths: the catalogue in three forms or in that
// which Accept asks for, page by page, and each dataset under its URI. People
// are led to pages. It answers from memory, asks for files and stations at most
// once a minute, and knows HEAD, conditional requests and gzip. While nothing
// is known it answers 503 with Retry-After; what was known once is told until
// more is.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Human == "" {
		cfg.Human = "/data/"
	}
	cfg.Datasets = slices.Clone(cfg.Datasets)
	for i := range cfg.Datasets {
		cfg.Datasets[i].Complete()
	}
	return &handler{cfg: cfg, docs: map[string]*document{}}, nil
}

// cors is what pages of any origin may use.
var cors = openhttp.CORS{Ask: []string{"Accept, If-None-Match, If-Modified-Since"}, Expose: []string{"ETag, Link, Retry-After"}}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cors.Begin(w, r, nil) {
		return
	}
	what, human, ok := h.resolve(r.URL.Path)
	if !ok {
		notFound(w)
		return
	}
	header := w.Header()
	if what.form.write == nil {
		header.Set("Vary", "Accept, Accept-Encoding")
		if what.form, ok = choose(r.Header["Accept"]); !ok {
			http.Error(w, "text/turtle, application/rdf+xml, application/ld+json oder text/html / or text/html", http.StatusNotAcceptable)
			return
		}
		if what.form.write == nil {
			http.Redirect(w, r, human, http.StatusSeeOther)
			return
		}
	} else {
		header.Set("Vary", "Accept-Encoding")
	}
	if page := r.URL.Query().Get("page"); page != "" && what.dataset == "" {
		n, err := strconv.Atoi(page)
		if err != nil || n < 1 {
			http.Error(w, "page: eine Zahl ab 1 / a number from 1 on", http.StatusBadRequest)
			return
		}
		what.page = n
	}
	h.answer(w, r, what, human)
}

// resolve returns what a path is the address of, with a form when it ends like
// one, and the page for people about the same.
func (h *handler) resolve(path string) (what address, human string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/catalog")
	if !ok {
		return address{}, "", false
	}
	what.page, human = 1, h.cfg.at(h.cfg.Human)
	if name, ok := strings.CutPrefix(rest, "/dataset/"); ok {
		id, suffix := name, ""
		if i := strings.IndexByte(name, '.'); i >= 0 {
			id, suffix = name[:i], name[i:]
		}
		what.dataset, human, rest = id, h.cfg.datasetPage(id), suffix
		if id == "" || strings.Contains(id, "/") || !h.knows(id) {
			return address{}, "", false
		}
	}
	if rest == "" || rest == "/" {
		return what, human, true
	}
	what.form, ok = formOf(rest)
	return what, human, ok
}

func (h *handler) knows(id string) bool {
	for i := range h.cfg.Datasets {
		if h.cfg.Datasets[i].ID == id {
			return true
		}
	}
	return false
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, what address, human string) {
	doc, status := h.document(what)
	switch status {
	case http.StatusNotFound:
		notFound(w)
		return
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "Der Katalog ist noch nicht bereit. / The catalogue is not ready yet.", status)
		return
	}
	header := w.Header()
	header.Set("Content-Type", what.form.types[0]+"; charset=utf-8")
	header.Set("Cache-Control", "public, max-age=60")
	header.Set("Link", "<"+human+`>; rel="alternate"; type="text/html"`)
	body, etag := doc.plain, doc.etag
	if acceptsGzip(r.Header["Accept-Encoding"]) {
		body, etag = doc.packed, doc.etag+"-gzip"
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Etag", `"`+etag+`"`)
	if r.Method == http.MethodHead && r.Header["Range"] == nil {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	http.ServeContent(w, r, "", doc.since, bytes.NewReader(body))
}

func notFound(w http.ResponseWriter) {
	http.Error(w, "nicht gefunden / not found", http.StatusNotFound)
}
