package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"modellregion/uplink"
)

// hook decides for the library who may log in and use which topic.
type hook struct {
	retains
	log      *slog.Logger
	accounts atomic.Pointer[accounts]

	mu      sync.Mutex       // accounts change under it too, so that a login is under the old or the new ones
	current map[string]*conn // of each user and client id
	serial  uint64           // of connections

	badLogins        atomic.Uint64
	deniedPublishes  atomic.Uint64
	deniedSubscribes atomic.Uint64

	untrusted, expired, revoked, otherUser, cut atomic.Uint64 // see CertificateStats
}

// ID implements mochi.Hook.
func (h *hook) ID() string { return "acl" }

// Provides implements mochi.Hook.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish,
		mochi.OnRetainMessage, mochi.OnWill, mochi.OnPacketSent, mochi.OnPacketProcessed:
		return true
	}
	return false
}

// OnConnectAuthenticate implements mochi.Hook. A will is checked like a
// publish, which the library does not do when it sends it. The connection that a
// client has already is ended, as MQTT wants it (3.1.1 §3.1.4); a client id
// belongs to its user, and nobody can end the connection of another by naming it.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	c, ours := cl.Net.Conn.(*conn)
	if !ours {
		return false
	}
	h.mu.Lock()
	a, shown, why := h.accounts.Load().login(c.cert, string(pk.Connect.Username), pk.Connect.Password, time.Now())
	if why == "" && pk.Connect.WillFlag && !a.mayPublish(pk.Connect.WillTopic) {
		why = otherWill
	}
	var old *conn
	if why == "" {
		c.name, c.user, c.shown = a.user+"/"+cl.ID, a.user, shown
		old = h.current[c.name]
		h.current[c.name] = c
		h.serial++
		// Where the library gets to know that it is the same client, the old
		// connection, on its way out, can delete the subscriptions of the new one,
		// which is then connected and deaf for ever: five times of a thousand when a
		// client reconnects at once.
		cl.ID = c.name + "#" + strconv.FormatUint(h.serial, 10)
		h.endWith(c, shown)
	}
	h.mu.Unlock()
	if old != nil {
		_ = old.Close() // it may be closed already
	}
	if why != "" {
		h.refuse(c, why, string(pk.Connect.Username))
		return false
	}
	c.known.Store(true)
	c.onLogin(c)
	c.limit.Store(maxPacket)
	if a.role == Platform {
		c.limit.Store(maxPlatform)
	}
	cl.Properties.Username = []byte(a.user) // a certificate needs no user name beside it
	// No session outlives its connection (version 3; for version 5 the
	// capabilities say so): the broker is not a queue.
	cl.Properties.Clean = true
	return true
}

// refuse counts and logs a login that was refused.
func (h *hook) refuse(c *conn, why refusal, user string) {
	counter := &h.badLogins
	switch why {
	case certExpired:
		counter = &h.expired
	case certRevoked:
		counter = &h.revoked
	case certOther:
		counter = &h.otherUser
	}
	counter.Add(1)
	facts := []any{"user", trim(user), "reason", string(why)}
	if c.cert != nil {
		facts = append(facts, "certificate", trim(c.cert.Subject.CommonName), "serial", serialOf(c.cert))
	}
	h.deny(c, "MQTT login refused", facts...)
}

// handshakeFailed counts and logs the certificate of a client that the
// handshake did not take. Other failures are a stranger's noise.
func (h *hook) handshakeFailed(c *conn, err error) {
	refused, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(refused.UnverifiedCertificates) == 0 {
		return
	}
	counter := &h.untrusted
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](refused.Err); ok && invalid.Reason == x509.Expired {
		counter = &h.expired
	}
	counter.Add(1)
	cert := refused.UnverifiedCertificates[0]
	h.deny(c, "MQTT certificate refused", "certificate", trim(cert.Subject.CommonName), "serial", serialOf(cert), "err", refused.Err)
}

// replace takes other accounts into use and ends the connections that these do
// not let in. It does not leave that to the library: when its Stop comes while a
// packet is dealt with, it takes the end for an orderly one and keeps the will to
// itself.
func (h *hook) replace(as accounts) {
	h.mu.Lock()
	old := *h.accounts.Swap(&as)
	var over []*conn
	for _, c := range h.current {
		a, still := as[c.user]
		shown, has := a.find(c.shown)
		if !still || !has || !a.sameRights(old[c.user]) {
			over = append(over, c)
			continue
		}
		h.endWith(c, shown)
	}
	h.mu.Unlock()
	for _, c := range over {
		h.end(c, "its identity has changed or was revoked")
	}
}

// endWith lets a connection end when the credential or its certificate does. The
// caller holds h.mu.
func (h *hook) endWith(c *conn, shown Credential) {
	until := shown.Until
	if c.cert != nil && (until.IsZero() || c.cert.NotAfter.Before(until)) {
		until = c.cert.NotAfter
	}
	if c.expiry != nil {
		c.expiry.Stop()
	}
	if !until.IsZero() {
		c.expiry = time.AfterFunc(time.Until(until), func() { h.end(c, "what it logged in with has expired") })
	}
}

// end ends a connection that has logged in.
func (h *hook) end(c *conn, why string) {
	h.cut.Add(1)
	h.deny(c, "MQTT connection ended", "user", c.user, "reason", why)
	_ = c.Close() // it may be closed already
}

// leave forgets a connection that is over.
func (h *hook) leave(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current[c.name] == c {
		delete(h.current, c.name)
	}
	if c.expiry != nil {
		c.expiry.Stop()
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
	if pk.FixedHeader.Retain { // nothing but OnRetainMessage comes between
		h.change(cl)
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
