package main

import (
	"os"
	"strings"
	"testing"

	"modellregion/bench/measure"
)

// TestMain lets the test program be the processes that a test starts.
func TestMain(m *testing.M) { os.Exit(measure.TestMain(m, run)) }

// TestMeasures makes small runs: the figures mean nothing, but every window
// must be in the database, which the commands check.
func TestMeasures(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"step --devices=30 --windows=2", "| step, s "},
		{"rebuild --devices=5 --days=2 --no-files", "| readings/s "},
		{"--help", "step "},
	} {
		t.Run(strings.Fields(c.args)[0], func(t *testing.T) {
			var out strings.Builder
			args := append([]string{"opendata"}, strings.Fields(c.args)...)
			if err := run(t.Context(), args, strings.NewReader(""), &out, &out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("printed %s", &out)
			}
		})
	}
}
