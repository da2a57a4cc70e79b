package guard

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a server behind a guard, as the platform does.
func serve(t *testing.T, g *Guard, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(g.Wrap(h))
	s.Listener = g.Listen(s.Listener)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

const attackers, rounds = 150, 12

func hostileConfig() Config {
	return Config{
		Concurrent: 16, Queue: 16, Wait: 20 * time.Millisecond, PerClient: 8, Rate: 1e6, Burst: 1e6, Clients: 200,
		Connections: 100, ConnectionsPerClient: 1000, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Classes: []Class{{Name: "sta", Prefixes: []string{"/sta"}, Cost: 4, Most: 3, Timeout: 5 * time.Millisecond},
			{Name: "live", Prefixes: []string{"/live"}, Stream: true, Most: 20}, {Name: "other", Timeout: time.Second}},
	}
}

// victim is a handler that counts what is asked of it at once.
type victim struct{ dear, all, mostDear, mostAll, goroutines atomic.Int64 }

func rise(most *atomic.Int64, n int64) {
	for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
	}
}

func (v *victim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rise(&v.goroutines, int64(runtime.NumGoroutine()))
	switch {
	case r.URL.Path == "/panic":
		panic("broken")
	case strings.HasPrefix(r.URL.Path, "/live"):
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
		return
	case strings.HasPrefix(r.URL.Path, "/sta"):
		rise(&v.mostDear, v.dear.Add(1))
		defer v.dear.Add(-1)
		<-r.Context().Done()
		return
	}
	rise(&v.mostAll, v.all.Add(1))
	defer v.all.Add(-1)
	_, _ = io.Copy(io.Discard, r.Body) // the client's end, or the limit
	_, _ = io.WriteString(w, "ok")
}

// attack sends requests as one of many and counts the answers by status.
func attack(t *testing.T, client *http.Client, url string, who int, codes []atomic.Int64) {
	for i := range rounds {
		path := []string{"/", "/sta", "/sta", "/live", "/panic", "/?" + strings.Repeat("x", 9000), "/"}[(who+i)%7]
		var body io.Reader
		if i%4 == 0 {
			body = strings.NewReader(strings.Repeat("b", 70<<10))
		}
		req, err := http.NewRequest(http.MethodPost, url+path, body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("X-Forwarded-For", "203.0.113.9, 198.51."+strconv.Itoa(i)+"."+strconv.Itoa(who))
		res, err := client.Do(req)
		var netErr net.Error
		if err != nil { // turned away at the door, or the body was cut off
			if errors.As(err, &netErr) && netErr.Timeout() {
				t.Error("a request hangs")
			}
			continue
		}
		if (who+i)%3 == 0 {
			_, _ = io.Copy(io.Discard, res.Body) // the others leave
		}
		res.Body.Close()
		codes[res.StatusCode].Add(1)
	}
}

// TestHostile: many clients, each under many addresses, ask for what is dear,
// large, slow and broken, and leave half way. What runs stays within the
// limits, nothing else than the promised answers is given, and in the end
// nothing is left of them.
func TestHostile(t *testing.T) {
	before := runtime.NumGoroutine()
	cfg := hostileConfig()
	g, v := newGuard(t, cfg), &victim{}
	s := serve(t, g, v)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}, Timeout: 30 * time.Second}
	codes := make([]atomic.Int64, 600)
	var running sync.WaitGroup
	for who := range attackers {
		running.Go(func() { attack(t, client, s.URL, who, codes) })
	}
	running.Wait()
	client.CloseIdleConnections()
	for code := range codes {
		// 500 is what /panic asks for.
		if n := codes[code].Load(); n > 0 && !slices.Contains([]int{200, 413, 414, 429, 500, 503}, code) {
			t.Errorf("%d answers %d", n, code)
		}
	}
	if codes[200].Load() == 0 || codes[414].Load() == 0 || codes[503].Load() == 0 {
		t.Errorf("200: %d, 414: %d, 503: %d: the test is too weak", codes[200].Load(), codes[414].Load(), codes[503].Load())
	}
	if v.mostDear.Load() > 3 || v.mostAll.Load() > 16 {
		t.Errorf("%d dear and %d other requests at once, at most 3 and 16 are allowed", v.mostDear.Load(), v.mostAll.Load())
	}
	// Two for each connection of the server; the attackers are in this process
	// too, each with its own and up to five of its connection.
	if most := int64(before + 2*cfg.Connections + 6*attackers); v.goroutines.Load() > most {
		t.Errorf("%d goroutines, want at most %d", v.goroutines.Load(), most)
	}
	if st := g.Stats(); st.Clients > 200 || st.Waiting != 0 || st.Connections > 100 {
		t.Errorf("%+v", st)
	}
	s.Close()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+2 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if n, st := runtime.NumGoroutine(), g.Stats(); n > before+2 || st.Connections != 0 || len(g.connections.of) != 0 {
		t.Errorf("%d goroutines are left of %d, and %+v", n, before, st)
	}
}

func TestConnections(t *testing.T) {
	g := newGuard(t, Config{ConnectionsPerClient: 2, Connections: 3})
	addr := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	var open []net.Conn
	for _, tc := range []struct {
		from string
		in   bool
	}{{"192.0.2.1:1", true}, {"192.0.2.1:2", true}, {"192.0.2.1:3", false}, {"192.0.2.2:1", true}, {"192.0.2.3:1", false}} {
		c := g.admit(from{remote: addr(tc.from)})
		if (c != nil) != tc.in {
			t.Errorf("%s is let in: %v", tc.from, c != nil)
		}
		if c != nil {
			open = append(open, c)
		}
	}
	for _, c := range open {
		c.Close()
		c.Close() // twice counts once
	}
	if s := g.Stats(); s.Connections != 0 || s.Turned != 2 || len(g.connections.of) != 0 {
		t.Errorf("%+v", s)
	}
}

// from is a connection from an address.
type from struct {
	net.Conn
	remote net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.remote }
func (f from) Close() error         { return nil }

// A file goes through the guard whole, and so does a stream at once.
func TestWriter(t *testing.T) {
	g := newGuard(t, Config{})
	step := make(chan struct{})
	s := serve(t, g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader(strings.Repeat("f", 1<<20)))
			return
		}
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		<-step
	}))
	res, err := http.Get(s.URL + "/file")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || len(data) != 1<<20 || res.ContentLength != 1<<20 {
		t.Errorf("%d bytes of %d, %v", len(data), res.ContentLength, err)
	}
	if res, err = http.Get(s.URL + "/live"); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 3)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "one" {
		t.Errorf("%q, %v", first, err)
	}
	close(step)
}
