package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// directory is a directory of stations that can be changed.
type directory struct {
	mu       sync.Mutex
	stations []devices.Station
}

func (d *directory) Stations() []devices.Station {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stations
}

func (d *directory) set(domains map[string]uplink.Domain) {
	var stations []devices.Station
	for id, domain := range domains {
		stations = append(stations, devices.Station{ID: id, Name: id, Municipality: "paderborn", Domain: domain})
	}
	slices.SortFunc(stations, func(a, b devices.Station) int { return strings.Compare(a.ID, b.ID) })
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stations = stations
}

func (*directory) Interval(string, *devices.Quantity) time.Duration { return time.Minute }
func (*directory) Fact(string, string) (float64, bool)              { return 0, false }

func all() map[string]uplink.Domain {
	return map[string]uplink.Domain{
		"bahnhof": uplink.Traffic, "markt": uplink.Traffic, "bruecke": uplink.Road, "trafo": uplink.Energy, "gruppe": uplink.Energy,
	}
}

// rig is a hub that runs behind a server, without a network.
type rig struct {
	t      *testing.T
	hub    *Hub
	latest *opendata.Latest
	dir    *directory
	dialed chan net.Conn
	stop   func()
}

// newRig starts a hub in a bubble of synctest. Its clock begins at midnight UTC
// on 2000-01-01.
func newRig(t *testing.T, change func(*Config)) *rig {
	r := &rig{t: t, latest: opendata.NewLatest(), dir: &directory{}, dialed: make(chan net.Conn)}
	r.dir.set(all())
	cfg := Config{Datasets: opendata.Defaults(), Directory: r.dir, Latest: r.latest}
	if change != nil {
		change(&cfg)
	}
	hub, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.hub = hub
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := hub.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	// The limits of the platform's server: a stream must outlive them.
	server := &http.Server{Handler: hub, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	running.Go(func() {
		if err := server.Serve(pipes{r.dialed, ctx.Done()}); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	r.stop = sync.OnceFunc(func() {
		cancel()
		synctest.Wait()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	t.Cleanup(r.stop)
	return r
}

// pipes is a listener of connections within the process.
type pipes struct {
	dialed chan net.Conn
	done   <-chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialed:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// put stores rows as the aggregator does.
func (r *rig) put(dataset string, rows ...devices.Aggregate) {
	r.latest.Put(dataset, rows, time.Now())
}

// request sends one and returns the head of the answer.
func (r *rig) request(method, query, lastID string) (net.Conn, *http.Response) {
	r.t.Helper()
	ours, theirs := net.Pipe()
	r.t.Cleanup(func() { ours.Close() })
	r.dialed <- theirs
	req, err := http.NewRequest(method, "http://region/live"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	if err := req.Write(ours); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(ours), req)
	if err != nil {
		r.t.Fatal(err)
	}
	return ours, res
}

// message is an event as a client sees it.
type message struct {
	kind, id string
	data     map[string]any
}

func (m message) String() string {
	text := m.kind
	for _, name := range []string{"dataset", "station", "quantity", "channel", "start", "category", "sum", "mean", "from"} {
		if v, ok := m.data[name]; ok {
			data, _ := json.Marshal(v)
			text += " " + strings.Trim(string(data), `"`)
		}
	}
	return text
}

// client reads a stream as browsers do.
type client struct {
	conn net.Conn

	mu       sync.Mutex
	got      []message
	lastID   string
	comments int
	retry    string
	ended    error
}

func (r *rig) listen(query, lastID string) *client {
	r.t.Helper()
	conn, res := r.request(http.MethodGet, query, lastID)
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("GET /live%s: %s", query, res.Status)
	}
	c := &client{conn: conn, lastID: lastID}
	go c.read(res.Body)
	synctest.Wait()
	return c
}

func (c *client) read(body io.Reader) {
	lines := bufio.NewScanner(body)
	var m message
	for lines.Scan() {
		c.mu.Lock()
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if m.data != nil {
				m.id = c.lastID
				c.got = append(c.got, m)
			}
			m = message{}
		case name == "":
			c.comments++
		case name == "event":
			m.kind = value
		case name == "id":
			c.lastID = value
		case name == "retry":
			c.retry = value
		case name == "data":
			if err := json.Unmarshal([]byte(value), &m.data); err != nil {
				m.data = map[string]any{"dataset": "broken: " + value}
			}
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = errors.Join(io.EOF, lines.Err())
}

// take returns what came since the last time.
func (c *client) take() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := []string{}
	for _, m := range c.got {
		texts = append(texts, m.String())
	}
	c.got = nil
	return texts
}

func (c *client) id() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastID
}

func (c *client) end() error {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

func (r *rig) expect(c *client, want ...string) {
	r.t.Helper()
	if got := c.take(); !slices.Equal(got, append([]string{}, want...)) {
		r.t.Errorf("at %s got\n  %s\nwant\n  %s", time.Now().UTC().Format(time.RFC3339), strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// at is a time on the first day of the bubble, UTC.
func at(clock string) time.Time {
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2000, 1, 1, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func sleepTo(clock string) { time.Sleep(time.Until(at(clock))) }

func row(station, quantity, channel, start string, v float64) devices.Aggregate {
	q, ok := devices.Lookup(quantity)
	if !ok {
		panic(quantity)
	}
	a := devices.Aggregate{Station: station, Quantity: q, Channel: channel, Start: at(start), Window: 15 * time.Minute, Count: 1, Coverage: 1}
	switch q.Kind {
	case devices.Gauge:
		a.Mean, a.Min, a.Max = v, v, v
	case devices.Category:
		a.Mode = v
	default:
		a.Sum = v
	}
	return a
}
