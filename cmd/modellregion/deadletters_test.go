//go:build !ingestonly

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/uplink"
)

const stranger = "70b3d57ed005f1a2" // a device that is not in the registry

// startInflux runs the database of a data folder as serve does, and returns a
// client that may do everything.
func startInflux(t *testing.T, dir string) (*influx.Client, *embedded.Server) {
	t.Helper()
	cfg := config{DataDir: dir}
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: influxDir(cfg)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := writeJSON(readerFile(cfg), map[string]string{"url": s.URL(), "username": s.Reader.Username, "password": s.Reader.Password}); err != nil {
		t.Fatal(err)
	}
	c := influx.New(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
	t.Cleanup(c.Close)
	return c, s
}

// uplinkOf is an uplink of a device with one reading, as JSON.
func uplinkOf(t *testing.T, device string, at time.Time, quantity string, value float64) string {
	t.Helper()
	eui, err := uplink.ParseEUI(device)
	if err != nil {
		t.Fatal(err)
	}
	u := uplink.Uplink{
		Seq: 1, DevEUI: eui, Time: at, TimeQuality: uplink.TimeHost, FPort: 1,
		RX: []uplink.Reception{{Gateway: uplink.EUI{1}, RSSIdBm: -90}}, Readings: []uplink.Reading{{Quantity: quantity, Value: value}},
	}
	return string(u.AppendJSON(nil))
}

func TestDeadLetters(t *testing.T) {
	cfg, dir := withDevices(t)
	deadLetters := func(args ...string) (string, error) {
		out, log, err := call(t, append(append([]string{"dead-letters"}, args...), "-c", cfg)...)
		return out + log, err
	}
	if _, err := deadLetters("list"); err == nil || !strings.Contains(err.Error(), "is it running with this configuration?") {
		t.Errorf("without a database: %v", err)
	}
	db, _ := startInflux(t, dir)
	if out, err := deadLetters("list"); err != nil || out != "there are no dead letters\n" {
		t.Errorf("%q, %v", out, err)
	}
	hourAgo := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	day := 24 * time.Hour
	topic := uplink.Topic{Edge: "rathaus", Kind: uplink.KindUp, Domain: uplink.Traffic}.String()
	var letters []devices.DeadLetter
	for n := range 3 {
		at := hourAgo.Add(time.Duration(n) * time.Minute)
		letters = append(letters, devices.DeadLetter{
			Time: at, Edge: "rathaus", Reason: "unknown_device", Why: "device " + stranger + " is not in the registry", Topic: topic,
			Device: stranger, Message: uplinkOf(t, stranger, at, "speed_mean", 47),
		})
	}
	letters = append(letters,
		devices.DeadLetter{Time: hourAgo.Add(-3 * day), Edge: "rathaus", Reason: "malformed", Why: "no JSON", Topic: topic, Message: "\x1b[31mgarbage"},
		devices.DeadLetter{Time: hourAgo.Add(-2 * day), Edge: "feuerwache", Reason: "range", Why: "speed_mean of 900", Topic: topic,
			Device: barrier, Message: uplinkOf(t, barrier, hourAgo.Add(-2*day), "speed_mean", 900)},
	)
	if err := db.Bury(t.Context(), letters); err != nil {
		t.Fatal(err)
	}

	// What is listed.
	lines := func(args ...string) int {
		t.Helper()
		out, err := deadLetters(append([]string{"list"}, args...)...)
		if err != nil {
			t.Error(err)
		}
		return strings.Count(out, "Z  ")
	}
	for args, want := range map[string]int{
		"": 5, "--reason unknown_device": 3, "--edge feuerwache": 1, "--since 1d": 3, "--until 1d": 2, "--device " + stranger: 3,
		"--limit 2": 2, "--since " + hourAgo.Add(time.Minute).Format(time.RFC3339): 2, "--reason range --edge rathaus": 0,
	} {
		if got := lines(strings.Fields(args)...); got != want {
			t.Errorf("list %s shows %d, want %d", args, got, want)
		}
	}
	out, err := deadLetters("list", "--json")
	var list []shown
	if jsonErr := json.Unmarshal([]byte(out), &list); err != nil || jsonErr != nil || len(list) != 5 || list[0].Device != stranger {
		t.Fatalf("%s, %v, %v", out, err, jsonErr)
	}
	id := map[string]string{} // by reason
	for _, l := range list {
		id[l.Reason] = l.ID
	}

	// What is refused.
	for args, want := range map[string]string{
		"list --since yesterday":          `"yesterday": want how long ago`,
		"list --limit=-1":                 "--limit -1",
		"list --device 70b3":              "EUI",
		"show x!":                         "want an id as it is listed",
		"show zzzzzzzzzz":                 "there is none with that id",
		"replay":                          "which dead letters?",
		"replay --limit 3":                "which dead letters?",
		"drop --yes":                      "which dead letters?",
		"drop --reason malformed":         "1 dead letters would be dropped for ever: say so with --yes",
		"replay x --edge rathaus":         "either ids or a filter",
		"replay " + id["range"] + " zzzz": "zzzz: there is none",
	} {
		if out, err := deadLetters(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, error %v, want it to say %q", args, out, err, want)
		}
	}

	// What is shown does nothing to a terminal.
	if out, err := deadLetters("show", id["malformed"]); err != nil || !strings.Contains(out, "garbage") || strings.Contains(out, "\x1b") || !strings.Contains(out, "no JSON") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := deadLetters("show", id["range"]); err != nil || !strings.Contains(out, "\n  \"readings\": [\n") {
		t.Errorf("%s, %v", out, err)
	}

	// Nothing has changed yet.
	replay := func(want string, code int, args ...string) {
		t.Helper()
		out, err := deadLetters(append([]string{"replay"}, args...)...)
		var got exitCode
		errors.As(err, &got)
		if int(got) != code || err != nil && code == 0 || !strings.Contains(out, want) {
			t.Errorf("replay %s: %s, %v, want %q", args, out, err, want)
		}
	}
	replay("0 dead letters stored, 3 not", 1, "--reason", "unknown_device")
	replay("3        "+list[0].ID+"  device "+stranger+" is not in the registry", 1, "--device", stranger)
	replay(`"not_stored": 5`, 1, "--since", "30d", "--json")

	if out, _, err := call(t, "devices", "add", "-c", cfg, "--dev-eui", stranger, "--app-key", someKey, "--profile", "virtual-traffic",
		"--municipality", "paderborn", "--lat", "51.7", "--lon", "8.7"); err != nil {
		t.Fatal(out, err)
	}
	replay("1 dead letters stored, 0 not", 0, list[0].ID)
	replay("it holds no uplink", 1, "--since", "30d")
	eui, _ := uplink.ParseEUI(stranger)
	stored, err := db.DeviceReadings(t.Context(), uplink.Traffic, eui, devices.Span{Start: hourAgo, End: time.Now()})
	if err != nil || len(stored) != 3 || stored[0].Readings[0].Value != 47 {
		t.Errorf("%+v, %v", stored, err)
	}
	if got := lines(); got != 2 {
		t.Errorf("%d are listed after three were replayed, want 2", got)
	}
	if out, err := deadLetters("list", "--all"); err != nil || strings.Count(out, "replayed") != 3 {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := deadLetters("replay", list[0].ID); err == nil || !strings.Contains(err.Error(), "was replayed already") {
		t.Errorf("replayed again: %v", err)
	}

	if out, err := deadLetters("drop", "--reason", "malformed", "--yes"); err != nil || out != "1 dead letters dropped\n" {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := deadLetters("show", id["malformed"]); err != nil || strings.Contains(out, "garbage") || !strings.Contains(out, "dropped") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := deadLetters("drop", id["range"], "--yes", "--json"); err != nil || !strings.Contains(out, `"dropped": 1`) {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := deadLetters("list"); err != nil || !strings.Contains(out, "no dead letters like that; all there are") {
		t.Errorf("%s, %v", out, err)
	}
}

// More letters than are in memory at a time.
func TestDeadLettersManyAtOnce(t *testing.T) {
	cfg, dir := withDevices(t)
	db, _ := startInflux(t, dir)
	begin := time.Now().Add(-5 * time.Hour).UTC().Truncate(time.Second)
	var letters []devices.DeadLetter
	for n := range 2*letterPage + 10 {
		at := begin.Add(time.Duration(n) * time.Second)
		letters = append(letters, devices.DeadLetter{
			Time: at, Edge: "rathaus", Reason: "codec", Device: barrier, Message: uplinkOf(t, barrier, at, "speed_mean", float64(n%150)),
		})
	}
	if err := db.Bury(t.Context(), letters); err != nil {
		t.Fatal(err)
	}
	out, log, err := call(t, "dead-letters", "replay", "-c", cfg, "--reason", "codec", "--limit", fmt.Sprint(2*letterPage+5))
	if err != nil || !strings.Contains(out, fmt.Sprintf("%d dead letters stored, 0 not", 2*letterPage+5)) || !strings.Contains(log, "1000 dead letters tried, 1000 stored") {
		t.Errorf("%s, %s, %v", out, log, err)
	}
	if out, _, err := call(t, "dead-letters", "drop", "-c", cfg, "--edge", "rathaus", "--yes"); err != nil || out != "5 dead letters dropped\n" {
		t.Errorf("%s, %v", out, err)
	}
	// The file that a platform leaves behind leads to nobody.
	if err := writeJSON(readerFile(config{DataDir: dir}), map[string]string{"url": "http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, "dead-letters", "list", "-c", cfg); err == nil || !strings.Contains(err.Error(), "is the platform running?") {
		t.Errorf("without the database: %v", err)
	}
}

func TestKindsOfReasons(t *testing.T) {
	for _, c := range [][2]string{
		{"device 70b3d57ed005f1a0 is not in the registry", "device 70b3d57ed005f1a1 is not in the registry"},
		{"speed_mean of 900.5 is outside 0 to 300 km/h", "speed_mean of -1e+06 is outside 0 to 300 km/h"},
		{`quantity "speed" is unknown`, `quantity "tempo" is unknown`},
		{"time 2026-01-01T10:00:00Z is not between 2160h0m0s ago and 5m0s ahead", "time 2026-03-01T11:00:00+01:00 is not between 2160h0m0s ago and 5m0s ahead"},
	} {
		if kindOf(c[0]) != kindOf(c[1]) {
			t.Errorf("%q and %q are two kinds: %q, %q", c[0], c[1], kindOf(c[0]), kindOf(c[1]))
		}
	}
	if kindOf("payload has 3 bytes") == kindOf("the codec found no reading in it") {
		t.Error("everything is of one kind")
	}
}
