package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/e2e/air"
	"modellregion/internal/enddevice"
)

const qrRegion = `region:
  name: {de: Modellregion Musterland, en: Musterland Model Region}
  publisher: Stadt Musterstadt
  contact: opendata@musterstadt.example
  municipalities:
    - {id: paderborn, name: Paderborn, ags: "05774032", lat: 51.7189, lon: 8.7575}
http: 127.0.0.1:0
internal: 127.0.0.1:0
mqtt: {listen: 127.0.0.1:0}
influx: {listen: 127.0.0.1:0}
edges:
  - {name: rathaus, udp: 127.0.0.1:0}
`

// A sensor comes from its QR code to a point on the portal with two commands,
// the second of which only looks, and the platform is not started again.
func TestFromQRCodeToPortal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := write(t, filepath.Join(dir, "region.yaml"), qrRegion+"data_dir: "+dir+"\n")
	key := write(t, filepath.Join(dir, "key"), "c0ffee00112233445566778899aabbcc\n")
	p := start(t, "modellregion", "serve", config)
	eventually(t, "platform is ready", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "endpoints.json")) // the pattern is good
		return len(files) == 1 || p.ended()
	})
	at := endpoints(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sensor := newSensor(t, at["udp"])
	if err := sensor.Knock(ctx); err != nil {
		t.Fatal("the edge knows the gateway: ", err)
	}

	command := func(args ...string) string {
		c := start(t, "modellregion", append([]string{"devices"}, args...)...)
		<-c.done
		if c.err != nil {
			t.Fatalf("%q: %v %s", args, c.err, c.logged())
		}
		return c.printed()
	}
	added := time.Now()
	out := command("add", "-c", config, "--qr", "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C",
		"--app-key-file", key, "--profile", "virtual-traffic", "--lat", "51.7189", "--lon", "8.7575", "--name", "Westernstraße", "--visibility", "public")
	if !strings.Contains(out, "station paderborn-verkehr-001, public, served by edge rathaus") {
		t.Errorf("added: %s", out)
	}
	if shown := command("show", "-c", config, "aabbccddeeff0011"); !strings.Contains(shown, "Westernstraße") || strings.Contains(shown, "c0ffee") {
		t.Errorf("shown: %s", shown)
	}
	if err := sensor.Join(ctx); err != nil {
		t.Fatal("join accept: ", err)
	}
	t.Logf("joined %v after the command", time.Since(added).Round(time.Millisecond))
	minute := []byte{0, 12, 1, 100, 20, 0, 9, 0, 90, 16, 0x0e, 0x10} // 21 vehicles in two lanes
	var page string
	for !strings.Contains(page, `"paderborn-verkehr-001"`) || !strings.Contains(page, `"latest":{`) {
		if _, err := sensor.Uplink(ctx, 2, minute); err != nil {
			t.Fatalf("point on the portal: %v, and it has %s", err, page)
		}
		_, _, page = get(t, "http://"+at["http"]+"/api/v1/stations")
	}
	t.Logf("on the portal %v after the command", time.Since(added).Round(time.Millisecond))
	if strings.Contains(strings.ToLower(page), "aabbccddeeff0011") || !strings.Contains(page, "Westernstraße") {
		t.Errorf("the portal has %s", page)
	}
	said := p.logged() + p.printed()
	for _, path := range []string{at["internal"] + "/metrics", at["http"] + "/", at["http"] + "/data/", at["http"] + "/data/verkehr/latest.csv"} {
		_, _, body := get(t, "http://"+path)
		said += body
	}
	if strings.Contains(strings.ToLower(said), "c0ffee") {
		t.Errorf("the key is in log, metrics or pages:\n%s", said)
	}
	p.stop()
}

// newSensor returns the device of the QR code.
func newSensor(t *testing.T, udp string) *air.Air {
	t.Helper()
	a, err := air.Dial(udp, lorawan.EUI64{0xaa, 1}, enddevice.Config{
		Version: "1.0.3", DevEUI: lorawan.EUI64{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11},
		JoinEUI: lorawan.EUI64{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88},
		AppKey:  lorawan.AES128Key{0xc0, 0xff, 0xee, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() }) // nothing is lost
	return a
}
