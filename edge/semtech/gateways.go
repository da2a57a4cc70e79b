package semtech

import (
	"net/netip"
	"sync"
	"time"

	"github.com/brocaar/lorawan"
)

const (
	// moveAfter is how long a gateway must have been silent before PULL_DATA
	// from elsewhere is believed. Forwarders send it every 5 to 10 s. A gateway
	// may move, as routers change the port they gave it and a forwarder that
	// starts again has another; but who could move the downlinks of one that is
	// there would have them all, with one datagram.
	moveAfter = 30 * time.Second

	maxGateways = 4096            // with a way for downlinks, so that invented EUIs cannot fill the memory
	silentFor   = 5 * time.Minute // without PULL_DATA: may be forgotten when there are too many
)

// registry knows where gateways asked for downlinks from.
type registry struct {
	mu    sync.Mutex
	peers map[lorawan.EUI64]peer
	swept time.Time // when silent gateways were looked for last
}

// peer is where a gateway asks for downlinks from, and in which version of the
// protocol.
type peer struct {
	addr    netip.AddrPort
	version byte
	seen    time.Time
}

// pull takes a PULL_DATA. It returns where the gateway was before, the zero
// value when it was unknown, or why the PULL_DATA is not believed.
func (g *registry) pull(p Packet, from netip.AddrPort, now time.Time) (before netip.AddrPort, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, known := g.peers[p.Gateway]
	if silence := now.Sub(old.seen); known && old.addr != from && silence < moveAfter {
		return before, dropf(DropContended, "PULL_DATA of gateway %s, which sent it from %s %s ago", p.Gateway, old.addr, silence)
	}
	if !known && len(g.peers) >= maxGateways && !g.forgetSilent(now) {
		return before, dropf(DropGateway, "PULL_DATA of gateway %s, one more than the %d that are served", p.Gateway, maxGateways)
	}
	g.peers[p.Gateway] = peer{from, p.Version, now}
	return old.addr, nil
}

// forgetSilent makes room, so that invented gateways cannot keep a real one
// out for good. g.mu is held.
func (g *registry) forgetSilent(now time.Time) bool {
	if now.Sub(g.swept) < sweepEvery {
		return false // looking through all of them for each datagram would be an attack too
	}
	g.swept = now
	before := len(g.peers)
	for eui, p := range g.peers {
		if now.Sub(p.seen) > silentFor {
			delete(g.peers, eui)
		}
	}
	return len(g.peers) < before
}

// find returns where a gateway is.
func (g *registry) find(gateway lorawan.EUI64) (peer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.peers[gateway]
	return p, ok
}

const (
	tellEvery  = time.Second // of an unknown gateway
	maxUnknown = 1024        // told of in that time
)

// unknowns bounds how often the receiver is told of unknown gateways. It is
// for one goroutine.
type unknowns struct {
	told  map[lorawan.EUI64]bool
	since time.Time
}

// tell reports whether it is time to tell of the gateway.
func (u *unknowns) tell(gateway lorawan.EUI64, now time.Time) bool {
	if now.Sub(u.since) >= tellEvery {
		u.told, u.since = make(map[lorawan.EUI64]bool), now
	}
	if u.told[gateway] || len(u.told) >= maxUnknown {
		return false
	}
	u.told[gateway] = true
	return true
}
