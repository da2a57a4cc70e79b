//go:build !ingestonly

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/simulate/history"
	"modellregion/opendata"
)

func TestHistoryTeaches(t *testing.T) {
	out, _, err := call(t, "simulate", "history", "--help")
	if err != nil || !strings.Contains(out, "modellregion simulate history -c region.yaml --remove") {
		t.Errorf("%v\n%s", err, out)
	}
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+t.TempDir())
	edge := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+t.TempDir(), "- name: rathaus", "- name: historie")
	for args, want := range map[string]string{
		"":                               "--config",
		"-c " + cfg + " --stations 0":    "--stations 0: want 1 to 100000",
		"-c " + cfg + " --from gestern":  `day "gestern"`,
		"-c " + cfg + " --to 2999-01-01": "--to 2999-01-01: want a day that is over",
		"-c " + cfg + " --from 2026-02-02 --to 2026-02-01": "want a first day that is not after the last",
		"-c " + cfg + " --from 1969-02-02 --to 2026-02-01": "want a day from 1971 on",
		"-c " + cfg + " --force --remove":                  "can't be used together",
		"-c " + edge:                                       `an edge or source "historie"`,
	} {
		if _, _, err := call(t, strings.Fields("simulate history "+args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", args, err, want)
		}
	}
}

func TestHistoryDays(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, opendata.Berlin())
	var c simulateHistoryCmd
	c.Stations = 1
	if err := c.complete(now); err != nil {
		t.Fatal(err)
	}
	days := c.days()
	if c.From.String() != "2025-11-29" || c.To.String() != "2026-11-28" || len(days) != 365 {
		t.Errorf("%s to %s, %d days", c.From, c.To, len(days))
	}
	months := monthsOf(days)
	if len(months) != 13 || len(months[0]) != 2 || len(months[1]) != 31 || len(months[12]) != 28 {
		t.Errorf("%d months", len(months))
	}
}

func TestPastProgress(t *testing.T) {
	p := pastProgress{what: "windows", total: 1000}
	for _, c := range []struct {
		add  int
		want string
	}{
		{0, "windows: 0, 0.0 %, 0/s"},
		{250, "windows: 250, 25.0 %, 25/s, about 30s left"},
		{800, "windows: 1050, 100.0 %, 105/s"},
	} {
		p.add(c.add)
		if got := p.line(10 * time.Second); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// countInvented counts the windows of the invented stations, by dataset and
// length.
func countInvented(t *testing.T, db *influx.Client) map[string]int {
	t.Helper()
	n := map[string]int{}
	span := devices.Span{Start: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Now()}
	for _, d := range opendata.Defaults() {
		for _, w := range d.Windows {
			rows, err := db.Windows(t.Context(), d.ID, time.Duration(w), span, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range rows {
				if strings.HasPrefix(a.Station, history.Prefix) {
					n[d.ID+" "+w.String()]++
				}
			}
		}
	}
	return n
}

// naming counts the public files that name an invented station.
func naming(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(openFolder(config{DataDir: dir}), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), history.Prefix) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// besidePlatform has the database and the lock of a platform that runs, and
// calls the command for a day that begins summer time.
func besidePlatform(t *testing.T, cfg, dir string) (db *influx.Client, run func(args ...string) (string, error)) {
	t.Helper()
	lock, err := lockFolder(t.Context(), config{DataDir: dir}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	db, _ = startInflux(t, dir)
	return db, func(args ...string) (string, error) {
		out, log, err := call(t, append([]string{"simulate", "history", "-c", cfg, "--stations", "20", "--from", "2026-03-29", "--to", "2026-03-29"}, args...)...)
		return out + log, err
	}
}

func TestHistory(t *testing.T) {
	cfg, dir := withDevices(t)
	db, run := besidePlatform(t, cfg, dir)
	if out, err := run(); err == nil || !strings.Contains(err.Error(), "--no-files") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("--no-files"); err != nil || !strings.Contains(out, "20 stations with ") || !strings.Contains(out, "windows: ") {
		t.Fatalf("%v\n%s", err, out)
	}
	first := countInvented(t, db)
	// 5 stations of the air, one of them with 9 quantities; 92 quarters of an hour.
	if got := first["umwelt 15m"]; got < 12*92 || got > 13*92 || first["umwelt 1h"] < 12*23 || first["umwelt 1d"] != 13 || first["stromverbrauch 15m"] != 0 {
		t.Errorf("stored: %v", first)
	}
	if list, _, err := call(t, "devices", "list", "-c", cfg); err != nil || strings.Count(list, "historie-verkehr-0") != 7 {
		t.Errorf("%v\n%s", err, list)
	}
	// Nothing is written over unasked; with --force it is the same again.
	if out, err := run("--no-files"); err == nil || !strings.Contains(err.Error(), "bucket open has windows of station historie-") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("--no-files", "--force", "--full"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if full := countInvented(t, db); full["umwelt 15m"] < 3*first["umwelt 15m"] {
		t.Errorf("all quantities: %v", full)
	}
	out, err := run("--no-files", "--force", "--json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var done historyDone
	if err := json.Unmarshal([]byte(out[:strings.Index(out, "}")+1]), &done); err != nil || done.Stations != 20 || done.From != "2026-03-29" || done.Files {
		t.Errorf("%v\n%s", err, out)
	}
	sum := 0
	for k, n := range countInvented(t, db) {
		if sum += n; n != first[k] {
			t.Errorf("%s: %d windows, and %d before", k, n, first[k])
		}
	}
	if int64(sum) != done.Windows {
		t.Errorf("%d windows are stored, said are %d", sum, done.Windows)
	}
	if out, err := run("--remove"); err != nil || !strings.Contains(out, "20 stations removed with their windows, the platform that is running") {
		t.Errorf("%v\n%s", err, out)
	}
	if left := countInvented(t, db); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestHistoryFiles runs while no platform does.
func TestHistoryFiles(t *testing.T) {
	cfg, dir := withDevices(t)
	before, _, err := call(t, "devices", "list", "-c", cfg)
	if err != nil {
		t.Fatal(err)
	}
	out, log, err := call(t, "simulate", "history", "-c", cfg, "--stations", "5", "--from", "2026-03-29", "--to", "2026-03-29")
	if err != nil || !strings.Contains(out, "; files in ") || !strings.Contains(log, "files, rows: ") {
		t.Fatalf("%v\n%s%s", err, out, log)
	}
	if n := naming(t, dir); n < 4*3*3 {
		t.Errorf("%d files name the stations", n)
	}
	if out, _, err := call(t, "simulate", "history", "-c", cfg, "--remove"); err != nil || !strings.Contains(out, "5 stations removed with their windows, and from the files") {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := naming(t, dir); n > 0 {
		t.Errorf("%d files still name the stations", n)
	}
	if after, _, err := call(t, "devices", "list", "-c", cfg); err != nil || after != before {
		t.Errorf("%v\n%s\nwant\n%s", err, after, before)
	}
}

// TestHistoryAndRealStations has a real device at a station with an id that an
// invented one would have.
func TestHistoryAndRealStations(t *testing.T) {
	cfg, dir := withDevices(t)
	db, run := besidePlatform(t, cfg, dir)
	err := (withConfig{cfg}).withStore(t.Context(), func(s store) error {
		list, _, err := s.List(t.Context())
		if err != nil {
			return err
		}
		d := list[0]
		d.EUI[7]++
		d.Station = history.Prefix + "verkehr-001"
		return s.Put(t.Context(), []devices.Device{d})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--no-files"}, {"--no-files", "--force"}, {"--remove"}} {
		if out, err := run(args...); err == nil || !strings.Contains(err.Error(), "is a real one") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if n := countInvented(t, db); len(n) > 0 {
		t.Errorf("stored: %v", n)
	}
	if list, _, err := call(t, "devices", "list", "-c", cfg); err != nil || !strings.Contains(list, history.Prefix+"verkehr-001") {
		t.Errorf("%v\n%s: the real device is gone", err, list)
	}
}
