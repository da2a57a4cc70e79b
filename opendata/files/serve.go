package files

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// types are the media types of what is served; nothing else is.
var types = map[string]string{
	".csv":  "text/csv; charset=utf-8; header=present",
	".json": "application/json",
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
}

// ServeHTTP serves the folder at /data/ for GET and HEAD, with ranges and
// conditional requests. Nothing outside the folder can be reached, and no file
// that is being written can be seen.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "nur GET und HEAD / only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/data/")
	if r.URL.Path == "/data" {
		http.Redirect(w, r, "/data/", http.StatusMovedPermanently)
		return
	}
	if name == "" || strings.HasSuffix(name, "/") {
		name += pageName
	}
	mediaType := types[path.Ext(name)]
	switch {
	case !ok || !fs.ValidPath(name) || strings.HasPrefix(path.Base(name), "."):
		notFound(w)
	case mediaType == "" && f.isFolder(name):
		http.Redirect(w, r, "/data/"+name+"/", http.StatusMovedPermanently)
	case mediaType == "":
		notFound(w)
	default:
		f.serveFile(w, r, name, mediaType)
	}
}

func (f *Files) isFolder(name string) bool {
	info, err := f.root.Stat(name)
	return err == nil && info.IsDir()
}

func (f *Files) serveFile(w http.ResponseWriter, r *http.Request, name, mediaType string) {
	file, err := f.root.Open(name)
	if err != nil {
		// What is missing and what leads out of the folder look the same.
		notFound(w)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		notFound(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "public, max-age=30")
	h.Set("Access-Control-Allow-Origin", "*")
	// A file is replaced as a whole and only by another content, so its time
	// in nanoseconds and its size name the content.
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(w, r, name, info.ModTime(), file)
}

func notFound(w http.ResponseWriter) {
	http.Error(w, "nicht gefunden / not found", http.StatusNotFound)
}
