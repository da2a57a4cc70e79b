package simulate

import (
	"errors"
	"testing"
	"time"

	"modellregion/devices"
)

func TestPast(t *testing.T) {
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	const sensors, hours = 20, 6
	known := map[string]devices.Device{}
	for _, d := range FleetDevices(1, sensors) {
		known[d.Station] = d
	}
	count, lost, last := map[string]int{}, 0, time.Time{}
	err := Past(1, sensors, devices.Span{Start: start, End: start.Add(hours * time.Hour)}, func(r devices.Report) error {
		d, ok := known[r.Station]
		if !ok || d.EUI != r.Device || d.Domain != r.Domain || d.Municipality != r.Municipality {
			t.Fatalf("report of %s, which is not as the registry knows it", r.Station)
		}
		if r.Time.Before(last) || r.Time.Before(start) || !r.Time.Before(start.Add(hours*time.Hour)) {
			t.Fatalf("report of %v after one of %v", r.Time, last)
		}
		if len(r.RX) == 0 || r.DR > 5 {
			t.Fatalf("receptions %v at data rate %d", r.RX, r.DR)
		}
		for _, v := range r.Readings {
			if !v.Quantity.Valid(v.Value) {
				t.Errorf("%s of %s is %v", v.Quantity.Name, r.Station, v.Value)
			}
		}
		count[r.Station]++
		lost += int(r.Lost)
		last = r.Time
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	heard := 0
	for station, d := range known {
		want := hours * 60
		switch d.Profile {
		case "virtual-air":
			want /= 10
		case "virtual-traffic":
		default:
			want /= 5
		}
		if n := count[station]; n > want || n < want*9/10 {
			t.Errorf("%d reports of %s, want up to %d and most of them", n, station, want)
		}
		heard += count[station]
	}
	if share := float64(lost) / float64(heard+lost); share < 0.01 || share > 0.03 {
		t.Errorf("%.3f of the frames are lost, want about 0.02", share)
	}
}

func TestPastEnds(t *testing.T) {
	enough := errors.New("enough")
	calls := 0
	span := devices.Span{Start: time.Unix(0, 0), End: time.Unix(3600, 0)}
	err := Past(1, 5, span, func(devices.Report) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%d calls and the error %v", calls, err)
	}
	if err := Past(1, 0, span, nil); err == nil {
		t.Error("a fleet of none is taken")
	}
}
