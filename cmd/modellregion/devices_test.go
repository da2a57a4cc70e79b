//go:build !ingestonly

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rootKey and sessionKey are keys that no output may show unless asked.
const (
	rootKey    = "c0ffee00112233445566778899aabbcc"
	sessionKey = "deadbeef112233445566778899aabbcc"
	kekDigits  = "feedface112233445566778899aabbcc"
	newDevice  = "aabbccddeeff0011"
	newQR      = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inRegion returns how to call a devices command in a region of its own.
func inRegion(t *testing.T, edit ...string) (devices func(args ...string) (string, error), dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg := region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+dir)...)
	return func(args ...string) (string, error) {
		out, log, err := call(t, append(append([]string{"devices"}, args...), "-c", cfg)...)
		return out + log, err
	}, dir
}

func TestDevicesFromAddToRemove(t *testing.T) {
	devices, dir := inRegion(t)
	key := file(t, "key", rootKey+"\n")
	steps := []struct {
		args []string
		want string // of the output, or of the error when it begins with !
	}{
		{[]string{"add", "--qr", newQR, "--app-key-file", key, "--profile", "virtual-traffic", "--lat", "51.7", "--lon", "8,75"}, "!municipality: must be given"},
		{[]string{"add", "--qr", "LW:D1", "--app-key-file", key}, "!none of LoRa Alliance TR005"},
		{[]string{"add", "--app-key-file", key}, "!want --qr"},
		{[]string{"add", "--dev-eui", newDevice, "--app-key", "00"}, "!app_key: key has 2 characters"},
		{[]string{"add", "--dev-eui", newDevice, "--app-key-file", file(t, "key", "xyz")}, "!key has 3 characters"},
		{[]string{"add", "--qr", newQR, "--app-key-file", key, "--profile", "virtual-trafic", "--municipality", "paderborn", "--lat", "1", "--lon", "8"}, `!"virtual-trafic" is unknown, perhaps virtual-traffic`},
		{[]string{"add", "--qr", newQR, "--app-key-file", key, "--profile", "virtual-traffic", "--municipality", "bielefeld", "--lat", "1", "--lon", "8"}, `!municipality "bielefeld" is not in the configuration, which has paderborn, soest`},
		{[]string{"add", "--qr", newQR, "--app-key-file", key, "--profile", "virtual-traffic", "--municipality", "paderborn", "--lat", "51.7", "--lon", "8,75", "--visibility", "public", "--variable", "height=2.5"}, "added at station paderborn-verkehr-001, public, served by edge rathaus"},
		{[]string{"add", "--qr", newQR, "--app-key-file", key, "--profile", "virtual-traffic", "--municipality", "paderborn", "--lat", "51.7", "--lon", "8.75"}, "!is there already, at station paderborn-verkehr-001"},
		{[]string{"add", "--dev-eui", "0000000000000002", "--dev-addr", "01020304", "--nwk-s-key", sessionKey, "--app-s-key", sessionKey, "--profile", "virtual-traffic", "--municipality", "paderborn", "--lat", "51.7", "--lon", "8.75", "--json"}, `"station": "paderborn-verkehr-002"`},
		{[]string{"show", newDevice}, "joins over the air"},
		{[]string{"show", newDevice, "--json"}, `"height": "2.5"`},
		{[]string{"show", "0000000000000009"}, "!there is no such device"},
		{[]string{"edit", newDevice, "--name", "Westernstraße", "--owner", "Tiefbauamt"}, "changed"},
		{[]string{"edit", newDevice}, "!nothing to change"},
		{[]string{"edit", newDevice, "--lat", "north"}, `!lat: "north"`},
		{[]string{"edit", "0000000000000009", "--name", "x"}, "!add it with devices add"},
		{[]string{"list", "western"}, "Westernstraße"},
		{[]string{"list", "--owner", "Tiefbauamt", "--json"}, newDevice},
		{[]string{"list", "--limit", "1"}, "1 of 2 devices; --offset 1"},
		{[]string{"disable", newDevice}, "its edge drops what it sends"},
		{[]string{"list", "--disabled"}, "disabled    Westernstraße"},
		{[]string{"enable", newDevice, "--json"}, `"disabled": false`},
		{[]string{"flush-nonces", newDevice, "--json"}, `"nonces": 1`},
		{[]string{"profiles", "list"}, "virtual-traffic"},
		{[]string{"profiles", "list", "--json"}, `"shipped": true`},
		{[]string{"check"}, "2 devices, 0 problems"},
		{[]string{"check", "--json"}, `"problems": []`},
		{[]string{"backup", filepath.Join(dir, "copy.db"), "--json"}, "bytes"},
		{[]string{"export"}, "Westernstraße"},
		{[]string{"export", "--json"}, newDevice},
		{[]string{"send", newDevice, "--port", "1", "--hex", "00", "--json"}, "!mqtt.json"},
		{[]string{"remove", newDevice}, "!say so with --yes"},
		{[]string{"remove", newDevice, "--yes"}, "removed"},
		{[]string{"remove", newDevice, "--yes"}, "!there is no such device"},
	}
	for _, s := range steps {
		out, err := devices(s.args...)
		all := out
		if err != nil {
			all += err.Error()
		}
		want, refused := strings.CutPrefix(s.want, "!")
		if refused != (err != nil) || !strings.Contains(all, want) {
			t.Errorf("%q: %v\n%s\nwant %q", s.args, err, out, s.want)
		}
		for _, secret := range []string{rootKey, sessionKey, "OAABBCCDDEEFF", "AABBCCDDEEFF:"} {
			if strings.Contains(strings.ToLower(all), strings.ToLower(secret)) {
				t.Errorf("%q shows a secret:\n%s", s.args, all)
			}
		}
	}
}

// Where nothing is the only one, a new device is told what there is.
func TestDevicesAddSaysWhatThereIs(t *testing.T) {
	devices, _ := inRegion(t, "#  - name: feuerwache", "  - name: feuerwache")
	out, err := devices("add", "--qr", newQR, "--app-key", rootKey, "--profile", "virtual-traffic", "--lat", "51.7", "--lon", "8.75")
	for _, want := range []string{"--edge with one of rathaus, feuerwache", "--municipality with one of paderborn, soest"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n%s\nwant it to say %q", err, out, want)
		}
	}
}

// Whose meter it is, is told only to those who ask for keys, and it is never
// public.
func TestDevicesOfHouseholds(t *testing.T) {
	const user = "k-4711"
	devices, _ := inRegion(t)
	meter := func(eui string, more ...string) []string {
		return append([]string{"add", "--dev-eui", eui, "--app-key", rootKey, "--profile", "virtual-grid", "--municipality", "soest",
			"--lat", "51.5", "--lon", "8.1", "--connection", user}, more...)
	}
	shows := map[bool]string{true: "shows", false: "hides"}
	for _, s := range []struct {
		args []string
		want string // of the output, or of the error when it begins with !
		user bool   // whether the connection user is shown
	}{
		{meter(newDevice), "!connection, group: want both", false},
		{meter(newDevice, "--group", "nord", "--visibility", "public"), "!visibility: public, and with a connection user", false},
		{meter(newDevice, "--group", "nord", "--profile", "virtual-traffic"), "!domain energy alone", false},
		{meter(newDevice, "--group", "nord", "--district", "Altstadt", "--road", "B 1", "--json"), `"road": "B 1"`, false},
		{meter("0000000000000002", "--connection", "k-2", "--group", "nord", "--station", "soest-energie-001"), "!station soest-energie-001 has the meter of a household", false},
		{[]string{"list"}, "in group nord", false},
		{[]string{"list", "--group", "sued", "--json"}, "[]", false},
		{[]string{"list", "--group", "nord", "--json"}, `"district": "Altstadt"`, false},
		{[]string{"show", newDevice}, "nord", false},
		{[]string{"show", newDevice, "--keys"}, "connection", true},
		{[]string{"export"}, "nord", false},
		{[]string{"export", "--keys"}, user, true},
		{[]string{"edit", newDevice, "--name", "Zähler"}, "changed", false},
		{[]string{"show", newDevice, "--keys", "--json"}, `"connection": "` + user, true},
		{[]string{"check"}, "1 devices, 0 problems", false},
		{[]string{"import", "--default", "connection=" + user, "x.csv"}, "!--default connection: want a column", false},
		{[]string{"edit", newDevice, "--variable", "rated_power=630"}, "!variables: rated_power", false},
		{[]string{"edit", newDevice, "--connection", "", "--group", "", "--visibility", "public"}, "!station soest-energie-001 was that of a household", false},
		{[]string{"edit", newDevice, "--connection", "", "--group", ""}, "changed", false},
		{[]string{"show", newDevice, "--keys"}, "internal", false},
	} {
		out, err := devices(s.args...)
		all := out
		if err != nil {
			all += err.Error()
		}
		want, refused := strings.CutPrefix(s.want, "!")
		if refused != (err != nil) || !strings.Contains(all, want) {
			t.Errorf("%q: %v\n%s\nwant %q", s.args, err, out, s.want)
		}
		if strings.Contains(all, user) != s.user {
			t.Errorf("%q does not do what it should, which %s the connection user:\n%s", s.args, shows[s.user], all)
		}
	}
}

// Keys are shown to those who ask for them by name.
func TestKeysAreShownWhenAskedFor(t *testing.T) {
	devices, dir := inRegion(t)
	if _, err := devices("add", "--dev-eui", newDevice, "--app-key", rootKey, "--profile", "virtual-traffic", "--municipality", "soest", "--lat", "51.5", "--lon", "8.1"); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(dir, "keys.csv")
	for _, args := range [][]string{{"show", newDevice, "--keys"}, {"show", newDevice, "--keys", "--json"}, {"export", "--keys"}, {"export", "--keys", "--json"}, {"export", "--keys", "-o", output}} {
		out, err := devices(args...)
		if args[len(args)-1] == output {
			data, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			out = string(data)
		}
		if err != nil || !strings.Contains(out, rootKey) {
			t.Errorf("%q: %s, %v", args, out, err)
		}
	}
	if info, err := os.Stat(output); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDevicesWrapKeys(t *testing.T) {
	kek, second := file(t, "kek", kekDigits), file(t, "kek2", sessionKey)
	plain, dir := inRegion(t)
	at := func(kek string) func(args ...string) (string, error) {
		cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir, "\nedges:", "\nregistry: {kek_file: "+kek+"}\nedges:")
		return func(args ...string) (string, error) {
			out, log, err := call(t, append(append([]string{"devices"}, args...), "-c", cfg)...)
			return out + log, err
		}
	}
	if _, err := plain("add", "--dev-eui", newDevice, "--app-key", rootKey, "--profile", "virtual-traffic", "--municipality", "soest", "--lat", "51.5", "--lon", "8.1"); err != nil {
		t.Fatal(err)
	}
	refuse := func(want string, _ string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), kekDigits) || strings.Contains(err.Error(), rootKey) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	out, err := plain("wrap-keys")
	refuse("there is no key-encryption key", out, err)
	if out, err := at(kek)("wrap-keys"); err != nil || !strings.Contains(out, "1 keys wrapped") || strings.Contains(out, kekDigits) {
		t.Errorf("%s, %v", out, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "registry.db")); err != nil || bytes.Contains(data, []byte(rootKey)) {
		t.Errorf("the key is in the file, %v", err)
	}
	out, err = plain("list")
	refuse("none is configured", out, err)
	if out, err := at(kek)("show", newDevice, "--keys"); err != nil || !strings.Contains(out, rootKey) {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := at(second)("wrap-keys", "--old-kek-file", kek, "--json"); err != nil || !strings.Contains(out, `"wrapped": 1`) {
		t.Errorf("%s, %v", out, err)
	}
	out, err = at(kek)("list")
	refuse("the one configured is", out, err)
	t.Setenv("MODELLREGION_KEK", sessionKey)
	if _, err := plain("show", newDevice); err != nil {
		t.Error(err)
	}
	out, err = at(second)("list")
	refuse("given twice", out, err)
	t.Setenv("MODELLREGION_KEK", kekDigits[:10])
	out, err = plain("list")
	refuse("MODELLREGION_KEK", out, err)
	if err := os.Chmod(kek, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MODELLREGION_KEK", "")
	out, err = at(kek)("list")
	refuse("others than its owner may read it", out, err)
}

func TestDevicesImportOfOthers(t *testing.T) {
	devices, _ := inRegion(t)
	chirpstack := file(t, "chirpstack.json", `[{"devEui":"0101010101010101","name":"Nord","deviceProfileName":"Zähler","nwkKey":"`+rootKey+`"}]`)
	defaults := []string{"--default", "municipality=soest", "--default", "lat=51.5", "--default", "lon=8.1", "--profile-name", "Zähler=virtual-traffic"}
	importing := func(args ...string) (string, error) { return devices(append([]string{"import"}, args...)...) }
	if _, err := importing(chirpstack, "--default", "app_key="+rootKey); err == nil || strings.Contains(err.Error(), rootKey) {
		t.Errorf("a key as default: %v", err)
	}
	if _, err := importing(chirpstack); err == nil || !strings.Contains(err.Error(), `device 1 (0101010101010101): profile: "Zähler" is unknown`) {
		t.Errorf("error %v", err)
	}
	out, err := importing(append(defaults, chirpstack, "--dry-run")...)
	if err != nil || !strings.Contains(out, "would add 0101010101010101  soest-verkehr-001  Nord") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := importing(append(defaults, chirpstack)...); err != nil || !strings.HasPrefix(out, "1 devices imported: 1 added") {
		t.Errorf("%s, %v", out, err)
	}
	out, err = importing(append(defaults, chirpstack, "--json")...)
	var result struct{ Unchanged int }
	if jsonErr := json.Unmarshal([]byte(out), &result); err != nil || jsonErr != nil || result.Unchanged != 1 {
		t.Errorf("%s, %v, %v", out, err, jsonErr)
	}
	exported, err := devices("export")
	if err != nil {
		t.Fatal(err)
	}
	sheet := file(t, "sheet.csv", strings.Replace(exported, "Nord", "Nordstraße", 1))
	if out, err := importing(sheet); err != nil || !strings.Contains(out, "0 added, 1 changed, 0 unchanged") {
		t.Errorf("%s, %v", out, err)
	}
	strange := file(t, "strange.csv", "Geräte-EUI;Bezeichnung\n1;2\n")
	if _, err := importing(strange); err == nil || !strings.Contains(err.Error(), `--map "name=Bezeichnung"`) {
		t.Errorf("error %v", err)
	}
}

func TestDevicesProfiles(t *testing.T) {
	devices, _ := inRegion(t)
	own := file(t, "own.yaml", "id: own\nname: Own\ndomain: road\ninterval: 1m\ncodec:\n  kind: layout\n  source: 'ports: {1: {fields: [{at: 0, type: u8, quantity: vehicle_count}]}}'\n")
	if out, err := devices("profiles", "add", own); err != nil || !strings.Contains(out, "[own]") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := devices("profiles", "list"); err != nil || !strings.Contains(out, "registry") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := devices("profiles", "remove", "own", "--json"); err != nil || !strings.Contains(out, `"removed": "own"`) {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := devices("profiles", "remove", "virtual-traffic"); err == nil {
		t.Error("a shipped profile was removed")
	}
}
