package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// log is a buffer that may be read while it is written.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
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
			n := Notifier{watchdog: watchdog, log: slog.New(slog.NewTextHandler(&logged, nil)), send: func(state string) error {
				_, err := fmt.Fprintln(&told, state)
				return err
			}}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			p := &patient{}
			seen := 0
			go func() { done <- n.Run(ctx, p) }()
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
	n := Notifier{log: slog.New(slog.NewTextHandler(&logged, nil)), send: func(string) error { return errors.New("gone") }}
	n.tell("READY=1")
	n.tell("WATCHDOG=1")
	if lines := strings.Count(logged.String(), "\n"); lines != 1 {
		t.Errorf("log: %s", logged.String())
	}
}

// A reload is told with the time at which it began, and the watchdog is fed
// while it lasts.
func TestReloadIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told log
		n := Notifier{watchdog: 3 * time.Second, log: slog.New(slog.DiscardHandler), send: func(state string) error {
			_, err := fmt.Fprintln(&told, state)
			return err
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx, &patient{}) }()
		synctest.Wait()
		n.Reloading()
		time.Sleep(2500 * time.Millisecond) // of the bubble
		synctest.Wait()
		n.Ready()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := regexp.MustCompile(`^READY=1\nSTATUS=.*\nRELOADING=1\nMONOTONIC_USEC=[0-9]+\n+WATCHDOG=1\nWATCHDOG=1\nREADY=1\nSTOPPING=1\n$`)
		if !want.MatchString(told.String()) {
			t.Errorf("told %q", told.String())
		}
	})
}
