package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The gateway tells systemd that it is ready, how it does, that it lives, and
// that it stops.
func TestSystemdIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "30000")
	g := start(t)
	buf := make([]byte, 4096)
	next := func(what string) string {
		t.Helper()
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return string(buf[:n])
	}
	for _, want := range []string{"READY=1", "STATUS=rathaus: 0 devices, 0 frames heard, 0 uplinks wait, no broker", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := next(want); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	g.stop()
	for got := ""; got != "STOPPING=1"; {
		if got = next("STOPPING=1"); got != "STOPPING=1" && got != "WATCHDOG=1" {
			t.Errorf("told %q at the end", got)
		}
	}
}

func TestWatchdogOfSystemdIsMisspelt(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "soon")
	if err := run(t.Context(), []string{"run", gatewayFile(t, "/etc/modellregion-edge/mqtt-password", "/dev/null")}, nil, &log{}); err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Errorf("error %v", err)
	}
}

// patient is a subject that falls ill and recovers.
type patient struct {
	mu  sync.Mutex
	err error
}

func (p *patient) Health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (*patient) Summary() string { return "all in one line" }

func (p *patient) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// The watchdog is fed three times in its patience, and only in good health.
func TestWatchdogIsFed(t *testing.T) {
	for _, watchdog := range []time.Duration{0, 21 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var told, logged log
			n := notifier{watchdog: watchdog, log: slog.New(slog.NewTextHandler(&logged, nil)), send: func(state string) error {
				_, err := fmt.Fprintln(&told, state)
				return err
			}}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			p := &patient{}
			seen := 0
			go func() { done <- n.run(ctx, p) }()
			pass := func(want ...string) {
				t.Helper()
				time.Sleep(9 * time.Second) // of the bubble
				synctest.Wait()
				if watchdog == 0 {
					want = slices.DeleteFunc(want, func(s string) bool { return s == "WATCHDOG=1" })
				}
				lines := strings.FieldsFunc(told.String()[seen:], func(r rune) bool { return r == '\n' })
				if !slices.Equal(lines, want) {
					t.Errorf("watchdog %v: told %q, want %q", watchdog, lines, want)
				}
				seen = len(told.String())
			}
			const fed = "WATCHDOG=1"
			time.Sleep(time.Second)
			pass("READY=1", "STATUS=all in one line", fed, "STATUS=all in one line")
			p.set(errors.Join(errors.New("no gateway"), errors.New("no broker")))
			pass()
			pass("STATUS=all in one line; not healthy: no gateway; no broker")
			p.set(nil)
			pass("STATUS=all in one line", fed)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if end := told.String()[seen:]; end != "STOPPING=1\n" {
				t.Errorf("told %q at the end", end)
			}
			if lines := strings.Count(logged.String(), "\n"); lines != 2 || !strings.Contains(logged.String(), `err="no gateway\nno broker"`) {
				t.Errorf("log: %s", logged.String())
			}
		})
	}
}

func TestSystemdThatIsGone(t *testing.T) {
	var logged bytes.Buffer
	n := notifier{log: slog.New(slog.NewTextHandler(&logged, nil)), send: func(string) error { return errors.New("gone") }}
	n.tell("READY=1")
	n.tell("WATCHDOG=1")
	if lines := strings.Count(logged.String(), "\n"); lines != 1 {
		t.Errorf("log: %s", logged.String())
	}
}
