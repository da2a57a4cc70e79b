package sensorthings

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what a request, a client and all of them may cost. What is 0 is
// replaced by the default, which the comment names.
type Limits struct {
	Top       int           // entities of a page; 1,000
	ArrayTop  int           // Observations of a page as dataArray or CSV; 10,000
	Default   int           // entities of a page that asks for no number; 100
	Entities  int           // in an answer, those expanded included; 50,000
	Bytes     int           // of an answer before compression; 32 MiB
	Rows      int           // windows that are read for an answer; 100,000
	Queries   int           // to the database for an answer; 200
	Time      time.Duration // for an answer; 10 s
	Query     int           // bytes of a query string; 16 KiB
	Requests  int           // that are worked on at once; 8
	Database  int           // queries of the database at once; 4
	Waiting   int           // that wait for it; 200
	PerClient int           // of a client, worked on or waiting; 20
	Held      int           // bytes of answers that are being sent; 256 MiB
}

func (l Limits) complete() Limits {
	for _, d := range []struct {
		at  *int
		def int
	}{
		{&l.Top, 1000}, {&l.ArrayTop, 10_000}, {&l.Default, 100}, {&l.Entities, 50_000}, {&l.Bytes, 32 << 20}, {&l.Rows, 100_000},
		{&l.Queries, 200}, {&l.Query, 16 << 10}, {&l.Requests, 8}, {&l.Database, 4}, {&l.Waiting, 200}, {&l.PerClient, 20}, {&l.Held, 256 << 20},
	} {
		if *d.at == 0 {
			*d.at = d.def
		}
	}
	if l.Time == 0 {
		l.Time = 10 * time.Second
	}
	return l
}

// gate lets so many requests in at once that the rest of the program keeps
// going.
type gate struct {
	limits Limits
	slots  chan struct{} // of requests that are worked on
	asking chan struct{} // of queries of the database

	mu      sync.Mutex
	inside  int            // worked on or waiting
	clients map[string]int // of whom
	held    int            // bytes

	queries atomic.Uint64 // of the database
}

func newGate(l Limits) *gate {
	return &gate{limits: l, slots: make(chan struct{}, l.Requests), asking: make(chan struct{}, l.Database), clients: map[string]int{}}
}

// enter waits for a place; leave gives it back.
func (g *gate) enter(ctx context.Context, client string) (leave func(), err error) {
	g.mu.Lock()
	switch {
	case g.clients[client] >= g.limits.PerClient:
		g.mu.Unlock()
		return nil, &failure{status: 429, retry: time.Second, text: both("mehr als %d gleichzeitige Anfragen", "more than %d requests at a time", []any{g.limits.PerClient})}
	case g.inside >= g.limits.Requests+g.limits.Waiting:
		g.mu.Unlock()
		return nil, busy(2*time.Second, "zu viele Anfragen", "too many requests")
	}
	g.inside++
	g.clients[client]++
	g.mu.Unlock()
	gone := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.inside--
		if g.clients[client]--; g.clients[client] == 0 {
			delete(g.clients, client)
		}
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, busy(2*time.Second, "zu viele Anfragen", "too many requests")
	}
}

// ask makes a query of the database. Meanwhile the place of the request is
// free for others: whoever needs no database waits for none.
func (g *gate) ask(ctx context.Context, query func() error) error {
	<-g.slots
	defer func() { g.slots <- struct{}{} }()
	select {
	case g.asking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.asking }()
	g.queries.Add(1)
	return query()
}

// hold takes room for an answer that is being sent, and false when there is
// none: whoever reads slowly must not fill the memory.
func (g *gate) hold(bytes int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held+bytes > g.limits.Held {
		return false
	}
	g.held += bytes
	return true
}

func (g *gate) release(bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held -= bytes
}
