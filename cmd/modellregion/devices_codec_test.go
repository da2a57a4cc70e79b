//go:build !ingestonly

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// script is a profile with a codec that has something of everything to say.
const script = `id: muster-alles
name: Muster Alles
vendor: Muster GmbH
source: by hand
domain: environment
interval: 5m
codec:
  kind: javascript
  source: |
    function decodeUplink(input) {
      if (input.fPort === 9) return { errors: ['no port 9'] };
      return {
        data: { t: input.bytes[0] + Number(input.variables.offset || 0), wet: input.bytes[1], at: input.recvTime, esc: '\u001b[2J' },
        warnings: ['take care'],
      };
    }
  map:
    - {path: t, quantity: air_temperature}
    - {path: wet, quantity: surface_state, channel: a}
examples:
  - name: "by hand: one"
    port: 1
    hex: "1503"
    readings:
      - {quantity: air_temperature, value: 21}
      - {quantity: surface_state, channel: a, value: wet}
`

func scriptFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "muster-alles.yaml")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCodecTest(t *testing.T) {
	out, _, err := call(t, "devices", "codec", "test", scriptFile(t), "--port", "1", "--hex", "0x15 03", "--time", "2026-11-24T12:00:00Z", "--var", "offset=100")
	if err != nil {
		t.Fatal(err)
	}
	out = regexp.MustCompile(`(?m)^took .*$`).ReplaceAllString(out, "took")
	const want = `profile   muster-alles (javascript)
payload   port 1, 2 bytes, 1503
received  2026-11-24T12:00:00Z
took

The codec said:
  {
    "at": "2026-11-24T12:00:00.000Z",
    "esc": "\u001b[2J",
    "t": 121,
    "wet": 3
  }

QUANTITY         CHANNEL  VALUE  UNIT  NOTE
air_temperature           121    °C    not stored: outside -50 to 60
surface_state    a        3            wet

Warnings:
  take care

Fields that are no quantity yet (write a map for them):
  at
  esc
`
	if out != want {
		t.Errorf("printed\n%s\nwant\n%s", out, want)
	}
	for _, c := range []struct{ args, out, err string }{
		{"virtual-traffic --port 2 --hex 000a01020300040506070e10", "vehicle_count        lane1    10", ""},
		{"virtual-traffic --port 3 --hex 00", "port 3, 1 bytes, 00", "the codec of virtual-traffic: layout has no port 3"},
		{"virtual-trafic --port 3 --hex 00", "", `profile "virtual-trafic" is unknown: modellregion devices profiles list shows all`},
		{"virtual --port 3 --hex 00", "", "is it virtual-air, virtual-grid"},
		{"virtual-traffic --port 0 --hex 00", "", "--port 0: want 1 to 223"},
		{"virtual-traffic --port 2 --hex 0", "", `--hex "0": want an even number`},
		{"virtual-traffic --port 2 --hex " + strings.Repeat("00", 243), "", "--hex: 243 bytes, want at most 242"},
		{"virtual-traffic --port 2 --hex 00 --time gestern", "", `--time "gestern": want one like`},
		{"fehlt.yaml --port 2 --hex 00", "", "read profile: stat fehlt.yaml"},
		{". --port 2 --hex 00", "", `profile "." is unknown`},
		{"./ --port 2 --hex 00", "", "is no plain file"},
	} {
		out, _, err := call(t, append([]string{"devices", "codec", "test"}, strings.Fields(c.args)...)...)
		if !strings.Contains(out, c.out) || c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: printed\n%s\nand error %v, want %q and %q", c.args, out, err, c.out, c.err)
		}
	}
}

func TestCodecTestJSON(t *testing.T) {
	var got struct {
		Readings []struct {
			Quantity, Channel, Unit, Text string
			Value                         float64
			Valid                         bool
		}
		Warnings, Unmapped []string
		Fields             map[string]any
		Error              string
		TookUS             float64 `json:"took_us"`
	}
	file := scriptFile(t)
	out, _, err := call(t, "devices", "codec", "test", file, "--port", "1", "--hex", "1503", "--json")
	if err := errors.Join(err, json.Unmarshal([]byte(out), &got)); err != nil {
		t.Fatal(err)
	}
	if len(got.Readings) != 2 || got.Readings[1].Text != "wet" || !got.Readings[0].Valid || got.Readings[0].Unit != "Cel" ||
		len(got.Warnings) != 1 || len(got.Unmapped) != 2 || got.Fields["t"] != 21. || got.Error != "" || got.TookUS <= 0 {
		t.Errorf("printed %s", out)
	}
	out, _, err = call(t, "devices", "codec", "test", file, "--port", "9", "--hex", "1503", "--json")
	var code exitCode
	if !errors.As(err, &code) || code != 1 || !strings.Contains(out, `"error": "port 9: codec: no port 9"`) || !strings.Contains(out, `"readings": []`) {
		t.Errorf("printed %s and error %v", out, err)
	}
}

func TestCodecBench(t *testing.T) {
	file := scriptFile(t)
	for args, want := range map[string]string{
		file: "payloads  1, with 2.0 readings on average",
		"virtual-traffic --port 2 --hex 000a01020300040506070e10": "virtual-traffic (layout)",
		"milesight-em300-th": "decodes/s",
	} {
		out, _, err := call(t, append([]string{"devices", "codec", "bench", "--seconds", "0.01"}, strings.Fields(args)...)...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	out, _, err := call(t, "devices", "codec", "bench", file, "--seconds", "0.01", "--json")
	var m measurement
	if err := errors.Join(err, json.Unmarshal([]byte(out), &m)); err != nil || m.Decodes < 10 || m.PerSecond <= 0 || m.Micros <= 0 || m.Profile != "muster-alles" {
		t.Errorf("%v: %s", err, out)
	}
	for args, want := range map[string]string{
		"virtual-traffic --port 2":    "payload has 0 bytes",
		"virtual-traffic --seconds 0": "--seconds 0: want more than 0",
		file + " --port 9 --hex 00":   "no port 9",
		file + " --hex 00":            "--port 0: want 1 to 223",
	} {
		if _, _, err := call(t, append([]string{"devices", "codec", "bench"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
	}
}
