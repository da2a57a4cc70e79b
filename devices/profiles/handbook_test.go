package profiles_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/devices/profiles"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```\n((?:[^`#]*\n)?(?:\n*- Port [^\n]*)*)")
	portLine  = regexp.MustCompile("(?m)^- Port (\\d+), `([0-9a-f ]+)`: (.*)$")
	quoted    = regexp.MustCompile("`([^`]*)`")
)

// TestHandbook compiles and runs what the pages about layouts and codecs show,
// in both languages.
func TestHandbook(t *testing.T) {
	for _, pair := range [][2]string{
		{"handbuch/layout-schreiben.md", "handbook/write-a-layout.md"},
		{"handbuch/codec-schreiben.md", "handbook/write-a-codec.md"},
	} {
		var blocks [2][]string
		for i, page := range pair {
			data, err := os.ReadFile(filepath.Join("../../docs", page))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range yamlBlock.FindAllStringSubmatch(string(data), -1) {
				blocks[i] = append(blocks[i], m[1])
				checkBlock(t, page, m[1], m[2])
			}
			if len(blocks[i]) == 0 {
				t.Errorf("%s shows nothing", page)
			}
		}
		if diff := cmp.Diff(blocks[0], blocks[1]); diff != "" {
			t.Errorf("%s and %s show different things: %s", pair[0], pair[1], diff)
		}
	}
}

// checkBlock runs a profile with its examples, or a layout, and the lines
// below it.
func checkBlock(t *testing.T, page, text, below string) {
	t.Helper()
	c := devices.Codec{Kind: "layout", Source: text}
	if strings.HasPrefix(text, "id:") {
		p, err := profiles.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v\n%s", page, err, text)
			return
		}
		examples, err := profiles.ParseExamples([]byte(text))
		if err != nil || len(examples) == 0 {
			t.Errorf("%s: %d examples (%v)", page, len(examples), err)
		}
		failures, err := profiles.Check(p.Codec, examples)
		if len(failures) > 0 || err != nil {
			t.Errorf("%s: %v (%v)", page, failures, err)
		}
		c = p.Codec
	}
	d, err := codec.Compile(c)
	if err != nil {
		t.Errorf("%s: %v\n%s", page, err, text)
		return
	}
	defer d.Close()
	lines := portLine.FindAllStringSubmatch(below, -1)
	if len(lines) == 0 && c.Kind == "layout" {
		t.Errorf("%s: nothing is decoded below\n%s", page, text)
	}
	for _, line := range lines {
		checkLine(t, page, d, line[1], line[2], line[3])
	}
}

func checkLine(t *testing.T, page string, d codec.Decoder, port, digits, want string) {
	t.Helper()
	n, err := strconv.ParseUint(port, 10, 8)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	var out codec.Output
	err = d.Decode(&codec.Input{Port: uint8(n), Payload: payload}, &out)
	var expected, got []string
	for _, q := range quoted.FindAllStringSubmatch(want, -1) {
		expected = append(expected, q[1])
	}
	if strings.HasPrefix(want, "error ") || strings.HasPrefix(want, "Fehler ") {
		if err == nil || !strings.Contains(err.Error(), expected[0]) {
			t.Errorf("%s: port %s, %s: error %v, want %q", page, port, digits, err, expected[0])
		}
		return
	}
	for _, r := range out.Readings {
		got = append(got, strings.TrimSpace(r.Quantity.Name+" "+r.Channel)+" = "+strconv.FormatFloat(r.Value, 'f', -1, 64))
	}
	slices.Sort(expected)
	slices.Sort(got)
	if diff := cmp.Diff(expected, got); diff != "" || err != nil {
		t.Errorf("%s: port %s, %s: %v %s", page, port, digits, err, diff)
	}
}
