//go:build !ingestonly

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/broker"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

const someKey = "00112233445566778899aabbccddeeff"

// barrier is the device of the tests; abp is another, which does not join.
const (
	barrier = "70b3d57ed005f1a0"
	abp     = "70b3d57ed005f1a1"
)

// withDevices writes a configuration whose data folder has devices.
func withDevices(t *testing.T, edit ...string) (cfg, dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg = region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+dir)...)
	const place = ",Westernstraße,paderborn-verkehr-1,paderborn,virtual-traffic,rathaus,51.7,8.75\n"
	file := filepath.Join(dir, "devices.csv")
	text := "dev_eui,app_key,dev_addr,nwk_s_key,app_s_key,name,station,municipality,profile,edge,lat,lon\n" +
		barrier + "," + someKey + ",,," + place + abp + ",,01020304," + someKey + "," + someKey + place
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, "devices", "import", "-c", cfg, file); err != nil {
		t.Fatal(err)
	}
	return cfg, dir
}

func TestDevicesFlushNonces(t *testing.T) {
	if help, _, err := call(t, "devices", "flush-nonces", "--help"); err != nil || !strings.Contains(help, "The price:") || !strings.Contains(help, "dev_nonce") {
		t.Errorf("help: %v\n%s", err, help)
	}
	cfg, dir := withDevices(t)
	out, _, err := call(t, "devices", "flush-nonces", "-c", cfg, strings.ToUpper(barrier))
	if err != nil || !strings.Contains(out, "edge rathaus forgets the DevNonces of device "+barrier) {
		t.Errorf("%q, %v", out, err)
	}
	for eui, want := range map[string]string{
		abp:                "does not join (ABP)",
		"70b3d57ed005f1a2": "70b3d57ed005f1a2: there is no such device in the registry",
		"70b3":             "EUI \"70b3\" has 4 characters",
	} {
		if _, _, err := call(t, "devices", "flush-nonces", "-c", cfg, eui); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", eui, err, want)
		}
	}
	r, err := registry.Open(t.Context(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := r.List(t.Context())
	if err != nil || list[0].Nonces != 1 || list[1].Nonces != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestDevicesSendRefuses(t *testing.T) {
	cfg, dir := withDevices(t)
	other, _ := withDevices(t, "listen: 127.0.0.1:1883", "url: tcp://127.0.0.1:1\n  password_file: "+filepath.Join(dir, "none"))
	for args, want := range map[string]string{
		cfg + " " + barrier + " --hex 01":                                          "--port",
		cfg + " " + barrier + " --port 1":                                          "--hex",
		cfg + " " + barrier + " --port 0 --hex 01":                                 "--port 0: want 1 to 223",
		cfg + " " + barrier + " --port 224 --hex 01":                               "--port 224: want 1 to 223",
		cfg + " " + barrier + " --port 1 --hex 0x01":                               `--hex "0x01": want an even number of hexadecimal digits`,
		cfg + " " + barrier + " --port 1 --hex 011":                                "--hex",
		cfg + " " + barrier + " --port 1 --hex " + strings.Repeat("00", 243):       "243 bytes, want at most 242",
		cfg + " " + barrier + " --port 1 --hex 01 --expires=-1s":                   "--expires -1s",
		cfg + " " + barrier + " --port 1 --hex 01 --wait 0s":                       "--wait 0s: want more than 0",
		cfg + " 70b3 --port 1 --hex 01":                                            "EUI",
		cfg + " 70b3d57ed005f1a2 --port 1 --hex 01":                                "there is no such device in the registry",
		cfg + " " + barrier + " --port 1 --hex 01":                                 "mqtt.json, which modellregion serve writes",
		other + " " + barrier + " --port 1 --hex 01":                               "read secret",
		"/does/not/exist " + barrier + " --port 1 --hex 01 --wait 1s --confirmed ": "no such file",
	} {
		_, _, err := call(t, append([]string{"devices", "send", "-c"}, strings.Fields(args)...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", args, err, want)
		}
	}
}

// goOn runs something until the test ends.
func goOn(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
}

// atBroker runs the embedded broker as serve does, and returns its logins.
func atBroker(t *testing.T, dir string) mqttLogins {
	t.Helper()
	l, err := loadMQTTLogins(dir, []string{"rathaus"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Listen(broker.Config{Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Identities: []broker.Identity{
		{User: platformUser, Password: l.Passwords[platformUser], Role: broker.Platform},
		{User: "rathaus", Password: l.Passwords["rathaus"], Role: broker.Edge},
	}})
	if err != nil {
		t.Fatal(err)
	}
	goOn(t, b.Run)
	l.URL = "tcp://" + b.Addr().String()
	if err := writeJSON(filepath.Join(dir, "mqtt.json"), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// fakeEdge answers the nth command with the events that say returns, and keeps
// the commands, of which a test sends a few.
func fakeEdge(t *testing.T, l mqttLogins, say func(nth int) []uplink.Event) <-chan uplink.Command {
	t.Helper()
	got, up := make(chan uplink.Command, 16), make(chan struct{}, 16)
	c, err := mqtt.New(mqtt.Config{URL: l.URL, Username: "rathaus", Password: l.Passwords["rathaus"], ClientID: "edge", OnUp: func(context.Context) { up <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	nth := 0
	c.Subscribe(uplink.Filter("rathaus", uplink.KindDown), 1, func(ctx context.Context, m mqtt.Message) {
		command, err := uplink.DecodeCommand(m.Payload)
		if err != nil || m.Topic != "modellregion/v1/rathaus/down/"+barrier {
			t.Errorf("%s: %v", m.Topic, err)
		}
		select {
		case got <- command:
		default: // enough of them
		}
		nth++
		for _, e := range say(nth) {
			e.V, e.Time = uplink.Version, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
			if e.Command == "" {
				e.Command = command.ID
			}
			if (e.DevEUI == uplink.EUI{}) {
				e.DevEUI, _ = uplink.ParseEUI(barrier)
			}
			payload, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindEvent, Domain: uplink.Traffic}.String()
			if err := c.PublishAsync(ctx, mqtt.Message{Topic: topic, Payload: payload, QoS: 1}, func(error) {}); err != nil {
				t.Error(err)
			}
		}
	})
	goOn(t, c.Run)
	<-up
	return got
}

func TestDevicesSend(t *testing.T) {
	counter := uint32(7)
	queued, sent := uplink.Event{Event: uplink.EventQueued}, uplink.Event{Event: uplink.EventSent, FCnt: &counter}
	for name, c := range map[string]struct {
		flags  string
		events []uplink.Event
		out    []string // in this order
		err    string   // "" for none
	}{
		"unconfirmed": {"", []uplink.Event{queued, sent}, []string{"to device " + barrier + " at edge rathaus", "queued", "sent, downlink counter 7"}, ""},
		"confirmed": {"--confirmed --expires 1h", []uplink.Event{queued, sent, {Event: uplink.EventAcked, FCnt: &counter}},
			[]string{"queued", "sent, downlink counter 7", "acked, downlink counter 7"}, ""},
		"failed":  {"", []uplink.Event{queued, {Event: uplink.EventFailed, Detail: "too long for DR0"}}, []string{"queued", `failed: "too long for DR0"`}, `failed: "too long for DR0"`},
		"expired": {"--confirmed", []uplink.Event{queued, sent, {Event: uplink.EventExpired}}, []string{"sent", "expired"}, "expired before it was confirmed"},
		"among others": {"", []uplink.Event{{Event: uplink.EventSent, Command: "another"}, {Event: uplink.EventFailed, DevEUI: uplink.EUI{1}}, {Event: uplink.EventJoin, Command: "x"}, queued, {Event: "delayed"}, sent},
			[]string{"queued", "delayed", "sent"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, dir := withDevices(t)
			got := fakeEdge(t, atBroker(t, dir), func(int) []uplink.Event { return c.events })
			args := append([]string{"devices", "send", "-c", cfg, barrier, "--port", "10", "--hex", "0102FF"}, strings.Fields(c.flags)...)
			out, _, err := call(t, args...)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			rest := out
			for _, want := range c.out {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("printed\n%s\nwant %q in it after what is before it", out, c.out)
					break
				}
				rest = after
			}
			command := <-got
			if command.FPort != 10 || !bytes.Equal(command.Payload, []byte{1, 2, 0xff}) || command.Confirmed != strings.Contains(c.flags, "--confirmed") || command.Expires.IsZero() == strings.Contains(c.flags, "--expires") {
				t.Errorf("the edge got %+v", command)
			}
			if strings.Contains(out, someKey) {
				t.Error("a key is shown")
			}
		})
	}
}

// ending is a writer that ends something when it is given a word.
type ending struct {
	word string
	end  func()
}

func (e ending) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(e.word)) {
		e.end()
	}
	return len(p), nil
}

// The command is repeated until the edge answers, and what is known of it is
// said when that is not waited for.
func TestSendingRepeats(t *testing.T) {
	for name, c := range map[string]struct {
		answer   int // the command that the edge answers
		give     int // the command with which the user gives up
		password string
		want     string
	}{
		"answered late": {answer: 3, want: "command barrier-42 was not decided before this was interrupted; edge rathaus keeps trying for a day"},
		"not answered":  {give: 2, want: "edge rathaus did not answer before this was interrupted: is it connected"},
		"no broker":     {password: "wrong", want: "command barrier-42 did not reach the MQTT broker within 50ms: no connection"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			logins := atBroker(t, t.TempDir())
			got := fakeEdge(t, logins, func(nth int) []uplink.Event {
				if nth == c.give { // so the broker has acknowledged one before it
					cancel()
				}
				if nth == c.answer {
					return []uplink.Event{{Event: uplink.EventQueued}}
				}
				return nil
			})
			login := mqtt.Config{URL: logins.URL, Username: platformUser, Password: logins.Passwords[platformUser] + c.password, ClientID: "test"}
			d := devices.Device{Edge: "rathaus"}
			d.EUI, _ = uplink.ParseEUI(barrier)
			s, err := newSending(login, d, uplink.Command{V: 1, ID: "barrier-42", FPort: 1}, ending{"queued", cancel})
			if err != nil {
				t.Fatal(err)
			}
			wait := time.Minute
			if c.password != "" {
				wait = 50 * time.Millisecond
			}
			err = runUnits(ctx, []unit{{"MQTT connection", s.client.Run}}, func(ctx context.Context) error {
				return s.follow(ctx, wait, time.Millisecond)
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
			for range max(c.answer, c.give) {
				if command := <-got; command.ID != "barrier-42" {
					t.Errorf("the edge got %+v", command)
				}
			}
		})
	}
}
