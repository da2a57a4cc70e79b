package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// PublicRoot is the first level of all topics that anybody may read: those of
// OGC SensorThings 1.1 §14.2.
const PublicRoot = "v1.1"

// The limits of anonymous readers. All of them together, at their limits, cost
// some hundred megabytes.
const (
	publicClients    = 500     // at once
	publicPerAddress = 50      // likewise, of one address; of IPv6 of one network of 64 bits
	publicTopics     = 1000    // of one reader
	publicAllTopics  = 20_000  // of all readers, a topic counted for each
	publicTopicBytes = 512     // of a topic
	publicLevels     = 12      // likewise
	publicPacket     = 8 << 10 // bytes a reader may send at once
	publicQueue      = 256     // messages that wait for one reader, beyond which they are dropped
	publicPayload    = 1 << 20 // bytes of a message
	publicKeepAlive  = 600     // s: who says nothing for longer gives up its place
)

// PublicStats are counters of anonymous readers since the start.
type PublicStats struct {
	Connected        int64  // now
	Subscriptions    int64  // now
	Topics           int64  // that somebody wants now
	Refused          uint64 // connections: too many, or with a will
	DeniedPublishes  uint64 // each ends its connection
	DeniedSubscribes uint64
	Sent             int64 // messages to readers
	Dropped          int64 // messages to readers that did not keep up
}

// readers serves clients without a login. They have a broker of their own
// within this one: no mistake in a check lets them at a topic of the platform,
// and its queues are a hundredth of those for edges.
type readers struct {
	mochi.HookBase
	server *mochi.Server
	log    *slog.Logger
	most   int                             // at once
	tell   func(topic string, wanted bool) // may be nil

	// changing makes calls of tell come in order. It is locked before mu.
	changing sync.Mutex

	mu        sync.RWMutex
	serial    uint64
	connected int
	of        map[netip.Addr]int            // connections by address
	topics    map[*conn]map[string]struct{} // by connection; one that is over has none
	wanted    map[string]int                // readers by topic
	all       int                           // sum of wanted

	refused, deniedPublishes, deniedSubscribes atomic.Uint64
}

func newReaders(cfg Config) (*readers, error) {
	r := &readers{
		log: cfg.Log, most: cfg.PublicClients, tell: cfg.OnPublicTopic,
		of: map[netip.Addr]int{}, topics: map[*conn]map[string]struct{}{}, wanted: map[string]int{},
	}
	if r.most == 0 {
		r.most = publicClients
	}
	c := capabilities()
	c.MaximumClientWritesPending = publicQueue
	c.MaximumPacketSize = publicPacket
	// Nothing is kept for a reader until it has acknowledged.
	c.MaximumQos = 0
	c.MaximumInflight = 1
	c.SharedSubAvailable, c.WildcardSubAvailable, c.SubIDAvailable = 0, 0, 0
	r.server = mochi.New(&mochi.Options{
		Capabilities: c, InlineClient: true, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: math.MaxInt32,
	})
	return r, r.server.AddHook(r, nil)
}

// enter counts a connection and reports whether there is room for it. Of some,
// whose address is that of a proxy, the address does not count.
func (r *readers) enter(c *conn, addr netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.connected >= r.most || addr.IsValid() && r.of[addr] >= publicPerAddress {
		r.refused.Add(1)
		return false
	}
	r.connected++
	c.addr = addr
	r.of[addr]++
	r.topics[c] = map[string]struct{}{}
	return true
}

// leave forgets a connection that is over.
func (r *readers) leave(c *conn) {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.mu.Lock()
	topics, there := r.topics[c]
	if there {
		delete(r.topics, c)
		r.connected--
		if r.of[c.addr]--; r.of[c.addr] == 0 {
			delete(r.of, c.addr)
		}
	}
	r.mu.Unlock()
	for topic := range topics {
		r.unwant(topic)
	}
}

// want notes that a connection wants a topic. The caller holds r.changing.
func (r *readers) want(c *conn, topic string) bool {
	r.mu.Lock()
	topics, there := r.topics[c]
	_, already := topics[topic]
	if !there || !already && (len(topics) >= publicTopics || r.all >= publicAllTopics) {
		r.mu.Unlock()
		return false
	}
	first := false
	if !already {
		topics[topic] = struct{}{}
		r.wanted[topic]++
		r.all++
		first = r.wanted[topic] == 1
	}
	r.mu.Unlock()
	if first && r.tell != nil {
		r.tell(topic, true)
	}
	return true
}

// unwant notes that one reader less wants a topic. The caller holds r.changing.
func (r *readers) unwant(topic string) {
	r.mu.Lock()
	r.all--
	r.wanted[topic]--
	last := r.wanted[topic] == 0
	if last {
		delete(r.wanted, topic)
	}
	r.mu.Unlock()
	if !last {
		return
	}
	r.release(topic)
	if r.tell != nil {
		r.tell(topic, false)
	}
}

// release drops the retained message of a topic: readers invent selections, and
// what was retained for each would fill the memory.
func (r *readers) release(topic string) {
	r.server.Topics.RetainMessage(packets.Packet{TopicName: topic})
}

func (r *readers) wants(topic string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.wanted[topic] > 0
}

// errNotPublic is returned by Publish without Config.Public.
var errNotPublic = errors.New("the MQTT broker has no anonymous readers")

// Publish sends a message to the anonymous readers of a topic below PublicRoot.
// Without one it does nothing. Retained is kept, while somebody wants the
// topic, for readers that come later. The payload must not be changed any more.
func (b *Broker) Publish(topic string, payload []byte, retained bool) error {
	r := b.readers
	switch {
	case r == nil:
		return errNotPublic
	case !publicTopic(topic):
		return fmt.Errorf("publish on %.64q: want a topic below %s/", topic, PublicRoot)
	case len(payload) > publicPayload:
		return fmt.Errorf("publish on %.64q: %d bytes, want at most %d", topic, len(payload), publicPayload)
	case !r.wants(topic):
		return nil
	}
	if err := r.server.Publish(topic, payload, retained, 0); err != nil {
		return fmt.Errorf("publish on %.64q: %w", topic, err)
	}
	if retained && !r.wants(topic) { // since a moment
		r.release(topic)
	}
	return nil
}

// publicTopic reports whether anybody may read a topic. A wildcard is none:
// nobody could tell for which topics messages have to be made.
func publicTopic(topic string) bool {
	rest, ok := strings.CutPrefix(topic, PublicRoot+"/")
	return ok && rest != "" && len(topic) <= publicTopicBytes && strings.Count(topic, "/") < publicLevels &&
		!strings.ContainsAny(topic, "+#\x00") && utf8.ValidString(topic)
}

// ID implements mochi.Hook.
func (r *readers) ID() string { return "readers" }

// Provides implements mochi.Hook.
func (r *readers) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnSubscribe || b == mochi.OnUnsubscribe
}

// OnConnectAuthenticate implements mochi.Hook. Client ids mean nothing here:
// nobody can end the connection of another by using its id.
func (r *readers) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	c, ours := cl.Net.Conn.(*conn)
	if !ours || pk.Connect.UsernameFlag || pk.Connect.WillFlag {
		r.refused.Add(1)
		return false
	}
	c.known.Store(true)
	r.mu.Lock()
	r.serial++
	cl.ID = "reader#" + strconv.FormatUint(r.serial, 10)
	r.mu.Unlock()
	cl.Properties.Clean = true // no session outlives its connection
	if cl.State.Keepalive == 0 || cl.State.Keepalive > publicKeepAlive {
		cl.State.Keepalive, cl.State.ServerKeepalive = publicKeepAlive, true
	}
	return true
}

// OnSubscribe implements mochi.Hook. It comes before the topics are looked up,
// so that what tell publishes is retained by then.
func (r *readers) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	c, ours := cl.Net.Conn.(*conn)
	if !ours {
		return pk
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	for _, sub := range pk.Filters {
		if !publicTopic(sub.Filter) || !r.want(c, sub.Filter) {
			r.deniedSubscribes.Add(1)
			r.deny(c, "MQTT subscription denied", sub.Filter)
		}
	}
	return pk
}

// OnUnsubscribe implements mochi.Hook.
func (r *readers) OnUnsubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	c, ours := cl.Net.Conn.(*conn)
	if !ours {
		return pk
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	for _, sub := range pk.Filters {
		r.mu.Lock()
		_, had := r.topics[c][sub.Filter]
		delete(r.topics[c], sub.Filter)
		r.mu.Unlock()
		if had {
			r.unwant(sub.Filter)
		}
	}
	return pk
}

// OnACLCheck implements mochi.Hook: a reader may read what OnSubscribe has
// noted, and whoever publishes is no reader.
func (r *readers) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	c, ours := cl.Net.Conn.(*conn)
	if !ours {
		return false
	}
	if write {
		r.deniedPublishes.Add(1)
		r.deny(c, "MQTT publish denied", topic)
		_ = c.Close() // it may be closed already
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, may := r.topics[c][topic]
	return may
}

// deny logs the first refusal on a connection, quietly: anybody may cause it.
func (r *readers) deny(c *conn, msg, topic string) {
	if !c.warned.Swap(true) {
		r.log.Debug(msg, "user", "anonymous", "topic", trim(topic), "remote", c.RemoteAddr().String())
	}
}

func (r *readers) stats() PublicStats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	info := r.server.Info
	return PublicStats{
		Connected: int64(r.connected), Subscriptions: int64(r.all), Topics: int64(len(r.wanted)),
		Refused: r.refused.Load(), DeniedPublishes: r.deniedPublishes.Load(), DeniedSubscribes: r.deniedSubscribes.Load(),
		Sent: atomic.LoadInt64(&info.MessagesSent), Dropped: atomic.LoadInt64(&info.MessagesDropped),
	}
}
