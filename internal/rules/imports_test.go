package rules

import (
	"slices"
	"strings"
	"testing"
)

// rule says what the packages below one folder must not know. An entry of
// never is a folder of ours or an import path; it stands for everything below
// it too. What foreign libraries import themselves does not count.
type rule struct {
	pkg   string
	never []string
	why   string
}

var (
	network    = []string{"net", "net/http", "internal/mqtt", "internal/broker"}
	storage    = []string{"database/sql", "internal/sqlite", "modernc.org/sqlite", "go.etcd.io/bbolt", "internal/influx", "devices/registry"}
	mqtt       = []string{"internal/mqtt", "internal/broker"}
	javascript = []string{"modernc.org/libquickjs", "github.com/dop251/goja"}
)

func rules() []rule {
	return []rule{
		{"cmd/edge-gateway", []string{"internal/influx", "opendata", "ingest", "dashboards", "devices/registry", "internal/broker", "internal/sqlite", "modernc.org/sqlite"},
			"a gateway has little memory and flash, and nobody visits it to update what it does not need"},
		{"uplink/chirpstack", slices.Concat(mqtt, storage), "it translates messages; where they come from and go to is the ingest's"},
		{"uplink/thethings", slices.Concat(mqtt, storage), "it translates messages; where they come from and go to is the ingest's"},
		{"devices", slices.Concat(network, []string{"go.etcd.io/bbolt", "internal/influx", "edge", "ingest", "opendata"}),
			"it is the vocabulary of all others and must be usable without any of them"},
		{"devices/codec", slices.Concat(network, storage, []string{"os", "os/exec"}),
			"codecs come from strangers: what is not linked in cannot be reached from one"},
		{"devices/profiles", storage, "profiles are data that come with the product"},
		{"devices/registry", []string{"edge", "ingest", "opendata"}, "others ask it; it does not know them"},
		{"edge", []string{"ingest", "opendata", "devices/registry", "internal/influx", "dashboards"},
			"it runs on a gateway and knows the platform by the contract in uplink alone"},
		{"edge/radio", []string{"edge", "ingest", "opendata", "devices", "internal"}, "protocols and sessions meet in it, so it must depend on neither"},
		{"edge/semtech", slices.Concat(mqtt, []string{"edge/basicstation", "edge/lorawan"}), "one protocol can be changed or dropped without the others"},
		{"edge/basicstation", slices.Concat(mqtt, []string{"edge/semtech", "edge/lorawan"}), "one protocol can be changed or dropped without the others"},
		{"edge/lorawan", slices.Concat(network, javascript, []string{"go.etcd.io/bbolt", "edge/semtech", "edge/basicstation"}),
			"sessions are decided without sockets, so that every exchange can be tested in a table"},
		{"ingest", []string{"edge", "opendata", "devices/registry", "github.com/brocaar/lorawan"},
			"it takes readings of any origin; it owns the interfaces through which others serve it"},
		{"dashboards", []string{"ingest", "edge"}, "a dashboard knows the stored schema, not who filled it"},
		{"opendata", slices.Concat(mqtt, []string{"ingest", "edge"}), "the public side reads bucket open and nothing else can reach it"},
		{"opendata/sensorthings", []string{"opendata/catalog", "opendata/files", "opendata/portal"}, "a face can be switched off without the others"},
		{"opendata/catalog", []string{"opendata/sensorthings", "opendata/files", "opendata/portal"}, "a face can be switched off without the others"},
		{"opendata/files", []string{"opendata/sensorthings", "opendata/catalog", "opendata/portal"}, "a face can be switched off without the others"},
		{"opendata/portal", []string{"opendata/sensorthings", "opendata/catalog", "opendata/files"}, "a face can be switched off without the others"},
		{"internal/broker", []string{"internal/influx", "ingest", "internal/mqtt"}, "a broker of another make must be able to take its place"},
		{"internal/influx", []string{"ingest", "opendata", "edge"}, "it satisfies their interfaces and does not know them"},
		{"internal/simulate", []string{"ingest", "internal/influx"}, "it must not be able to cheat: its frames arrive over the air or not at all"},
	}
}

// only says which packages alone may import a library.
var only = []struct {
	library string
	users   []string
	why     string
}{
	{"github.com/eclipse/paho.mqtt.golang", []string{"internal/mqtt"}, "its traps are avoided in one place"},
	{"github.com/mochi-mqtt/server/v2", []string{"internal/broker"}, "its traps are avoided in one place"},
	{"github.com/influxdata/influxdb", []string{"internal/influx/embedded"}, "it is started with safe settings in one place"},
	{"github.com/influxdata/influxdb-client-go/v2", []string{"internal/influx"}, "the schema has one owner"},
	{"github.com/grafana-tools/sdk", []string{"dashboards"}, "only its raw calls are safe, and they are used in one place"},
	{"modernc.org/sqlite", []string{"internal/sqlite"}, "its files are opened safely in one place"},
	{"github.com/BurntSushi/toml", []string{"devices/profiles/importer"}, "its panics are caught in one place, and a gateway needs none of it"},
	{"go.yaml.in/yaml/v3", []string{"internal/strictyaml"}, "unknown keys are refused and errors have lines because one place sees to it"},
	{"github.com/coreos/go-systemd/v22", []string{"internal/systemd"}, "both programs tell systemd the same way"},
	{"go.etcd.io/bbolt", []string{"edge"}, "one database has one owner"},
}

// ours lists the packages that may import these of ours and no others.
var ours = []struct {
	pkg     string
	imports []string
	foreign bool // libraries outside the standard library are allowed
	why     string
}{
	{"uplink", nil, false, "other programs import the contract, and it must cost them nothing"},
	{"internal/mqttframe", nil, false, "it follows bytes and nothing else"},
	{"internal/mqtt", []string{"uplink", "internal/mqttframe"}, true, "a client of MQTT knows nothing of what is sent"},
	{"internal/authority", []string{"internal/durable"}, false, "what issues identities has to be read as a whole, and knows nobody who has one"},
}

// leftOut lists what the platform's program for ingests alone is built without.
var leftOut = []string{
	"edge", "opendata", "dashboards", "internal/broker", "internal/influx/embedded", "internal/simulate", "internal/enddevice", "devices/profiles/importer",
	"github.com/influxdata/influxdb", "github.com/mochi-mqtt/server/v2", "github.com/grafana-tools/sdk", "github.com/grafana/grafana-foundation-sdk/go",
	"github.com/brocaar/lorawan", "go.etcd.io/bbolt", "github.com/BurntSushi/toml",
}

func TestImports(t *testing.T) {
	house := load(t)
	for _, r := range rules() {
		if !house.known(t, r.pkg) {
			continue
		}
		for _, pkg := range house.below(r.pkg) {
			for _, n := range r.never {
				if !isForeign(n) {
					house.known(t, n)
				}
				if chain := house.find(pkg, func(path string) bool { return within(path, n) && !within(pkg, n) }); chain != nil {
					t.Errorf("%s must not know %s: %s.\nIt does: %s", pkg, n, r.why, strings.Join(chain, " → "))
				}
			}
		}
	}
}

func TestOnlyOneUser(t *testing.T) {
	house := load(t)
	for _, o := range only {
		for _, u := range o.users {
			house.known(t, u)
		}
		for pkg, p := range house {
			if !slices.Contains(o.users, pkg) &&
				slices.ContainsFunc(p.imports, func(i string) bool { return within(i, o.library) }) {
				t.Errorf("%s imports %s, which is for %v: %s", pkg, o.library, o.users, o.why)
			}
		}
	}
}

func TestIngestAlone(t *testing.T) {
	house := load(t, "-tags", "ingestonly")
	deps := strings.Fields(strings.ReplaceAll(string(golist(t, "-deps", "-tags", "ingestonly", "./cmd/modellregion")), module+"/", ""))
	if !slices.Contains(deps, "ingest") {
		t.Fatal("cmd/modellregion with -tags ingestonly does not know ingest: the test is broken")
	}
	for _, n := range leftOut {
		left := func(path string) bool { return within(path, n) }
		if !isForeign(n) {
			house.known(t, n)
		}
		if slices.ContainsFunc(deps, left) { // without a chain, a library brings it
			t.Errorf("cmd/modellregion with -tags ingestonly must not know %s: an ingest does not need it, and each of many has the program in its memory.\nIt does: %s",
				n, strings.Join(house.find("cmd/modellregion", left), " → "))
		}
	}
}

func TestFewFriends(t *testing.T) {
	house := load(t)
	for _, o := range ours {
		house.known(t, o.pkg)
		for _, i := range house[o.pkg].imports {
			_, own := house[i]
			if own && !slices.Contains(o.imports, i) || hasDomain(i) && !o.foreign {
				t.Errorf("%s imports %s: %s", o.pkg, i, o.why)
			}
		}
	}
}

// within reports whether path is at or below the folder or module dir.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}
