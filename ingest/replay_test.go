package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

// letterOf is the dead letter of an uplink as it came from the edge.
func letterOf(reason string, change func(*uplink.Uplink)) devices.DeadLetter {
	u := good(7)
	change(&u)
	return devices.DeadLetter{Time: u.Time, Edge: "rathaus", Reason: reason, Topic: topicUp, Device: u.DevEUI.String(), Message: string(u.AppendJSON(nil))}
}

// undecoded takes from an uplink what a codec would have made of its payload.
func undecoded(port uint8, payload ...byte) func(*uplink.Uplink) {
	return func(u *uplink.Uplink) {
		u.FPort, u.Payload, u.Readings, u.Error = port, payload, nil, "no port 2"
	}
}

// Of each letter it is said whether it is stored now, at its own time, and if
// not why; none of them is in the way of another.
func TestReplay(t *testing.T) {
	battery := func(u *uplink.Uplink) { // as another network adds it
		u.Readings = []uplink.Reading{{Quantity: "battery_level", Value: 75}}
	}
	type readings = map[string]float64
	whole := readings{"vehicle_count lane1": 12, "speed_mean lane1": 47.2}
	var all []devices.DeadLetter
	var wants []readings
	for _, c := range []struct {
		name   string
		letter devices.DeadLetter
		want   readings // that are stored
		err    string
		buried string // reason of a letter of its own
	}{
		{"device that was unknown", letterOf(reasonDevice, func(*uplink.Uplink) {}), whole, "", ""},
		{"of another network, which has no seq", letterOf(reasonDevice, func(u *uplink.Uplink) { u.Seq = 0 }), whole, "", ""},
		{"codec that was mended", letterOf(reasonCodec, undecoded(2, 34)), readings{"vehicle_count": 34}, "", ""},
		{"that nobody has decoded", letterOf(reasonCodec, func(u *uplink.Uplink) { u.Payload, u.Readings = []byte{34}, nil }), readings{"vehicle_count": 34}, "", ""},
		{"codec that was mended, with health", letterOf(reasonCodec, func(u *uplink.Uplink) {
			undecoded(2, 34)(u)
			battery(u)
		}), readings{"vehicle_count": 34, "battery_level": 75}, "", ""},
		{"decoded long ago", letterOf(reasonDevice, func(u *uplink.Uplink) { u.Payload = []byte{34} }), whole, "", ""},
		{"codec that knows that there is nothing", letterOf(reasonCodec, undecoded(1, 34)), nil, "", ""},
		{"codec that is as before", letterOf(reasonCodec, undecoded(3, 34)), nil, "no port 3", ""},
		{"codec that is as before, with health", letterOf(reasonCodec, func(u *uplink.Uplink) {
			undecoded(3, 34)(u)
			battery(u)
		}), nil, "no port 3", ""},
		{"cut", devices.DeadLetter{Edge: "rathaus", Message: `{"seq":1`, Cut: true}, nil, "too long to be kept whole", ""},
		{"cut, and good by chance", func() devices.DeadLetter {
			l := letterOf(reasonDevice, func(*uplink.Uplink) {})
			l.Cut = true
			return l
		}(), nil, "too long to be kept whole", ""},
		{"garbage", devices.DeadLetter{Edge: "rathaus", Message: "\x00\xff"}, nil, "holds no uplink", ""},
		{"something else", devices.DeadLetter{Edge: "rathaus", Message: `{"hello":"world"}`}, nil, "no dev_eui", ""},
		{"unknown still", letterOf(reasonDevice, func(u *uplink.Uplink) { u.DevEUI = uplink.EUI{0xff} }), nil, "not in the registry", ""},
		{"unknown still, undecoded", letterOf(reasonDevice, func(u *uplink.Uplink) {
			undecoded(2, 34)(u)
			u.DevEUI = uplink.EUI{0xff}
		}), nil, "not in the registry", ""},
		{"disabled", letterOf(reasonDisabled, func(u *uplink.Uplink) { u.DevEUI = uplink.EUI{4} }), nil, "is disabled", ""},
		{"of another edge", letterOf(reasonEdge, func(u *uplink.Uplink) { u.DevEUI = uplink.EUI{2, 0} }), nil, "served by nachbar", ""},
		{"too old by now", letterOf(reasonDevice, func(u *uplink.Uplink) { u.Time = time.Now().AddDate(-1, 0, 0) }), nil, "is not between", ""},
		{"one impossible reading", letterOf(reasonDevice, func(u *uplink.Uplink) {
			u.Readings = append(u.Readings, uplink.Reading{Quantity: "voltage", Value: -1})
		}), whole, "", reasonRange},
		{"nothing but impossible readings", letterOf(reasonRange, func(u *uplink.Uplink) {
			u.Readings = []uplink.Reading{{Quantity: "voltage", Value: -1}, {Quantity: "voltage", Channel: "l2", Value: -1}}
		}), nil, "voltage of -1", ""},
		{"quantity that is known by now", letterOf(reasonQuantity, func(u *uplink.Uplink) {
			u.Readings, u.RX = []uplink.Reading{{Quantity: "voltage", Value: 230}}, nil
		}), readings{"voltage": 230}, "", ""},
	} {
		all, wants = append(all, c.letter), append(wants, c.want)
		t.Run(c.name, func(t *testing.T) {
			p := &platform{codec: counter, known: foreignDevices(1)}
			d := entry
			d.Disabled = true
			p.known[uplink.EUI{4}] = d
			outcome, err := on(p).Replay(t.Context(), []devices.DeadLetter{c.letter})
			if err != nil || len(outcome) != 1 {
				t.Fatal(outcome, err)
			}
			if got := outcome[0]; (got == nil) != (c.err == "") || got != nil && !strings.Contains(got.Error(), c.err) {
				t.Errorf("outcome %v, want %q", got, c.err)
			}
			var got readings
			for _, r := range p.reports {
				if got = stored(r); !r.Time.Equal(c.letter.Time) || r.Station != entry.Station || r.FCnt != 7 {
					t.Errorf("stored %+v", r)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(p.reports) > 1 {
				t.Errorf("%d reports\n%s", len(p.reports), diff)
			}
			if c.buried == "" && len(p.letters) > 0 || c.buried != "" && (len(p.letters) != 1 || p.letters[0].Reason != c.buried) {
				t.Errorf("new dead letters %+v, want one for %q", p.letters, c.buried)
			}
		})
	}

	t.Run("all together", func(t *testing.T) {
		p := &platform{codec: counter, known: foreignDevices(1)}
		outcome, err := on(p).Replay(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for k, want := range wants {
			if want == nil {
				continue
			}
			if outcome[k] != nil {
				t.Errorf("letter %d: %v", k, outcome[k])
			}
			if diff := cmp.Diff(want, stored(p.reports[n])); diff != "" {
				t.Errorf("letter %d:\n%s", k, diff)
			}
			n++
		}
		if n != len(p.reports) || len(p.letters) != 1 {
			t.Errorf("%d reports and %d dead letters, want %d and 1", len(p.reports), len(p.letters), n)
		}
	})
}

// stored are the readings of a report.
func stored(r devices.Report) map[string]float64 {
	out := map[string]float64{}
	for _, reading := range r.Readings {
		out[strings.TrimSpace(reading.Quantity.Name+" "+reading.Channel)] = reading.Value
	}
	return out
}

// What the database refuses is the outcome of its letter and of no other; any
// other fault is none of the letters'.
func TestReplayAndTheDatabase(t *testing.T) {
	const many = 2*replayAtOnce + 500
	var letters []devices.DeadLetter
	for n := range many {
		if n%3 == 0 { // without a report, so that numbers differ
			letters = append(letters, devices.DeadLetter{Message: "nothing"})
			continue
		}
		letters = append(letters, letterOf(reasonDevice, func(u *uplink.Uplink) { u.FCnt = uint32(n) }))
	}
	for _, c := range []struct {
		name    string
		fail    func(batch []devices.Report) error
		refused []int // numbers of letters
		fails   bool
	}{
		{"takes all", nil, nil, false},
		{"refuses some", func(batch []devices.Report) error {
			if holds(batch, 4, 5, 2495) {
				return errRefused
			}
			return nil
		}, []int{4, 5, 2495}, false},
		{"takes a few at a time", func(batch []devices.Report) error {
			if len(batch) > 100 {
				return errTooLarge
			}
			return nil
		}, nil, false},
		{"is away", func([]devices.Report) error { return errors.New("connection refused") }, nil, true},
		{"does not know us", func([]devices.Report) error { return errDenied }, nil, true},
		{"goes away while parts are refused", func(batch []devices.Report) error {
			if len(batch) > 500 {
				return errRefused
			}
			return errInternal
		}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			largest := 0
			p := &platform{fail: func(batch []devices.Report) error {
				if largest = max(largest, len(batch)); c.fail != nil {
					return c.fail(batch)
				}
				return nil
			}}
			outcome, err := on(p).Replay(t.Context(), letters)
			if c.fails {
				if err == nil || outcome != nil {
					t.Errorf("outcome %v and error %v, want an error alone", outcome, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			times := map[uint32]int{}
			for _, r := range p.reports {
				times[r.FCnt]++
			}
			for n, got := range outcome {
				refused := false
				for _, k := range c.refused {
					refused = refused || n == k
				}
				if fine := n%3 != 0 && !refused; (got == nil) != fine || (times[uint32(n)] == 1) != fine || refused && !errors.Is(got, errRefused) {
					t.Errorf("letter %d: %v, stored %d times", n, got, times[uint32(n)])
				}
			}
			if largest > replayAtOnce {
				t.Errorf("%d reports in one write", largest)
			}
		})
	}
}

// If the letters of wrong readings cannot be kept, nothing is known of any.
func TestReplayCannotBury(t *testing.T) {
	p := &platform{buryFail: errors.New("away")}
	letter := letterOf(reasonDevice, func(u *uplink.Uplink) {
		u.Readings = append(u.Readings, uplink.Reading{Quantity: "voltage", Value: -1})
	})
	outcome, err := on(p).Replay(t.Context(), []devices.DeadLetter{letter})
	if !errors.Is(err, p.buryFail) || outcome != nil || !strings.Contains(fmt.Sprint(err), "dead letters") {
		t.Errorf("outcome %v and error %v, want an error alone", outcome, err)
	}
}
