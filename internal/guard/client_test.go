package guard

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
)

// However many clients come, so many are remembered, and not those that have
// something running forgotten.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Clients: 100, Concurrent: 8, Queue: 8, PerClient: 1, Classes: []Class{{Name: "all"}}})
		d := newDoors()
		slow := g.Wrap(d)
		var running sync.WaitGroup
		running.Go(func() { ask(slow, "192.0.2.1", "/") })
		synctest.Wait()
		quick := g.Wrap(http.NotFoundHandler())
		for i := range 10_000 {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
			if w := ask(quick, addr, "/"); w.Code != http.StatusNotFound {
				t.Fatalf("client %d: %d", i, w.Code)
			}
		}
		refused(t, ask(quick, "192.0.2.1", "/"), http.StatusTooManyRequests, "1")
		if n := g.Stats().Clients; n != 100 || g.clients.idle.Len() != 99 {
			t.Errorf("%d clients are remembered, %d idle", n, g.clients.idle.Len())
		}
		close(d.open)
		running.Wait()
	})
}

func TestClientOf(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tc := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1"},
		{"10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"203.0.113.1, 198.51.100.1, 10.2.3.4"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"203.0.113.1", "198.51.100.1,10.2.3.4"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"198.51.100.1:8080"}, "198.51.100.1"},
		{"10.0.0.1:5", []string{"[2001:db8:1:2:3::4]:8080"}, "2001:db8:1:2::"},
		{"10.0.0.1:5", []string{"[2001:db8:1:2:3::4]"}, "2001:db8:1:2::"},
		{"10.0.0.1:5", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.1, unknown, 10.9.9.9"}, "10.9.9.9"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"10.0.0.1:5", []string{","}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"10.0.0.2,10.0.0.3"}, "10.0.0.2"},
		{"[fd00::1%eth0]:5", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		{"[2001:db8:1:2:3:4:5:6]:5", nil, "2001:db8:1:2::"},
		{"@", []string{"198.51.100.1"}, "invalid IP"},
		{"", nil, "invalid IP"},
	} {
		if got := clientOf(tc.peer, tc.forwarded, trusted).String(); got != tc.want {
			t.Errorf("%s for %q: %s, want %s", tc.peer, tc.forwarded, got, tc.want)
		}
	}
}

// FuzzClientOf: who is not a proxy cannot pretend, and a client is never a
// single address of IPv6.
func FuzzClientOf(f *testing.F) {
	for _, s := range []string{"", "198.51.100.1", "203.0.113.1, 198.51.100.1, 10.2.3.4", "[2001:db8::1]:1", "::ffff:1.2.3.4", ",,", "fe80::1%x"} {
		f.Add("192.0.2.1:5", s)
		f.Add("10.0.0.1:5", s)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		got := clientOf(peer, []string{forwarded}, trusted)
		if alone := clientOf(peer, nil, trusted); !trusted[0].Contains(alone) && got != alone {
			t.Errorf("%q for %q is taken for %s", peer, forwarded, got)
		}
		if got.Is4In6() || got.Zone() != "" || got.Is6() && netip.PrefixFrom(got, 64).Masked().Addr() != got {
			t.Errorf("%q for %q is %s", peer, forwarded, got)
		}
	})
}

// Others mean the same clients.
// Only a trusted proxy can say that a client has TLS.
func TestSecure(t *testing.T) {
	g := newGuard(t, Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, tc := range []struct {
		peer, proto string
		want        bool
	}{
		{"10.0.0.1:5", "https", true},
		{"10.0.0.1:5", "HTTPS, http", true},
		{"10.0.0.1:5", "http, https", false},
		{"10.0.0.1:5", "", false},
		{"192.0.2.1:5", "https", false},
		{"@", "https", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.peer
		r.Header.Set("X-Forwarded-Proto", tc.proto)
		if got := g.Secure(r); got != tc.want {
			t.Errorf("%s says %q: %t, want %t", tc.peer, tc.proto, got, tc.want)
		}
	}
}

func TestClient(t *testing.T) {
	g, err := New(Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:4711"
	r.Header.Set("X-Forwarded-For", "192.0.2.7, 2001:db8:1:2:3::4")
	if got := g.Client(r); got != "2001:db8:1:2::" {
		t.Errorf("the client is %s", got)
	}
}
