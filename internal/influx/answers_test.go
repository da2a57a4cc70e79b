package influx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
)

// How the answers of a server are understood.
func TestAnswers(t *testing.T) {
	const busy, denied, large, refused = devices.FaultBusy, devices.FaultDenied, devices.FaultTooLarge, devices.FaultRefused
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   devices.WriteFault
	}{
		{"1.8: conflict", 400, `{"error":"partial write: field type conflict: input field \"x\" on measurement \"m\" is type float, already exists as type integer dropped=1"}`, refused},
		{"1.8: old", 400, `{"error":"partial write: points beyond retention policy dropped=1"}`, refused},
		{"1.8: no such user", 401, `{"error":"authorization failed"}`, denied},
		{"1.8: may not write", 403, `{"error":"\"reader\" user is not authorized to write to database \"raw\""}`, denied},
		{"1.8: no database", 404, `{"error":"database not found: \"raw\""}`, denied},
		{"1.8: large", 413, `{"error":"Request Entity Too Large"}`, large},
		{"1.8: slow disk", 500, `{"error":"timeout"}`, busy},
		{"1.8: full disk", 500, `{"error":"write /data/_00001.wal: no space left on device"}`, busy},
		{"1.8: policy is gone", 500, `{"error":"retention policy not found: raw"}`, busy},
		{"1.8: full cache", 500, `{"error":"engine: cache-max-memory-size exceeded: (1/0)"}`, busy},
		{"2.x: syntax", 400, `{"code":"invalid","message":"unable to parse 'm': missing fields"}`, refused},
		{"2.x: conflict", 422, `{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict"}`, refused},
		{"2.0: conflict", 500, `{"code":"internal error","message":"unexpected error writing points to database: partial write: field type conflict: input field"}`, refused},
		{"2.x: old", 500, `{"code":"internal error","message":"unexpected error writing points to database: dropped 1 points outside retention policy of duration 1h"}`, refused},
		{"2.x: no token", 401, `{"code":"unauthorized","message":"unauthorized access"}`, denied},
		{"2.x: no bucket", 404, `{"code":"not found","message":"bucket \"raw\" not found"}`, denied},
		{"2.x: slow", 500, `{"code":"internal error","message":"unexpected error writing points to database: timeout"}`, busy},
		{"cloud: quota", 429, `{"code":"too many requests","message":"org has exceeded limited_write plan limit"}`, busy},
		{"cloud: unpaid", 402, ``, denied},
		{"3: partial write", 400, `{"error":"partial write of line protocol occurred","data":[]}`, refused},
		{"3: partial write, before", 201, `{"code":"invalid","message":"failed to parse line protocol: errors encountered on line(s)"}`, refused},
		{"any: odd", 418, ``, refused},
		{"any: away", 503, `<html>away</html>`, busy},
		{"any: no upstream", 502, ``, busy},
		{"any: slow upstream", 504, ``, busy},
		{"any: slow client", 408, ``, busy},
		{"any: not implemented", 501, ``, busy},
		{"another server: page", 200, `<html>welcome</html>`, denied},
		{"another server: only GET", 405, ``, denied},
		{"another server: elsewhere", 301, ``, denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if strings.HasPrefix(c.body, "{") {
					w.Header().Set("Content-Type", "application/json")
				}
				if c.status == 503 || c.status == 429 {
					w.Header().Set("Retry-After", "17")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			err := connect(t, influx.Config{URL: server.URL}).Write(t.Context(), []devices.Report{report(t, 1, window0, map[string]float64{"frequency": 50})})
			var got *devices.WriteError
			if !errors.As(err, &got) {
				t.Fatalf("error %v is no WriteError", err)
			}
			if internal := (c.status == 500 || c.status == 501) && c.want == busy; got.Fault != c.want || got.Internal != internal {
				t.Errorf("%v: fault %d, internal %v, want %d, %v", err, got.Fault, got.Internal, c.want, internal)
			}
			if want := map[int]time.Duration{503: 17 * time.Second, 429: 17 * time.Second}[c.status]; got.RetryAfter != want {
				t.Errorf("retry after %v, want %v", got.RetryAfter, want)
			}
			if _, message, ok := strings.Cut(c.body, `"message":"`); ok && c.status != 201 && !strings.Contains(err.Error(), message[:7]) {
				t.Errorf("error %q does not say what the server said", err)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	hangUp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}))
	defer hangUp.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct {
		ctx context.Context
		url string
	}{
		"nobody listens":   {t.Context(), "http://" + closed.Addr().String()},
		"connection ends":  {t.Context(), hangUp.URL},
		"no time":          {ended, hangUp.URL},
		"no such host":     {t.Context(), "http://nowhere.invalid:8086"},
		"not even a URL":   {t.Context(), "http://[::1"},
		"unknown protocol": {t.Context(), "gopher://127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := connect(t, influx.Config{URL: v.url}).Write(v.ctx, []devices.Report{report(t, 1, window0, map[string]float64{"frequency": 50})})
			var got *devices.WriteError
			if !errors.As(err, &got) || got.Fault != devices.FaultBusy || got.Internal {
				t.Errorf("error %v (%+v), want that it is away", err, got)
			}
		})
	}
}

// A batch is one request, and one for the marks after it.
func TestOneRequest(t *testing.T) {
	var bodies [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(body)) || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%d of %d bytes, encoding %q: %v", len(body), r.ContentLength, r.Header.Get("Content-Encoding"), err)
		}
		if q := r.URL.Query(); r.URL.Path != "/prefix/api/v2/write" || q.Get("bucket") != "raw" || q.Get("org") != "o" || q.Get("precision") != "ns" {
			t.Errorf("request for %s", r.URL)
		}
		if got := r.Header.Get("Authorization"); got != "Token t" {
			t.Errorf("authorization %q", got)
		}
		bodies = append(bodies, body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	c := connect(t, influx.Config{URL: server.URL + "/prefix", Org: "o", Token: "t"})
	if err := c.Write(t.Context(), nil); err != nil || len(bodies) != 0 {
		t.Errorf("an empty batch: %v, %d requests", err, len(bodies))
	}
	var batch []devices.Report
	for i := range 1000 {
		batch = append(batch, report(t, byte(i), window0.Add(time.Duration(i)*time.Second), map[string]float64{"frequency": 50}))
	}
	if err := c.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if len(bodies) != 2 || bytes.Count(bodies[0], []byte("\n")) != 2000 || !bytes.HasPrefix(bodies[1], []byte("dirty,")) {
		t.Errorf("%d requests", len(bodies))
	}
}
