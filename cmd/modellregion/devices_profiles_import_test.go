//go:build !ingestonly

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	chirpStackTree = "../../devices/profiles/importer/testdata/chirpstack"
	thingsTree     = "../../devices/profiles/importer/testdata/thethings"
)

func importProfiles(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, _, err := call(t, append([]string{"devices", "profiles", "import"}, args...)...)
	return out, err
}

func TestProfilesImport(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		out  []string
		err  string
	}{
		{"The Things Network", []string{thingsTree, "--vendor", "muster"}, []string{"wrong by a degree", "data.temp: got 0, want 1", "2 failed", "nothing was written"}, ""},
		{"ChirpStack with broken entries", []string{chirpStackTree}, []string{"kein-toml.toml:3: ", "16 entries are broken", "akku.mv, received"}, ""},
		{"strict", []string{thingsTree, "--vendor", "muster", "--strict"}, []string{"2 failed"}, "2 examples failed and 0 entries are broken"},
		{"strict and good", []string{chirpStackTree, "--vendor", "muster", "--device", "luft-1", "--strict"}, []string{"5 examples passed, 0 failed"}, ""},
		{"no checkout", []string{"testdata-that-is-not-there"}, nil, "no such file"},
		{"another folder", []string{t.TempDir()}, nil, "is neither a checkout"},
		{"no such vendor", []string{thingsTree, "--vendor", "niemand"}, nil, "no device matches --vendor niemand"},
		{"domain", []string{thingsTree, "--domain", "water"}, nil, `domain is "water"`},
		{"interval", []string{thingsTree, "--interval", "0s"}, nil, "interval is 0s"},
		{"add without configuration", []string{thingsTree, "--add"}, nil, "--add: want the configuration too"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := importProfiles(t, c.args...)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			for _, want := range c.out {
				if !strings.Contains(out, want) {
					t.Errorf("printed\n%s\nwant %q", out, want)
				}
			}
		})
	}
}

func TestProfilesImportIntoFolder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "profiles")
	args := []string{thingsTree, "--vendor", "muster", "--domain", "traffic", "--interval", "1h", "--out", out}
	if text, err := importProfiles(t, append(args, "--strict")...); err == nil || !strings.Contains(err.Error(), "nothing is written") || strings.Contains(text, "written into") {
		t.Errorf("strict: %v\n%s", err, text)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("strict: something was written")
	}
	text, err := importProfiles(t, args...)
	if err != nil || !strings.Contains(text, "3 profiles written into") {
		t.Fatalf("%v\n%s", err, text)
	}
	file := filepath.Join(out, "muster-luft-1.yaml")
	written, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(written), "domain: traffic\ninterval: 1h0m0s\nlorawan: {version: \"1.1.0\", class: C}") {
		t.Errorf("%v\n%s", err, written)
	}
	// It is a profile: the test bench takes it, and the platform from the folder.
	if text, _, err := call(t, "devices", "codec", "test", file, "--port", "1", "--hex", "00d70e10"); err != nil || !strings.Contains(text, "air_temperature           21.5   °C") {
		t.Errorf("test bench: %v\n%s", err, text)
	}
	cfg := region(t, "# profiles: /etc/modellregion/profiles", "profiles: "+out, "data_dir: /var/lib/modellregion", "data_dir: "+t.TempDir())
	if text, _, err := call(t, "check", cfg); err != nil || !strings.Contains(text, "with those in "+out) {
		t.Errorf("check: %v\n%s", err, text)
	}
	text, _, err = call(t, "devices", "profiles", "list", "-c", cfg)
	if err != nil || !strings.Contains(text, "folder") || !strings.Contains(text, "muster-tafel") || !strings.Contains(text, "shipped") {
		t.Errorf("list: %v\n%s", err, text)
	}
	if text, _, err := call(t, "devices", "codec", "test", "muster-tafel", "-c", cfg, "--port", "1", "--hex", "01"); err != nil || !strings.Contains(text, `"ok": true`) {
		t.Errorf("by id: %v\n%s", err, text)
	}

	// What somebody has written a map into is kept.
	if err := os.WriteFile(file, append(written, "# mine\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err = importProfiles(t, args...)
	if got, _ := os.ReadFile(file); err != nil || !strings.Contains(text, "3 profiles are there already and were kept") || !strings.HasSuffix(string(got), "# mine\n") {
		t.Errorf("again: %v\n%s", err, text)
	}
	text, err = importProfiles(t, append(args, "--replace")...)
	if got, _ := os.ReadFile(file); err != nil || !strings.Contains(text, "3 profiles written") || !bytes.Equal(got, written) {
		t.Errorf("replaced: %v\n%s", err, text)
	}
}

func TestFolderOfProfiles(t *testing.T) {
	dir := t.TempDir()
	check := func(edit ...string) error {
		_, _, err := call(t, append([]string{"check"}, region(t, edit...))...)
		return err
	}
	const key = "# profiles: /etc/modellregion/profiles"
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(key, "profiles: "+dir); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := check(key, "profiles: "+filepath.Join(dir, "fehlt")); err == nil || !strings.Contains(err.Error(), "folder of profiles: ") {
		t.Errorf("no folder: %v", err)
	}
	write("muster-alles.yaml", script)
	if err := check(key, "profiles: "+filepath.Join(dir, "muster-alles.yaml")); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("a file: %v", err)
	}
	write("virtual-air.yaml", strings.Replace(script, "id: muster-alles", "id: virtual-air", 1))
	if err := check(key, "profiles: "+dir); err == nil || !strings.Contains(err.Error(), "virtual-air.yaml: a profile of that id is shipped with the program") {
		t.Errorf("an id that is shipped: %v", err)
	}
	write("virtual-air.yaml", "id: [")
	if err := check(key, "profiles: "+dir); err == nil || !strings.Contains(err.Error(), "profile virtual-air.yaml") {
		t.Errorf("a broken one: %v", err)
	}
}

func TestProfilesImportIntoRegistry(t *testing.T) {
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+t.TempDir())
	args := []string{chirpStackTree, "--vendor", "muster", "-c", cfg, "--add"}
	text, err := importProfiles(t, args...)
	if err != nil || !strings.Contains(text, "3 profiles added to the registry") {
		t.Fatalf("%v\n%s", err, text)
	}
	text, err = importProfiles(t, append(args, "--json")...)
	var got struct {
		Layout                            string
		Devices                           []map[string]any
		Failures, Faults, Skipped         []map[string]any
		Written, Kept, Shipped, Unwritten []string
	}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &got)); err != nil {
		t.Fatal(err)
	}
	if len(got.Devices) != 3 || len(got.Failures) != 2 || len(got.Faults) != 0 || len(got.Skipped) != 3 || len(got.Kept) != 3 || got.Written == nil || len(got.Written) > 0 {
		t.Errorf("printed %s", text)
	}
	text, _, err = call(t, "devices", "profiles", "show", "muster-luft-1", "-c", cfg, "--source")
	if err != nil || !strings.Contains(text, "LoRaWAN   1.0.3, class C") || !strings.Contains(text, "function decodeUplink") || !strings.Contains(text, "https://muster.example/luft-1.pdf") {
		t.Errorf("show: %v\n%s", err, text)
	}
	text, _, err = call(t, "devices", "profiles", "show", "milesight-em300-th", "--json")
	if err != nil || !strings.Contains(text, `"id": "milesight-em300-th"`) {
		t.Errorf("show: %v\n%s", err, text)
	}
}

func TestImportProgress(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(0, 0)
	show := profilesImportCmd{Progress: true}.progress(&terminal{out: io.Discard, err: &log}, func() time.Time { return now })
	for i := range 100 {
		now = now.Add(300 * time.Millisecond)
		show(i+1, 100)
	}
	if n := strings.Count(log.String(), "\n"); n != 25 || !strings.HasPrefix(log.String(), "4 of 100 codecs\n") || !strings.HasSuffix(log.String(), "100 of 100 codecs\n") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	if (profilesImportCmd{}).progress(&terminal{err: &log}, time.Now) != nil {
		t.Error("progress is shown where nobody watches")
	}
}
