//go:build ingestonly

package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
)

// beside are the edits that give the example servers of the region's own.
func beside(more ...string) []string {
	return append(more, "  listen: 127.0.0.1:1883", "  url: tcp://127.0.0.1:1", "  listen: 127.0.0.1:8086", "  url: http://127.0.0.1:1")
}

// lorawanKeys are all that the example of an edge has under lorawan, as an edge
// of a region has them.
func lorawanKeys(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../deploy/edge-gateway.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := strings.Cut(string(data), "\nlorawan:\n")
	keys, _, found := strings.Cut(keys, "\n\n")
	if !found {
		t.Fatal("the example of an edge has no block lorawan")
	}
	return strings.ReplaceAll("\nlorawan:\n"+keys, "\n", "\n    ")
}

func TestIngestAloneIsWanted(t *testing.T) {
	const refused = "roles: this program has the ingest alone; want roles: [ingest] (or serve --roles ingest)"
	gateways := "gateways: [a84041ffff1eec20, a84041ffff1eec21@10.8.0.0/16]" + lorawanKeys(t)
	for _, c := range []struct {
		name string
		args string // FILE is the configuration
		edit []string
		want string // of the error; when it begins with =, of the output
	}{
		{"no roles", "serve FILE", beside(), refused},
		{"no roles to check", "check FILE", beside(), refused},
		{"another role", "serve --roles public FILE", beside(), refused},
		{"another role beside", "serve --roles ingest,lists FILE", beside(), refused},
		{"all roles", "serve --roles ingest,aggregate,public,lists,edge FILE", beside(), refused},
		{"unknown role", "serve --roles ingst FILE", beside(), refused},
		{"another in the file", "check FILE", beside("# roles: [ingest]", "roles: [edge]"), refused},
		{"embedded broker", "serve --roles ingest FILE", nil, "mqtt.url: must be given"},
		{"embedded database", "serve --roles ingest FILE", nil, "influx.url: must be given"},
		{"good", "check FILE", beside("# roles: [ingest]", "roles: [ingest]"), "=roles           ingest\n"},
		{"whatever an edge may be told", "check FILE", beside("# roles: [ingest]", "roles: [ingest]", "gateways: []", gateways), "=rathaus, inside"},
		{"unknown key of a dataset", "check FILE", beside("# roles: [ingest]", "roles: [ingest]", "\n# datasets:", "\ndatasets: [{name: x}]\n#"), "name"},
		{"unknown key", "check FILE", beside("\nhttp:", "\nhtpp:"), "htpp"},
		{"unknown key of an edge", "check FILE", beside("gateways: []", "gateway: []"), "gateway"},
		{"unknown key of LoRaWAN", "check FILE", beside("gateways: []", "lorawan: {rx3_delay: 1}"), "rx3_delay"},
		{"ready where nobody is", "ready --internal 127.0.0.1:1 FILE", beside(), "ask the platform at 127.0.0.1:1: "},
		{"demo", "demo", nil, `["demo"]: want serve region.yaml`},
		{"devices", "devices list -c FILE", nil, "not defined: -c"},
		{"help", "--help", nil, "=modellregion check region.yaml"},
		{"help of serve", "serve --help", nil, "=mqtt.share"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := call(t, strings.Fields(strings.Replace(c.args, "FILE", region(t, c.edit...), 1))...)
			if err != nil {
				out = err.Error()
			}
			want, good := strings.CutPrefix(c.want, "=")
			if good != (err == nil) || !strings.Contains(out, want) {
				t.Errorf("%s, want %q", out, want)
			}
			if strings.Contains(out, "demo") && c.args != "demo" {
				t.Errorf("it speaks of what is not there:\n%s", out)
			}
		})
	}
}

// It reads the region's file, with all that other programs are told in it.
func TestDatasetsAreRead(t *testing.T) {
	path := withDatasets(t, beside("# roles: [ingest]", "roles: [ingest]"), []string{"# grouping: station", "grouping: road", "# percentiles:", "percentiles:", "# publisher:", "publisher:", "# contact:", "contact:"})
	if out, _, err := call(t, "check", path); err != nil {
		t.Errorf("%s (%v)", out, err)
	}
}

// The keys of the public side are read as strictly, whatever they say.
func TestPublicKeysAreRead(t *testing.T) {
	edit := beside("# roles: [ingest]", "roles: [ingest]", "# trusted_proxies:", "trusted_proxies:")
	data, err := os.ReadFile(region(t, edit...))
	if err != nil {
		t.Fatal(err)
	}
	head, block, found := strings.Cut(string(data), "\n# catalog:\n")
	shown, rest, ends := strings.Cut(block, "\n\n")
	if !found || !ends {
		t.Fatal("the example has no block catalog")
	}
	shown = strings.ReplaceAll("\n"+shown, "\n# ", "\n")
	for name, want := range map[string]string{"contributor: openNRW": "", "contributer: openNRW": "contributer"} {
		text := head + "\ncatalog:" + strings.Replace(shown, "contributor: openNRW", name, 1) + "\n\n" + rest
		path := region(t)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, _, err := call(t, "check", path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s (%v)", name, out, err)
		}
	}
}

// It starts although all that it needs is away.
func TestIngestAloneRuns(t *testing.T) {
	cfg, err := loadConfig(region(t, beside("/var/lib/modellregion", t.TempDir(), "# roles: [ingest]", "roles: [ingest]", "internal: 127.0.0.1:9090", "internal: 127.0.0.1:0")...))
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPlatform(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = p.run(t.Context(), func(context.Context) error {
		resp, err := http.Get("http://" + p.endpoints()["internal"] + "/metrics")
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // it was only read
		metrics, err := io.ReadAll(resp.Body)
		if !strings.Contains(string(metrics), "modellregion_ingest_uplinks_total 0\n") {
			t.Errorf("it shows\n%s", metrics)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
