package e2e

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// relay passes TCP connections on to a server that cannot be taken away itself.
// While it is cut there is nobody at its address.
type relay struct {
	t    *testing.T
	addr string // where it listens, each time again
	to   string
	cut  func() // closes all connections too
}

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
			running.Go(func() { carry(ctx, conn, r.to) })
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
func carry(ctx context.Context, conn net.Conn, to string) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", to)
	if err != nil {
		_ = conn.Close()
		return
	}
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{conn, server}, {server, conn}} {
		ways.Go(func() {
			defer end()
			_, _ = io.Copy(way[0], way[1])
		})
	}
	<-ctx.Done()
	_, _ = conn.Close(), server.Close()
	ways.Wait()
}
