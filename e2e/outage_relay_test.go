package e2e

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay passes TCP connections on to a server that cannot be taken away itself.
// While it is cut there is nobody at its address.
type relay struct {
	t    *testing.T
	addr string // where it listens, each time again
	to   string
	cut  func() // closes all connections too
	mood atomic.Int32
	ill  bool // of use to a test that lets several things happen to it
}

// What a relay does with what it is given.
const (
	prompt int32 = iota // passes it on
	slow                // a quarter of a second later
	drip                // byte by byte, less than 1 kB/s
	mute                // swallows it: either side believes that the other is there
)

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	r := &relay{t: t, addr: lastingPort(t), to: to}
	r.open()
	t.Cleanup(func() { r.cut() })
	return r
}

// open undoes cut.
func (r *relay) open() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it is cut
			}
			running.Go(func() { r.carry(ctx, conn) })
		}
	})
	r.cut = func() {
		_ = l.Close() // it may be cut already
		cancel()
		running.Wait()
	}
}

// carry passes on what comes from either side, until one of them ends or ctx
// does. It has no errors of its own: whatever happens, a side sees its
// connection end.
func (r *relay) carry(ctx context.Context, conn net.Conn) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", r.to)
	if err != nil {
		_ = conn.Close()
		return
	}
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{conn, server}, {server, conn}} {
		ways.Go(func() {
			defer end()
			r.pass(ctx, way[0], way[1])
		})
	}
	<-ctx.Done()
	_, _ = conn.Close(), server.Close()
	ways.Wait()
}

// pass brings what comes from one side to the other, in the mood of the moment.
func (r *relay) pass(ctx context.Context, to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		for rest := buf[:n]; len(rest) > 0 && err == nil; {
			piece, wait := len(rest), time.Duration(0)
			switch r.mood.Load() {
			case slow:
				wait = time.Second / 4
			case drip:
				piece, wait = 1, time.Millisecond
			case mute:
				rest = nil
				continue
			}
			if wait > 0 {
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
				}
			}
			_, err = to.Write(rest[:piece])
			rest = rest[piece:]
		}
		if err != nil {
			return
		}
	}
}
