package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

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
	if err := run(t.Context(), []string{"version"}, &out, io.Discard); err != nil || out.String() != version+"\n" {
		t.Errorf("version: %q (%v)", out.String(), err)
	}
	for args, want := range map[string]string{
		"":                "command \"\" is unknown",
		"dance":           "command \"dance\" is unknown, want run, check or version",
		"check":           "check wants one CONFIG, got 0",
		"run a b":         "run wants one CONFIG, got 2",
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

// The gateway starts without its broker, says that it is not ready, and ends
// when asked to.
func TestRunWithoutBroker(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("secret-of-the-edge\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := gatewayFile(t, "data_dir: /var/lib/modellregion-edge", "data_dir: "+dir, "127.0.0.1:1700", "127.0.0.1:0", "127.0.0.1:9091", "127.0.0.1:0",
		"ssl://mqtt.modellregion.example:8883", "tcp://127.0.0.1:1", "/etc/modellregion-edge/mqtt-password", password)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var told log
	go func() { done <- run(ctx, []string{"run", cfg}, io.Discard, &told) }()
	internal := regexp.MustCompile(`internal=(\S+)`)
	deadline := time.Now().Add(20 * time.Second)
	for !internal.MatchString(told.String()) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not start:\n%s", told.String())
		}
		<-time.After(5 * time.Millisecond)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 200} {
		resp, err := http.Get("http://" + internal.FindStringSubmatch(told.String())[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("%s answers %d (%v), want %d", path, resp.StatusCode, err, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if strings.Contains(told.String(), "secret-of-the-edge") {
		t.Error("the log shows the password")
	}
}
