package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"modellregion/bench/measure"
	"modellregion/uplink"
)

// TestMain lets the test program be the processes that a test starts.
func TestMain(m *testing.M) {
	if measure.Role(os.Args) == "" {
		os.Exit(m.Run())
	}
	if err := run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestDrain makes one small run: the figures mean nothing, but every point
// must be in the database.
func TestDrain(t *testing.T) {
	rows := map[string]float64{}
	s := settings{uplinks: 503, devices: 10, dir: t.TempDir()}
	if err := drain(t.Context(), s, 16, func(row string, v float64) { rows[row] = v }); err != nil {
		t.Fatal(err)
	}
	if rows["uplinks/s"] <= 0 || rows["ingest: most resident, MB"] <= 0 {
		t.Errorf("measured %v", rows)
	}
}

var testTime = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// TestPayloads: every uplink once, in messages that the contract allows, each
// by the edge that serves the device.
func TestPayloads(t *testing.T) {
	s := settings{uplinks: 5000, devices: 30, seed: 1}
	known := newDirectory(s.devices)
	total := 0
	for e, messages := range payloads(s, uplink.MaxUplinks, testTime) {
		next := uint64(1)
		for _, m := range messages {
			b, refused, err := uplink.DecodeBatch(m.data)
			if err != nil || len(refused) > 0 || len(b.Uplinks) != m.uplinks {
				t.Fatalf("%d of %d uplinks can be read, %d are refused: %v", len(b.Uplinks), m.uplinks, len(refused), err)
			}
			for _, u := range b.Uplinks {
				if u.Seq != next {
					t.Fatalf("edge %d sends uplink %d, want %d", e, u.Seq, next)
				}
				next++
				if d, ok := known.Device(u.DevEUI); !ok || d.Edge != edgeName(e) {
					t.Fatalf("edge %d sends uplink of %s, which it does not serve", e, u.DevEUI)
				}
				if u.Time.After(testTime) || len(u.Readings) != readingsPerUplink {
					t.Fatalf("uplink is of %s with %d readings", u.Time, len(u.Readings))
				}
			}
			total += m.uplinks
		}
	}
	if total != s.uplinks {
		t.Errorf("%d uplinks, want %d", total, s.uplinks)
	}
}
