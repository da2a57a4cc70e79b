package ingest

import (
	"context"
	"errors"
	"maps"
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
	slow      func(batch []devices.Report) time.Duration // that it takes to store it
	fail      func(batch []devices.Report) error         // before anything is stored
	reports   []devices.Report
	letters   []devices.DeadLetter
	confirmed map[string][]uplink.Stored
	writes    int // that were tried
	writing   int // at the moment
	atOnce    int // the most of these

	known    map[uplink.EUI]devices.Entry // beside the one that is always there
	codec    devices.Codec                // of the profile "counter"
	vars     map[string]string
	deaf     bool
	noted    []devices.SenderState
	silent   []devices.SenderState    // as another replica left them
	heard    map[uplink.EUI]time.Time // as the database has it, of all replicas
	events   []uplink.Event
	topics   []string // of events
	buryFail error
	noteFail error
	askFail  error
	asked    func(list []uplink.EUI) // while the database is asked who was heard
}

func (p *platform) Write(ctx context.Context, batch []devices.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	p.writing++
	p.atOnce = max(p.atOnce, p.writing)
	if p.slow != nil {
		wait := p.slow(batch)
		p.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		p.mu.Lock()
	}
	p.writing--
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if p.fail != nil && len(batch) > 0 {
		if err := p.fail(batch); err != nil {
			return err
		}
	}
	if p.heard == nil {
		p.heard = map[uplink.EUI]time.Time{}
	}
	for _, r := range batch { // whose memory is not ours
		r.Readings, r.RX, r.Doubts = slices.Clone(r.Readings), slices.Clone(r.RX), slices.Clone(r.Doubts)
		p.reports = append(p.reports, r)
		if r.Time.After(p.heard[r.Device]) {
			p.heard[r.Device] = r.Time
		}
	}
	return nil
}

func (p *platform) Bury(_ context.Context, letters []devices.DeadLetter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var fault *devices.WriteError
	if p.buryFail != nil && (!errors.As(p.buryFail, &fault) || fault.Fault != devices.FaultRefused) {
		return p.buryFail
	}
	p.letters = append(p.letters, letters...)
	return p.buryFail // of some, which are lost
}

func (p *platform) Note(_ context.Context, rows []devices.SenderState) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noteFail != nil {
		return p.noteFail
	}
	p.noted = append(p.noted, rows...)
	for _, r := range rows {
		p.silent = slices.DeleteFunc(p.silent, func(x devices.SenderState) bool { return x.Sender == r.Sender && x.ID == r.ID })
		if r.Silent {
			p.silent = append(p.silent, r)
		}
	}
	return nil
}

func (p *platform) SilentNow(context.Context) ([]devices.SenderState, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.silent), p.askFail
}

func (p *platform) LastHeard(_ context.Context, list []uplink.EUI, since time.Time) (map[uplink.EUI]time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked != nil {
		p.asked(list)
	}
	out := map[uplink.EUI]time.Time{}
	for _, eui := range list {
		if at, ok := p.heard[eui]; ok && at.After(since) {
			out[eui] = at
		}
	}
	return out, p.askFail
}

func (p *platform) Confirm(_ context.Context, edge string, s uplink.Stored) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed[edge] = append(p.confirmed[edge], s)
	return nil
}

func (p *platform) Announce(_ context.Context, topic uplink.Topic, e uplink.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events, p.topics = append(p.events, e), append(p.topics, topic.String())
	return nil
}

func (p *platform) Hearing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.deaf
}

func (p *platform) Find(eui uplink.EUI) (devices.Entry, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if eui == known {
		return entry, true
	}
	d, ok := p.known[eui]
	return d, ok
}

func (p *platform) Each(do func(uplink.EUI, devices.Entry)) {
	p.mu.Lock()
	all := maps.Clone(p.known)
	p.mu.Unlock()
	do(known, entry)
	for eui, d := range all {
		do(eui, d)
	}
}

func (p *platform) Codec(profile string) (devices.Codec, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.codec, profile == entry.Profile
}

// set changes what the platform does while an Ingest runs on it.
func (p *platform) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *platform) Variables(uplink.EUI) map[string]string { return p.vars }

// pass lets the bubble's clock run, and all that happens by then happen. What a
// test has read before is read before that.
func (p *platform) pass(d time.Duration) {
	p.set(func() {})
	time.Sleep(d)
	synctest.Wait()
}

var (
	known = uplink.EUI{1}
	entry = devices.Entry{Station: "stadt-verkehr-1", Municipality: "stadt", Domain: uplink.Traffic, Edge: "rathaus", Profile: "counter"}
)

// on returns an Ingest on p that does not run yet.
func on(p *platform, edit ...func(*Config)) *Ingest {
	p.confirmed = map[string][]uplink.Stored{}
	cfg := Config{Store: p, Directory: p, Voice: p, Edges: []string{"rathaus"}}
	for _, change := range edit {
		change(&cfg)
	}
	return New(cfg)
}

// run runs an Ingest in the test's bubble and returns how to stop it.
func run(t *testing.T, i *Ingest) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- i.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// start runs an Ingest on p in the test's bubble and returns how to stop it.
func start(t *testing.T, p *platform, edit ...func(*Config)) (*Ingest, func()) {
	t.Helper()
	i := on(p, edit...)
	return i, run(t, i)
}

// metric returns the value of a gauge or counter as it is scraped.
func metric(t *testing.T, i *Ingest, name string) string {
	t.Helper()
	var page strings.Builder
	i.cfg.Metrics.WritePrometheus(&page)
	for line := range strings.Lines(page.String()) {
		if value, ok := strings.CutPrefix(line, meterPrefix+name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Errorf("there is no metric %s", name)
	return ""
}

func good(seq uint64) uplink.Uplink {
	return uplink.Uplink{
		Seq: seq, DevEUI: known, Time: time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond), FCnt: uint32(seq), FPort: 2,
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
		p.pass(time.Second)
		if p.writes != 1 || len(p.reports) != 4 {
			t.Errorf("%d writes with %d reports, want one with 4", p.writes, len(p.reports))
		}
		want := []uplink.Stored{{V: 1, Epoch: "e1", Ranges: [][2]uint64{{1, 3}, {5, 5}}}}
		if diff := cmp.Diff(want, p.confirmed["rathaus"]); diff != "" {
			t.Error(diff)
		}
		r := p.reports[0]
		if r.Station != entry.Station || r.Municipality != "stadt" || r.Domain != uplink.Traffic || len(r.Readings) != 2 || len(r.RX) != 1 {
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
		{"derived quantity", topicUp, func() []byte { return reading(uplink.Reading{Quantity: "traffic_state", Value: 1}) }, reasonQuantity, 2, true},
		{"impossible", topicUp, func() []byte { return reading(uplink.Reading{Quantity: "voltage", Value: -1}) }, reasonRange, 2, true},
		{"free text as channel", topicUp, func() []byte { return reading(uplink.Reading{Quantity: "voltage", Channel: "Lane 1", Value: 1}) }, reasonChannel, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				i, stop := start(t, p)
				defer stop()
				i.Receive(t.Context(), c.topic, c.payload())
				p.pass(time.Second)
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
				p.pass(time.Second)
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
		p.pass(5 * time.Minute)
		if len(p.confirmed) != 0 || p.writes < 10 || p.writes > 60 {
			t.Errorf("confirmed %v after %d attempts in five minutes, want none and a patient few", p.confirmed, p.writes)
		}
		p.mu.Lock()
		away = false
		p.mu.Unlock()
		p.pass(lastRetry)
		if len(p.reports) != 1 || len(p.confirmed["rathaus"]) != 1 {
			t.Errorf("%d reports, confirmed %v when the database is back", len(p.reports), p.confirmed)
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
		const messages = 300
		for range messages {
			i.Receive(t.Context(), topicUp, payload)
		}
		synctest.Wait()
		if shed := i.metrics.shed.Get(); shed < messages/2 {
			t.Errorf("%v messages were shed", shed)
		}
		if n := len(i.queue) * len(payload); n > 4<<20 {
			t.Errorf("%d bytes are queued", n)
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
		p.pass(time.Second)
		if len(p.reports) != messages*uplink.MaxUplinks || p.writes < 4 {
			t.Errorf("%d reports in %d writes, want %d in at least 4", len(p.reports), p.writes, messages*uplink.MaxUplinks)
		}
	})
}

// What is sent again because its confirmation was lost is the same dead letter,
// also when it has no time of its own.
func TestDeadLetterOfAResendIsTheSame(t *testing.T) {
	wrong := good(1)
	wrong.Time = time.Unix(60, 0).UTC()
	for name, payload := range map[string][]byte{"wrong time": batchOf(wrong), "garbage": []byte("garbage")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				i, stop := start(t, p)
				defer stop()
				for range 2 {
					i.Receive(t.Context(), topicUp, payload)
					p.pass(10 * time.Minute)
				}
				if len(p.letters) != 2 || p.letters[0] != p.letters[1] {
					t.Errorf("dead letters %+v, want twice the same", p.letters)
				}
			})
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(topicUp, batchOf(good(1)))
	f.Add("modellregion/v1/rathaus/energy/up", []byte(`{"v":1,"epoch":"a","uplinks":[{"seq":1},null]}`))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		p := &platform{}
		i := New(Config{Store: p, Directory: p, Voice: p})
		b := &batch{}
		parsed, err := uplink.ParseTopic(topic)
		i.checker.message(item{topic: topic, payload: payload}, parsed, err, b, time.Now())
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
	i := New(Config{Store: p, Directory: p, Voice: p})
	var many []uplink.Uplink
	for n := range uint64(64) {
		many = append(many, good(n+1))
	}
	payload := batchOf(many...)
	topic, err := uplink.ParseTopic(topicUp)
	var to batch
	for b.Loop() {
		i.checker.message(item{topic: topicUp, payload: payload}, topic, err, &to, time.Now())
		to.reset()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(many)), "ns/uplink")
}
