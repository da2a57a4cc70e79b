package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"modellregion/bench/measure"
)

// TestMain lets the test program be the server that a test starts.
func TestMain(m *testing.M) { os.Exit(measure.TestMain(m, run)) }

// TestMeasureStranger makes one small run of each kind: the figures mean
// nothing, but the frames must have come through.
func TestMeasureStranger(t *testing.T) {
	s := settings{runs: 1, frames: 50, flood: 500, ports: 3, timed: 200 * time.Millisecond}
	var out strings.Builder
	if err := measureStranger(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| alone", "| flood from 1 ", "| flood from 3 ", "p99", "| frames sent ", " 10 ", "more than alone"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestSettings(t *testing.T) {
	for _, args := range []string{"-runs 0", "-flood 1000000", "-timed 0s", "operand"} {
		err := run(t.Context(), append([]string{"stranger"}, strings.Fields(args)...), nil, t.Output(), t.Output())
		if err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: got %v", args, err)
		}
	}
}
