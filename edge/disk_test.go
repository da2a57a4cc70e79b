package edge_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge"
)

// smallDisk is a file system of its own, of so many bytes.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "" {
		t.Skip("needs the right to mount a tmpfs")
	}
	if err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all room of a disk but some, and returns how to give it back.
func fill(t *testing.T, dir string, leave int64) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	size, err := f.Seek(0, 1)
	if err == nil {
		err = f.Truncate(size - leave)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// accepts reports whether a join accept is on its way to the station.
func (s *station) accepts() bool {
	for {
		select {
		case o := <-s.downs:
			if lorawan.MType(o.PHYPayload[0]>>5) == lorawan.JoinAccept {
				return true
			}
		default:
			return false
		}
	}
}

// When the disk is full the edge goes on: it decodes, publishes, answers and
// says so; when there is room again, everything is on disk.
func TestDiskIsFull(t *testing.T) {
	dir := smallDisk(t, "size=24m")
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	d := startDesk(t, addr)
	cfg := edge.Config{
		Name: "rathaus", Dir: dir, UDP: "127.0.0.1:0", UDPRate: -1, Window: 100_000, MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password},
		DedupWindow: 10 * time.Millisecond, CommitInterval: 5 * time.Millisecond,
	}
	e, err := edge.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	stop := background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	s.hear(abpFrame(t, 0), time.Now())
	eventually(t, "first uplink", p.has(0, 0))
	eventually(t, "outbox empty", emptied(t, e))

	free := fill(t, dir, 0)
	p.confirm(false) // so that the outbox grows
	n := uint32(1)
	eventually(t, "the edge says that the disk refuses", func() bool {
		first := n
		for range 100 { // fewer than may wait in front of the edge
			s.hear(abpFrame(t, n), time.Now())
			n++
		}
		eventually(t, "what it hears arrives", p.has(first, n-1))
		return d.disk() != ""
	})
	s.hear(abpFrame(t, n), time.Now())
	eventually(t, "what it hears arrives all the same", p.has(n, n))
	drain(s)
	s.hear(joinRequest(t, 9), time.Now())
	eventually(t, "it lets devices join", s.accepts)

	free()
	eventually(t, "the edge says that the disk takes again", func() bool { return d.disk() == "" })
	stop()
	p.confirm(true)
	if e, err = edge.Open(cfg); err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	eventually(t, "everything after a restart", p.has(0, n))
	eventually(t, "outbox empty", emptied(t, e))
	s = startStation(t, e)
	s.hear(abpFrame(t, n), time.Now())    // a replay
	s.hear(joinRequest(t, 9), time.Now()) // another
	s.hear(abpFrame(t, n+1), time.Now())
	eventually(t, "the next uplink", p.has(n+1, n+1))
	if s.accepts() {
		t.Error("a join request that was accepted from memory is accepted again")
	}
	once(t, p)
}

// once fails the test when a frame came with two times.
func once(t *testing.T, p *platform) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[uint32]time.Time{}
	for _, u := range p.uplinks {
		if at, ok := seen[u.FCnt]; ok && !at.Equal(u.Time) {
			t.Errorf("frame %d came with times %v and %v", u.FCnt, at, u.Time)
		}
		seen[u.FCnt] = u.Time
	}
}

func (d *desk) disk() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status["rathaus"].Disk
}

// On a disk that is read-only from the start nothing can be remembered: every
// restart would accept the frames of the last run again. It is refused by name.
func TestDiskIsReadOnly(t *testing.T) {
	dir := smallDisk(t, "size=24m")
	e, _ := open(t, dir, "127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err := edge.Open(edge.Config{Name: "rathaus", Dir: dir, UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://127.0.0.1:1"}})
	if err == nil || !strings.Contains(err.Error(), "read-only file system") || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want it to say that %s is read-only", err, dir)
	}
}

// Beyond its limits the outbox gives up the oldest, and says how many.
func TestOutboxLimits(t *testing.T) {
	addr, _ := startBroker(t, "127.0.0.1:0")
	p := startPlatform(t, addr, list())
	p.confirm(false)
	d := startDesk(t, addr)
	e, err := edge.Open(edge.Config{
		Name: "rathaus", Dir: t.TempDir(), UDP: "127.0.0.1:0", MQTT: edge.MQTT{URL: "tcp://" + addr, Password: password},
		DedupWindow: 10 * time.Millisecond, CommitInterval: 5 * time.Millisecond, MaxOutboxBytes: 20_000, MaxOutboxAge: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	eventually(t, "ready", ready(e))
	s := startStation(t, e)
	now := time.Now()
	for n := range uint32(10) { // too old
		s.hear(abpFrame(t, n), now.Add(-2*time.Hour))
	}
	eventually(t, "old ones are given up", func() bool { return e.Outbox() == 0 && p.has(0, 9)() })
	for n := uint32(10); n < 210; n++ {
		s.hear(abpFrame(t, n), now)
		if n%50 == 9 {
			eventually(t, "all are sent", p.has(10, n))
		}
	}
	eventually(t, "as many as fit stay", func() bool { return e.Outbox() > 40 && e.Outbox() < 120 })
	kept := e.Outbox()
	eventually(t, "the status says so", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return int(d.status["rathaus"].GivenUp) == 210-kept
	})
}
