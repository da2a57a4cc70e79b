package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener in memory, which knows the clock of synctest.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// A client that is slow on purpose, or idle, is cut off in time, and one that
// says too much is told so.
func TestClientsThatHold(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\n"
	// trickle sends the text and then a byte a second.
	trickle := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, err := io.WriteString(c, text)
			for ; err == nil; time.Sleep(time.Second) {
				_, err = io.WriteString(c, "x")
			}
		}
	}
	endless := func(begin, again string) func(net.Conn) {
		return func(c net.Conn) {
			_, err := io.WriteString(c, begin)
			for err == nil {
				_, err = io.WriteString(c, again)
			}
		}
	}
	say := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) } // the server may have heard enough
	}
	for name, tc := range map[string]struct {
		client  func(net.Conn)
		reads   bool // the client reads what is answered
		status  string
		atLeast time.Duration
		within  time.Duration
	}{
		"a header byte by byte":   {trickle(head + "X-Slow: "), true, "", 4 * time.Second, 6 * time.Second},
		"headers without end":     {endless(head, "X: x\r\n"), true, "HTTP/1.1 431", 0, time.Second},
		"a body byte by byte":     {trickle(head + "Content-Length: 1000000\r\n\r\n"), true, "HTTP/1.1 400", 9 * time.Second, 12 * time.Second},
		"nothing":                 {say(""), true, "", 4 * time.Second, 6 * time.Second},
		"idle after an answer":    {say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), true, "HTTP/1.1 200", 2 * time.Minute, 2*time.Minute + 2*time.Second},
		"large headers":           {say(head + "X: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"), true, "HTTP/1.1 431", 0, time.Second},
		"an answer nobody reads":  {say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), false, "", time.Minute, time.Minute + 2*time.Second},
		"a version that is none":  {say("GET / HTTP/9.9\r\nHost: x\r\n\r\n"), true, "HTTP/1.1 505", 0, time.Second},
		"no host":                 {say("GET / HTTP/1.1\r\n\r\n"), true, "HTTP/1.1 400", 0, time.Second},
		"two lengths of one body": {say(head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), true, "HTTP/1.1 400", 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := make(pipes, 1)
				s := serverOn(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						w.WriteHeader(http.StatusBadRequest)
						return
					}
					_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) // the client has gone
				}))
				running := make(chan error, 1)
				go func() { running <- s.http.Serve(l) }()
				client, server := net.Pipe()
				closed := make(chan time.Time, 1)
				l <- closing{server, sync.OnceFunc(func() { closed <- time.Now() })}
				began := time.Now()
				var talking sync.WaitGroup
				talking.Go(func() { tc.client(client) })
				var status string
				if tc.reads {
					answer := bufio.NewReader(client)
					status, _ = answer.ReadString('\n') // ends with the connection
					_, _ = io.Copy(io.Discard, answer)
				}
				took := (<-closed).Sub(began)
				if took < tc.atLeast || took > tc.within || !strings.HasPrefix(status, tc.status) || (tc.status == "") != (status == "") {
					t.Errorf("%q and closed after %v, want %q after %v to %v", status, took, tc.status, tc.atLeast, tc.within)
				}
				_ = client.Close() // the other end is closed
				talking.Wait()
				close(l)
				if err := <-running; !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// closing tells when a connection is closed.
type closing struct {
	net.Conn
	told func()
}

func (c closing) Close() error {
	c.told()
	return c.Conn.Close()
}
