package simulate

import (
	"testing"
	"time"
)

func collect(c *schedule, most int) (out []event) {
	for len(out) < most {
		e, ok := c.next()
		if !ok {
			break
		}
		out = append(out, e)
	}
	return out
}

func TestSchedule(t *testing.T) {
	sensors, _ := build(1, 40)
	const end = 3 * time.Hour
	all := collect(newSchedule(sensors, end, nil), 1e6)
	uplinks, repeats := 0, 0
	var expected int
	for _, s := range sensors {
		for n := uint32(0); s.uplinkAt(n) < end; n++ {
			expected++
		}
	}
	for i, e := range all {
		if i > 0 && e.compare(all[i-1]) <= 0 {
			t.Fatalf("%+v comes after %+v", e, all[i-1])
		}
		if e.at >= end {
			t.Fatalf("%+v is after the end", e)
		}
		if e.repeat {
			repeats++
			continue
		}
		uplinks++
	}
	if lost := float64(expected-uplinks) / float64(expected); lost < 0.01 || lost > 0.03 {
		t.Errorf("%.1f %% are lost, want 2", 100*lost)
	}
	if again := float64(repeats) / float64(uplinks); again < 0.005 || again > 0.02 {
		t.Errorf("%.1f %% are repeated, want 1", 100*again)
	}
	// Stopped after any uplink, it goes on with the next event.
	for i := range all {
		if all[i].repeat || i%31 != 0 {
			continue
		}
		rest := collect(newSchedule(sensors, end, &all[i]), 1e6)
		if len(rest) != len(all)-i-1 {
			t.Fatalf("after %+v: %d events, want %d", all[i], len(rest), len(all)-i-1)
		}
		for j := range rest {
			if rest[j] != all[i+1+j] {
				t.Fatalf("after %+v: event %d is %+v, want %+v", all[i], j, rest[j], all[i+1+j])
			}
		}
	}
	// Without an end it begins the same way.
	for i, e := range collect(newSchedule(sensors, 0, nil), 1000) {
		if e != all[i] {
			t.Fatalf("event %d without an end is %+v, want %+v", i, e, all[i])
		}
	}
}

func TestFate(t *testing.T) {
	sensors, _ := build(5, 1)
	two := 0
	for n := range uint32(10_000) {
		if sensors[0].fate(n).two {
			two++
		}
	}
	if two < 2_800 || two > 3_200 {
		t.Errorf("%d of 10000 are heard by two gateways, want 3000", two)
	}
}
