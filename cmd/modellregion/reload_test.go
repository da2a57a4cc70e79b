//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/mqtt"
	"modellregion/internal/systemd"
	"modellregion/uplink"
)

// running is a service under a systemd of the test.
type running struct {
	config string // its file
	dir    string // its data folder
	log    *sharedLog
	reload chan os.Signal
	told   *net.UnixConn
	stop   func() error
}

// startService starts one with the configuration in a file.
func startService(t *testing.T, config string) *running {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = told.Close() }) // it was only read
	t.Setenv("NOTIFY_SOCKET", socket)
	r := &running{config: config, log: &sharedLog{}, reload: make(chan os.Signal, 2), told: told}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	notify, err := systemd.New(log)
	if err != nil {
		t.Fatal(err)
	}
	s := service{load: serveCmd{Config: config}.load, log: log, notify: notify, reload: r.reload}
	cfg, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	r.dir = cfg.DataDir
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, cfg) }()
	r.stop = func() error {
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

// next returns what systemd is told next beside the status.
func (r *running) next(t *testing.T) string {
	t.Helper()
	buf := make([]byte, 4096)
	if err := r.told.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := r.told.Read(buf)
		if err != nil {
			t.Fatalf("systemd is told nothing: %v", err)
		}
		if text := string(buf[:n]); !strings.HasPrefix(text, "STATUS=") {
			return text
		}
	}
}

// again lets the service read its configuration again, and returns its
// addresses when it says that it is ready.
func (r *running) again(t *testing.T) map[string]string {
	t.Helper()
	r.reload <- os.Interrupt // which signal it is matters to who subscribes
	if told := r.next(t); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[0-9]+\n`).MatchString(told) {
		t.Errorf("told %q, want RELOADING", told)
	}
	if told := r.next(t); told != "READY=1" {
		t.Errorf("told %q, want READY", told)
	}
	return r.at(t)
}

func (r *running) at(t *testing.T) (at map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "endpoints.json"))
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// change edits the configuration's file.
func (r *running) change(t *testing.T, old, text string) {
	t.Helper()
	data, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("no %q in the configuration", old)
	}
	if err := os.WriteFile(r.config, []byte(strings.Replace(string(data), old, text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConfigurationIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	r := startService(t, region(t, "/var/lib/modellregion", dir, "http: 127.0.0.1:8080", "http: 127.0.0.1:0", "internal: 127.0.0.1:9090", "internal: 127.0.0.1:0",
		"listen: 127.0.0.1:1883", "listen: 127.0.0.1:0", "listen: 127.0.0.1:8086", "listen: 127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0"))
	if told := r.next(t); told != "READY=1" {
		t.Fatalf("told %q at the start", told)
	}
	expect := func(at map[string]string, name, done, refused, failed string) {
		t.Helper()
		waitFor(t, "the portal of "+name, func() bool { return strings.Contains(page(at["http"], "/"), name) })
		seen := page(at["internal"], "/metrics")
		for result, want := range map[string]string{"done": done, "refused": refused, "failed": failed} {
			if line := `modellregion_reloads_total{result="` + result + `"} `; !strings.Contains(seen, line+want+"\n") {
				t.Errorf("want %s%s", line, want)
			}
		}
	}
	first := r.at(t)
	expect(first, "Musterland", "0", "0", "0")

	r.change(t, "Modellregion Musterland", "Modellregion Neuland")
	at := r.again(t)
	expect(at, "Neuland", "1", "0", "0")
	if _, err := net.Dial("tcp", first["http"]); err == nil {
		t.Error("the platform that was replaced still listens")
	}

	r.change(t, "raw_retention: 90d", "raw_retention: 1h")
	r.change(t, "\nhttp:", "\nhtpp:")
	expect(r.again(t), "Neuland", "1", "1", "0")
	r.change(t, "\nhtpp:", "\nhttp:")
	r.change(t, "raw_retention: 1h", "raw_retention: 90d")
	r.change(t, dir, dir+"2")
	r.change(t, "# roles: [ingest]", "roles: [public]")
	r.change(t, "  listen: 127.0.0.1:0", "  url: tcp://127.0.0.1:1")
	r.change(t, "  listen: 127.0.0.1:0", "  url: http://127.0.0.1:1")
	expect(r.again(t), "Neuland", "1", "2", "0")
	for _, want := range []string{"htpp", "data_dir:", "to move it, stop the platform", "roles: public, and the process runs ingest, aggregate, public, lists, edge"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	r.change(t, "  url: tcp://127.0.0.1:1", "  listen: 127.0.0.1:0")
	r.change(t, "  url: http://127.0.0.1:1", "  listen: 127.0.0.1:0")
	r.change(t, "roles: [public]", "# roles: [ingest]")
	r.change(t, dir+"2", dir)

	// A port that another has: the old configuration is taken again.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // nobody used it
	r.change(t, "Modellregion Neuland", "Modellregion Altland")
	r.change(t, "http: 127.0.0.1:0", "http: "+taken.Addr().String())
	expect(r.again(t), "Neuland", "1", "2", "1")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if told := r.next(t); told != "STOPPING=1" {
		t.Errorf("told %q at the end", told)
	}
}

// What an edge sends while the ingest is replaced is stored, once.
func TestReloadLosesNothing(t *testing.T) {
	edit, logins, db := beside(t)
	config, _ := withDevices(t, edit...)
	rathaus, got := asEdge(t, logins, uplink.KindStored)
	r := startService(t, config)
	if told := r.next(t); told != "READY=1" {
		t.Fatalf("told %q at the start", told)
	}
	began := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Minute)
	const all = 200
	stored := map[uint64]bool{}
	send := func(seq uint64) {
		one := uplinkOf(t, barrier, began.Add(time.Duration(seq)*time.Millisecond), "speed_mean", 47)
		batch := `{"v":1,"epoch":"5c1f","uplinks":[` + strings.Replace(one, `"seq":1,`, fmt.Sprintf(`"seq":%d,`, seq), 1) + "]}"
		topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindUp, Domain: uplink.Traffic}.String()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := rathaus.Publish(ctx, mqtt.Message{Topic: topic, Payload: []byte(batch), QoS: 1}); err != nil {
			t.Log(err) // what is not confirmed is sent again, as edges do
		}
	}
	take := func(payload []byte) {
		m, err := uplink.DecodeStored(payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, span := range m.Ranges {
			for seq := span[0]; seq <= span[1]; seq++ {
				stored[seq] = true
			}
		}
	}
	for seq := uint64(1); seq <= all; {
		select {
		case payload := <-got[uplink.KindStored]:
			take(payload)
		case <-time.After(5 * time.Millisecond):
			if seq%(all/2) == all/4 {
				r.reload <- os.Interrupt
			}
			send(seq)
			seq++
		}
	}
	for range 2 {
		if told, then := r.next(t), r.next(t); !strings.HasPrefix(told, "RELOADING=1\n") || then != "READY=1" {
			t.Errorf("told %q and %q", told, then)
		}
	}
	waitFor(t, "all are confirmed, after sending again", func() bool {
		for seq := uint64(1); seq <= all; seq++ {
			if !stored[seq] {
				send(seq)
			}
		}
		for after := time.After(300 * time.Millisecond); ; {
			select {
			case payload := <-got[uplink.KindStored]:
				take(payload)
			case <-after:
				return len(stored) == all
			}
		}
	})
	eui, err := uplink.ParseEUI(barrier)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := db.DeviceReadings(t.Context(), uplink.Traffic, eui, devices.Span{Start: began, End: began.Add(time.Minute)})
	if err != nil || len(reports) != all {
		t.Errorf("%d reports are stored, want %d (%v)", len(reports), all, err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
