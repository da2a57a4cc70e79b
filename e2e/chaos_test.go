package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/simulate"
)

// TestChaos runs a region as a city has it: two gateways with their fleets,
// Mosquitto, two ingests that share the messages, InfluxDB, and a process that
// computes and shows open data. Every ten seconds something happens to one of
// them or to a link between two. At last all is healed, and what was sent is
// held against the database, the windows of open data and the files.
//
//	MODELLREGION_CHAOS=30m MODELLREGION_SEED=7 go test ./e2e -run TestChaos -v -timeout 60m
func TestChaos(t *testing.T) {
	t.Parallel()
	length, sensors := 20*time.Second, 150
	if os.Getenv("CI") == "true" {
		length, sensors = 2*time.Minute, 500
	}
	if text := os.Getenv("MODELLREGION_CHAOS"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil || length < 10*time.Second {
			t.Fatalf("MODELLREGION_CHAOS=%q: want a time like 30m, of 10s or more", text)
		}
		sensors = 500
	}
	c := newChaos(t, setting(t, "MODELLREGION_SEED", 1), length, sensors)
	c.strike()
	c.heal()
	c.drain()
	c.stored()
	c.published()
	c.end()
}

// chaos is a region and what happens to it.
type chaos struct {
	t      *testing.T
	random *rand.Rand
	began  time.Time
	length time.Duration // for which things happen

	gateways []*gateway
	ingests  []*part
	open     *part // computes and shows open data, and publishes the device lists
	broker   *part
	database *part
	mqtt     string // host:port of the broker

	persisted string // the broker's file
	disk      string // InfluxDB's folder when it is a disk of its own; else empty
	links     map[string][]*relay
	read      *influx.Client // past all relays
	http      string         // host:port of the public pages

	deck    []event
	pending []remedy
	events  int
}

// part is a program of the region that can be killed, held and started again.
type part struct {
	name   string
	launch func() *process
	*process
	lives []*process
	ready string // its internal host:port; empty: it has none
	ill   bool   // something happens to it: nothing else does
	gone  bool   // it was killed
}

func (p *part) start() {
	p.process = p.launch()
	p.lives = append(p.lives, p.process)
}

// gateway is an edge with its fleet.
type gateway struct {
	*part
	t     *testing.T
	udp   string
	disk  string // its folder when it is a disk of its own; else empty
	plan  simulate.Config
	fleet *simulate.Fleet
	flown chan struct{} // closed when the fleet has ended, with err
	err   error
	land  context.CancelFunc
}

// air lets the fleet send, and send its last 4096 uplinks once more when it had
// sent before: the edge may have acknowledged some of them and died before they
// were on its disk.
func (g *gateway) air() {
	g.t.Helper()
	var err error
	if g.fleet, err = simulate.Open(g.plan); err != nil {
		g.t.Fatal(err)
	}
	var ctx context.Context
	ctx, g.land = context.WithCancel(context.Background())
	g.flown = make(chan struct{})
	go func() {
		defer close(g.flown)
		g.err = g.fleet.Run(ctx, g.udp)
	}()
}

// ground ends the fleet's sending. Then the edge that comes next hears the
// frames of a device in their order.
func (g *gateway) ground() {
	g.t.Helper()
	g.land()
	<-g.flown
	if g.err != nil {
		g.t.Errorf("fleet of %s: %v", g.name, g.err)
	}
}

func newChaos(t *testing.T, seed int, length time.Duration, sensors int) *chaos {
	t.Helper()
	t.Logf("seed %d, %v, %d devices", seed, length, 2*sensors)
	c := &chaos{t: t, random: rand.New(rand.NewPCG(uint64(seed), 0)), length: length, links: map[string][]*relay{}}
	c.startBroker()
	server := c.startInflux()
	c.read = influx.New(server.access())
	t.Cleanup(c.read.Close)

	// In the time that it runs, some hours pass at the sensors.
	speed := max(20, min(120, time.Hour.Seconds()/length.Seconds()))
	var list []devices.Device
	for i, name := range []string{"rathaus", "klinikum"} {
		plan := simulate.Config{Seed: uint64(seed + i), Sensors: sensors, Speed: speed, For: length, Dir: filepath.Join(t.TempDir(), "fleet")}
		for _, d := range simulate.FleetDevices(plan.Seed, sensors) {
			d.Edge, d.Station = name, d.Station+suffix(name)
			list = append(list, d)
		}
		c.gateways = append(c.gateways, c.newGateway(name, plan))
	}
	for i := range 2 {
		c.ingests = append(c.ingests, c.newPlatform(fmt.Sprintf("ingest %d", i+1), "ingest", server, list))
	}
	c.open = c.newPlatform("aggregate", "aggregate,lists,public", server, list)
	for _, p := range c.platform() {
		eventually(t, p.name+" is ready", func() bool { return c.isReady(p) })
	}
	for _, g := range c.gateways {
		eventually(t, g.name+" is ready", func() bool { return c.isReady(g.part) })
		g.air()
		t.Cleanup(func() {
			g.land()
			<-g.flown
		})
	}
	return c
}

// suffix keeps the stations of the two fleets apart, whose ids are the same.
func suffix(edge string) string { return "-" + edge[:1] }

// platform are the platform's programs.
func (c *chaos) platform() []*part { return append(slices.Clone(c.ingests), c.open) }

// programs are all of them, those last that others need to end in order.
func (c *chaos) programs() []*part {
	var all []*part
	for _, g := range c.gateways {
		all = append(all, g.part)
	}
	return append(append(all, c.platform()...), c.broker, c.database)
}

func (c *chaos) startBroker() {
	dir := c.t.TempDir()
	c.persisted = filepath.Join(dir, "mosquitto.db")
	m := configureMosquitto(c.t, fmt.Sprintf("persistence true\npersistence_location %s/\nautosave_interval 1\n", dir), "platform", "rathaus", "klinikum")
	c.broker = &part{name: "broker", process: m.process, lives: []*process{m.process}}
	c.mqtt = m.addr
	c.broker.launch = func() *process {
		m.start()
		return m.process
	}
}

func (c *chaos) startInflux() *influxd {
	size := int64(256<<20) + int64(c.length.Seconds())<<18
	dir, ok := smallDisk(c.t, size)
	if ok {
		c.disk = dir
	}
	d := &influxd{t: c.t, plan: influxPlan{Dir: dir, Addr: lastingPort(c.t)}}
	c.database = &part{name: "InfluxDB", launch: func() *process {
		d.start()
		return d.process
	}}
	c.database.start()
	return d
}

// smallDisk returns a folder, which is a disk of its own of so many bytes where
// this machine lets a test mount one.
func smallDisk(t *testing.T, size int64) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Logf("no disk will be full: mount a tmpfs: %v", err)
		return dir, false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

// link returns the address of a new relay.
func (c *chaos) link(name, to string) string {
	c.t.Helper()
	r := newRelay(c.t, to)
	c.links[name] = append(c.links[name], r)
	return r.addr
}

func (c *chaos) newGateway(name string, plan simulate.Config) *gateway {
	c.t.Helper()
	g := &gateway{t: c.t, udp: lastingPort(c.t), plan: plan}
	g.part = &part{name: name, ready: lastingPort(c.t)}
	dir, ok := smallDisk(c.t, 128<<20)
	if ok {
		g.disk = dir
	}
	folder := c.t.TempDir()
	config := write(c.t, filepath.Join(folder, "edge.yaml"), fmt.Sprintf(`
name: %s
data_dir: %s
udp: %s
udp_rate: -1
internal: %s
mqtt: {url: "tcp://%s", password_file: %s}
`, name, filepath.Join(dir, "edge"), g.udp, g.ready, c.link("edge–broker", c.mqtt), write(c.t, filepath.Join(folder, "password"), mqttPassword)))
	g.launch = func() *process { return start(c.t, "edge-gateway", "-log", "warn", "run", config) }
	g.start()
	return g
}

// newPlatform starts a program of the platform with some of its roles, on a
// folder of its own.
func (c *chaos) newPlatform(name, roles string, server *influxd, list []devices.Device) *part {
	c.t.Helper()
	p := &part{name: name, ready: lastingPort(c.t)}
	dir := c.t.TempDir()
	data := filepath.Join(dir, "data")
	register(c.t, data, list)
	broker, database, http, share := c.mqtt, server.plan.Addr, lastingPort(c.t), ""
	if roles == "ingest" {
		broker, database, share = c.link("broker–ingest", broker), c.link("ingest–InfluxDB", database), ", share: ingest"
	} else {
		c.http = http
	}
	secret := func(name, text string) string { return write(c.t, filepath.Join(dir, name), text) }
	config := secret("region.yaml", fmt.Sprintf(`
region:
  name: {de: Test, en: Test}
  publisher: Test
  contact: test@example.org
  municipalities: [%s]
data_dir: %s
http: %s
internal: %s
mqtt: {url: "tcp://%s", username: platform, password_file: %s%s}
influx: {url: "http://%s", username: %s, password_file: %s, public_username: %s, public_password_file: %s}
edges: [{name: rathaus}, {name: klinikum}]
`, towns(), data, http, p.ready, broker, secret("mqtt", mqttPassword), share,
		database, server.Platform.Username, secret("influx", server.Platform.Password), server.Public.Username, secret("public", server.Public.Password)))
	p.launch = func() *process { return start(c.t, "modellregion", "serve", "--roles", roles, config) }
	p.start()
	return p
}

func (c *chaos) isReady(p *part) bool {
	c.t.Helper()
	c.alive()
	status, _, _ := get(c.t, "http://"+p.ready+"/readyz")
	return status == 200
}

// alive ends the test when a program or a fleet has ended by itself.
func (c *chaos) alive() {
	c.t.Helper()
	for _, p := range c.programs() {
		if !p.gone && p.ended() {
			c.t.Fatalf("after %.1f s, in life %d: %s ended by itself: %v\n%s", time.Since(c.began).Seconds(), len(p.lives), p.name, p.err, p.logged())
		}
	}
	for _, g := range c.gateways {
		select {
		case <-g.flown:
			if g.err != nil {
				c.t.Fatalf("fleet of %s: %v", g.name, g.err)
			}
		default:
		}
	}
}

// drain waits until the fleets have sent everything and the edges have heard
// that it is stored.
func (c *chaos) drain() {
	c.t.Helper()
	began := time.Now()
	for _, p := range append(c.platform(), c.gateways[0].part, c.gateways[1].part) {
		patiently(c.t, p.name+" is ready again", func() bool { return c.isReady(p) })
	}
	for _, g := range c.gateways {
		patiently(c.t, "the fleet of "+g.name+" has sent everything", func() bool {
			c.alive()
			select {
			case <-g.flown:
				return true
			default:
				return false
			}
		})
	}
	<-time.After(2 * time.Second) // ten times what a frame waits for other receptions and for the disk
	for _, g := range c.gateways {
		patiently(c.t, "the outbox of "+g.name+" is empty", func() bool {
			c.alive()
			depth, ok := metric(c.t, g.ready, "modellregion_edge_outbox_depth")
			return ok && depth == 0
		})
	}
	c.t.Logf("drained %.1f s after the last event was over", time.Since(began).Seconds())
}

// stored holds the database against the fleets' ledgers. Everything is
// confirmed, so nothing may be on its way any more.
func (c *chaos) stored() {
	c.t.Helper()
	for _, g := range c.gateways {
		got, err := g.fleet.Compare(c.t.Context(), c.read, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Logf("%s: %+v", g.name, got)
		if got.Sent == 0 || got.Stored != got.Sent || got.Lost > 0 || got.Duplicates > 0 {
			c.t.Errorf("%s: what is stored is not what was sent: %+v", g.name, got)
		}
	}
	letters, err := c.read.CountDeadLetters(c.t.Context())
	if err != nil || len(letters) > 0 {
		c.t.Errorf("dead letters of good uplinks: %v %v", letters, err)
	}
}

// crash is how a Go program says that it has a bug, and how Mosquitto does.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE|.*(assertion|Assertion|SIGSEGV))`)

// end stops everything as an init system does, and looks for crashes in the
// logs of all lives.
func (c *chaos) end() {
	c.t.Helper()
	lives := map[string]int{}
	for _, p := range c.programs() {
		p.stop()
		lives[p.name] = len(p.lives)
		for n, life := range p.lives {
			if at := crash.FindStringIndex(life.logged()); at != nil {
				log := life.logged()[at[0]:]
				c.t.Errorf("%s crashed in life %d: %s", p.name, n+1, log[:min(len(log), 4000)])
			}
		}
	}
	c.t.Logf("%d events; lives %v", c.events, lives)
}
