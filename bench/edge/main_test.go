package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"modellregion/bench/measure"
)

// TestMain lets the test program be the edge that a test starts.
func TestMain(m *testing.M) { os.Exit(measure.TestMain(m, run)) }

// TestMeasureEdges makes one small run of each kind: the figures mean nothing,
// but every frame must have come through.
func TestMeasureEdges(t *testing.T) {
	s := settings{frames: 301, devices: 20, runs: 1, rate: 100, timed: 200 * time.Millisecond, quiet: 100 * time.Millisecond, dir: t.TempDir()}
	var out strings.Builder
	if err := measureEdges(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 1 per datagram", "| 8 per datagram", "| 8 per datagram, JavaScript", "| 100 frames/s", "p99", "CPU, µs/frame"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestFleetIsFixedBySeed(t *testing.T) {
	datagrams := func(seed uint64) string {
		data, err := newFleet(seed, 3).datagrams(10, 4)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) != 3 {
			t.Errorf("10 frames, 4 in a datagram, are %d datagrams", len(data))
		}
		return fmt.Sprintf("%x", data)
	}
	first, again, other := datagrams(1), datagrams(1), datagrams(2)
	if first != again {
		t.Error("one seed makes different frames")
	}
	if first == other {
		t.Error("two seeds make the same frames")
	}
}
