package openhttp

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestBegin(t *testing.T) {
	c := &CORS{Ask: []string{"If-None-Match"}, Expose: []string{"ETag"}}
	for _, tc := range []struct {
		method       string
		own          bool // the face refuses in its own words
		reads        bool
		status       int
		allow, asked string
		body         string
	}{
		{http.MethodGet, false, true, 200, "", "", ""},
		{http.MethodHead, false, true, 200, "", "", ""},
		{http.MethodOptions, false, false, 204, Methods, "If-None-Match", ""},
		{http.MethodPost, false, false, 405, Methods, "", "nur GET und HEAD / only GET and HEAD\n"},
		{http.MethodDelete, true, false, 405, Methods, "", "no DELETE"},
		{"get", false, false, 405, Methods, "", "nur GET und HEAD / only GET and HEAD\n"},
	} {
		w := httptest.NewRecorder()
		var refuse http.HandlerFunc
		if tc.own {
			refuse = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusMethodNotAllowed)
				_, _ = w.Write([]byte("no " + r.Method)) // a recorder takes everything
			}
		}
		reads := c.Begin(w, httptest.NewRequest(tc.method, "/", nil), refuse)
		h := w.Header()
		if reads != tc.reads || w.Code != tc.status || h.Get("Allow") != tc.allow || h.Get("Access-Control-Allow-Headers") != tc.asked || w.Body.String() != tc.body {
			t.Errorf("%s: reads %t, %d %q %v, want %+v", tc.method, reads, w.Code, w.Body, h, tc)
		}
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Expose-Headers") != "ETag" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", tc.method, h)
		}
	}
}
