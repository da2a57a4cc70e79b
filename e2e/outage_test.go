package e2e

import (
	"os"
	"testing"
	"time"

	"modellregion/internal/simulate/load"
)

// These tests take away what an ingest stands on, and the ingest itself, while
// uplinks come, and hold all that was sent against what is in InfluxDB at last:
// each reading once, nothing confirmed that is not there, no good one among the
// dead letters. With INFLUX2_URL and INFLUX2_TOKEN each is done to that server
// too, whose buckets raw and open are lost (onEach).
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

// Nothing is away: what holds here has to hold in all the others.
func TestOutageOfNothing(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{load: load.Config{Seed: 100, Devices: 60, Rate: 1000}})
		o.pass(3*time.Second, 3*time.Second)
		o.good()
	})
}

// InfluxDB is away for a while and comes back with what it had written: 1.8 is
// killed, and the way to a 2.x is cut.
func TestOutageOfInflux(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		away := outageTime(t)
		o := newOutage(t, open, outagePlan{load: load.Config{Seed: 101, Devices: 60, Rate: 600, Size: 4000}})
		o.pass(2*time.Second, 2*time.Second)
		o.influx.away()
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
		o.influx.back()
		o.confirmed(1)
		t.Logf("away for %v; meanwhile %d uplinks new and %d sent again, ingest at most %d MB", time.Since(began).Round(time.Second),
			after.Sent-before.Sent, after.Resent-before.Resent, peak>>20)
		o.good()
	})
}

// The broker dies twice and has forgotten everything each time.
func TestOutageOfTheBroker(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{load: load.Config{Seed: 102, Devices: 60, Rate: 600}})
		for range 2 {
			o.pass(time.Second, 2*time.Second)
			o.broker.kill()
			o.pass(300*time.Millisecond, time.Second)
			o.broker.start()
			o.confirmed(uint64(len(o.devices)))
		}
		o.good()
	})
}

// The ingest dies at random moments.
func TestOutageOfTheIngest(t *testing.T) {
	kills := 10
	if os.Getenv("CI") == "true" {
		kills = 100
	}
	kills = setting(t, "MODELLREGION_KILLS", kills)
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{load: load.Config{Seed: 103, Devices: 60, Rate: 600}})
		useful := 0
		for range kills {
			before := o.load.Progress().Confirmed
			o.pass(300*time.Millisecond, 800*time.Millisecond)
			o.ingests[0].restart()
			if o.load.Progress().Confirmed > before {
				useful++
			}
		}
		t.Logf("%d kills, %d of them after something was confirmed in that life", kills, useful)
		if useful == 0 {
			t.Error("nothing was ever confirmed, which proves nothing")
		}
		o.good()
	})
}

// Two ingests share the messages, and one of them dies every second.
func TestOutageOfAReplica(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{replicas: 2, load: load.Config{Seed: 104, Devices: 60, Rate: 600}})
		for n := range 12 {
			o.pass(time.Second, time.Second)
			o.ingests[n%2].restart()
		}
		o.good()
	})
}
