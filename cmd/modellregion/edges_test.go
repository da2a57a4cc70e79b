//go:build !ingestonly

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modellregion/devices/registry"
	"modellregion/internal/authority"
	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/internal/strictyaml"
	"modellregion/uplink"
)

const withTLS = "  listen: 127.0.0.1:1883\n  tls: {listen: \"127.0.0.1:0\", names: [127.0.0.1]}"

// edgesOf returns how to call an edges command in a region of its own, and one
// for any other.
func edgesOf(t *testing.T, edit ...string) (edges func(args ...string) (string, error), any func(args ...string) (string, error), dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg := region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+dir)...)
	any = func(args ...string) (string, error) {
		out, log, err := call(t, append(args, "-c", cfg)...)
		return out + log, err
	}
	return func(args ...string) (string, error) { return any(append([]string{"edges"}, args...)...) }, any, dir
}

// identityFile is what stands in the file of an edge.
type identityFile struct {
	Name string
	MQTT struct{ URL, CA, Cert, Key, Password string }
}

func readIdentity(t *testing.T, path string) (f identityFile) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := strictyaml.Decode(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEdgesFromAddToRevoke(t *testing.T) {
	edges, any, dir := edgesOf(t, "  listen: 127.0.0.1:1883", withTLS, "#  - name: feuerwache", "  - name: feuerwache")
	file := filepath.Join(dir, "turm.edge.yaml")
	for _, c := range []struct{ args, want string }{
		{"add Turm", `!edge name "Turm"`},
		{"add platform", "!is taken by"},
		{"add rathaus", "!runs inside the platform"},
		{"add turm --valid 100y", "!1m to 20y"},
		{"add turm --valid soon", `!something like`},
		{"add turm --url http://x", "!want --url ssl://host:8883"},
		{"add turm --url tcp://x:1883", "!a certificate needs TLS"},
		{"renew turm --out " + file, "!it is not in the registry: want edges add turm"},
		{"add turm --out " + file, "edge turm added: " + file + " has its certificate, good until " + time.Now().AddDate(2, 0, 0).Format("2006")},
		{"add turm --out " + file, "!it is there already"},
		{"add turm --out " + file + ".2", "!it has a credential that counts: want edges renew turm"},
		{"list", "registry     certificate            " + time.Now().UTC().Format(time.DateOnly)},
		{"list --json", `"state": "good"`},
		{"renew turm --out " + file, "!it is there already"},
		{"renew turm --out " + file + ".2 --valid 20d", "edge turm renewed"},
		{"list", "ends soon"},
		{"revoke dom", "!there is none of that name, want one of rathaus, feuerwache, turm"},
		{"revoke rathaus", "!it runs inside"},
	} {
		out, err := edges(strings.Fields(c.args)...)
		if want, failed := strings.CutPrefix(c.want, "!"); failed {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want it to say %q", c.args, err, want)
			}
			continue
		}
		if err != nil || !strings.Contains(out, c.want) || strings.Contains(out, "PRIVATE") {
			t.Errorf("%s: %v\n%s\nwant it to say %q and no key", c.args, err, out, c.want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	first, second := readIdentity(t, file), readIdentity(t, file+".2")
	if first.Name != "turm" || first.MQTT.URL != "ssl://127.0.0.1:0" || first.MQTT.Key == second.MQTT.Key || first.MQTT.CA != second.MQTT.CA {
		t.Errorf("%+v\n%+v", first, second)
	}
	for _, f := range []identityFile{first, second} {
		if _, err := tls.X509KeyPair([]byte(f.MQTT.Cert), []byte(f.MQTT.Key)); err != nil {
			t.Error(err)
		}
	}

	// Its devices may have it as their edge, and keep it from being revoked.
	if out, err := any("devices", "add", "--dev-eui", newDevice, "--app-key", rootKey, "--profile", "virtual-traffic", "--municipality", "soest", "--lat", "51.7", "--lon", "8.7", "--edge", "turm"); err != nil {
		t.Fatal(out, err)
	}
	if _, err := any("devices", "add", "--dev-eui", "0000000000000009", "--app-key", rootKey, "--profile", "virtual-traffic", "--municipality", "soest", "--lat", "51.7", "--lon", "8.7", "--edge", "dom"); err == nil || !strings.Contains(err.Error(), "rathaus, feuerwache, turm") {
		t.Errorf("an edge that there is not: %v", err)
	}
	if _, err := edges("revoke", "turm"); err == nil || !strings.Contains(err.Error(), "1 devices are assigned") {
		t.Errorf("revoked with devices: %v", err)
	}
	if out, err := edges("revoke", "turm", "--force"); err != nil || !strings.Contains(out, "edge turm: 2 credentials revoked") || !strings.Contains(out, "1 devices have no edge now") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := edges("list")
	if err != nil || strings.Count(out, "revoked") != 2 || !strings.Contains(out, "nowhere") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := edges("revoke", "turm"); err == nil {
		t.Error("revoked twice")
	}
	if out, err := edges("add", "turm", "--out", "-"); err != nil || !strings.Contains(out, "BEGIN PRIVATE KEY") { // as it was asked for
		t.Errorf("added again: %v\n%s", err, out)
	}
}

func TestEdgesWithoutAPort(t *testing.T) {
	edges, _, dir := edgesOf(t)
	file := filepath.Join(dir, "turm.yaml")
	if _, err := edges("add", "turm", "--out", file); err == nil || !strings.Contains(err.Error(), "want mqtt.tls in the configuration") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is there")
	}
	if out, err := edges("list"); err != nil || strings.Contains(out, "turm") {
		t.Errorf("%v\n%s", err, out)
	}
}

// At a broker of others a password may do, and the registry keeps its hash.
func TestEdgeWithPassword(t *testing.T) {
	ca, err := authority.Open(filepath.Join(t.TempDir(), "ca"))
	if err != nil {
		t.Fatal(err)
	}
	theirs := file(t, "ca.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"+string(ca.PEM()))
	edges, _, dir := edgesOf(t, "  listen: 127.0.0.1:1883", "  url: ssl://mqtt.musterstadt.example\n  ca_file: "+theirs)
	path := filepath.Join(dir, "turm.yaml")
	out, err := edges("add", "turm", "--password", "--out", path)
	if err != nil || !strings.Contains(out, "has its password\n") || !strings.Contains(out, "edges mosquitto") {
		t.Fatalf("%v\n%s", err, out)
	}
	f := readIdentity(t, path)
	if len(f.MQTT.Password) < leastPassword || f.MQTT.Cert != "" || strings.TrimSpace(f.MQTT.CA) != strings.TrimSpace(string(ca.PEM())) || strings.Contains(out, f.MQTT.Password) {
		t.Errorf("%+v", f)
	}
	db, err := os.ReadFile(filepath.Join(dir, "registry.db"))
	if err != nil || strings.Contains(string(db), f.MQTT.Password) {
		t.Errorf("the registry has the password (%v)", err)
	}
}

func TestIdentities(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	cfg := config{Edges: []edgeConfig{{Name: "rathaus", UDP: "127.0.0.1:0"}, {Name: "feuerwache"}, {Name: "dom"}}}
	logins := mqttLogins{Passwords: map[string]string{"platform": "p", "rathaus": "r", "feuerwache": "f", "dom": "d", "turm": "t"}}
	reg, err := registry.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reg.Close() }() // only read from here on
	add := func(c registry.Credential) {
		t.Helper()
		if err := reg.AdmitEdge(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	until := now.Add(time.Hour)
	add(registry.Credential{ID: "77", Edge: "turm", Kind: registry.Certificate, Issued: now, Expires: until})
	add(registry.Credential{ID: passwordID("mine"), Edge: "tor", Kind: registry.Password, Issued: now})
	add(registry.Credential{ID: "88", Edge: "weg", Kind: registry.Certificate, Issued: now, Expires: until})
	for name, besides := range map[string][]registry.Credential{
		"weg": nil, "dom": {{ID: passwordID("d"), Kind: registry.Password, Issued: now}}, "rathaus": {{ID: passwordID("r"), Kind: registry.Password, Issued: now}},
	} {
		if _, err := reg.RevokeEdge(t.Context(), name, now, besides...); err != nil {
			t.Fatal(err)
		}
	}
	r, err := readRoster(t.Context(), &cfg, reg)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := cfg.identities(logins, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]broker.Identity{}
	for _, id := range ids {
		if err := id.Check(); err != nil {
			t.Error(err)
		}
		got[id.User] = id
	}
	// An edge inside cannot lose its password; "dom" has, and "weg" is gone.
	if len(got) != 5 || got["platform"].Role != broker.Platform || got["rathaus"].Password != "r" || got["feuerwache"].Password != "f" || got["turm"].Password != "" {
		t.Errorf("%+v", ids)
	}
	if c := got["turm"].Credentials; len(c) != 1 || c[0].Serial != "77" || !c[0].Until.Equal(until) {
		t.Errorf("%+v", c)
	}
	if c := got["tor"].Credentials; len(c) != 1 || c[0].Serial != "" || c[0].Password == [32]byte{} {
		t.Errorf("%+v", c)
	}
	if len(r.former) != 1 || r.former[0] != "weg" {
		t.Errorf("former: %v", r.former)
	}
}

func TestBrokerPortsConfig(t *testing.T) {
	at := func(text string) []string {
		return []string{"  listen: 127.0.0.1:1883", "  listen: 127.0.0.1:1883\n" + text}
	}
	for _, c := range []struct {
		name string
		edit []string
		want string // of the error, or of the output when it begins with =
	}{
		{"tls", at("  tls: {listen: 0.0.0.0:8883, names: [mqtt.musterstadt.example]}"), "=embedded on 127.0.0.1:1883, with TLS on 0.0.0.0:8883"},
		{"no names", at("  tls: {listen: 0.0.0.0:8883}"), "mqtt.tls.names: must be given"},
		{"no name", at("  tls: {listen: 0.0.0.0:8883, names: [mqtt_1]}"), `mqtt.tls.names: "mqtt_1", want the name or the IP`},
		{"no port", at("  tls: {listen: here, names: [a]}"), `mqtt.tls.listen: "here", want host:port`},
		{"names alone", at("  tls: {names: [a]}"), "mqtt.tls.listen: must be given"},
		{"no key", at("  tls: {listen: 0.0.0.0:8883, names: [a], cert_file: x}"), "mqtt.tls.cert_file, mqtt.tls.key_file: want both"},
		{"of another broker", []string{"  listen: 127.0.0.1:1883", "  url: ssl://broker\n  tls: {listen: 0.0.0.0:8883, names: [a]}"}, "mqtt.tls: is for the embedded broker"},
		{"reader", at("  readers: [{name: stadtwerke, domains: [energy], password_file: /x}]"), "=good"},
		{"reader's name", at("  readers: [{name: Stadtwerke, domains: [energy], password_file: /x}]"), `mqtt.readers[0].name: "Stadtwerke"`},
		{"reader and edge", at("  readers: [{name: rathaus, domains: [energy], password_file: /x}]"), `mqtt.readers[0].name: "rathaus" is taken`},
		{"no domain", at("  readers: [{name: stadtwerke, password_file: /x}]"), "mqtt.readers[0].domains: must name"},
		{"strange domain", at("  readers: [{name: stadtwerke, domains: [water], password_file: /x}]"), `mqtt.readers[0].domains: "water", want`},
		{"no password", at("  readers: [{name: stadtwerke, domains: [energy]}]"), "mqtt.readers[0].password_file: must be given"},
		{"no edge", []string{"edges:\n  - name: rathaus\n    udp: 127.0.0.1:1700\n", "edges: []\n# - name: rathaus\n#   udp:\n", "    gateways: []\n", ""}, "=none here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := call(t, "check", region(t, c.edit...))
			if want, good := strings.CutPrefix(c.want, "="); good {
				if err != nil || !strings.Contains(out, want) {
					t.Errorf("%v\n%s\nwant it to say %q", err, out, want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	short := config{MQTT: mqttConfig{Readers: []readerConfig{{Name: "x", PasswordFile: file(t, "password", "geheim123")}}}}
	if _, err := short.readers(); err == nil || !strings.Contains(err.Error(), "want at least 20") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("a short password: %v", err)
	}
}

// member connects as an edge with the identity of its file.
func member(t *testing.T, f identityFile, at string) (c *mqtt.Client, up, down chan struct{}, lists chan []byte) {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(f.MQTT.Cert), []byte(f.MQTT.Key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(f.MQTT.CA))
	up, down, lists = make(chan struct{}, 16), make(chan struct{}, 16), make(chan []byte, 16)
	c, err = mqtt.New(mqtt.Config{URL: "ssl://" + at, Username: f.Name, ClientID: "edge", TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
		OnUp: func(context.Context) { up <- struct{}{} }, OnDown: func(error) { down <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	c.Subscribe(uplink.Filter(f.Name, uplink.KindDevices), 1, func(_ context.Context, m mqtt.Message) { lists <- m.Payload })
	goOn(t, c.Run)
	return c, up, down, lists
}

// A running platform lets an edge in that was added, gives it its devices, lets
// it in with what it was renewed with, and shuts it out when it is revoked.
func TestEdgesWhileThePlatformRuns(t *testing.T) {
	dir := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir, "  listen: 127.0.0.1:1883", strings.Replace(withTLS, "1883", "0", 1), "  listen: 127.0.0.1:8086", "  listen: 127.0.0.1:0",
		"http: 127.0.0.1:8080", "http: 127.0.0.1:0", "internal: 127.0.0.1:9090", "internal: 127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0")
	at, stop := serving(t, dir, "endpoints.json", cfg)
	command := func(args ...string) {
		t.Helper()
		if out, _, err := call(t, append(args, "-c", cfg)...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	path := filepath.Join(dir, "turm.yaml")
	command("edges", "add", "turm", "--out", path)
	edge, up, down, lists := member(t, readIdentity(t, path), at["mqtts"])
	<-up
	list := func(want int) {
		t.Helper()
		waitFor(t, "the device list", func() bool {
			select {
			case text := <-lists:
				var l uplink.DeviceList
				return json.Unmarshal(text, &l) == nil && len(l.Devices) == want
			default:
				return false
			}
		})
	}
	list(0)
	command("devices", "add", "--dev-eui", newDevice, "--app-key", rootKey, "--profile", "virtual-traffic", "--municipality", "soest", "--lat", "51.7", "--lon", "8.7", "--edge", "turm")
	list(1)

	command("edges", "renew", "turm", "--out", path+".2")
	if _, again, _, _ := member(t, readIdentity(t, path+".2"), at["mqtts"]); again != nil {
		<-again // it takes the place of the first, as it has its client id
	}
	<-down
	logins := mqttLogins{}
	data, err := os.ReadFile(filepath.Join(dir, "mqtt.json"))
	if err == nil {
		err = json.Unmarshal(data, &logins)
	}
	if err != nil {
		t.Fatal(err)
	}
	command("edges", "revoke", "turm", "--force")
	waitFor(t, "it is shut out", func() bool {
		shown := page(at["internal"], "/metrics")
		return !edge.Connected() && strings.Contains(shown, "modellregion_broker_cut_total 1") && !strings.Contains(shown, `bad_certificates_total{reason="revoked"} 0`)
	})
	waitFor(t, "the device list is taken back", func() bool { return !retainedFor(t, logins, "turm") })
	stop()
}

// retainedFor reports whether the broker has a device list for an edge.
func retainedFor(t *testing.T, logins mqttLogins, edge string) bool {
	t.Helper()
	got, up := make(chan struct{}, 1), make(chan struct{}, 1)
	c, err := mqtt.New(mqtt.Config{URL: logins.URL, Username: platformUser, Password: logins.Passwords[platformUser], ClientID: "asks", OnUp: func(context.Context) { wake(up) }})
	if err != nil {
		t.Fatal(err)
	}
	c.Subscribe(uplink.Filter(edge, uplink.KindDevices), 1, func(context.Context, mqtt.Message) { wake(got) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	<-up // what is retained has come before
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return len(got) > 0
}
