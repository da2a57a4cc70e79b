package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/influx"
	"modellregion/internal/mqtt"
	"modellregion/internal/simulate"
	"modellregion/uplink"
)

const (
	sensors = 100 // of each edge
	speed   = 120 // their rate is 100 × 0.5 uplinks a minute × speed
	sending = 20 * time.Second
	idle    = 6000 // devices more in the list of the first edge, which makes it larger than 1 MiB
)

var edges = []string{"rathaus", "klinikum"}

// Two gateways, and two ingests that divide them by name, at a cluster of which
// one node after the other is killed under load. Each reading is stored once.
func TestNodesDie(t *testing.T) {
	c := newCluster(t, edges...)
	refused(t, c)
	r := newRegion(t, c)
	r.air(0)
	eventually(t, "uplinks of the first edge", func() bool { return r.ingests[0].taken() > 100 })
	if n := r.ingests[1].taken(); n > 0 {
		t.Errorf("the ingest of %s took %v uplinks, and only %s has sent any", r.ingests[1].name, n, r.ingests[0].name)
	}
	r.air(1)

	var watch sync.WaitGroup
	stop := make(chan struct{})
	longest := make([]time.Duration, len(r.ingests))
	for i := range r.ingests {
		watch.Go(func() { longest[i] = r.ingests[i].standstill(stop) })
	}
	for i := range nodes - 1 {
		<-time.After(4 * time.Second)
		c.replace(i, 3*time.Second)
	}
	for _, g := range r.gateways {
		<-g.flown
		if g.err != nil {
			t.Errorf("fleet of %s: %v", g.name, g.err)
		}
	}
	close(stop)
	watch.Wait()
	r.check()
	for i, d := range longest {
		t.Logf("%s: nothing came for at most %.1f s while two nodes were killed and came back", r.ingests[i].name, d.Seconds())
	}
}

// refused checks that the rights count: an edge cannot hear what is said to
// another.
func refused(t *testing.T, c *cluster) {
	t.Helper()
	var log process // takes lines as it does those of a program
	client, err := mqtt.New(mqtt.Config{URL: "tcp://" + c.addr, Username: edges[0], Password: password, ClientID: "curious", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	client.Subscribe(uplink.Filter(edges[1], uplink.KindStored), 1, func(context.Context, mqtt.Message) { t.Error("an edge hears what is said to another") })
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := client.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the cluster refuses an edge the topic of another", func() bool { return strings.Contains(log.logged(), "the broker refuses") })
	cancel()
	running.Wait()
}

// region is what uses the cluster.
type region struct {
	t        *testing.T
	gateways []*gateway
	ingests  []*ingest
	read     *influx.Client
}

// ingest is a process of the platform with that role.
type ingest struct {
	name     string // of the edge whose uplinks it reads
	internal string
	*process
}

// gateway is an edge and its fleet.
type gateway struct {
	name, udp, internal string
	fleet               *simulate.Fleet
	flown               chan struct{} // closed when the fleet has sent everything, with err
	err                 error
}

// newRegion starts a platform with a database of its own, an ingest beside it
// and two gateways.
func newRegion(t *testing.T, c *cluster) *region {
	t.Helper()
	r := &region{t: t}
	var list []devices.Device
	for i, name := range edges {
		fleet, err := simulate.Open(simulate.Config{Seed: uint64(i + 1), Sensors: sensors, Speed: speed, For: sending, Dir: filepath.Join(t.TempDir(), "fleet")})
		if err != nil {
			t.Fatal(err)
		}
		r.gateways = append(r.gateways, &gateway{name: name, fleet: fleet, flown: make(chan struct{})})
		for _, d := range fleet.Devices() {
			d.Edge, d.Station = name, d.Station+"-"+name
			list = append(list, d)
		}
	}
	for n, d := range simulate.FleetDevices(99, idle) {
		d.Edge, d.Station = edges[0], fmt.Sprintf("idle-%d", n)
		list = append(list, d)
	}
	// The first is the whole platform, so that it brings InfluxDB with it.
	data := filepath.Join(t.TempDir(), "data")
	database := port(t)
	r.serve(c, data, list, edges[0], fmt.Sprintf("{listen: %q}", database))
	var logins struct {
		Platform struct{ Username, Password string }
	}
	eventually(t, "InfluxDB has its logins", func() bool {
		text, err := os.ReadFile(filepath.Join(data, "influx", "logins.json"))
		return err == nil && json.Unmarshal(text, &logins) == nil
	})
	secret := write(t, filepath.Join(t.TempDir(), "influx"), logins.Platform.Password)
	r.serve(c, filepath.Join(t.TempDir(), "data"), list, edges[1],
		fmt.Sprintf("{url: \"http://%s\", username: %s, password_file: %s}", database, logins.Platform.Username, secret), "--roles", "ingest")
	r.read = influx.New(influx.Config{URL: "http://" + database, Username: logins.Platform.Username, Password: logins.Platform.Password})
	t.Cleanup(r.read.Close)
	for _, g := range r.gateways {
		r.run(c, g)
	}
	return r
}

// serve starts a process of the platform that reads the uplinks of one edge.
func (r *region) serve(c *cluster, data string, list []devices.Device, edge, database string, args ...string) {
	r.t.Helper()
	register(r.t, data, list)
	i := &ingest{name: edge, internal: port(r.t)}
	var towns []string
	for _, m := range simulate.Municipalities() {
		towns = append(towns, fmt.Sprintf("{id: %s, name: %s, ags: %q, lat: %v, lon: %v}", m.ID, m.Name, m.AGS, m.Center.Lat, m.Center.Lon))
	}
	dir := r.t.TempDir()
	config := write(r.t, filepath.Join(dir, "region.yaml"), fmt.Sprintf(`
region:
  name: {de: Test, en: Test}
  publisher: Test
  contact: test@example.org
  municipalities: [%s]
data_dir: %s
http: 127.0.0.1:0
internal: %s
mqtt: {url: "tcp://%s", username: platform, password_file: %s, edges: [%s]}
influx: %s
edges: [{name: %s}]
`, strings.Join(towns, ", "), data, i.internal, c.addr, write(r.t, filepath.Join(dir, "mqtt"), password), edge, database, strings.Join(edges, "}, {name: ")))
	i.process = start(r.t, "modellregion", append(append([]string{"serve"}, args...), config)...)
	r.ingests = append(r.ingests, i)
	eventually(r.t, "the ingest of "+edge+" is ready", i.ready(r.t))
}

// ready returns a test of whether the ingest can store what comes.
func (i *ingest) ready(t *testing.T) func() bool {
	return func() bool {
		t.Helper()
		if i.ended() {
			t.Fatalf("the ingest of %s ended: %v\n%s", i.name, i.err, i.logged())
		}
		status, _ := get("http://" + i.internal + "/readyz")
		return status == 200
	}
}

// taken returns how many uplinks the ingest has taken, those that came again
// included.
func (i *ingest) taken() float64 {
	n, _ := metric(i.internal, "modellregion_ingest_uplinks_total")
	return n
}

// standstill returns the longest time in which no uplink came.
func (i *ingest) standstill(stop <-chan struct{}) (longest time.Duration) {
	last, moved := math.NaN(), time.Now()
	for {
		select {
		case <-stop:
			return longest
		case <-time.After(100 * time.Millisecond):
		}
		if n, ok := metric(i.internal, "modellregion_ingest_uplinks_total"); ok && n != last {
			if last > 0 { // it had begun
				longest = max(longest, time.Since(moved))
			}
			last, moved = n, time.Now()
		}
	}
}

func register(t *testing.T, dir string, list []devices.Device) {
	t.Helper()
	g, err := registry.Open(t.Context(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}

// run starts a gateway and waits until it knows its devices.
func (r *region) run(c *cluster, g *gateway) {
	r.t.Helper()
	g.udp, g.internal = port(r.t), port(r.t)
	dir := r.t.TempDir()
	config := write(r.t, filepath.Join(dir, "edge.yaml"), fmt.Sprintf(`
name: %s
data_dir: %s
udp: %s
udp_rate: -1
internal: %s
mqtt: {url: "tcp://%s", password_file: %s}
`, g.name, filepath.Join(dir, "edge"), g.udp, g.internal, c.addr, write(r.t, filepath.Join(dir, "password"), password)))
	p := start(r.t, "edge-gateway", "-log", "info", "run", config)
	eventually(r.t, "the edge "+g.name+" is ready", func() bool {
		if p.ended() {
			r.t.Fatalf("the edge %s ended: %v\n%s", g.name, p.err, p.logged())
		}
		status, _ := get("http://" + g.internal + "/readyz")
		return status == 200
	})
}

// air lets a fleet send until it has sent everything.
func (r *region) air(n int) {
	g := r.gateways[n]
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(g.flown)
		g.err = g.fleet.Run(ctx, g.udp)
	}()
	r.t.Cleanup(func() {
		cancel()
		<-g.flown
	})
}

// check waits until everything is confirmed, and holds InfluxDB against what
// was sent.
func (r *region) check() {
	r.t.Helper()
	<-time.After(2 * time.Second) // ten times what a frame waits for other receptions and for the disk
	for i, g := range r.gateways {
		eventually(r.t, "the outbox of "+g.name+" is empty", func() bool {
			depth, ok := metric(g.internal, "modellregion_edge_outbox_depth")
			return ok && depth == 0
		})
		got, err := g.fleet.Compare(r.t.Context(), r.read, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Logf("%s: %+v; its ingest took %v uplinks", g.name, got, r.ingests[i].taken())
		if got.Sent == 0 || got.Stored != got.Sent || got.Lost > 0 || got.Duplicates > 0 {
			r.t.Errorf("%s: what is stored is not what was sent: %+v", g.name, got)
		}
	}
	if letters, err := r.read.CountDeadLetters(r.t.Context()); err != nil || len(letters) > 0 {
		r.t.Errorf("dead letters of good uplinks: %v %v", letters, err)
	}
}
