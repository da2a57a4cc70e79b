package broker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const observations = "v1.1/Datastreams(1)/Observations"

// wishes is what OnPublicTopic was told.
type wishes struct {
	mu   sync.Mutex
	told []string
}

func (w *wishes) note(topic string, wanted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sign := "-"
	if wanted {
		sign = "+"
	}
	w.told = append(w.told, sign+topic)
}

func (w *wishes) is(want ...string) func() bool {
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Equal(w.told, want)
	}
}

// startPublic runs a broker with anonymous readers until the test ends.
func startPublic(t *testing.T, change func(*Config)) (*Broker, *wishes) {
	t.Helper()
	w := &wishes{}
	cfg := Config{Addr: "127.0.0.1:0", Identities: identities(), Public: true, OnPublicTopic: w.note}
	if change != nil {
		change(&cfg)
	}
	b, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, b.Run)
	return b, w
}

func TestPublicTopics(t *testing.T) {
	for topic, want := range map[string]bool{
		"v1.1/Observations":   true,
		observations:          true,
		"v1.1/Datastreams(1)": true,
		observations + "?$select=result,phenomenonTime": true,
		"v1.1/Datastreams(1)/observedArea":              true,
		"v1.1":                                          false,
		"v1.1/":                                         false,
		"v1.1/#":                                        false,
		"v1.1/+/Observations":                           false,
		"v1.1/Things(#":                                 false,
		"V1.1/Observations":                             false,
		"/v1.1/Observations":                            false,
		"v1.10/Observations":                            false,
		"v1/Observations":                               false,
		"$share/g/v1.1/Observations":                    false,
		"$SYS/broker/uptime":                            false,
		uplink.Root + "/mast-7/stored":                  false,
		"#":                                             false,
		"+/Observations":                                false,
		"":                                              false,
		"v1.1/a\x00b":                                   false,
		"v1.1/a\xff":                                    false,
		"v1.1/" + strings.Repeat("a", 600):              false,
		"v1.1" + strings.Repeat("/a", 20):               false,
	} {
		if got := publicTopic(topic); got != want {
			t.Errorf("%.80q is public: %v", topic, got)
		}
	}
}

// Anonymous readers get what is published for them and nothing else, and the
// platform's clients nothing of it.
func TestReaders(t *testing.T) {
	b, told := startPublic(t, nil)
	const selected = observations + "?$select=result,phenomenonTime"
	platform := connect(t, b, identities()[0], nil, "modellregion/v1/#")
	one := connect(t, b, Identity{}, nil, observations)
	two := connect(t, b, Identity{}, nil, observations, selected) // with the client id of the first
	eventually(t, "both topics wanted", told.is("+"+observations, "+"+selected))
	publish := func(topic, payload string) {
		t.Helper()
		if err := b.Publish(topic, []byte(payload), false); err != nil {
			t.Fatal(err)
		}
	}
	publish("v1.1/Observations", "nobody")
	publish(observations, "1")
	publish(selected, "2")
	platform.publish(t, "modellregion/v1/mast-7/stored", "secret")
	publish(observations, "3")
	for _, want := range []string{"1", "3"} {
		if m := wait(t, one.got, "first reader"); string(m.Payload) != want || m.Topic != observations {
			t.Errorf("first reader got %+v, want %s", m, want)
		}
	}
	for _, want := range []string{"1", "2", "3"} {
		if m := wait(t, two.got, "second reader"); string(m.Payload) != want {
			t.Errorf("second reader got %+v, want %s", m, want)
		}
	}
	if m := wait(t, platform.got, "platform"); string(m.Payload) != "secret" || len(platform.got) > 0 {
		t.Errorf("platform got %+v", m)
	}
	if s := b.Stats(); s.Public.Connected != 2 || s.Public.Subscriptions != 3 || s.Public.Topics != 2 || s.Connected != 1 || s.BadLogins+s.Rejected > 0 {
		t.Errorf("%+v", s)
	}
	two.stop()
	eventually(t, "one topic wanted", told.is("+"+observations, "+"+selected, "-"+selected))
	one.stop()
	eventually(t, "nothing wanted", told.is("+"+observations, "+"+selected, "-"+selected, "-"+observations))
	eventually(t, "nobody left", func() bool { s := b.Stats().Public; return s.Connected+s.Subscriptions+s.Topics == 0 })
}

func TestReaderMayNot(t *testing.T) {
	b, told := startPublic(t, nil)
	platform := connect(t, b, identities()[0], nil, "modellregion/v1/#")
	for _, filter := range []string{"v1.1/#", "#", "modellregion/v1/#", uplink.Root + "/mast-7/devices", "$SYS/#", "$share/g/" + observations} {
		before := b.Stats().Public.DeniedSubscribes
		c, err := mqtt.New(mqtt.Config{URL: "tcp://" + b.Addr().String(), ClientID: "c"})
		if err != nil {
			t.Fatal(err)
		}
		c.Subscribe(filter, 0, func(context.Context, mqtt.Message) { t.Errorf("%s is heard", filter) })
		stop := goRun(t, c.Run)
		eventually(t, filter+" denied", func() bool { return b.Stats().Public.DeniedSubscribes > before })
		if c.Connected() {
			t.Errorf("%s: subscribed", filter)
		}
		stop()
	}
	for qos, topic := range []string{observations, "modellregion/v1/mast-7/status"} {
		u := connect(t, b, Identity{}, nil)
		_ = u.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: []byte("x"), QoS: byte(qos), Retained: true}) // of QoS 0 it never learns
		wait(t, u.down, "end of the connection of who publishes on "+topic)
		u.stop()
	}
	will := &mqtt.Message{Topic: observations, Payload: []byte("gone")}
	c, err := mqtt.New(mqtt.Config{URL: "tcp://" + b.Addr().String(), ClientID: "c", Will: will})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, c.Run)
	eventually(t, "will refused", func() bool { return b.Stats().Public.Refused > 0 })
	if s := b.Stats(); s.Public.DeniedPublishes != 2 || s.Public.Sent != 0 || len(platform.got) > 0 || !told.is()() {
		t.Errorf("%+v, platform got %d messages, told %v", s, len(platform.got), told.told)
	}
}

// What was retained is there for who comes later, while somebody wants it; and
// who is the first may be told what there is at once.
func TestPublicRetained(t *testing.T) {
	var b *Broker
	ready := make(chan struct{})
	b, _ = startPublic(t, func(c *Config) {
		c.OnPublicTopic = func(topic string, wanted bool) {
			<-ready
			if wanted {
				if err := b.Publish(topic, []byte("first"), true); err != nil {
					t.Error(err)
				}
			}
		}
	})
	close(ready)
	if err := b.Publish(observations, []byte("before"), true); err != nil {
		t.Fatal(err)
	}
	one := connect(t, b, Identity{}, nil, observations)
	if m := wait(t, one.got, "first"); string(m.Payload) != "first" || !m.Retained {
		t.Errorf("got %+v", m)
	}
	if err := b.Publish(observations, []byte("second"), true); err != nil {
		t.Fatal(err)
	}
	if m := wait(t, one.got, "second"); string(m.Payload) != "second" || m.Retained {
		t.Errorf("got %+v", m)
	}
	two := connect(t, b, Identity{}, nil, observations)
	if m := wait(t, two.got, "retained"); string(m.Payload) != "second" || !m.Retained {
		t.Errorf("got %+v", m)
	}
	one.stop()
	two.stop()
	eventually(t, "nobody", func() bool { return b.Stats().Public.Topics == 0 })
	for topic := range b.readers.server.Topics.Retained.GetAll() {
		if strings.HasPrefix(topic, PublicRoot) {
			t.Errorf("%s is retained for nobody", topic)
		}
	}
	if len(one.got) > 0 {
		t.Error("a message came twice")
	}
}

func TestPublishRefuses(t *testing.T) {
	b, _ := startPublic(t, nil)
	for topic, payload := range map[string][]byte{"modellregion/v1/a/stored": nil, "v1.1/#": nil, observations: make([]byte, publicPayload+1)} {
		if err := b.Publish(topic, payload, false); err == nil {
			t.Errorf("%d bytes on %s are published", len(payload), topic)
		}
	}
	if err := start(t).Publish(observations, nil, false); err == nil {
		t.Error("published without readers")
	}
}

func TestReadersAreBounded(t *testing.T) {
	b, _ := startPublic(t, func(c *Config) { c.PublicClients = 2 })
	one := connect(t, b, Identity{}, nil, observations)
	connect(t, b, Identity{}, nil)
	more, err := mqtt.New(mqtt.Config{URL: "tcp://" + b.Addr().String(), ClientID: "more"})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, more.Run)
	eventually(t, "one too many refused", func() bool { return b.Stats().Public.Refused > 0 })
	connect(t, b, identities()[1], nil) // an edge still has its place
	one.stop()
	eventually(t, "the next in its place", more.Connected)

	r := &readers{most: 1000, of: map[netip.Addr]int{}, topics: map[*conn]map[string]struct{}{}}
	for i := range publicPerAddress + 1 {
		if got := r.enter(&conn{}, network(&net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("2001:db8::%x", i))})); got != (i < publicPerAddress) {
			t.Errorf("connection %d of a network is let in: %v", i, got)
		}
	}
	if !r.enter(&conn{}, network(&net.TCPAddr{IP: net.ParseIP("192.0.2.1")})) {
		t.Error("another address is not let in")
	}
}

func TestTopicsAreBounded(t *testing.T) {
	r := &readers{of: nil, topics: map[*conn]map[string]struct{}{}, wanted: map[string]int{}}
	for n := 0; n < publicAllTopics; n += publicTopics {
		c := &conn{}
		r.topics[c] = map[string]struct{}{}
		for i := range publicTopics {
			if !r.want(c, fmt.Sprint("v1.1/", i)) {
				t.Fatalf("topic %d of a reader is refused", i)
			}
		}
		if r.want(c, "v1.1/more") || !r.want(c, "v1.1/0") {
			t.Fatal("one too many is accepted, or one that it has is not")
		}
	}
	late := &conn{}
	r.topics[late] = map[string]struct{}{}
	if r.want(late, "v1.1/0") || r.want(&conn{}, "v1.1/0") {
		t.Error("more than all readers may have are accepted, or one of a connection that is over")
	}
	if r.all != publicAllTopics || len(r.wanted) != publicTopics {
		t.Errorf("%d subscriptions to %d topics", r.all, len(r.wanted))
	}
}

// A reader that does not read costs a few messages, and nobody waits for it.
func TestDeafReader(t *testing.T) {
	b, _ := startPublic(t, nil)
	deaf, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	hello := "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"
	subscribe := "\x82\x16\x00\x01\x00\x11v1.1/Observations\x00"
	if _, err := deaf.Write([]byte(hello + subscribe)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "subscribed", func() bool { return b.Stats().Public.Subscriptions == 1 })
	for range 1000 { // 64 MB
		if err := b.Publish("v1.1/Observations", make([]byte, 64<<10), false); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.Stats().Public; s.Dropped < 400 {
		t.Errorf("%+v, want most dropped", s)
	}
}
