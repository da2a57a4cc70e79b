// Package openhttp lets any web page read what a public face answers, and nobody
// write. It knows the CORS protocol (Fetch Standard, §3.3) and which methods
// read; what is answered is left to the faces.
package openhttp

import "net/http"

// Methods are those that a public face answers.
const Methods = "GET, HEAD, OPTIONS"

// The values of headers that are always the same, made once.
var (
	nosniff   = []string{"nosniff"}
	anyOrigin = []string{"*"}
	methods   = []string{Methods}
	day       = []string{"86400"}
)

// CORS says which headers pages may use beside those that browsers let them use
// anyway: in their requests and of the answers, each as one header's value.
type CORS struct{ Ask, Expose []string }

// Begin begins an answer and reports whether its caller is to give it: to GET
// and HEAD. It gives the answer to OPTIONS itself, and has refuse, or a line of
// text where that is nil, give the one to any other method, with status 405.
func (c *CORS) Begin(w http.ResponseWriter, r *http.Request, refuse http.HandlerFunc) bool {
	h := w.Header()
	h["X-Content-Type-Options"] = nosniff
	h["Access-Control-Allow-Origin"] = anyOrigin
	if c.Expose != nil {
		h["Access-Control-Expose-Headers"] = c.Expose
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		h["Allow"], h["Access-Control-Allow-Methods"] = methods, methods
		h["Access-Control-Allow-Headers"] = c.Ask
		h["Access-Control-Max-Age"] = day
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	h["Allow"] = methods
	if refuse == nil {
		http.Error(w, "nur GET und HEAD / only GET and HEAD", http.StatusMethodNotAllowed)
	} else {
		refuse(w, r)
	}
	return false
}
