package influx_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
	"modellregion/uplink"
)

func TestWhoIsSilent(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		now := time.Now().UTC()
		device := func(id string, at time.Time, silent bool, station string) devices.SenderState {
			return devices.SenderState{
				Time: at, Sender: devices.SenderDevice, ID: id, Edge: "e", Domain: uplink.Energy, Station: station, Municipality: "stadt",
				Silent: silent, LastHeard: now.Add(-time.Hour).Truncate(time.Millisecond), Interval: 15 * time.Minute,
			}
		}
		gateway := devices.SenderState{Time: now, Sender: devices.SenderGateway, ID: "a", Edge: "e", Silent: true, Interval: 30 * time.Second}
		edge := devices.SenderState{Time: now, Sender: devices.SenderEdge, ID: "a", Silent: true, Interval: time.Minute}
		moved := device("d", now.Add(-time.Second), true, "new")
		for range 2 {
			if err := c.Note(t.Context(), []devices.SenderState{
				gateway, edge,
				device("a", now, true, "s"),
				device("b", now.Add(-time.Minute), true, "s"), device("b", now.Add(-time.Second), false, "s"),
				device("c", now.Add(-time.Minute), true, "old"), device("c", now, false, "new"), // moved, and speaks
				device("d", now.Add(-time.Minute), false, "old"), moved,
			}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.SilentNow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b devices.SenderState) int {
			return strings.Compare(string(a.Sender)+a.ID, string(b.Sender)+b.ID)
		})
		if diff := cmp.Diff([]devices.SenderState{device("a", now, true, "s"), moved, edge, gateway}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLastHeard(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		c := s.client(t)
		old, late := window0.Add(-40*time.Hour), window0.Add(7*time.Millisecond)
		at := func(device byte, at time.Time, gateways ...byte) devices.Report {
			r := report(t, device, at, map[string]float64{"frequency": 50})
			r.RX = nil
			for _, g := range gateways {
				r.RX = append(r.RX, uplink.Reception{Gateway: uplink.EUI{g}, RSSIdBm: -90})
			}
			return r
		}
		if err := c.Write(t.Context(), []devices.Report{
			at(1, old, 1), at(1, window0, 1, 2), at(1, late, 2),
			at(2, old, 1),
			at(3, window0, 1),
			at(4, window0, 1),
		}); err != nil {
			t.Fatal(err)
		}
		var list []uplink.EUI
		for i := range 250 { // more than one query asks for
			list = append(list, uplink.EUI{7: byte(i), 6: byte(i >> 8), 5: 1})
		}
		list = append(list, uplink.EUI{1}, uplink.EUI{2}, uplink.EUI{3})
		got, err := c.LastHeard(t.Context(), list, old)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[uplink.EUI]time.Time{{1}: late, {3}: window0}, got); diff != "" {
			t.Error(diff)
		}
		ever := map[uplink.EUI]time.Time{{1}: late, {2}: old, {3}: window0}
		if got, err := c.LastHeard(t.Context(), list, time.Time{}); err != nil || cmp.Diff(ever, got) != "" {
			t.Errorf("ever heard: %v (%v), want %v", got, err, ever)
		}
		if got, err := c.LastHeard(t.Context(), nil, old); err != nil || len(got) != 0 {
			t.Errorf("of no devices %v (%v)", got, err)
		}
	})
}
