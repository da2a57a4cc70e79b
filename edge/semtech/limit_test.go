package semtech

import (
	"net/netip"
	"testing"
	"time"
)

// addr returns one of many addresses.
func addr(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 24), byte(n >> 16), 1}), uint16(n))
}

// admitted sends n datagrams at one instant and returns how many get through.
func admitted(l *limiter, from netip.AddrPort, n, size int, now time.Time) (count int) {
	for range n {
		if _, ok := l.admit(from, size, now); ok {
			count++
		}
	}
	return count
}

func TestLimiter(t *testing.T) {
	const rate = 500
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	l := newLimiter(rate)
	good, loud := addr(1), addr(2)
	for _, from := range []netip.AddrPort{good, loud} {
		if account, ok := l.admit(from, 0, now); !ok || account.IsValid() {
			t.Errorf("first datagram of %s: %t, counted as %s, want it as one of the new", from, ok, account)
		}
	}
	now = now.Add(knownAfter)
	for _, from := range []netip.AddrPort{good, loud} {
		if account, ok := l.admit(from, 0, now); !ok || account != from {
			t.Errorf("%s after %s: %t, counted as %s", from, knownAfter, ok, account)
		}
	}
	now = now.Add(time.Hour / 60)
	if got := admitted(l, loud, 5000, 0, now); got != 2*rate {
		t.Errorf("%d at once, want the burst of %d", got, 2*rate)
	}
	now = now.Add(time.Second)
	if got := admitted(l, loud, 5000, 0, now); got != rate {
		t.Errorf("%d a second later, want %d", got, rate)
	}
	now = now.Add(time.Second)
	if got := admitted(l, loud, 5000, 4096, now); got != rate/5 {
		t.Errorf("%d of 4 KiB each, want %d", got, rate/5)
	}
	// Who is new and who is many has no more than one has.
	got := 0
	for n := range 5000 {
		got += admitted(l, addr(100+n), 10, 0, now)
	}
	if got != 2*rate {
		t.Errorf("%d from 5000 new ports, want %d", got, 2*rate)
	}
	if got := admitted(l, good, 10, 200, now); got != 10 {
		t.Errorf("%d of 10 from the good gateway meanwhile", got)
	}
	// The largest datagram gets through at the smallest rate.
	if got := admitted(newLimiter(1), good, 2, MaxDatagram, now); got != 1 {
		t.Errorf("%d of the largest datagrams at one a second, want 1", got)
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	l := newLimiter(1_000_000)
	known := addr(0)
	l.admit(known, 0, now)
	l.admit(known, 0, now.Add(knownAfter))
	for n := range maxSources + 100 {
		if _, ok := l.admit(addr(n), 0, now.Add(knownAfter)); !ok {
			t.Fatalf("new source %d was refused", n)
		}
	}
	if len(l.sources) != maxSources {
		t.Errorf("%d sources, want %d", len(l.sources), maxSources)
	}
	// One that found no room is new for ever, but served.
	if account, ok := l.admit(addr(maxSources+1), 0, now.Add(time.Minute)); !ok || account.IsValid() {
		t.Errorf("one too many: %t, counted as %s", ok, account)
	}
	now = now.Add(time.Minute + sweepEvery)
	l.admit(addr(maxSources+1), 0, now)
	if len(l.sources) != 2 {
		t.Errorf("%d sources after a minute's silence, want the known and the speaking", len(l.sources))
	}
	now = now.Add(forgetKnown)
	l.admit(addr(maxSources+1), 0, now)
	if l.sources[known] != nil {
		t.Error("a known source is remembered after long silence")
	}
}

func BenchmarkAdmit(b *testing.B) {
	l := newLimiter(1)
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		l.admit(addr(1), 100, now)
	}
}
