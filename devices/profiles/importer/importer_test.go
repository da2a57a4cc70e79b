package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices/profiles"
	"modellregion/uplink"
)

var update = flag.Bool("update", false, "write the golden files anew")

var options = Options{Domain: uplink.Environment, Interval: 15 * time.Minute}

func load(t testing.TB, checkout fs.FS, o Options) *Report {
	t.Helper()
	r, err := Import(t.Context(), checkout, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReport(t *testing.T) {
	for _, layout := range []string{"chirpstack", "thethings"} {
		for _, vendor := range []string{"muster", ""} {
			name := strings.TrimSuffix(layout+"-"+vendor, "-")
			t.Run(name, func(t *testing.T) {
				o := options
				o.Vendor = vendor
				var got bytes.Buffer
				if err := load(t, os.DirFS(filepath.Join("testdata", layout)), o).Print(&got); err != nil {
					t.Fatal(err)
				}
				golden := filepath.Join("testdata", name+".txt")
				if *update {
					if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got.String()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// good is a checkout of each layout with one device, whose files a test
// replaces.
func good(layout Layout, replace map[string]string) fstest.MapFS {
	files := map[string]string{
		"vendors/v/vendor.toml":               "[vendor]\nname = 'V'\ndevices = ['d.toml']\n",
		"vendors/v/devices/d.toml":            "[device]\nname = 'D'\n[[device.firmware]]\nversion = '1'\nprofiles = ['p.toml']\ncodec = 'c.js'\n",
		"vendors/v/profiles/p.toml":           "[profile]\nregion = 'EU868'\nmac_version = '1.0.3'\n",
		"vendors/v/codecs/c.js":               "function decodeUplink(i) { return {data: {n: i.bytes[0]}}; }",
		"vendors/v/codecs/test_decode_c.json": `[{"name": "x", "input": {"bytes": [1], "fPort": 1}, "expected": {"data": {"n": 1}}}]`,
	}
	if layout == TheThings {
		files = map[string]string{
			"vendor/index.yaml":   "vendors: [{id: v, name: V}]\n",
			"vendor/v/index.yaml": "endDevices: [d]\n",
			"vendor/v/d.yaml":     "name: D\nfirmwareVersions: [{version: '1', profiles: {EU863-870: {id: p, codec: c}}}]\n",
			"vendor/v/p.yaml":     "macVersion: '1.0.3'\n",
			"vendor/v/c.yaml":     "uplinkDecoder: {fileName: c.js, examples: [{description: x, input: {fPort: 1, bytes: [1]}, output: {data: {n: 1}}}]}\n",
			"vendor/v/c.js":       "function decodeUplink(i) { return {data: {n: i.bytes[0]}}; }",
		}
	}
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range replace {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestOneOfEach(t *testing.T) {
	for _, layout := range []Layout{ChirpStack, TheThings} {
		var told []string
		o := options
		o.Progress = func(done, total int) { told = append(told, fmt.Sprint(done, " of ", total)) }
		r := load(t, good(layout, nil), o)
		if len(r.Devices) != 1 || r.Devices[0].Codec.Passed != 1 || r.Layout != layout || len(r.Faults)+len(r.Skipped) > 0 {
			t.Fatalf("%s: %+v", layout, r)
		}
		p := r.Devices[0].Profile
		if p.ID != "v-d" || p.Vendor != "V" || p.Name != "D" || p.Domain != uplink.Environment || p.LoRaWAN.Version != "1.0.3" || p.Codec.Kind != "javascript" {
			t.Errorf("%s: profile %+v", layout, p)
		}
		if diff := cmp.Diff([]string{"1 of 1"}, told); diff != "" {
			t.Error(diff)
		}
	}
}

// A checkout holds what strangers wrote: each fault names its file and its
// reason.
func TestFaults(t *testing.T) {
	const codecs, things = "vendors/v/codecs/", "vendor/v/"
	large := strings.Repeat("// large\n", maxFile/9+1)
	var many strings.Builder
	for range maxExamples + 1 {
		many.WriteString(`{"name": "x", "input": {"bytes": [1]}, "expected": {"data": {"n": 1}}},`)
	}
	laughs := "uplinkDecoder:\n  fileName: c.js\n  examples:\n  - input: {fPort: 1, bytes: [1]}\n    output:\n      data:\n        a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for i := range 20 {
		laughs += fmt.Sprintf("        a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	for _, c := range []struct {
		name   string
		layout Layout
		file   string
		text   string
		want   string
	}{
		{"codec too large", ChirpStack, codecs + "c.js", large, "vendors/v/devices/d.toml: firmware 1: codec vendors/v/codecs/c.js: is larger than 1024 KiB"},
		{"TOML too large", ChirpStack, "vendors/v/devices/d.toml", strings.Repeat("# large\n", maxTOML/8+1), "d.toml: is larger than 64 KiB"},
		{"too many examples", ChirpStack, codecs + "test_decode_c.json", "[" + strings.TrimSuffix(many.String(), ",") + "]", "test_decode_c.json:1: the codec has more than 2000 examples"},
		{"JSON object", ChirpStack, codecs + "test_decode_c.json", "{}", "test_decode_c.json:1: begins with \"{\""},
		{"JSON goes on", ChirpStack, codecs + "test_decode_c.json", "[]\n[]", "test_decode_c.json:2: goes on"},
		{"JSON empty", ChirpStack, codecs + "test_decode_c.json", "", "ends in the middle"},
		{"JSON wrong", ChirpStack, codecs + "test_decode_c.json", "[\n{\"a\": tru}]", "test_decode_c.json:2: invalid character"},
		{"device is a number", ChirpStack, "vendors/v/vendor.toml", "[vendor]\nname = 1\n", `vendor.toml: line 2 (last key "vendor.name"): incompatible types`},
		{"no uplink decoder", ChirpStack, codecs + "c.js", "var x = 1", "c.js: codec has no function decodeUplink"},
		{"memory", ChirpStack, codecs + "c.js", "var x = []; for (;;) x.push(new Array(1e6).fill(x.length)); function decodeUplink() {}", "c.js: codec "},
		{"backslash", ChirpStack, "vendors/v/vendor.toml", "[vendor]\ndevices = ['..\\\\x.toml']\n", "leads elsewhere"},
		{"absolute", ChirpStack, "vendors/v/vendor.toml", "[vendor]\ndevices = ['/etc/passwd']\n", "leads elsewhere"},
		{"nested", ChirpStack, "vendors/v/devices/d.toml", "a = " + strings.Repeat("[", 20_000), "d.toml:1: is nested too deep"},
		{"dots", ChirpStack, "vendors/v/devices/d.toml", strings.Repeat("a.", 20_000) + "a = 1", "is nested too deep"},

		{"empty", TheThings, things + "index.yaml", "# nothing\n", "vendor/v/index.yaml: is empty"},
		{"a list of vendors that is none", TheThings, "vendor/index.yaml", "vendors: 1", "vendor/index.yaml:1: "},
		{"codec too large", TheThings, things + "c.js", large, "is larger than 1024 KiB"},
		{"dashes", TheThings, things + "d.yaml", strings.Repeat("- ", 20_000) + "1", "d.yaml: exceeded max depth"},
		{"a key twice", TheThings, things + "d.yaml", "name: a\nname: b\n", "d.yaml:2: name: is there twice"},
		{"a million laughs", TheThings, things + "c.yaml", laughs, "c.yaml: line 7: aliases stand for more than 100000 values"},
		{"version is a list", TheThings, things + "p.yaml", "macVersion: [1]\n", `LoRaWAN version "[1]"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := load(t, good(c.layout, map[string]string{c.file: c.text}), options)
			var all []string
			for _, f := range r.Faults {
				all = append(all, f.Error())
			}
			if text := strings.Join(all, "\n"); !strings.Contains(text, c.want) {
				t.Errorf("faults\n%s\nwant one with %q", text, c.want)
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	both := good(ChirpStack, nil)
	for name, f := range good(TheThings, nil) {
		both[name] = f
	}
	vendor, device, domain, interval := options, options, options, options
	vendor.Vendor, device.Device, domain.Domain, interval.Interval = "w", "x", "sea", 0
	for _, c := range []struct {
		name     string
		checkout fs.FS
		o        Options
		want     string
	}{
		{"nothing", fstest.MapFS{}, options, "is neither a checkout"},
		{"both", both, options, "want a checkout of one of them"},
		{"vendor", good(ChirpStack, nil), vendor, "no device matches --vendor w"},
		{"device", good(TheThings, nil), device, "no device matches --device x"},
		{"domain", good(TheThings, nil), domain, `domain is "sea"`},
		{"interval", good(TheThings, nil), interval, "interval is 0s"},
	} {
		if _, err := Import(t.Context(), c.checkout, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Import(ctx, good(ChirpStack, nil), options); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		layout         string
		vendor, device string
		want           int
	}{
		{"chirpstack", "MUSTER gmbh", "", 3}, {"chirpstack", "", "zähler 2", 1}, {"chirpstack", "muster", "LUFT-1", 2},
		{"thethings", "muster", "tafel", 1}, {"thethings", "Bruch & Söhne", "", 1},
	} {
		o := options
		o.Vendor, o.Device = c.vendor, c.device
		if r := load(t, os.DirFS(filepath.Join("testdata", c.layout)), o); len(r.Devices) != c.want {
			t.Errorf("%+v: %d devices, want %d", c, len(r.Devices), c.want)
		}
	}
}

// What leads out of a checkout is not followed.
func TestLinksStayInside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "c.js")
	if err := os.WriteFile(secret, []byte("function decodeUplink() { return {data: {}}; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range good(ChirpStack, nil) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "c.js") {
			err = os.Symlink(secret, path)
		} else {
			err = os.WriteFile(path, f.Data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := load(t, root.FS(), options)
	if len(r.Devices) != 0 || len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Error(), "c.js") {
		t.Errorf("devices %+v, faults %v", r.Devices, r.Faults)
	}
}

// What is written is what devices/profiles reads.
func TestYAML(t *testing.T) {
	p := load(t, good(ChirpStack, nil), options).Devices[0].Profile
	for name, source := range map[string]string{
		"as it was":          p.Codec.Source,
		"lines":              "// a\n\nfunction decodeUplink(i) {\n\treturn {data: {}};  \n}\n",
		"several ends":       "function decodeUplink(i) { return {data: {}}; }\n\n\n",
		"no end":             "function decodeUplink(i) { return {data: {}}; }\n// end",
		"begins with a gap":  "   function decodeUplink(i) { return {data: {}}; }",
		"begins with a line": "\n\nfunction decodeUplink(i) { return {data: {}}; }",
		"Windows":            "function decodeUplink(i) {\r\n return {data: {}};\r\n}\r\n",
		"no signs":           "// \x7f \u0085 \u0099 \ufeff \uffff\nfunction decodeUplink(i) { return {data: {}}; }\n",
		"signs":              "// °C \U0001F600 <&> \\ \" ' # : - {}\nfunction decodeUplink(i) { return {data: {a: '\\u0000 \u2028'}}; }\n",
	} {
		p.Codec.Source = source
		text, err := YAML(p, ChirpStack)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := profiles.Parse(text)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		} else if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestProfileID(t *testing.T) {
	for _, c := range [][4]string{
		{"muster", "luft-1", "", "muster-luft-1"}, {"muster", "muster-luft", "", "muster-luft"}, {"muster", "muster", "", "muster"},
		{"Muster GmbH", "Zähler 2.0", "1.0-beta", "muster-gmbh-z-hler-2-0-fw-1-0-beta"}, {"", "", "", "device"}, {"äöü", "ß", "", "device"},
		{"v", strings.Repeat("x", 100), "", "v-" + strings.Repeat("x", 62)},
	} {
		if got := profileID(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%q is %q, want %q", c[:3], got, c[3])
		}
	}
}

// A long list of files is not nested.
func TestLongList(t *testing.T) {
	list := "[vendor]\ndevices = ['d.toml'" + strings.Repeat(", 'd.toml'", 1500) + "]\n"
	if r := load(t, good(ChirpStack, map[string]string{"vendors/v/vendor.toml": list}), options); len(r.Faults) > 0 || len(r.Devices) != 1501 || r.Devices[1500].Profile.ID != "v-d-1501" {
		t.Errorf("%d devices, faults %v", len(r.Devices), r.Faults)
	}
}

func TestParseBytes(t *testing.T) {
	for _, c := range []struct {
		in      any
		want    []byte
		wantErr string
	}{
		{[]any{uint64(1), int64(2), 3., "4", "0x0A", "0Xff"}, []byte{1, 2, 3, 4, 10, 255}, ""},
		{[]any{}, []byte{}, ""},
		{"010Aff", []byte{1, 10, 255}, ""},
		{"0x01 0x0A, ff", []byte{1, 10, 255}, ""},
		{"", []byte{}, ""},
		{[]any{"017"}, []byte{17}, ""}, // no octal number
		{nil, nil, "b is missing"},
		{"0", nil, `b is the text "0"`},
		{12., nil, "b is the number 12"},
		{[]any{1.5}, nil, "b[0] is the number 1.5"},
		{[]any{int64(-1)}, nil, "b[0] is the number -1"},
		{[]any{uint64(1) << 63}, nil, "b[0]"},
		{[]any{"0A"}, nil, `b[0] is the text "0A"`},
		{[]any{nil}, nil, "b[0] is missing"},
		{[]any{[]any{}}, nil, "b[0] is a list"},
		{map[string]any{}, nil, "b is an object"},
		{make([]any, maxPayload+1), nil, "want at most 4096"},
	} {
		got, err := parseBytes("b", c.in)
		if c.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("%v: error %v, want %q", c.in, err, c.wantErr)
			}
		} else if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%v is %v (%v), want %v", c.in, got, err, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	type o = map[string]any
	type l = []any
	nan := math.NaN()
	for _, c := range []struct {
		name      string
		got, want any
		diffs     string
	}{
		{"same", o{"a": 1., "b": l{true, "x", nil}}, o{"b": l{true, "x", nil}, "a": 1.}, ""},
		{"a billionth", 0.1 + 0.2, 0.3, ""},
		{"large numbers", 1e15 + 1, 1e15, ""},
		{"more than that", 1.00001, 1., "got 1.00001, want 1"},
		{"NaN is null in JSON", o{"a": nan}, o{"a": nil}, ""},
		{"NaN", nan, nan, ""},
		{"null is not zero", 0., nil, "got 0, want null"},
		{"null is not missing", o{}, o{"a": nil}, "a: got nothing, want null"},
		{"a text is no number", "1", 1., `got "1", want 1`},
		{"a number is no text", 1., "1", `got 1, want "1"`},
		{"a list is no object", l{}, o{}, "got [], want {}"},
		{"an object is no list", o{}, l{}, "got {}, want []"},
		{"an object is no text", o{}, "x", `got {}, want "x"`},
		{"true is not 1", true, 1., "got true, want 1"},
		{"places", o{"a b": l{o{"c": 1.}}}, o{"a b": l{o{"c": 2.}}}, `["a b"][0].c: got 1, want 2`},
	} {
		var lines []string
		for _, d := range compare("", c.got, c.want, nil) {
			lines = append(lines, d.String())
		}
		if got := strings.Join(lines, "\n"); got != c.diffs {
			t.Errorf("%s: %q, want %q", c.name, got, c.diffs)
		}
	}
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{`[1, 2, 255]`, `["0x0a", "10"]`, `"010aff"`, `[1e3]`, `[-1]`, `{}`, `null`, `[[]]`, `[1.5]`, `"0x"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if json.Unmarshal(data, &v) == nil {
			if b, err := parseBytes("bytes", v); err == nil && len(b) > maxPayload {
				t.Errorf("%d bytes", len(b))
			}
			_, _ = parseExample(decodeUplink, map[string]any{"input": v, "output": v}, exampleKeys{"name", "output"})
			_, _ = parseExample(encodeDownlink, v, exampleKeys{"name", "output"})
		}
		var y struct{ B any }
		if err := parseYAML(append([]byte("b: "), data...), &y); err == nil {
			if b, err := parseBytes("bytes", y.B); err == nil && len(b) > maxPayload {
				t.Errorf("%d bytes", len(b))
			}
		}
		if list, lines, _ := parseJSONList(data); len(list) != len(lines) {
			t.Errorf("%d entries on %d lines", len(list), len(lines))
		}
	})
}

// A panic of a parser is an error of the file, and a report is printable
// whatever stands in it.
func FuzzDeviceFiles(f *testing.F) {
	for _, layout := range []Layout{ChirpStack, TheThings} {
		for name, file := range good(layout, nil) {
			if !strings.HasSuffix(name, ".js") {
				f.Add(layout == ChirpStack, name, file.Data)
			}
		}
	}
	f.Add(false, "vendor/v/d.yaml", []byte("a: &a [*a]\nfirmwareVersions: *a\n? [1]\n: 2\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, chirpStack bool, name string, data []byte) {
		layout := TheThings
		if chirpStack {
			layout = ChirpStack
		}
		checkout := good(layout, nil)
		if checkout[name] == nil || strings.HasSuffix(name, ".js") {
			return
		}
		checkout[name].Data = data
		r := newReader(checkout, layout, options)
		if chirpStack {
			r.chirpStack(t.Context())
		} else {
			r.theThings(t.Context())
		}
		for _, fault := range r.report.Faults {
			if strings.Contains(fault.Error(), "cannot be read:") {
				t.Logf("a panic was caught: %v", fault) // kept with -v
			}
		}
		var out strings.Builder
		if err := r.report.Print(&out); err != nil || strings.ContainsAny(out.String(), "\x1b\x00") {
			t.Errorf("report %q (%v)", out.String(), err)
		}
	})
}

// TestPanics proves that what a parser panics with is caught.
func TestPanics(t *testing.T) {
	err := guarded(func() error { panic("index out of range") })
	if err == nil || err.Error() != "cannot be read: index out of range" {
		t.Errorf("error %v", err)
	}
}
