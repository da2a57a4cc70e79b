package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMeasurePortal makes one small run: the figures mean nothing, but the page
// must show all stations and draw frames.
func TestMeasurePortal(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing")
	}
	var out strings.Builder
	if err := measurePortal(t.Context(), settings{runs: 1, stations: 100, steps: 20, within: time.Minute}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 100 stations", "| first paint, ms ", "| map drawn, ms ", "| town: frame p95, ms "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestSettings(t *testing.T) {
	for _, args := range []string{"-runs 0", "-stations 0", "-steps 1", "-within 0s", "operand"} {
		err := run(t.Context(), append([]string{"portal"}, strings.Fields(args)...), nil, t.Output(), t.Output())
		if err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: got %v", args, err)
		}
	}
}
