package portal

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed static
var staticFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// assets are the files below /static/, in memory.
type assets struct {
	byPath  map[string]asset
	version string // of all of them together, under which none ever changes
}

type asset struct {
	content   []byte
	mediaType string
}

// mediaTypes are fixed here: what a machine's table says may differ.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

func loadAssets() (*assets, error) {
	a := &assets{byPath: map[string]asset{}}
	var all []byte
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
		a.byPath["/"+name] = asset{content, mediaType}
		all = append(append(all, name...), content...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read files of the portal: %w", err)
	}
	a.version = digestOf(all)
	a.versionImports()
	return a, nil
}

// imported is a module that one of ours imports: `from "./read.js"`.
var imported = regexp.MustCompile(`(from|import) "(\./[a-z-]+\.js)"`)

// versionImports has modules import each other with the version, as pages load
// them: else one that is imported twice would run twice, and an old one could
// meet a new one.
func (a *assets) versionImports() {
	for name, file := range a.byPath {
		if path.Ext(name) == ".js" && !strings.Contains(name, "/vendor/") {
			file.content = imported.ReplaceAll(file.content, []byte(`$1 "$2?v=`+a.version+`"`))
			a.byPath[name] = file
		}
	}
}

// url returns the address of a file of static with its version.
func (a *assets) url(name string) (string, error) {
	if _, ok := a.byPath["/static/"+name]; !ok {
		return "", fmt.Errorf("the portal has no file %s", name)
	}
	return "/static/" + name + "?v=" + a.version, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	file, ok := a.byPath[r.URL.Path]
	if !ok {
		http.Error(w, "nicht gefunden / not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.mediaType)
	h.Set("Cache-Control", "public, max-age=3600")
	if r.URL.Query().Get("v") == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	respond(w, r, file.content, a.version)
}

// layout is the template around that of each page, which defines "content".
const layout = "layout.html.tmpl"

// parseTemplates returns the templates of the pages by name, each with the
// layout and the parts that all share.
func parseTemplates(a *assets) (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(template.FuncMap{"asset": a.url, "mark": markOf, "dict": dict, "breakable": breakable}).
		ParseFS(templateFiles, "templates/"+layout, "templates/parts*.html.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse templates of the portal: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html.tmpl")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html.tmpl")
		if path.Base(file) == layout || strings.HasPrefix(name, "parts") {
			continue
		}
		one, err := shared.Clone()
		if err == nil {
			one, err = one.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("parse template %s of the portal: %w", name, err)
		}
		pages[name] = one
	}
	return pages, nil
}

// breakable lets a browser break an address or an identifier where a reader
// expects it: behind @ and underscores, before dots. The text is escaped.
func breakable(text string) template.HTML {
	return template.HTML(breaks.Replace(template.HTMLEscapeString(text)))
}

var breaks = strings.NewReplacer("@", "@<wbr>", "_", "_<wbr>", ".", "<wbr>.")

// dict puts named values together, for a template that is given one.
func dict(pairs ...any) (map[string]any, error) {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}
