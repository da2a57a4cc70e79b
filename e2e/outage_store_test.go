package e2e

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/simulate/load"
	"modellregion/uplink"
)

// The disk of InfluxDB is full to the last byte for a while. No reading is
// taken for the fault, and nothing is confirmed that is gone after a crash.
func TestOutageOfTheDisk(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{disk: 64 << 20, load: load.Config{Seed: 105, Devices: 60, Rate: 600}})
		server := o.influx.(*influxd)
		o.pass(time.Second, time.Second)
		server.order(fillDisk)
		eventually(t, "the disk is full", func() bool { return strings.Contains(server.printed(), diskIsFull) })
		eventually(t, "the ingest says that it is not ready", o.ingests[0].unready)
		o.pass(500*time.Millisecond, 500*time.Millisecond) // the last that was stored is confirmed
		before := o.load.Progress()
		o.pass(6*time.Second, 6*time.Second) // after 3 s the ingest looks for the fault in its batch
		after := o.load.Progress()
		if after.Confirmed != before.Confirmed {
			t.Errorf("CONFIRMED: %d uplinks while the disk was full", after.Confirmed-before.Confirmed)
		}
		server.order(freeDisk)
		// The log to which InfluxDB 1.8 writes first goes on with the error of the
		// full disk (tsm1.WALSegmentWriter has a bufio.Writer, which keeps its
		// first), so somebody has to start it again.
		server.order(restartInflux)
		o.confirmed(1)
		t.Logf("on the full disk %d uplinks new and %d sent again", after.Sent-before.Sent, after.Resent-before.Resent)
		o.good()
	})
}

// The database no longer takes the ingest's login, and takes it again later.
func TestOutageOfTheLogin(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{ownLogin: true, load: load.Config{Seed: 106, Devices: 60, Rate: 600}})
		i := o.ingests[0]
		const denied = `modellregion_ingest_write_errors_total{fault="denied"}`
		if n, _ := metric(t, i.internal, denied); n > 0 {
			t.Errorf("%s is %v before anything was denied", denied, n)
		}
		o.pass(time.Second, 2*time.Second)
		o.influx.deny()
		o.pass(500*time.Millisecond, 500*time.Millisecond) // the last that was stored is confirmed
		before := o.load.Progress().Confirmed
		eventually(t, "the ingest says that it is not ready", i.unready)
		eventually(t, "the log names the login", func() bool {
			for line := range strings.Lines(i.logged()) {
				if strings.Contains(line, "level=ERROR") && strings.Contains(line, "login") {
					return true
				}
			}
			return false
		})
		first, _ := metric(t, i.internal, denied)
		eventually(t, "what is denied is counted", func() bool {
			n, _ := metric(t, i.internal, denied)
			return n > first && first > 0
		})
		o.pass(2*time.Second, 2*time.Second)
		if n := o.load.Progress().Confirmed; n != before {
			t.Errorf("CONFIRMED: %d uplinks that nobody was allowed to store", n-before)
		}
		i.restart()
		o.pass(time.Second, time.Second)
		o.influx.allow()
		o.confirmed(1)
		o.good()
	})
}

// Some uplinks are of 1970 and of 2038, as after a loss of power at an edge
// without a clock, and around the last second that 32 bits count. Each becomes
// a dead letter once, and hinders none beside it.
func TestOutageOfTheClock(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		type uplinkOf struct {
			device int
			at     int64 // Unix milliseconds
		}
		var mu sync.Mutex
		wrong := map[uplinkOf]int{} // dead letters of each
		clock := func(device, n int) time.Time {
			var at time.Time
			switch (device + 3*n) % 20 {
			case 4:
				at = time.UnixMilli(int64(n))
			case 11:
				at = time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC).Add(time.Duration(n-10) * 100 * time.Millisecond)
			default:
				return time.Time{} // is right
			}
			mu.Lock()
			defer mu.Unlock()
			wrong[uplinkOf{device, at.UnixMilli()}] = 0
			return at
		}
		o := newOutage(t, open, outagePlan{load: load.Config{Seed: 107, Devices: 40, Rate: 400, Time: clock, Resend: 20 * time.Second}})
		o.pass(5*time.Second, 5*time.Second)
		c := o.finish()
		numbers := map[uplink.EUI]int{}
		for i, d := range o.devices {
			numbers[d.EUI] = i
		}
		letters, err := o.read.DeadLetters(t.Context(), devices.LetterFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			var u uplink.Uplink
			if err := json.Unmarshal([]byte(l.Message), &u); err != nil {
				t.Errorf("%+v: %v", l, err)
				continue
			}
			device := numbers[u.DevEUI]
			key := uplinkOf{device, u.Time.UnixMilli()}
			if _, known := wrong[key]; !known || l.Reason != "time" || l.Device != u.DevEUI.String() || l.Edge != o.devices[device].Edge || l.Cut || len(u.Readings) != 4 || len(u.Payload) == 0 {
				t.Errorf("dead letter %+v", l)
			}
			wrong[key]++
		}
		for key, n := range wrong {
			if n != 1 {
				t.Errorf("the uplink of %s of device %d is %d times among the dead letters", time.UnixMilli(key.at).UTC(), key.device, n)
			}
		}
		if len(wrong) == 0 || c.Wrong > 0 || c.Foreign > 0 || c.Lost != 4*uint64(len(wrong)) || c.Stored != c.Sent-c.Lost {
			t.Errorf("%d uplinks had a wrong time, of 4 readings each; %+v", len(wrong), c)
		}
	})
}

// queued lets Mosquitto keep what an ingest of another network is behind with,
// and say when that ingest has its session.
const queued = "max_queued_messages 100000\nlog_type error\nlog_type warning\nlog_type notice\nlog_type subscribe\n"

// Another network's messages come once. The broker keeps them while the ingest
// dies and while it cannot store anything: the first 20 of them on their way,
// as Mosquitto does by itself.
func TestOutageOfASource(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{broker: queued, load: load.Config{Seed: 108, Devices: 40, Rate: 300, Format: load.ChirpStack}})
		for n := range 6 {
			o.pass(300*time.Millisecond, 1200*time.Millisecond)
			o.ingests[0].restart()
			switch n {
			case 1:
				o.ingests[0].untilReady()
				o.influx.away()
			case 3:
				o.influx.back()
			}
		}
		o.good()
	})
}

// As many messages of another network are on their way as there are.
func TestOutageOfASourceAllInFlight(t *testing.T) {
	onEach(t, func(t *testing.T, open openInflux) {
		o := newOutage(t, open, outagePlan{
			broker: queued + "max_inflight_messages 0\n",
			load:   load.Config{Seed: 109, Devices: 40, Rate: 1500, Format: load.ChirpStack},
		})
		i := o.ingests[0]
		o.pass(300*time.Millisecond, 900*time.Millisecond)
		o.influx.away()
		eventually(t, "the ingest has no room for more", func() bool {
			n, _ := metric(t, i.internal, "modellregion_ingest_shed_total")
			return n > 0
		})
		o.influx.back()
		eventually(t, "the ingest asks for what it has dropped", func() bool { return strings.Contains(i.logged(), "connecting again for what is unacknowledged") })
		i.restart() // while it works off what comes again
		o.good()
	})
}
