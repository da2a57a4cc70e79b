package ingest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
	"modellregion/uplink/chirpstack"
)

// server is the decoder of an application server whose messages are the numbers
// of events. As it may, it uses its memory again.
type server struct {
	events  []uplink.ServerEvent
	rx      []uplink.Reception
	payload []byte
	object  []byte
}

// add returns the message of an event.
func (s *server) add(e uplink.ServerEvent) []byte {
	s.events = append(s.events, e)
	return strconv.AppendInt(nil, int64(len(s.events)-1), 10)
}

func (s *server) Decode(_ string, payload []byte) (uplink.ServerEvent, error) {
	n, err := strconv.Atoi(string(payload))
	if err != nil || n >= len(s.events) {
		return uplink.ServerEvent{}, errors.New("not of this server")
	}
	for _, old := range [][]byte{s.payload, s.object} {
		for k := range old {
			old[k] = 0xee
		}
	}
	clear(s.rx)
	e := s.events[n]
	s.rx, s.payload = append(s.rx[:0], e.Uplink.RX...), append(s.payload[:0], e.Uplink.Payload...)
	e.Uplink.RX, e.Uplink.Payload = s.rx, s.payload
	e.Uplink.Readings = slices.Clone(e.Uplink.Readings)
	if e.Object != nil {
		s.object = append(s.object[:0], e.Object...)
		e.Object = s.object
	}
	return e, nil
}

// network is a source "nachbar" with its server, and what of its messages was
// acknowledged, in that order.
type network struct {
	server
	p      *platform
	ingest *Ingest
	source *Source
	acked  []int
	asked  int // times that all was asked for again
}

// counter takes one byte on port 2, and knows that port 1 says nothing.
var counter = devices.Codec{Kind: "layout", Source: "ports:\n  1: {skip: true}\n  2: {length: 1, fields: [{at: 0, type: u8, quantity: vehicle_count}]}\n"}

// nachbar returns a network with devices {2, 0} to {2, 7} whose Ingest does not
// run yet.
func nachbar(p *platform, edit ...func(*Config)) *network {
	if p.known == nil {
		p.known = foreignDevices(8)
	}
	p.codec = counter
	n := &network{p: p, ingest: on(p, edit...)}
	n.source = n.ingest.Source(ServerConfig{Name: "nachbar", Decoder: &n.server, Redeliver: func() { p.set(func() { n.asked++ }) }, Hearing: p.Hearing})
	return n
}

const topicForeign = "application/c2f5d1f8/device/0200000000000000/event/up"

// send sends an event and returns the number of its message.
func (n *network) send(t *testing.T, e uplink.ServerEvent) int {
	t.Helper()
	message := n.add(e)
	n.deliver(t, message)
	return len(n.events) - 1
}

func (n *network) deliver(t *testing.T, message []byte) {
	number, _ := strconv.Atoi(string(message))
	n.source.Receive(t.Context(), n.connection(), topicForeign, message, func() { n.p.set(func() { n.acked = append(n.acked, number) }) })
}

// connection is the number of the present connection.
func (n *network) connection() uint64 {
	var asked int
	n.p.set(func() { asked = n.asked })
	return uint64(1 + asked)
}

// up is an uplink of device {2, k} with its counter and what it counted.
func up(k byte, counter uint32, count ...byte) uplink.ServerEvent {
	return uplink.ServerEvent{Kind: uplink.ServerUp, Uplink: uplink.Uplink{
		DevEUI: uplink.EUI{2, k}, Time: time.Now().UTC().Truncate(time.Millisecond), FCnt: counter, FPort: 2, DR: 5, Payload: count,
		RX: []uplink.Reception{{Gateway: uplink.EUI{9}, RSSIdBm: -90, SNRdB: 5}},
	}}
}

// A message is acknowledged when it is stored, and not before those that came
// before it (MQTT 3.1.1 §4.6).
func TestAckAfterTheWriteInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		n := nachbar(p)
		slow, quick := byte(0), byte(1) // devices of two lanes
		for n.ingest.laneOfDevice(uplink.EUI{2, slow}) == n.ingest.laneOfDevice(uplink.EUI{2, quick}) {
			quick++
			p.known[uplink.EUI{2, quick}] = p.known[uplink.EUI{2, 1}]
		}
		p.slow = func(batch []devices.Report) time.Duration {
			if batch[0].Device == (uplink.EUI{2, slow}) {
				return time.Minute
			}
			return time.Second
		}
		defer run(t, n.ingest)()
		n.send(t, up(quick, 1, 10))
		p.pass(999 * time.Millisecond)
		if len(n.acked) > 0 {
			t.Errorf("%v acknowledged before the write", n.acked)
		}
		p.pass(time.Second)
		n.send(t, up(slow, 1, 11))
		n.send(t, up(quick, 2, 12))
		n.send(t, uplink.ServerEvent{Kind: uplink.ServerOther}) // with nothing to store
		p.pass(30 * time.Second)
		if len(p.reports) != 2 || !slices.Equal(n.acked, []int{0}) {
			t.Errorf("%d uplinks are stored and %v acknowledged, want 2 and the first", len(p.reports), n.acked)
		}
		p.pass(time.Minute)
		if !slices.Equal(n.acked, []int{0, 1, 2, 3}) {
			t.Errorf("acknowledged %v, want all in their order", n.acked)
		}
		var got []float64
		for _, r := range p.reports {
			got = append(got, r.Readings[0].Value)
			if len(r.RX) != 1 || r.RX[0].RSSIdBm != -90 {
				t.Errorf("reception %v", r.RX)
			}
		}
		if !slices.Equal(got, []float64{10, 12, 11}) {
			t.Errorf("stored %v", got)
		}
	})
}

// What the messages of another network become, all of which are acknowledged.
func TestServerEvents(t *testing.T) {
	level, margin, impossible := 75.0, 9.0, 140.0
	up2 := func(change func(*uplink.ServerEvent)) uplink.ServerEvent {
		e := up(0, 7, 12)
		change(&e)
		return e
	}
	for _, c := range []struct {
		name    string
		event   func() uplink.ServerEvent
		atOnce  bool               // acknowledged without a write
		want    map[string]float64 // readings
		reason  string             // of the dead letter
		message string             // part of it
	}{
		{"uplink", func() uplink.ServerEvent { return up(0, 7, 12) }, false, map[string]float64{"vehicle_count": 12}, "", ""},
		{"uplink with health", func() uplink.ServerEvent {
			return up2(func(e *uplink.ServerEvent) { e.Battery = &level })
		}, false, map[string]float64{"battery_level": 75, "vehicle_count": 12}, "", ""},
		{"status", func() uplink.ServerEvent {
			return uplink.ServerEvent{Kind: uplink.ServerStatus, Uplink: uplink.Uplink{DevEUI: uplink.EUI{2, 0}, Time: time.Now()}, Battery: &level, Margin: &margin}
		}, false, map[string]float64{"battery_level": 75, "link_margin": 9}, "", ""},
		{"impossible status", func() uplink.ServerEvent {
			return uplink.ServerEvent{Kind: uplink.ServerStatus, Uplink: uplink.Uplink{DevEUI: uplink.EUI{2, 0}, Time: time.Now()}, Battery: &impossible, Margin: &margin}
		}, false, map[string]float64{"link_margin": 9}, reasonRange, `"battery_level"`},
		{"status without any", func() uplink.ServerEvent {
			return uplink.ServerEvent{Kind: uplink.ServerStatus, Uplink: uplink.Uplink{DevEUI: uplink.EUI{2, 0}, Time: time.Now()}}
		}, true, nil, "", ""},
		{"join", func() uplink.ServerEvent {
			return uplink.ServerEvent{Kind: uplink.ServerJoin, Uplink: uplink.Uplink{DevEUI: uplink.EUI{2, 0}, Time: time.Now()}}
		}, true, nil, "", ""},
		{"other", func() uplink.ServerEvent { return uplink.ServerEvent{Kind: uplink.ServerOther} }, true, nil, "", ""},
		{"empty frame", func() uplink.ServerEvent { return up(0, 7) }, true, nil, "", ""},
		{"frame that says nothing", func() uplink.ServerEvent {
			return up2(func(e *uplink.ServerEvent) { e.Uplink.FPort = 1 })
		}, true, nil, "", ""},
		{"undecodable", func() uplink.ServerEvent { return up(0, 7, 12, 13) }, false, map[string]float64{}, reasonCodec, `"payload":"DA0="`},
		{"undecodable with health", func() uplink.ServerEvent {
			return up2(func(e *uplink.ServerEvent) { e.Uplink.FPort, e.Battery = 3, &level })
		}, false, map[string]float64{"battery_level": 75}, reasonCodec, `"payload":"DA=="`},
		{"unknown device", func() uplink.ServerEvent { return up(200, 7, 12) }, false, nil, reasonDevice, `"payload":"DA=="`},
		{"device of an edge", func() uplink.ServerEvent {
			return up2(func(e *uplink.ServerEvent) { e.Uplink.DevEUI = known })
		}, false, nil, reasonEdge, `"f_cnt":7`},
		{"of 1970", func() uplink.ServerEvent {
			return up2(func(e *uplink.ServerEvent) { e.Uplink.Time = time.Unix(60, 0) })
		}, false, nil, reasonTime, `"time":"1970`},
		{"malformed", nil, false, nil, reasonFormat, "nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				away := true
				p := &platform{fail: func([]devices.Report) error {
					if away {
						return errors.New("away")
					}
					return nil
				}}
				n := nachbar(p)
				defer run(t, n.ingest)()
				if c.event == nil {
					n.source.Receive(t.Context(), 1, topicForeign, []byte("nonsense"), func() { p.set(func() { n.acked = append(n.acked, 0) }) })
				} else {
					n.send(t, c.event())
				}
				if c.atOnce != (len(n.acked) == 1) {
					t.Errorf("acknowledged %v before anything is stored", n.acked)
				}
				p.pass(time.Second)
				if c.reason == "" && c.atOnce != (len(n.acked) == 1) {
					t.Errorf("acknowledged %v while nothing can be stored", n.acked)
				}
				p.set(func() { away = false })
				p.pass(time.Minute)
				if len(n.acked) != 1 || n.asked > 0 {
					t.Errorf("acknowledged %v, asked again %d times", n.acked, n.asked)
				}
				var got map[string]float64
				for _, r := range p.reports {
					got = map[string]float64{}
					for _, reading := range r.Readings {
						got[reading.Quantity.Name] = reading.Value
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" || len(p.reports) > 1 {
					t.Errorf("%d reports\n%s", len(p.reports), diff)
				}
				switch {
				case c.reason == "" && len(p.letters) == 0:
				case len(p.letters) != 1 || p.letters[0].Reason != c.reason || p.letters[0].Edge != "nachbar" || !strings.Contains(p.letters[0].Message, c.message):
					t.Errorf("dead letters %+v, want one for %q with %s", p.letters, c.reason, c.message)
				}
			})
		})
	}
}

// An uplink of a device that is not known yet is stored by a replay once it is,
// with all that it said.
func TestUnknownDeviceOfAnotherNetworkIsReplayed(t *testing.T) {
	level := 75.0
	for _, battery := range []*float64{nil, &level} {
		synctest.Test(t, func(t *testing.T) {
			p := &platform{}
			n := nachbar(p)
			e := up(200, 7, 12)
			e.Battery = battery
			n.send(t, e)
			n.send(t, up(201, 8, 13)) // when the decoder has used its memory again
			stop := run(t, n.ingest)
			p.pass(time.Hour)
			stop()
			if len(p.letters) != 2 || len(n.acked) != 2 {
				t.Fatalf("dead letters %+v, acknowledged %v", p.letters, n.acked)
			}
			p.known[uplink.EUI{2, 200}] = p.known[uplink.EUI{2, 0}]
			p.letters = slices.DeleteFunc(p.letters, func(l devices.DeadLetter) bool { return l.Device != e.Uplink.DevEUI.String() })
			outcome, err := n.ingest.Replay(t.Context(), p.letters)
			if err != nil || len(outcome) != 1 || outcome[0] != nil {
				t.Fatal(outcome, err)
			}
			want := map[string]float64{"vehicle_count": 12}
			if battery != nil {
				want["battery_level"] = *battery
			}
			got := map[string]float64{}
			for _, r := range p.reports {
				for _, reading := range r.Readings {
					got[reading.Quantity.Name] = reading.Value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || len(p.reports) != 1 || !p.reports[0].Time.Equal(e.Uplink.Time) || len(p.letters) != 1 {
				t.Errorf("%+v, dead letters %+v\n%s", p.reports, p.letters, diff)
			}
		})
	}
}

// With objects, it counts what the server's codec made of the payload.
func TestObjects(t *testing.T) {
	for _, c := range []struct {
		name   string
		use    bool
		object string
		want   float64
		reason string
	}{
		{"used", true, `{"vehicle_count": 34}`, 34, ""},
		{"not used", false, `{"vehicle_count": 34}`, 12, ""},
		{"none", true, "", 12, ""},
		{"says nothing", true, `{"hello": "world"}`, 0, reasonCodec},
		{"no object", true, `"hello"`, 0, reasonCodec},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				n := nachbar(p)
				n.source.cfg.Objects = c.use
				defer run(t, n.ingest)()
				e := up(0, 7, 12)
				if c.object != "" {
					e.Object = []byte(c.object)
				}
				n.send(t, e)
				p.pass(time.Second)
				if c.reason != "" {
					if len(p.letters) != 1 || p.letters[0].Reason != c.reason || p.letters[0].Why == "" {
						t.Errorf("dead letters %+v, want one for %s", p.letters, c.reason)
					}
					return
				}
				if len(p.reports) != 1 || len(p.reports[0].Readings) != 1 || p.reports[0].Readings[0].Value != c.want {
					t.Errorf("%+v, want a count of %v", p.reports, c.want)
				}
			})
		})
	}
}

// A codec that is changed is used from then on, and is told of its device.
func TestCodecOfADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{vars: map[string]string{"factor": "100"}}
		n := nachbar(p)
		defer run(t, n.ingest)()
		script := func(value string) devices.Codec {
			return devices.Codec{Kind: "javascript", Source: "function decodeUplink(input) { return {data: {vehicle_count: " + value + "}}; }"}
		}
		for _, c := range []struct {
			codec devices.Codec
			want  float64 // 0: none
		}{
			{counter, 12}, {counter, 12},
			{script("input.bytes[0] * 2"), 24},
			{script("input.bytes[0] * input.variables.factor"), 1200},
			{script("input.fPort"), 2},
			{devices.Codec{Kind: "javascript", Source: "no script"}, 0},
			{counter, 12},
		} {
			p.set(func() { p.codec, p.reports, p.letters = c.codec, nil, nil })
			n.send(t, up(0, 7, 12))
			p.pass(time.Second)
			switch {
			case c.want == 0 && (len(p.letters) != 1 || p.letters[0].Reason != reasonCodec):
				t.Errorf("%s: dead letters %+v", c.codec.Source, p.letters)
			case c.want > 0 && (len(p.reports) != 1 || len(p.reports[0].Readings) != 1 || p.reports[0].Readings[0].Value != c.want):
				t.Errorf("%s: %+v, want %v; dead letters %+v", c.codec.Source, p.reports, c.want, p.letters)
			}
		}
	})
}

// What does not fit is dropped unacknowledged and asked for again, once, when
// something could be stored; it comes again with all that came after it.
func TestDroppedMessagesAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := true
		p := &platform{fail: func([]devices.Report) error {
			if away {
				return errors.New("away")
			}
			return nil
		}}
		n := nachbar(p, func(c *Config) { c.Lanes, c.MaxLines, c.HeldBytes = 1, 4, int64(5*len(topicForeign)+20) })
		defer run(t, n.ingest)()
		const messages = 30
		began := time.Now()
		for k := range uint32(messages) {
			n.send(t, up(byte(k%4), k, byte(k)))
		}
		if waited := time.Since(began); waited > 2*shedAfter {
			t.Errorf("the connection was held up for %v, want for one message", waited)
		}
		p.pass(10 * time.Minute)
		if len(n.acked) > 0 || n.asked > 0 || n.ingest.metrics.shed.Get() != 1 {
			t.Errorf("while the database is away %v are acknowledged, asked again %d times, %d shed", n.acked, n.asked, n.ingest.metrics.shed.Get())
		}
		p.set(func() { away = false })
		p.pass(time.Minute)
		if n.asked != 1 {
			t.Fatalf("asked again %d times, want once", n.asked)
		}
		first := len(n.acked)
		if first == 0 || len(p.reports) >= messages || !slices.IsSorted(n.acked) {
			t.Errorf("acknowledged %v after %d uplinks were stored, want what was stored first", n.acked, len(p.reports))
		}
		for k := first; k < messages; k++ { // what a broker does then
			n.deliver(t, strconv.AppendInt(nil, int64(k), 10))
			p.pass(time.Second)
		}
		p.pass(time.Minute)
		var want []int
		stored := map[uint32]bool{}
		for k := range messages {
			want = append(want, k)
		}
		for _, r := range p.reports {
			stored[r.FCnt] = r.Readings[0].Value == float64(r.FCnt)
		}
		if !slices.Equal(n.acked, want) || len(stored) != messages || n.asked != 1 {
			t.Errorf("acknowledged %v, %d are stored, asked again %d times", n.acked, len(stored), n.asked)
		}
	})
}

// Another network does not say how many frames were lost; their counters do.
func TestLostFramesOfAnotherNetwork(t *testing.T) {
	type step struct {
		counter uint32
		after   time.Duration // the one before
		status  bool          // a message without a counter
		want    uint32
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"gap", []step{{10, time.Minute, false, 0}, {11, time.Minute, false, 0}, {15, time.Minute, false, 3}, {16, time.Minute, false, 0}}},
		{"counter begins anew", []step{{500, time.Minute, false, 0}, {0, time.Minute, false, 0}, {1, time.Minute, false, 0}, {4, time.Minute, false, 2}}},
		{"counter of another life", []step{{1, time.Minute, false, 0}, {40_000, time.Minute, false, 0}}},
		{"sent again", []step{{10, time.Minute, false, 0}, {10, 0, false, 0}, {11, time.Minute, false, 0}}},
		{"late", []step{{10, time.Minute, false, 0}, {12, time.Minute, false, 1}, {11, -30 * time.Second, false, 0}, {13, time.Minute, false, 0}}},
		{"time of next year", []step{{10, time.Minute, false, 0}, {20, 365 * 24 * time.Hour, false, 0}, {12, -365 * 24 * time.Hour, false, 1}}},
		{"status between", []step{{10, time.Minute, false, 0}, {0, time.Minute, true, 0}, {11, time.Minute, false, 0}, {0, 0, true, 0}, {13, time.Minute, false, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				n := nachbar(p)
				defer run(t, n.ingest)()
				at, margin := time.Now().Add(-time.Hour), 3.0
				for k, s := range c.steps {
					at = at.Add(s.after)
					e := up(0, s.counter, 1)
					if s.status {
						e = uplink.ServerEvent{Kind: uplink.ServerStatus, Uplink: uplink.Uplink{DevEUI: uplink.EUI{2, 0}}, Margin: &margin}
					}
					e.Uplink.Time = at
					n.send(t, e)
					p.pass(time.Second)
					r := p.reports[len(p.reports)-1] // the one before, if there is none of this
					if r.Lost != s.want || (len(r.Doubts) > 0) != (s.want > 0) {
						t.Errorf("message %d: %d lost, doubts %v, want %d", k, r.Lost, r.Doubts, s.want)
					}
					other := up(1, 12, 1) // of a device that counts for itself
					other.Uplink.Time = at
					n.send(t, other)
					p.pass(time.Second)
				}
			})
		})
	}
}

// Whatever says that a device is there counts for its silence, if it can be
// true; what is said of the devices of others does not.
func TestHeardFromAnotherNetwork(t *testing.T) {
	kind := func(kind uplink.ServerEventKind, ahead time.Duration) func() uplink.ServerEvent {
		return func() uplink.ServerEvent {
			e := up(0, 7)
			e.Kind, e.Uplink.Time = kind, e.Uplink.Time.Add(ahead)
			return e
		}
	}
	for _, c := range []struct {
		name  string
		event func() uplink.ServerEvent
		heard bool
	}{
		{"uplink", func() uplink.ServerEvent { return up(0, 7, 12) }, true},
		{"undecodable", func() uplink.ServerEvent { return up(0, 7, 12, 13) }, true},
		{"empty frame", kind(uplink.ServerUp, 0), true},
		{"frame that says nothing", func() uplink.ServerEvent {
			e := up(0, 7, 12)
			e.Uplink.FPort = 1
			return e
		}, true},
		{"join", kind(uplink.ServerJoin, 0), true},
		{"join of next year", kind(uplink.ServerJoin, 365*24*time.Hour), false},
		{"empty frame of next year", kind(uplink.ServerUp, 365*24*time.Hour), false},
		{"join of a device of an edge", func() uplink.ServerEvent {
			return uplink.ServerEvent{Kind: uplink.ServerJoin, Uplink: uplink.Uplink{DevEUI: known, Time: time.Now()}}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				n := nachbar(p)
				defer run(t, n.ingest)()
				p.pass(time.Minute)
				e := c.event()
				d, _ := p.Find(e.Uplink.DevEUI)
				last := func() uint32 {
					n.ingest.silence.mu.Lock()
					defer n.ingest.silence.mu.Unlock()
					return n.ingest.silence.devices[d.Number].last
				}
				before := last()
				n.send(t, e)
				p.pass(time.Second)
				if got := last() > before; got != c.heard {
					t.Errorf("heard %v, want %v", got, c.heard)
				}
			})
		})
	}
}

// Whatever an application server sends, or who pretends to be one, is dealt with
// once: as a report, a dead letter or nothing, and then acknowledged.
func FuzzReceive(f *testing.F) {
	const topic = "application/c2f5d1f8-5a3e-4a62-9d1b-77e4b6a0f913/device/70b3d57ed005f1a0/event/"
	files, err := filepath.Glob("../uplink/chirpstack/testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		message, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		kind, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".json"), "_")
		f.Add(topic+kind, message, true)
		f.Add(topic+kind, message, false)
	}
	f.Add("", []byte("{}"), false)
	f.Fuzz(func(t *testing.T, topic string, payload []byte, objects bool) {
		d := entry
		d.Edge = "nachbar"
		p := &platform{codec: counter, known: map[uplink.EUI]devices.Entry{{0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x05, 0xf1, 0xa0}: d}}
		i := on(p, func(c *Config) { c.Lanes, c.Retention = 1, 100*365*24*time.Hour })
		acks := 0
		source := i.Source(ServerConfig{Name: "nachbar", Decoder: new(chirpstack.Decoder), Objects: objects, Hearing: p.Hearing})
		source.Receive(t.Context(), 1, topic, payload, func() { acks++ })
		b := i.lanes[0].batch
		if len(i.queue) == 1 {
			i.take(<-i.queue)
			if acks > 0 || len(b.acks) != 1 || len(b.reports) > 1 || len(b.reports)+len(b.letters) == 0 {
				t.Fatalf("%d acknowledged, %d to be; %d reports and %d dead letters", acks, len(b.acks), len(b.reports), len(b.letters))
			}
			b.acks[0].send()
		}
		if acks != 1 {
			t.Errorf("acknowledged %d times", acks)
		}
		for _, r := range b.reports {
			for _, reading := range r.Readings {
				if !reading.Quantity.Valid(reading.Value) || !validChannel(reading.Channel) {
					t.Errorf("stored %+v", reading)
				}
			}
		}
		if outcome, err := i.Replay(t.Context(), b.letters); err != nil || len(outcome) != len(b.letters) {
			t.Error(outcome, err)
		}
	})
}
