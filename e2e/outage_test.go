package e2e

import (
	"os"
	"testing"
	"time"

	"modellregion/internal/influx"
	"modellregion/internal/simulate/load"
)

// These tests take away what an ingest stands on, and the ingest itself, while
// uplinks come, and hold all that was sent against what is in InfluxDB at last:
// each reading once, nothing confirmed that is not there, no good one among the
// dead letters.
//
//	MODELLREGION_OUTAGE=5m go test ./e2e -run TestOutage -v -timeout 20m
//	MODELLREGION_KILLS=500 go test ./e2e -run TestOutageOfTheIngest -v -timeout 20m

// outageTime is how long InfluxDB is away.
func outageTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("MODELLREGION_OUTAGE")
	if text == "" {
		return 10 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("MODELLREGION_OUTAGE=%q: want a time like 5m", text)
	}
	return d
}

// most is the memory that an ingest may have of the machine's while nothing
// can be stored.
const most = 150 << 20

// InfluxDB dies, is away for a while and comes back with what it had written.
func TestOutageOfInflux(t *testing.T) {
	t.Parallel()
	away := outageTime(t)
	o := newOutage(t, outagePlan{load: load.Config{Seed: 101, Devices: 60, Rate: 600, Size: 4000}})
	o.pass(2*time.Second, 2*time.Second)
	o.influx.kill()
	began := time.Now()
	o.pass(500*time.Millisecond, 500*time.Millisecond) // the last that was stored is confirmed
	before := o.load.Progress()
	eventually(t, "the ingest says that it is not ready", o.ingests[0].unready)
	peak := o.ingests[0].memory()
	for time.Since(began) < away {
		o.pass(200*time.Millisecond, 200*time.Millisecond)
		peak = max(peak, o.ingests[0].memory())
		if !o.ingests[0].unready() {
			t.Error("/readyz is not 503 while InfluxDB is away")
		}
	}
	// What limits its memory for as long as it may take: it has enough.
	eventually(t, "the ingest takes no more", func() bool {
		sent, taken := o.load.Progress(), o.ingests[0].taken()
		o.pass(time.Second, time.Second)
		now := o.load.Progress()
		return now.Sent+now.Resent > sent.Sent+sent.Resent && o.ingests[0].taken() == taken
	})
	after := o.load.Progress()
	if after.Confirmed != before.Confirmed {
		t.Errorf("CONFIRMED: %d uplinks while there was no InfluxDB", after.Confirmed-before.Confirmed)
	}
	if peak > most {
		t.Errorf("the ingest has %d MB of memory, want at most %d", peak>>20, most>>20)
	}
	o.ingests[0].restart() // what it knew and had confirmed, if it had, is gone now
	o.pass(time.Second, time.Second)
	o.influx.start()
	o.confirmed(1)
	t.Logf("away for %v; meanwhile %d uplinks new and %d sent again, ingest at most %d MB", time.Since(began).Round(time.Second),
		after.Sent-before.Sent, after.Resent-before.Resent, peak>>20)
	o.good()
}

// The broker dies twice and has forgotten everything each time.
func TestOutageOfTheBroker(t *testing.T) {
	t.Parallel()
	o := newOutage(t, outagePlan{load: load.Config{Seed: 102, Devices: 60, Rate: 600}})
	for range 2 {
		o.pass(time.Second, 2*time.Second)
		o.broker.kill()
		o.pass(300*time.Millisecond, time.Second)
		o.broker.start()
		o.confirmed(uint64(len(o.devices)))
	}
	o.good()
}

// The ingest dies at random moments.
func TestOutageOfTheIngest(t *testing.T) {
	t.Parallel()
	killIngest(newOutage(t, outagePlan{load: load.Config{Seed: 103, Devices: 60, Rate: 600}}))
}

// killIngest kills the ingest again and again.
func killIngest(o *outage) {
	o.t.Helper()
	kills := 10
	if os.Getenv("CI") == "true" {
		kills = 100
	}
	kills = setting(o.t, "MODELLREGION_KILLS", kills)
	useful := 0
	for range kills {
		before := o.load.Progress().Confirmed
		o.pass(300*time.Millisecond, 800*time.Millisecond)
		o.ingests[0].restart()
		if o.load.Progress().Confirmed > before {
			useful++
		}
	}
	o.t.Logf("%d kills, %d of them after something was confirmed in that life", kills, useful)
	if useful == 0 {
		o.t.Error("nothing was ever confirmed, which proves nothing")
	}
	o.good()
}

// Two ingests share the messages, and one of them dies every second.
func TestOutageOfAReplica(t *testing.T) {
	t.Parallel()
	o := newOutage(t, outagePlan{replicas: 2, load: load.Config{Seed: 104, Devices: 60, Rate: 600}})
	for n := range 12 {
		o.pass(time.Second, time.Second)
		o.ingests[n%2].restart()
	}
	o.good()
}

// What TestOutageOfTheIngest says of the embedded InfluxDB 1.8 is true of 2.x.
func TestOutageWithInflux2(t *testing.T) {
	t.Parallel()
	url := os.Getenv("INFLUX2_URL")
	if url == "" {
		t.Skip("INFLUX2_URL is not set")
	}
	access := influx.Config{URL: url, Token: os.Getenv("INFLUX2_TOKEN"), Org: os.Getenv("INFLUX2_ORG")}
	if access.Org == "" {
		access.Org = "modellregion"
	}
	// The server may hold what was stored by other runs, of other devices.
	seed := func() uint64 { return uint64(time.Now().UnixNano()) }
	t.Run("Plain", func(t *testing.T) {
		o := newOutage(t, outagePlan{influx: access, load: load.Config{Seed: seed(), Devices: 60, Rate: 1000}})
		o.pass(3*time.Second, 3*time.Second)
		o.good()
	})
	t.Run("IngestKilled", func(t *testing.T) {
		killIngest(newOutage(t, outagePlan{influx: access, load: load.Config{Seed: seed(), Devices: 60, Rate: 600}}))
	})
}
