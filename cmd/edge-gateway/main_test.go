package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/uplink"
)

const example = "../../deploy/edge-gateway.example.yaml"

// gatewayFile writes the example configuration, changed, into a folder of the
// test.
func gatewayFile(t *testing.T, edit ...string) string {
	t.Helper()
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "edge.yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(edit...).Replace(string(data))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandLine(t *testing.T) {
	var out, help bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, &help); err != nil || !strings.Contains(help.String(), "edge-gateway.example.yaml") {
		t.Errorf("help: %v\n%s", err, help.String())
	}
	for _, command := range []string{"frames", "devices"} {
		help.Reset()
		if err := run(t.Context(), []string{command, "-help"}, &out, &help); err != nil || !strings.Contains(help.String(), "edge-gateway "+command+" [flags] CONFIG") ||
			!strings.Contains(help.String(), "-json") {
			t.Errorf("help of %s: %v\n%s", command, err, help.String())
		}
	}
	for _, args := range []string{"version", "--version"} {
		out.Reset()
		if err := run(t.Context(), []string{args}, &out, io.Discard); err != nil || !strings.HasPrefix(out.String(), version+" (") {
			t.Errorf("%s: %q (%v)", args, out.String(), err)
		}
	}
	for args, want := range map[string]string{
		"":                "command \"\" is unknown",
		"dance":           "command \"dance\" is unknown, want run, check, frames, devices, forget or version",
		"check":           "check wants one CONFIG, after its flags, got 0",
		"run a b":         "run wants one CONFIG, after its flags, got 2",
		"frames -n 300 x": "frames: -n 300, want 0 to 256",
		"frames -n x y":   `invalid value "x" for flag -n`,
		"devices x -json": "devices wants one CONFIG, after its flags, got 2",
		"frames /none":    "/none",
		"devices /none":   "/none",
		"forget":          "forget wants CONFIG and DEVEUI, after its flags, got 0",
		"forget x":        "forget wants CONFIG and DEVEUI, after its flags, got 1",
		"forget /none 70": "/none",
		"version x":       "version wants nothing more",
		"-log loud check": "loud",
		"check /none":     "/none",
	} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want it to say %q", args, err, want)
		}
	}
}

func TestCheckConfiguration(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"check", example}, &out, io.Discard); err != nil || !strings.Contains(out.String(), "good; edge rathaus") {
		t.Errorf("the example: %v\n%s", err, out.String())
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "data_dir:", "datadir:", "datadir"},
		{"name", "name: rathaus", "name: Rathaus", `name: edge name "Rathaus"`},
		{"no folder", "data_dir: /var/lib/modellregion-edge", "data_dir: ''", "data_dir: must be given"},
		{"port", "udp: 127.0.0.1:1700", "udp: '1700'", `udp: "1700", want host:port`},
		{"broker", "url: ssl://mqtt.modellregion.example:8883", "url: http://x", `mqtt.url: "http://x", want ssl://`},
		{"station for other machines", "  listen: \"\"", "  listen: 0.0.0.0:3001", "station.cert_file and station.key_file too"},
		{"station's port", "  listen: \"\"", "  listen: here", `station.listen: "here"`},
		{"password in the URL", "ssl://mqtt.", "ssl://rathaus:geheim@mqtt.", `mqtt.url: "ssl://rathaus:xxxxx@mqtt.`},
		{"commit interval", "commit_interval: 50ms", "commit_interval: 0s", "commit_interval: 0s, want 1ms to 10s"},
		{"deduplication", "dedup_window: 200ms", "dedup_window: 3s", "dedup_window: 3s, want 0s to 2s"},
		{"window", "window: 4096", "window: 0", "window: 0, want 1 to 100000 uplinks"},
		{"clock", "clock: host", "clock: atomic", `clock: "atomic", want host or synced`},
		{"no unit", "max_bytes: 1GB", "max_bytes: 1000000000", `"1000000000" is no size, want a whole number with`},
		{"little room", "max_bytes: 1GB", "max_bytes: 1kB", "outbox.max_bytes: 1000 bytes, want at least 1000000"},
		{"age", "max_age: 168h", "max_age: 1s", "outbox.max_age: 1s, want 1m0s to 8760h0m0s"},
		{"silence", "silence: 15m", "silence: 10s", "watchdog.silence: 10s, want 1m0s to 8760h0m0s, or 0 for never"},
		{"stuck", "stuck: 30m", "stuck: -1s", "watchdog.stuck: -1s, want"},
		{"gateway", "gateways: []", "gateways: [xyz]", "EUI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), []string{"check", gatewayFile(t, c.old, c.new)}, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

// A key that is left out has the value that the example shows.
func TestExampleShowsTheDefaults(t *testing.T) {
	shown, err := loadConfig(example)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "edge.yaml")
	required := fmt.Sprintf("name: %s\nlorawan: {region: EU868}\nmqtt: {url: %q}\n", shown.Name, shown.MQTT.URL)
	if err := os.WriteFile(path, []byte(required), 0o600); err != nil {
		t.Fatal(err)
	}
	least, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	// The one has no password, the others are package edge's defaults.
	shown.MQTT.PasswordFile, shown.LoRaWAN.StatusEvery, shown.UDPRate, shown.Gateways = "", 0, 0, nil
	if diff := cmp.Diff(shown, least); diff != "" {
		t.Errorf("the example differs from the defaults: %s", diff)
	}
}

// Zero is never, which package edge does not take for its default.
func TestZeroIsNever(t *testing.T) {
	c := defaults()
	c.DedupWindow, c.Watchdog.Silence, c.Watchdog.Stuck = 0, 0, 0
	got, _, err := c.edge(nil, nil)
	if err != nil || got.DedupWindow >= 0 || got.Silence >= 0 || got.Stuck >= 0 {
		t.Errorf("%+v (%v)", got, err)
	}
	if got.MaxOutboxBytes != 1e9 || got.MaxOutboxAge != 168*time.Hour || got.CommitInterval != 50*time.Millisecond || got.Window != 4096 {
		t.Errorf("%+v", got)
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{
		"1GB": 1e9, "500 MB": 500e6, "3kB": 3000, "1KiB": 1024, "2MiB": 2 << 20, "4GiB": 4 << 30, "0MB": 0,
		"1": -1, "GB": -1, "1.5GB": -1, "-1MB": -1, "1mb": -1, "99999999999GB": -1, "": -1,
	} {
		got := byteSize(-1)
		if err := got.UnmarshalText([]byte(text)); got != want || (err == nil) != (want >= 0) {
			t.Errorf("%q: %d (%v), want %d", text, got, err, want)
		}
	}
}

func FuzzByteSize(f *testing.F) {
	f.Add("500MB")
	f.Fuzz(func(t *testing.T, text string) {
		var s byteSize
		if err := s.UnmarshalText([]byte(text)); err == nil && s < 0 {
			t.Errorf("%q is %d", text, s)
		}
	})
}

func TestStationTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	for text, want := range map[string]string{
		"# gateways\n\nA84041FFFF1EEC20  secret-token\n": "",
		"a84041ffff1eec20\n":                             "line 1: want a gateway's EUI and its token",
		"\na84041 secret-token\n":                        "line 2: EUI",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := stationConfig{Listen: "127.0.0.1:0", TokenFile: path}
		out, err := c.edge()
		if want == "" {
			eui := uplink.EUI{0xa8, 0x40, 0x41, 0xff, 0xff, 0x1e, 0xec, 0x20}
			if err != nil || out.Token(eui) != "secret-token" || out.Token(uplink.EUI{1}) != "" {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %v, want it to say %q and no token", text, err, want)
		}
	}
	for key, c := range map[string]stationConfig{
		"station.token_file": {Listen: "127.0.0.1:0", TokenFile: "/none"},
		"station.cert_file":  {Listen: "127.0.0.1:0", CertFile: "/none", KeyFile: "/none"},
	} {
		if _, err := c.edge(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v, want it to name %s", err, key)
		}
	}
}

// log is a buffer that may be read while the program writes.
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

// started is a gateway that runs as its program does.
type started struct {
	config   string // names the ports that it has
	internal string
	udp      string
	told     *log
	stop     func()
}

// start runs a gateway without a broker until the test ends; edit changes the
// example.
func start(t *testing.T, edit ...string) *started {
	t.Helper()
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("secret-of-the-edge\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	edit = append(edit, "data_dir: /var/lib/modellregion-edge", "data_dir: "+dir, "127.0.0.1:1700", "127.0.0.1:0",
		"ssl://mqtt.modellregion.example:8883", "tcp://127.0.0.1:1", "/etc/modellregion-edge/mqtt-password", password)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := &started{told: &log{}}
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	cfg := gatewayFile(t, append(edit, "127.0.0.1:9091", "127.0.0.1:0")...)
	go func() { done <- run(ctx, []string{"run", cfg}, io.Discard, s.told) }()
	t.Cleanup(s.stop)
	ports := regexp.MustCompile(`udp=(\S+) .*internal=(\S+)`)
	eventually(t, "the gateway runs", func() bool { return ports.MatchString(s.told.String()) })
	found := ports.FindStringSubmatch(s.told.String())
	s.udp, s.internal = found[1], found[2]
	s.config = gatewayFile(t, append(edit, "127.0.0.1:9091", s.internal)...)
	return s
}

// eventually waits until ok holds, and fails the test when it never does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// The gateway starts without its broker, says that it is not ready, and ends
// when asked to.
func TestRunWithoutBroker(t *testing.T) {
	g := start(t)
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 503, "/metrics": 200, "/devices": 200, "/frames": 200,
		"/frames?n=257": 400, "/frames?n=x": 400, "/frames?follow=yes": 400, "/other": 404,
	} {
		resp, err := http.Get("http://" + g.internal + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("%s answers %d (%v), want %d", path, resp.StatusCode, err, want)
		}
	}
	g.stop()
	if strings.Contains(g.told.String(), "secret-of-the-edge") {
		t.Error("the log shows the password")
	}
}
