package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/internal/simulate"
	"modellregion/internal/strictyaml"
	"modellregion/uplink"
)

// town is a region with a platform of its own and the edges it makes.
type town struct {
	t        *testing.T
	dir      string // of the test; the data are in its folder platform
	config   string
	internal string
}

// newTown writes a region.yaml; mqtt is what stands under that key.
func newTown(t *testing.T, dir, mqtt string) town {
	t.Helper()
	r := town{t, dir, filepath.Join(dir, "region.yaml"), freePort(t)}
	write(t, r.config, fmt.Sprintf(`
region:
  name: {de: Test, en: Test}
  publisher: Test
  contact: test@example.org
  municipalities: [%s]
data_dir: %s
http: 127.0.0.1:0
internal: %s
mqtt: %s
influx: {listen: "127.0.0.1:0"}
`, towns(), r.data(), r.internal, mqtt))
	return r
}

func (r town) data() string { return filepath.Join(r.dir, "platform") }

// do runs a command of the platform to its end and returns what it prints.
func (r town) do(args ...string) string {
	r.t.Helper()
	out, err := exec.Command(filepath.Join(programs, "modellregion"), append(args, "-c", r.config)...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("modellregion %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// identity is what stands in the file of an edge.
type identity struct {
	Name string
	MQTT struct{ URL, CA, Cert, Key, Password string }
}

// edge adds an edge and returns its file, to which ports of its own are added.
func (r town) edge(args ...string) (path, udp, internal string, who identity) {
	r.t.Helper()
	path, udp, internal = filepath.Join(r.dir, args[1]+".edge.yaml"), freeUDP(r.t), freePort(r.t)
	r.do(append(append([]string{"edges"}, args...), "--out", path, "--force")...)
	data, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := strictyaml.Decode(data, &who); err != nil {
		r.t.Fatal(err)
	}
	write(r.t, path, string(data)+fmt.Sprintf("data_dir: %s\nudp: %s\ninternal: %s\n", filepath.Join(r.dir, "edge"), udp, internal))
	return path, udp, internal, who
}

func (who identity) tls(t *testing.T) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	if !c.RootCAs.AppendCertsFromPEM([]byte(who.MQTT.CA)) {
		t.Fatal("no authority in the file")
	}
	pair, err := tls.X509KeyPair([]byte(who.MQTT.Cert), []byte(who.MQTT.Key))
	if err != nil {
		t.Fatal(err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c
}

// served reports whether the sensors' readings arrive over this edge, each once.
func served(t *testing.T, fleet *simulate.Fleet, udp, data, internal string) {
	t.Helper()
	if err := fleet.Run(t.Context(), udp); err != nil {
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
		return c.Sent > 50 && c.Stored == c.Sent && c.Lost == 0 && c.Duplicates == 0
	})
}

func newSensors(t *testing.T, r town, edge string) *simulate.Fleet {
	t.Helper()
	fleet, err := simulate.Open(simulate.Config{Seed: 5, Sensors: 10, Speed: 240, For: 4 * time.Second, Dir: filepath.Join(r.dir, "simulator")})
	if err != nil {
		t.Fatal(err)
	}
	list := fleet.Devices()
	for i := range list {
		list[i].Edge = edge
	}
	register(t, r.data(), list)
	return fleet
}

func ready(t *testing.T, internal string) {
	t.Helper()
	eventually(t, "ready", func() bool {
		status, _, _ := get(t, "http://"+internal+"/readyz")
		return status == 200
	})
}

// With the one file that edges add makes, a gateway serves its sensors over TLS;
// revoked, it is out within seconds and keeps what it hears. No secret is seen
// anywhere.
func TestGatewayWithItsCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	reader := "e2e-reader-0123456789abcdef"
	_, port, err := net.SplitHostPort(lastingPort(t))
	if err != nil {
		t.Fatal(err)
	}
	r := newTown(t, dir, fmt.Sprintf(`{listen: "127.0.0.1:0", tls: {listen: "127.0.0.1:%s", names: [localhost]}, readers: [{name: stadtwerke, domains: [energy], password_file: %s}]}`,
		port, write(t, filepath.Join(dir, "reader"), reader+"\n")))
	fleet := newSensors(t, r, "turm")
	platform := start(t, "modellregion", "serve", "--log", "debug", r.config)
	ready(t, r.internal)
	config, udp, internal, who := r.edge("add", "turm")
	checked, err := exec.Command(filepath.Join(programs, "edge-gateway"), "check", config).CombinedOutput()
	if err != nil || !strings.Contains(string(checked), "certificate is good until") {
		t.Fatalf("check: %v\n%s", err, checked)
	}
	gateway := start(t, "edge-gateway", "-log", "debug", "run", config)
	ready(t, internal)
	served(t, fleet, udp, r.data(), internal)
	if n, ok := metric(t, internal, "modellregion_edge_certificate_expires_seconds"); !ok || time.Until(time.Unix(int64(n), 0)) < 700*24*time.Hour {
		t.Errorf("the certificate ends at %v", n)
	}

	trespass(t, "ssl://localhost:"+port, r.internal, who)
	hearsEnergyAlone(t, "ssl://localhost:"+port, who, reader)

	r.do("edges", "revoke", "turm", "--force")
	eventually(t, "the gateway is out", func() bool {
		cut, _ := metric(t, r.internal, "modellregion_broker_cut_total")
		refused, _ := metric(t, r.internal, `modellregion_broker_bad_certificates_total{reason="revoked"}`)
		connected, _ := metric(t, internal, "modellregion_edge_connected")
		return cut >= 1 && refused >= 1 && connected == 0
	})
	listing := r.do("edges", "list")

	secrets := []string{reader, strings.Split(who.MQTT.Key, "\n")[1], strings.Split(who.MQTT.Key, "\n")[2], "PRIVATE KEY"}
	ca, err := os.ReadFile(filepath.Join(r.data(), "ca", "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, strings.Split(string(ca), "\n")[1])
	var logins struct{ Passwords map[string]string }
	readFile(t, r.data(), "mqtt.json", &logins)
	for _, p := range logins.Passwords {
		secrets = append(secrets, p)
	}
	_, _, ours := get(t, "http://"+r.internal+"/metrics")
	_, _, theirs := get(t, "http://"+internal+"/metrics")
	for where, text := range map[string]string{
		"log of the platform": platform.logged() + platform.printed(), "log of the gateway": gateway.logged() + gateway.printed(),
		"metrics": ours + theirs, "edges list": listing, "check": string(checked),
	} {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s has the secret %.8s…", where, s)
			}
		}
	}
	gateway.stop()
	platform.stop()
}

// trespass tries with an edge's certificate what is not its.
func trespass(t *testing.T, url, internal string, who identity) {
	t.Helper()
	denied := func() float64 {
		n, _ := metric(t, internal, "modellregion_broker_denied_subscribes_total")
		return n
	}
	for topic, publish := range map[string]bool{
		"modellregion/v1/dom/energy/up": true, "modellregion/v1/turm/stored": true, "modellregion/v1/turm/devices": true,
		"modellregion/v1/dom/devices": false, "modellregion/v1/dom/down/+": false, "modellregion/v1/+/energy/up": false,
	} {
		down := make(chan struct{}, 16)
		c, err := mqtt.New(mqtt.Config{URL: url, Username: who.Name, ClientID: "trespasser", TLS: who.tls(t), OnDown: func(error) { down <- struct{}{} }})
		if err != nil {
			t.Fatal(err)
		}
		if !publish {
			c.Subscribe(topic, 1, func(context.Context, mqtt.Message) { t.Errorf("%s: something is heard", topic) })
		}
		before := denied()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		if publish {
			eventually(t, "connection", c.Connected)
			if err := c.Publish(ctx, mqtt.Message{Topic: topic, Payload: []byte("{}"), QoS: 1}); err == nil {
				t.Errorf("%s: published", topic)
			}
			<-down
		} else {
			eventually(t, topic+" is refused", func() bool { return denied() > before })
			if c.Connected() {
				t.Errorf("%s: subscribed", topic)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// hearsEnergyAlone: a reader of energy gets what an edge says of energy, and
// nothing of traffic.
func hearsEnergyAlone(t *testing.T, url string, who identity, password string) {
	t.Helper()
	heard := make(chan string, 16)
	trust := who.tls(t)
	trust.Certificates = nil
	reader, err := mqtt.New(mqtt.Config{URL: url, Username: "stadtwerke", Password: password, ClientID: "reader", TLS: trust})
	if err != nil {
		t.Fatal(err)
	}
	reader.Subscribe("modellregion/v1/+/energy/#", 1, func(_ context.Context, m mqtt.Message) { heard <- m.Topic })
	edge, err := mqtt.New(mqtt.Config{URL: url, Username: who.Name, ClientID: "second", TLS: who.tls(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, c := range []*mqtt.Client{reader, edge} {
		go func() { ended <- c.Run(ctx) }()
		eventually(t, "connection", c.Connected)
	}
	for _, domain := range []uplink.Domain{uplink.Traffic, uplink.Energy} {
		topic := uplink.Topic{Edge: who.Name, Domain: domain, Kind: uplink.KindEvent}.String()
		if err := edge.Publish(ctx, mqtt.Message{Topic: topic, Payload: []byte("{}"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case topic := <-heard:
		if topic != "modellregion/v1/turm/energy/event" {
			t.Errorf("a reader of energy hears %s", topic)
		}
	case <-time.After(patience):
		t.Error("a reader of energy hears nothing")
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// The same gateway with a Mosquitto that got its files from edges mosquitto, by
// certificate and by password, and out again when it was revoked.
func TestMosquittoFromItsFiles(t *testing.T) {
	t.Parallel()
	binary := program(t, "mosquitto")
	dir := t.TempDir()
	certified, passwords := lastingPort(t), lastingPort(t)
	_, users, err := net.SplitHostPort(passwords)
	if err != nil {
		t.Fatal(err)
	}
	secret, out := "e2e-platform-0123456789", filepath.Join(dir, "out")
	reader := "e2e-reader-0123456789abcdef"
	mqttConfig := fmt.Sprintf(`{url: "ssl://localhost:%s", username: platform, password_file: %s, ca_file: %s, readers: [{name: stadtwerke, domains: [energy], password_file: %s}]}`,
		users, write(t, filepath.Join(dir, "password"), secret+"\n"), filepath.Join(out, "ca.pem"), write(t, filepath.Join(dir, "reader"), reader))
	r := newTown(t, dir, mqttConfig)
	fleet := newSensors(t, r, "turm")
	r.do("edges", "mosquitto", out)
	_, port, err := net.SplitHostPort(certified)
	if err != nil {
		t.Fatal(err)
	}
	config, udp, internal, who := r.edge("add", "turm", "--url", "ssl://localhost:"+port)
	_, _, _, withPassword := r.edge("add", "dom", "--password")

	broker := &mosquitto{t: t, binary: binary, config: filepath.Join(dir, "mosquitto.conf"), addr: certified}
	// renew writes the files anew, of which Mosquitto has its own ports here.
	renew := func() {
		r.do("edges", "mosquitto", out)
		text, err := os.ReadFile(filepath.Join(out, "mosquitto.conf"))
		if err != nil {
			t.Fatal(err)
		}
		conf := strings.NewReplacer("listener 8883", "listener "+port+" 127.0.0.1", "listener 8884", "listener "+users+" 127.0.0.1").Replace(string(text))
		write(t, broker.config, "user root\n"+conf) // "user" keeps the rights to its files
		broker.start()
	}
	renew()
	platform := start(t, "modellregion", "serve", r.config)
	gateway := start(t, "edge-gateway", "run", config)
	ready(t, r.internal)
	ready(t, internal)
	served(t, fleet, udp, r.data(), internal)

	if conn, err := tls.Dial("tcp", certified, &tls.Config{RootCAs: who.tls(t).RootCAs, ServerName: "localhost"}); err == nil {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err = io.ReadAll(conn); err == nil {
			t.Error("without a certificate: the handshake is taken")
		}
		_ = conn.Close() // it is over
	}
	trusting := who.tls(t)
	trusting.Certificates = nil
	login := func(user, password string, topics ...string) *mqtt.Client {
		c, err := mqtt.New(mqtt.Config{URL: "ssl://localhost:" + users, Username: user, Password: password, ClientID: user, TLS: trusting.Clone()})
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range topics {
			c.Subscribe(topic, 1, func(_ context.Context, m mqtt.Message) {
				if !strings.Contains(m.Topic, "/energy/") {
					t.Errorf("%s hears %s", user, m.Topic)
				}
			})
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return c
	}
	eventually(t, "the edge with a password is in", login("dom", withPassword.MQTT.Password).Connected)
	eventually(t, "the reader is in", login("stadtwerke", reader, "modellregion/v1/+/energy/#").Connected)

	r.do("edges", "revoke", "turm", "--force")
	r.do("edges", "revoke", "dom", "--force")
	broker.kill()
	renew()
	eventually(t, "the gateway is out", func() bool {
		connected, ok := metric(t, internal, "modellregion_edge_connected")
		return ok && connected == 0 && strings.Contains(gateway.logged(), "revoked certificate")
	})
	ready(t, r.internal) // the platform is not
	gateway.stop()
	platform.stop()
}
