//go:build !ingestonly

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"modellregion/opendata"
	"modellregion/opendata/catalog"
)

// withCatalog is region with the catalogue that the example shows, changed.
func withCatalog(t *testing.T, edit ...string) string {
	t.Helper()
	path := region(t)
	head, block, found := strings.Cut(mustRead(t, path), "\n# catalog:\n")
	if !found {
		t.Fatal("the example has no block catalog")
	}
	var shown, rest strings.Builder
	for line := range strings.Lines(block) {
		if text, ok := strings.CutPrefix(line, "#   "); ok && rest.Len() == 0 {
			shown.WriteString("  " + text)
		} else {
			rest.WriteString(line)
		}
	}
	text := head + "\ncatalog:\n" + strings.NewReplacer(edit...).Replace(shown.String()) + rest.String()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The example of the key catalog is good and has every key.
func TestExampleCatalog(t *testing.T) {
	cfg, err := loadConfig(withCatalog(t))
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Settings{
		Contributor: "openNRW", PublisherType: "LocalAuthority", Description: opendata.Text{De: "Offene Daten aus Musterstadt", En: "Open data of Musterstadt"},
		Homepage: "https://www.musterstadt.example/offene-daten", Issued: "2026-11-01", Licence: opendata.DataLicenceZero(),
		Datasets: map[string]catalog.Details{"umwelt": {
			Keywords: []opendata.Text{{De: "Luftqualität", En: "air quality"}}, HighValue: []string{"meteorological"},
			Legislation: []string{"http://data.europa.eu/eli/reg_impl/2023/138/oj"},
			Provenance:  opendata.Text{De: "Messstationen des Umweltamts", En: "Stations of the environment office"}, Issued: "2026-11-01",
		}},
	}
	if diff := gocmp.Diff(want, cfg.Catalog); diff != "" {
		t.Error(diff)
	}
}

// Mistakes in it have their line.
func TestCatalogMistakes(t *testing.T) {
	path := withCatalog(t, "LocalAuthority", "Local Authority", "umwelt:", "luft:", "[meteorological]", "[none, mobility]")
	_, _, err := call(t, "check", path)
	if err == nil {
		t.Fatal("three mistakes are good")
	}
	n := 0
	lines := map[string]int{}
	for line := range strings.Lines(mustRead(t, path)) {
		n++
		for _, text := range []string{"Local Authority", "luft:", "[none, mobility]"} {
			if strings.Contains(line, text) {
				lines[text] = n
			}
		}
	}
	for _, want := range []string{
		fmt.Sprintf(`line %d: catalog.publisher_type: "Local Authority", want one like LocalAuthority`, lines["Local Authority"]),
		fmt.Sprintf("line %d: catalog.datasets.luft: there is no such dataset", lines["luft:"]),
		fmt.Sprintf(`line %d: catalog.datasets.luft.high_value[0]: "none", want one of`, lines["[none, mobility]"]),
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
}

// What harvesters will miss is said once, and to those alone who show something.
func TestCheckTellsOfTheCatalogue(t *testing.T) {
	without := "\npublic_url: https://daten.musterstadt.example"
	for _, c := range []struct {
		name string
		edit []string
		want string
	}{
		{"no address", []string{without, ""}, "public_url: without it nobody can tell the address of a dataset"},
		{"no TLS", []string{"public_url: https", "public_url: http"}, ": public_url: not https"},
		{"no key of a municipality", []string{`ags: "05774032", `, ""}, "region.municipalities[0].ags: no municipality key"},
		{"contact", []string{"opendata@musterstadt.example", "Rathaus"}, `region.contact: "Rathaus" is neither`},
		{"another state", []string{`"05774032"`, `"09162000"`}, "catalog.contributor: GovData takes no dataset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := call(t, "check", region(t, c.edit...))
			if err != nil || strings.Count(out, c.want) != 1 {
				t.Errorf("%v\n%s\nwant %q once", err, out, c.want)
			}
		})
	}
	themes := "\ndatasets:\n  - {id: a, domain: traffic, title: {de: a, en: a}, description: {de: a, en: a}, quantities: [vehicle_count], windows: [1h]}\n"
	out, _, err := call(t, "check", region(t, "\nraw_retention: 90d\n", "\nraw_retention: 90d\n"+themes))
	if err != nil || strings.Count(out, "datasets[0].themes") != 1 {
		t.Errorf("%v\n%s\nwant the missing theme once", err, out)
	}
}

// Topics for everybody are those of the embedded broker, with an address.
func TestPublicTopicsConfig(t *testing.T) {
	on := []string{"  public: false", "  public: true"}
	for name, c := range map[string]struct {
		edit []string
		want string
	}{
		"good":           {on, ""},
		"no address":     {append([]string{"\npublic_url: https://daten.musterstadt.example", ""}, on...), "mqtt.public: want public_url too"},
		"another broker": {append([]string{"  listen: 127.0.0.1:1883", "  url: tcp://broker:1883"}, on...), "mqtt.public: is for the embedded broker"},
	} {
		_, _, err := call(t, "check", region(t, c.edit...))
		if good := err == nil; good != (c.want == "") || !good && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestOwnAddress(t *testing.T) {
	for _, c := range []struct {
		ip   string
		want string
	}{{"127.0.0.1", "127.0.0.1:8080"}, {"0.0.0.0", "localhost:8080"}, {"::", "localhost:8080"}, {"::1", "[::1]:8080"}} {
		if got := ownAddress(&net.TCPAddr{IP: net.ParseIP(c.ip), Port: 8080}); got != c.want {
			t.Errorf("%s: %s, want %s", c.ip, got, c.want)
		}
	}
}

// Browsers are told to stay with TLS where they came by it, and only there.
func TestStrictTransport(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := httptest.NewRecorder()
		safe(http.NotFoundHandler(), func(*http.Request) bool { return secure }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := w.Header().Get("Strict-Transport-Security"); (got == "max-age=31536000") != secure || (got == "") == secure {
			t.Errorf("secure %t: Strict-Transport-Security is %q", secure, got)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("secure %t: the headers are %v", secure, w.Header())
		}
	}
}
