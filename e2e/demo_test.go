package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"modellregion/dashboards"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// The main job: everything that was sent is in the database, once, and the
// same seed sends the same.
func TestDemoLosesNothing(t *testing.T) {
	t.Parallel()
	first, dir := demo(t, t.TempDir(), "--sensors", "100", "--speed", "240", "--for", "10s"), t.TempDir()
	second := demo(t, dir, "--sensors", "100", "--speed", "240", "--for", "10s")
	a, err := first.result()
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.result()
	if err != nil {
		t.Fatal(err)
	}
	if a.Lost != 0 || a.Duplicates != 0 || a.DeadLetters != 0 || a.ReadingsSent < 10_000 || a.ReadingsStored != a.ReadingsSent {
		t.Errorf("%+v", a)
	}
	if a.sent() != b.sent() {
		t.Errorf("the same seed sent %v and %v", a.sent(), b.sent())
	}
	files, err := filepath.Glob(filepath.Join(dir, "open", "data", "verkehr", "*.csv"))
	if err != nil || len(files) < 2 {
		t.Errorf("public files of dataset verkehr: %v (%v)", files, err)
	}
	// Once more on the same folder: it is all there already.
	again, err := demo(t, dir, "--sensors", "100", "--speed", "240", "--for", "10s").result()
	if err != nil || again.sent() != b.sent() {
		t.Errorf("a third run on the folder of the second: %v (%v), want %v", again.sent(), err, b.sent())
	}
}

// A temporary folder is removed, and SIGTERM ends a demo in order.
func TestDemoLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	p := start(t, "/usr/bin/env", append([]string{"TMPDIR=" + tmp, filepath.Join(programs, "modellregion"), "demo", "--sensors", "5"}, free...)...)
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	if entries, err := os.ReadDir(tmp); err != nil || len(entries) != 1 {
		t.Errorf("%d folders (%v) while it runs, want one", len(entries), err)
	}
	p.stop()
	if entries, err := os.ReadDir(tmp); err != nil || len(entries) != 0 {
		t.Errorf("%v (%v) is left behind", entries, err)
	}
}

// The process is killed at twenty random moments and started again: in the end
// everything that was ever sent is stored once, as without the kills.
func TestKillTwentyTimes(t *testing.T) {
	t.Parallel()
	args := []string{"--sensors", "80", "--speed", "200", "--for", "30s", "--seed", "7"}
	undisturbed := demo(t, t.TempDir(), args...)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		p := demo(t, dir, args...)
		life := time.Duration(random.Int64N(int64(1500 * time.Millisecond)))
		if random.IntN(4) > 0 { // a quarter die before they are ready
			eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") || p.ended() })
		}
		select {
		case <-p.done:
			t.Fatalf("it ended by itself: %v", p.err)
		case <-time.After(life):
		}
		p.kill()
	}
	got, err := demo(t, dir, args...).result()
	if err != nil {
		t.Fatal(err)
	}
	want, err := undisturbed.result()
	if err != nil {
		t.Fatal(err)
	}
	if got.sent() != want.sent() || got.Lost != 0 || got.Duplicates != 0 {
		t.Errorf("after 20 kills %+v, without them %+v", got, want)
	}
}

// What strangers send is counted under its reason and hurts nobody.
func TestGarbage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := demo(t, dir, "--sensors", "20")
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	at := endpoints(t, dir)
	counted := func(name string) func() bool {
		return func() bool {
			v, ok := metric(t, at["internal"], name)
			return ok && v >= 1
		}
	}
	send := func(network, addr, text string) {
		conn, err := net.Dial(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	send("udp", at["udp"], "garbage")
	eventually(t, "garbage on UDP", counted(`modellregion_edge_dropped_total{reason="version"}`))
	send("udp", at["udp"], "\x02\x00\x01\x00\xaa\x01\x00\x00\x00\x00\x00\x00{\"rxpk\":[{\"stat\":-1}]}")
	eventually(t, "bad CRC on UDP", counted(`modellregion_edge_dropped_total{reason="crc"}`))
	send("tcp", at["mqtt"], strings.Repeat("garbage", 100))
	eventually(t, "garbage on the broker's port", counted("modellregion_broker_rejected_total"))

	// With the login of the edge, garbage reaches the ingest.
	var logins struct {
		URL       string
		Passwords map[string]string
	}
	readFile(t, dir, "mqtt.json", &logins)
	client, err := mqtt.New(mqtt.Config{URL: logins.URL, Username: "demo", Password: logins.Passwords["demo"], ClientID: "stranger"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	ctx := t.Context()
	go func() { done <- client.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "connection to the broker", client.Connected)
	topic := uplink.Topic{Edge: "demo", Kind: uplink.KindUp, Domain: uplink.Traffic}.String()
	if err := client.Publish(ctx, mqtt.Message{Topic: topic, QoS: 1, Payload: []byte("\x00\xffgarbage")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "garbage in a batch", counted(`modellregion_ingest_dead_letters_total{reason="malformed"}`))
	db := database(t, dir)
	eventually(t, "dead letter in the database", func() bool {
		letters, err := db.CountDeadLetters(ctx)
		return err == nil && letters["malformed"] == 1
	})
	// On a topic of others nothing gets through, and the client is thrown out.
	_ = client.Publish(ctx, mqtt.Message{Topic: "modellregion/v1/other/traffic/up", QoS: 1, Payload: []byte("x")})
	eventually(t, "publish on a topic of another edge", counted("modellregion_broker_denied_publishes_total"))

	before, _ := metric(t, at["internal"], "modellregion_ingest_readings_total")
	eventually(t, "readings after all of that", func() bool {
		now, ok := metric(t, at["internal"], "modellregion_ingest_readings_total")
		return ok && now > before
	})
}

// What the public and the control rooms get from a demo that runs.
func TestDemoIsPublishedAndWatched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := demo(t, dir, "--sensors", "100")
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	at := endpoints(t, dir)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, _, body := get(t, "http://"+at["internal"]+path); status != 200 {
			t.Errorf("%s answers %d %s", path, status, body)
		}
		if status, _, _ := get(t, "http://"+at["http"]+path); status != 404 {
			t.Errorf("the public listener answers %s with %d", path, status)
		}
	}
	documented(t, "http://"+at["internal"]+"/metrics")
	eventually(t, "values on the portal", func() bool {
		_, _, page := get(t, "http://"+at["http"]+"/")
		return strings.Contains(page, "km/h") && strings.Contains(page, "°C") && strings.Contains(page, "Hz")
	})
	eventually(t, "public file", func() bool {
		status, _, csv := get(t, "http://"+at["http"]+"/data/verkehr/latest.csv")
		return status == 200 && strings.Count(csv, "\n") > 40
	})
	// No public answer names a device.
	for _, path := range []string{"/", "/en/", "/data/", "/data/verkehr/latest.csv", "/data/energienetz/latest.csv", "/api/v1/stations"} {
		var body string
		eventually(t, path, func() (ok bool) {
			var status int
			status, _, body = get(t, "http://"+at["http"]+path)
			return status == 200
		})
		if strings.Contains(strings.ToLower(body), "024d52") {
			t.Errorf("%s shows a DevEUI", path)
		}
	}
	all, err := dashboards.All(dashboards.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := database(t, dir)
	vars := map[string]string{"municipality": dashboards.Every, "station": dashboards.Every}
	// The tests of package dashboards hold each panel against a week; here there
	// are some minutes and nothing is wrong: no query fails, and each control
	// room shows a quarter of what it has. The rest compares with days before, or
	// tells of trouble.
	for _, d := range all {
		queries, err := dashboards.Queries(d)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, d.Title+" shows something", func() bool {
			found := 0
			for _, q := range queries {
				now := time.Now()
				n, err := db.CountRows(t.Context(), q.Expand(vars, now.Add(-24*time.Hour), now))
				if err != nil {
					t.Fatalf("%s / %s: %v", d.Title, q.Panel, err)
				}
				if n > 0 {
					found++
				}
			}
			return 4*found > len(queries)
		})
	}
	p.stop()
}

// documented checks that the handbook says of every metric of ours what it is.
func documented(t *testing.T, url string) {
	t.Helper()
	docs, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, _, body := get(t, url)
	shown := regexp.MustCompile(`(?m)^# TYPE (modellregion_\S+) (\w+)$`).FindAllStringSubmatch(body, -1)
	if len(shown) < 20 {
		t.Errorf("%s shows %d metrics of ours, want those of edge, ingest and broker", url, len(shown))
	}
	for _, m := range shown {
		if !strings.Contains(string(docs), fmt.Sprintf("| `%s` | %s |", m[1], m[2])) {
			t.Errorf("metric %s, a %s, is not in docs/metrics.md", m[1], m[2])
		}
	}
}
