package profiles

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"modellregion/devices"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every profile says where its payload format is published and has examples
// that say where their values come from; what they expect comes out, and lies
// in the range of its quantity.
func TestShippedExamples(t *testing.T) {
	shipped, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := ShippedExamples()
	if err != nil {
		t.Fatal(err)
	}
	for id, p := range shipped {
		t.Run(id, func(t *testing.T) {
			if p.Source == "" || p.Vendor == "" {
				t.Errorf("source %q and vendor %q must be given", p.Source, p.Vendor)
			}
			measures := false
			for _, e := range examples[id] {
				if !strings.HasPrefix(e.Name, "documented: ") && !strings.HasPrefix(e.Name, "by hand: ") {
					t.Errorf("example %q: the name must begin with documented: or by hand:", e.Name)
				}
				for _, r := range e.Readings {
					measures = true
					if !r.Quantity.Valid(r.Value) {
						t.Errorf("example %q: %s of %v is not possible", e.Name, r.Quantity.Name, r.Value)
					}
				}
			}
			if !measures {
				t.Error("no example has a reading")
			}
			failures, err := Check(p.Codec, examples[id])
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range failures {
				t.Errorf("example %q: %s", f.Example, f.Diff)
			}
		})
	}
}

// What measures what, for cities that choose, and for the engineer who looks
// for a device of the same make.
func TestListing(t *testing.T) {
	const golden = "../../docs/device-profiles.md"
	shipped, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := ShippedExamples()
	if err != nil {
		t.Fatal(err)
	}
	got := listing(shipped, examples)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale: go test ./devices/profiles -update", golden)
	}
}

// listing takes the quantities from the examples, which are run.
func listing(shipped map[string]devices.Profile, examples map[string][]Example) []byte {
	domains := map[string]string{"traffic": "Verkehr", "energy": "Energie", "road": "Straße", "environment": "Umwelt"}
	var out bytes.Buffer
	out.WriteString(`# Mitgelieferte Geräteprofile

Diese Geräte lassen sich ohne Programmieren anlegen: ` + "`modellregion devices add … --profile KENNUNG`" + `. Was gemessen wird, ist den Beispielen der Profile entnommen, die bei jedem Test dekodiert werden. Die Liste entsteht aus ` + "`devices/profiles/*.yaml`" + ` (` + "`go test ./devices/profiles -update`" + `).

| Kennung | Gerät | Hersteller | Misst | Bereich | Quelle des Payload-Formats |
|---|---|---|---|---|---|
`)
	for _, id := range slices.Sorted(maps.Keys(shipped)) {
		p := shipped[id]
		var measures []string
		for _, q := range devices.Quantities() {
			has := func(r devices.Reading) bool { return r.Quantity == q }
			if slices.ContainsFunc(examples[id], func(e Example) bool { return slices.ContainsFunc(e.Readings, has) }) {
				measures = append(measures, q.De)
			}
		}
		source := p.Source
		if strings.HasPrefix(source, "internal/") {
			source = "`" + source + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %s |\n", id, p.Name, p.Vendor, strings.Join(measures, "; "), domains[string(p.Domain)], source)
	}
	return out.Bytes()
}

const counter = "id: x\nname: X\ndomain: traffic\ninterval: 1m\ncodec:\n  kind: layout\n  source: 'ports: {1: {fields: [{at: 0, type: u8, quantity: vehicle_count, channel: a}, {at: 1, type: u8, quantity: parking_occupied}]}}'\n"

func TestCheckTellsTheDifference(t *testing.T) {
	for _, c := range []struct{ name, example, want string }{
		{"good, in another order", "hex: '02 01', readings: [{quantity: parking_occupied, value: occupied}, {quantity: vehicle_count, channel: a, value: 2}]", ""},
		{"good, as a code", "hex: '0200', readings: [{quantity: parking_occupied, value: 0}, {quantity: vehicle_count, channel: a, value: 2.0000000001}]", ""},
		{"value", "hex: '0201', readings: [{quantity: parking_occupied, value: free}, {quantity: vehicle_count, channel: a, value: 2.00000001}]",
			"parking_occupied is 1, want 0; vehicle_count of a is 2, want 2.00000001"},
		{"zero", "hex: '0101', readings: [{quantity: parking_occupied, value: 1}, {quantity: vehicle_count, channel: a, value: 1e-12}]", "vehicle_count of a is 1, want 1e-12"},
		{"channel", "hex: '0201', readings: [{quantity: parking_occupied, value: 1}, {quantity: vehicle_count, value: 2}]",
			"vehicle_count is missing, want 2; vehicle_count of a is 2, want none"},
		{"nothing expected", "hex: '0200'", "parking_occupied is 0, want none; vehicle_count of a is 2, want none"},
		{"error not expected", "hex: '', readings: [{quantity: parking_occupied, value: 1}]", `error "port 1: payload has 0 bytes, want at least 2", want 1 readings`},
		{"error expected", "hex: '', error: payload has 0 bytes", ""},
		{"other error expected", "hex: '', error: payload has 9 bytes", `want one with "payload has 9 bytes"`},
		{"error missing", "hex: '0201', error: payload", `2 readings, want an error with "payload"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parseFile([]byte(counter + "examples: [{name: e, port: 1, " + c.example + "}]\n"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Check(f.profile.Codec, f.examples)
			switch {
			case err != nil:
				t.Error(err)
			case c.want == "" && len(got) > 0:
				t.Errorf("failures %v, want none", got)
			case c.want != "" && (len(got) != 1 || got[0].Example != "e" || !strings.Contains(got[0].Diff, c.want)):
				t.Errorf("failures %q, want one with %q", got, c.want)
			}
		})
	}
	if _, err := Check(devices.Codec{Kind: "lua"}, nil); err == nil {
		t.Error("a codec that does not compile was checked")
	}
}

func TestExampleErrorsNameTheFault(t *testing.T) {
	for _, c := range []struct{ name, examples, want string }{
		{"no name", "[{port: 1, hex: '00'}]", "example 1 (): name is missing"},
		{"twice", "[{name: e, port: 1, hex: '00'}, {name: e, port: 1, hex: '01'}]", "example 2 (e): the name is there twice"},
		{"port", "[{name: e, port: 256, hex: '00'}]", "port 256, want 0 to 255"},
		{"hex", "[{name: e, port: 1, hex: '0'}]", `hex "0", want pairs`},
		{"readings and error", "[{name: e, port: 1, hex: '00', error: x, readings: [{quantity: voltage, value: 1}]}]", "readings and an error"},
		{"quantity", "[{name: e, port: 1, hex: '00', readings: [{quantity: volt, value: 1}]}]", `quantity "volt" is unknown`},
		{"value", "[{name: e, port: 1, hex: '00', readings: [{quantity: voltage, value: high}]}]", `value "high" is no number`},
		{"not a number", "[{name: e, port: 1, hex: '00', readings: [{quantity: voltage, value: .nan}]}]", "is no number"},
		{"no value", "[{name: e, port: 1, hex: '00', readings: [{quantity: voltage}]}]", `value "" is no number`},
		{"reading twice", "[{name: e, port: 1, hex: '00', readings: [{quantity: voltage, value: 1}, {quantity: voltage, value: 2}]}]", "voltage is there twice"},
		{"unknown key", "[{name: e, port: 1, hexa: '00'}]", "hexa"},
		{"two faults", "[{name: e, port: 1, hex: '0'}, {name: f, port: -1}]", "example 2 (f): port -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(counter + "examples: " + c.examples + "\n"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
			loaded, err := LoadExamples(fstest.MapFS{"x.yaml": {Data: []byte(counter + "examples: " + c.examples + "\n")}})
			if err == nil || len(loaded) > 0 {
				t.Errorf("loaded %v (%v)", loaded, err)
			}
		})
	}
}

// Examples are for tests: the profile that travels has none.
func TestExamplesStayHere(t *testing.T) {
	p, err := Parse([]byte(counter + "examples: [{name: telltale, port: 1, hex: '0201', readings: [{quantity: parking_occupied, value: 1}, {quantity: vehicle_count, channel: a, value: 2}]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("telltale")) {
		t.Errorf("the profile carries its example: %s", data)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(counter))
	f.Add([]byte(counter + "examples: [{name: e, port: 1, hex: '02 01', readings: [{quantity: parking_occupied, value: occupied}], variables: {a: b}}]\n"))
	f.Add([]byte(counter + "examples: [{name: e, port: 1, error: x}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseFile(data)
		if err != nil {
			return
		}
		if file.profile.Codec.Kind == "javascript" {
			return // fuzzed where it is compiled
		}
		if _, err := Check(file.profile.Codec, file.examples); err != nil {
			t.Errorf("parsed, but does not compile: %v", err)
		}
	})
}
