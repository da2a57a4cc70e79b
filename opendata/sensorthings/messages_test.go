package sensorthings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// board is a broker: what was published, and what is retained.
type board struct {
	got      []string // "topic result", an R before it when it is retained
	retained map[string]string
	err      error
}

func (b *board) Publish(topic string, payload []byte, retained bool) error {
	if b.err != nil {
		return b.err
	}
	what := string(payload)
	var e map[string]any
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &e); err != nil {
			return err
		}
		for _, name := range []string{"result", "phenomenonTime", "name"} {
			if v, ok := e[name]; ok {
				what = fmt.Sprint(v)
				break
			}
		}
	}
	line := topic + " " + what
	if retained {
		line = "R " + line
		if b.retained[topic] = string(payload); len(payload) == 0 {
			delete(b.retained, topic)
		}
	}
	b.got = append(b.got, line)
	return nil
}

// rounds are messages of a region without a loop.
type rounds struct {
	*region
	m     *Messages
	board *board
}

func tellOf(t *testing.T, r *region) *rounds {
	t.Helper()
	b := &board{retained: map[string]string{}}
	m, err := r.service.NewMessages(b)
	if err != nil {
		t.Fatal(err)
	}
	m.round()
	return &rounds{r, m, b}
}

func (r *rounds) want(topics ...string) {
	for _, topic := range topics {
		r.m.Want(topic, true)
	}
}

// expect runs the service and a round, and compares what was published since
// the last, in any order.
func (r *rounds) expect(what string, want ...string) {
	r.t.Helper()
	r.m.round()
	if err := r.service.follow(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.m.round()
	slices.Sort(r.board.got)
	slices.Sort(want)
	if !slices.Equal(r.board.got, want) {
		r.t.Errorf("%s: told\n%s\nwant\n%s", what, strings.Join(r.board.got, "\n"), strings.Join(want, "\n"))
	}
	r.board.got = nil
}

// TestMessages follows one Datastream through windows that are new, running,
// late, and the same.
func TestMessages(t *testing.T) {
	r := tellOf(t, conformant(t, &memory{}))
	const one, all, times = "v1.1/Datastreams(1)/Observations", "v1.1/Observations", "v1.1/Datastreams(1)/phenomenonTime"
	r.want(one, all, times, "v1.1/Datastreams(1)/Observations?$select=result", "v1.1/Things(1)/name", "v1.1/Datastreams(1)", "v1.1/FeaturesOfInterest(2)/Observations")
	r.expect("how things are", "R "+one+" 3", "R v1.1/Datastreams(1)/Observations?$select=result 3", "R v1.1/Things(1)/name Bahnhofstraße 1",
		"R "+times+" 2026-03-01T00:00:00Z/2026-03-03T00:15:00Z", "R v1.1/Datastreams(1) 2026-03-01T00:00:00Z/2026-03-03T00:15:00Z")
	if got := r.board.retained["v1.1/Datastreams(1)/Observations?$select=result"]; got != `{"result":3}` {
		t.Errorf("what is selected: %s", got)
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(r.board.retained[one]), &o); err != nil || o["@iot.selfLink"] != fmt.Sprintf("%s/Observations(%d)", testBase, observationID(1, day(3).UnixMilli())) ||
		o["Datastream@iot.navigationLink"] == nil {
		t.Errorf("an Observation: %v (%v)", o, err)
	}
	d := &r.datasets[0]
	put := func(start time.Time, v float64) { r.put(d, gauge(t, "pb-1", "air_temperature", start, v)) }
	put(day(14), 40)
	const until = "2026-03-01T00:00:00Z/2026-03-14T00:15:00Z"
	r.expect("a new window", "R "+one+" 40", "R v1.1/Datastreams(1)/Observations?$select=result 40", all+" 40", "R "+times+" "+until, "R v1.1/Datastreams(1) "+until)
	put(day(14), 41)
	r.expect("it runs", "R "+one+" 41", "R v1.1/Datastreams(1)/Observations?$select=result 41", all+" 41")
	put(day(2), 20)
	r.expect("a late one", one+" 20", "v1.1/Datastreams(1)/Observations?$select=result 20", all+" 20")
	if got := r.board.retained[one]; !strings.Contains(got, `"result":41`) {
		t.Errorf("retained is %s", got)
	}
	put(day(14), 41)
	r.expect("the same", all+" 41")
	r.put(&r.datasets[1], gauge(t, "pb-2", "relative_humidity", day(20), 90))
	r.expect("elsewhere", all+" 90", "v1.1/FeaturesOfInterest(2)/Observations 90")
	for _, topic := range []string{one, all, times} {
		r.m.Want(topic, false)
	}
	put(day(15), 50)
	r.expect("what is still wanted", "R v1.1/Datastreams(1)/Observations?$select=result 50", "R v1.1/Datastreams(1) 2026-03-01T00:00:00Z/2026-03-15T00:15:00Z")
	for _, topic := range []string{"v1.1/Datastreams(1)/Observations?$select=result", "v1.1/Things(1)/name", "v1.1/Datastreams(1)", "v1.1/FeaturesOfInterest(2)/Observations", "v1.1/never"} {
		r.m.Want(topic, false)
	}
	put(day(16), 60)
	r.expect("nobody wants anything")
	if len(r.m.topics) != 0 || len(r.m.streams) != 0 || len(r.m.waiting) != 0 || r.m.Stats().Sent == 0 {
		t.Errorf("it remembers %v, %v, %v", r.m.topics, r.m.streams, r.m.waiting)
	}
	if _, err := (&Service{}).NewMessages(r.board); err == nil {
		t.Error("messages without addresses")
	}
}

// TestMessagesTellNothingSuppressed: not as a message, not as what is retained,
// and not to who comes later.
func TestMessagesTellNothingSuppressed(t *testing.T) {
	r := tellOf(t, conformant(t, &memory{}))
	const one, all = "v1.1/Datastreams(1)/Observations", "v1.1/Observations"
	r.want(one, all)
	d := &r.datasets[0]
	r.expect("how things are", "R "+one+" 3")
	next := gauge(t, "pb-1", "air_temperature", day(14), 4)
	r.put(d, suppressed(next))
	r.expect("suppressed from the beginning")
	r.put(d, gauge(t, "pb-1", "air_temperature", day(15), 5))
	r.expect("one that is not", "R "+one+" 5", all+" 5")
	last := gauge(t, "pb-1", "air_temperature", day(15), 5)
	last.Window = 15 * time.Minute
	r.put(d, suppressed(last))
	r.m.round()
	r.m.Want(one+"?$select=result", true) // before its Datastream knows
	r.expect("what comes to be suppressed is taken back", "R "+one+" ")
	if len(r.board.retained) != 0 {
		t.Errorf("retained: %v", r.board.retained)
	}
	r.put(d, gauge(t, "pb-1", "air_temperature", day(16), 6))
	r.expect("and then", "R "+one+" 6", "R "+one+"?$select=result 6", all+" 6")
}

// TestMessagesFollowTheCatalogue: stations come and go.
func TestMessagesFollowTheCatalogue(t *testing.T) {
	r := tellOf(t, conformant(t, &memory{}))
	r.want("v1.1/Things", "v1.1/Things?$select=name", "v1.1/Datastreams", "v1.1/Observations", "v1.1/Things(2)", "v1.1/Things(3)", "v1.1/Datastreams(3)/Observations", "v1.1/ObservedProperties(1)/Datastreams")
	r.expect("how things are", "R v1.1/Things(2) O'Neill-Platz", "R v1.1/Datastreams(3)/Observations 9")
	all := r.stations
	r.stations = append(slices.Clone(all), devices.Station{ID: "pb-3", Name: "Neu", Municipality: "paderborn", Domain: uplink.Environment})
	r.put(&r.datasets[0], gauge(t, "pb-3", "pm10", day(9), 77))
	r.expect("a new station", "R v1.1/Things(3) Neu", "v1.1/Things Neu", "v1.1/Things?$select=name Neu", "v1.1/Datastreams 2026-03-09T00:00:00Z/2026-03-09T00:15:00Z", "v1.1/Observations 77")
	r.stations = slices.Clone(r.stations)
	r.stations[2].Name = "Umbenannt"
	r.expect("another name", "R v1.1/Things(3) Umbenannt", "v1.1/Things Umbenannt", "v1.1/Things?$select=name Umbenannt", "v1.1/Datastreams 2026-03-09T00:00:00Z/2026-03-09T00:15:00Z")
	r.stations = slices.Clone(r.stations[:1])
	r.expect("two are withdrawn", "R v1.1/Things(2) ", "R v1.1/Things(3) ", "R v1.1/Datastreams(3)/Observations ")
	r.put(&r.datasets[1], gauge(t, "pb-2", "air_temperature", day(20), 90))
	r.m.round()
	for at, p := range r.m.waiting {
		p.since = p.since.Add(-knownAfter)
		r.m.waiting[at] = p
	}
	r.expect("a window of a station that is not public")
	if len(r.m.waiting) != 0 {
		t.Errorf("it waits for ever: %v", r.m.waiting)
	}
}

// TestMessagesAreBounded: in what is invented, and in what waits.
func TestMessagesAreBounded(t *testing.T) {
	r := tellOf(t, conformant(t, &memory{}))
	for i := range mostBroad + 5 {
		r.want("v1.1/Observations?$select=result" + strings.Repeat(",id", i))
	}
	if n := r.m.Stats().Topics; n != mostBroad {
		t.Errorf("%d selections are served, want %d", n, mostBroad)
	}
	r.want("v1.1/Observations")
	r.m.Want("v1.1/Observations?$select=result", false)
	r.want("v1.1/Observations?$select=resultTime")
	if n := r.m.Stats().Topics; n != mostBroad+1 {
		t.Errorf("%d topics, want %d", n, mostBroad+1)
	}
	rows := make([]devices.Aggregate, mostTold+3)
	for i := range rows {
		rows[i] = gauge(t, "pb-1", "pm10", day(1).Add(time.Duration(i)*15*time.Minute), 1)
		rows[i].Window = 15 * time.Minute
	}
	r.m.take(r.datasets[0].ID, rows)
	if s := r.m.Stats(); s.Lost != 3 || len(r.m.waiting) != mostTold {
		t.Errorf("%d lost, %d wait", s.Lost, len(r.m.waiting))
	}
	clear(r.m.waiting)
	r.m.take("fremd", rows[:1])
	hour := rows[0]
	hour.Window = time.Hour
	r.m.take(r.datasets[0].ID, []devices.Aggregate{hour})
	if len(r.m.waiting) != 0 {
		t.Errorf("what is no Observation waits: %v", r.m.waiting)
	}
	r.board.err = errors.New("full")
	r.put(&r.datasets[0], gauge(t, "pb-1", "pm10", day(30), 1))
	r.m.round()
	if s := r.m.Stats(); s.Failed == 0 || s.Sent != 0 {
		t.Errorf("%+v of a broker that takes nothing", s)
	}
}

// TestMessagesRun: the loop tells within a second, and ends.
func TestMessagesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := tellOf(t, conformant(t, &memory{}))
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- r.m.Run(ctx) }()
		r.want("v1.1/Observations")
		r.put(&r.datasets[0], gauge(t, "pb-1", "pm10", day(30), 30))
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || !slices.Equal(r.board.got, []string{"v1.1/Observations 30"}) {
			t.Errorf("told %v (%v)", r.board.got, err)
		}
	})
}

// topics with what they are about; empty of those that are none.
var topicNames = map[string]string{
	"v1.1/Observations": "Observations", "v1.1/Datastreams(1)/Observations": "Datastreams(1)/Observations", "v1.1/Things(1)/Datastreams(2)/Observations": "Things(1)/Datastreams(2)/Observations",
	"v1.1/Datastreams(1)/observedArea": "Datastreams(1)/observedArea", "v1.1/Datastreams(1)/properties/dataset": "Datastreams(1)/properties/dataset",
	"v1.1/Datastreams(1)/Observations?$select=phenomenonTime,result": "Datastreams(1)/Observations", "v1.1/Datastreams?$select=properties/dataset": "Datastreams",
	"": "", "v1.1/": "", "v1.0/Things": "", "v1.1/Nothing": "", "v1.1/Observations(7)": "", "v1.1/Datastreams(1)/Observations(7)/result": "", "v1.1/Datastreams(1": "",
	"v1.1/Datastreams(1)/Observations?$filter=result gt 1": "", "v1.1/Datastreams(1)/Observations?$select=": "", "v1.1/Datastreams(1)/Observations?$select=nothing": "",
	"v1.1/Datastreams(1)/Observations?$select=result&$top=1": "", "v1.1/Datastreams(1)/name?$select=name": "", "v1.1/Things/$ref": "", "v1.1/Things/$count": "",
}

func TestParseTopic(t *testing.T) {
	for name, want := range topicNames {
		got := ""
		if topic := parseTopic(name); topic != nil {
			got = topic.path
		}
		if got != want {
			t.Errorf("%q is about %q, want %q", name, got, want)
		}
	}
}

func FuzzTopic(f *testing.F) {
	for name := range topicNames {
		f.Add(name)
	}
	r := conformant(f, &memory{})
	b := &board{retained: map[string]string{}}
	m, err := r.service.NewMessages(b)
	if err != nil {
		f.Fatal(err)
	}
	m.round()
	f.Fuzz(func(t *testing.T, name string) {
		b.got = nil
		m.Want(name, true)
		if len(b.got) > 1 || len(b.got) == 1 && !strings.HasPrefix(b.got[0], "R "+name+" ") {
			t.Errorf("%q: told %v", name, b.got)
		}
		m.take(r.datasets[0].ID, []devices.Aggregate{{Station: "pb-1", Quantity: known(t, "pm10"), Start: day(30), Window: 15 * time.Minute, Count: 1, Mean: 1}})
		m.round()
		m.Want(name, false)
		if len(m.topics) != 0 || len(m.streams) != 0 || m.broad != 0 {
			t.Errorf("%q is remembered", name)
		}
	})
}
