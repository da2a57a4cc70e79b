//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modellregion/internal/mqtt"
	"modellregion/internal/simulate/load"
	"modellregion/uplink"
)

func TestSimulateTeaches(t *testing.T) {
	for args, want := range map[string]string{
		"simulate mqtt --help":    "modellregion simulate mqtt -c region.yaml --rate 1000 --for 5m",
		"simulate devices --help": "modellregion simulate devices -c region.yaml --remove",
	} {
		if out, _, err := call(t, strings.Fields(args)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s\nwant it to mention %q", args, err, out, want)
		}
	}
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+t.TempDir())
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"mqtt":                                                    "want -c with the region's configuration, or --url",
		"mqtt -c " + cfg:                                          "mqtt.json, which modellregion serve writes",
		"mqtt --url http://broker":                                "scheme is \"http\"",
		"mqtt --url tcp://broker --rate=-1":                       "rate -1, want 0 to",
		"mqtt --url tcp://broker --edges=-1":                      "--edges -1: want 0 or more",
		"mqtt --url tcp://broker --format x":                      "--format must be one of",
		"mqtt --url tcp://broker --devices 3":                     "3 devices, want one for each of the 4 edges",
		"mqtt --url tcp://broker --edge a --edges 2":              "want either --edge",
		"mqtt --url tcp://broker --password-file /does/not/exist": "no such file",
		"mqtt --url tcp://broker --password-file " + empty:        "has no password for load-1",
		"mqtt --url tcp://broker --ca-file /does/not/exist":       "--ca-file",
		"mqtt --url tcp://broker --ca-file " + example:            "no certificate in it, want PEM",
		"devices":                "want -c with the region's configuration, or --csv",
		"devices --remove":       "want -c with the region's configuration, or --csv",
		"devices --remove --csv": "can't be used together",
		"devices -c " + cfg + " --edge feuerwache":   "--edge feuerwache: it is not in the configuration, which has rathaus",
		"devices -c " + cfg + " --format chirpstack": "--format chirpstack: the configuration has none",
		"devices -c " + cfg + " --edges 2":           "--edges 2 --format modellregion: the configuration has rathaus",
	} {
		if _, _, err := call(t, strings.Fields("simulate "+args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", args, err, want)
		}
	}
}

func TestSimulateDevices(t *testing.T) {
	dir := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir)
	must := func(args ...string) string {
		t.Helper()
		out, _, err := call(t, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	count := func() int { return strings.Count(must("devices", "list", "-c", cfg), "  load  ") / 2 } // municipality and profile
	for range 2 {
		if out := must("simulate", "devices", "-c", cfg, "--devices", "20"); !strings.HasPrefix(out, "20 devices registered") || count() != 20 {
			t.Errorf("%s%d devices", out, count())
		}
	}
	must("simulate", "devices", "-c", cfg, "--devices", "5", "--seed", "2")
	if count() != 25 {
		t.Errorf("%d devices, want those of two seeds", count())
	}
	if out := must("simulate", "devices", "-c", cfg, "--remove"); !strings.HasPrefix(out, "25 devices removed") || count() != 0 {
		t.Errorf("%s%d devices", out, count())
	}
	if out := must("simulate", "devices", "-c", cfg, "--remove", "--json"); !strings.Contains(out, `"removed": 0`) {
		t.Error(out)
	}
	// The other way into a registry.
	profile, list := filepath.Join(dir, "load.yaml"), filepath.Join(dir, "load.csv")
	for path, text := range map[string]string{
		profile: must("simulate", "devices", "--profile"),
		list:    must("simulate", "devices", "--edge", "rathaus", "--municipality", "paderborn", "--devices", "3", "--csv"),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must("devices", "profiles", "add", "-c", cfg, profile)
	if out := must("devices", "import", "-c", cfg, list); !strings.HasPrefix(out, "3 devices imported: 3 added") {
		t.Error(out)
	}
	if out := must("devices", "check", "-c", cfg); !strings.HasPrefix(out, "3 devices, 0 problems") {
		t.Error(out)
	}
}

// sayStored confirms uplinks, as the platform does.
func sayStored(t *testing.T, l mqttLogins) {
	t.Helper()
	up := make(chan struct{}, 16)
	c, err := mqtt.New(mqtt.Config{URL: l.URL, Username: platformUser, Password: l.Passwords[platformUser], ClientID: "stored", OnUp: func(context.Context) { up <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	c.Subscribe(uplink.Filter("+", uplink.KindUp), 1, func(ctx context.Context, m mqtt.Message) {
		batch, refused, err := uplink.DecodeBatch(m.Payload)
		if err != nil || len(refused) > 0 {
			t.Errorf("%v, %v", refused, err)
			return
		}
		var seqs []uint64
		for _, u := range batch.Uplinks {
			seqs = append(seqs, u.Seq)
		}
		topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindStored}.String()
		if err := c.PublishAsync(ctx, mqtt.Message{Topic: topic, Payload: uplink.NewStored(batch.Epoch, seqs).Encode(), QoS: 1}, func(error) {}); err != nil {
			t.Error(err)
		}
	})
	goOn(t, c.Run)
	<-up
}

func TestSimulateMQTT(t *testing.T) {
	dir := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir)
	login := atBroker(t, dir)
	ledger := filepath.Join(dir, "ledger")
	send := func(args ...string) (loadResult, error) {
		t.Helper()
		out, log, err := call(t, append([]string{"simulate", "mqtt", "--devices", "10", "--ledger", ledger}, args...)...)
		var r loadResult
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%q: %v\n%s", out, err, log)
		}
		return r, err
	}
	// Nobody confirms.
	r, err := send("-c", cfg, "--uplinks", "30", "--wait", "3s")
	if err == nil || !strings.Contains(err.Error(), "30 of 30 uplinks are not confirmed") || r.Unconfirmed != 30 || r.Confirmed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	sayStored(t, login)
	// A copy of mqtt.json on another machine, and what is left from before.
	r, err = send("--url", login.URL, "--edge", "rathaus", "--password-file", filepath.Join(dir, "mqtt.json"), "--uplinks", "500", "--rate", "0")
	if err != nil || r.Sent != 500 || r.Confirmed != 500 || r.Unconfirmed != 0 || r.Resent == 0 || r.PerSecond == 0 || r.LatencyP99Ms < r.LatencyP50Ms || r.LatencyMaxMs == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	// A password of its own.
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(login.Passwords["rathaus"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = send("--url", login.URL, "--edge", "rathaus", "--password-file", password, "--uplinks", "600", "--rate", "1000"); err != nil || r.Confirmed != 600 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestLoadLine(t *testing.T) {
	before := load.Progress{Sent: 100}
	for want, p := range map[string]load.Progress{
		"200 uplinks/s  confirmed 900  unconfirmed 200  edges connected 4":                     {Sent: 1100, Confirmed: 900, Unconfirmed: 200, Connected: 4},
		"0 uplinks/s  confirmed 0  unconfirmed 100  behind 7  sent again 3  edges connected 0": {Sent: 100, Unconfirmed: 100, Behind: 7, Resent: 3},
	} {
		if got := loadLine(before, p, 5*time.Second); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 1234567: "1.23ms", 999_999_999: "1s", 90 * time.Second: "1m30s"} {
		if got := short(d).String(); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
