package edge

import (
	"fmt"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/uplink"
)

func TestSharing(t *testing.T) {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		perSec   float64
		ours     bool
		after    time.Duration // between two bursts of 200 frames
		one, two int           // allowed of each
	}{
		{"ours", 1, true, time.Minute, 60, 60},
		{"ours, soon again", 1, true, 10 * time.Second, 60, 10},
		{"strangers' leave half", 1, false, time.Minute, 30, 30},
		{"strangers', soon again", 1, false, 10 * time.Second, 30, 10},
		{"a slow link", 0.1, true, time.Minute, 60, 6},
		{"none", 0, true, time.Hour, 0, 0},
	} {
		s := sharing{perSecond: c.perSec}
		burst := func(at time.Time) (n int) {
			for range 200 {
				if s.allow(c.ours, at) {
					n++
				}
			}
			return n
		}
		if one, two := burst(start), burst(start.Add(c.after)); one != c.one || two != c.two {
			t.Errorf("%s: %d and %d frames, want %d and %d", c.name, one, two, c.one, c.two)
		}
	}
	// What strangers have used up does not keep out ours.
	s := sharing{perSecond: 1}
	for range 200 {
		s.allow(false, start)
	}
	if !s.allow(true, start) {
		t.Error("strangers have used up the share of our devices")
	}
}

func TestStrangersAreBounded(t *testing.T) {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	var s strangers
	for i := range 2 * maxStrangers {
		eui := lorawan.EUI64{1, byte(i >> 8), byte(i)}
		s.note(eui, fmt.Sprint(i), start.Add(time.Duration(i)*time.Second))
	}
	last := lorawan.EUI64{1, byte((2*maxStrangers - 1) >> 8), 0xff}
	s.note(last, "again", start.Add(time.Hour))
	list := s.list()
	if len(s.by) != maxStrangers || len(list) != uplink.MaxUnknownGateways {
		t.Errorf("%d kept and %d shown, want %d and %d", len(s.by), len(list), maxStrangers, uplink.MaxUnknownGateways)
	}
	if g := list[0]; g.Gateway != uplink.EUI(last) || g.Count != 2 || g.From != "again" {
		t.Errorf("first is %+v, want the one heard last", g)
	}
	for i := 1; i < len(list); i++ {
		if list[i].Time.After(list[i-1].Time) {
			t.Errorf("not in the order of time: %+v", list)
		}
	}
}
