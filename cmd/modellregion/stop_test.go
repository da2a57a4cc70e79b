//go:build !ingestonly

package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// relay passes bytes on to a server until it is frozen: from then on it accepts
// everything and passes nothing on, as a machine that hangs does.
type relay struct {
	frozen chan struct{}
	freeze func()
}

// relayTo starts one and returns its address; without a server it is frozen from
// the start.
func relayTo(t *testing.T, server string) (*relay, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{frozen: make(chan struct{})}
	r.freeze = sync.OnceFunc(func() { close(r.frozen) })
	var mu sync.Mutex
	open := []io.Closer{l}
	keep := func(c io.Closer) {
		mu.Lock()
		defer mu.Unlock()
		open = append(open, c)
	}
	var wait sync.WaitGroup
	pass := func(from, to net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-r.frozen:
				continue
			default:
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	wait.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			keep(in)
			select {
			case <-r.frozen:
				continue
			default:
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				continue
			}
			keep(out)
			wait.Go(func() { pass(in, out) })
			wait.Go(func() { pass(out, in) })
		}
	})
	if server == "" {
		r.freeze()
	}
	t.Cleanup(func() {
		mu.Lock()
		for _, c := range open {
			_ = c.Close() // whatever state it is in
		}
		mu.Unlock()
		wait.Wait()
	})
	return r, l.Addr().String()
}

// endsWithin stops the service and checks how long that takes.
func endsWithin(t *testing.T, r *running, limit time.Duration) {
	t.Helper()
	began := time.Now()
	err := r.stop()
	if took := time.Since(began); took > limit || err != nil {
		t.Errorf("it ended after %v (%v), want within %v and in order", took, err, limit)
	}
}

// A broker and a database that accept connections and never answer keep the
// platform neither from starting nor from ending.
func TestServersThatNeverAnswer(t *testing.T) {
	for name, server := range map[string]func() string{
		"hang": func() string { _, addr := relayTo(t, ""); return addr },
		"away": func() string { return "127.0.0.1:1" },
	} {
		t.Run(name, func(t *testing.T) {
			config, _ := withDevices(t,
				"  listen: 127.0.0.1:1883", "  url: tcp://"+server()+"\n  username: platform\n  password_file: "+file(t, "mqtt", "secret"),
				"  listen: 127.0.0.1:8086", "  url: http://"+server()+"\n  org: musterstadt\n  token_file: "+file(t, "influx", "secret")+"\n  public_token_file: "+file(t, "public", "secret"),
				"http: 127.0.0.1:8080", "http: 127.0.0.1:0", "internal: 127.0.0.1:9090", "internal: 127.0.0.1:0", "udp: 127.0.0.1:1700", "udp: 127.0.0.1:0")
			began := time.Now()
			r := startService(t, config)
			if told := r.next(t); told != "READY=1" {
				t.Fatalf("told %q at the start", told)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it started within %v", took)
			}
			at := r.at(t)
			if ready := page(at["internal"], "/readyz"); !strings.HasPrefix(ready, "503 ") || !strings.Contains(ready, "no connection to the broker") {
				t.Errorf("ready: %s", ready)
			}
			if _, _, err := call(t, "ready", "--internal", at["internal"], config); err == nil || !strings.HasPrefix(err.Error(), "not ready: ") {
				t.Errorf("command ready: %v", err)
			}
			if live := page(at["internal"], "/healthz"); live != "200 ok\n" {
				t.Errorf("health: %s", live)
			}
			if portal := page(at["http"], "/"); !strings.HasPrefix(portal, "200 ") {
				t.Errorf("portal: %.200s", portal)
			}
			endsWithin(t, r, 10*time.Second)
			if _, _, err := call(t, "ready", "--internal", at["internal"], config); err == nil || !strings.HasPrefix(err.Error(), "ask the platform at ") {
				t.Errorf("command ready of a platform that has ended: %v", err)
			}
		})
	}
}

// Nor when they cease to answer in the middle of the work.
func TestServersThatCeaseToAnswer(t *testing.T) {
	edit, logins, _ := beside(t)
	url := func(text string) string { // of an edit
		_, rest, _ := strings.Cut(text, "  url: ")
		url, _, _ := strings.Cut(rest, "\n")
		_, host, _ := strings.Cut(url, "://")
		return host
	}
	broker, brokerAt := relayTo(t, url(edit[1]))
	database, databaseAt := relayTo(t, url(edit[3]))
	edit[1] = strings.Replace(edit[1], url(edit[1]), brokerAt, 1)
	edit[3] = strings.Replace(edit[3], url(edit[3]), databaseAt, 1)
	config, _ := withDevices(t, edit...)
	rathaus, got := asEdge(t, logins, uplink.KindStored)
	r := startService(t, config)
	r.next(t)
	internal := r.at(t)["internal"]
	waitFor(t, "ready", func() bool { return strings.HasPrefix(page(internal, "/readyz"), "200 ") })
	if out, _, err := call(t, "ready", "--internal", internal, config); err != nil || out != "ready\n" {
		t.Errorf("command ready: %q, %v", out, err)
	}
	publish := func() {
		t.Helper()
		batch := `{"v":1,"epoch":"5c1f","uplinks":[` + uplinkOf(t, barrier, time.Now().UTC().Truncate(time.Millisecond), "speed_mean", 47) + "]}"
		topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindUp, Domain: uplink.Traffic}.String()
		if err := rathaus.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(batch), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	<-got[uplink.KindStored]
	database.freeze()
	publish()
	waitFor(t, "a write hangs", func() bool {
		return strings.Contains(page(internal, "/metrics"), "modellregion_ingest_writes_in_flight 1\n")
	})
	broker.freeze()
	endsWithin(t, r, 10*time.Second)
}

// A part that does not stop is left behind and named; the others still stop.
func TestUnitThatDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, order := make(chan struct{}), make(chan string, 2)
		defer close(release)
		stopping := func(name string) unit {
			return unit{name, func(ctx context.Context) error {
				<-ctx.Done()
				order <- name
				return nil
			}}
		}
		stuck := unit{"stuck", func(context.Context) error {
			<-release
			return nil
		}}
		began := time.Now()
		err := runUnits(t.Context(), []unit{stopping("a"), stuck, stopping("b")}, func(context.Context) error { return nil })
		if err == nil || err.Error() != "stuck: does not stop" {
			t.Errorf("error %v", err)
		}
		if first, second := <-order, <-order; first != "b" || second != "a" {
			t.Errorf("stopped %s, then %s", first, second)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
