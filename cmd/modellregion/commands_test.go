//go:build !ingestonly

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"modellregion/dashboards"
)

func TestHelpTeaches(t *testing.T) {
	for args, want := range map[string]string{
		"--help":                  "modellregion demo",
		"demo --help":             "--speed",
		"serve --help":            "region.example.yaml",
		"serve --help ":           "--roles ingest region.yaml",
		"dead-letters --help":     "mend the cause",
		"dead-letters replay -h":  "To do it twice changes nothing.",
		"dead-letters drop -h":    "for ever",
		"devices import --help":   "dev_eui",
		"dashboards apply --help": "--grafana",
		"opendata rebuild --help": "Late readings need no rebuild",
		"opendata datasets -h":    "modellregion check region.yaml",
	} {
		out, _, err := call(t, strings.Fields(args)...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s\nwant it to mention %q", args, err, out, want)
		}
	}
	for args, want := range map[string]string{
		"":                            "expected one of",
		"dance":                       "unexpected argument dance",
		"demo --speed fast":           "speed",
		"demo --speed 0":              "--speed 0: want more than 0",
		"demo --sensors 0":            "--sensors 0: want 1 to 100000",
		"demo --for=-1s":              "--for -1s",
		"demo --for 24h --speed 1000": "of simulated time",
		"serve /does/not/exist":       "no such file",
	} {
		if _, _, err := call(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want it to say %q", args, err, want)
		}
	}
	for _, args := range []string{"version", "--version"} {
		if out, _, err := call(t, args); err != nil || !strings.HasPrefix(out, version+" (") || !strings.Contains(out, runtime.Version()) {
			t.Errorf("%s printed %q (%v)", args, out, err)
		}
	}
}

func TestCheckConfiguration(t *testing.T) {
	out, _, err := call(t, "check", example)
	if err != nil || !strings.Contains(out, "good") || !strings.Contains(out, "rathaus, inside") {
		t.Errorf("the example: %v\n%s", err, out)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "\nhttp:", "\nhtpp:", "htpp"},
		{"no YAML", "region:", "region: [", "region.yaml"},
		{"no publisher", "publisher: Stadt Musterstadt", "publisher: ''", "region.publisher: must be given"},
		{"one language", "{de: Modellregion Musterland, en: Musterland Model Region}", "{de: Modellregion}", "region.name"},
		{"municipality", "id: paderborn", "id: Paderborn", `region.municipalities[0].id: "Paderborn"`},
		{"twice", "id: soest", "id: paderborn", `"paderborn" is there twice`},
		{"key of a municipality", `"05774032"`, `"5774032"`, `region.municipalities[0].ags: "5774032", want 8 digits`},
		{"elsewhere", "lat: 51.7189", "lat: 8.7575", "is not in Germany"},
		{"address", "http: 127.0.0.1:8080", "http: '8080'", `http: "8080", want host:port`},
		{"both brokers", "#  url: ssl://mqtt.musterstadt.example:8883", "  url: ssl://mqtt.musterstadt.example:8883", "mqtt: want either listen"},
		{"open broker", "listen: 127.0.0.1:1883", "listen: 0.0.0.0:1883", `mqtt.listen: "0.0.0.0:1883", want an address of this machine alone`},
		{"open database", "listen: 127.0.0.1:8086", "listen: ':8086'", `influx.listen: ":8086"`},
		{"password in the URL", "listen: 127.0.0.1:1883", "url: tcp://platform:geheim@broker:1883", `tcp://platform:xxxxx@broker:1883`},
		{"retention", "raw_retention: 90d", "raw_retention: 1h", "raw_retention: 1h0m0s, want at least 1d"},
		{"retention in words", "raw_retention: 90d", "raw_retention: long", `duration "long"`},
		{"public address", "public_url: https:", "public_url: ftp:", `public_url: "ftp://daten.musterstadt.example", want the address that the public sees`},
		{"public address with a query", "daten.musterstadt.example", "daten.musterstadt.example/?a=b", "public_url: "},
		{"proxies", "# trusted_proxies: [127.0.0.0/8]", "trusted_proxies: [127.0.0.0/8, proxy]", `trusted_proxies[1]: "proxy", want a network`},
		{"edge", "- name: rathaus", "- name: Rathaus 1", `edges[0].name: edge name "Rathaus 1"`},
		{"gateway", "gateways: []", "gateways: [xyz]", "EUI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := call(t, "check", region(t, c.old, c.new))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	// All mistakes at once.
	_, _, err = call(t, "check", region(t, "publisher: Stadt Musterstadt", "publisher: ''", "http: 127.0.0.1:8080", "http: x"))
	if err == nil || !strings.Contains(err.Error(), "region.publisher") || !strings.Contains(err.Error(), "http:") {
		t.Errorf("two mistakes: %v", err)
	}
}

func TestDevicesImportAndList(t *testing.T) {
	dir := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir)
	const head = "dev_eui,app_key,name,station,municipality,profile,edge,lat,lon,visibility\n"
	const line = "70b3d57ed005f1a0,00112233445566778899aabbccddeeff,Westernstraße,paderborn-verkehr-1,paderborn,virtual-traffic,rathaus,51.7,8.75,public\n"
	file := filepath.Join(dir, "devices.csv")
	put := func(text string, args ...string) (string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _, err := call(t, append([]string{"devices", "import", "-c", cfg, file}, args...)...)
		return out, err
	}
	list := func(args ...string) string {
		out, _, err := call(t, append([]string{"devices", "list", "-c", cfg}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out, err := put(head+line, "--dry-run"); err != nil || !strings.Contains(out, "nothing was changed") || strings.Contains(list(), "70b3") {
		t.Errorf("dry run: %q, %v", out, err)
	}
	for text, want := range map[string]string{
		strings.Replace(line, "paderborn,", "bielefeld,", 1):                  `municipality "bielefeld" is not in`,
		strings.Replace(line, "rathaus", "feuerwache", 1):                     `edge "feuerwache" is not in`,
		strings.Replace(line, "virtual-traffic", "counter", 1):                `line 2: profile: "counter" is unknown`,
		line + strings.Replace(line, "70b3d57ed005f1a0", "70b3d57ed005f1", 1): "line 3: dev_eui",
	} {
		if _, err := put(head + text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if strings.Contains(list(), "70b3") {
		t.Error("a list with a mistake was imported in part")
	}
	if out, err := put(head + line); err != nil || !strings.HasPrefix(out, "1 devices imported: 1 added") {
		t.Errorf("import: %q, %v", out, err)
	}
	for _, out := range []string{list(), list("--json")} {
		if !strings.Contains(out, "70b3d57ed005f1a0") || !strings.Contains(out, "Westernstraße") || strings.Contains(out, "445566") {
			t.Errorf("list: %s", out)
		}
	}
}

func TestDashboardsExport(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := call(t, "dashboards", "export", dir); err != nil {
		t.Fatal(err)
	}
	all, err := dashboards.All(dashboards.Options{})
	if err != nil {
		t.Fatal(err)
	}
	boards, err := filepath.Glob(filepath.Join(dir, "provisioning", "dashboards", "modellregion", "*.json"))
	if err != nil || len(boards) != len(all) {
		t.Errorf("%v (%v), want %d dashboards", boards, err, len(all))
	}
	_, _, err = call(t, "dashboards", "apply", "--grafana", "http://127.0.0.1:1", "--user", "x", "--influx", "http://x", "--influx-user", "x", "--influx-password", filepath.Join(dir, "none"))
	if err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("apply without a password file: %v", err)
	}
}

func TestPortInUseIsNamed(t *testing.T) {
	busy, err := listen("test", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.listener.Close() }() // nothing runs on it
	addrs := map[string]string{"http": busy.addr(), "internal": busy.addr(), "mqtt": busy.addr(), "influx": busy.addr(), "udp": "127.0.0.1:99999"}
	for flag, bad := range addrs {
		args := []string{"demo", "--sensors", "1", "--for", "1s"}
		for f := range addrs {
			addr := "127.0.0.1:0"
			if f == flag {
				addr = bad
			}
			args = append(args, "--"+f, addr)
		}
		_, port, _ := strings.Cut(bad, ":")
		if _, _, err := call(t, args...); err == nil || !strings.Contains(err.Error(), port) {
			t.Errorf("--%s %s: error %v, want it to name the port", flag, bad, err)
		}
	}
}
