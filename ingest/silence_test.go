package ingest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

const (
	tenMinutes = 10 * time.Minute
	tooLong    = 21 * time.Minute // 2.1 intervals
)

var (
	sensor       = uplink.EUI{3} // of the edge "rathaus", to be heard every ten minutes
	gateway      = uplink.EUI{9}
	topicStatus  = uplink.Topic{Edge: "rathaus", Kind: uplink.KindStatus}
	topicGateway = uplink.Topic{Edge: "rathaus", Kind: uplink.KindGateway, EUI: gateway}
)

// watched is a platform with the sensor.
func watched() *platform {
	d := entry
	d.Number, d.Station, d.Domain, d.Interval = 1, "stadt-strasse-1", uplink.Road, tenMinutes
	return &platform{known: map[uplink.EUI]devices.Entry{sensor: d}}
}

// alive lets time pass in which the edge and its gateway are heard.
func (p *platform) alive(i *Ingest, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		i.Status(topicStatus, true)
		i.Gateway(topicGateway)
		p.pass(min(30*time.Second, time.Until(end)))
	}
}

// hear has a device say something at some part of a second.
func (p *platform) hear(t *testing.T, i *Ingest, eui uplink.EUI) time.Time {
	t.Helper()
	u := good(1)
	u.DevEUI, u.Time = eui, time.Now().UTC().Truncate(time.Second).Add(123*time.Millisecond)
	i.Receive(t.Context(), topicUp, batchOf(u))
	synctest.Wait()
	return u.Time
}

// rows are what was noted of a sender.
func (p *platform) rows(id string) (out []devices.SenderState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.noted {
		if r.ID == id {
			out = append(out, r)
		}
	}
	return out
}

// wantSilent checks who is silent now.
func (p *platform) wantSilent(t *testing.T, i *Ingest, ids ...string) {
	t.Helper()
	p.mu.Lock()
	var got []string
	for _, r := range p.silent {
		got = append(got, r.ID)
	}
	p.mu.Unlock()
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		t.Errorf("after %v silent are %q, want %q", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), got, ids)
	}
	count := 0
	for _, s := range []devices.Sender{devices.SenderDevice, devices.SenderGateway, devices.SenderEdge} {
		count += i.silence.count(s)
	}
	if count != len(ids) {
		t.Errorf("%d are counted as silent, want %d", count, len(ids))
	}
}

// A device that was not heard for 2.1 intervals is silent for all who listen,
// and when it is heard again it is not.
func TestDeviceFallsSilentAndIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Minute)
		last := p.hear(t, i, sensor)
		p.alive(i, tenMinutes)
		i.DevicesChanged() // is no news of this one
		p.alive(i, time.Until(last.Add(tooLong-2*time.Second)))
		p.wantSilent(t, i)
		p.alive(i, 3*time.Second+lookEvery)
		p.wantSilent(t, i, sensor.String())
		if n := metric(t, i, `silent{sender="device"}`); n != "1" {
			t.Errorf("the gauge is %s, want 1", n)
		}
		p.alive(i, time.Hour)
		back := p.hear(t, i, sensor)
		p.alive(i, lookEvery+time.Second)
		p.wantSilent(t, i)
		if n := metric(t, i, `silent{sender="device"}`); n != "0" {
			t.Errorf("the gauge is %s, want 0", n)
		}

		second := last.Truncate(time.Second)
		row := devices.SenderState{
			Time: second.Add(tooLong), Sender: devices.SenderDevice, ID: sensor.String(), Edge: "rathaus", Domain: uplink.Road,
			Station: "stadt-strasse-1", Municipality: "stadt", Silent: true, LastHeard: second, Interval: tenMinutes,
		}
		again := row
		again.Time, again.LastHeard, again.Silent = back, back, false
		if diff := cmp.Diff([]devices.SenderState{row, again}, p.noted); diff != "" {
			t.Error(diff)
		}
		const topic = "modellregion/v1/rathaus/road/event"
		if diff := cmp.Diff([]string{topic, topic}, p.topics); diff != "" {
			t.Fatal(diff)
		}
		if e := p.events[0]; e.V != 1 || e.Event != uplink.EventSilent || e.DevEUI != sensor || !e.Time.Equal(row.Time) ||
			!strings.Contains(e.Detail, second.Format(time.RFC3339)) || !strings.Contains(e.Detail, "10m0s") {
			t.Errorf("event %+v", e)
		}
		if e := p.events[1]; e.V != 1 || e.Event != uplink.EventHeard || e.DevEUI != sensor || !e.Time.Equal(back) {
			t.Errorf("event %+v", e)
		}
	})
}

// How often a device should be heard is learned where its profile does not say
// so, and where it is set to report less often; lost frames are none of its.
func TestIntervalIsLearned(t *testing.T) {
	for _, c := range []struct {
		name     string
		device   uplink.EUI
		gaps     []time.Duration // again and again
		times    int
		lost     uint32 // each time
		quiet    bool   // it is never said to be silent meanwhile
		from, to time.Duration
	}{
		{"not declared", known, gapsOf(5), 30, 0, true, 21 * 5 * time.Minute / 10, 11 * time.Minute},
		{"not declared, with losses", known, gapsOf(5), 30, 4, false, 21 * time.Minute / 10, 3 * time.Minute},
		{"not declared, too few to know", known, gapsOf(5), 2, 0, true, 0, 0},
		{"not declared, of events", known, gapsOf(37, 1, 1, 1), 40, 0, true, 40 * time.Minute, 5 * time.Hour},
		{"less often than declared", sensor, gapsOf(30), 30, 0, false, 21 * 29 * time.Minute / 10, 64 * time.Minute},
		{"more often than declared", sensor, gapsOf(1), 30, 0, true, tooLong - time.Second, tooLong + 2*time.Second},
		{"declared, and irregular", sensor, gapsOf(1, 1, 1, 20), 40, 0, true, tooLong - time.Second, tooLong + 2*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := watched()
				i, stop := start(t, p)
				defer stop()
				p.alive(i, 5*time.Second)
				var gap time.Duration
				for k := range c.times {
					u := good(uint64(k + 1))
					u.DevEUI, u.Time, u.Lost = c.device, time.Now().UTC(), c.lost
					i.Receive(t.Context(), topicUp, batchOf(u))
					gap = c.gaps[k%len(c.gaps)]
					p.alive(i, gap)
				}
				last := time.Now().Add(-gap)
				if rows := p.rows(c.device.String()); len(rows) > 0 && c.quiet {
					t.Errorf("noted %+v, while it is heard", rows)
				}
				p.alive(i, 6*time.Hour)
				var at time.Duration
				if rows := p.rows(c.device.String()); len(rows) > 0 {
					at = rows[len(rows)-1].Time.Sub(last)
				}
				if at < c.from || at > c.to {
					t.Errorf("silent %v after the last, want %v to %v", at, c.from, c.to)
				}
			})
		})
	}
}

func gapsOf(minutes ...time.Duration) []time.Duration {
	for k := range minutes {
		minutes[k] *= time.Minute
	}
	return minutes
}

// A silence is hardly taken for the new interval: the next one is noticed, too.
func TestSilenceIsNotLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		for range 6 {
			p.alive(i, tenMinutes)
			p.hear(t, i, sensor)
		}
		p.alive(i, 24*time.Hour)
		p.wantSilent(t, i, sensor.String())
		p.pass(24 * time.Hour) // without the edge
		p.wantSilent(t, i, sensor.String(), "rathaus")
		p.alive(i, time.Minute)
		p.pass(2 * time.Minute)
		p.wantSilent(t, i, sensor.String(), "rathaus") // soon again
		for range 3 {
			p.hear(t, i, sensor)
			p.alive(i, tenMinutes)
		}
		p.wantSilent(t, i)
		p.alive(i, 3*tenMinutes/2)
		p.wantSilent(t, i, sensor.String())
	})
}

// Of what an edge serves nobody can tell while it is silent, and when it is back
// all of it has its time to be heard.
func TestSilentEdgeSpeaksForWhatIsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		often := p.known[sensor]
		often.Number, often.Interval = 2, time.Minute
		p.known[uplink.EUI{4}] = often
		i, stop := start(t, p)
		defer stop()
		p.alive(i, 2*time.Minute)
		p.hear(t, i, sensor)
		p.hear(t, i, uplink.EUI{4})
		p.alive(i, 30*time.Second)
		i.Status(topicStatus, true)
		at := time.Now()
		p.pass(tooLong / 10 * 3)
		p.wantSilent(t, i, "rathaus")
		p.pass(time.Hour)
		p.wantSilent(t, i, "rathaus")
		if len(p.noted) != 1 || p.topics[0] != "modellregion/v1/rathaus/event" || p.events[0].Event != uplink.EventSilent || p.events[0].DevEUI != (uplink.EUI{}) || p.events[0].Gateway != (uplink.EUI{}) {
			t.Errorf("noted %+v, events %+v on %q", p.noted, p.events, p.topics)
		}
		if late := p.noted[0].Time.Sub(at); late != 126*time.Second || metric(t, i, `silent{sender="edge"}`) != "1" {
			t.Errorf("the edge is silent after %v", late)
		}

		i.Status(topicStatus, true)
		back := time.Now()
		p.pass(lookEvery)
		p.wantSilent(t, i)
		p.alive(i, time.Minute)
		p.wantSilent(t, i) // though the gateway, say, was not heard for an hour
		p.hear(t, i, uplink.EUI{4})
		p.alive(i, 70*time.Second)
		p.wantSilent(t, i)
		p.alive(i, time.Until(back.Add(tooLong-2*time.Second)))
		p.wantSilent(t, i, uplink.EUI{4}.String())
		p.alive(i, 4*time.Second)
		p.wantSilent(t, i, uplink.EUI{4}.String(), sensor.String())
	})
}

// What was due while its edge was silent, be it ever so short, gets its time.
func TestEdgeThatIsSilentForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.hear(t, i, sensor)
		p.pass(30 * time.Second)
		for range 19 {
			i.Status(topicStatus, true)
			p.pass(time.Minute)
		}
		i.Status(topicStatus, true)
		p.pass(128 * time.Second)
		p.wantSilent(t, i, "rathaus")
		p.alive(i, tenMinutes)
		p.wantSilent(t, i)
	})
}

// A device that is due in the moment in which its edge dies is no news.
func TestDyingEdge(t *testing.T) {
	for ahead := time.Duration(0); ahead < 2*time.Minute; ahead += 7 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			p := watched()
			d := p.known[sensor]
			d.Interval = time.Minute
			p.known[sensor] = d
			i, stop := start(t, p)
			defer stop()
			for range 5 {
				p.alive(i, 30*time.Second)
				p.hear(t, i, sensor)
			}
			i.Gateway(topicGateway)
			p.pass(min(ahead, time.Minute)) // the gateway's and the device's next is due up to a minute later
			i.Status(topicStatus, true)
			p.pass(10 * time.Minute)
			if p.wantSilent(t, i, "rathaus"); len(p.noted) != 1 {
				t.Fatalf("%v before the edge, noted: %+v", ahead, p.noted)
			}
		})
	}
}

// Nothing is silent while nothing can be heard, nor before it could be heard
// again.
func TestNothingIsSilentWhileNothingCanBeHeard(t *testing.T) {
	for _, c := range []struct {
		name string
		deaf bool
	}{{"no connection to the broker", true}, {"the database takes nothing", false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := watched()
				i, stop := start(t, p)
				defer stop()
				p.alive(i, time.Minute)
				p.hear(t, i, sensor)
				p.alive(i, 15*time.Minute)
				p.set(func() {
					if p.deaf = c.deaf; !c.deaf {
						p.fail = func([]devices.Report) error { return errors.New("away") }
					}
				})
				p.hear(t, i, known)
				if c.deaf {
					p.pass(3 * time.Hour)
				} else {
					p.alive(i, 3*time.Hour)
				}
				p.wantSilent(t, i)
				p.set(func() { p.deaf, p.fail = false, nil })
				if c.deaf {
					p.pass(2 * time.Minute) // until the edge is heard again
					p.wantSilent(t, i)
				}
				back := time.Now()
				p.alive(i, time.Until(back.Add(tooLong-time.Second)))
				p.wantSilent(t, i)
				p.alive(i, lastRetry+5*time.Second)
				p.wantSilent(t, i, sensor.String())
				if at := p.noted[0].Time.Sub(back); at < tooLong || at > tooLong+lastRetry+time.Second {
					t.Errorf("silent %v after it could be heard again", at)
				}
			})
		})
	}
}

// What another replica has stored counts, since when replicas share the messages
// each hears a part of them.
func TestHeardByAnotherReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Minute)
		p.hear(t, i, sensor)
		var last time.Time
		for range 12 {
			p.alive(i, tenMinutes)
			last = time.Now().Add(-30 * time.Second)
			p.set(func() { p.heard[sensor] = last })
		}
		p.alive(i, time.Until(last.Add(tooLong-2*time.Second)))
		p.wantSilent(t, i)
		p.alive(i, 4*time.Second)
		p.wantSilent(t, i, sensor.String())
		if len(p.noted) != 1 || p.noted[0].LastHeard != last.Truncate(time.Second).UTC() {
			t.Errorf("noted %+v, want that it was heard last at %v", p.noted, last)
		}
	})
}

// What another replica has stored counts for each of those that are due together.
func TestSeveralDueTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		other := p.known[sensor]
		other.Number, other.Interval = 2, time.Hour // due after 126 minutes
		p.known[uplink.EUI{4}] = other
		i, stop := start(t, p)
		defer stop()
		began := time.Now()
		p.alive(i, 100*time.Minute)
		p.set(func() { p.heard = map[uplink.EUI]time.Time{{4}: time.Now()} })
		p.alive(i, 5*time.Minute)
		p.hear(t, i, sensor) // due then, too
		p.alive(i, time.Until(began.Add(128*time.Minute)))
		p.wantSilent(t, i, sensor.String())
	})
}

// A device that is heard while the database is asked about it is not silent.
func TestHeardWhileTheDatabaseIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Minute)
		p.hear(t, i, sensor)
		asked := 0
		p.set(func() {
			p.asked = func([]uplink.EUI) {
				asked++
				i.silence.heardDevice(1, sensor, time.Now(), 0)
			}
		})
		p.alive(i, tooLong+tenMinutes)
		if p.wantSilent(t, i); asked != 1 || len(p.noted) > 0 {
			t.Errorf("asked %d times, noted %+v", asked, p.noted)
		}
	})
}

// However many devices fall silent, the database is asked about some at a time,
// and all are told of.
func TestManyDevicesFallSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		var ids []string
		for k := range 2*askAtOnce + 100 {
			d := p.known[sensor]
			d.Number = k + 1
			eui := uplink.EUI{3, byte(k >> 8), byte(k)}
			p.known[eui] = d
			ids = append(ids, eui.String())
		}
		most := 0
		p.asked = func(list []uplink.EUI) { most = max(most, len(list)) }
		i, stop := start(t, p)
		defer stop()
		p.alive(i, tooLong+5*lookEvery)
		if p.wantSilent(t, i, ids...); most != askAtOnce || len(p.noted) != len(ids) {
			t.Errorf("asked about %d at once, noted %d", most, len(p.noted))
		}
	})
}

// left are rows that another replica, or an earlier process, has noted.
func left(at time.Time) []devices.SenderState {
	return []devices.SenderState{
		{Time: at, Sender: devices.SenderDevice, ID: sensor.String(), Edge: "rathaus", Domain: uplink.Road, Silent: true, LastHeard: at.Add(-tooLong), Interval: tenMinutes},
		{Time: at, Sender: devices.SenderGateway, ID: gateway.String(), Edge: "rathaus", Silent: true, LastHeard: at.Add(-time.Hour), Interval: time.Minute},
		{Time: at, Sender: devices.SenderEdge, ID: "rathaus", Edge: "rathaus", Silent: true, LastHeard: at.Add(-time.Hour), Interval: time.Minute},
	}
}

// What another replica or an earlier process noted is cleared by who hears the
// sender again, be it before or after that was known here.
func TestRowsOfOthersAreCleared(t *testing.T) {
	for _, c := range []struct {
		name        string
		noted, hear time.Duration // after the start
	}{
		{"from before", -time.Hour, 5 * time.Minute},
		{"by another replica", 2 * time.Minute, 5 * time.Minute},
		{"from before, heard at once", -time.Hour, 0},
		{"by another replica, heard before that is known", 65 * time.Second, 70 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := watched()
				p.pass(1900 * time.Millisecond)
				began := time.Now()
				if c.noted < 0 {
					p.silent = left(began.Add(c.noted))
				}
				i, stop := start(t, p)
				defer stop()
				synctest.Wait()
				if c.noted > 0 {
					p.pass(c.noted)
					p.set(func() { p.silent = left(time.Now()) })
				}
				p.pass(time.Until(began.Add(c.hear)))
				if c.hear > c.noted+knownEvery && c.hear > knownEvery {
					p.wantSilent(t, i, sensor.String(), gateway.String(), "rathaus")
				}
				p.pass(200 * time.Millisecond) // it is another second then
				p.hear(t, i, sensor)
				p.alive(i, knownEvery+2*lookEvery)
				p.wantSilent(t, i)
				for _, id := range []string{sensor.String(), gateway.String(), "rathaus"} {
					if rows := p.rows(id); len(rows) != 1 || rows[0].Silent || rows[0].Time.Before(began) {
						t.Errorf("noted of %s: %+v, want that it is back", id, rows)
					}
				}
				if len(p.events) != 3 || p.events[0].Event != uplink.EventHeard {
					t.Errorf("events %+v", p.events)
				}
			})
		})
	}
}

// What others noted is not noted again, nor that they have cleared it.
func TestRowsOfOthersAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		p.silent = left(time.Now())[:1]
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Hour)
		p.wantSilent(t, i, sensor.String())
		p.set(func() { p.silent = nil })
		p.set(func() { p.heard = map[uplink.EUI]time.Time{sensor: time.Now()} })
		p.alive(i, knownEvery+2*lookEvery)
		if p.wantSilent(t, i); len(p.noted) > 0 || len(p.events) > 0 {
			t.Errorf("noted %+v, events %+v", p.noted, p.events)
		}
	})
}

// An edge whose last will says that it is gone is silent at once.
func TestEdgeThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, 5*time.Minute)
		i.Status(topicStatus, false)
		i.Status(uplink.Topic{Edge: "abgebaut", Kind: uplink.KindStatus}, false) // as retained, of one that is no more
		p.pass(lookEvery)
		p.wantSilent(t, i, "rathaus")
		if age := time.Since(p.noted[0].Time); age > lookEvery || age < 0 {
			t.Errorf("noted %+v", p.noted)
		}
		p.pass(time.Hour)
		p.wantSilent(t, i, "rathaus")
		i.Status(topicStatus, true)
		p.pass(lookEvery)
		p.wantSilent(t, i)
		last := p.hear(t, i, sensor)
		p.alive(i, 20*time.Minute)
		if p.wantSilent(t, i); len(p.noted) != 2 {
			t.Errorf("noted %+v, want that it was silent and is back", p.noted)
		}
		p.alive(i, time.Until(last.Truncate(time.Second).Add(tooLong-time.Second/2))) // a device is due in that moment
		i.Status(topicStatus, false)
		p.pass(time.Minute)
		p.wantSilent(t, i, "rathaus")
	})
}

// An edge that came later has to be heard too, also when it never was.
func TestExpectedEdgeFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, 5*time.Minute)
		i.Expect([]string{"rathaus", "feuerwache"}, nil)
		p.alive(i, time.Minute)
		p.wantSilent(t, i)
		p.alive(i, 5*time.Minute)
		p.wantSilent(t, i, "feuerwache")
	})
}

// An edge that was revoked is not missed, nor is its gateway, whenever both fell
// silent and whoever noted it; what it served is.
func TestFormerEdgeIsNotMissed(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after time.Duration // how long it was not heard before, and is heard afterwards by a broker that does not know
		first         bool          // it is one already when the ingest starts
	}{
		{"while it is heard", 0, 0, false},
		{"when it was silent for an hour", time.Hour, 0, false},
		{"while a broker still lets it in", 0, tenMinutes, false},
		{"before the start", 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := watched()
				former := []string{"dom", "rathaus"}
				edit := func(*Config) {}
				if c.first {
					p.silent = left(time.Now().Add(-time.Hour))[1:]
					edit = func(cfg *Config) { cfg.Edges, cfg.Former = nil, former }
				}
				i, stop := start(t, p, edit)
				defer stop()
				if !c.first {
					p.alive(i, 5*time.Minute)
					p.pass(c.before)
					if c.before > 0 {
						p.wantSilent(t, i, "rathaus")
					}
					i.Expect(nil, former)
				}
				i.Status(topicStatus, false) // as its connection is cut
				p.alive(i, c.after)
				p.pass(knownEvery + 2*lookEvery)
				if c.before < tooLong {
					p.wantSilent(t, i)
				}
				p.pass(time.Hour)
				p.wantSilent(t, i, sensor.String())
				for _, e := range p.events {
					if e.Event == uplink.EventHeard {
						t.Errorf("it is said to be heard again: %+v", e)
					}
				}
				i.Expect([]string{"rathaus"}, former[:1]) // the same name again
				p.alive(i, time.Minute)
				p.pass(10 * time.Minute)
				p.wantSilent(t, i, sensor.String(), "rathaus")
			})
		})
	}
}

// A gateway is silent when it stops and its edge does not.
func TestGatewayFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Minute)
		other := topicGateway
		other.EUI = uplink.EUI{8}
		for range 20 {
			i.Gateway(other)
			i.Status(topicStatus, true)
			p.pass(15 * time.Second)
		}
		p.wantSilent(t, i, gateway.String())
		if len(p.events) != 1 || p.events[0].Gateway != gateway || p.events[0].DevEUI != (uplink.EUI{}) || p.topics[0] != "modellregion/v1/rathaus/event" ||
			p.noted[0].Sender != devices.SenderGateway || p.noted[0].Edge != "rathaus" || metric(t, i, `silent{sender="gateway"}`) != "1" {
			t.Errorf("events %+v on %q, noted %+v", p.events, p.topics, p.noted)
		}
		for range 60 { // which are a word of its edge, too
			i.Gateway(topicGateway)
			i.Gateway(other)
			p.pass(10 * time.Second)
			p.wantSilent(t, i)
		}
	})
}

// Edges may tell of any number of gateways; so many are remembered.
func TestGatewaysAreBounded(t *testing.T) {
	i := on(&platform{})
	for k := range maxOthers + 10 {
		i.Gateway(uplink.Topic{Edge: "rathaus", Kind: uplink.KindGateway, EUI: uplink.EUI{8, byte(k >> 16), byte(k >> 8), byte(k)}})
	}
	if n := len(i.silence.others); n != maxOthers {
		t.Errorf("%d gateways and edges are remembered, want %d", n, maxOthers)
	}
}

// Behind an edge that another replica knows to be silent nobody can tell either.
func TestEdgeThatOnlyAnotherReplicaKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		d := p.known[sensor]
		d.Edge = "bauhof"
		p.known[sensor] = d
		p.silent = []devices.SenderState{{Time: time.Now(), Sender: devices.SenderEdge, ID: "bauhof", Edge: "bauhof", Silent: true, Interval: time.Minute}}
		i, stop := start(t, p)
		defer stop()
		p.alive(i, 2*tooLong)
		p.wantSilent(t, i, "bauhof")
		p.set(func() { p.silent = nil })
		p.alive(i, 2*knownEvery)
		p.wantSilent(t, i, sensor.String())
	})
}

// Devices of another network are not silent while there is no connection to it,
// nor before they could be heard again.
func TestSilenceOfAnotherNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		d := p.known[sensor]
		d.Edge = "nachbar"
		p.known[sensor] = d
		connected := true
		i := on(p)
		i.Source(ServerConfig{Name: "nachbar", Decoder: &server{}, Hearing: func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return connected
		}})
		defer run(t, i)()
		p.alive(i, 15*time.Minute)
		p.set(func() { connected = false })
		p.alive(i, 2*time.Hour)
		p.wantSilent(t, i)
		p.set(func() { connected = true })
		p.alive(i, tooLong-time.Second)
		p.wantSilent(t, i)
		p.alive(i, 5*time.Second)
		p.wantSilent(t, i, sensor.String())
		if p.topics[0] != "modellregion/v1/nachbar/road/event" {
			t.Errorf("event on %q", p.topics)
		}
	})
}

// A gateway may tell of itself less often than once a minute.
func TestGatewayThatTellsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		i, stop := start(t, p)
		defer stop()
		seldom := topicGateway
		seldom.EUI = uplink.EUI{8}
		for range 40 {
			i.Gateway(seldom)
			p.alive(i, 5*time.Minute)
		}
		p.set(func() { p.noted = nil })
		for range 10 {
			i.Gateway(seldom)
			p.alive(i, 5*time.Minute)
		}
		if len(p.noted) > 0 {
			t.Errorf("noted %+v, though it is heard as ever", p.noted)
		}
		p.alive(i, 6*time.Minute)
		p.wantSilent(t, i, seldom.EUI.String())
		if d := p.noted[0].Interval; d < 4*time.Minute || d > 5*time.Minute {
			t.Errorf("noted an interval of %v, want some five minutes", d)
		}
	})
}

// A device that is disabled or removed is not expected, nor counted as silent.
func TestDisabledDeviceIsNotSilent(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*platform)
	}{
		{"disabled", func(p *platform) {
			d := p.known[sensor]
			d.Disabled = true
			p.known[sensor] = d
		}},
		{"removed", func(p *platform) { delete(p.known, sensor) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := watched()
				was := p.known[sensor]
				i, stop := start(t, p)
				defer stop()
				p.alive(i, tooLong/2)
				p.set(func() { c.change(p) })
				i.DevicesChanged()
				p.alive(i, 2*lookEvery)
				i.silence.heardDevice(1, sensor, time.Now(), 0) // it sends all the same
				p.alive(i, 3*tooLong)
				if p.wantSilent(t, i); len(p.noted) > 0 {
					t.Errorf("noted %+v", p.noted)
				}
				p.set(func() { p.known[sensor] = was })
				i.DevicesChanged()
				p.alive(i, tooLong-2*time.Second)
				p.wantSilent(t, i)
				p.alive(i, 5*time.Second)
				p.wantSilent(t, i, sensor.String())
				p.set(func() { c.change(p) })
				i.DevicesChanged()
				p.alive(i, 2*lookEvery)
				if n := metric(t, i, `silent{sender="device"}`); c.name == "disabled" && n != "0" {
					t.Errorf("%s devices are counted as silent at once, want none", n)
				}
				p.alive(i, knownEvery)
				if n := metric(t, i, `silent{sender="device"}`); n != "0" {
					t.Errorf("%s devices are counted as silent, want none", n)
				}
			})
		})
	}
}

// What cannot be noted, or asked, is tried again until it can; nothing is told
// of before, and nothing twice.
func TestNoteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Minute)
		last := p.hear(t, i, sensor)
		p.set(func() { p.noteFail = away })
		p.alive(i, tooLong+time.Hour)
		if len(p.events) > 0 || metric(t, i, `silent{sender="device"}`) != "0" {
			t.Errorf("events %+v of what is not noted", p.events)
		}
		p.set(func() { p.noteFail, p.askFail = nil, away })
		p.alive(i, time.Hour)
		if len(p.noted) > 0 {
			t.Errorf("noted %+v without asking who was heard", p.noted)
		}
		p.set(func() { p.askFail = nil })
		p.alive(i, 2*lookEvery)
		p.wantSilent(t, i, sensor.String())
		if len(p.noted) != 1 || !p.noted[0].Time.Equal(last.Truncate(time.Second).Add(tooLong)) {
			t.Errorf("noted %+v", p.noted)
		}

		p.set(func() { p.noteFail = away })
		back := p.hear(t, i, sensor)
		p.alive(i, 5*time.Minute) // those known from the database are asked for meanwhile
		p.set(func() { p.noteFail = nil })
		p.alive(i, knownEvery+2*lookEvery)
		p.wantSilent(t, i)
		if len(p.noted) != 2 || !p.noted[1].Time.Equal(back) || len(p.events) != 2 {
			t.Errorf("noted %+v, events %+v", p.noted, p.events)
		}
	})
}

// Nothing is said before it is known who is silent already.
func TestSilenceWaitsForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		p.askFail = errors.New("away")
		i, stop := start(t, p)
		defer stop()
		p.pass(time.Hour)
		if len(p.noted) > 0 {
			t.Errorf("noted %+v", p.noted)
		}
		p.set(func() { p.askFail = nil })
		p.pass(time.Hour)
		p.wantSilent(t, i, "rathaus")
	})
}

// An uplink that comes late, but was received after the last one that is known,
// ends a silence that began meanwhile.
func TestLateUplinkEndsASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched()
		i, stop := start(t, p)
		defer stop()
		p.alive(i, time.Minute)
		last := p.hear(t, i, sensor)
		p.alive(i, tooLong+time.Minute)
		u := good(2)
		u.DevEUI, u.Time = sensor, last.Add(tenMinutes)
		i.Receive(t.Context(), topicUp, batchOf(u))
		p.alive(i, 2*lookEvery)
		rows := p.rows(sensor.String())
		if len(rows) < 2 || rows[1].Silent || !rows[1].Time.After(rows[0].Time) {
			t.Errorf("noted %+v, want that it is back, later than that it was silent", rows)
		}
		last = p.hear(t, i, sensor)
		for k := range time.Duration(2 * learnAfter) { // that are nothing new
			u.Time = last.Add(-k * time.Minute)
			i.Receive(t.Context(), topicUp, batchOf(u))
		}
		p.alive(i, tooLong-time.Minute)
		p.wantSilent(t, i)
		p.alive(i, 2*time.Minute)
		p.wantSilent(t, i, sensor.String())
	})
}
