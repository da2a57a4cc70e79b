package sensorthings

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
)

// Too many requests at once are refused, each client's share first.
func TestTooManyRequests(t *testing.T) {
	block := make(chan struct{})
	m := &slow{memory: &memory{}, block: block, entered: make(chan struct{}, 10)}
	r := large(t, m, 1, 1)
	r.open(func(c *Config) {
		c.Limits = Limits{Requests: 2, Waiting: 1, PerClient: 2}
		c.Client = func(r *http.Request) string { return r.Header.Get("Client") }
	})
	m.slow = true
	done := make(chan got, 10)
	ask := func(client string) { done <- r.do(http.MethodGet, "/Observations", "Client", client) }
	go ask("a")
	go ask("a")
	<-m.entered
	<-m.entered
	if got := r.do(http.MethodGet, "/Things", "Client", "a"); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("a third of one client: %d", got.status)
	}
	go ask("b")
	for {
		r.service.gate.mu.Lock()
		n := r.service.gate.inside
		r.service.gate.mu.Unlock()
		if n == 3 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := r.do(http.MethodGet, "/Things", "Client", "c"); got.status != http.StatusServiceUnavailable {
		t.Errorf("one more than there is room for: %d", got.status)
	}
	close(block)
	for range 3 {
		if got := <-done; got.status != http.StatusOK {
			t.Errorf("one that waited: %d", got.status)
		}
	}
	if g := r.service.gate; g.inside != 0 || len(g.clients) != 0 || g.held != 0 {
		t.Errorf("%d inside, %d clients, %d bytes are left", g.inside, len(g.clients), g.held)
	}
}

// slow is a database that answers when it is let.
type slow struct {
	*memory
	slow    bool
	block   chan struct{}
	entered chan struct{}
}

func (s *slow) SelectWindows(ctx context.Context, q devices.WindowQuery) ([]devices.Aggregate, error) {
	if s.slow {
		s.entered <- struct{}{}
		select {
		case <-s.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.memory.SelectWindows(ctx, q)
}

func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(day(5))) // the clock of a bubble begins in 2000
		m := &slow{memory: &memory{}, block: make(chan struct{}), entered: make(chan struct{}, 10)}
		r := large(t, m, 1, 1)
		m.slow = true
		began := time.Now()
		got := r.do(http.MethodGet, "/Observations")
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "longer than 10s") || time.Since(began) != 10*time.Second {
			t.Errorf("%d %s after %s", got.status, got.body, time.Since(began))
		}
	})
}
