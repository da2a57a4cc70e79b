//go:build !ingestonly

package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/uplink"
)

// withSource are the edits that give the example a source.
func withSource(lines ...string) []string {
	return []string{"# What lies under the stations", "sources:\n  - " + strings.Join(lines, "\n    ") + "\n\n# What lies under the stations"}
}

func TestSourcesConfig(t *testing.T) {
	chirpstack := []string{"name: stadtwerke", "kind: chirpstack", "url: tcp://chirpstack:1883"}
	thethings := []string{"name: ttn", "kind: thethings", "url: ssl://eu1.cloud.thethings.network:8883", "application: bridges@ttn"}
	for _, c := range []struct {
		name       string
		lines      []string
		line, with string // replaced
		want       string // of the error; when it begins with =, of the output
	}{
		{"ChirpStack", chirpstack, "", "", "=source          stadtwerke, ChirpStack at tcp://chirpstack:1883"},
		{"The Things Stack", thethings, "", "", "=source          ttn, The Things Stack at ssl://eu1"},
		{"all of it", append(thethings, "username: u", "password_file: p", "ca_file: c", "cert_file: c", "key_file: k", "share: a-1", "client_id: mine", "objects: true"), "", "", "=ttn"},
		{"open source stack", thethings, "bridges@ttn", "bridges", "=ttn"},
		{"name", chirpstack, "stadtwerke", "Stadt Werke", `sources[0].name: edge name "Stadt Werke"`},
		{"name of an edge", chirpstack, "stadtwerke", "rathaus", `sources[0].name: "rathaus" is taken`},
		{"name of the platform", chirpstack, "stadtwerke", "platform", `sources[0].name: "platform" is taken`},
		{"kind", chirpstack, "kind: chirpstack", "kind: loriot", `sources[0].kind: "loriot", want chirpstack or thethings`},
		{"no url", chirpstack, "url: tcp://chirpstack:1883", "objects: true", "sources[0].url: must be given"},
		{"url", chirpstack, "tcp://", "http://", `sources[0].url: "http://chirpstack:1883"`},
		{"password in the url", chirpstack, "tcp://", "tcp://me:geheim@", `"tcp://me:xxxxx@chirpstack:1883"`},
		{"no application", thethings, "application: bridges@ttn", "objects: false", "sources[0].application: \"\", want the id of an application with its tenant"},
		{"application", chirpstack, "kind: chirpstack", "kind: chirpstack\n    application: a/b", `sources[0].application: "a/b"`},
		{"group", append(chirpstack, "share: a b"), "", "", `sources[0].share: "a b"`},
		{"id", append(chirpstack, "client_id: a/b"), "", "", `sources[0].client_id: "a/b"`},
		{"key without certificate", append(thethings, "key_file: k"), "", "", "sources[0].cert_file, sources[0].key_file: want both"},
		{"unknown key", append(chirpstack, "topic: x"), "", "", "topic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			edit := withSource(c.lines...)
			edit[1] = strings.Replace(edit[1], c.line, c.with, 1)
			out, _, err := call(t, "check", region(t, edit...))
			if err != nil {
				out = err.Error()
			}
			want, good := strings.CutPrefix(c.want, "=")
			if good != (err == nil) || !strings.Contains(out, want) {
				t.Errorf("%s, want %q", out, want)
			}
		})
	}
	// The one in the example is good, and is enough for a region.
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	between := func(begin, end string) string {
		_, after, _ := strings.Cut(string(data), begin)
		block, _, found := strings.Cut(after, end)
		if !found {
			t.Fatalf("%s has nothing between %q and %q", example, begin, end)
		}
		return begin + block
	}
	shown := between("# sources:\n", "\n\n")
	cfg := region(t, shown, strings.ReplaceAll("\n"+shown, "\n# ", "\n"), between("\nedges:\n", "\n\n"), "")
	if out, _, err := call(t, "check", cfg); err != nil || !strings.Contains(out, "source          chirpstack") || strings.Contains(out, "  edge  ") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestClientIDStays(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source sourceConfig
		want   string
	}{{sourceConfig{Name: "ttn"}, "modellregion-ttn-" + host}, {sourceConfig{Name: "ttn", ClientID: "mine"}, "mine"}} {
		if got, err := c.source.clientID(); got != c.want || err != nil {
			t.Errorf("%+v: %q (%v), want %q", c.source, got, err, c.want)
		}
	}
	s := sourceConfig{Name: "a", Kind: "chirpstack", Share: "ingest"}
	if got := s.filters(); got[0] != "$share/ingest/application/+/device/+/event/up" {
		t.Errorf("filters %q", got)
	}
}

// Devices of a source need no keys, and what needs an edge is refused for them.
func TestDevicesOfSources(t *testing.T) {
	devices, dir := inRegion(t, withSource("name: stadtwerke", "kind: chirpstack", "url: tcp://127.0.0.1:1")...)
	place := []string{"--municipality", "soest", "--lat", "51.5", "--lon", "8.1"}
	add := func(args ...string) (string, error) {
		return devices(append(append([]string{"add", "--dev-eui", barrier, "--profile", "virtual-traffic"}, place...), args...)...)
	}
	if _, err := add("--app-key", someKey); err == nil || !strings.Contains(err.Error(), "edge") {
		t.Errorf("with neither an edge nor a source: %v", err)
	}
	if _, err := add("--edge", "stadtwerk"); err == nil || !strings.Contains(err.Error(), "which have rathaus, stadtwerke") {
		t.Errorf("with another name: %v", err)
	}
	if _, err := add("--edge", "rathaus"); err == nil || !strings.Contains(err.Error(), "app_key") {
		t.Errorf("without a key at an edge: %v", err)
	}
	if out, err := add("--edge", "stadtwerke"); err != nil || !strings.Contains(out, "served by edge stadtwerke") {
		t.Errorf("%s, %v", out, err)
	}
	sheet := file(t, "list.csv", "dev_eui,profile,name,edge,municipality,lat,lon\n70-B3-D5-7E-D0-05-F1-A1,virtual-traffic,Nord,stadtwerke,soest,51.5,8.1\n"+barrier+",virtual-traffic,Süd,stadtwerke,soest,51.5,8.1\n")
	if out, err := devices("import", sheet); err != nil || !strings.HasPrefix(out, "2 devices imported: 1 added, 1 changed") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := devices("check"); err != nil || !strings.Contains(out, "2 devices, 0 problems") {
		t.Errorf("%s, %v", out, err)
	}
	r, err := registry.Open(t.Context(), dir+"/registry.db")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := r.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Keys.AppKey == list[1].Keys.AppKey {
		t.Errorf("%v, %v", list, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for args, want := range map[string]string{"send " + barrier + " --port 1 --hex 00": "served by source stadtwerke: send commands there", "flush-nonces " + barrier: "served by source stadtwerke"} {
		if _, err := devices(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// anybody lets all clients do all: a broker of another network.
type anybody struct{ mochi.HookBase }

func (*anybody) ID() string { return "anybody" }
func (*anybody) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*anybody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*anybody) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

// otherNetwork is the broker of a ChirpStack, which keeps sessions, a client
// that publishes there, and how many messages are not acknowledged: it counts
// below zero when a session went on.
func otherNetwork(t *testing.T) (url string, publish func(topic, payload string), open func() int64) {
	t.Helper()
	server := mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	tcp := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := server.AddHook(new(anybody), nil); err != nil {
		t.Fatal(err)
	}
	if err := server.AddListener(tcp); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() }) // all clients have gone
	return "tcp://" + tcp.Address(), func(topic, payload string) {
		t.Helper()
		if err := server.Publish(topic, []byte(payload), false, 1); err != nil {
			t.Fatal(err)
		}
	}, func() int64 { return atomic.LoadInt64(&server.Info.Inflight) }
}

// What another network says is stored, also what it said while nobody was
// there, and what is acknowledged does not come again.
func TestSources(t *testing.T) {
	url, publish, open := otherNetwork(t)
	edit, _, db := beside(t)
	edit = append(edit, withSource("name: stadtwerke", "kind: chirpstack", "url: "+url, "objects: true")...)
	cfg, dir := withDevices(t, edit...)
	if out, log, err := call(t, "devices", "add", "-c", cfg, "--dev-eui", stranger, "--edge", "stadtwerke", "--profile", "virtual-traffic",
		"--municipality", "soest", "--lat", "51.5", "--lon", "8.1"); err != nil {
		t.Fatal(out, log, err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	topic := "application/a1/device/" + stranger + "/event/up"
	send := func(n int) {
		at := now.Add(time.Duration(n-10) * time.Second)
		publish(topic, fmt.Sprintf(`{"time":%q,"deviceInfo":{"devEui":%q},"fCnt":%d,"fPort":1,"data":"AQ==","object":{"vehicle_count":%d}}`, at.Format(time.RFC3339Nano), stranger, n, n))
	}
	eui, _ := uplink.ParseEUI(stranger)
	stored := func(want int) func() bool {
		return func() bool {
			reports, err := db.DeviceReadings(t.Context(), uplink.Traffic, eui, devices.Span{Start: now.Add(-time.Minute), End: now.Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			return len(reports) == want
		}
	}
	at, stop := serving(t, dir, "endpoints-ingest.json", "--roles", "ingest", cfg)
	waitFor(t, "connection to the source", func() bool {
		return strings.Contains(page(at["internal"], "/metrics"), `modellregion_source_connected{source="stadtwerke"} 1`+"\n")
	})
	send(1)
	waitFor(t, "the first is stored and acknowledged", func() bool { return stored(1)() && open() <= 0 })
	stop()
	send(2)
	send(3)
	at, _ = serving(t, dir, "endpoints-ingest.json", "--roles", "ingest", cfg)
	waitFor(t, "those that came meanwhile are stored", stored(3))
	if metrics := page(at["internal"], "/metrics"); !strings.Contains(metrics, "modellregion_ingest_messages_total 2\n") {
		t.Errorf("the first came again, or others:\n%s", metrics)
	}
	publish(topic, "garbage")
	waitFor(t, "dead letter", func() bool {
		counts, err := db.CountDeadLetters(t.Context())
		return err == nil && counts["malformed"] == 1
	})
}

// A broker of others that is away leaves the platform ready.
func TestSourceIsAway(t *testing.T) {
	edit, _, _ := beside(t)
	cfg, dir := withDevices(t, append(edit, withSource("name: stadtwerke", "kind: chirpstack", "url: tcp://127.0.0.1:1")...)...)
	at, _ := serving(t, dir, "endpoints-ingest-lists.json", "--roles", "lists,ingest", cfg)
	if metrics := page(at["internal"], "/metrics"); !strings.Contains(metrics, `modellregion_source_connected{source="stadtwerke"} 0`+"\n") {
		t.Errorf("%s", metrics)
	}
}
