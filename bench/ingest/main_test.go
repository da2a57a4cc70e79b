package main

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"modellregion/bench/measure"
)

// TestMain lets the test program be the processes that a test starts.
func TestMain(m *testing.M) { os.Exit(measure.TestMain(m, run)) }

// TestTrials makes one small run of each column that needs nothing but
// Mosquitto: the figures mean nothing, but every uplink must be in the database
// once.
func TestTrials(t *testing.T) {
	if _, err := exec.LookPath("mosquitto"); err != nil {
		if _, err := exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("mosquitto is not installed")
			}
			t.Skip("mosquitto is not installed")
		}
	}
	s := settings{uplinks: 3000, devices: 40, known: 60, edges: 3, runs: 1, seed: 1, dir: t.TempDir(), only: regexp.MustCompile("")}
	b, err := newBench(t.Context(), s, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for _, c := range columns {
		if c.telegraf {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			rows := map[string]float64{}
			if err := b.trial(t.Context(), c, func(row string, v float64) { rows[row] = v }); err != nil {
				t.Fatal(err)
			}
			if rows["uplinks/s"] <= 0 || rows["lost"] != 0 || rows["twice"] != 0 {
				t.Errorf("measured %v", rows)
			}
		})
	}
}
