package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
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
	sensor := newAir(t, at["udp"])
	sensor.sendUntil("the edge knows the gateway", sensor.join, func() bool { return sensor.pulled })

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
	sensor.sendUntil("join accept", sensor.join, func() bool { return sensor.joined })
	t.Logf("joined %v after the command", time.Since(added).Round(time.Millisecond))
	var page string
	sensor.sendUntil("point on the portal", sensor.report, func() bool {
		_, _, page = get(t, "http://"+at["http"]+"/api/v1/stations")
		return strings.Contains(page, `"paderborn-verkehr-001"`) && strings.Contains(page, `"latest":{`)
	})
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

// air is one end device and the gateway that hears it.
type air struct {
	t       *testing.T
	device  *enddevice.Device
	gateway lorawan.EUI64
	conn    net.Conn
	token   uint16
	counter uint32 // of the gateway when it heard the last frame, µs
	pulled  bool   // the edge answered a PULL_DATA
	joined  bool
}

func newAir(t *testing.T, udp string) *air {
	t.Helper()
	a := &air{t: t, gateway: lorawan.EUI64{0xaa, 1}}
	var err error
	if a.conn, err = net.Dial("udp", udp); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.conn.Close() }) // nothing is lost
	a.device, err = enddevice.New(enddevice.Config{
		Version: "1.0.3", DevEUI: lorawan.EUI64{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11},
		JoinEUI: lorawan.EUI64{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88},
		AppKey:  lorawan.AES128Key{0xc0, 0xff, 0xee, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *air) join() (enddevice.Transmission, error) { return a.device.JoinRequest() }

// report sends a minute of traffic: 21 vehicles in two lanes.
func (a *air) report() (enddevice.Transmission, error) {
	return a.device.Uplink(2, []byte{0, 12, 1, 100, 20, 0, 9, 0, 90, 16, 0x0e, 0x10}, false)
}

// sendUntil sends frames, a while apart, and takes what comes back, until done.
func (a *air) sendUntil(what string, next func() (enddevice.Transmission, error), done func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			a.t.Fatalf("%s: not within %v", what, patience)
		}
		tx, err := next()
		if err != nil {
			a.t.Fatal(err)
		}
		a.token++
		a.counter += 16_000_000
		a.write(semtech.AppendPullData(nil, a.token, a.gateway))
		a.write(semtech.AppendPushData(nil, a.token, a.gateway, []radio.Frame{{
			PHYPayload: tx.PHYPayload, Counter: uint64(a.counter), FreqHz: tx.FreqHz, DataRate: tx.DataRate, RSSIdBm: -80, SNRdB: 7,
		}}, nil))
		a.hear(time.Now().Add(700 * time.Millisecond))
	}
}

func (a *air) write(data []byte) {
	if _, err := a.conn.Write(data); err != nil {
		a.t.Fatal(err)
	}
}

// hear gives the device what the edge sends until then.
func (a *air) hear(until time.Time) {
	if err := a.conn.SetReadDeadline(until); err != nil {
		a.t.Fatal(err)
	}
	buf := make([]byte, semtech.MaxDatagram)
	for {
		n, err := a.conn.Read(buf)
		if err != nil {
			return // the time is over
		}
		p, err := semtech.Parse(buf[:n])
		if err != nil {
			a.t.Fatal(err)
		}
		switch p.Kind {
		case semtech.PullAck:
			a.pulled = true
		case semtech.PullResp:
			o, err := semtech.ParsePullResp(p)
			if err != nil {
				a.t.Fatal(err)
			}
			a.write(semtech.AppendTXAck(nil, p.Token, a.gateway, ""))
			window := radio.Window{Delay: time.Duration(o.Counter-a.counter) * time.Microsecond, FreqHz: o.FreqHz, DataRate: o.DataRate}
			h, err := a.device.Hear(o.PHYPayload, window)
			if err != nil {
				a.t.Log("the device does not understand a downlink:", err)
				continue
			}
			a.joined = a.joined || h.Join
		}
	}
}
