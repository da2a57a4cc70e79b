package guard

import (
	"container/list"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// client is what is known of one address.
type client struct {
	key     netip.Addr
	tokens  float64 // cost that it may cause now, as of then
	then    time.Time
	running int           // requests
	streams int           // likewise, of classes of streams
	idle    *list.Element // in clients.idle, when it has none of either
}

// clients remembers a bounded number of them. Who has nothing running and was
// not seen for the longest is forgotten first: by then its tokens are back, or
// there are so many clients that the limits of all together count.
type clients struct {
	cfg *Config

	mu    sync.Mutex
	known map[netip.Addr]*client
	idle  *list.List // of *client, the one not seen for the longest first
}

func newClients(cfg *Config) *clients {
	return &clients{cfg: cfg, known: map[netip.Addr]*client{}, idle: list.New()}
}

// enter counts a request of a client, or returns why not and after how long it
// may come again. Each that is counted must leave.
func (cs *clients) enter(key netip.Addr, class *Class) (who *client, why Reason, wait time.Duration) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.get(key)
	if c == nil {
		return nil, Busy, time.Second
	}
	now := time.Now()
	c.tokens = min(cs.cfg.Burst, c.tokens+now.Sub(c.then).Seconds()*cs.cfg.Rate)
	c.then = now
	cost := float64(class.Cost)
	switch {
	case class.Stream && c.streams >= class.PerClient, !class.Stream && c.running >= cs.cfg.PerClient:
		why, wait = Client, time.Second
	case c.tokens < cost:
		why, wait = Rate, time.Duration((cost-c.tokens)/cs.cfg.Rate*float64(time.Second))
	}
	if why != none {
		cs.rest(c)
		return nil, why, wait
	}
	c.tokens -= cost
	if class.Stream {
		c.streams++
	} else {
		c.running++
	}
	return c, none, 0
}

// get returns a client, which is not idle then; nil when there are too many.
func (cs *clients) get(key netip.Addr) *client {
	if c := cs.known[key]; c != nil {
		if c.idle != nil {
			cs.idle.Remove(c.idle)
			c.idle = nil
		}
		return c
	}
	if len(cs.known) >= cs.cfg.Clients {
		oldest := cs.idle.Front()
		if oldest == nil {
			return nil
		}
		delete(cs.known, cs.idle.Remove(oldest).(*client).key)
	}
	c := &client{key: key, tokens: cs.cfg.Burst, then: time.Now()}
	cs.known[key] = c
	return c
}

func (cs *clients) leave(c *client, class *Class) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if class.Stream {
		c.streams--
	} else {
		c.running--
	}
	cs.rest(c)
}

// rest makes a client idle that has nothing running.
func (cs *clients) rest(c *client) {
	if c.running == 0 && c.streams == 0 && c.idle == nil {
		c.idle = cs.idle.PushBack(c)
	}
}

func (cs *clients) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.known)
}

// Client names whose request it is, as the limits count it: an address, or of
// IPv6 a network of 64 bits. Others that count clients behind the guard, and
// behind the same proxies, mean the same ones with it.
func (g *Guard) Client(r *http.Request) string {
	return clientOf(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), g.cfg.Trusted).String()
}

// Secure reports whether the client's connection had TLS, as a trusted proxy says
// in X-Forwarded-Proto. Of several values the first is the client's.
func (g *Guard) Secure(r *http.Request) bool {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(proto), "https") && trusts(parseAddr(r.RemoteAddr), g.cfg.Trusted)
}

func trusts(addr netip.Addr, trusted []netip.Prefix) bool {
	return addr.IsValid() && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// clientOf returns whose request it is: the peer, or, where the peer is a
// trusted proxy, the last address of X-Forwarded-For that is none. What stands
// before it may be invented. Of IPv6 it is the network of 64 bits that one
// subscriber has.
func clientOf(peer string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	addr := parseAddr(peer)
	rest := strings.Join(forwarded, ",")
	for rest != "" && trusts(addr, trusted) {
		i := strings.LastIndexByte(rest, ',')
		next := parseAddr(strings.TrimSpace(rest[i+1:]))
		if !next.IsValid() {
			break
		}
		addr, rest = next, rest[:max(i, 0)]
	}
	if addr.Is6() {
		addr = netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// parseAddr reads an address with or without a port; the zero one when it is
// none.
func parseAddr(s string) netip.Addr {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		both, _ := netip.ParseAddrPort(s) // zero when it is none either
		addr = both.Addr()
	}
	return addr.Unmap().WithZone("")
}
