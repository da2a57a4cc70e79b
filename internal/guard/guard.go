package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Reason is why a request was refused.
type Reason string

// The reasons.
const (
	none    Reason = ""
	URL     Reason = "url"     // 414
	Body    Reason = "body"    // 413
	Client  Reason = "client"  // 429: so many of one client at once
	Rate    Reason = "rate"    // 429: so many of one client in a time
	Busy    Reason = "busy"    // 503: so many of all clients
	Timeout Reason = "timeout" // 503: nothing was answered in time
)

// Guard lets requests through or refuses them.
type Guard struct {
	cfg     Config
	places  *semaphore.Weighted
	waiting atomic.Int64
	clients *clients
	classes []*class
	panics  atomic.Uint64

	connections *connections
}

// class is a Class at work.
type class struct {
	Class
	most    *semaphore.Weighted // nil: no limit
	compute *semaphore.Weighted // likewise
	running atomic.Int64
	served  atomic.Uint64
	refused map[Reason]*atomic.Uint64
}

// Stats are counters since the start.
type Stats struct {
	Clients     int    // remembered now
	Connections int    // of Listen, now
	Turned      uint64 // connections that Listen closed at once
	Waiting     int64  // requests that wait for a place now
	Panics      uint64 // of handlers
	Classes     []ClassStats
}

// ClassStats are those of a class.
type ClassStats struct {
	Name    string
	Running int64  // now
	Served  uint64 // let through
	Refused map[Reason]uint64
}

// New returns a Guard.
func New(cfg Config) (*Guard, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	g := &Guard{cfg: cfg, places: semaphore.NewWeighted(int64(cfg.Concurrent)), connections: newConnections()}
	g.clients = newClients(&g.cfg)
	for _, c := range g.cfg.Classes {
		cl := &class{Class: c, refused: map[Reason]*atomic.Uint64{}}
		for _, why := range []Reason{URL, Body, Client, Rate, Busy, Timeout} {
			cl.refused[why] = new(atomic.Uint64)
		}
		if c.Most > 0 {
			cl.most = semaphore.NewWeighted(int64(c.Most))
		}
		if c.Computes {
			cl.compute = semaphore.NewWeighted(int64(g.cfg.CPUs))
		}
		g.classes = append(g.classes, cl)
	}
	return g, nil
}

// Stats returns the counters.
func (g *Guard) Stats() Stats {
	s := Stats{Clients: g.clients.count(), Waiting: g.waiting.Load(), Panics: g.panics.Load(), Turned: g.connections.turned.Load()}
	s.Connections = g.connections.count()
	for _, c := range g.classes {
		cs := ClassStats{Name: c.Name, Running: c.running.Load(), Served: c.served.Load(), Refused: map[Reason]uint64{}}
		for why, n := range c.refused {
			cs.Refused[why] = n.Load()
		}
		s.Classes = append(s.Classes, cs)
	}
	return s
}

// Wrap returns a handler that hands on to next what is within the bounds.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := g.classOf(r.URL.Path)
		switch {
		case len(r.RequestURI) > g.cfg.MaxURL:
			c.refuse(w, URL, http.StatusRequestURITooLong, 0, fmt.Sprintf("the URL has %d bytes, at most %d are read", len(r.RequestURI), g.cfg.MaxURL))
			return
		case r.ContentLength > g.cfg.MaxBody:
			c.refuse(w, Body, http.StatusRequestEntityTooLarge, 0, fmt.Sprintf("the body has %d bytes, at most %d are read", r.ContentLength, g.cfg.MaxBody))
			return
		}
		who, why, wait := g.clients.enter(clientOf(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), g.cfg.Trusted), &c.Class)
		switch why {
		case none:
		case Busy:
			c.refuse(w, why, http.StatusServiceUnavailable, wait, "too many clients")
			return
		default:
			c.refuse(w, why, http.StatusTooManyRequests, wait, "too many requests of one client")
			return
		}
		defer g.clients.leave(who, &c.Class)
		leave, ok := g.place(r.Context(), c)
		if !ok {
			c.refuse(w, Busy, http.StatusServiceUnavailable, 2*time.Second, "too many requests at once")
			return
		}
		defer leave()
		computed, ok := g.compute(r.Context(), c)
		if !ok {
			c.refuse(w, Busy, http.StatusServiceUnavailable, 2*time.Second, "too many requests at once")
			return
		}
		defer computed()
		r.Body = http.MaxBytesReader(w, r.Body, g.cfg.MaxBody)
		g.serve(&writer{ResponseWriter: w, began: computed}, r, c, next)
	})
}

func (g *Guard) classOf(path string) *class {
	var found *class
	longest := -1
	for _, c := range g.classes {
		if n := c.has(path); n > longest {
			found, longest = c, n
		}
	}
	return found
}

// place takes the places of a request; it may wait for them. Whoever gets them
// must call leave.
func (g *Guard) place(ctx context.Context, c *class) (leave func(), ok bool) {
	release := func() {
		if c.most != nil {
			c.most.Release(1)
		}
		if !c.Stream {
			g.places.Release(int64(c.Cost))
		}
	}
	switch {
	case c.most != nil && !c.most.TryAcquire(1):
	case c.Stream || g.places.TryAcquire(int64(c.Cost)):
		return release, true
	case c.most != nil:
		c.most.Release(1)
	}
	if c.Stream {
		return nil, false
	}
	if g.waiting.Add(1) > int64(g.cfg.Queue) {
		g.waiting.Add(-1)
		return nil, false
	}
	defer g.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Wait)
	defer cancel()
	if c.most != nil && c.most.Acquire(ctx, 1) != nil {
		return nil, false
	}
	if g.places.Acquire(ctx, int64(c.Cost)) != nil {
		if c.most != nil {
			c.most.Release(1)
		}
		return nil, false
	}
	return release, true
}

// compute waits for the turn of a request of a class that computes. Whoever
// gets it must call done when the answer begins, or there will be none; more
// than once does no harm.
func (g *Guard) compute(ctx context.Context, c *class) (done func(), ok bool) {
	if c.compute == nil {
		return func() {}, true
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Wait)
	defer cancel()
	if c.compute.Acquire(ctx, 1) != nil {
		return nil, false
	}
	return sync.OnceFunc(func() { c.compute.Release(1) }), true
}

// serve calls next within the time of the class.
func (g *Guard) serve(answer *writer, r *http.Request, c *class, next http.Handler) {
	c.served.Add(1)
	c.running.Add(1)
	defer c.running.Add(-1)
	if c.Timeout > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), c.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	defer g.rescue(answer, r, c)
	next.ServeHTTP(answer, r)
	if !answer.wrote && errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		c.refuse(answer, Timeout, http.StatusServiceUnavailable, 10*time.Second, "it took longer than "+c.Timeout.String())
	}
}

// rescue makes of a panic 500 and a line in the log. Where the answer has begun,
// the connection is broken: its end would say that it is whole.
func (g *Guard) rescue(answer *writer, r *http.Request, c *class) {
	fault := recover()
	if fault == nil {
		return
	}
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler) // meant so
	}
	g.panics.Add(1)
	stack := debug.Stack()
	g.cfg.Log.Error("request failed inside the platform", "method", r.Method, "path", trim(r.URL.Path, 256), "class", c.Name,
		"fault", fault, "stack", trim(string(stack), 4<<10))
	if answer.wrote {
		panic(http.ErrAbortHandler)
	}
	refuse(answer, http.StatusInternalServerError, 0, "the request cannot be answered")
}

func trim(s string, most int) string { return s[:min(len(s), most)] }

func (c *class) refuse(w http.ResponseWriter, why Reason, status int, wait time.Duration, text string) {
	c.refused[why].Add(1)
	refuse(w, status, wait, text)
}

// refuse answers in the form of SensorThings' errors.
func refuse(w http.ResponseWriter, status int, wait time.Duration, text string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Access-Control-Allow-Origin", "*")
	if wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": status, "type": "error", "message": text}) // the client may have left
}
