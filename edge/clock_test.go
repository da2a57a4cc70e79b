package edge

import (
	"testing"
	"time"

	"modellregion/uplink"
)

// hostClock is a clock whose hands a test moves.
type hostClock struct {
	wall  time.Time
	since time.Duration // the boot
	sync  bool
}

func (h *hostClock) clock(wantSync bool) *clock {
	c := &clock{now: func() time.Time { return h.wall }, sinceBoot: func() time.Duration { return h.since }, boot: "b1", earliest: firstUse}
	if wantSync {
		c.synced = func() bool { return h.sync }
	}
	return c
}

// pass lets time go by.
func (h *hostClock) pass(d time.Duration) {
	h.wall, h.since = h.wall.Add(d), h.since+d
}

func TestFrameTime(t *testing.T) {
	right := time.Date(2026, 11, 23, 10, 0, 0, 123_456_789, time.UTC)
	for _, c := range []struct {
		name     string
		gps      time.Time
		host     time.Time
		wantSync bool
		sync     bool
		want     time.Time // zero: not known
		quality  uplink.TimeQuality
	}{
		{name: "GPS", gps: right.Add(-time.Second), host: right, want: right.Add(-time.Second), quality: uplink.TimeGPS},
		{name: "GPS, host of 1970", gps: right, host: time.Unix(60, 0), want: right, quality: uplink.TimeGPS},
		{name: "GPS of 1980", gps: time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC), host: right, want: right, quality: uplink.TimeHost},
		{name: "GPS of before the program", gps: firstUse.Add(-time.Second), host: right, want: right, quality: uplink.TimeHost},
		{name: "GPS of the year 2200", gps: right.AddDate(174, 0, 0), host: right, want: right, quality: uplink.TimeHost},
		{name: "host", host: right, want: right, quality: uplink.TimeHost},
		{name: "host of 1970", host: time.Unix(60, 0)},
		{name: "host of before the program", host: firstUse.Add(-time.Minute)},
		{name: "host of the year 2200", host: right.AddDate(174, 0, 0)},
		{name: "host in step", host: right, wantSync: true, sync: true, want: right, quality: uplink.TimeHost},
		{name: "host not in step", host: right, wantSync: true},
		{name: "GPS, host not in step", gps: right, host: right, wantSync: true, want: right, quality: uplink.TimeGPS},
	} {
		h := &hostClock{wall: c.host, since: time.Hour, sync: c.sync}
		clock := h.clock(c.wantSync)
		heard := h.wall
		h.pass(300 * time.Millisecond) // in the deduplication window
		got, quality, offset, known := clock.frameTime(c.gps, heard)
		if known != !c.want.IsZero() {
			t.Errorf("%s: known %v", c.name, known)
			continue
		}
		if !known {
			if offset != time.Hour {
				t.Errorf("%s: %v after the boot, want 1h", c.name, offset)
			}
			continue
		}
		if !got.Equal(c.want.Truncate(time.Millisecond)) || quality != c.quality {
			t.Errorf("%s: %v (%s), want %v (%s)", c.name, got, quality, c.want, c.quality)
		}
	}
}

// A frame is heard while the clock stands at 1970, and dated when it is set.
func TestTimeSinceBoot(t *testing.T) {
	h := &hostClock{wall: time.Unix(0, 0), since: 20 * time.Second}
	c := h.clock(false)
	_, _, offset, known := c.frameTime(time.Time{}, h.wall)
	if known || c.trusted() || !c.stamp().IsZero() {
		t.Fatal("a clock of 1970 is believed")
	}
	h.pass(3 * time.Hour)
	right := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	h.wall = right // a time server has been reached
	if got, want := c.at(offset), right.Add(-3*time.Hour); !got.Equal(want) {
		t.Errorf("dated %v, want %v", got, want)
	}
	if !c.trusted() || !c.stamp().Equal(right) {
		t.Error("a clock that is set is not believed")
	}
}

func TestHostClock(t *testing.T) {
	c, err := newClock(true)
	if err != nil {
		t.Fatal(err)
	}
	first := c.sinceBoot()
	if first <= 0 || len(c.boot) != 36 || c.earliest.Before(firstUse) {
		t.Errorf("%v since boot %q, nothing before %v", first, c.boot, c.earliest)
	}
	c.synced() // whatever it says, it can be asked
	if again := c.sinceBoot(); again < first {
		t.Errorf("time since the boot runs backwards: %v, then %v", first, again)
	}
}
