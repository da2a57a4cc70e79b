//go:build !ingestonly

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// waitFor waits until ok holds.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// beside starts a broker and a database as a city has them, and returns what a
// region's configuration says of both.
func beside(t *testing.T) (edit []string, logins mqttLogins, db *influx.Client) {
	t.Helper()
	dir := t.TempDir()
	logins = atBroker(t, dir)
	db, server := startInflux(t, dir)
	return []string{
		"  listen: 127.0.0.1:1883", "  url: " + logins.URL + "\n  username: platform\n  password_file: " + file(t, "mqtt", logins.Passwords[platformUser]),
		"  listen: 127.0.0.1:8086", "  url: " + server.URL() + "\n  username: platform\n  password_file: " + file(t, "influx", server.Platform.Password) +
			"\n  public_username: public\n  public_password_file: " + file(t, "public", server.Public.Password),
		"http: 127.0.0.1:8080", "http: 127.0.0.1:0", "internal: 127.0.0.1:9090", "internal: 127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0",
	}, logins, db
}

// serving runs serve and returns its addresses, and how to stop it.
func serving(t *testing.T, dir, endpoints string, args ...string) (at map[string]string, stop func()) {
	t.Helper()
	path := filepath.Join(dir, endpoints)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var log bytes.Buffer
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := run(ctx, append([]string{"serve"}, args...), io.Discard, &log); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		wait.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	t.Cleanup(stop)
	waitFor(t, endpoints, func() bool {
		data, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(data, &at) == nil || t.Failed()
	})
	waitFor(t, "ready", func() bool { return t.Failed() || strings.HasPrefix(page(at["internal"], "/readyz"), "200 ") })
	return at, stop
}

// page fetches a page and returns its status and content.
func page(addr, path string) string {
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// asEdge connects as edge rathaus, and keeps what is said to it by topic kind.
func asEdge(t *testing.T, logins mqttLogins, kinds ...uplink.Kind) (*mqtt.Client, map[uplink.Kind]chan []byte) {
	t.Helper()
	up, got := make(chan struct{}, 1), map[uplink.Kind]chan []byte{}
	c, err := mqtt.New(mqtt.Config{URL: logins.URL, Username: "rathaus", Password: logins.Passwords["rathaus"], ClientID: "edge", OnUp: func(context.Context) { wake(up) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		got[k] = make(chan []byte, 4096) // more than a test is told: who waits here waits for acknowledgements too
		c.Subscribe(uplink.Filter("rathaus", k), 1, func(_ context.Context, m mqtt.Message) { got[k] <- m.Payload })
	}
	goOn(t, c.Run)
	<-up
	return c, got
}

func TestRolesRunApart(t *testing.T) {
	edit, logins, db := beside(t)
	cfg, dir := withDevices(t, append(edit, "#  share: ingest", "  share: ingest")...)
	rathaus, got := asEdge(t, logins, uplink.KindStored, uplink.KindDevices)
	eui, _ := uplink.ParseEUI(barrier)
	now := time.Now().UTC().Truncate(time.Millisecond)
	publish := func(topic uplink.Topic, payload string) {
		t.Helper()
		if err := rathaus.Publish(t.Context(), mqtt.Message{Topic: topic.String(), Payload: []byte(payload), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}

	at, stop := serving(t, dir, "endpoints-ingest.json", "--roles", "ingest", cfg)
	publish(uplink.Topic{Edge: "rathaus", Kind: uplink.KindUp, Domain: uplink.Traffic}, `{"v":1,"epoch":"5c1f","uplinks":[`+uplinkOf(t, barrier, now, "speed_mean", 47)+`]}`)
	if stored, err := uplink.DecodeStored(<-got[uplink.KindStored]); err != nil || stored.Epoch != "5c1f" || stored.Ranges[0] != [2]uint64{1, 1} {
		t.Errorf("%+v, %v", stored, err)
	}
	reports, err := db.DeviceReadings(t.Context(), uplink.Traffic, eui, devices.Span{Start: now, End: now.Add(time.Second)})
	if err != nil || len(reports) != 1 || reports[0].Readings[0].Value != 47 {
		t.Errorf("%+v, %v", reports, err)
	}
	publish(uplink.Topic{Edge: "rathaus", Kind: uplink.KindStatus}, `{"v":2}`)
	publish(uplink.Topic{Edge: "rathaus", Kind: uplink.KindStatus}, `{"v":1,"online":true}`)
	waitFor(t, "the bad status is counted", func() bool {
		return strings.Contains(page(at["internal"], "/metrics"), `modellregion_ingest_bad_messages_total{kind="status"} 1`+"\n")
	})
	metrics := page(at["internal"], "/metrics")
	if !strings.Contains(metrics, "modellregion_ingest_uplinks_total 1\n") || strings.Contains(metrics, "modellregion_broker_") || strings.Contains(metrics, "modellregion_edge_") {
		t.Errorf("an ingest alone shows\n%s", metrics)
	}
	for _, name := range []string{"open", "edge", "influx", "mqtt.json", "influx.json", "endpoints.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("an ingest alone leaves %s (%v)", name, err)
		}
	}
	if _, ok := at["http"]; ok || len(got[uplink.KindDevices]) > 0 {
		t.Error("an ingest alone is public or publishes device lists")
	}
	stop()

	at, stop = serving(t, dir, "endpoints-aggregate-public-lists.json", "--roles", "lists,public,aggregate", cfg)
	if list, err := uplink.DecodeDeviceList(<-got[uplink.KindDevices]); err != nil || len(list.Devices) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if portal := page(at["http"], "/"); !strings.HasPrefix(portal, "200 ") {
		t.Errorf("portal: %s", portal)
	}
	if metrics := page(at["internal"], "/metrics"); strings.Contains(metrics, "modellregion_ingest_") {
		t.Errorf("without an ingest:\n%s", metrics)
	}
	stop()

	at, _ = serving(t, dir, "endpoints-edge.json", "--roles", "edge", "--internal", "localhost:0", cfg)
	if metrics := page(at["internal"], "/metrics"); at["udp"] == "" || !strings.Contains(metrics, "modellregion_edge_connected 1\n") {
		t.Errorf("edge alone at %v:\n%s", at, metrics)
	}
}

func TestRolesConfig(t *testing.T) {
	at := func(more string) []string {
		return []string{"# roles: [ingest]", "roles: " + more, "  listen: 127.0.0.1:1883", "  url: tcp://broker:1883", "  listen: 127.0.0.1:8086", "  url: http://influxdb:8086"}
	}
	for _, c := range []struct {
		name string
		edit []string
		want string // of the error; when it begins with =, of the output
	}{
		{"public needs no broker", []string{"# roles: [ingest]", "roles: [public]", "  listen: 127.0.0.1:8086", "  url: http://influxdb:8086"}, "=roles           public\n"},
		{"nor does aggregate, but a database", []string{"# roles: [ingest]", "roles: [aggregate]"}, "influx.url: must be given: the embedded server is for a process with all roles, and this one has aggregate alone"},
		{"embedded", []string{"# roles: [ingest]", "roles: [public, ingest]"}, "mqtt.url: must be given: the embedded server is for a process with all roles, and this one has ingest, public alone"},
		{"embedded database", []string{"# roles: [ingest]", "roles: [ingest]"}, "influx.url: must be given"},
		{"one is enough", at("[ingest]"), "=roles           ingest\n"},
		{"all in another order", []string{"# roles: [ingest]", "roles: [edge, lists, public, ingest, aggregate]"}, "=roles           ingest, aggregate, public, lists, edge\n"},
		{"unknown", at("[ingst]"), `roles: "ingst", want ingest, aggregate, public, lists or edge`},
		{"no list", at("ingest"), "roles"},
		{"no edge inside", append(at("[edge]"), "    udp: 127.0.0.1:1700\n", ""), "roles: edge: no edge has udp"},
		{"group", []string{"#  share: ingest", "  share: in/gest"}, `mqtt.share: "in/gest", want the name of a group`},
		{"shared", []string{"#  share: ingest", "  share: ingest"}, "=embedded on 127.0.0.1:1883, shared as ingest"},
		{"edges", []string{"#  edges: [rathaus, feuerwache]", "  edges: [rathaus, feuerwache]"}, "=embedded on 127.0.0.1:1883, uplinks of rathaus, feuerwache alone"},
		{"edge with a wildcard", []string{"#  edges: [rathaus, feuerwache]", "  edges: [rathaus, +]"}, `mqtt.edges: edge name "+"`},
		{"edge twice", []string{"#  edges: [rathaus, feuerwache]", "  edges: [rathaus, rathaus]"}, `mqtt.edges: "rathaus" is there twice`},
		{"certificate without key", []string{"  listen: 127.0.0.1:1883", "  url: ssl://broker\n  cert_file: x"}, "mqtt.cert_file, mqtt.key_file: want both"},
		{"certificates in the clear", []string{"  listen: 127.0.0.1:1883", "  url: tcp://broker\n  ca_file: x"}, `are for mqtt.url with ssl://, and it is "tcp://broker"`},
		{"strange scheme", []string{"  listen: 127.0.0.1:1883", "  url: ws://broker"}, `mqtt.url: "ws://broker", want ssl://host:8883`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := call(t, "check", region(t, c.edit...))
			want, good := strings.CutPrefix(c.want, "=")
			if err != nil {
				out = err.Error()
			}
			if good != (err == nil) && c.want != "" || !strings.Contains(out, want) {
				t.Errorf("%s, want %q", out, want)
			}
		})
	}
	// Flags take the place of the configuration.
	if _, _, err := call(t, "serve", "--roles", "ingest,lists", example); err == nil || !strings.Contains(err.Error(), "this one has ingest, lists alone") {
		t.Errorf("error %v", err)
	}
	if _, _, err := call(t, "serve", "--internal", "x", example); err == nil || !strings.Contains(err.Error(), `internal: "x"`) {
		t.Errorf("error %v", err)
	}
}
