package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/influx"
	"modellregion/internal/simulate/load"
)

const (
	sourceName = "chirpstack" // of another network
	clientID   = "e2e-ingest" // in whose session the broker keeps its messages
)

// stuck is longer than an ingest ever waits before it tries again.
const stuck = 15 * time.Second

// influxServer is an InfluxDB that can be taken away and given back.
type influxServer interface {
	access() influx.Config // of the administrator
	away()
	back()
	login() influx.Config // a new one, which may use the buckets raw and open alone
	deny()                // that login
	allow()
}

// openInflux makes an empty InfluxDB, on a disk of so many bytes unless they
// are 0.
type openInflux func(t *testing.T, disk int64) influxServer

// onEach runs a test with an InfluxDB 1.8 in a process of its own and, when
// INFLUX2_URL and INFLUX2_TOKEN name one, with a 2.x. The tests with the 2.x
// come first, one after the other, for each begins with deleting its buckets;
// those with 1.8 run beside each other.
func onEach(t *testing.T, test func(t *testing.T, open openInflux)) {
	t.Run("InfluxDB 2", func(t *testing.T) { test(t, openInflux2) })
	t.Parallel()
	t.Run("InfluxDB 1.8", func(t *testing.T) { test(t, openInflux1) })
}

// outagePlan says what an outage works with. Zero values are the usual.
type outagePlan struct {
	load     load.Config // without URL, login and waits
	replicas int         // of the ingest, which share messages; 0: one, which does not
	broker   string      // more lines of Mosquitto's configuration
	disk     int64       // bytes of a disk of InfluxDB's own
	ownLogin bool        // the ingest has a login of InfluxDB's own, which may use the buckets alone
}

// outage is an ingest with all around it that can be away: senders, a broker
// and a database.
type outage struct {
	t       *testing.T
	random  *rand.Rand
	plan    outagePlan
	devices []devices.Device
	broker  *mosquitto
	influx  influxServer
	read    *influx.Client
	ingests []*ingestor
	load    *load.Load
	stop    func() error // ends the sending and waits until everything is confirmed
}

// ingestor is an ingest that can be started again.
type ingestor struct {
	o        *outage
	config   string
	internal string
	lives    int
	*process
}

// newOutage starts everything; load is sent when it returns.
func newOutage(t *testing.T, open openInflux, plan outagePlan) *outage {
	t.Helper()
	plan.load.Grace = patience
	if plan.load.Resend == 0 {
		plan.load.Resend = time.Second
	}
	if plan.load.Format == load.ChirpStack {
		plan.load.Names = []string{sourceName}
	} else {
		plan.load.Names = []string{"rathaus", "klinikum"}
	}
	o := &outage{t: t, plan: plan, random: rand.New(rand.NewPCG(plan.load.Seed, 0))}
	o.influx = open(t, plan.disk)
	o.broker = configureMosquitto(t, plan.broker, append([]string{"platform"}, plan.load.Names...)...)
	access := o.influx.access()
	o.read = influx.New(access)
	t.Cleanup(o.read.Close)
	if plan.ownLogin {
		access = o.influx.login()
	}
	var err error
	if o.devices, err = load.Devices(plan.load); err != nil {
		t.Fatal(err)
	}
	for range max(plan.replicas, 1) {
		o.ingests = append(o.ingests, o.newIngest(access))
	}
	for _, i := range o.ingests {
		i.untilReady()
	}
	if plan.load.Format == load.ChirpStack { // before that nobody keeps anything
		eventually(t, "the ingest has its session", func() bool { return strings.Contains(o.broker.logged(), " "+clientID+" 1 application/") })
	}
	o.send()
	return o
}

// newIngest starts an ingest on a folder of its own.
func (o *outage) newIngest(access influx.Config) *ingestor {
	o.t.Helper()
	dir := o.t.TempDir()
	register(o.t, filepath.Join(dir, "data"), o.devices, load.Profile())
	i := &ingestor{o: o, internal: lastingPort(o.t)}
	password := write(o.t, filepath.Join(dir, "mqtt-password"), mqttPassword)
	login := fmt.Sprintf("username: %s, password_file: %s", access.Username, write(o.t, filepath.Join(dir, "influx-password"), access.Password))
	if access.Token != "" {
		login = fmt.Sprintf("org: %s, token_file: %s", access.Org, write(o.t, filepath.Join(dir, "influx-token"), access.Token))
	}
	edges, sources, share := o.plan.load.Names, "", ""
	if o.plan.load.Format == load.ChirpStack {
		edges = []string{"rathaus"}
		sources = fmt.Sprintf("sources: [{name: %s, kind: chirpstack, url: \"tcp://%s\", username: platform, password_file: %s, client_id: %s}]\n",
			sourceName, o.broker.addr, password, clientID)
	}
	if o.plan.replicas > 0 {
		share = ", share: ingest"
	}
	i.config = write(o.t, filepath.Join(dir, "region.yaml"), fmt.Sprintf(`
region:
  name: {de: Test, en: Test}
  publisher: Test
  contact: test@example.org
  municipalities: [{id: %s, name: Last, lat: 51.5, lon: 7.5}]
data_dir: %s
http: 127.0.0.1:0
internal: %s
mqtt: {url: "tcp://%s", username: platform, password_file: %s%s}
influx: {url: %q, %s}
edges: [{name: %s}]
%s`, load.Municipality, filepath.Join(dir, "data"), i.internal, o.broker.addr, password, share, access.URL, login, strings.Join(edges, "}, {name: "), sources))
	i.start()
	return i
}

// register makes the registry in a data folder.
func register(t *testing.T, dir string, list []devices.Device, profiles ...string) {
	t.Helper()
	r, err := registry.Open(t.Context(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.PutProfiles(t.Context(), nil, profiles...)
	if err == nil {
		err = r.Put(t.Context(), list)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func (i *ingestor) start() {
	i.o.t.Helper()
	i.lives++
	i.process = start(i.o.t, "modellregion", "serve", "--roles", "ingest", i.config)
}

// restart kills the ingest in whatever it does, and starts it again.
func (i *ingestor) restart() {
	i.o.t.Helper()
	i.alive()
	i.kill()
	i.start()
}

// alive ends the test when the ingest has ended by itself.
func (i *ingestor) alive() {
	i.o.t.Helper()
	if i.ended() {
		i.o.t.Fatalf("life %d: the ingest ended by itself: %v\n%s", i.lives, i.err, i.logged())
	}
}

// ready reports whether the ingest can store what comes.
func (i *ingestor) ready() bool {
	i.o.t.Helper()
	i.alive()
	status, _, _ := get(i.o.t, "http://"+i.internal+"/readyz")
	return status == 200
}

// unready reports whether the ingest says that it cannot.
func (i *ingestor) unready() bool {
	i.o.t.Helper()
	i.alive()
	status, _, _ := get(i.o.t, "http://"+i.internal+"/readyz")
	return status == 503
}

func (i *ingestor) untilReady() {
	i.o.t.Helper()
	eventually(i.o.t, "the ingest is ready", i.ready)
}

// memory returns what the ingest has of the machine's, in bytes.
func (i *ingestor) memory() int64 {
	i.o.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.cmd.Process.Pid))
	if err != nil {
		i.o.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	if err != nil {
		i.o.t.Fatalf("VmRSS: %v", err)
	}
	return kb << 10
}

// taken returns how many uplinks this life of the ingest has taken.
func (i *ingestor) taken() float64 {
	i.o.t.Helper()
	n, ok := metric(i.o.t, i.internal, "modellregion_ingest_uplinks_total")
	if !ok {
		i.o.t.Fatal("modellregion_ingest_uplinks_total is not shown")
	}
	return n
}

// send begins to send, without an end.
func (o *outage) send() {
	o.t.Helper()
	cfg := o.plan.load
	cfg.URL = "tcp://" + o.broker.addr
	cfg.Login = func(edge string) (string, string) { return edge, mqttPassword }
	var err error
	if o.load, err = load.New(cfg); err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- o.load.Run(ctx) }()
	over := false
	o.stop = func() error {
		cancel()
		if over {
			return nil
		}
		over = true
		return <-ran
	}
	o.t.Cleanup(func() {
		cancel()
		if !over && !o.t.Failed() {
			o.t.Error("the test has not compared anything")
		}
	})
	o.confirmed(uint64(len(o.devices)))
}

// confirmed waits until so many more uplinks are confirmed: by the platform, or
// by the broker when they are of another network.
func (o *outage) confirmed(more uint64) {
	o.t.Helper()
	goal := o.load.Progress().Confirmed + more
	eventually(o.t, "uplinks are confirmed", func() bool { return o.load.Progress().Confirmed >= goal })
}

// pass lets time go by under load.
func (o *outage) pass(least, most time.Duration) {
	o.t.Helper()
	<-time.After(least + time.Duration(o.random.Int64N(int64(most-least+1))))
	for _, i := range o.ingests {
		i.alive()
	}
}

// letters counts the dead letters by reason.
func (o *outage) letters() map[string]int {
	o.t.Helper()
	count, err := o.read.CountDeadLetters(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return count
}

// compare holds what is stored against what was sent.
func (o *outage) compare() load.Comparison {
	o.t.Helper()
	c, err := o.load.Compare(o.t.Context(), func(ctx context.Context, d devices.Device, span devices.Span) ([]devices.Report, error) {
		return o.read.DeviceReadings(ctx, d.Domain, d.EUI, span)
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// finish ends the sending, waits until everything is confirmed, and returns
// what became of it.
func (o *outage) finish() load.Comparison {
	o.t.Helper()
	for _, i := range o.ingests {
		i.untilReady()
	}
	if err := o.stop(); err != nil {
		o.t.Errorf("UNCONFIRMED: %v", err)
	}
	c, p := o.compare(), o.load.Progress()
	if o.plan.load.Format == load.ChirpStack { // the broker has confirmed, and the ingest is still at it
		for moved := time.Now(); c.Lost > 0 && time.Since(moved) < stuck; <-time.After(200 * time.Millisecond) {
			before := c.Stored
			if c = o.compare(); c.Stored > before {
				moved = time.Now()
			}
		}
	}
	lives := 0
	for _, i := range o.ingests {
		lives += i.lives
	}
	o.t.Logf("%d uplinks of %d devices, %d sent again; %d lives of %d ingests; %+v; dead letters %v",
		p.Sent, len(o.devices), p.Resent, lives, len(o.ingests), c, o.letters())
	return c
}

// good is finish for what has to be stored to the last reading.
func (o *outage) good() {
	o.t.Helper()
	c := o.finish()
	if c.Sent == 0 || c.Stored != c.Sent || !c.Good() || c.Betrayed > 0 {
		o.t.Errorf("what is stored is not what was sent: %+v", c)
	}
	if l := o.letters(); len(l) > 0 {
		o.t.Errorf("dead letters of good uplinks: %v", l)
	}
}
