package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
)

func TestCompare(t *testing.T) {
	temperature, _ := devices.Lookup("air_temperature")
	battery, _ := devices.Lookup("battery_voltage")
	// Device 0 has sent three uplinks, the first of them confirmed.
	first := time.UnixMilli(1_764_000_000_000).UTC()
	for name, tc := range map[string]struct {
		change func(reports []devices.Report) []devices.Report
		want   Comparison
	}{
		"all of it": {func(r []devices.Report) []devices.Report { return r }, Comparison{Stored: 12}},
		"in another order, in parts": {func(r []devices.Report) []devices.Report {
			part := r[0]
			part.Readings, r[0].Readings = r[0].Readings[:1], r[0].Readings[1:]
			return []devices.Report{r[2], part, r[1], r[0]}
		}, Comparison{Stored: 12}},
		"nothing":              {func([]devices.Report) []devices.Report { return nil }, Comparison{Lost: 12, Betrayed: 4}},
		"an uplink is missing": {func(r []devices.Report) []devices.Report { return r[:2] }, Comparison{Stored: 8, Lost: 4}},
		"a reading is missing": {func(r []devices.Report) []devices.Report {
			r[0].Readings = r[0].Readings[1:]
			return r
		}, Comparison{Stored: 11, Lost: 1, Betrayed: 1}},
		"another value": {func(r []devices.Report) []devices.Report {
			r[1].Readings[2].Value += 0.1
			return r
		}, Comparison{Stored: 12, Wrong: 1}},
		"at another time": {func(r []devices.Report) []devices.Report {
			r[1].Time = r[1].Time.Add(time.Millisecond)
			return r
		}, Comparison{Stored: 12, Lost: 4, Foreign: 4}},
		"not at a whole millisecond": {func(r []devices.Report) []devices.Report {
			r[1].Time = r[1].Time.Add(time.Microsecond)
			return r
		}, Comparison{Stored: 12, Lost: 4, Foreign: 4}},
		"twice, at another time": {func(r []devices.Report) []devices.Report {
			twin := r[0]
			twin.Time = twin.Time.Add(time.Second)
			return append(r, twin)
		}, Comparison{Stored: 16, Foreign: 4}},
		"twice": {func(r []devices.Report) []devices.Report { return append(r, r[0]) }, Comparison{Stored: 16, Foreign: 4}},
		"of another sensor": {func(r []devices.Report) []devices.Report {
			return append(r, devices.Report{Time: first, Readings: []devices.Reading{
				{Quantity: battery, Value: 3}, {Quantity: temperature, Channel: "probe", Value: 3}, {Value: 3},
			}})
		}, Comparison{Stored: 15, Foreign: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := New(Config{URL: "tcp://127.0.0.1:1", Devices: 2, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			b := l.edges[0].book
			var reports []devices.Report
			for n := range uint64(3) {
				at := first.Add(time.Duration(n) * time.Minute)
				b.assign(at.UnixMilli())
				b.assign(at.UnixMilli()) // of the other device, all of which is lost
				b.sent += 2
				said := l.plan.sample(0, n, at.UnixMilli())
				r := devices.Report{Device: l.plan.eui(0), Time: at}
				for i, q := range quantities {
					known, _ := devices.Lookup(q.name)
					r.Readings = append(r.Readings, devices.Reading{Quantity: known, Value: said.value(i)})
				}
				reports = append(reports, r)
			}
			b.confirm(1)
			reports = tc.change(reports)
			c, err := l.Compare(t.Context(), func(_ context.Context, d devices.Device, span devices.Span) ([]devices.Report, error) {
				if d.EUI != l.plan.eui(0) || !span.Contains(first) {
					return nil, nil
				}
				return reports, nil
			})
			want := tc.want
			want.Uplinks, want.Sent, want.Lost = 6, 24, want.Lost+12
			if err != nil || c != want || c.Good() {
				t.Errorf("%+v, %v, want %+v", c, err, want)
			}
		})
	}
}

func TestCompareNamesTheDeviceThatCannotBeRead(t *testing.T) {
	l, err := New(Config{URL: "tcp://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Compare(t.Context(), func(context.Context, devices.Device, devices.Span) ([]devices.Report, error) {
		return nil, errors.New("broken")
	})
	if err == nil || !strings.Contains(err.Error(), l.plan.eui(0).String()+": broken") {
		t.Error(err)
	}
}
