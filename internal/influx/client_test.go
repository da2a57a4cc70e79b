package influx

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func TestOnThisMachine(t *testing.T) {
	for server, want := range map[string]bool{
		"http://127.0.0.1:8086": true, "http://127.1.2.3": true, "http://localhost:8086/x": true, "http://[::1]:8086": true,
		"http://influx:8086": false, "https://10.0.0.1": false, "http://127.0.0.1.example.org": false, "": false,
	} {
		if got := onThisMachine(server); got != want {
			t.Errorf("%q is on this machine: %v, want %v", server, got, want)
		}
	}
	if c := New(Config{URL: "https://influx.example.org"}); c.gzip == nil {
		t.Error("what goes to another machine is not compressed")
	}
}

func TestCompressed(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil || r.Header.Get("Content-Encoding") != "gzip" || r.ContentLength <= 0 {
			t.Errorf("encoding %q, %d bytes: %v", r.Header.Get("Content-Encoding"), r.ContentLength, err)
		}
		body, err := io.ReadAll(z)
		if err != nil {
			t.Error(err)
		}
		got = append(got, string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	c := New(Config{URL: server.URL})
	defer c.Close()
	c.gzip = newGzip()
	var want []string
	for i := range 3 {
		r := exampleReport()
		r.FCnt = uint32(i)
		var l lines
		l.report(&r)
		want = append(want, string(l.buf))
		if err := c.Write(t.Context(), []devices.Report{r}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, []string{got[0], got[2], got[4]}); diff != "" {
		t.Error(diff)
	}
}
