package portal

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var staticFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// assets are the files below /static/, in memory.
type assets struct{ byPath map[string]asset }

type asset struct {
	content   []byte
	mediaType string
	version   string // begin of the content's SHA-256
}

func loadAssets() (*assets, error) {
	a := &assets{byPath: map[string]asset{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		mediaType := mediaTypes[path.Ext(name)]
		if mediaType == "" {
			mediaType = "text/plain; charset=utf-8"
		}
		sum := sha256.Sum256(content)
		a.byPath["/"+name] = asset{content, mediaType, hex.EncodeToString(sum[:6])}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read files of the portal: %w", err)
	}
	return a, nil
}

// mediaTypes are fixed here: what a machine's table says may differ.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

// url returns the address of a file of static with its version, under which it
// never changes.
func (a *assets) url(name string) (string, error) {
	file, ok := a.byPath["/static/"+name]
	if !ok {
		return "", fmt.Errorf("the portal has no file %s", name)
	}
	return "/static/" + name + "?v=" + file.version, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	file, ok := a.byPath[r.URL.Path]
	if !ok {
		http.Error(w, "nicht gefunden / not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.mediaType)
	h.Set("ETag", `"`+file.version+`"`)
	h.Set("Cache-Control", "public, max-age=3600")
	if r.URL.Query().Get("v") == file.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
}

func parseTemplates(a *assets) (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{"asset": a.url, "mark": markOf}).ParseFS(templateFiles, "templates/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse templates of the portal: %w", err)
	}
	return t, nil
}
