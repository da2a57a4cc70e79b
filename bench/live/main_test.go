package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"modellregion/bench/measure"
)

// TestMain lets the test program be the processes that a test starts.
func TestMain(m *testing.M) { os.Exit(measure.TestMain(m, run)) }

// TestMeasureLive makes one small run of each kind: the figures mean nothing,
// but every listener must have got everything.
func TestMeasureLive(t *testing.T) {
	s := settings{runs: 1, listeners: 20, stations: 30, quiet: 3, bursts: 2, every: 10 * time.Millisecond}
	var out strings.Builder
	if err := measureLive(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| quiet ", "| burst ", "| one station ", "| missing ", "p99", "| 60 ", "| 1,200 ", "| 40 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| missing ") && strings.Count(line, " 0 ") != 3 {
			t.Error(line)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, args := range []string{"-runs 0", "-listeners 100000", "-every 0s", "operand"} {
		err := run(t.Context(), append([]string{"live"}, strings.Fields(args)...), nil, t.Output(), t.Output())
		if err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: got %v", args, err)
		}
	}
}
