package guard

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Config says what is too much. What is 0 has the value that its comment says.
type Config struct {
	Classes []Class // of requests; none: Defaults
	// Trusted are the proxies whose X-Forwarded-For is believed.
	Trusted []netip.Prefix
	Log     *slog.Logger

	CPUs       int           // how many classes that compute may keep busy, each; GOMAXPROCS
	Concurrent int           // places for requests at once, of all clients; 256
	Queue      int           // requests that wait for a place; 256
	Wait       time.Duration // how long one waits; 2 s
	PerClient  int           // requests at once of one client, waiting ones included; 16
	Rate       float64       // cost per second that a client may cause; 100
	Burst      float64       // cost that it may cause at once; 1000
	Clients    int           // that are remembered; 16,384

	MaxURL  int   // bytes of path and query; 8 KiB
	MaxBody int64 // bytes of the body of a request; 64 KiB

	Connections          int // at once, for Listen; 8,192
	ConnectionsPerClient int // likewise, of one client other than a trusted proxy; 128
}

// Class is a kind of requests.
type Class struct {
	Name string // for metrics: "sta"
	// Prefixes of the paths that belong to it: "/data/", or "/live", which is
	// that path and those below it. The longest counts. The class without any
	// has all others.
	Prefixes []string

	Cost    int           // places of Config.Concurrent that a request takes, and its share of Config.Rate; 0: 1
	Most    int           // requests at once; 0: no limit of its own
	Timeout time.Duration // after which the context of a request ends; 0: none

	// Computes is a class whose handlers compute an answer whole and then write
	// it. As many compute at once as Config.CPUs says, so that what else this
	// process does keeps its turn; those that write, at the pace of who reads,
	// are bounded by Most alone.
	Computes bool

	// Stream is a class of requests that last as long as their clients want.
	// They take no places and do not wait; Most and PerClient bound them.
	Stream    bool
	PerClient int // streams at once of one client; 0: 20
}

// Defaults returns the classes of the platform: files are cheap, SensorThings
// is dear, and those who listen are counted apart.
func Defaults() []Class {
	return []Class{
		{Name: "files", Prefixes: []string{"/data/", "/static/", "/api/v1/series.csv"}, Cost: 1, Timeout: time.Minute},
		{Name: "sta", Prefixes: []string{"/sta"}, Cost: 8, Most: 16, Timeout: 10 * time.Second, Computes: true},
		{Name: "live", Prefixes: []string{"/live"}, Stream: true, Most: 5000},
		{Name: "mqtt", Prefixes: []string{"/mqtt"}, Stream: true, Most: 500}, // over WebSocket
		{Name: "other", Cost: 2, Timeout: 20 * time.Second},
	}
}

// complete sets what is 0 and checks the rest.
func (c *Config) complete() error {
	if len(c.Classes) == 0 {
		c.Classes = Defaults()
	}
	c.Classes = slices.Clone(c.Classes)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		value  *int
		normal int
	}{{&c.CPUs, runtime.GOMAXPROCS(0)}, {&c.Concurrent, 256}, {&c.Queue, 256}, {&c.PerClient, 16}, {&c.Clients, 16 << 10}, {&c.MaxURL, 8 << 10}, {&c.Connections, 8 << 10}, {&c.ConnectionsPerClient, 128}} {
		if *d.value == 0 {
			*d.value = d.normal
		}
		if *d.value < 0 {
			return fmt.Errorf("guard: a limit of %d, want none below zero", *d.value)
		}
	}
	c.Wait = normal(c.Wait, 2*time.Second)
	c.Rate, c.Burst, c.MaxBody = normal(c.Rate, 100), normal(c.Burst, 1000), normal(c.MaxBody, 64<<10)
	if c.Wait < 0 || c.Rate < 0 || c.Burst < 0 || c.MaxBody < 0 {
		return fmt.Errorf("guard: wait %s, rate %v, burst %v, body %d, want none below zero", c.Wait, c.Rate, c.Burst, c.MaxBody)
	}
	return c.completeClasses()
}

func normal[T int64 | float64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func (c *Config) completeClasses() error {
	busy := c.Concurrent + c.Queue
	rest := 0
	for i := range c.Classes {
		cl := &c.Classes[i]
		cl.Cost, cl.PerClient = max(cl.Cost, 1), max(cl.PerClient, 0)
		if cl.PerClient == 0 {
			cl.PerClient = 20
		}
		if len(cl.Prefixes) == 0 {
			rest++
		}
		switch {
		case cl.Name == "" || slices.ContainsFunc(c.Classes[:i], func(o Class) bool { return o.Name == cl.Name }):
			return fmt.Errorf("guard: class %q: want a name of its own", cl.Name)
		case cl.Stream && cl.Most <= 0:
			return fmt.Errorf("guard: class %s: streams without a limit", cl.Name)
		case !cl.Stream && cl.Cost > c.Concurrent, float64(cl.Cost) > c.Burst:
			return fmt.Errorf("guard: class %s: cost %d, want at most %d places and a burst of %v", cl.Name, cl.Cost, c.Concurrent, c.Burst)
		}
		if cl.Stream {
			busy += cl.Most
		}
	}
	if rest != 1 {
		return fmt.Errorf("guard: %d classes without prefixes, want one for what no other has", rest)
	}
	if c.Clients < busy {
		return fmt.Errorf("guard: %d clients are remembered, want at least the %d that may be served at once", c.Clients, busy)
	}
	return nil
}

// has returns the length of the prefix by which a path belongs to the class,
// or -1.
func (c *Class) has(path string) int {
	longest := -1
	if len(c.Prefixes) == 0 {
		return 0
	}
	for _, p := range c.Prefixes {
		rest, ok := strings.CutPrefix(path, p)
		if ok && len(p) > longest && (strings.HasSuffix(p, "/") || rest == "" || rest[0] == '/') {
			longest = len(p)
		}
	}
	return longest
}
