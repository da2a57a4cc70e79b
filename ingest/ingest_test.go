package ingest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

// platform is a database, registry and MQTT connection in one, whose database
// can be made to fail.
type platform struct {
	mu        sync.Mutex
	fail      func(batch []devices.Report) error // before anything is stored
	reports   []devices.Report
	letters   []devices.DeadLetter
	confirmed map[string][]uplink.Stored
	writes    int
}

func (p *platform) Write(_ context.Context, batch []devices.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	var refused *devices.RefusedError
	if p.fail != nil {
		if err := p.fail(batch); errors.As(err, &refused) {
			for i, r := range batch {
				if !slices.ContainsFunc(refused.Reports, func(x devices.RefusedReport) bool { return x.Index == i }) {
					p.reports = append(p.reports, r)
				}
			}
			return err
		} else if err != nil {
			return err
		}
	}
	p.reports = append(p.reports, batch...)
	return nil
}

func (p *platform) Bury(_ context.Context, letters []devices.DeadLetter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, letters...)
	return nil
}

func (p *platform) Confirm(_ context.Context, edge string, s uplink.Stored) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed[edge] = append(p.confirmed[edge], s)
	return nil
}

// pass lets the bubble's clock run, and all that happens by then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var known = devices.Device{
	EUI: uplink.EUI{1}, Station: "stadt-verkehr-1", Municipality: "stadt", Domain: uplink.Traffic, Edge: "rathaus",
}

func (p *platform) Device(eui uplink.EUI) (*devices.Device, bool) {
	if eui != known.EUI {
		return nil, false
	}
	return &known, true
}

// start runs an Ingest on p in the test's bubble and returns how to stop it.
func start(t *testing.T, p *platform) (*Ingest, func()) {
	t.Helper()
	p.confirmed = map[string][]uplink.Stored{}
	i := New(Config{Sink: p, Graveyard: p, Directory: p, Confirmer: p})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- i.Run(ctx) }()
	return i, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func good(seq uint64) uplink.Uplink {
	return uplink.Uplink{
		Seq: seq, DevEUI: known.EUI, Time: time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond), FCnt: uint32(seq), FPort: 2,
		RX: []uplink.Reception{{Gateway: uplink.EUI{9}, RSSIdBm: -90, SNRdB: 5}},
		Readings: []uplink.Reading{
			{Quantity: "vehicle_count", Channel: "lane1", Value: 12},
			{Quantity: "speed_mean", Channel: "lane1", Value: 47.2},
		},
	}
}

func batchOf(uplinks ...uplink.Uplink) []byte {
	var parts [][]byte
	for i := range uplinks {
		parts = append(parts, uplinks[i].AppendJSON(nil))
	}
	return uplink.JoinBatch(nil, "e1", parts)
}

const topicUp = "modellregion/v1/rathaus/traffic/up"

func TestStoredThenConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		i, stop := start(t, p)
		defer stop()
		i.Receive(t.Context(), topicUp, batchOf(good(1), good(2)))
		i.Receive(t.Context(), topicUp, batchOf(good(3), good(5)))
		pass(time.Second)
		if p.writes != 1 || len(p.reports) != 4 {
			t.Errorf("%d writes with %d reports, want one with 4", p.writes, len(p.reports))
		}
		want := []uplink.Stored{{V: 1, Epoch: "e1", Ranges: [][2]uint64{{1, 3}, {5, 5}}}}
		if diff := cmp.Diff(want, p.confirmed["rathaus"]); diff != "" {
			t.Error(diff)
		}
		r := p.reports[0]
		if r.Station != known.Station || r.Municipality != "stadt" || r.Domain != uplink.Traffic || len(r.Readings) != 2 || len(r.RX) != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	edit := func(change func(*uplink.Uplink)) []byte {
		u := good(1)
		change(&u)
		return batchOf(u)
	}
	reading := func(r uplink.Reading) []byte {
		return edit(func(u *uplink.Uplink) { u.Readings = append(u.Readings, r) })
	}
	for _, c := range []struct {
		name      string
		topic     string
		payload   func() []byte // made when the bubble's clock is known
		reason    string
		readings  int // that are stored all the same
		confirmed bool
	}{
		{"foreign topic", "other/topic", func() []byte { return batchOf(good(1)) }, reasonTopic, 0, false},
		{"topic without uplinks", "modellregion/v1/rathaus/stored", func() []byte { return batchOf(good(1)) }, reasonTopic, 0, false},
		{"garbage", topicUp, func() []byte { return []byte("\x00\xffgarbage") }, reasonFormat, 0, false},
		{"larger than the contract", topicUp, func() []byte { return []byte(strings.Repeat("x", 1<<20)) }, reasonFormat, 0, false},
		{"bad uplink", topicUp, func() []byte { return []byte(`{"v":1,"epoch":"e1","uplinks":[{"seq":1,"dev_eui":"x"}]}`) }, reasonFormat, 0, true},
		{"unknown device", topicUp, func() []byte { return edit(func(u *uplink.Uplink) { u.DevEUI = uplink.EUI{2} }) }, reasonDevice, 0, true},
		{"wrong edge", "modellregion/v1/feuerwache/traffic/up", func() []byte { return batchOf(good(1)) }, reasonEdge, 0, true},
		{"codec", topicUp, func() []byte {
			return edit(func(u *uplink.Uplink) { u.Readings, u.Error, u.Payload = nil, "no port 3", []byte{1} })
		}, reasonCodec, 0, true},
		{"undecoded", topicUp, func() []byte { return edit(func(u *uplink.Uplink) { u.Readings, u.Payload = nil, []byte{1} }) }, reasonCodec, 0, true},
		{"of 1970", topicUp, func() []byte { return edit(func(u *uplink.Uplink) { u.Time = time.Unix(60, 0) }) }, reasonTime, 0, true},
		{"of tomorrow", topicUp, func() []byte { return edit(func(u *uplink.Uplink) { u.Time = time.Now().Add(24 * time.Hour) }) }, reasonTime, 0, true},
		{"unknown quantity", topicUp, func() []byte { return reading(uplink.Reading{Quantity: "cars", Value: 1}) }, reasonQuantity, 2, true},
		{"impossible", topicUp, func() []byte { return reading(uplink.Reading{Quantity: "voltage", Value: -1}) }, reasonRange, 2, true},
		{"free text as channel", topicUp, func() []byte { return reading(uplink.Reading{Quantity: "voltage", Channel: "Lane 1", Value: 1}) }, reasonChannel, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				i, stop := start(t, p)
				defer stop()
				i.Receive(t.Context(), c.topic, c.payload())
				pass(time.Second)
				if len(p.letters) != 1 || p.letters[0].Reason != c.reason {
					t.Fatalf("dead letters %+v, want one for %s", p.letters, c.reason)
				}
				if l := p.letters[0]; l.Message == "" || len(l.Message) > maxMessage || time.Since(l.Time) > time.Hour {
					t.Errorf("dead letter %+v, want its message and a recent time", l)
				}
				stored := 0
				for _, r := range p.reports {
					stored += len(r.Readings)
				}
				if stored != c.readings || (len(p.confirmed) > 0) != c.confirmed {
					t.Errorf("%d readings stored, confirmed %v; want %d and %v", stored, p.confirmed, c.readings, c.confirmed)
				}
				if n := i.metrics.deadLetters(c.reason).Get(); n != 1 {
					t.Errorf("%d dead letters are counted for %q, want 1", n, c.reason)
				}

				// The next good message works.
				i.Receive(t.Context(), topicUp, batchOf(good(9)))
				pass(time.Second)
				if len(p.reports) == 0 || p.reports[len(p.reports)-1].FCnt != 9 {
					t.Error("the good message after it was not stored")
				}
			})
		})
	}
}

func TestNothingIsConfirmedBeforeTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := true
		p := &platform{fail: func([]devices.Report) error {
			if away {
				return errors.New("connection refused")
			}
			return nil
		}}
		i, stop := start(t, p)
		defer stop()
		i.Receive(t.Context(), topicUp, batchOf(good(1)))
		pass(5 * time.Minute)
		if len(p.confirmed) != 0 || p.writes < 10 || p.writes > 60 {
			t.Errorf("confirmed %v after %d attempts in five minutes, want none and a patient few", p.confirmed, p.writes)
		}
		p.mu.Lock()
		away = false
		p.mu.Unlock()
		pass(lastRetry)
		if len(p.reports) != 1 || len(p.confirmed["rathaus"]) != 1 {
			t.Errorf("%d reports, confirmed %v when the database is back", len(p.reports), p.confirmed)
		}
	})
}

func TestRefusedReportIsDeadAndConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{fail: func(batch []devices.Report) error {
			return &devices.RefusedError{Reports: []devices.RefusedReport{{Index: 1, Err: errors.New("bad line")}}}
		}}
		i, stop := start(t, p)
		defer stop()
		i.Receive(t.Context(), topicUp, batchOf(good(1), good(2), good(3)))
		pass(time.Second)
		if len(p.reports) != 2 || len(p.letters) != 1 || p.letters[0].Reason != reasonRefused || !strings.Contains(p.letters[0].Message, `"seq":2`) {
			t.Errorf("%d reports, dead letters %+v", len(p.reports), p.letters)
		}
		if got := p.confirmed["rathaus"]; len(got) != 1 || got[0].Ranges[0] != [2]uint64{1, 3} {
			t.Errorf("confirmed %v, want 1 to 3", got)
		}
	})
}

// While the database is away, memory stays bounded: messages are dropped, not
// piled up, and their edges send them again.
func TestFullQueueSheds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{fail: func([]devices.Report) error { return errors.New("away") }}
		i, stop := start(t, p)
		defer stop()
		var many []uplink.Uplink
		for n := range uint64(uplink.MaxUplinks) {
			many = append(many, good(n+1))
		}
		payload := batchOf(many...)
		for range 2*queueLength + 100 {
			i.Receive(t.Context(), topicUp, payload)
		}
		synctest.Wait()
		if shed := i.metrics.shed.Get(); shed < queueLength/2 {
			t.Errorf("%v messages were shed", shed)
		}
		if n := len(i.queue); n > queueLength {
			t.Errorf("%d messages are queued", n)
		}
	})
}

func TestLargeBatchesAreSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		i, stop := start(t, p)
		defer stop()
		var many []uplink.Uplink
		for n := range uint64(uplink.MaxUplinks) {
			many = append(many, good(n+1))
		}
		payload := batchOf(many...)
		const messages = 40 // 20,480 readings
		for range messages {
			i.Receive(t.Context(), topicUp, payload)
		}
		pass(time.Second)
		if len(p.reports) != messages*uplink.MaxUplinks || p.writes < 4 {
			t.Errorf("%d reports in %d writes, want %d in at least 4", len(p.reports), p.writes, messages*uplink.MaxUplinks)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(topicUp, batchOf(good(1)))
	f.Add("modellregion/v1/rathaus/energy/up", []byte(`{"v":1,"epoch":"a","uplinks":[{"seq":1},null]}`))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		p := &platform{}
		i := New(Config{Sink: p, Graveyard: p, Directory: p, Confirmer: p})
		b := newBatch()
		i.check(message{topic, payload}, b)
		if b.empty() {
			t.Error("a message vanished without a report or a dead letter")
		}
		if len(b.reports) != len(b.origins) {
			t.Errorf("%d reports and %d origins", len(b.reports), len(b.origins))
		}
	})
}

// BenchmarkCheck is the ingest's cost of an uplink without MQTT and database.
func BenchmarkCheck(b *testing.B) {
	p := &platform{}
	i := New(Config{Sink: p, Graveyard: p, Directory: p, Confirmer: p})
	var many []uplink.Uplink
	for n := range uint64(64) {
		many = append(many, good(n+1))
	}
	payload := batchOf(many...)
	for b.Loop() {
		i.check(message{topicUp, payload}, newBatch())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(many)), "ns/uplink")
}
