package ingest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"modellregion/devices"
	"modellregion/uplink"
)

// EventDecoder translates the messages of the application server of another
// network; uplink/chirpstack and uplink/thethings have one each. What it returns
// is valid until its next call.
type EventDecoder interface {
	Decode(topic string, payload []byte) (uplink.ServerEvent, error)
}

// ServerConfig describes an application server of another network.
type ServerConfig struct {
	Name    string // its devices have it as their edge in the registry
	Decoder EventDecoder
	// Objects takes what the server's codec made of a payload, where there is
	// such; without it payloads are decoded by the profiles of the registry.
	Objects bool
	// Redeliver asks the broker for all messages that were not acknowledged, by
	// making a new connection. It may be called from any goroutine.
	Redeliver func()
	// Hearing reports whether there is a connection.
	Hearing func() bool
}

// Source takes the messages of an application server, each of which is
// acknowledged when what it says is stored.
type Source struct {
	cfg    ServerConfig
	ingest *Ingest
	acks   acks
	// lossy is the number of a connection on which a message was dropped. Those
	// after it are too, so that they come again together; asked, that of the last
	// one that was ended for it.
	lossy, asked atomic.Uint64
}

// Source returns the Source of a server. It must be called before Run.
func (i *Ingest) Source(cfg ServerConfig) *Source {
	s := &Source{cfg: cfg, ingest: i, acks: acks{room: semaphore.NewWeighted(i.cfg.HeldBytes)}}
	i.sources = append(i.sources, s)
	return s
}

// foreign is an uplink of another network, or what is in its place.
type foreign struct {
	source *Source
	topic  string
	kind   uplink.ServerEventKind
	uplink uplink.Uplink
	letter *devices.DeadLetter // instead of the uplink, for a message that says nothing
	err    error               // of letter
	ack    *ack
}

// Receive takes a message, and the number, from 1, of the connection on which
// it came, and calls done when it is dealt with, in the order in which messages
// came. It must be called by one goroutine. A message for which there is no room
// is dropped without that, and asked for again later.
func (s *Source) Receive(ctx context.Context, connection uint64, topic string, payload []byte, done func()) {
	if connection <= s.lossy.Load() {
		return
	}
	a := s.acks.next(done)
	f := &foreign{source: s, topic: topic, ack: a}
	ev, err := s.cfg.Decoder.Decode(topic, payload)
	now := time.Now()
	switch {
	case err != nil:
		f.letter, f.err = &devices.DeadLetter{Time: dayOf(now), Edge: s.cfg.Name, Reason: reasonFormat, Topic: topic, Message: string(payload)}, err
	case ev.Kind == uplink.ServerJoin:
		s.heard(&ev.Uplink)
		a.send()
		return
	case ev.Kind != uplink.ServerUp && ev.Kind != uplink.ServerStatus:
		a.send()
		return
	default:
		if !s.translate(f, &ev) { // nothing in it is to be stored
			a.send()
			return
		}
	}
	a.size = min(int64(len(topic)+len(payload)), s.ingest.cfg.HeldBytes)
	if !s.enqueue(ctx, a.size, item{foreign: f}) {
		s.acks.drop(a)
		s.lossy.Store(connection)
	}
}

// enqueue is that of the Ingest. Whoever stores is told when it has to wait.
func (s *Source) enqueue(ctx context.Context, size int64, it item) bool {
	if !s.acks.room.TryAcquire(size) {
		s.ingest.starved.Add(1)
		defer s.ingest.starved.Add(-1)
		select {
		case s.ingest.hurry <- struct{}{}:
		default:
		}
	} else {
		s.acks.room.Release(size)
	}
	return s.ingest.enqueue(ctx, s.acks.room, size, it)
}

// askAgain asks for what was dropped, once something can be stored again.
func (s *Source) askAgain() {
	if asked, lossy := s.asked.Load(), s.lossy.Load(); asked < lossy && s.asked.CompareAndSwap(asked, lossy) { // of several lanes, one asks
		s.cfg.Redeliver()
	}
}

// heard notes that a device is there.
func (s *Source) heard(u *uplink.Uplink) {
	d, ok := s.ingest.cfg.Directory.Find(u.DevEUI)
	if ok && d.Edge == s.cfg.Name && s.ingest.timely(u.Time, time.Now()) {
		s.ingest.silence.heardDevice(d.Number, u.DevEUI, u.Time, 0)
	}
}

// translate makes an uplink with readings of an event, and reports whether
// there is anything in it.
func (s *Source) translate(f *foreign, ev *uplink.ServerEvent) bool {
	f.kind = ev.Kind
	u := &f.uplink
	*u = ev.Uplink
	u.RX, u.Payload = slices.Clone(u.RX), slices.Clone(u.Payload)
	for _, health := range []struct {
		quantity string
		value    *float64
	}{{"battery_level", ev.Battery}, {"link_margin", ev.Margin}} {
		if health.value != nil {
			u.Readings = append(u.Readings, uplink.Reading{Quantity: health.quantity, Value: *health.value})
		}
	}
	if ev.Kind == uplink.ServerStatus {
		return len(u.Readings) > 0
	}
	d, ok := s.ingest.cfg.Directory.Find(u.DevEUI)
	if !ok { // a dead letter, which is decoded when the device is known
		if len(u.Payload) > 0 {
			u.Error = "not decoded, the device is unknown"
		}
		return true
	}
	object := ev.Object
	if !s.cfg.Objects {
		object = nil
	}
	empty := len(u.Payload) == 0 && object == nil
	if (empty || s.ingest.codecs.decode(d, u, object)) && len(u.Readings) == 0 {
		s.heard(u)
		return false
	}
	return true
}

// foreign adds an uplink of another network to the batch.
func (c *checker) foreign(f *foreign, b *batch, now time.Time) {
	b.acks = append(b.acks, f.ack)
	if f.letter != nil {
		c.bury(b, *f.letter, f.err)
		return
	}
	u := &f.uplink
	if f.kind == uplink.ServerUp && c.timely(u.Time, now) { // others have no counter
		u.Lost = c.doubts.lost(u)
	}
	c.uplink(origin{f.source.cfg.Name, f.topic}, u, b, now)
}

// acks keeps the acknowledgements of a source in the order of its messages
// (MQTT 3.1.1 §4.6).
type acks struct {
	room    *semaphore.Weighted // bytes of the messages, which bound what is under way
	mu      sync.Mutex
	waiting []*ack
}

// ack is the acknowledgement of one message.
type ack struct {
	of    *acks
	done  func()
	size  int64 // of room that the message takes; 0: none
	ready bool
}

func (a *acks) next(done func()) *ack {
	n := &ack{of: a, done: done}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, n)
	return n
}

// send acknowledges the message, and those after it that waited for it.
func (n *ack) send() {
	a := n.of
	a.mu.Lock()
	defer a.mu.Unlock()
	n.ready = true
	sent := 0
	for ; sent < len(a.waiting) && a.waiting[sent].ready; sent++ {
		a.waiting[sent].done()
		a.room.Release(a.waiting[sent].size)
	}
	clear(a.waiting[:sent])
	if a.waiting = a.waiting[sent:]; len(a.waiting) == 0 {
		a.waiting = nil
	}
}

// drop takes back the last one.
func (a *acks) drop(last *ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.waiting) - 1; n >= 0 && a.waiting[n] == last {
		a.waiting = a.waiting[:n]
	}
}
