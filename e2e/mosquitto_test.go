package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modellregion/internal/simulate"
)

// mosquitto is Debian's broker with the rights that a city gives it: the
// platform everything, an edge what is its own.
type mosquitto struct {
	t      *testing.T
	binary string
	config string
	addr   string
	*process
}

const mqttPassword = "e2e-0123456789abcdef"

func newMosquitto(t *testing.T, users ...string) *mosquitto {
	t.Helper()
	return configureMosquitto(t, "", users...)
}

// configureMosquitto is newMosquitto with more lines of configuration.
func configureMosquitto(t *testing.T, lines string, users ...string) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, binary: program(t, "mosquitto"), addr: lastingPort(t)}
	dir := t.TempDir()
	passwords := filepath.Join(dir, "passwords")
	acl := filepath.Join(dir, "acl")
	for i, u := range users {
		args := []string{"-b", passwords, u, mqttPassword}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		if out, err := exec.Command(program(t, "mosquitto_passwd"), args...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v %s", err, out)
		}
	}
	rights := "user platform\ntopic readwrite modellregion/v1/#\ntopic read application/#\n" +
		"user " + sourceName + "\ntopic write application/#\n" +
		"pattern write modellregion/v1/%u/+/up\npattern write modellregion/v1/%u/+/event\npattern write modellregion/v1/%u/status\n" +
		"pattern write modellregion/v1/%u/gateway/+\npattern write modellregion/v1/%u/frame\n" +
		"pattern read modellregion/v1/+/frame\npattern read modellregion/v1/%u/stored\npattern read modellregion/v1/%u/devices\npattern read modellregion/v1/%u/down/+\n"
	m.config = filepath.Join(dir, "mosquitto.conf")
	_, port, err := net.SplitHostPort(m.addr)
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{ // "user" keeps the rights to its files; without root it is ignored
		acl:      rights,
		m.config: fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous false\npassword_file %s\nacl_file %s\npersistence false\nuser root\n%s", port, passwords, acl, lines),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m.start()
	return m
}

// start starts the broker anew; it remembers nothing.
func (m *mosquitto) start() {
	m.process = start(m.t, m.binary, "-c", m.config)
	eventually(m.t, "Mosquitto listens", func() bool {
		if m.ended() {
			m.t.Fatalf("Mosquitto ended: %s", m.logged())
		}
		conn, err := net.Dial("tcp", m.addr)
		return err == nil && conn.Close() == nil
	})
}

// freePort returns an address of loopback that nobody listened on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // only its number was wanted
	return l.Addr().String()
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The main job with platform and gateway as two processes and Mosquitto
// between them, which is killed in the middle and comes back empty.
func TestWithMosquitto(t *testing.T) {
	t.Parallel()
	broker := newMosquitto(t, "platform", "rathaus")
	dir := t.TempDir()
	password := write(t, filepath.Join(dir, "password"), mqttPassword+"\n")

	fleet, err := simulate.Open(simulate.Config{Seed: 3, Sensors: 50, Speed: 240, For: 12 * time.Second, Dir: filepath.Join(dir, "simulator")})
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "platform")
	list := fleet.Devices()
	for i := range list {
		list[i].Edge = "rathaus"
	}
	register(t, data, list)

	region := write(t, filepath.Join(dir, "region.yaml"), fmt.Sprintf(`
region:
  name: {de: Test, en: Test}
  publisher: Test
  contact: test@example.org
  municipalities: [%s]
data_dir: %s
http: 127.0.0.1:0
internal: 127.0.0.1:0
mqtt: {url: "tcp://%s", username: platform, password_file: %s}
influx: {listen: "127.0.0.1:0"}
edges: [{name: rathaus}]
`, towns(), data, broker.addr, password))
	udp, internal := freeUDP(t), freePort(t)
	gateway := write(t, filepath.Join(dir, "edge.yaml"), fmt.Sprintf(`
name: rathaus
data_dir: %s
udp: %s
internal: %s
mqtt: {url: "tcp://%s", password_file: %s}
`, filepath.Join(dir, "edge"), udp, internal, broker.addr, password))

	platform := start(t, "modellregion", "serve", region)
	edge := start(t, "edge-gateway", "run", gateway)
	eventually(t, "the gateway is ready", func() bool {
		status, _, _ := get(t, "http://"+internal+"/readyz")
		return status == 200
	})
	sent := make(chan error, 1)
	go func() { sent <- fleet.Run(t.Context(), udp) }()
	eventually(t, "half of the run", func() bool { return fleet.Progress().UplinksSent > 500 })
	broker.kill()
	<-time.After(2 * time.Second) // frames go on while there is no broker
	broker.start()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	db := database(t, data)
	eventually(t, "everything is stored once", func() bool {
		if depth, ok := metric(t, internal, "modellregion_edge_outbox_depth"); !ok || depth > 0 {
			return false
		}
		c, err := fleet.Compare(t.Context(), db, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Sent > 5000 && c.Stored == c.Sent && c.Lost == 0 && c.Duplicates == 0
	})
	edge.stop()
	platform.stop()
}

// towns are those of the virtual fleets, as a region.yaml has them.
func towns() string {
	var all []string
	for _, m := range simulate.Municipalities() {
		all = append(all, fmt.Sprintf("{id: %s, name: %s, ags: %q, lat: %v, lon: %v}", m.ID, m.Name, m.AGS, m.Center.Lat, m.Center.Lon))
	}
	return strings.Join(all, ", ")
}

func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // only its number was wanted
	return c.LocalAddr().String()
}
