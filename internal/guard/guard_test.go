package guard

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newGuard(t testing.TB, cfg Config) *Guard {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ask sends a request of a client through h.
func ask(h http.Handler, client, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr = client + ":1234"
	if strings.Contains(client, ":") {
		r.RemoteAddr = "[" + client + "]:1234"
	}
	h.ServeHTTP(w, r)
	return w
}

// refused checks that an answer says why, for programs, and when to come again.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, retry string) {
	t.Helper()
	var body struct {
		Code          int
		Type, Message string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != status || body.Code != status || body.Type != "error" || body.Message == "" ||
		w.Header().Get("Retry-After") != retry || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v %s (%v), want %d with Retry-After %q", w.Code, w.Header(), w.Body, err, status, retry)
	}
}

// doors is a handler that is in as long as the test wants.
type doors struct {
	open chan struct{}
	mu   sync.Mutex
	in   map[string]int // by path
	most map[string]int
}

func newDoors() *doors {
	return &doors{open: make(chan struct{}), in: map[string]int{}, most: map[string]int{}}
}

func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.count(r.URL.Path, 1)
	defer d.count(r.URL.Path, -1)
	select {
	case <-d.open:
		w.WriteHeader(http.StatusOK)
	case <-r.Context().Done():
	}
}

func (d *doors) count(path string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in[path] += n
	d.most[path] = max(d.most[path], d.in[path])
}

func (d *doors) inside(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.in[path]
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Rate: 2, Burst: 16})
		h := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
		for range 2 { // dear ones
			if w := ask(h, "192.0.2.1", "/sta/v1.1/Things"); w.Code != http.StatusOK {
				t.Fatalf("%d within the burst", w.Code)
			}
		}
		refused(t, ask(h, "192.0.2.1", "/sta/v1.1/Things"), http.StatusTooManyRequests, "4")
		refused(t, ask(h, "192.0.2.1", "/data/x.csv"), http.StatusTooManyRequests, "1")
		if w := ask(h, "192.0.2.2", "/sta/v1.1/Things"); w.Code != http.StatusOK {
			t.Errorf("another client: %d", w.Code)
		}
		time.Sleep(4 * time.Second)
		if w := ask(h, "192.0.2.1", "/sta/v1.1/Things"); w.Code != http.StatusOK {
			t.Errorf("after the time that it was told: %d", w.Code)
		}
		time.Sleep(time.Hour)
		for range 16 {
			if w := ask(h, "192.0.2.1", "/data/x.csv"); w.Code != http.StatusOK {
				t.Errorf("cheap one after a pause: %d", w.Code)
			}
		}
		refused(t, ask(h, "192.0.2.1", "/data/x.csv"), http.StatusTooManyRequests, "1")
		// All of a subscriber's network are one client, of the next not.
		h = newGuard(t, Config{Rate: 1, Burst: 8}).Wrap(h)
		for client, want := range map[string]int{"2001:db8::1": 200, "2001:db8:0:1::1": 200} {
			if w := ask(h, client, "/sta"); w.Code != want {
				t.Errorf("%s: %d", client, w.Code)
			}
		}
		refused(t, ask(h, "2001:db8::ffff:1", "/sta"), http.StatusTooManyRequests, "8")
	})
}

// Requests beyond the places wait in order, some of them, for a short time.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Concurrent: 4, Queue: 2, Wait: 3 * time.Second, Classes: []Class{{Name: "all"}}})
		d := newDoors()
		h := g.Wrap(d)
		answers := make(chan *httptest.ResponseRecorder, 16)
		for i := range 7 {
			go func() { answers <- ask(h, "192.0.2."+strconv.Itoa(i), "/") }()
			synctest.Wait()
		}
		refused(t, <-answers, http.StatusServiceUnavailable, "2") // the seventh, at once
		if d.inside("/") != 4 || g.Stats().Waiting != 2 {
			t.Errorf("%d inside, %d wait", d.inside("/"), g.Stats().Waiting)
		}
		d.open <- struct{}{}
		synctest.Wait()
		if w := <-answers; w.Code != http.StatusOK || d.inside("/") != 4 || g.Stats().Waiting != 1 {
			t.Errorf("%d, then %d inside, %d wait", w.Code, d.inside("/"), g.Stats().Waiting)
		}
		time.Sleep(3 * time.Second)
		refused(t, <-answers, http.StatusServiceUnavailable, "2") // the one that waited too long
		close(d.open)
		for range 4 {
			if w := <-answers; w.Code != http.StatusOK {
				t.Errorf("%d", w.Code)
			}
		}
		s := g.Stats()
		if c := s.Classes[0]; c.Served != 5 || c.Running != 0 || c.Refused[Busy] != 2 || s.Waiting != 0 || s.Clients != 7 {
			t.Errorf("%+v", s)
		}
	})
}

// Dear requests leave room for cheap ones, and listeners take none.
func TestClasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Concurrent: 8, Queue: 16, Wait: time.Second, Classes: []Class{
			{Name: "files", Prefixes: []string{"/data/"}}, {Name: "sta", Prefixes: []string{"/sta"}, Cost: 3, Most: 2},
			{Name: "live", Prefixes: []string{"/live"}, Stream: true, Most: 5, PerClient: 2}, {Name: "other"},
		}})
		d := newDoors()
		h := g.Wrap(d)
		var running sync.WaitGroup
		var mu sync.Mutex
		codes := map[string]map[int]int{}
		for i := range 8 {
			for path, client := range map[string]string{"/sta": "192.0.2." + strconv.Itoa(i), "/data/a": "198.51.100." + strconv.Itoa(i), "/live": "203.0.113." + strconv.Itoa(i/4)} {
				running.Go(func() {
					w := ask(h, client, path)
					mu.Lock()
					defer mu.Unlock()
					if codes[path] == nil {
						codes[path] = map[int]int{}
					}
					codes[path][w.Code]++
				})
				synctest.Wait()
			}
		}
		for path, want := range map[string]int{"/sta": 2, "/data/a": 2, "/live": 4} {
			if n := d.inside(path); n != want {
				t.Errorf("%s: %d inside, want %d", path, n, want)
			}
		}
		time.Sleep(2 * time.Second) // the waiting give up
		close(d.open)
		running.Wait()
		for path, want := range map[string]map[int]int{"/sta": {200: 2, 503: 6}, "/data/a": {200: 2, 503: 6}, "/live": {200: 4, 429: 4}} {
			if !maps.Equal(codes[path], want) {
				t.Errorf("%s: %v, want %v", path, codes[path], want)
			}
		}
		if w := ask(h, "192.0.2.1", "/elsewhere"); w.Code != http.StatusOK || g.Stats().Classes[3].Served != 1 {
			t.Errorf("other: %d", w.Code)
		}
	})
}

func TestListenersOfAllClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Classes: []Class{{Name: "live", Prefixes: []string{"/live"}, Stream: true, Most: 3}, {Name: "other", Cost: 256, Timeout: time.Second}}})
		d := newDoors()
		h := g.Wrap(d)
		var running sync.WaitGroup
		for i := range 3 {
			running.Go(func() { ask(h, "192.0.2."+strconv.Itoa(i), "/live") })
		}
		synctest.Wait()
		refused(t, ask(h, "192.0.2.9", "/live"), http.StatusServiceUnavailable, "2")
		// They have no limit of time, and all places are free for others.
		refused(t, ask(h, "192.0.2.9", "/"), http.StatusServiceUnavailable, "10")
		time.Sleep(time.Hour)
		if d.inside("/live") != 3 || g.Stats().Classes[1].Refused[Timeout] != 1 {
			t.Errorf("%d listen after an hour, %+v", d.inside("/live"), g.Stats())
		}
		close(d.open)
		running.Wait()
	})
}

func TestOfOneClientAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{PerClient: 3})
		d := newDoors()
		h := g.Wrap(d)
		var running sync.WaitGroup
		for range 3 {
			running.Go(func() { ask(h, "192.0.2.1", "/") })
		}
		synctest.Wait()
		refused(t, ask(h, "192.0.2.1", "/"), http.StatusTooManyRequests, "1")
		running.Go(func() { ask(h, "192.0.2.2", "/") })
		synctest.Wait()
		if n := d.inside("/"); n != 4 {
			t.Errorf("%d inside, want 3 of one client and one of another", n)
		}
		close(d.open)
		running.Wait()
		if w := ask(h, "192.0.2.1", "/"); w.Code != http.StatusOK {
			t.Errorf("%d when they have left", w.Code)
		}
	})
}

func TestSizes(t *testing.T) {
	g := newGuard(t, Config{MaxURL: 100, MaxBody: 10})
	var read error
	h := g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, read = io.ReadAll(r.Body) }))
	refused(t, ask(h, "192.0.2.1", "/?"+strings.Repeat("x", 100)), http.StatusRequestURITooLong, "")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("eleven byte")))
	refused(t, w, http.StatusRequestEntityTooLarge, "")
	for body, fits := range map[string]bool{"ten bytes.": true, "eleven byte": false} { // of unknown length
		r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(body)))
		r.ContentLength = -1
		h.ServeHTTP(httptest.NewRecorder(), r)
		if (read == nil) != fits {
			t.Errorf("%d bytes: %v", len(body), read)
		}
	}
}

func TestPanics(t *testing.T) {
	var log bytes.Buffer
	g := newGuard(t, Config{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	h := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/begun":
			_, _ = io.WriteString(w, "half")
		case "/meant":
			panic(http.ErrAbortHandler)
		}
		var none []int
		_ = none[len(r.URL.Path)]
	}))
	refused(t, ask(h, "192.0.2.1", "/"), http.StatusInternalServerError, "")
	for _, path := range []string{"/begun", "/meant"} {
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Errorf("%s: the connection is not broken", path)
				}
			}()
			ask(h, "192.0.2.1", path)
		}()
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "index out of range") || !strings.Contains(log.String(), "guard_test.go") {
		t.Errorf("%d lines in the log, want 2:\n%s", n, log.String())
	}
	if s := g.Stats(); s.Panics != 2 || s.Classes[len(s.Classes)-1].Running != 0 {
		t.Errorf("%+v", s)
	}
	if w := ask(h, "192.0.2.1", "/"); w.Code != http.StatusInternalServerError {
		t.Errorf("%d: its places are not free again", w.Code)
	}
}

func TestClassOfPath(t *testing.T) {
	g := newGuard(t, Config{Classes: append(Defaults(), Class{Name: "root", Prefixes: []string{"/sta/v1.1/Deep"}})})
	for path, want := range map[string]string{
		"/": "other", "": "other", "/data/verkehr/x.csv": "files", "/data": "other", "/datax": "other", "/live": "live", "/live/": "live", "/liver": "other",
		"/sta/v1.1/Things": "sta", "/sta": "sta", "/sta/v1.1/Deep/x": "root", "/sta/v1.1/Deeper": "sta",
	} {
		if got := g.classOf(path).Name; got != want {
			t.Errorf("%q is of class %s, want %s", path, got, want)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"below zero":          {Queue: -1},
		"wait below zero":     {Wait: -1},
		"no rest":             {Classes: []Class{{Name: "a", Prefixes: []string{"/"}}}},
		"two rests":           {Classes: []Class{{Name: "a"}, {Name: "b"}}},
		"no name":             {Classes: []Class{{}}},
		"name twice":          {Classes: []Class{{Name: "a"}, {Name: "a", Prefixes: []string{"/"}}}},
		"stream without most": {Classes: []Class{{Name: "a", Stream: true}}},
		"too dear":            {Classes: []Class{{Name: "a", Cost: 300}}},
		"dearer than a burst": {Classes: []Class{{Name: "a", Cost: 100}}, Burst: 50},
		"few clients":         {Clients: 100},
	} {
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "guard: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	defaults := Defaults()
	newGuard(t, Config{Classes: defaults})
	if !slices.EqualFunc(defaults, Defaults(), func(a, b Class) bool { return a.Cost == b.Cost && a.PerClient == b.PerClient }) {
		t.Error("New changes the classes it is given")
	}
}

// As many compute as there are processors, while others write what they have
// computed to readers who take their time.
func TestComputing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{CPUs: 2, Wait: time.Second, Classes: []Class{{Name: "sums", Prefixes: []string{"/sums"}, Most: 4, Computes: true}, {Name: "all"}}})
		computing := newDoors()
		read := make(chan struct{})
		h := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			computing.ServeHTTP(w, r)
			<-read
		}))
		answers := make(chan *httptest.ResponseRecorder, 8)
		for i := range 5 {
			go func() { answers <- ask(h, "192.0.2."+strconv.Itoa(i), "/sums") }()
			synctest.Wait()
		}
		inside := func(n int) {
			t.Helper()
			synctest.Wait()
			if got := computing.inside("/sums"); got != n {
				t.Errorf("%d compute, want %d", got, n)
			}
		}
		inside(2)
		for range 2 { // whose readers are slow from here on
			computing.open <- struct{}{}
			inside(2)
		}
		refused(t, <-answers, http.StatusServiceUnavailable, "2") // the fifth: four are on their way
		computing.open <- struct{}{}
		inside(1)
		close(computing.open)
		inside(0)
		close(read)
		for range 4 {
			if w := <-answers; w.Code != http.StatusOK {
				t.Errorf("%d", w.Code)
			}
		}
		if w := ask(h, "192.0.2.1", "/sums"); w.Code != http.StatusOK {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}
