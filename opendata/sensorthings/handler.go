package sensorthings

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"modellregion/internal/openhttp"
)

const (
	jsonType = "application/json;charset=utf-8"
	textType = "text/plain;charset=utf-8"
	csvType  = "text/csv;charset=utf-8"
	geoType  = "application/geo+json;charset=utf-8"
)

// answer is what is sent, before compression.
type answer struct {
	status int
	typ    string
	body   []byte
	next   string // address of the next page, for formats that have no place for it
}

// cors is what pages of any origin may use.
var cors = openhttp.CORS{Ask: []string{"If-None-Match, Accept, Content-Type"}, Expose: []string{"ETag, Link, Retry-After"}}

// ServeHTTP answers requests below Path, to everybody and for reading alone.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cors.Begin(w, r, s.readOnly) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Limits.Time)
	defer cancel()
	leave, err := s.gate.enter(ctx, s.cfg.Client(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	leave = sync.OnceFunc(leave)
	defer leave()
	a, err := s.answer(ctx, r)
	if err != nil {
		leave()
		s.refuse(w, r, err)
		return
	}
	s.send(w, r, a, leave)
}

func (s *Service) readOnly(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, fail(http.StatusMethodNotAllowed, "hier wird nur gelesen", "this is for reading only"))
}

// refuse answers with an error. What is not the client's fault is logged.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f, known := asFailure(err, s.cfg.Limits.Time)
	s.counts.refused(f.status)
	if !known && r.Context().Err() == nil {
		s.cfg.Log.Error("SensorThings cannot answer", "path", r.URL.Path, "err", err)
	}
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store")
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.retry.Seconds())))
	}
	body := f.body()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever has gone needs no answer
	}
}

// baseOf is the address of the service, as configured or as the request has it.
func (s *Service) baseOf(r *http.Request) string {
	if s.base != "" {
		return s.base
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + Path
}

// answer finds out what a request wants.
func (s *Service) answer(ctx context.Context, hr *http.Request) (*answer, error) {
	if len(hr.URL.RawQuery) > s.cfg.Limits.Query || len(hr.URL.Path) > s.cfg.Limits.Query {
		return nil, fail(http.StatusRequestURITooLong, "die Anfrage ist länger als %d Zeichen", "the query is longer than %d characters", s.cfg.Limits.Query)
	}
	r := s.newRequest(ctx, s.baseOf(hr))
	path := strings.Trim(strings.TrimPrefix(hr.URL.Path, Path), "/")
	if path == "" {
		if hr.URL.RawQuery != "" {
			if _, err := parseQuery(hr.URL.RawQuery, things); err != nil {
				return nil, err
			}
		}
		return &answer{http.StatusOK, jsonType, r.root(), ""}, nil
	}
	t, err := r.resolve(path)
	if err != nil {
		return nil, err
	}
	o, err := parseQuery(hr.URL.RawQuery, t.of)
	if err != nil {
		return nil, err
	}
	if t.ref || t.count || t.property != nil || !t.many() {
		return r.single(t, o)
	}
	c, err := r.collect(t, o)
	if err != nil {
		return nil, err
	}
	return r.formatted(t, o, c)
}

// formatted writes a page in the format that is asked for.
func (r *request) formatted(t *target, o *options, c collected) (a *answer, err error) {
	a = &answer{status: http.StatusOK, typ: jsonType}
	b := make([]byte, 0, 4096+512*len(c.entities))
	switch o.format {
	case "dataArray":
		a.body, err = r.appendDataArray(b, c, o)
	case "CSV":
		a.typ, a.next = csvType, c.next
		a.body, err = r.csv(t.of, c.entities, o)
	case "GeoJSON":
		a.typ = geoType
		a.body, err = r.appendGeoJSON(b, t.of, c, o)
	default:
		a.body, err = r.appendPage(b, t.of, c, o)
	}
	return a, err
}

// single answers what is no page: an entity, a property, links, a number.
func (r *request) single(t *target, o *options) (a *answer, err error) {
	a = &answer{status: http.StatusOK, typ: jsonType}
	switch {
	case t.count:
		o.count, o.top = true, 0
		c, err := r.collect(t, o)
		a.typ, a.body = textType, strconv.AppendInt(nil, int64(c.count), 10)
		return a, err
	case t.ref:
		return r.refs(t, o, a)
	case t.property != nil:
		return r.propertyOf(t, a)
	case o.format == "dataArray":
		return nil, fail(http.StatusBadRequest, "dataArray gibt es nur für viele Observations", "dataArray is for many Observations only")
	case o.format != "":
		return r.formatted(t, o, collected{entities: []entity{t.entity}, count: -1})
	}
	if err := r.spend(1); err != nil {
		return nil, err
	}
	a.body, err = r.appendEntity(nil, t.of, t.entity, o)
	return a, err
}

// refs are the addresses alone (OGC 18-088 §9.2.6).
func (r *request) refs(t *target, o *options, a *answer) (*answer, error) {
	only := options{selected: []selection{{property: t.of.property("selfLink")}}}
	if !t.many() {
		var err error
		a.body, err = r.appendEntity(nil, t.of, t.entity, &only)
		return a, err
	}
	address := t.address
	t.address += "/$ref"
	c, err := r.collect(t, o)
	t.address = address
	if err != nil {
		return nil, err
	}
	a.body, err = r.appendPage(nil, t.of, c, &only)
	return a, err
}

func (r *request) propertyOf(t *target, a *answer) (*answer, error) {
	v, err := r.valueOf(t)
	if err != nil {
		return nil, err
	}
	if v.kind == null {
		return &answer{status: http.StatusNoContent}, nil
	}
	if t.raw {
		a.typ, a.body = textType, v.appendText(nil)
		return a, nil
	}
	name := t.property.name
	if len(t.parts) > 0 {
		name = t.parts[len(t.parts)-1]
	} else if name == "id" || name == "selfLink" {
		name = "@iot." + name
	}
	a.body = ofObject(member{name, v}).appendJSON(nil)
	return a, nil
}

const (
	worthZipping = 1400   // bytes: less is one packet anyway
	slowest      = 50_000 // bytes per second of a client that is served
	patience     = 20 * time.Second
)

// send writes the answer. From here on the place of the request is free for
// others: a slow reader holds memory, which is counted, and nothing else.
func (s *Service) send(w http.ResponseWriter, r *http.Request, a *answer, leave func()) {
	h := w.Header()
	body, etag := a.body, ""
	if a.status == http.StatusOK {
		sum := sha256.Sum256(a.body)
		etag = base64.RawURLEncoding.EncodeToString(sum[:12])
		h.Set("Content-Type", a.typ)
		h.Set("Cache-Control", "public, no-cache")
		h.Add("Vary", "Accept-Encoding")
	}
	zip := len(body) >= worthZipping && acceptsGzip(r.Header.Get("Accept-Encoding"))
	if zip {
		etag += "-gzip"
	}
	if a.next != "" {
		h.Set("Link", "<"+a.next+`>; rel="next"`)
	}
	if etag != "" {
		etag = `"` + etag + `"`
		h.Set("ETag", etag)
		if matches(r.Header.Get("If-None-Match"), etag) {
			h.Del("Content-Type")
			s.counts.answered.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if zip {
		body = zipped(body)
		h.Set("Content-Encoding", "gzip")
	}
	if a.status == http.StatusOK {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if r.Method == http.MethodHead || len(body) == 0 {
		s.counts.answered.Add(1)
		w.WriteHeader(a.status)
		return
	}
	if !s.gate.hold(len(body)) {
		h.Del("Content-Encoding")
		h.Del("ETag")
		s.refuse(w, r, busy(5*time.Second, "zu viele große Antworten sind unterwegs", "too many large answers are on their way"))
		return
	}
	defer s.gate.release(len(body))
	leave()
	limit := time.Now().Add(patience + time.Duration(len(body)/slowest)*time.Second)
	// net/http takes it off the connection before the next request.
	if err := http.NewResponseController(w).SetWriteDeadline(limit); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return
	}
	s.counts.answered.Add(1)
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // whoever has gone needs no answer
}

var zippers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for other levels alone
	return w
}}

func zipped(b []byte) []byte {
	w := zippers.Get().(*gzip.Writer)
	defer zippers.Put(w)
	out := bytes.NewBuffer(make([]byte, 0, len(b)/6+512))
	w.Reset(out)
	_, err := w.Write(b)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := strings.TrimPrefix(strings.ReplaceAll(quality, " ", ""), "q=")
		if f, err := strconv.ParseFloat(q, 64); (name == "gzip" || name == "*") && (err != nil || f > 0) {
			return true
		}
	}
	return false
}

// matches compares weakly (RFC 9110 §13.1.2).
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimPrefix(strings.TrimSpace(part), "W/"); part == etag || part == "*" {
			return true
		}
	}
	return false
}
