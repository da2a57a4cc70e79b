package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
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
