package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"modellregion/uplink"
)

// These tests take an edge's power and its broker away again and again while
// 500 frames a second are on the air, and hold everything against a ledger.
//
//	MODELLREGION_KILLS=200 MODELLREGION_KILL_SEED=7 go test ./e2e -run TestEdgeIsKilled -v

// setting returns a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q: want a number", name, text)
	}
	return n
}

// rig is an edge on its folder with all around it.
type rig struct {
	t        *testing.T
	config   string
	internal string
	random   *rand.Rand
	ledger   *ledger
	fleet    *fleet
	city     *city
	edge     *process
	life     int // of the edge's program, from 1

	stopFleet func()
	began     time.Time
	moodTill  time.Time // of the platform; zero: it does its work
}

func newRig(t *testing.T, seed int) *rig {
	t.Helper()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	r := &rig{t: t, random: random, ledger: newLedger(t), internal: lastingPort(t)}
	udp, broker := lastingPort(t), lastingPort(t)
	dir := t.TempDir()
	password := write(t, filepath.Join(dir, "password"), mqttPassword+"\n")
	// For five seconds after a start all forwarders together have the rate of
	// one, which is no more than what they send here.
	r.config = write(t, filepath.Join(dir, "edge.yaml"), fmt.Sprintf(`
name: %s
data_dir: %s
udp: %s
udp_rate: 1000
internal: %s
lorawan: {region: US915, status_every: -1s}
mqtt: {url: "tcp://%s", password_file: %s}
`, edgeName, filepath.Join(dir, "edge"), udp, r.internal, broker, password))
	r.fleet = newFleet(t, uint64(seed), netip.MustParseAddrPort(udp), r.ledger)
	r.city = newCity(t, broker, r.fleet.devices(), r.ledger)
	r.city.open()
	r.start()
	r.untilReady()
	r.air()
	return r
}

// lastingPort returns an address that stays free while nobody listens there:
// its port is below those that the system gives to others, and to connections
// that look for it. It does not depend on the seed, for the same test may run
// beside this one.
func lastingPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 16_384+rand.IntN(16_384))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = l.Close() // only its number was wanted
		if c, err := net.ListenPacket("udp", addr); err == nil {
			_ = c.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// air begins to send.
func (r *rig) air() {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { r.fleet.run(ctx) })
	r.began = time.Now()
	r.stopFleet = func() {
		cancel()
		work.Wait()
	}
	r.t.Cleanup(r.stopFleet)
}

// start starts the edge's program on its folder.
func (r *rig) start() {
	r.t.Helper()
	r.life = r.ledger.birth()
	r.fleet.born(r.life)
	r.edge = start(r.t, "edge-gateway", "-log", "warn", "run", r.config)
}

// answers reports whether the edge answers well at a path.
func (r *rig) answers(path string) func() bool {
	return func() bool {
		r.t.Helper()
		r.alive()
		status, _, _ := get(r.t, "http://"+r.internal+path)
		return status == 200
	}
}

func (r *rig) untilReady() {
	r.t.Helper()
	eventually(r.t, "the edge is ready", r.answers("/readyz"))
}

// alive ends the test when the edge has ended by itself.
func (r *rig) alive() {
	r.t.Helper()
	if r.edge.ended() {
		r.t.Fatalf("life %d: the edge ended by itself: %v\n%s", r.life, r.edge.err, r.edge.logged())
	}
}

// pass lets time go by under load.
func (r *rig) pass(least, most time.Duration) {
	r.t.Helper()
	select {
	case <-r.edge.done:
		r.alive()
	case <-time.After(least + time.Duration(r.random.Int64N(int64(most-least)))):
	}
}

// command orders something of some devices.
func (r *rig) command() {
	for i := range 3 {
		n := r.fleet.nodes[r.random.IntN(fleetNodes)]
		r.city.command(uplink.EUI(n.eui), uplink.Command{
			V: uplink.Version, ID: fmt.Sprintf("c%d-%d", r.life, i), FPort: 3, Payload: []byte{byte(r.life), byte(i)}, Confirmed: i == 0,
		})
	}
}

// moods lets the platform be silent or away for some seconds now and then, and
// come back.
func (r *rig) moods() {
	r.t.Helper()
	switch well := r.moodTill.IsZero(); {
	case well && r.random.IntN(5) == 0:
		r.moodTill = time.Now().Add(time.Second/2 + time.Duration(r.random.Int64N(int64(3*time.Second))))
		if r.random.IntN(2) == 0 {
			r.city.silent.Store(true)
		} else {
			r.city.leave()
		}
	case !well && time.Now().After(r.moodTill):
		r.well()
	}
}

// well ends a mood.
func (r *rig) well() {
	r.t.Helper()
	r.moodTill = time.Time{}
	r.city.silent.Store(false)
	r.city.restart()
}

// kill lets the edge live for a while, kills it and starts it again. With cut
// the broker vanishes before and is back, empty, at the start or after it.
func (r *rig) kill(cut bool) {
	r.t.Helper()
	if r.random.IntN(8) > 0 {
		r.untilReady()
		r.moods()
		r.command()
		r.pass(25*time.Millisecond, 350*time.Millisecond)
	} else {
		r.pass(0, 60*time.Millisecond) // it is still opening its database, or has just begun
	}
	if cut {
		r.city.close()
	}
	if r.random.IntN(4) > 0 {
		r.pass(25*time.Millisecond, 350*time.Millisecond)
	}
	r.edge.kill()
	r.start()
	if !cut {
		return
	}
	if r.random.IntN(2) == 0 {
		eventually(r.t, "the edge serves without a broker", r.answers("/healthz"))
	}
	r.city.open()
}

// finish stops the air with everything up and holds all that is stored against
// what was sent.
func (r *rig) finish() {
	r.t.Helper()
	r.untilReady()
	r.well()
	r.pass(time.Second, 2*time.Second)
	r.stopFleet()
	air := time.Since(r.began)
	defer func() { r.report(air, r.ledger.check()) }() // also when the wait is in vain
	eventually(r.t, "every frame that was acknowledged last is stored, and the outbox is empty", func() bool {
		r.alive()
		if depth, ok := metric(r.t, r.internal, "modellregion_edge_outbox_depth"); !ok || depth > 0 {
			return false
		}
		gaps := r.ledger.taken(r.life)
		return len(gaps) == 0
	})
	r.edge.stop()
	r.city.close()
}

// report says what was done, and that it was something at all.
func (r *rig) report(air time.Duration, taken []int) {
	sum := 0
	for _, n := range taken {
		sum += n
	}
	if n := taken[r.life-1]; n > 0 {
		r.t.Errorf("LOST: %d frames that were acknowledged in the last life are not stored", n)
	}
	frames := r.ledger.frames()
	r.ledger.tally(func(c *counts) {
		r.t.Logf("%d lives in %.1f s on the air; %d transmissions (%.0f/s) of %d frames and %d join requests in %d datagrams, %d of them acknowledged",
			r.life, air.Seconds(), c.transmissions, float64(c.transmissions)/air.Seconds(), frames, c.joinRequests, c.datagrams, c.acked)
		r.t.Logf("%d uplinks stored, %d sent again; %d sessions, %d joins accepted and %d heard; %d downlinks, %d heard; %d commands; %d replays, %d of them join requests",
			c.uplinks, c.again, len(r.ledger.sessions), c.accepts, c.joins, c.downlinks, c.heard, c.commands, c.replays, c.joinReplays)
		r.t.Logf("kills took %d acknowledged frames, one of them %d and the others fewer", sum, slices.Max(taken))
		if c.uplinks == 0 || c.joins == 0 || c.heard == 0 || c.joinReplays == 0 {
			r.t.Errorf("a run without any of these proves nothing: %+v", *c)
		}
	})
}

// The edge is killed at random moments, half of the time with the broker away.
// What it has committed is stored exactly once, nothing is accepted twice, and
// no nonce and no counter is used twice.
func TestEdgeIsKilled(t *testing.T) {
	t.Parallel()
	kills := 12
	if os.Getenv("CI") == "true" {
		kills = 200
	}
	kills = setting(t, "MODELLREGION_KILLS", kills)
	r := newRig(t, setting(t, "MODELLREGION_KILL_SEED", 1))
	for n := range kills {
		r.kill(n%2 == 1)
		if t.Failed() {
			t.Fatalf("after %d kills", n+1)
		}
	}
	r.finish()
}

// A broker that comes back without memory loses nothing: not what it has
// acknowledged, not what was on its way, and not what came while it was away.
func TestBrokerForgets(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting(t, "MODELLREGION_KILL_SEED", 1)+1_000_000)
	for range 3 {
		r.command()
		r.pass(500*time.Millisecond, time.Second)
		r.city.leave() // the broker takes everything now, and nobody gets it
		r.pass(300*time.Millisecond, 600*time.Millisecond)
		r.city.close()
		r.pass(100*time.Millisecond, 500*time.Millisecond)
		r.city.open()
		r.untilReady()
	}
	r.finish()
}
