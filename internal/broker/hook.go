package broker

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"modellregion/uplink"
)

// hook decides for the library who may log in and use which topic.
type hook struct {
	mochi.HookBase
	log      *slog.Logger
	accounts atomic.Pointer[accounts]

	mu      sync.Mutex
	current map[string]*conn // of each user and client id
	serial  uint64           // of connections

	badLogins        atomic.Uint64
	deniedPublishes  atomic.Uint64
	deniedSubscribes atomic.Uint64
}

// ID implements mochi.Hook.
func (h *hook) ID() string { return "acl" }

// Provides implements mochi.Hook.
func (h *hook) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnPublish || b == mochi.OnDisconnect
}

// OnConnectAuthenticate implements mochi.Hook. A will is checked like a
// publish, which the library does not do when it sends it.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	c, ours := cl.Net.Conn.(*conn)
	if !ours {
		return false
	}
	a, ok := h.accounts.Load().login(pk.Connect.Username, pk.Connect.Password)
	if !ok {
		h.badLogins.Add(1)
		h.deny(c, "MQTT login refused", "user", trim(string(pk.Connect.Username)), "reason", "unknown user or wrong password")
		return false
	}
	if pk.Connect.WillFlag && !a.mayPublish(pk.Connect.WillTopic) {
		h.badLogins.Add(1)
		h.deny(c, "MQTT login refused", "user", a.user, "reason", "will on a topic of others", "topic", trim(pk.Connect.WillTopic))
		return false
	}
	c.known.Store(true)
	c.limit.Store(maxPacket)
	if a.role == Platform {
		c.limit.Store(maxPlatform)
	}
	cl.ID = h.takeOver(a.user+"/"+cl.ID, c)
	// No session outlives its connection (version 3; for version 5 the
	// capabilities say so): the broker is not a queue.
	cl.Properties.Clean = true
	return true
}

// takeOver ends the connection that a client has already, as MQTT wants it
// (3.1.1 §3.1.4), and returns an id for the new one. A client id belongs to its
// user: nobody can end the connection of another by naming it.
//
// The library does not get to know that it is the same client. Where it does,
// the old connection, on its way out, can delete the subscriptions of the new
// one, which is then connected and deaf for ever: five times of a thousand when
// a client reconnects at once.
func (h *hook) takeOver(name string, c *conn) (id string) {
	h.mu.Lock()
	old := h.current[name]
	h.current[name] = c
	h.serial++
	id = name + "#" + strconv.FormatUint(h.serial, 10)
	h.mu.Unlock()
	if old != nil {
		_ = old.Close() // it may be closed already
	}
	return id
}

// OnDisconnect implements mochi.Hook.
func (h *hook) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	name := cl.ID[:max(0, strings.LastIndexByte(cl.ID, '#'))] // as takeOver made it
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current[name] == cl.Net.Conn {
		delete(h.current, name)
	}
}

// OnACLCheck implements mochi.Hook. It is called for every publish, every
// subscription and every delivery.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	a, known := (*h.accounts.Load())[string(cl.Properties.Username)]
	c, ours := cl.Net.Conn.(*conn)
	switch {
	case !known || !ours:
		return false
	case write && a.mayPublish(topic), !write && a.mayRead(topic):
		return true
	case write:
		h.deniedPublishes.Add(1)
		h.deny(c, "MQTT publish denied", "user", a.user, "topic", trim(topic))
	default:
		h.deniedSubscribes.Add(1)
		h.deny(c, "MQTT subscription denied", "user", a.user, "topic", trim(topic))
	}
	return false
}

// OnPublish implements mochi.Hook. Of what edges say, the broker retains their
// status alone: a topic for every gateway that an edge invents would fill its
// memory for ever.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	a := (*h.accounts.Load())[string(cl.Properties.Username)]
	if pk.FixedHeader.Retain && a.role == Edge && pk.TopicName != (uplink.Topic{Edge: a.user, Kind: uplink.KindStatus}).String() {
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

// deny logs the first refusal on a connection; all of them are counted.
func (h *hook) deny(c *conn, msg string, args ...any) {
	if !c.warned.Swap(true) {
		h.log.Warn(msg, append(args, "remote", c.RemoteAddr().String())...)
	}
}

// trim shortens what a stranger sent for the log.
func trim(s string) string { return s[:min(len(s), 128)] }
