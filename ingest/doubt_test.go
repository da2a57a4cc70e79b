package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

// step is a reading, and the mark it should get.
type step struct {
	after time.Duration // the one before
	value float64
	mark  devices.Mark
}

// alike are n readings of a value, and then one with a mark.
func alike(n int, every time.Duration, value float64, mark devices.Mark) []step {
	steps := slices.Repeat([]step{{every, value, ""}}, n)
	return append(steps, step{every, value, mark})
}

func TestDoubts(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, c := range []struct {
		name, quantity string
		steps          []step
	}{
		// surface_temperature: 3 K in a minute, 6 h still, -50 to 90.
		{"first", "surface_temperature", []step{{0, 40, ""}}},
		{"jump", "surface_temperature", []step{{0, 10, ""}, {m, 13.1, devices.MarkJump}}},
		{"jump down", "surface_temperature", []step{{0, 10, ""}, {m, 6.9, devices.MarkJump}}},
		{"at its fastest", "surface_temperature", []step{{0, 10, ""}, {m, 13, ""}, {2 * m, 7, ""}}},
		{"as if a minute had passed", "surface_temperature", []step{{0, 10, ""}, {5 * time.Second, 13, ""}, {5 * time.Second, 16.1, devices.MarkJump}}},
		{"ten minutes at the most", "surface_temperature", []step{{0, 0, ""}, {10 * m, 30, ""}, {24 * h, 0, ""}, {24 * h, 30.1, devices.MarkJump}}},
		{"as new after a jump", "surface_temperature", []step{{0, 10, ""}, {m, 40, devices.MarkJump}, {m, 40, ""}, {m, 10, devices.MarkJump}}},
		{"late", "surface_temperature", []step{{0, 10, ""}, {-10 * m, 60, ""}, {11 * m, 11, ""}}},
		{"sent again", "surface_temperature", []step{{0, 10, ""}, {0, 60, ""}, {m, 11, ""}}},
		{"no such limit", "voltage", []step{{0, 230, ""}, {m, 0, ""}, {m, 900, ""}}},
		{"a count", "vehicle_count", []step{{0, 0, ""}, {m, 90_000, ""}, {m, 0, ""}}},

		{"stuck", "surface_temperature", alike(12, h, 10, devices.MarkStuck)},
		{"stuck, and on", "surface_temperature", append(alike(12, h, 10, devices.MarkStuck), step{h, 10, devices.MarkStuck}, step{h, 11, ""}, step{h, 11, ""})},
		{"just not stuck", "surface_temperature", alike(12, h/2-time.Second, 10, "")},
		{"just stuck", "surface_temperature", alike(12, h/2, 10, devices.MarkStuck)},
		{"still, but few", "surface_temperature", alike(11, 24*h, 10, "")},
		{"many, but not still for long", "surface_temperature", alike(300, m, 10, "")},
		{"still at its least", "relative_humidity", alike(40, h, 0, "")},
		{"still at its most", "relative_humidity", alike(40, h, 100, "")},
		{"still near its most", "relative_humidity", alike(12, h, 99.9, devices.MarkStuck)},
		{"moves a little", "surface_temperature", slices.Repeat([]step{{h, 10, ""}, {h, 10.01, ""}}, 20)},
		{"stuck when sent again", "surface_temperature", append(slices.Repeat([]step{{h, 10, ""}, {0, 10, ""}}, 12), step{h, 10, devices.MarkStuck})},
		{"may rest", "soil_temperature", alike(100, h, 10, "")},
		{"may rest, counts", "precipitation", alike(100, h, 0, "")},

		// energy_import: 50 MW.
		{"backwards", "energy_import", []step{{0, 1000, ""}, {m, 999, devices.MarkBackward}, {m, 1001, ""}}},
		{"meter stands", "energy_import", alike(100, 24*h, 1000, "")},
		{"meter, late", "energy_import", []step{{0, 1000, ""}, {-m, 900, ""}, {2 * m, 1001, ""}}},
		{"meter jumps", "energy_import", []step{{0, 0, ""}, {m, 50e6 / 60, ""}, {m, 2*50e6/60 + 1, devices.MarkJump}}},
		{"meter after a day", "energy_import", []step{{0, 0, ""}, {24 * h, 24 * 50e6, ""}, {time.Second, 24*50e6 + 50e6/3600 + 1, devices.MarkJump}}},
		{"meter without a limit", "pulse_count", []step{{0, 1e6, ""}, {m, 1e12, ""}, {m, 1e6, devices.MarkBackward}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := lookup(t, c.quantity)
			d := newDoubts(100)
			at := time.Unix(1_800_000_000, 0)
			last := 0.0 // of those in order
			newest := at
			for n, s := range c.steps {
				at = at.Add(s.after)
				u := &uplink.Uplink{DevEUI: known, Time: at}
				var want []devices.Doubt
				if s.mark != "" {
					want = []devices.Doubt{{Mark: s.mark, Quantity: q, Channel: "l1", Value: s.value, Previous: last}}
				}
				got := d.check(nil, u, []devices.Reading{{Quantity: q, Channel: "l1", Value: s.value}})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("reading %d of %v:\n%s", n, s.value, diff)
				}
				if n == 0 || at.After(newest) {
					last, newest = s.value, at
				}
			}
		})
	}
}

// Readings are compared with those of the same device, quantity and channel.
func TestDoubtsKeepSeriesApart(t *testing.T) {
	d := newDoubts(100)
	at := time.Unix(1_800_000_000, 0)
	air, surface := lookup(t, "air_temperature"), lookup(t, "surface_temperature")
	for n, c := range []struct {
		device   uplink.EUI
		readings []devices.Reading
	}{
		{uplink.EUI{1}, []devices.Reading{{Quantity: air, Value: 10}, {Quantity: air, Channel: "2m", Value: -10}}},
		{uplink.EUI{1}, []devices.Reading{{Quantity: surface, Value: 50}}},
		{uplink.EUI{2}, []devices.Reading{{Quantity: air, Value: 40}}},
		{uplink.EUI{1}, []devices.Reading{{Quantity: air, Channel: "2m", Value: -11}, {Quantity: air, Value: 11}}},
		{uplink.EUI{1}, []devices.Reading{{Quantity: surface, Value: 51}}},
	} {
		at = at.Add(time.Minute)
		if got := d.check(nil, &uplink.Uplink{DevEUI: c.device, Time: at}, c.readings); len(got) > 0 {
			t.Errorf("uplink %d: %+v", n, got)
		}
	}
	at = at.Add(time.Minute)
	got := d.check(nil, &uplink.Uplink{DevEUI: uplink.EUI{1}, Time: at, Lost: 3, TimeQuality: uplink.TimeBoot}, []devices.Reading{{Quantity: air, Channel: "2m", Value: 40}, {Quantity: air, Value: 12}})
	want := []devices.Doubt{
		{Mark: devices.MarkGap, Value: 3}, {Mark: devices.MarkClock, Value: 1},
		{Mark: devices.MarkJump, Quantity: air, Channel: "2m", Value: 40, Previous: -11},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What frames and clocks are doubted for.
func TestDoubtsOfAnUplink(t *testing.T) {
	for _, c := range []struct {
		lost    uint32
		quality uplink.TimeQuality
		want    []devices.Doubt
	}{
		{0, uplink.TimeGPS, nil},
		{0, uplink.TimeHost, nil},
		{0, "", nil},
		{7, uplink.TimeGPS, []devices.Doubt{{Mark: devices.MarkGap, Value: 7}}},
		{0, uplink.TimeBoot, []devices.Doubt{{Mark: devices.MarkClock, Value: 1}}},
		{1, uplink.TimeBoot, []devices.Doubt{{Mark: devices.MarkGap, Value: 1}, {Mark: devices.MarkClock, Value: 1}}},
	} {
		got := newDoubts(2).check(nil, &uplink.Uplink{DevEUI: known, Time: time.Unix(1_800_000_000, 0), Lost: c.lost, TimeQuality: c.quality}, nil)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%d lost, time %q:\n%s", c.lost, c.quality, diff)
		}
	}
}

// However many series there are, so many are remembered, and those that were
// used last are.
func TestDoubtsAreBounded(t *testing.T) {
	const size, recent = 8, 4
	q := lookup(t, "surface_temperature")
	for last := recent - 1; last < 200; last++ {
		d := newDoubts(size)
		at := time.Unix(1_800_000_000, 0)
		read := func(series int, value float64) []devices.Doubt {
			at = at.Add(time.Second)
			return d.check(nil, &uplink.Uplink{DevEUI: known, Time: at}, []devices.Reading{{Quantity: q, Channel: fmt.Sprint(series), Value: value}})
		}
		for n := range last + 1 {
			if got := read(n, 10); len(got) > 0 {
				t.Fatalf("series %d: %+v", n, got)
			}
			if all := len(d.younger) + len(d.older); all > size {
				t.Fatalf("%d series are remembered, want at most %d", all, size)
			}
		}
		if got := read(last-recent+1, 60); len(got) != 1 || got[0].Mark != devices.MarkJump {
			t.Fatalf("series %d when %d others were read since: %+v, want a jump", last-recent+1, recent-1, got)
		}
		if got := read(last-size, 60); last >= size && len(got) > 0 {
			t.Fatalf("a series that is forgotten is doubted: %+v", got)
		}
	}
}

// Of channels' names, too, so many are remembered.
func TestChannelsAreBounded(t *testing.T) {
	c := on(&platform{}).checker
	for n := range 3 * maxChannels {
		if name := fmt.Sprint("c", n); c.channel(name) != name {
			t.Fatalf("channel %s became %s", name, c.channel(name))
		}
		if len(c.channels) > maxChannels {
			t.Fatalf("%d channels are remembered", len(c.channels))
		}
	}
}
