//go:build !ingestonly

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

func TestRebuildSpan(t *testing.T) {
	cfg := &config{Raw: duration(90 * 24 * time.Hour)}
	now := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	for _, c := range []struct{ from, to, want string }{
		{"2026-11-01", "2026-11-23", "=2026-10-31T23:00:00Z 2026-11-23T23:00:00Z"},
		{"2026-10-25", "2026-10-25", "=2026-10-24T22:00:00Z 2026-10-25T23:00:00Z"}, // 25 hours
		{"2026-08-26", "2026-08-26", "=2026-08-25T22:00:00Z 2026-08-26T22:00:00Z"},
		{"2026-08-25", "2026-11-23", "raw readings are kept for 90d (raw_retention), and of days before 2026-08-26 a part may be gone; what was published of them stays. what can be rebuilt is --from 2026-08-26 --to 2026-11-23"},
		{"2026-11-01", "2026-11-24", "to 2026-11-24: it has not begun; what can be rebuilt is --from 2026-08-26 --to 2026-11-23"},
		{"2026-11-02", "2026-11-01", "want a first day that is not after the last"},
		{"2026-11-31", "2026-11-01", "from: day"},
		{"2026-11-01", "", "to: day"},
	} {
		span, err := rebuildOrder{c.from, c.to}.span(cfg, now)
		got := span.Start.Format(time.RFC3339) + " " + span.End.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		want, good := strings.CutPrefix(c.want, "=")
		if good != (err == nil) || !strings.Contains(got, want) {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		done, total int
		took        time.Duration
		want        string
	}{
		{0, 23, time.Second, "0 of 23 days"},
		{3, 23, 90 * time.Second, "3 of 23 days, 2.0 days a minute, about 10m0s left"},
		{23, 23, time.Minute, "23 of 23 days, 23.0 days a minute"},
	} {
		if got := progressLine(c.done, c.total, c.took); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The same result with a platform that runs and without.
func TestRebuild(t *testing.T) {
	edit, _, db := beside(t)
	dir := t.TempDir()
	cfg := region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+dir)...)
	publicDevice(t, cfg)
	eui, _ := uplink.ParseEUI(barrier)
	q, _ := devices.Lookup("speed_mean")
	yesterday := opendata.DayOf(opendata.DayOf(time.Now()).Span().Start.Add(-time.Hour))
	at := yesterday.Span().Start.Add(12 * time.Hour)
	report := devices.Report{Device: eui, Station: "paderborn-verkehr-1", Municipality: "paderborn", Domain: uplink.Traffic, Time: at, Readings: []devices.Reading{{Quantity: q, Value: 47}}}
	if err := db.Write(t.Context(), []devices.Report{report}); err != nil {
		t.Fatal(err)
	}
	days := []string{"opendata", "rebuild", "-c", cfg, "--from", yesterday.String(), "--to", opendata.DayOf(time.Now()).String()}
	rebuild := func() {
		t.Helper()
		out, log, err := call(t, days...)
		if err != nil || !strings.Contains(out, "rebuilt from "+yesterday.String()) || !strings.Contains(log, "2 of 2 days") {
			t.Fatalf("%s%s (%v)", out, log, err)
		}
		rows, err := db.Windows(t.Context(), "verkehr", 24*time.Hour, yesterday.Span(), "")
		if err != nil || len(rows) != 1 || rows[0].Mean != 47 {
			t.Errorf("%+v (%v)", rows, err)
		}
		if csv := mustRead(t, dir+"/open/data/verkehr/1d/"+yesterday.String()+".csv"); !strings.Contains(csv, "47") {
			t.Errorf("the file of the day: %s", csv)
		}
	}
	rebuild()

	at2, _ := serving(t, dir, "endpoints-aggregate.json", "--roles", "aggregate", cfg)
	rebuild()
	post := func(header, body string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+at2["internal"]+rebuildPath, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(header, "x")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }() // only its status counts
		return resp.Status
	}
	for _, c := range []struct{ header, body, want string }{
		{"X-Other", `{"from":"2026-11-01","to":"2026-11-01"}`, "403 Forbidden"},
		{commandHeader, `{"from":"2016-11-01","to":"2016-11-01"}`, "400 Bad Request"},
		{commandHeader, `{"from":"2016-11-01","until":"2016-11-01"}`, "400 Bad Request"},
		{commandHeader, "x", "400 Bad Request"},
	} {
		if got := post(c.header, c.body); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.header, c.body, got, c.want)
		}
	}
}

func TestRebuildNeedsSomebody(t *testing.T) {
	dir := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir, "internal: 127.0.0.1:9090", "internal: 127.0.0.1:1")
	today := opendata.DayOf(time.Now()).String()
	_, _, err := call(t, "opendata", "rebuild", "-c", cfg, "--from", today, "--to", today)
	if err == nil || !strings.Contains(err.Error(), "start that first") {
		t.Errorf("with nobody: %v", err)
	}
	lock, err := lockFolder(t.Context(), config{DataDir: dir}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err = call(t, "opendata", "rebuild", "-c", cfg, "--from", today, "--to", today); err == nil || !strings.Contains(err.Error(), "none answers at its internal address") {
		t.Errorf("with one elsewhere: %v", err)
	}
	if _, _, err = call(t, "opendata", "rebuild", "-c", cfg, "--from", "2016-01-01", "--to", today); err == nil || !strings.Contains(err.Error(), "what can be rebuilt is --from") {
		t.Errorf("of what is gone: %v", err)
	}
}
