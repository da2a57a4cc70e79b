package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

var (
	errRefused  = &devices.WriteError{Fault: devices.FaultRefused, Err: errors.New("field type conflict")}
	errTooLarge = &devices.WriteError{Fault: devices.FaultTooLarge, Err: errors.New("request entity too large")}
	errDenied   = &devices.WriteError{Fault: devices.FaultDenied, Err: errors.New("unauthorized")}
	errInternal = &devices.WriteError{Fault: devices.FaultBusy, Internal: true, Err: errors.New("internal error")}
)

// holds says whether readings of one of these uplinks are in a batch.
func holds(batch []devices.Report, counters ...uint32) bool {
	return slices.ContainsFunc(batch, func(r devices.Report) bool {
		return len(r.Readings) > 0 && slices.Contains(counters, r.FCnt)
	})
}

// uplinks are good ones from seq 1 to n.
func uplinks(n int) []uplink.Uplink {
	var out []uplink.Uplink
	for seq := range uint64(n) {
		out = append(out, good(seq+1))
	}
	return out
}

// seqs lists what was confirmed to an edge, as often as it was.
func (p *platform) seqs(edge string) []uint64 {
	var out []uint64
	for _, s := range p.confirmed[edge] {
		for _, r := range s.Ranges {
			for seq := r[0]; seq <= r[1]; seq++ {
				out = append(out, seq)
			}
		}
	}
	slices.Sort(out)
	return out
}

// checkStored says what is wrong if of n uplinks not exactly all but the bad
// ones are stored, at least once and at most so often, exactly the bad ones are
// dead letters, and each is confirmed once.
func (p *platform) checkStored(t *testing.T, n, often int, bad ...uint32) {
	t.Helper()
	readings := map[uint32]int{}
	for _, r := range p.reports {
		readings[r.FCnt] += len(r.Readings)
	}
	var buried []uint32
	for _, l := range p.letters {
		var u uplink.Uplink
		if err := json.Unmarshal([]byte(l.Message), &u); err != nil {
			t.Errorf("letter %q: %v", l.Message, err)
		}
		buried = append(buried, u.FCnt)
		if l.Reason != reasonRefused || l.Edge != "rathaus" || l.Topic != topicUp || l.Device != known.String() || l.Why == "" || len(u.Readings) != 2 || time.Since(l.Time) > time.Hour {
			t.Errorf("dead letter %+v, want all of the uplink and why it was refused", l)
		}
	}
	slices.Sort(buried)
	if !slices.Equal(buried, bad) {
		t.Errorf("dead letters of %v, want of %v", buried, bad)
	}
	var seqs []uint64
	for f := range uint32(n) {
		seqs = append(seqs, uint64(f+1))
		if got := readings[f+1]; slices.Contains(bad, f+1) && got > 0 || !slices.Contains(bad, f+1) && (got < 2 || got > 2*often) {
			t.Errorf("%d readings of uplink %d are stored", got, f+1)
		}
	}
	if got := p.seqs("rathaus"); !slices.Equal(got, seqs) {
		t.Errorf("confirmed %v, want each of %d once", got, n)
	}
}

// What the database refuses for good costs nothing else of its batch.
func TestRefusedReportsAreIsolated(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  []uint32
	}{
		{"one", []uint32{4}},
		{"first and last", []uint32{1, 9}},
		{"several", []uint32{2, 3, 7}},
		{"all", []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{fail: func(batch []devices.Report) error {
					if holds(batch, c.bad...) {
						return errRefused
					}
					return nil
				}}
				i, stop := start(t, p)
				defer stop()
				i.Receive(t.Context(), topicUp, batchOf(uplinks(9)...))
				p.pass(time.Second)
				p.checkStored(t, 9, 1, c.bad...)
				if n := i.metrics.deadLetters(reasonRefused).Get(); n != uint64(len(c.bad)) {
					t.Errorf("%d dead letters are counted, want %d", n, len(c.bad))
				}
				if err := i.Ready(); err != nil {
					t.Errorf("not ready: %v, though the database works", err)
				}
			})
		})
	}
}

// Of a report with several channels only the one that is refused is lost to the
// dead letters, in a form that can be replayed.
func TestOfARefusedReportOnlyTheBadChannelIsBuried(t *testing.T) {
	for _, err := range []*devices.WriteError{errRefused, errTooLarge} {
		t.Run(err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{fail: func(batch []devices.Report) error {
					for _, r := range batch {
						if slices.ContainsFunc(r.Readings, func(r devices.Reading) bool { return r.Channel == "lane2" }) {
							return err
						}
					}
					return nil
				}}
				i, stop := start(t, p)
				defer stop()
				u := good(1)
				u.Readings = append(u.Readings,
					uplink.Reading{Quantity: "vehicle_count", Channel: "lane2", Value: 3}, uplink.Reading{Quantity: "speed_mean", Channel: "lane2", Value: 50},
					uplink.Reading{Quantity: "vehicle_count", Channel: "lane3", Value: 4})
				i.Receive(t.Context(), topicUp, batchOf(u))
				p.pass(time.Second)

				got := map[string]int{}
				for _, r := range p.reports {
					got["rx"] += len(r.RX)
					for _, reading := range r.Readings {
						got[reading.Channel]++
					}
				}
				if diff := cmp.Diff(map[string]int{"lane1": 2, "lane3": 1, "rx": 1}, got); diff != "" {
					t.Error(diff)
				}
				if len(p.letters) != 1 || len(p.seqs("rathaus")) != 1 {
					t.Fatalf("dead letters %+v, confirmed %v", p.letters, p.confirmed)
				}
				var back uplink.Uplink
				if err := json.Unmarshal([]byte(p.letters[0].Message), &back); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(u.Readings[2:4], back.Readings); diff != "" || back.DevEUI != known || !back.Time.Equal(u.Time) {
					t.Errorf("letter %s\n%s", p.letters[0].Message, diff)
				}
			})
		})
	}
}

// A batch that is too large for the database is stored in parts.
func TestTooLargeSplits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{fail: func(batch []devices.Report) error {
			if len(batch) > 3 {
				return errTooLarge
			}
			return nil
		}}
		i, stop := start(t, p)
		defer stop()
		i.Receive(t.Context(), topicUp, batchOf(uplinks(10)...))
		p.pass(time.Second)
		p.checkStored(t, 10, 1)
	})
}

// A database that asks to be left alone is, but not for ever.
func TestBusyWaitsAsAsked(t *testing.T) {
	for _, c := range []struct{ asks, want time.Duration }{
		{0, firstRetry}, {time.Millisecond, firstRetry}, {time.Minute, time.Minute}, {24 * time.Hour, 5 * time.Minute},
	} {
		t.Run(c.asks.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tries []time.Time
				p := &platform{fail: func([]devices.Report) error {
					if tries = append(tries, time.Now()); len(tries) == 1 {
						return &devices.WriteError{RetryAfter: c.asks, Err: errors.New("service unavailable")}
					}
					return nil
				}}
				i, stop := start(t, p)
				defer stop()
				i.Receive(t.Context(), topicUp, batchOf(good(1)))
				p.pass(c.want)
				if len(p.confirmed) > 0 {
					t.Errorf("confirmed %v", p.confirmed)
				}
				p.pass(time.Second)
				if len(tries) != 2 || tries[1].Sub(tries[0]) != c.want {
					t.Errorf("tries at %v, want two that are %v apart", tries, c.want)
				}
				p.checkStored(t, 1, 1)
			})
		})
	}
}

// A login that does not work loses nothing, confirms nothing and is told of.
func TestDeniedKeepsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := true
		p := &platform{fail: func([]devices.Report) error {
			if denied {
				return errDenied
			}
			return nil
		}}
		i, stop := start(t, p)
		defer stop()
		all := uplinks(20)
		for n := range all {
			i.Receive(t.Context(), topicUp, batchOf(all[n]))
			p.pass(3 * time.Minute)
		}
		if len(p.confirmed) > 0 || len(p.letters) > 0 {
			t.Errorf("confirmed %v, dead letters %v", p.confirmed, p.letters)
		}
		if err := i.Ready(); !errors.Is(err, errDenied) || !strings.Contains(err.Error(), "write readings: unauthorized") {
			t.Errorf("Ready says %v", err)
		}
		if ok, n := metric(t, i, "store_ok"), metric(t, i, `write_errors_total{fault="denied"}`); ok != "0" || n == "0" {
			t.Errorf("store_ok is %s after %s errors", ok, n)
		}
		p.set(func() { denied = false })
		p.pass(lastRetry + time.Second)
		p.checkStored(t, 20, 1)
		if err := i.Ready(); err != nil || metric(t, i, "store_ok") != "1" {
			t.Errorf("Ready says %v when the login works again", err)
		}
	})
}

// A report on which the database stumbles (HTTP 500) is found and buried, and
// nothing is while it stumbles over everything.
func TestInternalFaults(t *testing.T) {
	for _, c := range []struct {
		name     string
		uplinks  int
		poisoned []uint32
		refused  []uint32      // by an answer that says so
		broken   time.Duration // for which it stumbles over everything
		tries    int           // at most
	}{
		{"one among many", 100, []uint32{37}, nil, 0, suspectful + 15 + 2},
		{"several", 100, []uint32{1, 37, 38, 100}, nil, 0, suspectful + 60},
		{"one of two", 2, []uint32{2}, nil, 0, suspectful + 4},
		{"with one that is refused", 100, []uint32{37}, []uint32{70}, 0, suspectful + 30},
		{"everything", 200, nil, nil, 10 * time.Minute, 2000},
		{"everything, then one", 200, []uint32{37}, nil, 10 * time.Minute, 2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until := time.Now().Add(c.broken)
				p := &platform{fail: func(batch []devices.Report) error {
					switch {
					case time.Now().Before(until), holds(batch, c.poisoned...):
						return errInternal
					case holds(batch, c.refused...):
						return errRefused
					}
					return nil
				}}
				i, stop := start(t, p)
				defer stop()
				i.Receive(t.Context(), topicUp, batchOf(uplinks(c.uplinks)...))
				p.pass(firstRetry * 7) // a few faults are no reason to suspect anything
				if len(p.letters) > 0 || p.writes >= suspectful {
					t.Errorf("%d dead letters after %d tries", len(p.letters), p.writes)
				}
				p.pass(c.broken)
				if c.broken > 0 && (len(p.letters)+len(p.confirmed) > 0 || i.Ready() == nil) {
					t.Errorf("dead letters %v, confirmed %v, Ready says %v", p.letters, p.confirmed, i.Ready())
				}
				p.pass(2 * time.Minute)
				p.checkStored(t, c.uplinks, 12, append(slices.Clone(c.poisoned), c.refused...)...)
				if p.writes > c.tries {
					t.Errorf("%d writes, want at most %d", p.writes, c.tries)
				}
				if err := i.Ready(); err != nil {
					t.Errorf("not ready: %v", err)
				}
			})
		})
	}
}

// While it is searched for a report at fault the database may break or go away
// at any moment: nobody else is blamed, and nobody twice.
func TestStoreBreaksDuringTheSearch(t *testing.T) {
	poisoned := []uint32{3, 12, 13}
	for _, with := range []error{errInternal, errDenied, errors.New("connection refused")} {
		for from := range 50 {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				p := &platform{}
				p.fail = func(batch []devices.Report) error {
					switch {
					case p.writes > from && time.Since(began) < time.Minute:
						return with
					case holds(batch, poisoned...):
						return errInternal
					}
					return nil
				}
				i, stop := start(t, p)
				defer stop()
				i.Receive(t.Context(), topicUp, batchOf(uplinks(16)...))
				p.pass(10 * time.Minute)
				p.checkStored(t, 16, 20, poisoned...)
				if t.Failed() {
					t.Fatalf("when %q begins after write %d", with, from)
				}
			})
		}
	}
}

// A report is at fault when the database says so twice, not when it is away the
// second time.
func TestSearchDoesNotBlameForAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := 0 // times that uplink 6 was written by itself
		p := &platform{fail: func(batch []devices.Report) error {
			if !holds(batch, 3, 6) {
				return nil
			}
			if holds(batch, 6) && len(batch) == 1 {
				if alone++; alone == 2 {
					return errors.New("connection refused")
				}
			}
			if holds(batch, 3) || alone < 2 {
				return errInternal
			}
			return nil
		}}
		i, stop := start(t, p)
		defer stop()
		i.Receive(t.Context(), topicUp, batchOf(uplinks(8)...))
		p.pass(10 * time.Minute)
		p.checkStored(t, 8, 20, 3)
	})
}

// What goes to the dead letters is confirmed when they are kept; those that even
// they cannot take are counted, and hold up nobody.
func TestDeadLettersAreKeptBeforeTheConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{buryFail: errors.New("away")}
		i, stop := start(t, p)
		defer stop()
		bad := good(2)
		bad.Readings = []uplink.Reading{{Quantity: "voltage", Value: -1}}
		i.Receive(t.Context(), topicUp, batchOf(good(1), bad))
		p.pass(time.Hour)
		if len(p.confirmed) > 0 || i.Ready() == nil || len(p.reports) != 2 {
			t.Errorf("confirmed %v with %d reports stored, Ready says %v", p.confirmed, len(p.reports), i.Ready())
		}
		p.set(func() { p.buryFail = nil })
		p.pass(lastRetry)
		if !slices.Equal(p.seqs("rathaus"), []uint64{1, 2}) || len(p.letters) != 1 || i.Ready() != nil {
			t.Errorf("confirmed %v, dead letters %+v, Ready says %v", p.confirmed, p.letters, i.Ready())
		}
		p.set(func() {
			p.buryFail = &devices.WriteError{Fault: devices.FaultRefused, Lost: 1, Err: errors.New("unable to parse")}
		})
		bad.Seq = 3
		i.Receive(t.Context(), topicUp, batchOf(bad))
		p.pass(time.Second)
		if !slices.Equal(p.seqs("rathaus"), []uint64{1, 2, 3}) || metric(t, i, "dead_letters_lost_total") != "1" || i.Ready() != nil {
			t.Errorf("confirmed %v, %s lost, Ready says %v", p.confirmed, metric(t, i, "dead_letters_lost_total"), i.Ready())
		}
	})
}

// foreignDevices are devices of the source "nachbar".
func foreignDevices(n int) map[uplink.EUI]devices.Entry {
	out := map[uplink.EUI]devices.Entry{}
	for k := range n {
		d := entry
		d.Number, d.Station, d.Edge = k+1, fmt.Sprintf("nachbar-%d", k), "nachbar"
		out[uplink.EUI{2, byte(k)}] = d
	}
	return out
}

// Lanes write at the same time, and yet the uplinks of one device are stored in
// their order, from edges and from other networks.
func TestOrderOfADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		p := &platform{known: foreignDevices(8)}
		edges := []string{"rathaus", "bauhof", "schule"}
		for n, edge := range edges {
			d := entry
			d.Edge = edge
			p.known[uplink.EUI{3, byte(n)}] = d
		}
		p.slow = func([]devices.Report) time.Duration { // in the lock of p
			return time.Duration(random.IntN(40)) * time.Millisecond
		}
		events := &server{}
		i := on(p)
		source := i.Source(ServerConfig{Name: "nachbar", Decoder: events, Hearing: p.Hearing})
		defer run(t, i)()
		const each = 150
		for n := range uint64(each) {
			for k, edge := range edges {
				u := good(n + 1)
				u.DevEUI = uplink.EUI{3, byte(k)}
				i.Receive(t.Context(), "modellregion/v1/"+edge+"/traffic/up", batchOf(u))
			}
			for k := range 8 {
				u := good(n + 1)
				u.DevEUI = uplink.EUI{2, byte(k)}
				source.Receive(t.Context(), 1, "", events.add(uplink.ServerEvent{Kind: uplink.ServerUp, Uplink: u}), func() {})
			}
			p.pass(time.Duration(random.IntN(8)) * time.Millisecond)
		}
		p.pass(time.Minute)
		last := map[uplink.EUI]uint32{}
		for _, r := range p.reports {
			if r.FCnt != last[r.Device]+1 {
				t.Fatalf("uplink %d of %s is stored after %d", r.FCnt, r.Device, last[r.Device])
			}
			last[r.Device] = r.FCnt
		}
		if len(p.reports) != 11*each || p.writes < 20 {
			t.Errorf("%d uplinks in %d writes, want %d in many", len(p.reports), p.writes, 11*each)
		}
		if p.atOnce != 2 {
			t.Errorf("%d lanes wrote at the same time, want 2", p.atOnce)
		}
	})
}

// An edge whose batch takes long to store does not hold up another one, until
// there is no room for what it sends meanwhile.
func TestSlowLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := entry
		quick.Edge, quick.Number = "bauhof", 1
		p := &platform{known: map[uplink.EUI]devices.Entry{{3}: quick}}
		p.slow = func(batch []devices.Report) time.Duration {
			if batch[0].Device == known {
				return time.Minute
			}
			return time.Millisecond
		}
		i, stop := start(t, p, func(c *Config) { c.MaxLines = 20 })
		defer stop()
		began := time.Now()
		i.Receive(t.Context(), topicUp, batchOf(good(1)))
		p.pass(time.Second)
		send := func(seq uint64) {
			u := good(seq)
			u.DevEUI = uplink.EUI{3}
			i.Receive(t.Context(), "modellregion/v1/bauhof/traffic/up", batchOf(u))
		}
		for seq := range uint64(9) { // 2 lines each; 10 of them are a batch
			i.Receive(t.Context(), topicUp, batchOf(good(seq+2)))
			send(seq + 1)
			p.pass(20 * time.Millisecond)
			if got := len(p.seqs("bauhof")); got != int(seq+1) || len(p.confirmed["rathaus"]) > 0 {
				t.Fatalf("%d uplinks of bauhof are confirmed, want %d; of rathaus %v", got, seq+1, p.confirmed["rathaus"])
			}
		}
		i.Receive(t.Context(), topicUp, batchOf(good(11), good(12)))
		synctest.Wait()
		send(10)
		p.pass(time.Second)
		if got := len(p.seqs("bauhof")); got != 9 {
			t.Errorf("%d uplinks of bauhof are confirmed, though a batch that waits is full", got)
		}
		p.pass(time.Until(began.Add(time.Minute + time.Second)))
		if got := len(p.seqs("bauhof")); got != 10 {
			t.Errorf("%d uplinks of bauhof are confirmed when there is room again, want 10", got)
		}
	})
}

// A batch leaves when it is full, when it is old, and when nothing more comes.
func TestBatchLeaves(t *testing.T) {
	for _, c := range []struct {
		name    string
		every   time.Duration // an uplink of two lines
		uplinks int
		at      time.Duration // of the first write
		holds   int           // uplinks
	}{
		{"quiet", time.Second, 1, 5 * time.Millisecond, 1},
		{"quiet after two", time.Millisecond, 2, 6 * time.Millisecond, 2},
		{"full", time.Millisecond, 100, 9 * time.Millisecond, 10},
		{"old", 4 * time.Millisecond, 100, 20 * time.Millisecond, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var at time.Duration
				var first int
				p := &platform{fail: func(batch []devices.Report) error {
					if first == 0 {
						at, first = time.Since(began), len(batch)
					}
					return nil
				}}
				i, stop := start(t, p, func(c *Config) { c.MaxLines, c.MaxAge = 20, 20*time.Millisecond })
				defer stop()
				synctest.Wait()
				for n := range c.uplinks {
					i.Receive(t.Context(), topicUp, batchOf(good(uint64(n+1))))
					p.pass(c.every)
				}
				p.pass(time.Second)
				if at != c.at || first < c.holds-1 || first > c.holds { // what comes in that very moment may be in it
					t.Errorf("%d uplinks are written after %v, want %d after %v", first, at, c.holds, c.at)
				}
			})
		})
	}
}

// A batch is full of dead letters, too: what is refused is bounded in bytes.
func TestBatchOfDeadLettersLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		i, stop := start(t, p, func(c *Config) { c.MaxAge, c.Quiet, c.QueueBytes = time.Hour, time.Hour, 1<<30 })
		defer stop()
		const each = (maxLetters + maxMessage - 1) / maxMessage
		for range 2*each + 10 {
			i.Receive(t.Context(), topicUp, []byte(strings.Repeat("x", uplink.MaxBytes)))
		}
		p.pass(time.Second)
		if len(p.letters) != 2*each {
			t.Errorf("%d dead letters have left, want two batches of %d", len(p.letters), each)
		}
		p.pass(time.Hour)
		if len(p.letters) != 2*each+10 {
			t.Errorf("%d dead letters have left an hour later, want all %d", len(p.letters), 2*each+10)
		}
	})
}

// Each edge is told of its own uplinks, and in the words of each of its lives.
func TestConfirmationsOfSeveralEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		i, stop := start(t, p, func(c *Config) { c.Lanes = 1 })
		defer stop()
		for round := range uint64(2) { // the second with the memory of the first
			p.confirmed = map[string][]uplink.Stored{}
			want := map[string][]uplink.Stored{}
			for n, edge := range []string{"rathaus", "bauhof"} {
				for k, epoch := range []string{"e1", "e2"} {
					u := good(1 + uint64(n) + 10*uint64(k) + 100*round)
					i.Receive(t.Context(), "modellregion/v1/"+edge+"/traffic/up", uplink.JoinBatch(nil, epoch, [][]byte{u.AppendJSON(nil)}))
					want[edge] = append(want[edge], uplink.NewStored(epoch, []uint64{u.Seq}))
				}
			}
			p.pass(time.Second)
			if diff := cmp.Diff(want, p.confirmed); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// The memory of a batch is used again only when it is stored: what the database
// reads at the end of a slow write is what was in it.
func TestMemoryOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{slow: func([]devices.Report) time.Duration { return time.Second }}
		i, stop := start(t, p)
		defer stop()
		const all = 400
		for seq := uint64(1); seq <= all; seq++ {
			u := good(seq)
			u.Lost = uint32(seq)
			u.RX[0].RSSIdBm = -int(seq)
			u.Readings[0].Value, u.Readings[1].Value = float64(seq), float64(seq)/2
			i.Receive(t.Context(), topicUp, batchOf(u))
			p.pass(20 * time.Millisecond)
		}
		p.pass(5 * time.Second)
		for n, r := range p.reports {
			seq := n + 1
			want := devices.Report{
				Device: known, Station: entry.Station, Municipality: entry.Municipality, Domain: entry.Domain, Time: r.Time, FCnt: uint32(seq), Lost: uint32(seq),
				RX:       []uplink.Reception{{Gateway: uplink.EUI{9}, RSSIdBm: -seq, SNRdB: 5}},
				Readings: []devices.Reading{{Quantity: lookup(t, "vehicle_count"), Channel: "lane1", Value: float64(seq)}, {Quantity: lookup(t, "speed_mean"), Channel: "lane1", Value: float64(seq) / 2}},
				Doubts:   []devices.Doubt{{Mark: devices.MarkGap, Value: float64(seq)}},
			}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Fatal(diff)
			}
		}
		if len(p.reports) != all || p.writes < 5 {
			t.Errorf("%d reports in %d writes, want %d in several", len(p.reports), p.writes, all)
		}
	})
}

func lookup(t *testing.T, name string) *devices.Quantity {
	t.Helper()
	q, ok := devices.Lookup(name)
	if !ok {
		t.Fatalf("there is no quantity %s", name)
	}
	return q
}
