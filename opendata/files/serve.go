package files

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"modellregion/internal/openhttp"
	"modellregion/opendata"
)

// types are the media types of what is served, by the ending of the name;
// nothing else is.
var types = map[string]string{
	".csv":     "text/csv; charset=utf-8; header=present",
	".json":    "application/json",
	".geojson": "application/geo+json",                                              // RFC 7946 §12
	".parquet": "application/vnd.apache.parquet",                                    // IANA, 2024
	".xlsx":    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", // ECMA-376
	".html":    "text/html; charset=utf-8",
	".css":     "text/css; charset=utf-8",
	".gz":      "application/gzip", // RFC 6713
	".zst":     "application/zstd", // RFC 8878
}

func mediaType(name string) string {
	if strings.HasSuffix(name, ".csv-metadata.json") {
		return "application/csvm+json"
	}
	return types[path.Ext(name)]
}

// The values of headers that are always the same, made once.
var (
	referrer = []string{"strict-origin-when-cross-origin"}
	policy   = []string{"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	varying  = []string{"Accept-Encoding"}
	ranges   = []string{"bytes"}
	short    = []string{"public, max-age=30"}
	forEver  = []string{"public, max-age=31536000, immutable"}
)

// cors is what pages of any origin may use.
var cors = openhttp.CORS{Ask: []string{"Range, If-None-Match, If-Modified-Since, If-Range"}, Expose: []string{"ETag, Content-Length, Content-Range, Accept-Ranges, Link"}}

// ServeHTTP serves the folder at /data/ to everybody, with ranges, conditional
// requests (RFC 9110 §13, §14), precompressed siblings and CORS. Nothing
// outside the folder can be reached, and no file that is being written can be
// seen. ?dialect=excel-de of a CSV file is the one for a German Excel, and the
// address that a day had when there was one window leads to the day.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cors.Begin(w, r, nil) {
		return
	}
	if r.URL.Path == "/data" {
		http.Redirect(w, r, "/data/", http.StatusMovedPermanently)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/data/")
	if !ok {
		notFound(w)
		return
	}
	if name == "" || strings.HasSuffix(name, "/") {
		name += pageName
	}
	if r.URL.RawQuery != "" && strings.HasSuffix(name, ".csv") {
		switch dialect := r.URL.Query().Get("dialect"); {
		case dialect == "":
		case dialect == "excel-de":
			name = strings.TrimSuffix(strings.TrimSuffix(name, ".csv"), ".excel-de") + "." + string(germanCSV)
		default:
			http.Error(w, "dialect: excel-de oder nichts / excel-de or nothing", http.StatusBadRequest)
			return
		}
	}
	f.serve(w, r, name)
}

func (f *Files) serve(w http.ResponseWriter, r *http.Request, name string) {
	if !public(name) {
		notFound(w)
		return
	}
	if mediaType(name) == "" {
		if info, err := f.root.Stat(name); err == nil && info.IsDir() {
			http.Redirect(w, r, "/data/"+name+"/", http.StatusMovedPermanently)
			return
		}
		notFound(w)
		return
	}
	// A file may be replaced between a look at it and its opening, but hardly
	// twice in a row.
	for range 3 {
		it, err := f.item(name)
		if err != nil {
			break
		}
		if f.send(w, r, it) {
			return
		}
		f.cache.forget(name)
	}
	if to, ok := f.moved(name); ok {
		http.Redirect(w, r, to, http.StatusMovedPermanently)
		return
	}
	notFound(w)
}

// public reports whether a name may be of a public file: it stays in the
// folder, and neither it nor a folder above it is hidden.
func public(name string) bool {
	return fs.ValidPath(name) && name[0] != '.' && !strings.Contains(name, "/.")
}

// moved returns where the CSV file of a day is that had no window in its
// address: bookmarks live.
func (f *Files) moved(name string) (string, bool) {
	dir, file := path.Split(name)
	id := strings.TrimSuffix(dir, "/")
	day, _, _ := strings.Cut(file, ".")
	if _, err := opendata.ParseDay(day); err != nil || !strings.HasSuffix(file, ".csv") {
		return "", false
	}
	for i := range f.cfg.Datasets {
		if d := &f.cfg.Datasets[i]; d.ID == id {
			to := id + "/" + d.Base().String() + "/" + file
			_, err := f.item(to)
			return "/data/" + to, err == nil
		}
	}
	return "", false
}

// immutable reports whether a file can change no more.
func (f *Files) immutable(name string) bool {
	dir, file := path.Split(name)
	if f.cfg.Settled <= 0 || strings.Count(dir, "/") != 2 {
		return false
	}
	period, _, _ := strings.Cut(file, ".")
	if isMonth(period) {
		return time.Since(monthSpan(period).End) > f.cfg.Settled
	}
	day, err := opendata.ParseDay(period)
	return err == nil && time.Since(day.Span().End) > f.cfg.Settled
}

func cacheControl(immutable bool) []string {
	if immutable {
		return forEver
	}
	return short
}

// send answers with a file in the coding that the client likes best, and
// reports whether it could.
func (f *Files) send(w http.ResponseWriter, r *http.Request, it *item) bool {
	rep, h := it.plain, w.Header()
	for i, p := range it.packed {
		if p != nil {
			h["Vary"] = varying
			if rep == it.plain && accepts(r.Header["Accept-Encoding"], encodings[i].name) {
				rep = p
			}
		}
	}
	var content io.ReadSeeker
	if rep.body == nil && r.Method == http.MethodGet && rep.size > 0 {
		file, err := f.open(rep)
		if err != nil {
			return false
		}
		defer file.Close()
		content = file
	}
	h["Cache-Control"] = it.header.cacheControl
	h["Last-Modified"] = it.header.modified
	h["Etag"] = rep.etag
	if len(r.Header["If-None-Match"]) == 1 && !conditional(r.Header) && matches(r.Header["If-None-Match"][0], rep.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h["Content-Type"] = it.header.mediaType
	if it.header.link != nil {
		h["Link"] = it.header.link
	}
	if it.header.page {
		h["Referrer-Policy"], h["Content-Security-Policy"] = referrer, policy
	}
	if rep.coding != nil {
		h["Content-Encoding"] = rep.coding
	}
	sendBody(w, r, rep, content)
	return true
}

// sendBody answers a request that is not "not modified" at first sight.
func sendBody(w http.ResponseWriter, r *http.Request, rep *representation, content io.ReadSeeker) {
	h := w.Header()
	switch {
	case conditional(r.Header):
		if content == nil {
			content = bytes.NewReader(rep.body)
			if rep.body == nil { // of a HEAD: as long, and never read
				content = io.NewSectionReader(zeros{}, 0, rep.size)
			}
		}
		http.ServeContent(w, r, rep.name, rep.time, content)
	default:
		h["Accept-Ranges"], h["Content-Length"] = ranges, rep.length
		switch {
		case r.Method == http.MethodHead:
		case content != nil:
			_, _ = io.CopyN(w, content, rep.size) // an error says that the client went away
		default:
			_, _ = w.Write(rep.body)
		}
	}
}

// zeros stands in for a content that is measured and not read.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

// conditional reports whether the request needs the whole of RFC 9110 §13 and
// §14; the most frequent ones do not, and are answered without it.
func conditional(h http.Header) bool {
	return h["Range"] != nil || h["If-Match"] != nil || h["If-Unmodified-Since"] != nil ||
		h["If-Modified-Since"] != nil && h["If-None-Match"] == nil || len(h["If-None-Match"]) > 1
}

// matches compares weakly, as If-None-Match wants (RFC 9110 §13.1.2).
func matches(list, etag string) bool {
	for {
		one, rest, more := strings.Cut(list, ",")
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
		if !more {
			return false
		}
		list = rest
	}
}

// accepts reports whether the coding is welcome (RFC 9110 §12.5.3).
func accepts(lines []string, coding string) bool {
	welcome := false
	for _, line := range lines {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ",")
			name, parameters, _ := strings.Cut(one, ";")
			name = strings.TrimSpace(name)
			if !strings.EqualFold(name, coding) && name != "*" {
				continue
			}
			ok := !refused(parameters)
			if name != "*" {
				return ok
			}
			welcome = ok
		}
	}
	return welcome
}

// refused reports whether the weight is 0.
func refused(parameters string) bool {
	q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q=")
	return ok && strings.Trim(q, "0.") == ""
}

func notFound(w http.ResponseWriter) {
	http.Error(w, "nicht gefunden / not found", http.StatusNotFound)
}
