package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/enddevice"
	"modellregion/uplink"
)

// What a running gateway hears and knows is shown by its own commands.
func TestFramesAndDevicesOfARunningGateway(t *testing.T) {
	eui, addr, key := lorawan.EUI64{0x70, 3}, lorawan.DevAddr{1, 2, 3, 4}, lorawan.AES128Key{4, 5, 6}
	device, err := enddevice.New(enddevice.Config{Version: "1.0.3", DevEUI: eui, Session: &enddevice.Session{DevAddr: addr, FNwkSIntKey: key, SNwkSIntKey: key, NwkSEncKey: key, AppSKey: key}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "devices.json")
	text := fmt.Sprintf(`{"v":1,"version":1,"profiles":{"counter":{"kind":"layout","source":"ports: {2: {fields: [{at: 0, type: u16, quantity: vehicle_count}]}}"}},
		"devices":[{"dev_eui":"%s","domain":"traffic","profile":"counter","dev_addr":"%s","nwk_s_key":"%s","app_s_key":"%s"}]}`, eui, addr, key, key)
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, `devices_file: ""`, "devices_file: "+list)
	show := func(args ...string) string {
		t.Helper()
		var out log
		if err := run(t.Context(), append(args, g.config), &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	eventually(t, "the device", func() bool { return strings.Contains(show("devices"), eui.String()) })
	followed := follow(t, g.config)

	conn, err := net.Dial("udp", g.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	hear := func(phy []byte) {
		t.Helper()
		_, err := conn.Write(semtech.AppendPushData(nil, 1, lorawan.EUI64{0xaa, 1}, []radio.Frame{{
			PHYPayload: phy, FreqHz: 868_100_000, DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, RSSIdBm: -80, SNRdB: 9,
		}}, nil))
		if err != nil {
			t.Fatal(err)
		}
	}
	tx, err := device.Uplink(2, []byte{0, 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	hear(tx.PHYPayload)
	hear([]byte{0x40, 9, 9, 9, 9, 0, 7, 0, 2, 1, 1, 2, 3, 4})
	ours := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d aa01000000000000 7003000000000000     0    2 SF7BW125  868\.100  -80   9\.0  1  uplink, 1 reading$`)
	theirs := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d aa01000000000000 09090909             7    2 SF7BW125  868\.100  -80   9\.0  1  dropped: no device with DevAddr 09090909$`)
	eventually(t, "both frames, followed", func() bool { return ours.MatchString(followed.String()) && theirs.MatchString(followed.String()) })
	if got := show("frames", "-follow=false", "-n", "1"); strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, "TIME     GATEWAY          DEVICE            FCNT PORT DATA RATE ") {
		t.Errorf("the last frame:\n%s", got)
	}
	var v edge.Verdict
	if err := json.Unmarshal([]byte(show("frames", "-json", "-follow=false", "-n", "1")), &v); err != nil || v.Text == "" {
		t.Errorf("%+v (%v)", v, err)
	}
	var d edge.DeviceState
	if err := json.Unmarshal([]byte(show("devices", "-json")), &d); err != nil || d.DevEUI != uplink.EUI(eui) || d.NextFCntUp != 1 {
		t.Errorf("%+v (%v)", d, err)
	}
	table := regexp.MustCompile(`^DEVEUI           DOMAIN  PROFILE VERSION BY  SESSION DEVADDR  UP DOWN HEARD DR POWER GATEWAY          CMDS NONCES
7003000000000000 traffic counter 1\.0\.3 A ABP ABP     01020304 1  \d    \d+s    5  0     aa01000000000000 0    0
$`)
	if got := show("devices"); !table.MatchString(got) {
		t.Errorf("devices:\n%s", got)
	}
}

// follow runs the command until the test ends, as Ctrl-C ends it.
func follow(t *testing.T, config string) *log {
	t.Helper()
	var out log
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"frames", config}, &out, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the head of the columns", func() bool { return out.String() != "" })
	return &out
}

// Following goes on over lost connections and restarts, without showing a line
// twice.
func TestFramesAreFollowedOverRestarts(t *testing.T) {
	line := func(seq int) string {
		return fmt.Sprintf(`{"seq":%d,"time":"2026-11-24T10:02:11Z","what":"refused","text":"line %d"}`+"\n", seq, seq)
	}
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.RawQuery)
		answer := []struct{ run, lines string }{
			{"one", line(4) + line(5)},
			{"", ""}, // away
			{"one", line(4) + line(5) + line(6)[:20]},  // torn
			{"one", line(4) + line(5) + line(6)},       // it was only the connection
			{"two", line(0) + line(1)},                 // restarted
			{"two", line(0) + line(1) + line(2) + "x"}, // nonsense
		}[len(asked)-1]
		if answer.run == "" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set(startedHeader, answer.run)
		_, _ = io.WriteString(w, answer.lines)
	}))
	defer server.Close()
	var out, notes log
	f := follower{
		client: &client{config: "edge.yaml", addr: server.Listener.Addr().String()},
		follow: true, out: &out, notes: &notes, retry: time.Millisecond, zone: time.UTC,
	}
	err := f.run(t.Context(), 2)
	if err == nil || !strings.Contains(err.Error(), "something else than lines of JSON") {
		t.Errorf("error %v", err)
	}
	var want strings.Builder
	want.WriteString(strings.SplitAfter(out.String(), "\n")[0])
	for _, n := range []int{4, 5, 6, 0, 1, 2} {
		fmt.Fprintf(&want, "10:02:11 line %d\n", n)
	}
	if out.String() != want.String() {
		t.Errorf("shown:\n%s", out.String())
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(asked, " "); got != "n=2&follow=1"+strings.Repeat(" n=256&follow=1", 5) {
		t.Errorf("asked %s", got)
	}
	const away, back = "edge-gateway: the gateway does not answer any more, waiting for it\n", "edge-gateway: the gateway answers again\n"
	if got := notes.String(); got != away+back+away+back+away+back+away+back {
		t.Errorf("notes:\n%s", got)
	}
}

// Whoever asks the wrong address is told what to look at.
func TestNoGatewayAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	other := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	for _, c := range []struct {
		name, addr string
		want       []string // CONFIG and ADDR stand for these
	}{
		{"nothing there", closed, []string{"no gateway answers at ADDR", "refused", `Does "edge-gateway run CONFIG" run?`, `"internal" in CONFIG`}},
		{"not found", other(http.NotFound), []string{`ADDR answers "404 Not Found"`, "edge-gateway of CONFIG"}},
		{"a page", other(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "<html>") }), []string{"ADDR answers"}},
		{"no words", other(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), []string{"no gateway answers at ADDR", "EOF"}},
		{"port 0", "127.0.0.1:0", []string{"CONFIG: internal is 127.0.0.1:0"}},
		{"too many", other(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "too many are following", http.StatusServiceUnavailable)
		}), []string{"503", "too many are following"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := gatewayFile(t, "127.0.0.1:9091", c.addr)
			for _, command := range []string{"frames", "devices"} {
				err := run(t.Context(), []string{command, config}, io.Discard, io.Discard)
				for _, want := range c.want {
					want = strings.NewReplacer("CONFIG", config, "ADDR", c.addr).Replace(want)
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: error %v, want it to say %q", command, err, want)
					}
				}
			}
		})
	}
}

func TestInternalAddress(t *testing.T) {
	for internal, want := range map[string]string{
		"127.0.0.1:9091": "127.0.0.1:9091", "0.0.0.0:9091": "localhost:9091", "[::]:9091": "localhost:9091", ":9091": "localhost:9091", "edge.vpn:80": "edge.vpn:80",
	} {
		c, err := newClient(gatewayFile(t, "127.0.0.1:9091", `"`+internal+`"`))
		if err != nil || c.addr != want {
			t.Errorf("%s: %+v (%v), want %s", internal, c, err, want)
		}
	}
}

func TestRow(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 2, 11, 5e6, time.UTC)
	fCnt, port, rssi, snr := uint32(65_535), uint8(223), -120, -20.5
	heard := edge.Verdict{
		Time: at, What: edge.VerdictDropped, Reason: "mic", Gateway: uplink.EUI{0xaa}, Gateways: 12, DevEUI: uplink.EUI{0x70}, DevAddr: "01020304",
		FCnt: &fCnt, FPort: &port, DataRate: uplink.DataRate{SpreadingFactor: 12, BandwidthKHz: 125}, FreqHz: 868_850_000, RSSIdBm: &rssi, SNRdB: &snr, Text: "dropped: MIC",
	}
	down := edge.Verdict{Time: at, What: edge.VerdictDownlink, Gateway: uplink.EUI{0xaa}, DevEUI: uplink.EUI{0x70}, Text: "not sent: join accept: TOO_LATE"}
	for want, v := range map[string]edge.Verdict{
		"10:02:11 aa00000000000000 01020304         65535  223 SF12BW125 868.850 -120 -20.5 12  dropped: MIC":                    heard,
		"10:02:11 aa00000000000000 7000000000000000                                             not sent: join accept: TOO_LATE": down,
		"10:02:11 … 12 lines missed": {Time: at, What: edge.VerdictMissed, Text: "… 12 lines missed"},
	} {
		if got := row(&v, time.UTC); got != want {
			t.Errorf("\n%q, want\n%q", got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for want, d := range map[string]time.Duration{"0s": -time.Hour, "59s": 59 * time.Second, "1m": 119 * time.Second, "47h": 47 * time.Hour, "3d": 95 * time.Hour} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := ago(time.Time{}, now); got != "never" {
		t.Error(got)
	}
}
